"""An undo of an applied plan: which of its steps are applied → what takes them back → steps → proof → journal.

The steps of the undo follow from the plan alone, the last one first, and have a digest of their own in the journal. A
killed undo so goes on where it was, by the same bookkeeping as an apply. In the end live is what the plan was made for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from reconciler.apply import guard
from reconciler.apply.executor import Executor, TargetRun
from reconciler.apply.guard import Admission
from reconciler.apply.journal import Applied, Before, Journal, forgotten, restored, undoing, undone_in_part
from reconciler.apply.parallel import in_parallel
from reconciler.apply.reverse import BACKWARDS, Backward, backwards, begun, skipped, taken_back, undo_digest
from reconciler.apply.run import Request, locked, raise_failures
from reconciler.apply.survey import Declared, Seen, journal_of, look, opened
from reconciler.apply.undo_hazards import with_hazards
from reconciler.apply.verify import done, touched
from reconciler.errors import Blocked, PartlyApplied, ReconcileError, StalePlan
from reconciler.model.engine import Keeping, Session
from reconciler.model.plan import Plan, TargetStamp
from reconciler.model.step import Step
from reconciler.planfile.fingerprint import digest, key, moved
from reconciler.planner.build import TargetState
from reconciler.results import Outcome, StepEvent, UndoResult


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is undone: the steps with a number above `after`, but for those in `leave`, which stay as they are."""

    after: int = 0
    leave: frozenset[int] = frozenset()

    def takes(self, step: Step) -> bool:
        """Whether a step is to be undone."""
        return step.id > self.after and step.id not in self.leave

    @property
    def whole(self) -> bool:
        """Nothing stays."""
        return self.after == 0 and not self.leave


@dataclass(frozen=True, slots=True)
class Undoing:
    """What is to be undone in one target. `applied` are its steps that are, of which `kept` are left as they are;
    `pending` is what is to run, `plan` the digest of the plan."""

    plan: str
    seen: Seen
    tops: Mapping[str, str]
    applied: tuple[Step, ...]
    pending: tuple[Step, ...]
    kept: tuple[Step, ...]
    every: tuple[Backward, ...]
    resumed: bool
    unsafe: tuple[Step, ...] = ()
    """Applied steps that nothing takes back."""

    @property
    def settled(self) -> tuple[Step, ...]:
        """What is not to run: it was done before, was never applied, or stays."""
        runs = {s.id for s in self.pending}
        return tuple(b.step for b in self.every if b.step.id not in runs)

    @property
    def begun(self) -> bool:
        """The journal knows of the plan, though perhaps of no step of it."""
        before = self.seen.journal.before
        return self.resumed or bool(self.applied) or (before is not None and before.digest == self.plan)


def survey(request: Request, limit: Limit) -> list[Undoing]:
    """Look at every target of the plan, without its lock. Raises StalePlan for what is not as the plan left it."""

    def one(stamp: TargetStamp) -> Undoing:
        declared = request.declared[stamp.target]
        with opened(declared.engine, request.targets[stamp.target]) as session:
            guard.check_server(stamp, session.server)
            found = _admitted(request, stamp, session, limit)
            _check_kept(found, session)
            return replace(found, pending=with_hazards(found, request.plan, session))

    _check_declared(request)
    return in_parallel(one, request.plan.targets)


def undo(request: Request, limit: Limit, shown: Sequence[Step]) -> UndoResult:
    """Undo the plan by the very steps that were shown. Raises StalePlan, Blocked and LockBusy before anything ran,
    PartlyApplied after."""
    _check_declared(request)
    with ExitStack() as stack:
        sessions = locked(stack, request)

        def one(stamp: TargetStamp) -> Undoing:
            found = _admitted(request, stamp, sessions[stamp.target], limit)
            _check_kept(found, sessions[stamp.target])
            return replace(found, pending=with_hazards(found, request.plan, sessions[stamp.target]))

        found = in_parallel(one, request.plan.targets)
        check(found, request.allowed)
        if [(s.id, s.operation) for s in result(request.plan, found).steps] != [(s.id, s.operation) for s in shown]:
            raise StalePlan("what is to be undone changed since it was shown", hint="look at it again")
        work = [u for u in found if u.begun]
        runs = [
            TargetRun(Admission(u.seen, u.tops, u.settled, u.pending, False), sessions[u.seen.name], u.pending)
            for u in work
        ]
        for run, each in zip(runs, work, strict=True):
            if not each.resumed:
                run.session.record(_beginning(request.plan, each, limit))
        Executor(undo_digest(request.plan), request.limits, request.listen).run(runs, BACKWARDS)
        raise_failures(runs, "undo the same plan again", earlier=False)
        _prove(request, limit, runs, work)
    return result(request.plan, found, tuple(s for run in runs for s in run.ran))


