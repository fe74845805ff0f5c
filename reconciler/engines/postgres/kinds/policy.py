"""Policies: `policies: {own_rows: {command: select, to: [app], using: owner = current_user}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.constraint_parts import (
    gone_with_table,
    in_new_table,
    table_address,
    table_name,
    table_path,
)
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.row_level_security import RowLevelSecurity
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import dropped
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.roles import role
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref

COMMANDS = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}
EVERYBODY = ("public",)


@dataclass(frozen=True, slots=True)
class Policy(Resource):
    """Path: (schema, table, name). `to` is sorted."""

    command: str = attr(Role.REPLACE, default="all")
    restrictive: bool = attr(Role.REPLACE, default=False)
    to: tuple[str, ...] = EVERYBODY
    using: Expr | None = None
    with_check: Expr | None = None


CONDITION = {"type": "string", "minLength": 1}
SPEC = {
    "type": ["object", "null"],
    "properties": {
        "command": {"enum": list(COMMANDS.values())},
        "restrictive": {"type": "boolean"},
        "to": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        "using": CONDITION,
        "with_check": CONDITION,
    },
}


def lower(name: str, node: Any, place: Place) -> Policy:
    """The words of CREATE POLICY with its defaults: permissive, for all commands, to public."""
    node = node or {}
    command = node.get("command", "all")
    if "using" in node and command == "insert":
        raise place.fail("a policy for insert has no 'using'", "write 'with_check'", "using")
    if "with_check" in node and command in ("select", "delete"):
        raise place.fail(f"a policy for {command} has no 'with_check'", "write 'using'", "with_check")
    return Policy(
        place.address("policy", name),
        command,
        bool(node.get("restrictive", False)),
        tuple(sorted(node.get("to", EVERYBODY))),
        Expr(node["using"]) if "using" in node else None,
        Expr(node["with_check"]) if "with_check" in node else None,
    )


def lift(policy: Policy, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {} if policy.command == "all" else {"command": policy.command}
    if policy.restrictive:
        node["restrictive"] = True
    if policy.to != EVERYBODY:
        node["to"] = list(policy.to)
    if policy.using is not None:
        node["using"] = policy.using.source
    if policy.with_check is not None:
        node["with_check"] = policy.with_check.source
    return node


def query(_version: int) -> str:
    """Policies of the tables in scope."""
    return """
        SELECT p.polrelid, p.polname, p.polcmd::text, NOT p.polpermissive,
               ARRAY(SELECT CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) r),
               pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = ANY (%(namespaces)s)
        ORDER BY p.polrelid, p.polname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Policy]:
    """Rows of `query` → Policy."""
    for table, name, command, restrictive, roles, using, check in rows:
        path = reader.tables.get(table)
        if path is not None:
            yield Policy(
                reader.address("policy", *path, name),
                COMMANDS[command],
                restrictive,
                tuple(sorted(roles)),
                Expr.live(using) if using is not None else None,
                Expr.live(check) if check is not None else None,
            )


def _condition(policy: Policy) -> str:
    using = f" USING ({policy.using.source})" if policy.using else ""
    return using + (f" WITH CHECK ({policy.with_check.source})" if policy.with_check else "")


def _to(policy: Policy) -> str:
    return f" TO {', '.join(map(role, policy.to))}"


def definition(policy: Policy, table: str = "") -> str:
    """CREATE POLICY."""
    text = f"CREATE POLICY {ident(policy.address.name)} ON {table or table_name(policy.address)}"
    text += " AS RESTRICTIVE" if policy.restrictive else ""
    text += f" FOR {policy.command.upper()}" if policy.command != "all" else ""
    text += _to(policy) if policy.to != EVERYBODY else ""
    return text + _condition(policy)


def temporary(policy: Policy) -> str:
    """The policy on the temporary twin of its table."""
    return definition(policy, f"pg_temp.{ident(policy.address.path[1])}")


def mentions(policy: Policy, catalog: Catalog) -> Iterable[Address]:
    """The table's own columns, and whatever else the conditions may use."""
    text = "\n".join(e.source for e in (policy.using, policy.with_check) if e is not None)
    bare = policy.address.path[1]
    yield from mentioned(f"{text}\n{ident(policy.address.path[0])}.{ident(bare)}", catalog)


def _hazards(change: Change[Policy], context: Context, what: str) -> tuple[Hazard, ...]:
    """Only where the table is there and its policies hold, before or after."""
    table = table_address(change.address)
    security = table.sibling("row_level_security", table.path)
    before = context.live.get(security, RowLevelSecurity)
    if context.creates(table) or before is None or not before.enabled:
        return ()
    return (hazard(Code.SECURITY, what),)


def _holds(change: Change[Policy], context: Context) -> bool:
    found = context.live.get(change.address.sibling("row_level_security", change.address.path[:2]), RowLevelSecurity)
    return found is not None and found.enabled


