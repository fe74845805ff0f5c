"""What every declaration of a Neo4j object says alike: its name, what elements it is for, and which properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.engines.neo4j.kind import OWN, OWN_LABELS
from reconciler.engines.neo4j.render import NODE, RELATIONSHIP, kept, refusal, shortened
from reconciler.model.address import Address
from reconciler.model.kind import Place

NAME = {"type": "string", "minLength": 1}
NAMES = {
    "type": ["string", "array"],
    "minLength": 1,
    "minItems": 1,
    "items": NAME,
    "description": "one name, or a list of names in order",
}

DIFFERING = {
    "enum": ["stop", "new", "old"],
    "description": "which value counts where both were written: new, old, or stop and tell",
}
ANY_NAME = {
    "enum": ["any"],
    "description": "'any': what is there for the same label and properties will do, whatever its name",
}
ANY_NAME_REASON = "says what to compare it with, and is nothing of the object itself"


def former(address: Address, text: str) -> Address | None:
    """The address that `renamed_from: TEXT` means; None for a name that nothing can have."""
    return None if refusal(text) or not kept(text) else address.sibling(address.kind, (text,))


def named(name: str, place: Place) -> None:
    """Raises through `place.fail` when a constraint or an index cannot have this name."""
    reason = refusal(name) or (None if kept(name) else "Neo4j cuts off white space at its ends")
    if reason is not None:
        raise place.fail(f"the name '{shortened(name)}' cannot be used: {reason}", "choose another name")
    if name == OWN:
        raise place.fail(f"the name '{shortened(name)}' is kept for reconcile itself", "choose another name")


def elements(node: dict[str, Any], place: Place, *, many: bool) -> tuple[str, tuple[str, ...]]:
    """`node` or `relationship`, and the labels or types; with `many` also in the plural with a list.

    Raises through `place.fail` unless exactly one of the keys is there.
    """
    keys = [(NODE, NODE), (RELATIONSHIP, RELATIONSHIP)]
    if many:
        keys += [("nodes", NODE), ("relationships", RELATIONSHIP)]
    said = [(key, element) for key, element in keys if key in node]
    if len(said) != 1:
        allowed = " or ".join(key for key, _ in keys)
        found = "it says " + " and ".join(key for key, _ in said) if said else "it says none of them"
        raise place.fail(f"what elements this is for is not clear: {found}", f"exactly one of: {allowed}")
    key, element = said[0]
    labels = listed(node[key], place, key)
    if own := set(labels) & set(OWN_LABELS):
        raise place.fail(f"the label {min(own)} is reconcile's own", "choose another label", key)
    return element, labels


def labelled(name: str, place: Place, *pointer: str) -> str:
    """The name of a label, a type or a property. Raises through `place.fail` for one that Neo4j refuses or is ours."""
    reason = refusal(name) or ("it is reconcile's own" if name in OWN_LABELS or name.startswith("_reconcile") else None)
    if reason is not None:
        raise place.fail(f"the name '{shortened(name)}' cannot be used: {reason}", "choose another name", *pointer)
    return name


def listed(value: str | Sequence[str], place: Place, key: str) -> tuple[str, ...]:
    """One name or several as a tuple. Raises through `place.fail` for a name Neo4j refuses, and for a repeated one."""
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if (reason := refusal(name)) is not None:
            raise place.fail(f"the name '{shortened(name)}' cannot be used: {reason}", "choose another name", key)
    if len(set(names)) != len(names):
        raise place.fail(f"{key!r} names something twice", "name each once", key)
    return names


def shortest(names: tuple[str, ...]) -> str | list[str]:
    """The inverse of `listed`: a single name needs no list."""
    return names[0] if len(names) == 1 else list(names)
