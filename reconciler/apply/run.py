"""An apply from the first connection to the proof: open → lock → guard → steps → proof → journal."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from reconciler.apply import guard
from reconciler.apply.executor import Executor, TargetRun
from reconciler.apply.guard import Admission
from reconciler.apply.journal import Before, before_plan, began, ended, forgotten
from reconciler.apply.parallel import in_parallel
from reconciler.apply.survey import Declared, Seen, journal_of, look, moved, opened
from reconciler.apply.verify import done, unproven
from reconciler.apply.violations import violated
from reconciler.diff.ownership import managed_after
from reconciler.errors import Blocked, PartlyApplied, ReconcileError, StoreError
from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.engine import Auditing, Checked, Limits, Session, Target
from reconciler.model.plan import Plan, TargetStamp
from reconciler.model.step import Phase, Step
from reconciler.results import ApplyResult, Listener, StepEvent, names


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be applied, where, and under which rules. `beside`: all targets that are declared, planned or not."""

    plan: Plan
    declared: Mapping[str, Declared]
    targets: Mapping[str, Target]
    through: Phase
    allowed: Collection[str]
    limits: Limits
    listen: Listener
    holder: str = ""
    beside: frozenset[str] = frozenset()


def apply(request: Request) -> ApplyResult:
    """Run the plan. Raises StalePlan, Blocked and LockBusy before anything ran, PartlyApplied after."""
    plan = request.plan
    for stamp in plan.targets:
        guard.check_declared(stamp, request.declared.get(stamp.target))
    with ExitStack() as stack:
        sessions = locked(stack, request)
        admissions = _admit(request, sessions)
        if all(a.complete for a in admissions):
            return ApplyResult(plan, "already applied", (), skipped=plan.steps)
        runs = [TargetRun(a, sessions[a.seen.name], a.pending) for a in admissions]
        guard.check_hazards([s for r in runs for s in r.pending if s.phase <= request.through], request.allowed)
        _check_data(request, runs)
        _record_beginning(request, runs)
        for run in runs:
            for step in run.admission.done:
                request.listen(StepEvent("skipped", run.name, step))
        Executor(plan.digest, request.limits, request.listen).run(runs, [p for p in Phase if p <= request.through])
        raise_failures(runs, "apply the same plan again")
        _prove(request, runs)
    return _result(request, runs)


def holder() -> str:
    """Who holds the lock, for whoever finds it held."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"


def serialised(listen: Listener) -> Listener:
    """The listener, told one event at a time whatever the thread."""
    lock = threading.Lock()

    def tell(event: StepEvent) -> None:
        with lock:
            listen(event)

    return tell


def locked(stack: ExitStack, request: Request) -> dict[str, Session]:
    """Connect side by side, compare the server, then take every lock in the order of the names.

    Raises ConnectionFailed, StalePlan for another server, LockBusy.
    """
    stamps = sorted(request.plan.targets)
    guarded = threading.Lock()

    def connect(stamp: TargetStamp) -> Session:
        manager = opened(request.declared[stamp.target].engine, request.targets[stamp.target])
        session = manager.__enter__()
        with guarded:
            stack.push(manager)
        guard.check_server(stamp, session.server)
        return session

    sessions = dict(zip((s.target for s in stamps), in_parallel(connect, stamps), strict=True))
    who = request.holder or holder()
    for name, session in sessions.items():
        stack.enter_context(session.exclusive(who))
        request.listen(StepEvent("locked", name))
    return sessions


def _admit(request: Request, sessions: Mapping[str, Session]) -> list[Admission]:
    def one(stamp: TargetStamp) -> Admission:
        return guard.admit(request.plan, stamp, _look(request, stamp.target, sessions[stamp.target]))

    return in_parallel(one, request.plan.targets)


def _look(request: Request, name: str, session: Session) -> Seen:
    declared = request.declared[name]
    return look(declared, session, journal_of(session, declared.engine, declared.desired.service))


def _check_data(request: Request, runs: Sequence[TargetRun]) -> None:
    """Refuse before the first statement what would be refused at a later step. Raises Blocked with the first."""
    for run in runs:
        if isinstance(run.session, Auditing):
            pending = [s for s in run.pending if s.phase <= request.through]
            checked = (Checked(s.address, s.operation, s.probes, s.locks) for s in pending)
            for each in run.session.audit(checked, moved(run.admission.seen.state)):
                if each.certain:
                    error = violated(each.probe, each.found)
                    raise type(error)(f"{run.name}: {error.message}", hint=error.hint)


def _record_beginning(request: Request, runs: Sequence[TargetRun]) -> None:
    """Write the baseline, unless an earlier run of this plan left one that is still in force."""
    for run in runs:
        seen = run.admission.seen
        applied = seen.journal.applied
        if not run.pending and run.admission.seen.declared.forgets:
            continue
        if applied is not None and applied.digest == request.plan.digest and (applied.running or applied.complete):
            continue
        managed = seen.journal.managed | managed_after(seen.state.desired, seen.state.engine.kinds)
        before = _before(request, run)
        run.session.record(began(request.plan.digest, request.plan.environment, run.admission.tops, managed, before))


def _before(request: Request, run: TargetRun) -> Before | None:
    """What an undo of this plan leads back to; None for a plan without steps here, so that the last one's stays."""
    journal, digest = run.admission.seen.journal, request.plan.digest
    if not run.pending or (journal.before is not None and journal.before.digest == digest):
        return None
    return before_plan(digest, run.admission.tops, journal)


