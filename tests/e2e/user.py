"""A user in a folder, with a shell: command lines run as processes of their own, the way they are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

COMMAND = Path(sys.executable).with_name("reconcile")
OURS = ("RECONCILE_", "POSTGRES_", "DB_", "NEO4J_", "AWS_", "PG")
"""How variables begin that lead to somebody's own stores."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process less those that could lead anywhere, and more."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS) or k == "RECONCILE_CACHE_HOME"}
    kept.pop("CI", None)  # or every plan is proven
    return {**kept, "NO_COLOR": "1", **more}


@dataclass(frozen=True)
class User:
    """Someone who sits in `folder`."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "", **variables: str) -> Ended:
        """Run `reconcile`; it has to end with this exit code."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=environment({**self.variables, **variables}),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=180,
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Ended(done.returncode, done.stdout, done.stderr)

    def write(self, path: str, text: str | bytes) -> None:
        """Write a file; text is dedented."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode())

    def read(self, path: str) -> str:
        """What a file says."""
        return (self.folder / path).read_text(encoding="utf-8")
