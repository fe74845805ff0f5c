"""Taking away all that the targets of a development environment hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.apply.run import holder
from reconciler.apply.survey import opened
from reconciler.errors import Blocked, ConfigError
from reconciler.model.engine import Destroying, Session, Target

if TYPE_CHECKING:
    from reconciler.config.project import Project


@dataclass(frozen=True, slots=True)
class Doomed:
    """One target: what it holds in words, or None where its engine knows no way to destroy it."""

    name: str
    label: str
    holds: str | None
    kept: str = ""
    """The snapshot of it, once it is destroyed."""


def destroy(
    project: Project,
    services: Iterable[str],
    agreed: Callable[[list[Doomed]], None],
    progress: Callable[[str], None],
    *,
    keep: bool = True,
) -> list[Doomed]:
    """Look at the targets, ask `agreed`, which raises where nobody agrees, and destroy those that can be; with a
    snapshot of each first, if `keep`.

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

    def held(target: Target, session: Session) -> Doomed:
        holds = session.holdings(together) if isinstance(session, Destroying) else None
        return Doomed(target.name, target.label, holds)

    def gone(target: Target, session: Session) -> Doomed:
        if not isinstance(session, Destroying):
            return Doomed(target.name, target.label, None)
        with session.exclusive(holder()):
            holds = session.holdings(together)
            return Doomed(target.name, target.label, holds, session.destroy(progress, keep=keep))

    def each(act: Callable[[Target, Session], Doomed]) -> list[Doomed]:
        found: list[Doomed] = []
        for target in targets:
            with opened(project.engines[target.engine], target) as session:
                found.append(act(target, session))
        return found

    agreed(each(held))
    return each(gone)


def revive(project: Project, file: Path, about: Mapping[str, str], progress: Callable[[str], None]) -> Doomed:
    """Make again what a snapshot holds of a target that was destroyed; `about` is what the file says of itself.

    Raises Blocked, ConfigError, LockBusy, StoreError.
    """
    names = {f"{s}/{e}": (s, e) for s, e in project.targets()}
    if about.get("target") not in names or about.get("environment") != project.environment.name:
        raise Blocked(
            f"the snapshot is of {about.get('target')} in {about.get('environment')}, which is no target of"
            f" {project.environment.name}",
            hint="name the environment with -e, and run this where the target is declared",
        )
    target = project.connect(*names[about["target"]])
    with opened(project.engines[target.engine], target) as session:
        if not isinstance(session, Destroying):
            raise Blocked(f"{target.engine} has no snapshots of whole targets")
        with session.exclusive(holder()):
            session.revive(str(file), progress)
        return Doomed(target.name, target.label, session.holdings(frozenset({target.service})), str(file))
