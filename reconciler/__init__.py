"""Declarative, reviewable schema changes across PostgreSQL, DynamoDB and Neo4j."""

__version__ = "0.1.0"
