"""300 constraints and 300 indexes: our apply beside the fastest order of plain statements, and the no-change plan.

    python -m benchmarks.neo4j_schema [N] [--rounds R] [--version V ...]

All labels are empty. The orders of plain statements, by the driver and without any check, journal or lock: each in a
transaction of its own, 50 in a transaction, all constraints and then all indexes in one. Every figure includes waiting
until the indexes are online. Rounds alternate, ratios are taken round by round; a first round warms up the server and
is not counted. What the no-change plan asks of the server is counted statement by statement.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import neo4j

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.engines.neo4j.connection import Connection
from reconciler.local import throwaway

VERSIONS = ("2026.09.0", "5.26.30")
OURS = "reconcile apply"


def statements(count: int) -> list[str]:
    """Constraints first, as we do it."""
    unique = [f"CREATE CONSTRAINT `c_{i:03}` FOR (n:`C{i:03}`) REQUIRE n.`id` IS UNIQUE" for i in range(count)]
    return unique + [f"CREATE RANGE INDEX `i_{i:03}` FOR (n:`I{i:03}`) ON (n.`name`)" for i in range(count)]


def declaration(count: int) -> str:
    """The same, declared."""
    constraints = "".join(f"    c_{i:03}: {{node: C{i:03}, unique: id}}\n" for i in range(count))
    indexes = "".join(f"    i_{i:03}: {{node: I{i:03}, range: name}}\n" for i in range(count))
    return f"service: graph\nneo4j:\n  constraints:\n{constraints}  indexes:\n{indexes}"


class Bench:
    """One server and a folder with the declaration."""

    def __init__(self, driver: neo4j.Driver, uri: str, folder: Path, count: int) -> None:
        self.driver, self.count, self.folder = driver, count, folder
        (folder / "schemas").mkdir()
        (folder / "schemas" / "graph.yaml").write_text(declaration(count))
        (folder / "reconcile.yaml").write_text(f'connections: {{"*": {{neo4j: {{uri: "{uri}"}}}}}}\n')

    def run(self, text: str) -> list[dict[str, Any]]:
        """A statement in a transaction of its own."""
        with self.driver.session() as session:
            return [dict(r) for r in session.run(text)]

    def reset(self) -> None:
        """An empty database, lookup indexes excepted."""
        names = [f"DROP CONSTRAINT `{r['name']}`" for r in self.run("SHOW CONSTRAINTS YIELD name")]
        self._together(names)
        indexes = self.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'")
        self._together([f"DROP INDEX `{r['name']}`" for r in indexes])
        self.run("MATCH (n) DETACH DELETE n")

    def _together(self, texts: list[str]) -> None:
        with self.driver.session() as session, session.begin_transaction() as transaction:
            for text in texts:
                transaction.run(text).consume()
            transaction.commit()

    def plain(self, size: int) -> float:
        """Seconds for all statements, so many in a transaction."""
        texts = statements(self.count)
        begin = time.perf_counter()
        for half in (texts[: self.count], texts[self.count :]):
            for first in range(0, self.count, size):
                self._together(half[first : first + size])
        self.run("CALL db.awaitIndexes(120)")
        return time.perf_counter() - begin

    def ours(self) -> float:
        """Seconds of our apply, from connecting to the proof."""
        project = pipeline.load(Options(cwd=self.folder, environment="dev"), {})
        plan = pipeline.make_plan(project, stamped=True).plan
        begin = time.perf_counter()
        result = pipeline.apply_plan(project, plan)
        seconds = time.perf_counter() - begin
        assert result.outcome == "applied" and len(result.ran) == 2 * self.count
        return seconds

    def unchanged(self) -> tuple[float, list[str]]:
        """Seconds of the no-change plan, and what it asked."""
        asked: list[str] = []
        with _counted(asked.append):
            begin = time.perf_counter()
            plan = pipeline.make_plan(pipeline.load(Options(cwd=self.folder, environment="dev"), {})).plan
            seconds = time.perf_counter() - begin
        assert plan.empty
        return seconds, asked


@contextmanager
def _counted(tell: Callable[[str], None]) -> Iterator[None]:
    once = Connection._once

    def told(self: Connection, query: str, parameters: Any) -> Any:
        tell(" ".join(query.split())[:60])
        return once(self, query, parameters)

    with patch.object(Connection, "_once", told):
        yield


def report(version: str, count: int, rounds: int) -> None:
    """Measure one server and print its lines."""
    with ExitStack() as stack:
        server = stack.enter_context(throwaway("neo4j", version=version))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        driver = stack.enter_context(neo4j.GraphDatabase.driver(server.uri, notifications_min_severity="OFF"))
        bench = Bench(driver, server.uri, Path(folder), count)
        ways: dict[str, Callable[[], float]] = {
            "each in a transaction": lambda: bench.plain(1),
            "50 in a transaction": lambda: bench.plain(50),
            "all in one": lambda: bench.plain(count),
            OURS: bench.ours,
        }
        seen: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way, measure in ways.items():
                bench.reset()
                seconds = measure()
                if turn:
                    seen[way].append(seconds)
        times = [bench.unchanged() for _ in range(3)]
    print(f"Neo4j {version}: {count} constraints and {count} indexes, median of {rounds}")
    for way, found in seen.items():
        print(f"  {way:<24} {statistics.median(found):6.2f} s   ({', '.join(f'{s:.2f}' for s in found)})")
    best = [min(seen[w][i] for w in ways if w != OURS) for i in range(rounds)]
    ratio = statistics.median(ours / plain for ours, plain in zip(seen[OURS], best, strict=True))
    print(f"  apply / fastest order    {ratio:6.2f}     (goal: 1.30 at most)")
    shows = [q for q in times[-1][1] if "SHOW" in q]
    print(f"  no-change plan           {statistics.median(t for t, _ in times):6.2f} s   {len(shows)} SHOW calls")
    for query in times[-1][1]:
        print(f"      {query}")


def main() -> None:
    """Read the command line and report each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--version", action="append", choices=VERSIONS)
    given = parser.parse_args()
    for version in given.version or VERSIONS:
        report(version, given.count, given.rounds)


if __name__ == "__main__":
    main()
