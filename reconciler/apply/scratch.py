"""Where plans are proven: which server takes the scratch database of which target."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler.apply.parallel import in_parallel
from reconciler.apply.proof import Proving
from reconciler.apply.survey import Seen
from reconciler.errors import LocalStoreError, ReconcileError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine, Limits, Scratch, ScratchServer, Target
from reconciler.model.naming import parent_of
from reconciler.model.plan import Plan, Proof, Verdict

ELSEWHERE = "name a server of that version with --scratch URL"


class Subject(NamedTuple):
    """A target to be proven. `server` is where, None for a throw-away server."""

    target: Target
    seen: Seen
    server: ScratchServer | None


class Outcome(NamedTuple):
    """A proof, and how many seconds it took, without the start of a server."""

    proof: Proof
    seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What the proofs of one plan share. `tell` hears what takes long, from the calling thread."""

    plan: Plan
    limits: Limits
    connection: Callable[[str], Mapping[str, str]]
    """From the URL of a server to a connection."""
    tell: Callable[[str], None]

    def prove(self, subjects: Sequence[Subject]) -> list[Outcome]:
        """The proofs of all targets that have steps, side by side. Raises KeyboardInterrupt once all is cleared up."""
        wanted = [s for s in subjects if any(step.target == s.target.name for step in self.plan.steps)]
        stop = threading.Event()

        def interrupted() -> None:
            stop.set()
            self.tell("finishing the running step and clearing up; interrupt again to give up")

        with ExitStack() as held:
            servers = self._servers(held, wanted)
            pairs = list(zip(wanted, servers, strict=True))
            return in_parallel(lambda pair: self._prove(*pair, stop), pairs, interrupted)

    def _servers(self, held: ExitStack, subjects: Sequence[Subject]) -> list[ScratchServer | LocalStoreError | None]:
        """A server for each: the one it is given, else a throw-away one, once for each version."""
        started: dict[tuple[str, str], ScratchServer | LocalStoreError] = {}
        found: list[ScratchServer | LocalStoreError | None] = []
        for target, seen, server in subjects:
            engine = seen.state.engine
            if server is not None or not isinstance(engine, Scratch):
                found.append(server)
                continue
            key = target.engine, engine.release(seen.state.server)
            if key not in started:
                started[key] = self._start(held, *key)
            found.append(started[key])
        return found

    def _start(self, held: ExitStack, store: str, version: str) -> ScratchServer | LocalStoreError:
        """A throw-away server of a version, gone with `held`; the error where there is none."""
        from reconciler.local import throwaway

        self.tell(f"starting a throw-away {store} {version} to prove the plan on")
        try:
            instance = held.enter_context(throwaway(store, version=version))
        except LocalStoreError as error:
            return error
        return ScratchServer(self.connection(instance.uri), f"throw-away {store} {instance.version}", own=True)

    def _prove(
        self, subject: Subject, server: ScratchServer | LocalStoreError | None, stop: threading.Event
    ) -> Outcome:
        start = time.perf_counter()
        proof = self._proof(subject, server, stop)
        return Outcome(proof, time.perf_counter() - start)

    def _proof(self, subject: Subject, server: ScratchServer | LocalStoreError | None, stop: threading.Event) -> Proof:
        target, seen, _ = subject
        engine: Engine = seen.state.engine
        if not isinstance(engine, Scratch):
            reason = f"{target.engine} has no scratch databases"
            return Proof(target.name, Verdict.IMPOSSIBLE, Verdict.IMPOSSIBLE, reason=reason)
        if not isinstance(server, ScratchServer):
            return _untried(target, f"{server}; {ELSEWHERE}")
        reaching = _reaching(engine, seen)
        left = _with_attached(reaching, seen)
        seen = _without(seen, left)
        steps = tuple(s for s in self.plan.steps if s.target == target.name and s.address not in left)
        if not steps:
            return Proof(target.name, Verdict.IMPOSSIBLE, Verdict.IMPOSSIBLE, reason=_left_out(reaching))
        catalogs = (seen.state.there, seen.state.desired)
        try:
            with engine.scratch(server, target, catalogs) as made, engine.open(made) as session:
                release = engine.release(session.server)
                if release != engine.release(seen.state.server):
                    return _untried(target, f"{server.label} runs {session.server}, not {seen.state.server}")
                proof = Proving(seen, steps, self.limits, stop).on(session)
                return replace(proof, reason=proof.reason or _left_out(reaching)) if reaching else proof
        except ReconcileError as error:
            return _untried(target, f"{error}" + (f"; {error.hint}" if error.hint else ""))


def _catalogs(seen: Seen) -> tuple[Catalog, ...]:
    return seen.state.there, seen.state.live, seen.state.desired


def _reaching(engine: Scratch, seen: Seen) -> frozenset[Address]:
    """What would reach for other servers, live or as declared."""
    return frozenset(a for catalog in _catalogs(seen) for a in engine.reaching(catalog))


def _with_attached(reaching: frozenset[Address], seen: Seen) -> frozenset[Address]:
    """The same with what is attached to it: a comment, an owner."""
    kinds = seen.state.engine.kinds
    found = (a for c in _catalogs(seen) for a in c.resources if reaching and kinds[a.kind].attaches)
    return reaching | {a for a in found if parent_of(a, kinds) in reaching}


def _without(seen: Seen, left: frozenset[Address]) -> Seen:
    def rest(catalog: Catalog) -> Catalog:
        return catalog.with_resources({a: r for a, r in catalog.resources.items() if a not in left})

    if not left:
        return seen
    state = seen.state
    found = None if state.found is None else rest(state.found)
    return replace(seen, state=replace(state, desired=rest(state.desired), live=rest(state.live), found=found))


def _left_out(reaching: frozenset[Address]) -> str:
    return f"without {', '.join(map(str, sorted(reaching)))}, which would connect to another server"


def _untried(target: Target, reason: str) -> Proof:
    return Proof(target.name, Verdict.UNPROVEN, Verdict.UNPROVEN, reason=reason)