def check(found: Sequence[Undoing], allowed: Collection[str]) -> None:
    """Raises Blocked for steps that nothing takes back, by name, and for hazards that nobody approved."""
    unsafe = [s for u in found for s in u.unsafe]
    if unsafe:
        told = "; ".join(f"step {s.id} of {s.target} ({s.title}): {lasting(s)}" for s in unsafe)
        numbers = ",".join(str(s.id) for s in unsafe)
        raise Blocked(
            f"not everything can be undone: {told}",
            hint=f"undo what comes after with --after {max(s.id for s in unsafe)}, or let stay what these did with"
            f" --leave {numbers}",
        )
    guard.check_hazards([s for u in found for s in u.pending], allowed)


def lasting(step: Step) -> str:
    """Why a step cannot be undone."""
    lost = [h.message for h in step.hazards if h.needs_approval]
    return f"nothing brings the old state back ({lost[0]})" if lost else "nothing brings the old state back"


def result(plan: Plan, found: Sequence[Undoing], ran: tuple[Step, ...] | None = None) -> UndoResult:
    """What was done; what would be, without `ran`."""
    steps = sorted((s for u in found for s in u.pending) if ran is None else ran, key=lambda s: s.id)
    kept = sorted((s for u in found for s in u.kept), key=lambda s: s.id)
    lost = sorted((s for u in found for s in u.unsafe), key=lambda s: s.id)
    outcome: Outcome = "planned" if ran is None else "undone" if not kept else "undone in part"
    if not any(u.begun for u in found):
        outcome = "not applied"
    return UndoResult(plan, outcome, tuple(steps), tuple(kept), tuple(lost))


def _check_declared(request: Request) -> None:
    for stamp in request.plan.targets:
        if request.declared.get(stamp.target) is None:
            raise StalePlan(
                f"{stamp.target} is in the plan, and not in the declarations any more",
                hint="undo it where the declarations are that it was made from",
            )


def _check_kept(found: Undoing, session: Session) -> None:
    """Raises Blocked where what an undo would bring back is not there."""
    lacking = session.lacking(s.operation for s in found.pending) if isinstance(session, Keeping) else []
    if lacking:
        hint = (
            "put the files back; or undo only what comes after those steps with --after, or without them with --leave"
        )
        raise Blocked(f"{found.seen.name}: {'; '.join(lacking)}", hint=hint)


def _admitted(request: Request, stamp: TargetStamp, session: Session, limit: Limit) -> Undoing:
    plan, declared = request.plan, request.declared[stamp.target]
    journal = journal_of(session, declared.engine, declared.desired.service)
    scope = declared.scope(_roots(plan, declared, journal))
    live = session.inspect(scope)
    state = TargetState(declared.engine, declared.desired, live, session.server, declared.policy, journal.managed)
    seen = Seen(declared, state, scope, journal)
    tops = seen.tops()
    steps = tuple(s for s in plan.steps if s.target == stamp.target)
    every = tuple(b for b in backwards(plan.steps) if b.of.target == stamp.target)
    resumed = journal.applied is not None and journal.applied.digest == undo_digest(plan)
    if resumed:
        return _resumed(plan, seen, tops, steps, every, limit)
    applied = _applied(request, stamp, seen, tops, steps, session)
    if applied and str(scope) != stamp.scope:
        raise StalePlan(
            f"{stamp.target}: the scope is {scope}; the plan was made for {stamp.scope}",
            hint="undo it where the declarations are that it was made from",
        )
    return _limited(Undoing(plan.digest, seen, tops, applied, (), (), every, False), limit)


def _roots(plan: Plan, declared: Declared, journal: Journal) -> frozenset[str]:
    """Those of the plan's declarations. The journal knows them once the plan came to its end, and today's may be those
    of a later plan that was undone before it."""
    before = journal.before
    known = journal.roots | (before.roots if before is not None else frozenset())
    ended = before is not None and before.digest == plan.digest and before.complete
    return known if ended else known | declared.engine.roots(declared.desired)


