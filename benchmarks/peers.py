"""The no-change plan beside those of other tools, on the same database and desired state: CPU of client and server.

    python -m benchmarks.peers [N ...] [--rounds R]

The tools of `peers.txt` are installed in an environment of their own the first time. Each says the desired state in its
own way: migra compares with a second database, pyrseas reads the YAML that it wrote of the same one, alembic has the
models of `alembic_no_change`. None of them finds all that `reconcile` compares; what each says it found is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.postgres_plan import Cost, create, measured, median, pg_dump, reconcile, report
from reconciler.local import throwaway

HERE = Path(__file__).parent
HOME = HERE / "out" / "peers"
MIGRA_DIFFERS = 2
"""The exit code of migra for databases that differ."""


def installed() -> Path:
    """The environment of the peers; made when it is missing or `peers.txt` is newer."""
    stamp, wanted = HOME / "installed", HERE / "peers.txt"
    if not stamp.exists() or stamp.stat().st_mtime < wanted.stat().st_mtime:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
        install = [str(HOME / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)]
        subprocess.run(install, check=True)
        stamp.touch()
    return HOME / "bin"


@contextmanager
def second(url: str) -> Iterator[str]:
    """A copy of the database."""
    parts = urlsplit(url)
    name = parts.path[1:]
    with psycopg.connect(parts._replace(path="/template1").geturl(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE desired TEMPLATE "{name}"')
        try:
            yield parts._replace(path="/desired").geturl()
        finally:
            admin.execute("DROP DATABASE desired WITH (FORCE)")


def commands(url: str, count: int, folder: Path, desired: str, bin_: Path) -> dict[str, list[str]]:
    """What each tool runs; whatever it needs of the desired state is written before."""
    schemas, dumped = folder / "schemas", folder / "pyrseas.yaml"
    subprocess.run(reconcile("import", "--target", url, "-o", str(schemas)), check=True, stdout=subprocess.DEVNULL)
    parts = urlsplit(url)
    where = ["-H", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username)]
    yaml = [str(bin_ / "dbtoyaml"), *where, "-o", str(dumped), parts.path[1:]]
    found = {
        "reconcile": reconcile("plan", "--target", url, "--schemas", str(schemas)),
        "pg_dump -s": [pg_dump(), "-s", "-f", os.devnull, url],
        "migra": [str(bin_ / "migra"), "--unsafe", url, desired],
        "alembic": [str(bin_ / "python"), str(HERE / "alembic_no_change.py"), url, str(count)],
    }
    if subprocess.run(yaml, check=False, capture_output=True).returncode == 0:
        found["pyrseas"] = [str(bin_ / "yamltodb"), *where, parts.path[1:], str(dumped)]
    else:
        print("pyrseas cannot read this server")
    return found


def bench(count: int, rounds: int) -> None:
    """One size: all tools in turn, round by round."""
    bin_ = installed()
    with throwaway("postgres") as server, tempfile.TemporaryDirectory() as folder:
        environment = {"RECONCILE_CACHE_HOME": str(Path(folder, "cache"))}
        create(server.uri, count)
        with second(server.uri) as desired:
            tools = commands(server.uri, count, Path(folder), desired, bin_)
            working = {name: command for name, command in tools.items() if first(name, command, environment)}
            costs: dict[str, list[Cost]] = {name: [] for name in working}
            for _ in range(rounds):
                for name, command in working.items():
                    costs[name].append(measured(command, server.pid, environment))
    for name, found in costs.items():
        report(f"{count} tables, {name}", median(found))
        ratio = statistics.median(f.cpu / ours.cpu for f, ours in zip(found, costs["reconcile"], strict=True))
        print(f"{'':28} {ratio:.2f}x the CPU of reconcile", flush=True)


def first(name: str, command: list[str], environment: dict[str, str]) -> bool:
    """A first run fills caches and shows what the tool says; one that fails is left out."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    said = (done.stdout + done.stderr).strip().splitlines()
    print(f"{name}: {len(said)} lines, exit {done.returncode}{': ' + said[-1][:100] if said else ''}", flush=True)
    return done.returncode == 0 or (name == "migra" and done.returncode == MIGRA_DIFFERS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[1000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for number in arguments.counts:
        bench(number, arguments.rounds)
