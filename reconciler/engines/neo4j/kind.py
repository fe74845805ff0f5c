"""A Neo4j kind: the general one plus how it is read from SHOW."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from reconciler.model.address import Address
from reconciler.model.catalog import Unmanaged
from reconciler.model.change import Change
from reconciler.model.engine import Server
from reconciler.model.kind import Context, Kind
from reconciler.model.resource import Resource
from reconciler.model.step import Draft

R = TypeVar("R", bound=Resource)
Row = Mapping[str, Any]
"""One row of SHOW CONSTRAINTS or SHOW INDEXES."""

OWN = "_reconcile_lock"
"""Name of the one constraint that is `reconcile`'s own."""
RESTORED = "_ReconcileRestored"
"""Label of a node that comes back from a snapshot, as long as its relationships do."""
OWN_LABELS = ("_ReconcileLock", "_ReconcileJournal", RESTORED)
"""Labels of the nodes that are `reconcile`'s own."""


class Reading(NamedTuple):
    """What rows are read with: whose target it is, and the options the server's configuration gives new indexes."""

    service: str
    settings: Mapping[str, Any]

    def address(self, kind: str, name: str) -> Address:
        """An address in the target that is read."""
        return Address(self.service, "neo4j", kind, (name,))


def supported(_resource: Any, _server: Server) -> None:
    """Every server can have it."""


def stays_done(_change: Change[Any], _context: Context) -> list[Draft]:
    """The drop of what is recorded, nothing: what was done stays done, and what ran, ran."""
    return []


def _as_declared(resource: R, _live: Resource | None, _server: Server, _settings: Mapping[str, Any]) -> R:
    return resource


@dataclass(frozen=True, kw_only=True)
class Neo4jKind(Kind[R], Generic[R]):
    """How a kind is read: from a SHOW command, or from records in the journal.

    - `show` lists all objects of the kind; `read` makes a resource of a row, or says why it is left alone.
    - `read` returns None for what is no object of the kind: a constraint's index.
    - `recorded` makes a resource of a record: its name and what it says. The graph shows no trace of such a kind.
    - `unsupported` says why a server cannot have a resource: (message, hint), or None.
    - `canonical` gives a declared resource as the server will show it; `live` is what stands at its address.
    """

    show: str = ""
    read: Callable[[Row, Reading], R | Unmanaged | None] | None = None
    recorded: Callable[[str, dict[str, Any], Reading], R] | None = None
    unsupported: Callable[[R, Server], tuple[str, str] | None]
    canonical: Callable[[R, Resource | None, Server, Mapping[str, Any]], R] = _as_declared
