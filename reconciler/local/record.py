"""`instance.json`: which server a store's folder has, so that the next run finds it, and which port it had."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.files import PRIVATE, write_whole
from reconciler.local import liveness
from reconciler.local.launch import mark

_FILE = "instance.json"


@dataclass(frozen=True, slots=True)
class Record:
    """The last server of the folder; `pid` is none after it was stopped."""

    version: str
    port: int
    pid: int | None = None
    create_time: float = 0.0


def read(home: Path) -> Record | None:
    """The record, or none when there is none or nothing of use in it."""
    try:
        document = json.loads((home / _FILE).read_text(encoding="utf-8"))
        pid = document["pid"]
        return Record(
            version=str(document["version"]),
            port=int(document["port"]),
            pid=None if pid is None else int(pid),
            create_time=float(document["create_time"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(home: Path, record: Record) -> None:
    """Replace the record."""
    write_whole(home / _FILE, (json.dumps(asdict(record)) + "\n").encode(), mode=PRIVATE)


def running(home: Path, version: str) -> Record | None:
    """The record of the live server of this folder.

    Without a usable record the processes are searched, so that a lost or damaged file does not lead to a second server
    on the same data; `version` is what such a find is taken for.
    """
    known = read(home)
    if known and known.pid and liveness.is_ours(known.pid, known.create_time, mark(home)):
        return known
    if not home.exists() or (known and known.pid is None):
        return None
    found = liveness.find(mark(home))
    if found is None:
        return None
    process, port = found
    return Record(known.version if known else version, port, process.pid, process.create_time())