def _limited(found: Undoing, limit: Limit) -> Undoing:
    """With what is to run, and with what cannot."""
    wanted = {s.id for s in found.applied if limit.takes(s)}
    pending = tuple(b.step for b in found.every if b.of.id in wanted)
    unsafe = tuple(s for s in found.applied if s.id in wanted and s.undo is None)
    kept = tuple(s for s in found.applied if s.id not in wanted)
    return replace(found, pending=pending, kept=kept, unsafe=unsafe)


def _applied(
    request: Request, stamp: TargetStamp, seen: Seen, tops: Mapping[str, str], steps: tuple[Step, ...], session: Session
) -> tuple[Step, ...]:
    """The steps that are applied; none where the target is as it was before the plan. Raises StalePlan."""
    plan, journal = request.plan, seen.journal
    applied, before = journal.applied, journal.before
    if before is None or before.digest != plan.digest or applied is None:
        if digest(tops) == stamp.live or not steps:
            return ()
        if seen.declared.forgets and applied is None and _as_declared(request, stamp, session):
            return steps
        raise _not_here(plan, stamp, journal.applied is not None)
    if applied.digest != plan.digest and not before.complete:
        raise _not_here(plan, stamp, True)
    running = applied.digest == plan.digest and applied.running
    strangers = _strangers(seen, tops, steps if running else ())
    if strangers:
        raise StalePlan(
            f"{stamp.target} changed since the plan was applied: {', '.join(strangers[:5])}",
            hint="undo that first, or plan from here on",
        )
    if before.complete:
        return steps
    last, ahead = journal.done(plan.digest), journal.ahead(plan.digest)
    ended = tuple(s for s in steps if s.id <= last or s.id in ahead)
    left = tuple(s for s in steps if s not in ended)
    doubtful = begun(left, seen.state.there, seen.state.engine) if running else ()
    return tuple(s for s in steps if s in ended or s in doubtful)


def _strangers(seen: Seen, tops: Mapping[str, str], steps: Sequence[Step]) -> list[str]:
    """What moved beside these steps, in words."""
    applied = seen.journal.applied
    kinds = {seen.state.engine.name: seen.state.engine.kinds}
    free = {key(a.kind, a.path) for a in touched(steps, kinds)}
    found = moved(applied.tops, tops) if applied is not None else ()
    return [k.replace("/", " ", 1) for k in found if k not in free]


def _as_declared(request: Request, stamp: TargetStamp, session: Session) -> bool:
    """Ad hoc mode remembers nothing of a plan that came to its end: it did if live is what the plan was to make."""
    declared = request.declared[stamp.target]
    if declared.digest() != stamp.desired:
        return False
    again = look(declared, session, journal_of(session, declared.engine, declared.desired.service))
    return not again.state.changes and not again.state.desired.deferred


def _not_here(plan: Plan, stamp: TargetStamp, another: bool) -> StalePlan:
    why = "another plan was applied to it since" if another else "the plan was not applied to it, or it changed since"
    return StalePlan(
        f"{stamp.target} is not as this plan left it: {why}",
        hint="plans are undone one after the other, the last first",
    )


def _resumed(
    plan: Plan, seen: Seen, tops: Mapping[str, str], steps: tuple[Step, ...], every: tuple[Backward, ...], limit: Limit
) -> Undoing:
    """What a killed undo left to do. Raises StalePlan when something else moved meanwhile."""
    strangers = _strangers(seen, tops, steps)
    if strangers:
        hint = "bring that back, then undo the same plan again"
        raise StalePlan(f"{seen.name} changed since the undo began: {', '.join(strangers[:5])}", hint=hint)
    last, ahead = seen.journal.done(undo_digest(plan)), seen.journal.ahead(undo_digest(plan))
    stays = frozenset(seen.journal.applied.left if seen.journal.applied is not None else ())
    left = [b for b in every if b.step.id > last and b.step.id not in ahead and b.of.id not in stays]
    if left and taken_back(left[0], seen.state.there):
        left = left[1:]
    of = {b.of.id for b in left}
    applied = tuple(s for s in steps if s.id in of | stays or (not s.undo and s.id < max(of, default=0)))
    pending = tuple(b.step for b in left if limit.takes(b.of))
    kept = tuple(s for s in applied if s.id in stays or not limit.takes(s))
    return Undoing(plan.digest, seen, tops, applied, pending, kept, every, True)


