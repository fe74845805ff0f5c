"""Subscriptions as resources, and the statements that make them, change them and drop them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.quoting import ident, literal
from reconciler.model.resource import Resource, Role, attr


@dataclass(frozen=True, slots=True)
class Subscription(Resource):
    """Path: (name,). It belongs to the database. `connection` has no secret words; `slot_name` None is none.

    `streaming`: off, on or parallel, "" where a declaration leaves it to the server. `secrets`: names of the words that
    the live connection has besides. `usual_streaming`: what the server takes where nothing is said.
    """

    connection: str
    publications: tuple[str, ...]
    slot_name: str | None
    enabled: bool = True
    binary: bool = False
    streaming: str = ""
    two_phase: bool = False
    disable_on_error: bool = False
    synchronous_commit: str = "off"
    origin: str = "any"
    password_required: bool = True
    run_as_owner: bool = False
    failover: bool = False
    secrets: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="secrets have no place in a declaration", default=())
    usual_streaming: str = attr(Role.INFORMATIONAL, reason="follows from the server's version", default="")


SLOT = ("two_phase", "failover")
"""What the slot at the publisher has to agree with: the server changes it there too, or not at all."""
SETTINGS = (
    "slot_name", "binary", "streaming", "disable_on_error", "synchronous_commit", "origin", "password_required",
    "run_as_owner",
)  # fmt: skip
"""What ALTER SUBSCRIPTION … SET changes, whether it is enabled or not."""
SINCE = {
    "two_phase": 15,
    "disable_on_error": 15,
    "origin": 16,
    "password_required": 16,
    "run_as_owner": 16,
    "failover": 17,
}
"""The version that what did not come with subscriptions themselves came with (release notes)."""
SAID = ("enabled", "binary", *SINCE, "synchronous_commit")
"""What stands in a declaration as it stands in the resource."""


def unusual(subscription: Subscription) -> Iterable[tuple[str, Any]]:
    """(name, value) of what differs from the defaults, of SAID."""
    said = ((n, getattr(subscription, n)) for n in SAID)
    return ((n, value) for n, value in said if value != usual(n))


def usual(name: str) -> Any:
    """The default of CREATE SUBSCRIPTION for one of SAID."""
    return Subscription.__dataclass_fields__[name].default


def usual_streaming(version: int) -> str:
    """What CREATE SUBSCRIPTION takes where nothing is said."""
    return "parallel" if version >= 18 else "off"


def too_new(subscription: Subscription, version: int) -> Iterable[tuple[str, int]]:
    """What is said of it and came with a later version: (words, version)."""
    for name, since in SINCE.items():
        if version < since and getattr(subscription, name) != usual(name):
            yield name, since
    if version < 16 and subscription.streaming == "parallel":
        yield "streaming: parallel", 16


def value_of(name: str, value: Any) -> str:
    """`name = value` as a parameter; None is NONE."""
    if value is None:
        return f"{name} = NONE"
    return f"{name} = {str(value).lower()}" if isinstance(value, bool) else f"{name} = {literal(value)}"


def _publications(subscription: Subscription) -> str:
    return ", ".join(map(ident, subscription.publications))


def definition(subscription: Subscription, connect: bool) -> str:
    """CREATE SUBSCRIPTION; one that does not connect is not enabled."""
    name = subscription.address.name
    said = [] if connect else ["connect = false"]
    if subscription.slot_name != name:
        said.append(value_of("slot_name", subscription.slot_name))
    if subscription.streaming not in ("", subscription.usual_streaming):
        said.append(value_of("streaming", subscription.streaming))
    said += [value_of(n, value) for n, value in unusual(subscription) if n != "enabled"]
    options = f" WITH ({', '.join(said)})" if said else ""
    return (
        f"CREATE SUBSCRIPTION {ident(name)} CONNECTION {literal(subscription.connection)}"
        f" PUBLICATION {_publications(subscription)}{options}"
    )


def altering(name: str) -> str:
    """The words before what is altered."""
    return f"ALTER SUBSCRIPTION {ident(name)}"


def detaching(name: str, enabled: bool, slot: bool) -> list[str]:
    """Drop a subscription without a word to its publisher, where the slot stays."""
    start = altering(name)
    return [
        *([f"{start} DISABLE"] if enabled else []),
        *([f"{start} SET (slot_name = NONE)"] if slot else []),
        f"DROP SUBSCRIPTION {ident(name)}",
    ]


def statements(before: Subscription, after: Subscription, version: int) -> list[str]:
    """From one to the other, but for what concerns the slot at the publisher; all may run in a transaction."""
    start = altering(after.address.name)
    said = [f"{start} DISABLE"] if before.enabled and not after.enabled else []
    if before.connection != after.connection:
        said.append(f"{start} CONNECTION {literal(after.connection)}")
    if before.publications != after.publications:
        said.append(f"{start} SET PUBLICATION {_publications(after)} WITH (refresh = false)")
    options = [
        value_of(n, getattr(after, n) or (usual_streaming(version) if n == "streaming" else getattr(after, n)))
        for n in SETTINGS
        if getattr(before, n) != getattr(after, n)
    ]
    if options:
        said.append(f"{start} SET ({', '.join(options)})")
    return [*said, f"{start} ENABLE"] if after.enabled and not before.enabled else said
