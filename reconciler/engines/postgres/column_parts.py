"""What a column is made of beside its type: identity, generation, and what the server said about changing it."""

from __future__ import annotations

from typing import Any, NamedTuple

from reconciler.engines.postgres.quoting import fitting, ident, literal
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Place

LIMITS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


class Identity(NamedTuple):
    """An identity column's generation and its sequence's options, all of them resolved; `sequence` is the name of that,
    "" for the one that the server gives it.
    """

    generated: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    sequence: str = ""


class Generated(NamedTuple):
    """A generated column's expression; stored, or virtual (18)."""

    expression: Expr
    virtual: bool


class Facts(NamedTuple):
    """What the server itself says, found in a transaction that is rolled back.

    - `fast_default`: adding the column leaves the stored rows alone (atthasmissing); False where it rewrites.
    - `fast_null`: adding it without a default does; False for a domain with rules, whose values are all looked at.
    - `lets_null`: rows may go without a value of its type; a domain may refuse that, and have no default either.
    - `rewrites`: changing the live type to this one rewrites the table.
    - `using`: what the change needs as its USING clause, "" for nothing.
    - `castable`: there is a way from the live type to this one at all.
    - `blockers`: live checks and indexes that the server cannot take along to the new type.
    - `followers`: those that the server takes along to what is declared.
    - `reindexes`: changing it so builds plain indexes on the column again.
    - `sets_expression`: a generated column may get another expression (17 and later).
    - `not_null_name`: what the live NOT NULL constraint is called (18 and later).
    """

    fast_default: bool = True
    fast_null: bool = True
    rewrites: bool = True
    using: str = ""
    castable: bool = True
    blockers: tuple[Address, ...] = ()
    followers: tuple[Address, ...] = ()
    reindexes: bool = True
    not_null_name: str | None = None
    sets_expression: bool = True
    lets_null: bool = True


def generation(generated: Generated) -> str:
    """GENERATED ALWAYS AS."""
    return f"GENERATED ALWAYS AS ({generated.expression.source}) {'VIRTUAL' if generated.virtual else 'STORED'}"


def defaults(generated: str, kind: str, increment: int = 1) -> Identity:
    """The options a sequence of that type has when nothing is said (CREATE SEQUENCE documentation)."""
    limit = LIMITS.get(kind, LIMITS["bigint"])
    if increment > 0:
        return Identity(generated, 1, increment, 1, limit, 1, False)
    return Identity(generated, -1, increment, -limit - 1, -1, 1, False)


def sequence_name(table: str, column: str) -> str:
    """What the server calls the sequence of an identity column where that is free (parse_utilcmd.c)."""
    return fitting(table, column, suffix="_seq")


def lower_identity(node: Any, kind: str, place: Place, column: str = "") -> Identity | None:
    """`always`, `by_default`, or a mapping of options → all options resolved. Raises for a type without a sequence. A
    column that leaves its type, "", to the parents has the limits of a bigint until that is known.
    """
    if node is None:
        return None
    if kind and kind not in LIMITS:
        raise place.fail(f"an identity column is smallint, integer or bigint, not {kind}", "change the type", "type")
    said: dict[str, Any] = {"generated": node} if isinstance(node, str) else dict(node)
    generated = said.pop("generated", "by_default")
    if generated not in ("always", "by_default"):
        raise place.fail(f"identity is {generated!r}", "write always or by_default", "identity")
    base = defaults(generated, kind, said.get("increment", 1))
    minimum, maximum = said.pop("min", base.minimum), said.pop("max", base.maximum)
    start = said.pop("start", minimum if base.increment > 0 else maximum)
    cycle = bool(said.pop("cycle", False))
    name = said.pop("sequence_name", "")
    own = "" if name and name == sequence_name(place.parent[1], column) else name
    return base._replace(minimum=minimum, maximum=maximum, start=start, cycle=cycle, sequence=own, **said)


def following(identity: Identity, before: str, after: str) -> Identity:
    """What ALTER COLUMN TYPE makes of the options by itself: a limit of the old type becomes that of the new one."""
    if before == after or after not in LIMITS:
        return identity
    old, new = LIMITS[before], LIMITS[after]
    highest = new if identity.maximum == old else identity.maximum
    lowest = -new - 1 if identity.minimum == -old - 1 else identity.minimum
    return identity._replace(maximum=highest, minimum=lowest)


def lift_identity(identity: Identity, kind: str) -> Any:
    """The generation alone where every option is its default."""
    base = defaults(identity.generated, kind, identity.increment)
    said: dict[str, Any] = {"generated": identity.generated}
    first = identity.minimum if identity.increment > 0 else identity.maximum
    for word, value, default in (
        ("start", identity.start, first),
        ("increment", identity.increment, 1),
        ("min", identity.minimum, base.minimum),
        ("max", identity.maximum, base.maximum),
        ("cache", identity.cache, 1),
        ("cycle", identity.cycle, False),
        ("sequence_name", identity.sequence, ""),
    ):
        if value != default:
            said[word] = value
    return identity.generated if len(said) == 1 else said


def sequence_options(identity: Identity) -> str:
    """All options, as CREATE and ALTER SEQUENCE write them."""
    cycle = "CYCLE" if identity.cycle else "NO CYCLE"
    return (
        f"START WITH {identity.start} INCREMENT BY {identity.increment} MINVALUE {identity.minimum} "
        f"MAXVALUE {identity.maximum} CACHE {identity.cache} {cycle}"
    )


def render_identity(identity: Identity, kind: str) -> str:
    """GENERATED … AS IDENTITY, with options only where they differ from the defaults."""
    word = "ALWAYS" if identity.generated == "always" else "BY DEFAULT"
    options = [f"SEQUENCE NAME {ident(identity.sequence)}"] if identity.sequence else []
    if identity._replace(sequence="") != defaults(identity.generated, kind):
        options.append(sequence_options(identity))
    return f"GENERATED {word} AS IDENTITY" + (f" ({' '.join(options)})" if options else "")


def restarting(before: Identity, after: Identity) -> str:
    """RESTART, where a sequence that stands anywhere within its old limits would be outside the new ones.

    ALTER SEQUENCE refuses limits that the last value is not within; of limits that overlap it is the judge.
    """
    apart = before.maximum < after.minimum or after.maximum < before.minimum
    return f" RESTART WITH {after.start}" if apart else ""


def brought_within(name: str, old: Identity, new: Identity) -> list[str]:
    """A value outside narrower limits goes to the nearest that both old and new allow: ALTER SEQUENCE refuses it.

    `name` is that of the sequence, quoted. Where the limits do not overlap there is no such value: see `restarting`.
    """
    lowest, highest = max(old.minimum, new.minimum), min(old.maximum, new.maximum)
    if lowest > highest or (lowest == old.minimum and highest == old.maximum):
        return []
    nearest = f"setval({literal(name)}, greatest({lowest}, least({highest}, last_value)), false)"
    return [f"SELECT {nearest} FROM {name} WHERE last_value NOT BETWEEN {lowest} AND {highest}"]
