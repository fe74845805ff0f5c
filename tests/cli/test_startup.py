"""Commands answer at once because they import no more than they use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DRIVERS = {"psycopg", "boto3", "botocore", "neo4j"}
HEAVY = DRIVERS | {"yaml", "ryaml", "jsonschema_rs", "reconciler.pipeline", "reconciler.model", "reconciler.errors"}


def modules(*arguments: str, cwd: Path) -> set[str]:
    """The modules that a command line leaves imported, tops and our own in full."""
    code = (
        "import json, sys\n"
        "from reconciler.cli.main import run\n"
        f"code = run({list(arguments)!r})\n"
        "print('\\n' + json.dumps([code, sorted(sys.modules)]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=True)
    exit_code, names = json.loads(ended.stdout.splitlines()[-1])
    assert exit_code == 0, ended.stderr
    return {*names}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], ["apply", "--help"]])
def test_help_imports_nothing_but_click(arguments: list[str], tmp_path: Path) -> None:
    assert not modules(*arguments, cwd=tmp_path) & HEAVY


def test_validate_imports_no_driver(tmp_path: Path) -> None:
    modules("init", cwd=tmp_path)
    imported = modules("validate", cwd=tmp_path)
    assert "reconciler.pipeline" in imported
    assert not imported & DRIVERS


def test_every_command_is_there_and_has_help(tmp_path: Path) -> None:
    from reconciler.cli.main import COMMANDS, cli

    context = cli.make_context("reconcile", ["--help"], resilient_parsing=True)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None and command.name == name and command.help
