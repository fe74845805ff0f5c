"""The project as loaded: environment, declarations, and the targets they make together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.config.adhoc import AdHocTarget
from reconciler.config.connections import Connections
from reconciler.config.environment import Environment
from reconciler.config.local_stores import local_target
from reconciler.errors import ConfigError
from reconciler.model.engine import Engine, Scope, ScratchServer, Target

if TYPE_CHECKING:
    from reconciler.apply.survey import Declared
    from reconciler.desired.documents import Document

SHARED_NAMESPACE = ("dynamodb",)
"""Engines in which one account holds the tables of many services, told apart by their names."""


@dataclass(frozen=True, slots=True)
class Project:
    """Everything known before a connection is made.

    `services` are in the order of `depends_on`; `declares` says which engines each of them has sections for, in the
    order of their names. `ad_hoc` is the one target of ad hoc mode, `proving` the server that was named to prove on.
    """

    environment: Environment
    schemas: Path
    documents: tuple[Document, ...]
    services: tuple[str, ...]
    declares: Mapping[str, tuple[str, ...]]
    engines: Mapping[str, Engine]
    connections: Connections = field(repr=False)
    ad_hoc: AdHocTarget | None = None
    proving: AdHocTarget | None = None
    start: bool = False
    cache: Path | None = None
    every: frozenset[str] = frozenset()
    """The names of all targets that the files declare, those of services that were not chosen included."""
    snapshots: Path = Path()
    """Where what steps take away is kept."""
    declared: dict[tuple[str, str], Declared] = field(default_factory=dict, repr=False, compare=False)
    """(service, engine) → what is lowered already."""
    _running: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def documents_of(self, service: str) -> tuple[Document, ...]:
        """The declaration files of one service, in order."""
        return tuple(d for d in self.documents if d.head.get("service") == service)

    def targets(self, services: Iterable[str] = ()) -> list[tuple[str, str]]:
        """(service, engine) of all targets, or of those of some services. Raises ConfigError for an unknown name."""
        wanted = frozenset(services)
        unknown = sorted(wanted - set(self.services))
        if unknown:
            raise ConfigError(
                f"no service is called {unknown[0]!r} in {self.schemas}",
                hint=f"declared there: {', '.join(self.services) or 'none'}",
            )
        return [(s, e) for s in self.services if not wanted or s in wanted for e in self.declares[s]]

    def connect(self, service: str, engine: str) -> Target:
        """Where a target is. Raises ConfigError for what is missing, naming variables and never values."""
        return replace(self._connected(service, engine), snapshots=str(self.snapshots))

    def _connected(self, service: str, engine: str) -> Target:
        if self.ad_hoc is not None:
            return self.ad_hoc.bound(service)
        if self.environment.name == "local":
            said = self.connections.configured(service, engine)
            if said is not None:
                return said
            environ = self.connections.environ
            return local_target(service, engine, environ, start=self.start, known=self._running)
        single = sum(engine in engines for engines in self.declares.values()) == 1
        return self.connections.target(service, engine, single=single)

    def scratch(self, target: Target) -> ScratchServer | None:
        """Where the plan of a target is to be proven: on the server that was named for that, else on the local one
        that holds the target; None for a server that has to be started."""
        if self.proving is not None and self.proving.engine == target.engine:
            return ScratchServer(self.proving.connection, self.proving.bound(target.service).label)
        configured = self.ad_hoc is not None or self.environment.name != "local"
        if configured or self.connections.configured(target.service, target.engine) is not None:
            return None
        return ScratchServer(target.connection, target.label)

    def scope(self, service: str, engine: str, roots: frozenset[str] = frozenset(), *, whole: bool = False) -> Scope:
        """What of a target is ours; `whole` takes in what nobody declared, as `import` does."""
        shared, environment = engine in SHARED_NAMESPACE, self.environment
        everything = (whole or self.ad_hoc is not None) and not shared
        naming = self.naming(service) if shared else "{table}"
        return Scope(service, environment.name, roots, everything, naming, environment.ignore)

    def naming(self, service: str) -> str:
        """The pattern of physical names, `{table}` still in it."""
        if self.ad_hoc is not None:
            return self.ad_hoc.naming
        pattern = self.environment.naming.replace("{service}", service)
        return pattern.replace("{environment}", self.environment.name)
