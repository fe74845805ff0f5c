"""As which user a server runs that refuses to run as root, as PostgreSQL does."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

SUPERVISOR = Path(__file__).with_name("supervisor.py")
_NOBODY = 65534
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunAs:
    """`self`: as we are. `namespace`: still root's files, seen as `uid`. `user`: another user altogether."""

    mode: Literal["self", "namespace", "user"]
    uid: int = 0
    gid: int = 0


SELF = RunAs("self")


def ordinary() -> RunAs:
    """How to be an ordinary user here: ourselves unless we are root, else a user namespace, else `nobody`."""
    if not is_root():
        return SELF
    uid, gid = _an_ordinary_user()
    return RunAs("namespace" if namespaces_allowed() else "user", uid, gid)


def is_root() -> bool:
    """Whether this process runs as root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def others_may_enter(folder: Path) -> bool:
    """Whether a user with no rights of their own can reach this folder, as far as it exists already."""
    there = (part for part in (folder, *folder.parents) if part.exists())
    return all(part.stat().st_mode & stat.S_IXOTH for part in there)


@cache
def namespaces_allowed() -> bool:
    """Whether a user namespace can be made, found out by making one; containers often forbid it."""
    if not sys.platform.startswith("linux"):
        return False
    uid, gid = _an_ordinary_user()
    seen = [sys.executable, "-I", "-S", "-c", "import os; raise SystemExit(os.geteuid() == 0)"]
    argv = [sys.executable, "-I", "-S", str(SUPERVISOR), "enter", str(uid), str(gid), *seen]
    try:
        return subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _an_ordinary_user() -> tuple[int, int]:
    """`nobody`, or whoever has an entry: `initdb` wants to know the name of its user."""
    import pwd

    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    others = (entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    return next(((entry.pw_uid, entry.pw_gid) for entry in others), (_NOBODY, _NOBODY))
