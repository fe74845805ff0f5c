"""A Neo4j server for tests: reset, spoken to directly, and brought to declarations through the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import neo4j
import yaml

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.desired.emit import dump
from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.kinds.lookup import Lookup, implied
from reconciler.engines.neo4j.render import quoted
from reconciler.engines.neo4j.session import Neo4jSession
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Scope, Target
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.results import ApplyResult, StepEvent
from tests.engines.neo4j.pure import lowered

SERVICE = "graph"


@dataclass
class Graph:
    """One database of a running server, and a folder of declarations about it."""

    uri: str
    driver: neo4j.Driver
    folder: Path
    prune: str = "all"
    events: list[StepEvent] = field(default_factory=list)
    events_as_text: list[str] = field(default_factory=list)

    def run(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Straight to the server, in a transaction of its own."""
        with self.driver.session() as session:
            return [dict(r) for r in session.run(query, parameters)]

    def reset(self) -> None:
        """Empty: no constraint, no index but the lookup ones, no node."""
        for row in self.run("SHOW CONSTRAINTS YIELD name"):
            self.run(f"DROP CONSTRAINT {quoted(row['name'])}")
        for row in self.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' OR NOT name STARTS WITH 'index_'"):
            self.run(f"DROP INDEX {quoted(row['name'])}")
        there = {r["e"] for r in self.run("SHOW INDEXES YIELD entityType AS e, type WHERE type = 'LOOKUP' RETURN e")}
        if "NODE" not in there:
            self.run("CREATE LOOKUP INDEX FOR (n) ON EACH labels(n)")
        if "RELATIONSHIP" not in there:
            self.run("CREATE LOOKUP INDEX FOR ()-[r]-() ON EACH type(r)")
        while self.run("MATCH (n) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS gone")[0]["gone"]:
            pass

    def target(self, **connection: str) -> Target:
        return Target(SERVICE, "neo4j", "dev", {"uri": self.uri, **connection}, self.uri)

    @contextmanager
    def session(self, **connection: str) -> Iterator[Neo4jSession]:
        with ENGINE.open(self.target(**connection)) as session:
            yield session

    def live(self, *ignore: str) -> Catalog:
        """What is live, but for the lookup indexes that every database has."""
        with self.session() as session:
            found = session.inspect(Scope(SERVICE, "dev", everything=True, ignore=ignore))
        kept = {a: r for a, r in found.resources.items() if not (isinstance(r, Lookup) and implied(r, found))}
        return found.with_resources(kept)

    def names(self) -> dict[str, str]:
        """Names of live constraints and indexes (lookup and constraints' own left out), with the type of each."""
        found = {r["name"]: r["type"] for r in self.run("SHOW CONSTRAINTS YIELD name, type")}
        indexes = self.run("SHOW INDEXES YIELD name, type, owningConstraint WHERE owningConstraint IS NULL")
        found |= {r["name"]: r["type"] for r in indexes if r["type"] != "LOOKUP"}
        return {name: kind for name, kind in found.items() if not name.startswith("_reconcile")}

    def declare(self, section: str | Mapping[str, Any]) -> None:
        schemas = self.folder / "schemas"
        schemas.mkdir(exist_ok=True)
        data = yaml.safe_load(dedent(section)) if isinstance(section, str) else section
        (schemas / "graph.yaml").write_text(dump({"service": SERVICE, "neo4j": data}))

    def project(self) -> Project:
        settings = f'environments: {{"dev*": {{prune: {self.prune}}}}}\n'
        settings += f'connections: {{"*": {{neo4j: {{uri: "{self.uri}"}}}}}}\n'
        (self.folder / "reconcile.yaml").write_text(settings)
        return pipeline.load(Options(cwd=self.folder, environment="dev"), {})

    def plan(self, section: str | Mapping[str, Any] | None = None) -> Plan:
        if section is not None:
            self.declare(section)
        return pipeline.make_plan(self.project(), stamped=True).plan

    def apply(self, plan: Plan, *allow: str, through: Phase | None = None) -> ApplyResult:
        allowed = allow or ("*",)
        return pipeline.apply_plan(self.project(), plan, through=through, allow=allowed, listen=self.events.append)

    def become(self, section: str | Mapping[str, Any]) -> Plan:
        """Declare, plan, apply, and find that nothing is left to do. Gives the plan that was applied."""
        plan = self.plan(section)
        self.apply(plan)
        again = self.plan()
        assert again.empty and again.complete, [c.address for c in again.changes]
        return plan

    def lifted(self) -> Catalog:
        """What is live, written as a declaration, lowered again and canonical."""
        with self.session() as session:
            live = session.inspect(Scope(SERVICE, "dev", everything=True))
            return session.canonicalise(lowered(live), live)
