"""Columns of foreign tables: those of tables, with options for the wrapper, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres import generic_options
from reconciler.engines.postgres.quoting import ident, literal, qualified
from reconciler.engines.postgres.type_names import lift_collation, lower_collation
from reconciler.engines.postgres.types import canonical
from reconciler.model.expr import Expr


class ForeignColumn(NamedTuple):
    """One column; `generated` is an expression, stored unless `virtual`. That of a partition is what it says beyond its
    parent's, without a type.
    """

    name: str
    type: str
    not_null: bool = False
    default: Expr | None = None
    generated: Expr | None = None
    collation: tuple[str, str] | None = None
    options: generic_options.Options = ()
    storage: str = ""
    settings: generic_options.Options = ()
    statistics: int = -1
    virtual: bool = False


STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
COLUMN = {
    "type": ["string", "object"],
    "description": "a type, or a mapping with 'type' and more; of a partition without a type, which is its parent's",
    "properties": {
        "type": {"type": "string", "minLength": 1},
        "not_null": {"type": "boolean"},
        "default": {"type": ["string", "integer", "number", "boolean"]},
        "generated": {
            "type": ["string", "object"],
            "minLength": 1,
            "description": "an expression, or a mapping with 'as' and 'virtual'",
            "properties": {"as": {"type": "string", "minLength": 1}, "virtual": {"type": "boolean"}},
            "required": ["as"],
            "additionalProperties": False,
        },
        "collation": {"type": "string"},
        "options": generic_options.SPEC,
        "storage": {"enum": list(STORAGE.values())},
        "settings": {
            "type": "object",
            "description": "n_distinct and its like",
            "additionalProperties": {"type": ["string", "integer", "number"]},
        },
        "statistics": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": False,
}


def lower_column(name: str, node: Any) -> ForeignColumn:
    """A type; a mapping says more."""
    said: Mapping[str, Any] = {"type": node} if isinstance(node, str) else node
    default = said.get("default")
    text = str(default).lower() if isinstance(default, bool) else str(default)
    made = said.get("generated")
    generated: Mapping[str, Any] = {"as": made} if isinstance(made, str) else made or {}
    return ForeignColumn(
        name,
        canonical(said["type"]) if "type" in said else "",
        bool(said.get("not_null", False)),
        None if default is None else Expr(text),
        Expr(generated["as"]) if generated else None,
        lower_collation(said.get("collation")),
        generic_options.lower(said.get("options")),
        said.get("storage", ""),
        generic_options.lower(said.get("settings")),
        said.get("statistics", -1),
        bool(generated.get("virtual", False)),
    )


def lift_column(column: ForeignColumn) -> Any:
    """The type where that says all."""
    node: dict[str, Any] = {"type": column.type} if column.type else {}
    if column.not_null:
        node["not_null"] = True
    if column.default is not None:
        node["default"] = column.default.source
    if column.generated is not None:
        source = column.generated.source
        node["generated"] = {"as": source, "virtual": True} if column.virtual else source
    if column.collation is not None:
        node["collation"] = lift_collation(column.collation)
    if column.options:
        node["options"] = generic_options.lift(column.options)
    if column.storage:
        node["storage"] = column.storage
    if column.settings:
        node["settings"] = generic_options.lift(column.settings)
    if column.statistics >= 0:
        node["statistics"] = column.statistics
    return node if len(node) > 1 or not column.type else column.type


def read_column(row: Sequence[str | None]) -> ForeignColumn:
    """The array of `foreign_table.query` → ForeignColumn."""
    name, kind, not_null, expression, generated, schema, collation, options, storage, settings, statistics, *_ = row
    said = Expr.live(expression) if expression is not None else None
    return ForeignColumn(
        name or "",
        kind or "",
        not_null == "true",
        None if generated else said,
        said if generated else None,
        (schema, collation) if schema and collation else None,
        generic_options.read(options.split("\x01") if options else ()),
        STORAGE[storage] if storage else "",
        generic_options.read(settings.split("\x01") if settings else ()),
        int(statistics or -1),
        generated == "v",
    )


def beside(row: Sequence[str | None]) -> ForeignColumn | None:
    """A column of what has parents: its own, or what it says beyond that of a parent, whose default and NOT NULL end
    the row after whether it is its own.
    """
    column = read_column(row)
    own, default, not_null = row[-3:]
    if own == "true":
        return column
    said = column.default if column.default is not None and column.default.text != default else None
    plain = column._replace(type="", default=said, generated=None, virtual=False, collation=None)
    found = plain._replace(not_null=column.not_null and not_null != "true")
    return found if found != ForeignColumn(column.name, "") else None


def clause(column: ForeignColumn) -> str:
    """The column as CREATE FOREIGN TABLE and ADD COLUMN write it."""
    return f"{ident(column.name)} {shape(column)}"


def shape(column: ForeignColumn) -> str:
    """The same without its name."""
    text = f"{column.type}{generic_options.clause(column.options)}"
    text += f" COLLATE {qualified(*column.collation)}" if column.collation else ""
    text += f" DEFAULT ({column.default.source})" if column.default else ""
    kind = "VIRTUAL" if column.virtual else "STORED"
    text += f" GENERATED ALWAYS AS ({column.generated.source}) {kind}" if column.generated else ""
    return text + (" NOT NULL" if column.not_null else "")


Columns = Mapping[str, ForeignColumn]


def beyond(before: Columns, after: Columns) -> Iterator[str]:
    """The actions by which what a partition says beyond its parent becomes something else."""
    for name in sorted({*before, *after}):
        old, new = (said.get(name, ForeignColumn(name, "")) for said in (before, after))
        yield from _altered(old, new)
        yield from _tuned(old, new)


def actions(before: Columns, after: Columns, order: Iterable[str]) -> Iterator[str]:
    """The actions of ALTER FOREIGN TABLE that lead from one to the other."""
    again = {n for n in before if n in after and _made(before[n]) != _made(after[n])}
    yield from (f"DROP COLUMN {ident(n)}" for n in before if n not in after or n in again)
    for name in order:
        if name not in before or name in again:
            yield f"ADD COLUMN {clause(after[name])}"
            yield from _tuned(ForeignColumn(name, ""), after[name])
        elif before[name] != after[name]:
            yield from _altered(before[name], after[name])
            yield from _tuned(before[name], after[name])


def _made(column: ForeignColumn) -> tuple[Expr | None, bool]:
    return column.generated, column.virtual


def tuned(columns: Iterable[ForeignColumn]) -> list[str]:
    """What CREATE FOREIGN TABLE cannot say of new columns."""
    return [action for c in columns for action in _tuned(ForeignColumn(c.name, ""), c)]


def _tuned(old: ForeignColumn, new: ForeignColumn) -> Iterator[str]:
    start = f"ALTER COLUMN {ident(new.name)}"
    if old.storage != new.storage:
        yield f"{start} SET STORAGE {(new.storage or 'default').upper()}"
    if old.settings != new.settings:
        gone = [n for n, _ in old.settings if n not in dict(new.settings)]
        if gone:
            yield f"{start} RESET ({', '.join(map(ident, gone))})"
        if new.settings:
            yield f"{start} SET ({', '.join(f'{ident(n)} = {literal(v)}' for n, v in new.settings)})"
    if old.statistics != new.statistics:
        yield f"{start} SET STATISTICS {new.statistics}"


def _altered(old: ForeignColumn, new: ForeignColumn) -> Iterator[str]:
    start = f"ALTER COLUMN {ident(new.name)}"
    if (old.type, old.collation) != (new.type, new.collation):
        collation = f" COLLATE {qualified(*new.collation)}" if new.collation else ""
        yield f"{start} TYPE {new.type}{collation}"
    if old.default != new.default:
        yield f"{start} SET DEFAULT {new.default.source}" if new.default else f"{start} DROP DEFAULT"
    if old.not_null != new.not_null:
        yield f"{start} {'SET' if new.not_null else 'DROP'} NOT NULL"
    if old.options != new.options:
        yield f"{start} {generic_options.actions(old.options, new.options)}"
