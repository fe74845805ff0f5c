"""What was found equal before: the same declarations and the same rows, compared by the same code, are equal today.

A no-change plan of thousands of tables spends most of its time on making objects of rows and comparing them, for a
result that was known. Where the store can tell that nothing has changed (`apply.watch`), not even rows are
fetched; elsewhere the live store is read in full every time, and only the comparison is spared.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from reconciler.files import PRIVATE, write_whole
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Server


class Past(NamedTuple):
    """The last comparison that found no difference.

    - `roots`: those of the declaration.
    - `rows`: the digest of the live catalog; `compared` that of all that was compared.
    - `unmanaged`: what is there undeclared.
    - `stamp`: that of the store when it held these rows; "" where it told none (`apply.watch`).
    - `prints`: the fingerprints of what is live and what is declared; "" as long as nobody asked.
    """

    roots: frozenset[str]
    rows: str
    compared: str
    unmanaged: tuple[Unmanaged, ...]
    stamp: str = ""
    prints: tuple[str, str] = ("", "")


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
            unmanaged = tuple(Unmanaged(self._address(*path), reason) for path, reason in said.pop("unmanaged"))
            live, desired = said.pop("prints")
            return Past(**{**said, "roots": frozenset(said["roots"])}, unmanaged=unmanaged, prints=(live, desired))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remember(self, past: Past) -> None:
        """Keep it, if the folder can be written."""
        unmanaged = [((u.address.kind, *u.address.path), u.reason) for u in past.unmanaged]
        body = json.dumps({**past._asdict(), "roots": sorted(past.roots), "unmanaged": unmanaged})
        with suppress(OSError):
            write_whole(self._path, body.encode(), mode=PRIVATE)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.desired.digest}.equal.json"

    def _address(self, kind: str, *path: str) -> Address:
        return Address(self.desired.service, self.desired.engine, kind, path)


def compared_with(rows: str, server: Server, managed: frozenset[Address]) -> str:
    """A digest of everything that a comparison depends on beside the declarations; "" where the store tells none."""
    said = (rows, str(server), sorted(managed))
    return sha256(repr(said).encode()).hexdigest() if rows else ""
