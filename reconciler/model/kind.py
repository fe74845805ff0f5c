"""What an engine knows about one type of resource: the table a reader learns the kind from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.resource import Resource, Role, attributes_of
from reconciler.model.step import Draft, Size

R = TypeVar("R", bound=Resource)


class Policy(NamedTuple):
    """What an environment says about risk; from `reconcile.yaml`, with the defaults of DESIGN sections 5b and 6."""

    environment: str
    production: bool = False
    retain: bool = True
    """Top resources of engines that hold data outside transactions (DynamoDB tables) are forgotten, not deleted."""
    prune: str = "managed"
    """`managed`, `all` or `never`."""


class Place(NamedTuple):
    """Where in the declarations a node stands, for `lower`.

    `parent` is the path of the enclosing resource, `naming` the pattern of physical names (`orders-{table}-dev`).
    `fail(message, hint, *pointer)` makes the error for something below the node; the caller raises it.
    """

    service: str
    engine: str
    policy: Policy
    naming: str
    parent: tuple[str, ...]
    fail: Callable[..., Exception]

    def address(self, kind: str, *names: str) -> Address:
        """An address below the enclosing resource."""
        return Address(self.service, self.engine, kind, (*self.parent, *names))


class Context(Hashable, Protocol):
    """What a rule may ask about the plan it works for. Equal to itself alone, so that what it led to may be kept."""

    @property
    def desired(self) -> Catalog:
        """What is declared, canonical."""
        ...

    @property
    def live(self) -> Catalog:
        """What is there."""
        ...

    @property
    def changes(self) -> Mapping[Address, Change[Resource]]:
        """All changes of the target."""
        ...

    @property
    def policy(self) -> Policy:
        """What the environment says."""
        ...

    @property
    def server(self) -> Any:
        """The `model.engine.Server` that answers."""
        ...

    def creates(self, address: Address) -> bool:
        """The resource does not exist before this plan (it is created, or replaced as a whole)."""
        ...

    def deletes(self, address: Address) -> bool:
        """The resource does not exist after this plan."""
        ...

    def size(self, address: Address) -> Size:
        """What is known of its size; Size(-1, -1) where nothing is."""
        ...


Emit = Callable[[Change[R], Context], list[Draft]]


class Disturbance(Enum):
    """What a change does to the resources that refer to what it changes."""

    NONE = 0
    """They stay as they are."""
    ALTERS = 1
    """Those the store ties to the old definition (`Kind.bound`) have to go before and come again after."""
    DROPS = 2
    """All of them have to."""
    RENEWS = 3
    """Only what is attached to it goes with the old one: comments, privileges."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[R]):
    """What to do when some of these attributes differ: emits drafts and consumes all of `attributes`.

    Rules are tried in the order of the kind's table; one that has `when` and is not met leaves its attributes to the
    rules below it.
    """

    attributes: frozenset[str]
    emit: Emit[R]
    when: Callable[[Change[R], Context], bool] | None = None


def rule(*attributes: str, emit: Emit[R], when: Callable[[Change[R], Context], bool] | None = None) -> Rule[R]:
    """A rule over the named attributes."""
    return Rule(frozenset(attributes), emit, when)


def _always(_resource: Any, _catalog: Catalog) -> Iterable[Address]:
    return ()


def _not_implicit(_resource: Any) -> bool:
    return False


def _not_implied(_resource: Any, _catalog: Catalog) -> bool:
    return False


def _not_long(_node: Any) -> dict[str, Any]:
    raise TypeError("this kind's declaration has no long form")


def _all_of_it(_change: Change[Any]) -> Disturbance:
    return Disturbance.DROPS


def _unbound(_before: Any, _after: Any, _source: Address, _change: Any) -> bool:
    return False


def _falls(_resource: Any, _gone: Address) -> bool:
    return False


def _no_namesakes(_address: Address) -> Iterable[Address]:
    return ()


def _together(_old: Any, _new: Any) -> bool:
    return False


def _undisturbed(_change: Change[Any]) -> Disturbance:
    return Disturbance.NONE


def _in_place(_change: Change[Any]) -> bool:
    return False


