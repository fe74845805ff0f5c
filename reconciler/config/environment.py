"""What holds in one environment: risk policy, gates, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from reconciler.config.file import ConfigFile
from reconciler.model.engine import Limits
from reconciler.model.kind import Policy
from reconciler.model.step import Phase

NAMING = "{service}-{table}-{environment}"
"""How DynamoDB tables are called unless an environment says otherwise."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment after its patterns in `reconcile.yaml` were merged over the defaults (DESIGN sections 5b, 6)."""

    policy: Policy
    stop_before: Phase | None = None
    allow: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    ignore: tuple[str, ...] = ()
    naming: str = NAMING

    @property
    def name(self) -> str:
        """`dev-1`."""
        return self.policy.environment


AD_HOC = Environment(Policy("adhoc", production=False, retain=False, prune="all"), naming="{table}")
"""Ad hoc mode: the whole target is ours, and one command goes through all phases."""


def environment(name: str, file: ConfigFile) -> Environment:
    """The environment of that name: all patterns that match, the later ones over the earlier ones."""
    said: dict[str, Any] = {}
    for pattern, settings in file.environments():
        if fnmatchcase(name, pattern):
            said |= settings
    return _made(name, said)


def _made(name: str, said: Mapping[str, Any]) -> Environment:
    careless = name == "local" or fnmatchcase(name, "dev*")
    stop = said.get("stop_before", None if careless else "contract")
    limits = Limits()
    return Environment(
        Policy(
            name,
            production=said.get("production", fnmatchcase(name, "prod*")),
            retain=said.get("removal", "destroy" if careless else "retain") == "retain",
            prune=said.get("prune", "managed"),
        ),
        stop_before=Phase[stop.upper()] if stop else None,
        allow=frozenset(said.get("allow", ())),
        limits=limits._replace(
            lock_timeout=float(said.get("lock_timeout", limits.lock_timeout)),
            wait_timeout=float(said.get("wait_timeout", limits.wait_timeout)),
        ),
        ignore=tuple(said.get("ignore", ())),
        naming=said.get("naming", NAMING),
    )
