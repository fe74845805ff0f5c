"""Resources kept in files of the user's cache, read back by something that can make resources and nothing else."""

from __future__ import annotations

import io
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.files import PRIVATE, write_whole

KEPT = 8
"""Files of one pattern that are kept; the oldest go."""


class _Restricted(pickle.Unpickler):
    """Reads resources and their parts and nothing else: a forged cache cannot name any other class."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith("reconciler.") and "." not in name else None
        if not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a cache")
        return found


def ours(path: Path) -> bool:
    """Whether it is there and of this user."""
    try:
        return not hasattr(os, "getuid") or os.stat(path).st_uid == os.getuid()
    except OSError:
        return False


def loaded(data: bytes) -> Any:
    """What `dumped` made the bytes of; None for anything else."""
    try:
        return _Restricted(io.BytesIO(data)).load()
    except Exception:  # whatever is wrong with a cache, doing it again puts it right
        return None


def dumped(value: object) -> bytes:
    """Plain data and resources as bytes."""
    return pickle.dumps(value, protocol=5)


def read(path: Path) -> Any:
    """What the file holds, and it is used; None where it is not there, not ours or broken. Raises nothing."""
    with suppress(OSError):
        if ours(path):
            data = path.read_bytes()
            os.utime(path)
            return loaded(data)
    return None


def write(path: Path, value: object) -> list[Path]:
    """Write it at once or not at all; the files that had to go for it, of those named alike up to the first '-'."""
    gone: list[Path] = []
    with suppress(OSError):
        write_whole(path, dumped(value), mode=PRIVATE)
        alike = path.parent.glob(f"{path.name.partition('-')[0]}-*{path.suffix}")
        for old in sorted(alike, key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
            old.unlink()
            gone.append(old)
    return gone
