"""Check constraints: `checks: {amount_positive: amount > 0}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import check_families, check_words, inheritance, parents_changed
from reconciler.engines.postgres.column_types import OUT, follows, hinders
from reconciler.engines.postgres.constraint_parts import (
    absorbed_by_table,
    column_addresses,
    dropped_with_column,
    in_new_table,
    only_new_columns,
    table_address,
    table_name,
    table_path,
)
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance_changes import (
    handed_down,
    inherited,
    rows_of,
    shared_parents,
    spread,
)
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.mentions import mentioned, of_expression
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check as StepCheck
from reconciler.model.step import Draft, Phase, Probe, Ref


@dataclass(frozen=True, slots=True)
class Check(Resource):
    """Path: (schema, table, name). `columns` are those the expression reads, once the server has said so.

    `enforced` False (18 and later): rows are never checked. `local`: the table has it by itself, not only from parents.
    """

    expression: Expr = attr(Role.REPLACE)
    no_inherit: bool = attr(Role.REPLACE, default=False)
    validated: bool = True
    enforced: bool = attr(Role.REPLACE, default=True)
    local: bool = True
    columns: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="follows from the expression", default=())
    lets_null: bool = attr(Role.INFORMATIONAL, reason="what the server says of rows without values", default=False)
    said: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="how it is declared, not what", default=())
    of_old_rows: bool = attr(Role.INFORMATIONAL, reason="it makes sense before columns get new types", default=True)


SPEC = {
    "type": ["string", "object"],
    "description": "an SQL condition, or a mapping with 'check' and more",
    "properties": {
        "check": {"type": "string", "minLength": 1},
        "no_inherit": {"type": "boolean"},
        "validated": {"type": "boolean"},
        "enforced": {"type": "boolean"},
    },
}


def lower(name: str, node: Any, place: Place) -> Check:
    """A condition; a mapping says more. Without a condition it says what is otherwise than with the parents."""
    said = tuple(w for w in ("validated", "enforced") if isinstance(node, dict) and "check" not in node and w in node)
    return Check(place.address("check", name), *check_words.lower(node), said=said)


def lift(check: Check, catalog: Catalog) -> Any:
    """The condition where that says all; where a parent says it, what is otherwise here."""
    above = inheritance.base(check, catalog) if not check.local else None
    if above is None:
        return check_words.lift(check)
    return {w: getattr(check, w) for w in ("validated", "enforced") if getattr(check, w) != getattr(above, w)}


def query(version: int) -> str:
    """Check constraints of the tables in scope."""
    enforced = "k.conenforced" if version >= 18 else "true"
    return f"""
        SELECT k.conrelid, k.conname, pg_get_expr(k.conbin, k.conrelid), k.connoinherit, k.convalidated, k.conkey,
               {enforced}, k.conislocal
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'c' AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY k.conrelid, k.conname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Check]:
    """(table, name, expression, no inherit, validated, column numbers, enforced, local) → Check."""
    for table, name, expression, no_inherit, validated, numbers, enforced, local in rows:
        path = reader.tables.get(table)
        if path is not None:
            used = reader.names(table, [n for n in numbers or () if n > 0])
            address = reader.address("check", *path, name)
            yield Check(address, Expr.live(expression), no_inherit, validated, enforced, local, used)


def clause(check: Check, valid: bool = True) -> str:
    """The table constraint, with its name."""
    return check_words.clause(check.address.name, check, valid)


def temporary(check: Check) -> str:
    """The constraint on the temporary twin of its table."""
    return f"ALTER TABLE pg_temp.{ident(check.address.path[1])} ADD {clause(check)}"


def references(check: Check, _catalog: Catalog) -> Iterable[Address]:
    """The columns it reads, as far as the server was asked."""
    return column_addresses(check.address, check.columns)


def mentions(check: Check, catalog: Catalog) -> Iterable[Address]:
    """Functions, types and operators in the condition."""
    return of_expression(check.expression.source, catalog)


def apart(check: Check, catalog: Catalog) -> bool:
    """Whether a function that it calls takes rows of its table: made after the table, and the check after that."""
    from reconciler.engines.postgres.routine_changes import references as needs
    from reconciler.engines.postgres.routine_parts import Routine

    table, text = table_address(check.address), check.expression.source
    if "(" not in text:
        return False
    called = (catalog.resources[a] for a in mentioned(text, catalog, kinds=("function",)))
    return any(table in needs(routine, catalog) for routine in called if isinstance(routine, Routine))


def absorbed(change: Change[Check], context: Context) -> bool:
    """Part of the table unless it starts out not valid; gone with a column of it; or changed along with its type."""
    if follows(change, context):
        return True
    if dropped_with_column(change, change.before.columns if change.before else (), context):
        return True
    if check_families.apart(change, context) or check_families.unchecked_above(change, context):
        return False
    if handed_down(change, context):
        return True
    if change.after is not None and change.after.local and change.after.enforced and not change.after.validated:
        return False
    if change.after is not None and apart(change.after, context.desired):
        return False
    return absorbed_by_table(change, context)


def create(change: Change[Check], context: Context) -> list[Draft]:
    """NOT VALID at once, VALIDATE in a transaction of its own: no scan under AccessExclusive (rows 37 and 38)."""
    check = change.desired
    if above := check_families.unchecked_above(change, context):
        return [dataclasses.replace(_validation(check, Phase.EXPAND), requires=tuple(map(Ref, above)))]
    easy = (
        not check.enforced
        or in_new_table(change, context)
        or (check.lets_null and only_new_columns(change, check.columns, context))
    )
    return check_families.after_children(
        _add(change, context, Phase.EXPAND if easy else Phase.CONTRACT, ""), change, context
    )


