"""Taking away all that the targets of a development environment hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.apply.run import holder
from reconciler.apply.survey import opened
from reconciler.errors import Blocked, ConfigError
from reconciler.model.engine import Destroying, Session

if TYPE_CHECKING:
    from reconciler.config.project import Project


@dataclass(frozen=True, slots=True)
class Doomed:
    """One target: what it holds in words, or None where its engine knows no way to destroy it."""

    name: str
    label: str
    holds: str | None


def destroy(
    project: Project, services: Iterable[str], agreed: Callable[[list[Doomed]], None], progress: Callable[[str], None]
) -> list[Doomed]:
    """Look at the targets, ask `agreed`, which raises where nobody agrees, and destroy those that can be.

    Raises Blocked where the environment keeps what is removed (`removal: retain`), or where a target holds something of
    others; LockBusy; StoreError.
    """
    environment = project.environment
    if environment.policy.retain or environment.policy.production:
        raise Blocked(
            f"the environment {environment.name} keeps what is removed, so nothing of it is destroyed",
            hint="only where reconcile.yaml says 'removal: destroy', as 'local' and 'dev*' do by default",
        )
    targets = [project.connect(*name) for name in project.targets(services)]
    if not targets:
        raise ConfigError("there is no target to destroy", hint="name a service that is declared")
    together = frozenset(t.service for t in targets)

    def each(act: Callable[[Session], str | None]) -> list[Doomed]:
        found: list[Doomed] = []
        for target in targets:
            with opened(project.engines[target.engine], target) as session:
                found.append(Doomed(target.name, target.label, act(session)))
        return found

    def held(session: Session) -> str | None:
        return session.holdings(together) if isinstance(session, Destroying) else None

    def gone(session: Session) -> str | None:
        if not isinstance(session, Destroying):
            return None
        with session.exclusive(holder()):
            held = session.holdings(together)
            session.destroy(progress)
            return held

    agreed(each(held))
    return each(gone)