def raise_failures(runs: Sequence[TargetRun], again: str, *, earlier: bool = True) -> None:
    """Raise PartlyApplied, or the one error where nothing ran; `again` is what goes on later. `earlier`: what was done
    before this run counts as well."""
    failed = [r for r in runs if r.error is not None]
    if not failed:
        return
    ran = [f"step {s.id}" for r in runs for s in (*(r.admission.done if earlier else ()), *r.ran)]
    first = failed[0].error
    if not ran and len(failed) == 1 and isinstance(first, ReconcileError):
        raise _located(first, failed[0])
    failures = [(_place(r), r.error) for r in failed if r.error]
    raise PartlyApplied(
        "; ".join(f"{what} failed: {error}" for what, error in failures),
        ran=ran,
        failures=failures,
        hint=getattr(first, "hint", None) or f"{again} when the cause is gone: it goes on there",
        effect=f"done: {', '.join(ran) or 'no step'}",
    ) from first


def _located(error: ReconcileError, run: TargetRun) -> ReconcileError:
    """The error of a store, or of data in it, says what went wrong, and not where: that is known here."""
    if not isinstance(error, StoreError | Blocked):
        return error
    return type(error)(f"{_place(run)}: {error.message}", hint=error.hint, effect=error.effect)


def _place(run: TargetRun) -> str:
    return f"{run.name}: step {run.failed.id} ({run.failed.title})" if run.failed else run.name


def _prove(request: Request, runs: Sequence[TargetRun]) -> None:
    """Look again: live equals declared, but for what the remaining steps will do. Then close the journal."""

    def one(run: TargetRun) -> tuple[Address, ...]:
        if run.admission.complete:
            return ()
        seen = _look(request, run.name, run.session)
        wrong = unproven(seen.state, run.pending) or _undone(run, seen)
        if not wrong:
            _record_end(request, run, seen)
            left = len(seen.state.desired.deferred) + len(seen.state.live.deferred)
            request.listen(StepEvent("verified", run.name, remaining=run.pending, deferred=left))
        return wrong

    ran = [f"step {s.id}" for r in runs for s in r.ran]
    try:
        wrong = [address for found in in_parallel(one, runs) for address in found]
    except ReconcileError as error:
        raise PartlyApplied(
            f"all steps ran, and the proof did not end: {error}", ran=ran, hint=error.hint, effect="all steps ran"
        ) from error
    if wrong:
        raise PartlyApplied(
            f"all steps ran, and live still differs from declared: {names(wrong)}",
            ran=ran,
            hint="someone else changed it meanwhile, or this is a defect of reconcile; `reconcile plan` shows the rest",
            effect="all steps ran",
        )


def _undone(run: TargetRun, seen: Seen) -> tuple[Address, ...]:
    """The last step that ran, if more are to come and the store does not show what it did: the proof of all else leaves
    out what they are about. Of earlier steps nothing may show any more, since later ones build on them.
    """
    last = run.ran[-1] if run.pending and run.ran else None
    return (last.address,) if last is not None and last.done and not done(last, seen.state.there) else ()


def _record_end(request: Request, run: TargetRun, seen: Seen) -> None:
    state, plan = seen.state, request.plan
    if not run.pending and run.admission.seen.declared.forgets:
        run.session.record(forgotten())
        return
    gone = {c.address for c in plan.changes if c.action is Action.FORGET}
    still = {a for a in seen.journal.managed if a in state.there.resources and (run.pending or a not in gone)}
    managed = managed_after(state.desired, state.engine.kinds) | still
    unmanaged = {u.address for u in state.unmanaged}
    roots = None if run.pending else state.engine.roots(state.desired)
    before = seen.journal.before
    entries = ended(plan.digest, plan.environment, seen.tops(), managed, unmanaged, roots, request.beside, before)
    run.session.record(entries)


def _result(request: Request, runs: Sequence[TargetRun]) -> ApplyResult:
    def collected(groups: list[Sequence[Step]]) -> tuple[Step, ...]:
        return tuple(sorted((s for group in groups for s in group), key=lambda s: s.id))

    remaining = collected([r.pending for r in runs])
    return ApplyResult(
        request.plan,
        "stopped" if remaining else "applied",
        ran=collected([r.ran for r in runs]),
        skipped=collected([r.admission.done for r in runs]),
        remaining=remaining,
        stopped_before=min((s.phase for s in remaining), default=None),
    )
