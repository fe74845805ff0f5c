"""What it takes to run one server: its folder, its command, its environment, and how to end it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.errors import LocalStoreError
from reconciler.local.run_as import SELF, RunAs

_TAIL = 2000
# What a server is given of our environment: no credentials, and nothing that changes how it behaves.
_KEPT_VARIABLES = (
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "PATHEXT"),  # Windows starts nothing without them
)


@dataclass(frozen=True, slots=True)
class Options:
    """How the server is going to be used.

    `keep`: its data outlives it. `delay_transient` (DynamoDB only): a new index stays in CREATING for about 31 s and
    one that goes in DELETING for about 16 s, as happens in the cloud; tables are still created and deleted at once.
    """

    keep: bool
    delay_transient: bool = False


@dataclass(frozen=True, slots=True)
class Preparation:
    """A program that makes `scratch`, which becomes `result`; skipped where `result` already holds `marker`."""

    argv: tuple[str, ...]
    scratch: Path
    result: Path
    marker: str

    def request(self) -> dict[str, Any]:
        """The preparation as the supervisor wants it."""
        return {
            "argv": list(self.argv),
            "scratch": str(self.scratch),
            "result": str(self.result),
            "marker": self.marker,
        }


@dataclass(frozen=True, slots=True)
class Launch:
    """One server about to run. `delete` takes the whole folder away once it was stopped."""

    home: Path
    argv: tuple[str, ...]
    stop: signal.Signals
    grace: float
    preparations: tuple[Preparation, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    run_as: RunAs = SELF
    delete: bool = False

    def request(self) -> dict[str, Any]:
        """The launch as the supervisor wants it."""
        inherited = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return {
            "home": str(self.home),
            "log": str(log_of(self.home)),
            "argv": list(self.argv),
            "env": {**inherited, **self.env},
            "signal": int(self.stop),
            "grace": self.grace,
            "run_as": [self.run_as.mode, self.run_as.uid, self.run_as.gid],
            "delete": self.delete,
            "preparations": [preparation.request() for preparation in self.preparations],
        }


def log_of(home: Path) -> Path:
    """Where the server writes what it has to say; `server.log.1` is that of the run before."""
    return home / "server.log"


def rotate_log(home: Path) -> Path:
    """Begin a new log, so that its end is about this run."""
    log = log_of(home)
    if log.exists():
        os.replace(log, log.with_name("server.log.1"))
    return log


def mark(home: Path) -> str:
    """A text in the command of every server of this folder, by which it is found when no record of it is left."""
    return f"reconcile.local={home}:"


def marked(home: Path, port: int) -> str:
    """The mark together with the port, to be found with the server."""
    return f"{mark(home)}{port}"


def failure(message: str, home: Path) -> LocalStoreError:
    """An error that carries the end of the server's log."""
    log = log_of(home)
    try:
        tail = log.read_bytes()[-_TAIL:].decode(errors="replace").strip()
    except OSError:
        tail = ""
    return LocalStoreError(f"{message}; end of its log:\n{tail}" if tail else message, hint=f"log: {log}")
