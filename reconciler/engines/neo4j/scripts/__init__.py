"""Schemas that others wrote down: Cypher scripts, and the catalogs of neo4j-migrations. Read without a server."""

SUFFIXES = (".cypher", ".cql", ".cyp", ".xml")
"""Files that are read; `.xml` are catalogs of neo4j-migrations."""
