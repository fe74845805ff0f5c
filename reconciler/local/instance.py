"""What the local stores look like to their callers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["running", "starting", "stopped", "not fetched"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One running local store."""

    store: str
    version: str
    uri: str
    pid: int
    port: int
    reused: bool


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """One local store as `reconcile status` shows it, running or not.

    `starting` means that the process lives and does not answer yet. `not fetched` means that the first `up` will
    download the store. `uri`, `pid` and `port` are those of a live process.
    """

    store: str
    state: State
    version: str
    data: Path
    size: int
    uri: str | None = None
    pid: int | None = None
    port: int | None = None
    notes: tuple[str, ...] = ()