def _beginning(plan: Plan, found: Undoing, limit: Limit) -> dict[str, object]:
    name = undo_digest(plan)
    last, beyond = skipped(found.every, {s.id for s in found.applied} - limit.leave)
    applied = Applied(name, plan.environment, found.tops, True, False, undoes=plan.digest, left=sorted(limit.leave))
    unknown = Before(plan.digest, {}, {}) if found.seen.journal.before is None else None  # in ad hoc mode
    return undoing(applied, last, beyond, unknown)


def _prove(request: Request, limit: Limit, runs: Sequence[TargetRun], work: Sequence[Undoing]) -> None:
    """Look again: live is what it was before the plan, but for what stays. Then the journal says so too."""
    stamps = {s.target: s for s in request.plan.targets}

    def one(pair: tuple[TargetRun, Undoing]) -> list[str]:
        run, found = pair
        seen = found.seen
        live = run.session.inspect(seen.scope)
        now = replace(seen, state=replace(seen.state, live=live, found=None))
        wrong = _otherwise(stamps[run.name], limit, found, now)
        if not wrong:
            _record(request, run, found, now, limit)
            request.listen(StepEvent("verified", run.name, message=proven(limit)))
        return [f"{name} in {run.name}" for name in wrong]

    ran = [f"step {s.id}" for r in runs for s in r.ran]
    try:
        wrong = [name for names in in_parallel(one, list(zip(runs, work, strict=True))) for name in names]
    except ReconcileError as error:
        raise PartlyApplied(
            f"everything was undone, and the proof did not end: {error}", ran=ran, hint=error.hint, effect="undone"
        ) from error
    if wrong:
        raise PartlyApplied(
            f"everything was undone, and this differs from before the plan: {', '.join(wrong[:5])}",
            ran=ran,
            hint="someone else changed it meanwhile, or this is a defect of reconcile; `reconcile plan` shows the rest",
            effect="all of the undo ran",
        )


def proven(limit: Limit) -> str:
    """What the comparison at the end showed."""
    return "live equals what it was before the plan" + ("" if limit.whole else ", but for the steps that stay")


def _otherwise(stamp: TargetStamp, limit: Limit, found: Undoing, now: Seen) -> list[str]:
    """What is not as it was before the plan, in words, but for what the steps that stay are about."""
    tops, before = now.tops(), now.journal.before
    kept = found.kept
    if digest(tops) == stamp.live:
        return []
    if not kept:
        names = moved(before.tops, tops) if before is not None else ()
        return [k.replace("/", " ", 1) for k in names] or ["the whole"]
    kinds = {now.state.engine.name: now.state.engine.kinds}
    free = {key(a.kind, a.path) for a in touched(kept, kinds)}
    last = kept[-1]
    wrong = [str(last.address)] if not limit.leave and last.done and not done(last, now.state.there) else []
    known = before.tops if before is not None else {}
    return wrong + [k.replace("/", " ", 1) for k in moved(known, tops) if known and k not in free]


def _record(request: Request, run: TargetRun, found: Undoing, now: Seen, limit: Limit) -> None:
    plan, before, tops = request.plan, now.journal.before, now.tops()
    kept = found.kept
    if not kept or limit.leave:
        gone = now.declared.forgets or before is None
        run.session.record(forgotten() if gone else restored(_kept(before, bool(kept)), tops))
        return
    steps = [s for s in plan.steps if s.target == run.name]
    left = [s.id for s in steps if s not in kept]
    last = min(left, default=len(plan.steps) + 1) - 1
    beyond = [s.id for s in kept if s.id > last]
    entries = undone_in_part(plan.digest, plan.environment, tops, last, beyond)
    if before is not None:
        entries["before"] = replace(before, complete=False).entry()
    run.session.record(entries)


def _kept(before: Before | None, something: bool) -> Before:
    """The journal before the plan; where steps stay as they are, no plan left things just so."""
    if before is None:
        raise TypeError("there is nothing to go back to")
    return replace(before, entries={**before.entries, "apply": None}, earlier=None) if something else before