def create(change: Change[Policy], context: Context) -> list[Draft]:
    """Lets more through, or where it restricts, less; without row level security it does nothing yet (row 71)."""
    policy = change.desired
    name, table = change.address.name, ".".join(change.address.path[:2])
    tightens = policy.restrictive and _holds(change, context) and not in_new_table(change, context)
    effect = "hides or refuses rows" if policy.restrictive else "lets rows through"
    return [
        Draft(
            "create",
            Phase.CONTRACT if tightens else Phase.EXPAND,
            f"create policy {name} on {table}",
            sql(definition(policy)),
            locks=access_exclusive(table_path(change.address)),
            hazards=_hazards(change, context, f"{name} {effect} of {table}"),
            done=(Check(change.address),),
            undo=(sql(_drop(policy)),),
            provides=True,
        )
    ]


def _drop(policy: Policy) -> str:
    return f"DROP POLICY {ident(policy.address.name)} ON {table_name(policy.address)}"


def drop(change: Change[Policy], context: Context) -> list[Draft]:
    """After row level security itself, where that goes too: nobody is shut out in between."""
    name, table = change.address.name, ".".join(change.address.path[:2])
    security = change.address.sibling("row_level_security", change.address.path[:2])
    off = context.changes.get(security)
    first = off is not None and (off.after is None or not getattr(off.after, "enabled", True))
    first = first and not context.deletes(table_address(change.address))
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop policy {name} of {table}",
            sql(_drop(change.live)),
            locks=access_exclusive(table_path(change.address)),
            hazards=_hazards(change, context, f"{name} no longer {_effect(change.live)} of {table}"),
            done=(Check(change.address, present=False),),
            undo=(sql(definition(change.live)),),
            requires=(Ref(security),) if first else (),
        )
    ]


def _effect(policy: Policy) -> str:
    return "hides or refuses rows" if policy.restrictive else "lets rows through"


def replace(change: Change[Policy], context: Context) -> list[Draft]:
    """Old out and new in by one transaction: never a moment without."""
    name, table = change.address.name, ".".join(change.address.path[:2])
    return [
        Draft(
            "replace",
            Phase.CONTRACT,
            f"replace policy {name} of {table}",
            sql(_drop(change.live), definition(change.desired)),
            locks=access_exclusive(table_path(change.address)),
            hazards=_hazards(change, context, f"{name} of {table} means something else"),
            done=became(change),
            undo=(sql(_drop(change.live), definition(change.live)),),
            provides=True,
        )
    ]


def rebuild(change: Change[Policy], context: Context) -> list[Draft]:
    """It goes before what it uses is changed and comes again after, in one transaction."""
    name, table = change.address.name, ".".join(change.address.path[:2])
    locks = access_exclusive(table_path(change.address))
    return [
        dropped(
            change,
            f"policy {name} of {table} for the time of the change",
            _drop(change.live),
            definition(change.live),
            locks=locks,
        ),
        Draft(
            "create",
            Phase.CONTRACT,
            f"create policy {name} on {table} again",
            sql(definition(change.desired)),
            locks=locks,
            hazards=_hazards(change, context, f"{name} of {table} means something else") if change.attributes else (),
            done=became(change) or (Check(change.address),),
            undo=(sql(_drop(change.desired)),),
            provides=True,
        ),
    ]


def replaces(change: Change[Policy]) -> bool:
    """ALTER POLICY cannot take a condition away."""
    live, desired = change.live, change.desired
    return bool((live.using and not desired.using) or (live.with_check and not desired.with_check))


def alter(change: Change[Policy], context: Context) -> list[Draft]:
    """ALTER POLICY; the way back takes a condition away where there was none."""
    name, table = change.address.name, ".".join(change.address.path[:2])
    live, desired = change.live, change.desired

    def action(before: Policy, after: Policy) -> str:
        to = _to(after) if before.to != after.to else ""
        same = (before.using, before.with_check) == (after.using, after.with_check)
        return f"ALTER POLICY {ident(name)} ON {table_name(after.address)}{to}{'' if same else _condition(after)}"

    back = bool((desired.using and not live.using) or (desired.with_check and not live.with_check))
    return [
        Draft(
            "alter",
            Phase.CONTRACT,
            f"change policy {name} of {table}",
            sql(action(live, desired)),
            locks=access_exclusive(table_path(change.address)),
            hazards=_hazards(change, context, f"{name} of {table} means something else"),
            done=became(change),
            undo=(sql(_drop(live), definition(live)) if back else sql(action(desired, live)),),
            provides=True,
        )
    ]


def absorbed(change: Change[Policy], context: Context) -> bool:
    """Gone with its table."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="policy",
    resource=Policy,
    section="policies",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    mentions=mentions,
    absorbed=absorbed,
    create=create,
    drop=drop,
    replace=replace,
    rebuild=rebuild,
    replaces=replaces,
    rules=(rule("to", "using", "with_check", emit=alter),),
    temporary=temporary,
    piece=True,
    bound=True,
    parent="table",
    order=78,
)
