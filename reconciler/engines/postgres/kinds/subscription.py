"""Subscriptions: `subscriptions: {films: {connection: host=a dbname=films, publications: [films], enabled: false}}`.

One that is declared disabled never connects to its publisher, whatever a plan does with it: it is made with
`connect = false`, and forgets its slot before it is dropped. One that is declared enabled, as CREATE SUBSCRIPTION makes
them by default, connects when it is made and makes its slot and copies tables, and drops the slot when it goes; both
run outside transactions (CREATE and DROP SUBSCRIPTION documentation). Nothing else refreshes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.conninfo import without_secrets
from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.engines.postgres.subscription_parts import (
    SAID,
    SETTINGS,
    SINCE,
    SLOT,
    Subscription,
    altering,
    definition,
    detaching,
    statements,
    unusual,
    usual,
    usual_streaming,
    value_of,
)
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.step import Check, Draft, Operation, Phase

STREAMING = {True: "on", False: "off"}
TEXT = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "required": ["connection", "publications"],
    "properties": {
        "connection": {"type": "string", "description": "words of libpq (host=films dbname=films) without secrets"},
        "publications": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
        "enabled": {"type": "boolean"},
        "slot_name": {"type": ["string", "null"], "pattern": "^[a-z0-9_]{1,63}$", "description": "a slot, or null"},
        "binary": {"type": "boolean"},
        "streaming": {"enum": [True, False, "on", "off", "parallel"]},
        "two_phase": {"type": "boolean"},
        "disable_on_error": {"type": "boolean"},
        "synchronous_commit": TEXT,
        "origin": TEXT,
        "password_required": {"type": "boolean"},
        "run_as_owner": {"type": "boolean"},
        "failover": {"type": "boolean"},
    },
}


def lower(name: str, node: Any, place: Place) -> Subscription:
    """The words of CREATE SUBSCRIPTION; the slot has the name of the subscription where none is said."""
    try:
        connection, secret = without_secrets(node["connection"])
    except ValueError as error:
        raise place.fail(str(error), "connection: host=films dbname=films", "connection") from None
    if secret:
        message = f"the connection holds {', '.join(secret)}, which may be secret"
        raise place.fail(message, "set it on the server by hand: ALTER SUBSCRIPTION … CONNECTION", "connection")
    said = node.get("slot_name", name)
    slot = None if said == "none" and "slot_name" in node else said
    if slot is None and node.get("enabled", True):
        raise place.fail("without a slot it cannot be enabled", "name the slot, or say enabled: false", "slot_name")
    streaming = node.get("streaming", "")
    return Subscription(
        Address(place.service, place.engine, "subscription", (name,)),
        connection,
        tuple(node["publications"]),
        slot,
        streaming=STREAMING[streaming] if isinstance(streaming, bool) else streaming,
        **{n: node[n] for n in SAID if n in node},
    )


def lift(subscription: Subscription, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"connection": subscription.connection, "publications": list(subscription.publications)}
    if subscription.slot_name != subscription.address.name:
        node["slot_name"] = subscription.slot_name
    if subscription.streaming not in ("", subscription.usual_streaming):
        node["streaming"] = {"on": True, "off": False}.get(subscription.streaming, subscription.streaming)
    return node | dict(unusual(subscription))


def query(version: int) -> str:
    """Subscriptions of the database; what the version does not have is as it is by default."""
    streaming = (
        "CASE s.substream WHEN 'f' THEN 'off' WHEN 't' THEN 'on' ELSE 'parallel' END"
        if version >= 16
        else "CASE WHEN s.substream THEN 'on' ELSE 'off' END"
    )
    columns = {
        "two_phase": "s.subtwophasestate <> 'd'",
        "disable_on_error": "s.subdisableonerr",
        "origin": "s.suborigin",
        "password_required": "s.subpasswordrequired",
        "run_as_owner": "s.subrunasowner",
        "failover": "s.subfailover",
    }
    known = [c if version >= SINCE[n] else _constant(usual(n)) for n, c in columns.items()]
    return f"""
        SELECT s.oid, s.subname, s.subconninfo, s.subpublications, s.subslotname::text, s.subenabled, s.subbinary,
               {streaming}, s.subsynccommit, {", ".join(known)}
        FROM pg_subscription s WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        {"AND s.subserver = 0" if version >= 19 else ""} ORDER BY s.subname"""


def _constant(value: bool | str) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Subscription]:
    """Rows of `query` → Subscription. A connection that cannot be read is taken for secret as a whole."""
    for oid, name, text, publications, slot, enabled, binary, streaming, commit, *others in rows:
        address = reader.known("pg_subscription", oid, Address(reader.service, "postgres", "subscription", (name,)))
        try:
            connection, secrets = without_secrets(text)
        except ValueError:
            connection, secrets = "", ("connection",)
        yield Subscription(
            address,
            connection,
            tuple(publications),
            slot,
            enabled,
            binary,
            streaming,
            synchronous_commit=commit,
            secrets=secrets,
            usual_streaming=usual_streaming(reader.version),
            **dict(zip(SINCE, others, strict=True)),
        )


def adopts(declared: Subscription, live: Subscription) -> Subscription:
    """What is not said of streaming is as the server has it by default."""
    default = live.usual_streaming
    return replace(declared, streaming=declared.streaming or default, usual_streaming=default)


def _dropping(subscription: Subscription) -> Operation:
    if subscription.enabled:
        return alone(f"DROP SUBSCRIPTION {ident(subscription.address.name)}")
    return sql(*detaching(subscription.address.name, False, subscription.slot_name is not None))


def _left(subscription: Subscription) -> str:
    return (
        f"the slot {subscription.slot_name} stays at the publisher, if it is there, and keeps the log from being"
        " removed until somebody drops it"
    )


def _lost(subscription: Subscription) -> tuple[Hazard, ...]:
    """The words that a declaration cannot bring back."""
    if not subscription.secrets:
        return ()
    words = ", ".join(subscription.secrets)
    return (hazard(Code.DELETES_DATA, f"{words} of the connection is lost: set it by hand once more"),)


def create(change: Change[Subscription], context: Context) -> list[Draft]:
    """Disabled it connects to nobody. Raises UnsupportedChange where there is one that the role may not read."""
    subscription, name = change.desired, change.address.name
    if any(u.address == change.address for u in context.live.unmanaged):
        raise UnsupportedChange(
            f"{change.address} is there, and its connection cannot be read",
            hint="connect as a member of pg_read_all_data",
            where=context.desired.origin(change.address),
        )
    made = definition(subscription, subscription.enabled)
    slot = subscription.slot_name
    follows = (
        hazard(Code.MAY_FAIL, f"it connects to the publisher, makes the slot {slot} there and starts to copy tables"),
        hazard(Code.SECURITY, "what is written at the publisher changes tables here from now on"),
    )
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create subscription {name}",
            alone(made) if subscription.enabled else sql(made),
            hazards=follows if subscription.enabled else (),
            done=(Check(change.address),),
            undo=(_dropping(subscription),),
            provides=True,
        )
    ]


def drop(change: Change[Subscription], _context: Context) -> list[Draft]:
    """Nothing tells again how far it had come."""
    live, name = change.live, change.address.name
    messages = [f"{', '.join(live.publications)} is followed no longer, and how far {name} had come is forgotten"]
    if live.enabled:
        messages.append(f"it connects to the publisher and drops the slot {live.slot_name} there")
    elif live.slot_name is not None:
        messages.append(_left(live))
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop subscription {name}",
            _dropping(live),
            hazards=tuple(hazard(Code.OLD_READERS, m) for m in messages),
            done=(Check(change.address, present=False),),
            removes=True,
        )
    ]


def anew(change: Change[Subscription], _context: Context) -> list[Draft]:
    """Dropped and made in one transaction, without a word to the publisher."""
    live, desired = change.live, change.desired
    name = change.address.name
    enabling = [f"{altering(name)} ENABLE"] if desired.enabled else []
    message = f"how far {name} had come is forgotten, and which tables it had copied; its slot keeps its own settings"
    return [
        Draft(
            "replace",
            Phase.CONTRACT,
            f"replace subscription {name}",
            sql(*detaching(name, live.enabled, live.slot_name is not None), definition(desired, False), *enabling),
            hazards=(hazard(Code.DELETES_DATA, message), *_lost(live)),
            done=became(change),
            provides=True,
        )
    ]


def replaces(change: Change[Subscription]) -> bool:
    """What concerns the slot is changed there by the server itself, which a disabled one does not ask for."""
    return change.changed(*SLOT) and not (change.live.enabled and change.desired.enabled)


def alter(change: Change[Subscription], context: Context) -> list[Draft]:
    """What takes something away, or leads elsewhere, is contract. No table is refreshed: that is for somebody to do."""
    live, desired = change.live, change.desired
    less = (live.enabled and not desired.enabled) or any(p not in desired.publications for p in live.publications)
    elsewhere = change.changed("connection") or (change.changed("slot_name") and live.slot_name is not None)
    version = context.server.version[0]
    lost = _lost(live) if change.changed("connection") else ()
    back = sql(*statements(desired, live, version))
    what = ", ".join(a.name for a in change.attributes if a.name not in SLOT)
    return [
        Draft(
            "alter",
            Phase.CONTRACT if less or elsewhere else Phase.EXPAND,
            f"change subscription {change.address.name}: {what}",
            sql(*statements(live, desired, version)),
            hazards=(*_hazards(change), *lost),
            done=became(change, *SLOT),
            undo=None if lost else (back,),
        )
    ]


def _hazards(change: Change[Subscription]) -> Iterable[Hazard]:
    live, desired = change.live, change.desired
    name = change.address.name
    if desired.enabled and not live.enabled:
        yield hazard(Code.SECURITY, f"what is written at the publisher changes tables here once {name} is enabled")
    if desired.enabled and change.changed("enabled", "publications", "connection"):
        message = f"tables that {name} does not know yet wait for ALTER SUBSCRIPTION {ident(name)} REFRESH PUBLICATION"
        yield hazard(Code.OLD_READERS, message)
    off = live.enabled and not desired.enabled
    if off:
        yield hazard(Code.OLD_READERS, "nothing comes from the publisher any more")
    if live.slot_name is not None and (off or change.changed("slot_name")):
        yield hazard(Code.OLD_READERS, _left(live))


def set_slot(change: Change[Subscription], context: Context) -> list[Draft]:
    """Off, changed here and at the publisher outside a transaction, on again (ALTER SUBSCRIPTION documentation).

    Raises UnsupportedChange where the version cannot: two_phase from 18 on, failover from 17 on.
    """
    live, desired, name = change.live, change.desired, change.address.name
    changed = [n for n in SLOT if getattr(live, n) != getattr(desired, n)]
    if context.server.version < (18 if "two_phase" in changed else 17,):
        raise UnsupportedChange(
            f"{change.address}: {', '.join(changed)} cannot be changed while it is enabled",
            hint="declare it with enabled: false first; the slot has to be made again then",
            where=context.desired.origin(change.address),
        )
    start = altering(name)

    def draft(slot: str, title: str, operation: Operation, back: Operation, **shown: bool) -> Draft:
        done = shows(change.address, *shown.items())
        return Draft(slot, Phase.CONTRACT, f"{title} subscription {name}", operation, done=done, undo=(back,))

    on, off = sql(f"{start} ENABLE"), sql(f"{start} DISABLE")
    made = [
        draft(
            f"set {n}",
            f"set {n} of",
            alone(f"{start} SET ({value_of(n, getattr(desired, n))})"),
            alone(f"{start} SET ({value_of(n, getattr(live, n))})"),
            **{n: getattr(desired, n)},
        )
        for n in changed
    ]
    return [
        draft("disable", "disable", off, on, enabled=False),
        *made,
        draft("enable", "enable", on, off, enabled=True),
    ]


KIND = PgKind(
    name="subscription",
    resource=Subscription,
    section="subscriptions",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    right="has_column_privilege('pg_subscription', 'subconninfo', 'SELECT')",
    read=read,
    adopts=adopts,
    create=create,
    drop=drop,
    replace=anew,
    replaces=replaces,
    rules=(
        rule("connection", "publications", "enabled", *SETTINGS, emit=alter),
        rule(*SLOT, emit=set_slot),
    ),
    order=96,
)
