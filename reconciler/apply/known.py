"""What was found equal before: the same declarations and the same rows, compared by the same code, are equal today.

A no-change plan of thousands of tables spends most of its time on making objects of rows and comparing them, for a
result that was known. Where the store can make a digest of all its catalogs by itself, not even rows are fetched;
elsewhere, and whenever that digest is another one, the live store is read in full.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Scope, Server, Stamping

TRIES = 3
"""Stamps that may prove useless before no more are taken: in some databases the catalogs never rest."""


class Past(NamedTuple):
    """The last comparison that found no difference.

    - `roots`: those of the declaration.
    - `rows`: the digest of the live catalog; `compared` that of all that was compared.
    - `unmanaged`: what is there undeclared.
    - `stamp`: that of the store (`model.engine.Stamping`) when it held these rows; "" where it told none.
    - `misses`: how often since then it had another one.
    - `prints`: the fingerprints of what is live and what is declared; "" as long as nobody asked.
    """

    roots: frozenset[str]
    rows: str
    compared: str
    unmanaged: tuple[Unmanaged, ...]
    stamp: str = ""
    misses: int = 0
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
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            temporary.write_text(body, encoding="utf-8")
            temporary.replace(self._path)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.desired.digest}.equal.json"

    def _address(self, kind: str, *path: str) -> Address:
        return Address(self.desired.service, self.desired.engine, kind, path)


@dataclass(slots=True)
class Watch:
    """Whether a store stood still while it was looked at, so that its stamp is one of what was seen.

    `before` is the stamp at the beginning, where it was worth taking.
    """

    session: Stamping
    scope: Scope
    before: str = ""
    moment: str = field(init=False)

    def __post_init__(self) -> None:
        self.moment = self.session.moment()

    def stamp(self) -> str:
        """The stamp as it is now."""
        said = self.session.stamp()
        return sha256(f"{said} {self.scope}".encode()).hexdigest() if said else ""

    def steady(self) -> str:
        """The stamp, if it has been the same since the beginning; "" otherwise."""
        after = self.stamp()
        still = after == self.before or (self.moment and self.moment == self.session.moment())
        return after if still else ""


def compared_with(rows: str, server: Server, managed: frozenset[Address]) -> str:
    """A digest of everything that a comparison depends on beside the declarations; "" where the store tells none."""
    said = (rows, str(server), sorted(managed))
    return sha256(repr(said).encode()).hexdigest() if rows else ""
