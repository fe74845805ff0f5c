"""The facts about each local store that need nothing installed: names, default versions, ports, how to stop it."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.errors import LocalStoreError
from reconciler.local import probes
from reconciler.local.probes import Probe

# Windows has no SIGQUIT, and ends a process the hard way whatever the signal.
_QUIT = getattr(signal, "SIGQUIT", signal.SIGTERM)
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Store:
    """One local store.

    `stop` ends a server whose data is kept, `drop` one whose data is deleted right after. `grace` is how many seconds
    `stop` may take before the process is killed. `port` is what the first `up` tries; below the ports that the
    operating system hands out on its own, so it is likely to be free on the next run as well. `answers` asks a server
    whether it is ready for its first query. `uri_variable` names a server to be used instead of a local one.
    """

    name: str
    version: str
    port: int
    address: str
    answers: Probe
    uri_variable: str
    stop: signal.Signals = signal.SIGTERM
    drop: signal.Signals = _KILL
    grace: float = 30.0
    notes: tuple[str, ...] = ()

    def uri(self, port: int, host: str = probes.LOOPBACK) -> str:
        """Where clients connect."""
        return self.address.format(host=host, port=port)


POSTGRES = Store(
    name="postgres",
    version="18",
    port=15432,
    address="postgresql://postgres@{host}:{port}/postgres",
    answers=probes.postgres,
    uri_variable="RECONCILE_POSTGRES_URI",
    stop=signal.SIGINT,
    drop=_QUIT,
)
NEO4J = Store(
    name="neo4j",
    version="2026.09.0",
    port=17687,
    address="bolt://{host}:{port}",
    answers=probes.bolt,
    uri_variable="RECONCILE_NEO4J_URI",
    notes=("Community edition: no existence, type or key constraints",),
)
DYNAMODB = Store(
    name="dynamodb",
    version="3.1.0",
    port=18000,
    address="http://{host}:{port}",
    answers=probes.http,
    uri_variable="RECONCILE_DYNAMODB_URI",
    notes=(
        "listens on all interfaces, not only on loopback: it has no option for that",
        "each pair of access key and region has its own tables",
    ),
)

STORES = {store.name: store for store in (POSTGRES, NEO4J, DYNAMODB)}
ALL = tuple(STORES)


def chosen(names: Iterable[str]) -> list[Store]:
    """The stores of these names, each once, in the order asked for; an unknown name is an error."""
    return [known(name) for name in dict.fromkeys(names)]


def known(name: str) -> Store:
    """The store of this name; an unknown name is an error."""
    try:
        return STORES[name]
    except KeyError:
        raise LocalStoreError(f"no local store is called {name!r}", hint=f"known stores: {', '.join(ALL)}") from None
