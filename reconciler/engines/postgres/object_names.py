"""How COMMENT, ALTER … OWNER and GRANT name the object at an address: `TABLE public.t`, `CONSTRAINT k ON public.t`.

Forms: PostgreSQL documentation, COMMENT. A kind that is not listed is named by its own words and its path.
"""

from __future__ import annotations

from reconciler.engines.postgres.column_parts import sequence_name
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.routine_arguments import SIGNED, signature, split
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog

WORDS = {
    "enum": "TYPE",
    "composite": "TYPE",
    "range": "TYPE",
    "base_type": "TYPE",
    "shell_type": "TYPE",
    "materialized_view_index": "INDEX",
    "view_trigger": "TRIGGER",
    "foreign_table_trigger": "TRIGGER",
    "view_rule": "RULE",
    "operator_class": "OPERATOR CLASS",
    "operator_family": "OPERATOR FAMILY",
}
ROUTINES = frozenset({"function", "procedure", "aggregate"})
CONSTRAINTS = frozenset({"check", "unique", "foreign_key", "primary_key", "exclusion", "not_null"})
ON_RELATION = frozenset({"trigger", "rule", "policy", "view_trigger", "foreign_table_trigger", "view_rule"})
RELATIONS = frozenset({"table", "view", "materialized_view", "foreign_table"})
USING = " using "
"""Between the name of an operator class or family and its access method."""
NAMELESS = frozenset({"cast", "transform"})
"""Known by the types that they are for."""
OF_METHOD = frozenset({"operator_class", "operator_family"})


def own_name(address: Address) -> tuple[str, str]:
    """(name, what the address says after it): the types that a routine or operator takes, the method of an operator
    class; a cast or transform has no name.
    """
    if address.kind in SIGNED:
        name = split(address.name)[0]
    elif address.kind == "operator":
        name = address.name.partition("(")[0].rstrip()
    elif address.kind in NAMELESS:
        name = ""
    elif address.kind in OF_METHOD:
        name = address.name.rpartition(USING)[0]
    else:
        name = address.name
    return name, address.name[len(name) :]


def phrase(address: Address, catalog: Catalog) -> str:
    """The words and the name. `catalog` holds the object, since a primary key's name is no part of its address."""
    kind, path = address.kind, address.path
    word = WORDS.get(kind, kind.replace("_", " ").upper())
    if kind == "primary_key":
        name = getattr(catalog.resources.get(address), "name", "") or f"{path[1]}_pkey"
        return f"CONSTRAINT {ident(name)} ON {qualified(*path[:2])}"
    if kind in CONSTRAINTS:
        return f"CONSTRAINT {ident(path[-1])} ON {qualified(*path[-3:-1])}"
    if kind in ON_RELATION:
        return f"{word} {ident(path[-1])} ON {qualified(*path[-3:-1])}"
    if kind == "identity_sequence":
        return f"SEQUENCE {qualified(*sequence(address, catalog))}"
    if word == "INDEX":
        return f"INDEX {qualified(path[0], path[-1])}"
    if kind in ROUTINES:
        return f"{word} {signature(address)}"
    if kind == "operator":
        return f"OPERATOR {_operator(path)}"
    if word in ("OPERATOR CLASS", "OPERATOR FAMILY"):
        name, method = own_name(address)
        return f"{word} {qualified(path[0], name)} USING {ident(method.removeprefix(USING))}"
    if kind == "transform":
        about, _, language = path[-1].rpartition(" for ")
        return f"TRANSFORM FOR {about} LANGUAGE {ident(language)}"
    if kind == "cast":
        return f"CAST {path[-1] if path[-1].startswith('(') else f'({path[-1]})'}"
    return f"{word} {'.'.join(map(ident, path))}"


def sequence(address: Address, catalog: Catalog) -> tuple[str, str]:
    """(schema, name) of the sequence under the identity column at a path."""
    schema, table, column = address.path
    identity = getattr(catalog.resources.get(address.sibling("column", address.path)), "identity", None)
    return schema, (identity.sequence if identity is not None else "") or sequence_name(table, column)


def _operator(path: tuple[str, ...]) -> str:
    name, _, operands = path[-1].partition("(")
    return f"{ident(path[0])}.{name.strip()} ({operands}" if operands else f"{ident(path[0])}.{name}"


def carrier(address: Address) -> Address:
    """What an attached resource is attached to."""
    return Address(address.service, address.engine, address.path[0], address.path[1:])


def relation(address: Address) -> tuple[str, str] | None:
    """(schema, name) of the relation that an object is or stands in; None for what is no part of any."""
    if address.kind in RELATIONS or address.kind == "sequence":
        return address.path[0], address.path[1]
    if address.kind in CONSTRAINTS or address.kind == "column":
        return address.path[0], address.path[1]
    if address.kind in ON_RELATION:
        path = address.path[-3:-1]
        return path[0], path[1]
    return None
