"""What the demo stands on: a project of its own, stores of its own, and commands that are shown as they run."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".reconcile" / "demo"
COMMAND = Path(sys.executable).parent / "reconcile"
KEPT = ("RECONCILE_CACHE_HOME", "RECONCILE_JARS", "RECONCILE_POSTGRES_BIN", "RECONCILE_NO_DOCKER")
"""Variables that only say where downloads are. All others of ours could lead to somebody's own stores."""


class Unexpected(Exception):
    """A command did not end, or answer, as the story says."""


class Stage:
    """A copy of the example platform in `.reconcile/demo`, made anew for each run."""

    def __init__(self) -> None:
        self.project = HOME / "project"
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.environ = _environ(self.colour)

    def __enter__(self) -> Stage:
        self._quietly("down", "--purge")
        shutil.rmtree(HOME, ignore_errors=True)
        self.project.mkdir(parents=True)
        shutil.copy(ROOT / "reconcile.yaml", self.project)
        shutil.copytree(ROOT / "schemas", self.project / "schemas")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._quietly("down", "--purge")

    def say(self, text: str) -> None:
        """A paragraph of the story."""
        print("\n" + self._paint("1;36", textwrap.fill(textwrap.dedent(text).strip(), 110)), flush=True)

    def act(self, text: str) -> None:
        """Something that somebody does without reconcile."""
        print("\n" + self._paint("33", text), flush=True)

    def reconcile(
        self, *arguments: str, code: int = 0, expect: Iterable[str] = (), head: int = 0, tail: int = 0
    ) -> None:
        """Run a command in the project and show it; of a long answer only `head` and `tail` lines.

        Raises Unexpected when it ends with another exit code or does not say what is expected.
        """
        print("\n" + self._paint("1", " ".join(["$ reconcile", *arguments])), flush=True)
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.project,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        lines = self._shown(process, head, tail)
        if code:
            print(self._paint("2", f"(exit code {process.returncode})"), flush=True)
        if process.returncode != code:
            raise Unexpected(f"`reconcile {arguments[0]}` ended with {process.returncode}, expected was {code}")
        text = "\n".join(lines)
        missing = [words for words in expect if words not in text]
        if missing:
            raise Unexpected(f"`reconcile {arguments[0]}` did not say {', '.join(map(repr, missing))}")

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Edit a declaration and show what changed. Raises Unexpected when the text to change is not there."""
        path = self.project / "schemas" / file
        before = after = path.read_text(encoding="utf-8")
        for old, new in changes:
            if after.count(old) != 1:
                raise Unexpected(f"schemas/{file} has {after.count(old)} times what the demo wants to change: {old!r}")
            after = after.replace(old, new)
        path.write_text(after, encoding="utf-8")
        print(f"\nschemas/{file}")
        for line in list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]:
            if not line.startswith("@@"):
                print("  " + self._paint("32" if line[0] == "+" else "31", f"{line[0]} {line[1:].strip()}"))
        sys.stdout.flush()

    def insert(self, file: str, below: str, lines: str) -> None:
        """Insert lines below others."""
        self.edit(file, (below, below + lines))

    def uri(self, store: str) -> str:
        """Where a store of the demo listens."""
        answer = self._quietly("status", store, "--json")
        stores: list[dict[str, Any]] = json.loads(answer)["stores"]
        return str(stores[0]["uri"])

    def _shown(self, process: subprocess.Popen[str], head: int, tail: int) -> list[str]:
        """Print what a process says while it says it; all lines of it."""
        lines: list[str] = []
        held: deque[str] = deque(maxlen=tail)
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if not head or len(lines) <= head:
                print(lines[-1], flush=True)
            else:
                held.append(lines[-1])
        process.wait()
        left_out = len(lines) - head - len(held)
        if head and left_out > 0:
            print(self._paint("2", f"        … {left_out} more lines …"))
        for line in held:
            print(line)
        sys.stdout.flush()
        return lines

    def _quietly(self, *arguments: str) -> str:
        done = subprocess.run([COMMAND, *arguments], cwd=ROOT, env=self.environ, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise Unexpected(f"`reconcile {' '.join(arguments)}` ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def _environ(colour: bool) -> dict[str, str]:
    found = {k: v for k, v in os.environ.items() if not k.startswith("RECONCILE_") or k in KEPT}
    found["RECONCILE_LOCAL_HOME"] = str(HOME / "stores")
    found["PYTHONUNBUFFERED"] = "1"
    if colour:
        found["FORCE_COLOR"] = "1"
    return found
