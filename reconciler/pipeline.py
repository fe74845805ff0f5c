"""The whole story: load → lower ‖ inspect → canonicalise → diff → plan; plan → guard → run → verify.

Every command begins with `load`; what follows takes the project and gives a result of `reconciler.results`. Nothing
here imports a driver, and an engine is imported when something declares it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.config.options import Options
from reconciler.errors import ConfigError
from reconciler.model.step import Phase
from reconciler.results import (
    ApplyResult,
    DriftResult,
    ImportResult,
    Listener,
    PlanResult,
    UndoResult,
    ValidateResult,
    nobody,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.apply.destroy import Doomed
    from reconciler.apply.run import Request
    from reconciler.apply.scratch import Outcome
    from reconciler.apply.survey import Declared, Need, Seen
    from reconciler.apply.undo import Limit
    from reconciler.config.project import Project
    from reconciler.model.address import Address
    from reconciler.model.engine import Engine, Target
    from reconciler.model.plan import Plan

Name = tuple[str, str]
"""(service, engine)."""
WORTH_FREEZING = 50_000
"""Objects from which it pays to hide them from the garbage collector."""


def load(
    options: Options,
    environ: Mapping[str, str] | None = None,
    engines: Mapping[str, Engine] | None = None,
    *,
    declared: bool = True,
) -> Project:
    """Find `reconcile.yaml`, read the declarations, know the targets; connects to nothing.

    `declared` False reads no declarations, as `import_live` needs none. Raises ConfigError, and DeclarationErrors for
    files that are no YAML or break the schema.
    """
    from reconciler.config.load import load_project
    from reconciler.engines import engines as all_engines

    known = all_engines() if engines is None else engines
    return load_project(options, os.environ if environ is None else environ, known, declared=declared)


def validate(project: Project) -> ValidateResult:
    """Lower every target without a connection. Raises DeclarationErrors with everything that is wrong."""
    from reconciler.apply.parallel import one_by_one

    lowered = one_by_one(partial(_declared, project), project.targets())
    return ValidateResult(
        services=project.services,
        files=tuple(d.file for d in project.documents),
        resources={d.name: len(d.desired.resources) for d in lowered},
    )


def make_plan(
    project: Project,
    services: Iterable[str] = (),
    *,
    stamped: bool = False,
    prove: Callable[[str], None] | None = None,
) -> PlanResult:
    """Compare live and declared and plan the difference; all services unless some are named.

    `stamped`: with the fingerprints and the digest that a plan needs to be run, or to be known by. `prove`: run the
    steps and their undo on scratch databases; it is told what takes long, and the plan says what came out.
    Raises ConnectionFailed, StoreError, DeclarationErrors, UnsupportedChange; several targets' errors as one Several.
    """
    from reconciler.apply.survey import no_longer_declared
    from reconciler.planfile.codec import sealed
    from reconciler.planner.build import build

    with _without_gc():
        targets, seen = _survey(project, services, "fingerprints" if stamped else "differences", sizes=True)
        plan = build(
            project.environment.name,
            [s.state for s in seen],
            [s.stamp(fingerprints=stamped) for s in seen],
            project.environment.stop_before,
            no_longer_declared(seen, project.every),
        )
        proving: dict[str, float] = {}
        if prove is not None and plan.steps:
            outcomes = _proven(project, plan, targets, seen, prove)
            plan = replace(plan, proofs=tuple(o.proof for o in outcomes))
            proving = {o.proof.target: o.seconds for o in outcomes}
        return PlanResult(sealed(plan) if stamped else plan, {t.name: t.label for t in targets}, proving)


def _proven(
    project: Project, plan: Plan, targets: Sequence[Target], seen: Sequence[Seen], tell: Callable[[str], None]
) -> list[Outcome]:
    from reconciler.apply.scratch import Bench, Subject
    from reconciler.config.adhoc import parse_target

    bench = Bench(plan, project.environment.limits, lambda url: parse_target(url, {}).connection, tell)
    return bench.prove([Subject(t, s, project.scratch(t)) for t, s in zip(targets, seen, strict=True)])


def apply_plan(
    project: Project, plan: Plan, *, through: Phase | None = None, allow: Iterable[str] = (), listen: Listener = nobody
) -> ApplyResult:
    """Run exactly this plan, up to and including `through` (default: what the plan's `stop_before` says).

    `allow` adds hazard codes, or '*', to those the environment allows. Raises StalePlan, Blocked, LockBusy before
    anything ran; PartlyApplied when a step failed or a proof did; KeyboardInterrupt after the running steps ended.
    """
    from reconciler.apply import guard
    from reconciler.apply.run import apply, serialised

    with _without_gc():
        guard.check_plan(plan, project.environment.name)
        return apply(_request(project, plan, through, allow, serialised(listen)))


def _request(project: Project, plan: Plan, through: Phase | None, allow: Iterable[str], listen: Listener) -> Request:
    from reconciler.apply.run import Request

    known = {f"{service}/{engine}": (service, engine) for service, engine in project.targets()}
    names = {s.target: known[s.target] for s in plan.targets if s.target in known}
    last = Phase(plan.stop_before - 1) if plan.stop_before is not None else Phase.CONTRACT
    return Request(
        plan=plan,
        declared={target: _declared(project, name) for target, name in names.items()},
        targets={target: project.connect(*name) for target, name in names.items()},
        through=last if through is None else through,
        allowed=project.environment.allow | {*allow},
        limits=project.environment.limits,
        listen=listen,
        beside=project.every,
    )


def undo_plan(
    project: Project,
    plan: Plan,
    shown: Callable[[UndoResult], None] = lambda _: None,
    agreed: Callable[[UndoResult], None] = lambda _: None,
    *,
    limit: Limit | None = None,
    allow: Iterable[str] = (),
    listen: Listener = nobody,
) -> UndoResult:
    """Undo what this plan did, the last step first: `shown` is told what will run; if that is allowed, `agreed`, which
    raises where nobody agrees.

    Raises StalePlan, Blocked, LockBusy before anything ran; PartlyApplied when a step failed or the proof did.
    """
    from reconciler.apply import guard, undo
    from reconciler.apply.run import serialised

    with _without_gc():
        guard.check_plan(plan, project.environment.name)
        request = _request(project, plan, Phase.CONTRACT, allow, serialised(listen))
        limit = limit or undo.Limit()
        found = undo.survey(request, limit)
        planned = undo.result(plan, found)
        if planned.outcome == "not applied":
            return planned
        shown(planned)
        undo.check(found, request.allowed)
        agreed(planned)
        return undo.undo(request, limit, planned.steps)


def undo_preview(project: Project, plan: Plan, *, limit: Limit | None = None) -> UndoResult:
    """What an undo of this plan would run, and what it could not undo; changes nothing. Raises StalePlan."""
    from reconciler.apply import guard, undo

    guard.check_plan(plan, project.environment.name)
    return undo.result(plan, undo.survey(_request(project, plan, Phase.CONTRACT, (), nobody), limit or undo.Limit()))


def drift(project: Project, services: Iterable[str] = ()) -> DriftResult:
    """What lives otherwise than it is declared, and what is new beside it since the last apply."""
    from reconciler.apply.drift import findings
    from reconciler.apply.survey import no_longer_declared

    with _without_gc():
        targets, seen = _survey(project, services, "differences", sizes=False)
        return DriftResult(
            environment=project.environment.name,
            labels={t.name: t.label for t in targets},
            findings=tuple(f for s in seen for f in findings(s)),
            unmanaged=tuple(sorted(u for s in seen for u in s.state.unmanaged)),
            deferred=tuple(sorted(d for s in seen for d in (*s.state.desired.deferred, *s.state.live.deferred))),
            notes=no_longer_declared(seen, project.every),
        )


def import_live(project: Project, services: Iterable[str] = (), *, folders: bool = False) -> ImportResult:
    """Declarations of what is live, one file a service, proven by lowering them and comparing again.

    `folders`: a service that is long is a folder of files instead.
    """
    from reconciler.apply.imports import import_targets

    return import_targets(project, services, folders=folders)


def import_files(
    project: Project, sources: Sequence[Path], service: str, given: Mapping[str, str], *, folders: bool = False
) -> ImportResult:
    """Declarations of what files of other tools declare; connects to nothing. Raises ConfigError."""
    from reconciler.apply import imports

    return imports.import_files(project, sources, service, given, folders=folders)


def destroy(
    project: Project,
    services: Iterable[str],
    agreed: Callable[[list[Doomed]], None],
    progress: Callable[[str], None],
    *,
    keep: bool = True,
) -> list[Doomed]:
    """Take away all that the targets of a development environment hold, once `agreed` was told and raised nothing.

    `keep`: each is written to a snapshot first."""
    from reconciler.apply import destroy as doom

    return doom.destroy(project, services, agreed, progress, keep=keep)


def snapshot_about(file: Path) -> Mapping[str, str]:
    """What a snapshot of a whole target says of itself. Raises ConfigError for what is none."""
    from reconciler.engines import engines
    from reconciler.errors import ConfigError
    from reconciler.model.engine import Snapshots

    for engine in engines().values():
        if isinstance(engine, Snapshots):
            return engine.about(str(file))
    raise ConfigError(f"{file} is no snapshot that can be read")


def revive(project: Project, file: Path, about: Mapping[str, str], progress: Callable[[str], None]) -> Doomed:
    """Make again what a snapshot holds that `destroy` took. Raises Blocked where the target is not empty."""
    from reconciler.apply import destroy as doom

    return doom.revive(project, file, about, progress)


@dataclass(frozen=True, slots=True)
class _Task:
    """One target to look at: connected to while its declaration is still being lowered."""

    target: Target
    engine: Engine
    declared: Future[Declared]
    need: Need
    sizes: bool
    beside: Callable[[], frozenset[Address]]

    def look(self) -> Seen:
        from reconciler.apply.survey import journal_of, look, measured, opened

        with opened(self.engine, self.target) as session:
            journal = journal_of(session, self.engine, self.target.service)
            seen = look(self.declared.result(), session, journal, self.need)
            return replace(seen, state=measured(seen.state, session, self.beside)) if self.sizes else seen


def _survey(project: Project, services: Iterable[str], need: Need, *, sizes: bool) -> tuple[list[Target], list[Seen]]:
    """Look at all targets, each in a thread of its own, while this thread lowers their declarations."""
    from reconciler.apply.parallel import one_by_one, started

    names = project.targets(services)
    targets = one_by_one(lambda name: project.connect(*name), names)
    tasks = [_Task(t, project.engines[t.engine], Future(), need, sizes, partial(_beside, project, t)) for t in targets]
    wait = started(_Task.look, tasks)
    for name, task in zip(names, tasks, strict=True):
        try:
            declared = _declared(project, name)
            task.declared.set_result(declared)
            if declared.known is None or declared.known.past() is None:
                len(declared.desired.resources)  # compared it will be: so it is read while the store works
        except BaseException as error:  # raised by whoever waits for it
            task.declared.set_exception(error)
    return targets, wait(lambda: None)


def _beside(project: Project, target: Target) -> frozenset[Address]:
    """What other services declare in the same place as a target."""
    found: set[Address] = set()
    for name in project.targets():
        if name[1] == target.engine and name[0] != target.service:
            with suppress(ConfigError):  # one without a connection is somewhere else, or nowhere
                if project.connect(*name).label == target.label:
                    found.update(_declared(project, name).desired.resources)
    return frozenset(found)


def _declared(project: Project, name: Name) -> Declared:
    """Lowered once for all that a command does with it."""
    if name not in project.declared:
        project.declared[name] = _lowered(project, name)
    return project.declared[name]


def _lowered(project: Project, name: Name) -> Declared:
    from reconciler.apply.known import Known
    from reconciler.apply.survey import Declared
    from reconciler.desired.cache import lowered

    service, engine_name = name
    engine, policy = project.engines[engine_name], project.environment.policy
    documents = project.documents_of(service)
    catalog = lowered(engine, documents, service, policy, project.naming(service), project.cache)
    known = Known(project.cache, catalog) if project.cache and catalog.digest else None
    return Declared(engine, catalog, policy, partial(project.scope, service, engine_name), known)


@contextmanager
def _without_gc() -> Iterator[None]:
    """Hold the garbage collector: what is built here is big, has no cycles and stays to the end.

    Freezing it afterwards keeps the collector from reading all of it at once, which took a second for 80,000 resources.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > WORTH_FREEZING:
            gc.freeze()
        if was_enabled:
            gc.enable()
