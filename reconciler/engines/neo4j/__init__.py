"""Neo4j 5.26 and later: constraints and indexes. Importing this imports no driver."""

from reconciler.engines.neo4j.engine import ENGINE

__all__ = ["ENGINE"]
