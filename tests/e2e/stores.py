"""The three stores of these tests, seen through their own drivers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import neo4j
import psycopg

TABLES = (
    "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)


@dataclass
class Stores:
    """Where the servers listen."""

    postgres: str
    neo4j: str
    dynamodb: str
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1), init=False)

    @property
    def variables(self) -> dict[str, str]:
        """What makes them the stores of the environment `local`."""
        return {f"RECONCILE_{name.upper()}_URI": getattr(self, name) for name in ("postgres", "neo4j", "dynamodb")}

    def database(self) -> str:
        """A new, empty PostgreSQL database: its URL."""
        name = f"t{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """The URL of a PostgreSQL database."""
        return urlunsplit(urlsplit(self.postgres)._replace(path=f"/{database}"))

    def sql(self, statement: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        with psycopg.connect(url or self.postgres, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def cypher(self, statement: str) -> list[list[Any]]:
        """Run one statement; its rows."""
        with neo4j.GraphDatabase.driver(self.neo4j) as driver:
            return [r.values() for r in driver.execute_query(neo4j.Query(statement)).records]

    def aws(self, key: str = "local") -> Any:
        """A client; each access key has tables of its own."""
        return boto3.client(
            "dynamodb",
            endpoint_url=self.dynamodb,
            region_name="local",
            aws_access_key_id=key,
            aws_secret_access_key="local",
        )

    def empty_graph(self) -> None:
        """Drop all constraints and indexes of the graph."""
        for (name,) in self.cypher("SHOW CONSTRAINTS YIELD name"):
            self.cypher(f"DROP CONSTRAINT `{name}`")
        for (name,) in self.cypher("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
            self.cypher(f"DROP INDEX `{name}`")
        self.cypher("MATCH (n) DETACH DELETE n")

    def holds(self, url: str, key: str) -> list[str]:
        """Names of everything in the graph, in a database, and under an access key."""
        tables = [str(name) for (name,) in self.sql(TABLES, url)]
        graph = [
            str(name) for (name,) in self.cypher("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name")
        ]
        return tables + graph + list(self.aws(key).list_tables()["TableNames"])
