"""What has to be true before a step runs. Everything here refuses; nothing here changes a store.

In order: digest → version → environment → declarations → server → (under the lock) live store → hazards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler import __version__
from reconciler.apply.renaming import moved_tops
from reconciler.apply.survey import Declared, Seen
from reconciler.apply.verify import done, touched
from reconciler.errors import Blocked, StalePlan
from reconciler.model.engine import Server
from reconciler.model.plan import Plan, TargetStamp
from reconciler.model.step import Step
from reconciler.planfile.codec import digest_of
from reconciler.planfile.fingerprint import digest, key, moved

AGAIN = "run `reconcile plan` again and have the new plan reviewed"


@dataclass(frozen=True, slots=True)
class Admission:
    """A target that may be worked on: which steps are done already, which are left, and what it looked like."""

    seen: Seen
    tops: Mapping[str, str]
    done: tuple[Step, ...]
    pending: tuple[Step, ...]
    complete: bool
    """The very plan was applied to the end before."""


def check_plan(plan: Plan, environment: str) -> None:
    """The plan itself, without a connection. Raises StalePlan."""
    if digest_of(plan) != plan.digest:
        raise StalePlan("the plan was edited: it does not match its digest", hint=AGAIN)
    if plan.tool_version != __version__:
        raise StalePlan(f"the plan was made by reconcile {plan.tool_version}; this is {__version__}", hint=AGAIN)
    if plan.environment != environment:
        raise StalePlan(
            f"the plan was made for the environment {plan.environment}, not for {environment}",
            hint=f"apply it with `--environment {plan.environment}`",
        )


def check_declared(stamp: TargetStamp, declared: Declared | None) -> None:
    """The declarations are still those that were planned. Raises StalePlan."""
    if declared is None:
        raise StalePlan(f"{stamp.target} is in the plan, and not in the declarations any more", hint=AGAIN)
    if declared.digest() != stamp.desired:
        raise StalePlan(f"the declarations of {stamp.target} changed since the plan was made", hint=AGAIN)


def check_server(stamp: TargetStamp, server: Server) -> None:
    """The server is the one that was planned for. Raises StalePlan."""
    if str(server) != stamp.server:
        raise StalePlan(f"{stamp.target} runs {server}; the plan was made for {stamp.server}", hint=AGAIN)


def admit(plan: Plan, stamp: TargetStamp, seen: Seen) -> Admission:
    """Compare what is live, read under the lock, with the plan or with what this very plan left there.

    Raises StalePlan saying what moved.
    """
    steps = tuple(s for s in plan.steps if s.target == stamp.target)
    tops = seen.tops()
    applied = seen.journal.applied
    resumed = applied is not None and applied.digest == plan.digest
    if applied is not None and applied.undoes and applied.running:
        raise StalePlan(
            f"{stamp.target}: an undo of {'this' if applied.undoes == plan.digest else 'another'} plan was begun",
            hint="finish it with `reconcile undo PLAN`, then apply",
        )
    if str(seen.scope) != stamp.scope and not (resumed and applied is not None and applied.complete):
        raise StalePlan(f"{stamp.target}: the scope is {seen.scope}; the plan was made for {stamp.scope}", hint=AGAIN)
    if applied is None or not resumed:
        if digest(tops) != stamp.live:
            raise _moved(plan, seen, [])
        return Admission(seen, tops, (), steps, False)
    last = seen.journal.done(plan.digest) if not applied.complete else len(plan.steps)
    ahead = seen.journal.ahead(plan.digest) if not applied.complete else frozenset()
    finished, pending = _split(steps, last, ahead)
    kinds = {seen.state.engine.name: seen.state.engine.kinds}
    free = {key(a.kind, a.path) for a in touched(steps, kinds)} if applied.running else set()
    if applied.running:
        free |= moved_tops(steps, seen.state.there, {*tops, *applied.tops}, seen.state.engine.kinds)
    strangers = [k for k in moved(applied.tops, tops) if k not in free]
    if strangers:
        raise _moved(plan, seen, strangers)
    if applied.running:
        finished, pending = _settle(finished, pending, seen, stamp)
    return Admission(seen, tops, finished, pending, applied.complete)


def check_hazards(steps: Iterable[Step], allowed: Collection[str]) -> None:
    """Every hazard that needs it is approved. Raises Blocked with all that are not."""
    if "*" in allowed:
        return
    missing = [(s, h) for s in steps for h in s.hazards if h.needs_approval and h.code not in allowed]
    if missing:
        codes = sorted({h.code for _, h in missing})
        lines = "; ".join(f"step {s.id} ({s.title}): {h.code} {h.message}" for s, h in missing)
        raise Blocked(f"not approved: {lines}", hint=f"to approve, add `--allow {','.join(codes)}`")


def _split(steps: tuple[Step, ...], last: int, ahead: Collection[int]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    ended = [s.id <= last or s.id in ahead for s in steps]
    return (
        tuple(s for s, done_ in zip(steps, ended, strict=True) if done_),
        tuple(s for s, done_ in zip(steps, ended, strict=True) if not done_),
    )


def _settle(
    finished: tuple[Step, ...], pending: tuple[Step, ...], seen: Seen, stamp: TargetStamp
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """After a kill the first pending step is in doubt: its own checks tell whether it is done."""
    live = seen.state.there
    if pending and done(pending[0], live):
        return (*finished, pending[0]), pending[1:]
    if finished and finished[-1].done and not done(finished[-1], live):
        last = finished[-1]
        raise StalePlan(f"{stamp.target}: what step {last.id} ({last.title}) did is not there any more", hint=AGAIN)
    return finished, pending


def _moved(plan: Plan, seen: Seen, strangers: Sequence[str]) -> StalePlan:
    """The error that says what moved: the strangers' keys, or what planning anew finds and the plan does not hold."""
    what = [k.replace("/", " ", 1) for k in strangers] or _unplanned(plan, seen)
    shown = ": " + ", ".join(what[:5]) + (" …" if len(what) > 5 else "") if what else ""
    return StalePlan(f"{seen.name} changed since the plan was made{shown}", hint=AGAIN)


def _unplanned(plan: Plan, seen: Seen) -> list[str]:
    state = seen.state
    planned = {(c.address, c.action.value) for c in plan.changes if c.address.target == seen.name}
    planned |= {(u.address, "") for u in plan.unmanaged if u.address.target == seen.name}
    now = {(a, c.action.value) for a, c in state.changes.items()} | {(u.address, "") for u in state.unmanaged}
    return sorted({str(a) for a, _ in planned ^ now})
