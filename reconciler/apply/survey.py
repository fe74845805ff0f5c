"""One target, looked at: what is declared, what is live, and how they differ. For planning and for applying alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from reconciler.apply.journal import Journal, read
from reconciler.apply.known import Known, Past, compared_with
from reconciler.apply.renaming import renamed
from reconciler.apply.spelling import Spelling
from reconciler.apply.trial import Beside, nobody, tried
from reconciler.apply.violations import violation
from reconciler.apply.watch import Watch
from reconciler.config.environment import AD_HOC
from reconciler.diff.ownership import remaining
from reconciler.diff.renames import due, former_roots, leaving
from reconciler.errors import ConnectionFailed
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Audited, Auditing, Checked, Engine, Noting, Scope, Session, Target
from reconciler.model.kind import Policy
from reconciler.model.later import Later
from reconciler.model.plan import Note, TargetStamp
from reconciler.planfile.fingerprint import digest, top_digests
from reconciler.planner.build import TargetState, compared, measured_addresses, owned_differences, steps_of

Need = Literal["all", "fingerprints", "differences"]
"""What will be asked of a look: all of both catalogs, or the differences, with or without fingerprints."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One target as it is declared, before anything is read from it. `desired` is lowered, not canonical.

    `scope` makes the scope from the roots that the declaration and the journal name; `known` remembers comparisons,
    `spelling` what the store says in the course of this command.
    """

    engine: Engine
    desired: Catalog
    policy: Policy
    scope: Callable[[frozenset[str]], Scope]
    known: Known | None = None
    spelling: Spelling = field(default_factory=Spelling, compare=False)

    @property
    def name(self) -> str:
        """`payment/postgres`."""
        return f"{self.desired.service}/{self.engine.name}"

    @property
    def forgets(self) -> bool:
        """Ad hoc mode manages everything there is, so it has nothing to remember, and leaves no journal behind."""
        return self.policy.environment == AD_HOC.name

    def digest(self) -> str:
        """The digest of what is declared: known without a connection."""
        return digest(top_digests(self.desired, self.engine.kinds))


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a target: compared, with the scope it was read in and its journal."""

    declared: Declared
    state: TargetState
    scope: Scope
    journal: Journal
    past: Past | None = None
    """The comparison that is remembered, where this one is the same."""

    @property
    def name(self) -> str:
        """`payment/postgres`."""
        return self.declared.name

    def tops(self) -> dict[str, str]:
        """The digests of the live top resources."""
        return top_digests(self.state.there, self.declared.engine.kinds)

    def stamp(self, *, fingerprints: bool) -> TargetStamp:
        """What the plan file says of the target; fingerprints cost time and are left empty where nobody needs them."""
        live, desired = self._fingerprints() if fingerprints else ("", "")
        return TargetStamp(self.name, str(self.state.server), str(self.scope), live, desired)

    def _fingerprints(self) -> tuple[str, str]:
        """Of what is live and of what is declared."""
        if self.past is not None and all(self.past.prints):
            return self.past.prints
        prints = digest(self.tops()), self.declared.digest()
        if self.past is not None and self.declared.known is not None:
            self.declared.known.remember(self.past._replace(prints=prints))
        return prints


@contextmanager
def opened(engine: Engine, target: Target) -> Iterator[Session]:
    """A session. Raises ConnectionFailed that names the target and says where its connection was found."""
    with ExitStack() as stack:
        try:
            session = stack.enter_context(engine.open(target))
        except ConnectionFailed as error:
            source = f"(the connection is from {target.source})" if target.source else ""
            hint = " ".join(filter(None, (error.hint, source)))
            raise ConnectionFailed(f"{target.name}: {error.message}", hint=hint, effect=error.effect) from error
        yield session


def journal_of(session: Session, engine: Engine, service: str) -> Journal:
    """The target's journal."""
    return read(session.journal(), service, engine.name)


def look(declared: Declared, session: Session, journal: Journal, need: Need = "all") -> Seen:
    """Inspect, canonicalise and compare. Raises DeclarationErrors for what the server cannot have.

    What differs neither as it stands nor needs the store's spelling to be equal is remembered (`known`). Unless `need`
    is all, nothing is read as long as the store says that it is the same (`watch`).
    """
    past = declared.known.past() if declared.known else None
    own = past.roots if past else declared.engine.roots(declared.desired)
    former = former_roots(declared.desired, declared.engine.kinds, own | journal.roots)
    scope = declared.scope(own | journal.roots | {a.name for a in former})
    watch = _watch(declared, session, scope, need)
    if past and watch.sees(past.stamp) and _same(past, session, journal, need):
        return _unchanged(declared, session, scope, journal, past)
    live = there = watch.live() or session.inspect(scope)
    if former and not scope.everything:
        live = leaving(live, declared.desired, declared.engine.kinds, former)
    state = TargetState(declared.engine, declared.desired, live, session.server, declared.policy, journal.managed)
    if declared.desired.moves and (moves := due(declared.desired, live, declared.engine.kinds)):
        return Seen(declared, compared(renamed(state, moves, session)), scope, journal)
    digest = compared_with(live.digest, session.server, journal.managed)
    if past and digest and past.compared == digest:
        seen = Seen(declared, replace(state, unmanaged=past.unmanaged), scope, journal, past)
        return _remembered(seen, past._replace(stamp=watch.ended(there, keep=False) or past.stamp))
    differences, stamp = owned_differences(state), watch.ended(there)
    if differences[0]:
        return Seen(declared, _noted(_spelled(state, declared, session, digest)), scope, journal)
    seen = Seen(declared, _noted(compared(state, differences)), scope, journal)
    return _remembered(seen, Past(own, live.digest, digest, seen.state.unmanaged, stamp)) if digest else seen


