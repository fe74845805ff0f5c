"""How columns change while the table is in use: the recipes of the online catalogue, rows 10 to 29 and 53 to 63."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.column_parts import Facts, render_identity, sequence_options
from reconciler.engines.postgres.locks import ROW_EXCLUSIVE, access_exclusive, lock, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import fitting, ident, literal, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Operation, Phase, Probe

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

UNKNOWN = Facts()


def _table(column: Column) -> str:
    return qualified(*column.table)


def _alter(column: Column, action: str) -> str:
    return f"ALTER TABLE {_table(column)} ALTER COLUMN {ident(column.address.name)} {action}"


def _label(column: Column) -> str:
    return f"{column.table[1]}.{column.address.name}"


def _table_address(column: Column) -> Address:
    return column.address.sibling("table", column.table)


def add(change: Change[Column], context: Context) -> list[Draft]:
    """ADD COLUMN. A default that the server cannot store once for all rows is set after it, rows filled in batches."""
    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    facts = column.facts or UNKNOWN
    if column.default is not None and not facts.fast_default and context.size(_table_address(column)).rows != 0:
        return _add_in_batches(change, context)
    if column.not_null and column.default is None and column.identity is None and column.generated is None:
        return _add_then_require(change, context)
    rewrites = not facts.fast_default or column.identity is not None
    hazards: tuple[Hazard, ...] = ()
    if rewrites:
        hazards = (hazard(Code.REWRITE, f"every row of {_table(column)} is rewritten to hold {column.address.name}"),)
    return [_added(change, clause(column), hazards, rewrites)]


def _added(change: Change[Column], clause: str, hazards: tuple[Hazard, ...] = (), reads: bool = False) -> Draft:
    column = change.desired
    name = ident(column.address.name)
    return Draft(
        "add",
        Phase.EXPAND,
        f"add column {_label(column)}",
        sql(f"ALTER TABLE {_table(column)} ADD COLUMN {clause}"),
        locks=access_exclusive(column.table),
        hazards=hazards,
        done=(Check(column.address),),
        undo=(sql(f"ALTER TABLE {_table(column)} DROP COLUMN {name}"),),
        reads=_table_address(column) if reads else None,
        provides=True,
    )


def _add_in_batches(change: Change[Column], context: Context) -> list[Draft]:
    from dataclasses import replace

    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    bare = replace(column, default=None, not_null=False)
    default = column.default.source if column.default else "NULL"
    drafts = [
        _added(change, clause(bare)),
        Draft(
            "default",
            Phase.EXPAND,
            f"give new rows of {_label(column)} a default",
            sql(_alter(column, f"SET DEFAULT {default}")),
            locks=access_exclusive(column.table),
            done=(Check(column.address, attributes=(("default", column.default),)),),
            undo=(sql(_alter(column, "DROP DEFAULT")),),
        ),
        Draft(
            "backfill",
            Phase.MIGRATE,
            f"fill {_label(column)} of the rows that are there",
            Backfill(*column.table, column.address.name, default),
            locks=(lock(ROW_EXCLUSIVE, *column.table),),
            undo=(),
            reads=_table_address(column),
        ),
    ]
    return drafts + (_require(column, context) if column.not_null else [])


def _add_then_require(change: Change[Column], context: Context) -> list[Draft]:
    from dataclasses import replace

    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    if context.size(_table_address(column)).rows == 0:
        return [_added(change, clause(column))]
    return [_added(change, clause(replace(column, not_null=False))), *_require(column, context)]


def drop(change: Change[Column], context: Context) -> list[Draft]:
    """DROP COLUMN in contract; before that new code may already leave it out (row 26)."""
    column = change.live
    drafts = []
    if column.not_null and column.default is None and column.identity is None and column.generated is None:
        drafts.append(_nullable(column, Phase.EXPAND, "code that no longer writes it may insert"))
    rows = context.size(_table_address(column)).rows
    known = f"in about {rows} rows" if rows > 0 else "in every row"
    drafts.append(
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop column {_label(column)}",
            sql(f"ALTER TABLE {_table(column)} DROP COLUMN {ident(column.address.name)}"),
            locks=access_exclusive(column.table),
            hazards=(
                hazard(Code.DELETES_DATA, f"what {_label(column)} holds {known} is gone"),
                hazard(Code.OLD_READERS, "code that names the column breaks"),
            ),
            done=(Check(column.address, present=False),),
        )
    )
    return drafts


def type_differs(change: Change[Column], _context: Context) -> bool:
    """The type or the collation is another one."""
    return change.changed("type", "collation")


def retype(change: Change[Column], _context: Context) -> list[Draft]:
    """ALTER COLUMN TYPE. The server said whether that rewrites the table (rows 53 to 62)."""
    column, live = change.desired, change.live
    facts = column.facts or UNKNOWN
    action = f"TYPE {column.type}"
    if column.collation is not None:
        action += f" COLLATE {qualified(*column.collation)}"
    if facts.using:
        action += f" USING {ident(column.address.name)}::{column.type}"
    statements = []
    if live.default is not None and (facts.using or live.default != column.default):
        statements.append(_alter(column, "DROP DEFAULT"))
    statements.append(_alter(column, action))
    if column.default is not None and (statements[0] != statements[-1] or live.default != column.default):
        statements.append(_alter(column, f"SET DEFAULT {column.default.source}"))
    hazards: tuple[Hazard, ...] = ()
    if facts.rewrites:
        hazards = (
            hazard(Code.REWRITE, f"{_table(column)} and its indexes are rewritten from {live.type} to {column.type}"),
            hazard(Code.LOSSY, f"a value that {column.type} cannot hold makes the step fail or is rounded"),
        )
    return [
        Draft(
            "type",
            Phase.CONTRACT if facts.rewrites else Phase.EXPAND,
            f"change the type of {_label(column)} to {column.type}",
            sql(*statements),
            locks=access_exclusive(column.table),
            hazards=hazards,
            done=(Check(column.address, attributes=(("type", column.type), ("collation", column.collation))),),
            undo=None if facts.rewrites else _retype_back(live),
            reads=_table_address(column) if facts.rewrites else None,
            provides=True,
        )
    ]


def _retype_back(live: Column) -> tuple[Operation, ...]:
    collate = f" COLLATE {qualified(*live.collation)}" if live.collation else ""
    return (sql(_alter(live, f"TYPE {live.type}{collate}")),)


def set_default(change: Change[Column], _context: Context) -> list[Draft]:
    """SET DEFAULT lets new code count on it: expand. DROP DEFAULT takes it from old code: contract (row 27)."""
    column, live = change.desired, change.live
    action = f"SET DEFAULT {column.default.source}" if column.default else "DROP DEFAULT"
    back = f"SET DEFAULT {live.default.source}" if live.default else "DROP DEFAULT"
    breaks = column.default is None and column.not_null
    hazards = (hazard(Code.OLD_WRITERS, f"code that writes no {column.address.name} is refused"),) if breaks else ()
    return [
        Draft(
            "default",
            Phase.EXPAND if column.default else Phase.CONTRACT,
            f"{'set' if column.default else 'drop'} the default of {_label(column)}",
            sql(_alter(column, action)),
            locks=access_exclusive(column.table),
            hazards=hazards,
            done=(Check(column.address, attributes=(("default", column.default),)),),
            undo=(sql(_alter(column, back)),),
        )
    ]


def identity_differs(change: Change[Column], _context: Context) -> bool:
    """Identity is added, taken away or changed."""
    return change.changed("identity")


def set_identity(change: Change[Column], _context: Context) -> list[Draft]:
    """ADD / SET / DROP IDENTITY: no scan (row 92). A new sequence goes on after the highest value."""
    column, live = change.desired, change.live
    table, name = _table(column), ident(column.address.name)
    statements: list[str] = []
    if live.default is not None and column.default is None:
        statements.append(_alter(column, "DROP DEFAULT"))
    if column.identity is None:
        statements.append(_alter(column, "DROP IDENTITY"))
        if column.default is not None:
            statements.append(_alter(column, f"SET DEFAULT {column.default.source}"))
    elif live.identity is None:
        statements.append(_alter(column, f"ADD {render_identity(column.identity, column.type)}"))
        sequence = f"pg_get_serial_sequence({literal(table)}, {literal(column.address.name)})"
        value = f"coalesce(max({name}), {column.identity.start})"
        statements.append(f"SELECT setval({sequence}, {value}, max({name}) IS NOT NULL) FROM {table}")
    else:
        word = "ALWAYS" if column.identity.generated == "always" else "BY DEFAULT"
        options = " ".join(f"SET {o}" for o in _set_options(sequence_options(column.identity)))
        statements.append(_alter(column, f"SET GENERATED {word} {options}"))
    return [
        Draft(
            "identity",
            Phase.EXPAND if column.identity is not None and live.not_null else Phase.CONTRACT,
            f"change the identity of {_label(column)}",
            sql(*statements),
            locks=access_exclusive(column.table),
            done=(Check(column.address, attributes=(("identity", column.identity),)),),
        )
    ]


def _set_options(options: str) -> list[str]:
    words = ("START WITH", "INCREMENT BY", "MINVALUE", "MAXVALUE", "CACHE", "NO CYCLE", "CYCLE")
    starts = sorted({options.find(w) for w in words if w in options and not (w == "CYCLE" and "NO CYCLE" in options)})
    return [options[a:b].strip() for a, b in zip(starts, [*starts[1:], len(options)], strict=True)]


def set_generated(change: Change[Column], context: Context) -> list[Draft]:
    """DROP EXPRESSION keeps the values (row 91); SET EXPRESSION rewrites (row 90, 17 and later)."""
    column, live = change.desired, change.live
    if column.generated is None:
        operation = sql(_alter(column, "DROP EXPRESSION"))
        hazards: tuple[Hazard, ...] = ()
    elif (
        live.generated is not None
        and live.generated.virtual == column.generated.virtual
        and context.server.version >= (17,)
    ):
        operation = sql(_alter(column, f"SET EXPRESSION AS ({column.generated.expression.source})"))
        stored = not column.generated.virtual
        hazards = (hazard(Code.REWRITE, f"{_table(column)} is rewritten with the new values"),) if stored else ()
    else:
        raise UnsupportedChange(
            f"{column.address}: an existing column cannot become generated this way on {context.server}",
            hint="declare a new generated column beside it, and drop the old one in a later plan",
        )
    return [
        Draft(
            "generated",
            Phase.CONTRACT,
            f"change how {_label(column)} is generated",
            operation,
            locks=access_exclusive(column.table),
            hazards=hazards,
            done=(Check(column.address, attributes=(("generated", column.generated),)),),
            reads=_table_address(column) if hazards else None,
        )
    ]


def tightens(change: Change[Column], _context: Context) -> bool:
    """The column must hold values from now on, or at last."""
    return change.desired.not_null


def require(change: Change[Column], context: Context) -> list[Draft]:
    """NOT NULL without a scan under AccessExclusive (row 35)."""
    return _require(change.desired, context, added=change.live.not_null)


def _require(column: Column, context: Context, added: bool = False) -> list[Draft]:
    name, table = ident(column.address.name), _table(column)
    nulls = Probe(
        f"rows of {table} have no {column.address.name}",
        f"SELECT ctid::text FROM ONLY {table} WHERE {name} IS NULL",
    )
    old = hazard(Code.OLD_WRITERS, f"code that writes no {column.address.name} is refused from here on")
    if context.server.version >= (18,):
        return _require_native(column, nulls, old, added)
    helper = fitting(column.table[1], column.address.name, suffix="_not_null")
    check = column.address.sibling("check", (*column.table, helper))
    return [
        Draft(
            "require",
            Phase.CONTRACT,
            f"refuse new rows without {_label(column)}",
            sql(f"ALTER TABLE {table} ADD CONSTRAINT {ident(helper)} CHECK ({name} IS NOT NULL) NOT VALID"),
            locks=access_exclusive(column.table),
            hazards=(old,),
            probes=(nulls,),
            done=(Check(check),),
            undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(helper)}"),),
        ),
        Draft(
            "validate",
            Phase.CONTRACT,
            f"check that every row has {_label(column)}",
            sql(f"ALTER TABLE {table} VALIDATE CONSTRAINT {ident(helper)}"),
            locks=share_update_exclusive(column.table),
            done=(Check(check, attributes=(("validated", True),)),),
            undo=(),
            reads=_table_address(column),
        ),
        Draft(
            "not null",
            Phase.CONTRACT,
            f"require a value in {_label(column)}",
            sql(_alter(column, "SET NOT NULL"), f"ALTER TABLE {table} DROP CONSTRAINT {ident(helper)}"),
            locks=access_exclusive(column.table),
            done=(Check(column.address, attributes=(("not_null", True),)), Check(check, present=False)),
            undo=(sql(_alter(column, "DROP NOT NULL")),),
        ),
    ]


def _require_native(column: Column, nulls: Probe, old: Hazard, added: bool) -> list[Draft]:
    name, table = ident(column.address.name), _table(column)
    constraint = ident(fitting(column.table[1], column.address.name, suffix="_not_null"))
    first = Draft(
        "require",
        Phase.CONTRACT,
        f"require a value in new rows of {_label(column)}",
        sql(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} NOT NULL {name} NOT VALID"),
        locks=access_exclusive(column.table),
        hazards=(old,),
        probes=(nulls,),
        done=(Check(column.address, attributes=(("not_null", True),)),),
        undo=(sql(_alter(column, "DROP NOT NULL")),),
    )
    second = Draft(
        "validate",
        Phase.CONTRACT,
        f"check that every row has {_label(column)}",
        _validate_not_null(column),
        locks=share_update_exclusive(column.table),
        probes=(nulls,) if added else (),
        done=(Check(column.address, attributes=(("not_null", True), ("not_null_valid", True))),),
        undo=(),
        reads=_table_address(column),
    )
    return [second] if added else [first, second]


def _validate_not_null(column: Column) -> Sql:
    constraint = column.facts.not_null_name if column.facts and column.facts.not_null_name else None
    name = constraint or fitting(column.table[1], column.address.name, suffix="_not_null")
    return sql(f"ALTER TABLE {_table(column)} VALIDATE CONSTRAINT {ident(name)}")


def _nullable(column: Column, phase: Phase, why: str) -> Draft:
    return Draft(
        "nullable",
        phase,
        f"allow no value in {_label(column)}: {why}",
        sql(_alter(column, "DROP NOT NULL")),
        locks=access_exclusive(column.table),
        done=(Check(column.address, attributes=(("not_null", False),)),),
        undo=(sql(_alter(column, "SET NOT NULL")),),
    )


def allow_null(change: Change[Column], _context: Context) -> list[Draft]:
    """DROP NOT NULL: no scan; readers may meet NULL (row 29)."""
    phase = Phase.CONTRACT if change.live.identity else Phase.EXPAND  # an identity column has to lose that first
    return [_nullable(change.desired, phase, "it is declared nullable")]