def _never(_change: Change[Any], _context: Context) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[R]):
    """One type of resource. Engines subclass it to add how their kinds are introspected.

    - `section`: the key under which the parent's declaration (or the engine's) lists resources of this kind; a
      `singleton`'s section holds the one node itself instead of a mapping of names.
    - `spec`: JSON Schema of one node, without the sections of child kinds (the composition adds them).
    - `lower(name, node, place)`: node → resource; `lift(resource, catalog)`: resource → the shortest node that lowers
      back to it (law 2).
    - `references(resource, catalog)`: addresses that must exist before it does.
    - `absorbed(change, context)`: the parent's own create or drop includes this change, so it emits nothing itself.
    - `create`, `drop`, `replace`, `rules`: the emitters. `replace` None: a changed replace attribute is unsupported.
    """

    name: str
    resource: type[R]
    section: str
    spec: Mapping[str, Any]
    lower: Callable[[str, Any, Place], R]
    lift: Callable[[R, Catalog], Any]
    create: Emit[R]
    drop: Emit[R]
    replace: Emit[R] | None = None
    rules: tuple[Rule[R], ...] = ()
    former: Callable[[Address, str], Address | None] | None = None
    """Which address `renamed_from: TEXT` beside the resource at an address means, None for text that cannot be one. A
    kind without it cannot be renamed."""
    keeps_former: bool = False
    """`renamed_from` is an attribute of the resource, `former`: the store has no object that could be looked up, or
    renames none."""
    rename: Emit[R] | None = None
    """Give it its new name, and what is in it: `Change.moved` and `Change.within` say which."""
    within: Callable[[R, R], tuple[tuple[str, str], ...]] | None = None
    """(old, new) names of what is in it and no resource of its own, where (desired, live) say that it is renamed."""
    with_within: Callable[[R, tuple[tuple[str, str], ...]], R] | None = None
    """The live resource once these are renamed."""
    rebuild: Emit[R] | None = None
    """Drop and create again, because a change elsewhere forces it; the dropping drafts are marked `removes`."""
    parent: str | None = None
    attaches: frozenset[str] = frozenset()
    """Kinds that may carry one instead of one parent: a comment. Its path is (kind, *path) of what carries it, with a
    name of its own at the end unless it is a singleton."""
    singleton: bool = False
    ordered: bool = False
    """New ones come into their parent in the order in which they are declared: columns."""
    long: Callable[[Any], dict[str, Any]] = _not_long
    """A lifted node in short form as a mapping, so that sections below it have a place."""
    mentions: Callable[[R, Catalog], Iterable[Address]] = _always
    """What it may use, as far as its text tells: creation comes after that where nothing speaks against it."""
    replaces: Callable[[Change[R]], bool] = _in_place
    """Whether a change of mutable attributes cannot be made in place after all: it becomes a replacement."""
    disturbs: Callable[[Change[R]], Disturbance] = _undisturbed
    follows: frozenset[str] = frozenset()
    """Kinds that take it along in place when they are built anew: a column and its type. Who makes the new one emits
    that; what is bound to the follower feels an alteration."""
    following: Disturbance = Disturbance.DROPS
    """What that does to what refers to the follower."""
    spreads: Callable[[Change[R]], Disturbance] = _all_of_it
    """What its own rebuild does to what refers to it: nothing, where only a part of it goes and comes again."""
    bound: bool = False
    """The store refuses to alter what it refers to: a view and the type of its columns."""
    references: Callable[[R, Catalog], Iterable[Address]] = _always
    carried: Callable[[R, Catalog], Iterable[Address]] = _always
    """Resources of the same kind whose change makes the same change of this one: the column of a parent table."""
    implied: Callable[[R, Catalog], bool] = _not_implied
    """A declaration need not mention it: others say all of it."""
    binds: Callable[[R, R | None, Address, Change[Any] | None], bool] = _unbound
    """Whether this one, live and as declared, is bound to what it refers to at that address and to the change of that,
    where not all of its kind are: a generated column, a foreign key. There is no change of what only follows."""
    outlives: Callable[[R, Address], bool] = _falls
    """Whether it stays in place when what it refers to at that address goes: a foreign key, and a partition."""
    namesakes: Callable[[Address], Iterable[Address]] = _no_namesakes
    """What a text that names one may mean as well: (a stand-in for) all overloads of a function."""
    collides: Callable[[R, R], bool] = _together
    """Whether a namesake that goes and one that comes cannot be there at once without making texts ambiguous."""
    absorbed: Callable[[Change[R], Context], bool] = _never
    order: int = 50
    """Where its section stands in a declaration, and the tie-break of the step order."""
    top: bool = False
    """Managed as a thing of its own although it has a parent: a table in a schema (DESIGN section 5b)."""
    shared: bool = False
    """Several files may declare it alike: a schema that holds tables of two files."""
    optional: bool = False
    """Left as it is where nothing is said of it, unless all that is undeclared goes: an owner."""
    implicit: Callable[[R], bool] = _not_implicit
    """Every new database has it: never deleted just because nobody declares it."""
    default: Callable[[R], bool] = _not_implicit
    """A new database has one: left alone, and not told, unless it was managed."""
    retained: bool = False
    """Deleted only where the environment's removal policy destroys; elsewhere `forget` (DESIGN section 5b)."""

    def __post_init__(self) -> None:
        """Law 3 at import time: every mutable attribute is in a rule, and rules name nothing else."""
        roles = {a.name: a.role for a in attributes_of(self.resource)}
        covered = frozenset(name for r in self.rules for name in r.attributes)
        missing = sorted(n for n, role in roles.items() if role is Role.MUTABLE and n not in covered)
        surplus = sorted(n for n in covered if roles.get(n) is not Role.MUTABLE)
        if missing:
            raise TypeError(f"kind {self.name}: no rule covers {', '.join(missing)}")
        if surplus:
            raise TypeError(f"kind {self.name}: rules name {', '.join(surplus)}, not mutable attributes of it")