def _noted(state: TargetState) -> TargetState:
    """What is equal, with what there is to know of it all the same; what has steps is noted with them."""
    engine = state.engine
    if state.changes or not isinstance(engine, Noting):
        return state
    found = engine.notes(state.desired, state.live, {}, ())
    return replace(state, notes=tuple(Note(state.name, text) for text in found))


def _spelled(state: TargetState, declared: Declared, session: Session, digest: str) -> TargetState:
    """Compared as the store spells what is declared. What it said of it before the steps, it need not say again once
    that is what is there."""
    if (told := declared.spelling.told) is not None:
        as_told = replace(state, desired=told)
        differences = owned_differences(as_told)
        if not differences[0]:
            return compared(as_told, differences)

    def ask() -> Catalog:
        left = remaining(state.live, declared.desired, declared.engine.kinds, declared.policy)
        return session.canonicalise(declared.desired, left)

    return compared(replace(state, desired=declared.spelling.of(digest, ask)))


def _watch(declared: Declared, session: Session, scope: Scope, need: Need) -> Watch:
    folder = declared.known.folder if declared.known and need != "all" else None
    return Watch(folder, declared.engine, declared.desired.service, session, scope)


def _same(past: Past, session: Session, journal: Journal, need: Need) -> bool:
    """Whether what is remembered of the same rows is all that will be asked for."""
    known = need == "differences" or all(past.prints)
    return known and compared_with(past.rows, session.server, journal.managed) == past.compared


def _remembered(seen: Seen, past: Past) -> Seen:
    """The same, kept for the next time, unless something could not be compared or is to be told again."""
    known = seen.declared.known
    if (
        known is None
        or past == seen.past
        or seen.state.notes
        or seen.state.desired.deferred
        or seen.state.live.deferred
    ):
        return seen
    known.remember(past)
    return replace(seen, past=past)


def _unchanged(declared: Declared, session: Session, scope: Scope, journal: Journal, past: Past) -> Seen:
    """As it was when it was last found equal; read if somebody looks after all."""
    resources = Later(lambda: session.inspect(scope).resources)
    live = Catalog(declared.desired.service, declared.engine.name, resources)
    state = TargetState(declared.engine, declared.desired, live, session.server, declared.policy, journal.managed)
    return Seen(declared, replace(state, unmanaged=past.unmanaged), scope, journal, past)


def no_longer_declared(seen: Iterable[Seen], every: Collection[str]) -> tuple[Note, ...]:
    """A note for each target that was declared when one of these was last applied, and is in no file any more.

    A target without a declaration has no connection to look at, and its absence may be meant: so nothing is planned for
    it, and it is told. `every`: the names of all targets that are declared now.
    """
    known = {name: s.name for s in reversed(list(seen)) for name in s.journal.beside if name not in every}
    return tuple(Note(name, _undeclared(name, beside)) for name, beside in sorted(known.items()))


def _undeclared(name: str, beside: str) -> str:
    service, _, engine = name.rpartition("/")
    return (
        f"no file declares it any more, and one did when {beside} was last applied; what it holds stays there and is"
        f" not looked at. To have that planned away, give service {service} a section '{engine}:' with nothing in it;"
        " else the next apply forgets it"
    )


def measured(state: TargetState, session: Session, beside: Beside = nobody) -> TargetState:
    """The same with the sizes of what changes; asks nothing when nothing does. `beside`: see `trial`.

    Raises DeclarationErrors for what the store would refuse at its step.
    """
    if not state.changes:
        return state
    tried(state, session, beside)
    wanted, moves = measured_addresses(state), state.moves
    if not moves:
        return audited(replace(state, sizes=session.measure(wanted)), session)
    now = [a for a in state.there.resources if moves.after(a) in wanted]
    return audited(replace(state, sizes={moves.after(a): s for a, s in session.measure(now).items()}), session)


def audited(state: TargetState, session: Session) -> TargetState:
    """The same with notes of the data that its steps would refuse, where the session looks at data beforehand."""
    if not isinstance(session, Auditing):
        return state
    nodes = steps_of(state)
    checked = [Checked(n.address, n.draft.operation, n.draft.probes, n.draft.locks) for n in nodes]
    found = session.audit(checked, moved(state))
    return replace(state, nodes=tuple(nodes), notes=tuple(Note(state.name, _audit_text(each)) for each in found))


def moved(state: TargetState) -> dict[Address, Address]:
    """Live address → the one that renames which are due lead to, of all that get another."""
    moves = state.moves
    return {a: new for a in state.there.resources if (new := moves.after(a)) != a} if moves else {}


def _audit_text(each: Audited) -> str:
    said = violation(each.probe, each.found)
    if each.found.unknown:
        return said
    return f"blocked: {said}" if each.certain else f"to be mended by the steps before, or refused: {said}"
