"""What was found equal before: the same declarations and the same rows, compared by the same code, are equal today.

A no-change plan of thousands of tables spends most of its time on making objects of rows and comparing them, for a
result that was known. The live store is read in full every time; only the comparison is spared.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Server


@dataclass(frozen=True, slots=True)
class Past:
    """The last comparison that found no difference: the roots of the declaration, a digest of all that was compared,
    and what is there undeclared.
    """

    roots: frozenset[str]
    digest: str
    unmanaged: tuple[Unmanaged, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The memory of one target, in the folder of the cache. `desired` has the digest of the cached declaration.

    What is in the folder is this user's own, as the cached declarations beside it are.
    """

    folder: Path
    desired: Catalog

    def past(self) -> Past | None:
        """The comparison that is remembered for these declarations."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            unmanaged = tuple(Unmanaged(self._address(*path), reason) for path, reason in said["unmanaged"])
            return Past(frozenset(said["roots"]), said["digest"], unmanaged)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remember(self, past: Past) -> None:
        """Keep it, if the folder can be written."""
        unmanaged = [((u.address.kind, *u.address.path), u.reason) for u in past.unmanaged]
        body = json.dumps({"roots": sorted(past.roots), "digest": past.digest, "unmanaged": unmanaged})
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            temporary.write_text(body, encoding="utf-8")
            temporary.replace(self._path)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.desired.digest}.equal.json"

    def _address(self, kind: str, *path: str) -> Address:
        return Address(self.desired.service, self.desired.engine, kind, path)


def compared_with(live: Catalog, server: Server, managed: frozenset[Address]) -> str:
    """A digest of everything that a comparison depends on beside the declarations; "" where the store tells none."""
    said = (live.digest, str(server), sorted(managed))
    return sha256(repr(said).encode()).hexdigest() if live.digest else ""