def replace(change: Change[Check], context: Context) -> list[Draft]:
    """Old out and new in by one ALTER: writers are never unchecked; unless a column changes its type in between."""
    if hinders(change, context):
        out = dataclasses.replace(drop(change, context)[0], slot=OUT, removes=True, hazards=())
        return [out, *_add(change, context, Phase.CONTRACT, "")]
    return _add(change, context, Phase.CONTRACT, f"DROP CONSTRAINT {ident(change.address.name)}, ")


def _add(change: Change[Check], context: Context, phase: Phase, first: str) -> list[Draft]:
    check, table = change.desired, table_name(change.address)
    name = change.address.name
    refused = hazard(Code.OLD_WRITERS, f"a row that is not {check.expression.source} is refused from here on")
    if not check.enforced:
        refused = hazard(Code.LOOSENS, f"rows that are not {check.expression.source} are let in")
    back = f"DROP CONSTRAINT {ident(name)}" + (
        f", ADD {clause(change.before, change.before.validated)}" if change.before and first else ""
    )
    drafts = [
        Draft(
            "add",
            phase,
            f"{'check new rows of' if check.enforced else 'do not check'} {change.address.path[1]} by {name}",
            sql(f"ALTER TABLE {table} {first}ADD {clause(check, valid=False)}"),
            locks=access_exclusive(table_path(change.address)),
            hazards=() if phase is Phase.EXPAND else (refused,),
            probes=(violations(check, context),) if check.validated and check.of_old_rows else (),
            done=became(change, *(("validated",) if check.validated else ())),
            undo=(sql(f"ALTER TABLE {table} {back}"),),
            requires=freed(change, context),
            provides=True,
        )
    ]
    return [*drafts, _validation(check, phase)] if check.validated else drafts


def rebuild(change: Change[Check], _context: Context) -> list[Draft]:
    """In one transaction with what forces it, so rows are looked at once, under its lock."""
    check, live, table = change.desired, change.live, table_name(change.address)
    name = change.address.name
    slow = hazard(Code.SCAN_UNDER_LOCK, f"{table} is read from end to end, for {name}")
    gone = Draft(
        "remove",
        Phase.EXPAND,
        f"take check {name} of {change.address.path[1]} away",
        sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),
        locks=access_exclusive(table_path(change.address)),
        undo=(sql(f"ALTER TABLE {table} ADD {clause(live, live.validated)}"),),
        removes=True,
    )
    back = Draft(
        "add",
        Phase.EXPAND,
        f"check rows of {change.address.path[1]} by {name} again",
        sql(f"ALTER TABLE {table} ADD {clause(check, check.validated)}"),
        locks=access_exclusive(table_path(change.address)),
        hazards=(slow,) if check.validated else (),
        done=(StepCheck(change.address),),
        undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),),
        provides=True,
    )
    return [gone, back]


def violations(check: Check, context: Context) -> Probe:
    """Finds rows that break the condition."""
    table = table_name(check.address)
    return Probe(
        f"rows of {table} break {check.address.name}",
        f"SELECT ctid::text FROM {rows_of(check.address, context)} WHERE NOT ({check.expression.source})",
    )


def _validation(check: Check, phase: Phase) -> Draft:
    return Draft(
        "validate",
        phase,
        f"check the rows that are in {check.address.path[1]} by {check.address.name}",
        sql(f"ALTER TABLE {table_name(check.address)} VALIDATE CONSTRAINT {ident(check.address.name)}"),
        locks=share_update_exclusive(table_path(check.address)),
        done=(StepCheck(check.address, attributes=(("validated", True),)),),
        undo=(),
        reads=table_address(check.address),
    )


def set_validated(change: Change[Check], context: Context) -> list[Draft]:
    """VALIDATE; the way back to NOT VALID is a new constraint."""
    if change.desired.validated:
        back = f"DROP CONSTRAINT {ident(change.address.name)}, ADD {clause(change.live, valid=False)}"
        undo = sql(f"ALTER TABLE {table_name(change.address)} {back}")
        probes = (violations(change.desired, context),)
        return [dataclasses.replace(_validation(change.desired, Phase.CONTRACT), probes=probes, undo=(undo,))]
    return replace(change, context)


def drop(change: Change[Check], context: Context) -> list[Draft]:
    """Instant; loosens (row 40). A child's own comes after the parent's, which holds it."""
    check, table = change.live, table_name(change.address)
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop check {change.address.name} of {change.address.path[1]}",
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(change.address.name)}"),
            locks=access_exclusive(table_path(change.address)),
            hazards=(hazard(Code.LOOSENS, f"rows that are not {check.expression} are let in"),),
            done=(StepCheck(change.address, present=False),),
            undo=(sql(f"ALTER TABLE {table} ADD {clause(check, check.validated)}"),),
            requires=tuple(Ref(a) for a in shared_parents(change, context) if a in context.changes),
        )
    ]


KIND = PgKind(
    name="check",
    resource=Check,
    section="checks",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=lambda node: {"check": node},
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    absorbed=absorbed,
    carried=inheritance.inherited_from,
    implied=inheritance.implied,
    create=check_families.together(spread(create)),
    drop=check_families.together(spread(drop)),
    replace=check_families.together(spread(replace)),
    rebuild=spread(rebuild),
    rules=(
        rule("validated", "local", emit=check_families.PASSED.together, when=check_families.apart),
        inherited(rule("validated", emit=check_families.together(set_validated))),
        rule("local", emit=parents_changed.own),
    ),
    temporary=temporary,
    piece=True,
    parent="table",
    order=60,
)
