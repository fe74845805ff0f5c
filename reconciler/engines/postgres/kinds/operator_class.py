"""Operator classes: how an access method works with a type.

    operator_classes:
      abs_ops using btree:
        type: integer
        operators: {1: "<%", 2: "<=%", 3: "=%", 4: ">=%", 5: ">%"}
        functions: {1: "abs_cmp(integer, integer)"}

Its family is the one of its name unless `family` says another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from reconciler.engines.postgres import operator_members as members
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.object_names import USING
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.operator_members import Member, Members, name_of
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import dotted, qualified, undotted
from reconciler.engines.postgres.routine_arguments import plain_type
from reconciler.engines.postgres.type_names import named, type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase


@dataclass(frozen=True, slots=True)
class OperatorClass(Resource):
    """Path: (schema, name using method). `family` is (schema, name); `storage` "" where the index holds the type."""

    type: str = attr(Role.REPLACE)
    family: tuple[str, str] = attr(Role.REPLACE)
    default: bool = attr(Role.REPLACE, default=False)
    storage: str = attr(Role.REPLACE, default="")
    members: Members = ()
    loose: Members = attr(
        Role.INFORMATIONAL, reason="how live members are tied to it; they come as its own when it is made", default=()
    )
    """Members that its family has for it: the server leaves them there when the class is dropped."""

    @property
    def own(self) -> tuple[str, str]:
        """The types of a member that says none."""
        return self.type, self.type


_TEXT = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {"type": _TEXT, "default": {"type": "boolean"}, "family": _TEXT, "storage": _TEXT, **members.SPEC},
    "required": ["type"],
}

ALTERABLE: dict[str, frozenset[int]] = {
    "btree": frozenset({2, 3, 6}),
    "gist": frozenset({8, 9, 11}),
    "gin": frozenset({4, 5, 6}),
    "spgist": frozenset(),
}
"""Access methods whose classes can take operators in and let them go, but for btree's, and the support functions of
which that holds as well: those that say nothing about what is stored (documentation, "Support Functions" of each)."""
OPTIONS = {"btree": 5, "gist": 10, "gin": 7, "spgist": 6}
"""The support function for parameters of the class: indexes that were built without it go on with their defaults."""


def lower(name: str, node: Any, place: Place) -> OperatorClass:
    """The words of CREATE OPERATOR CLASS."""
    members.named_with_method(name, place)
    address = place.address("operator_class", name)
    kind, storage = plain_type(node["type"]), plain_type(node["storage"]) if "storage" in node else ""
    own = members.parts(address)[0]
    *schema, family = undotted(node["family"]) if "family" in node else (own,)
    return OperatorClass(
        address,
        kind,
        (schema[0] if schema else address.path[0], family),
        bool(node.get("default", False)),
        "" if storage == kind else storage,
        members.lower(node, place, (kind, kind)),
    )


def lift(found: OperatorClass, _catalog: Catalog) -> Any:
    """What is said of it."""
    node: dict[str, Any] = {"type": found.type}
    if found.default:
        node["default"] = True
    schema, family = found.family
    if found.family != (found.address.path[0], members.parts(found.address)[0]):
        node["family"] = dotted(family) if schema == found.address.path[0] else dotted(schema, family)
    if found.storage:
        node["storage"] = found.storage
    return {**node, **members.lift(found.members, found.own)}


def query(_version: int) -> str:
    """Classes in scope with their members."""
    return f"""
        WITH {members.MEMBERS}
        SELECT c.oid, n.nspname, c.opcname || '{USING}' || a.amname, format_type(c.opcintype, NULL),
               s.nspname, f.opfname, c.opcdefault,
               CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) ELSE '' END,
               {members.rows("m.class = c.oid")}, {members.rows("m.class = c.oid AND m.loose")}
        FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am a ON a.oid = c.opcmethod
        JOIN pg_opfamily f ON f.oid = c.opcfamily JOIN pg_namespace s ON s.oid = f.opfnamespace
        WHERE c.opcnamespace = ANY (%(namespaces)s) AND {not_member("pg_opclass", "c.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[OperatorClass]:
    """Rows of `query` → OperatorClass."""
    for oid, schema, name, kind, where, family, default, storage, *found in rows:
        address = reader.known("pg_opclass", oid, reader.address("operator_class", schema, name))
        place = reader.renamed.get(where, where), family
        yield OperatorClass(address, kind, place, default, storage, *map(members.read, found))


def family_of(found: OperatorClass) -> Address:
    """Its family, declared or not."""
    method = members.parts(found.address)[1]
    return found.address.sibling("operator_family", (found.family[0], f"{found.family[1]}{USING}{method}"))


def complete(resources: dict[Address, Resource]) -> None:
    """Add, in place, the families of declared classes that bear the name of their class and are not declared."""
    from reconciler.engines.postgres.kinds.operator_family import OperatorFamily

    for found in [r for r in resources.values() if isinstance(r, OperatorClass)]:
        family = family_of(found)
        if family.path == found.address.path:
            resources.setdefault(family, OperatorFamily(family))


def references(found: OperatorClass, catalog: Catalog) -> Iterable[Address]:
    """Its family, its types, and what its members name."""
    if family_of(found) in catalog.resources:
        yield family_of(found)
    for text in (found.type, found.storage):
        if text:
            yield from type_references(found.address, text, catalog)
    yield from members.references(found.address, found.members, catalog)


@lru_cache(maxsize=8)
def _classes(catalog: Catalog) -> tuple[OperatorClass, ...]:
    return tuple(catalog.of_kind(OperatorClass))


def used(holder: Address, method: str, keys: Iterable[tuple[str, str]], catalog: Catalog) -> Iterable[Address]:
    """The declared classes that an index by this method needs: `keys` are (class as one writes it, column), the class
    empty for the default one of the column's type, the column empty for an expression."""
    classes = _classes(catalog)
    if not classes:
        return
    for said, name in keys:
        schema, own = named(said)
        column = catalog.get(holder.sibling("column", (*holder.path[:2], name)), Column)
        for found in classes:
            if said:
                wanted = found.address.path == (schema, f"{own}{USING}{method}")
            else:
                wanted = found.default and column is not None and plain_type(column.type) == found.type
            if wanted and members.parts(found.address)[1] == method:
                yield found.address


def definition(found: OperatorClass) -> str:
    """CREATE OPERATOR CLASS."""
    schema, name = found.address.path[0], members.parts(found.address)
    clauses = [str(m) for m in found.members] + ([f"STORAGE {found.storage}"] if found.storage else [])
    default = " DEFAULT" if found.default else ""
    return (
        f"CREATE OPERATOR CLASS {qualified(schema, name[0])}{default} FOR TYPE {found.type}\n"
        f"    USING {name[1]} FAMILY {qualified(*found.family)} AS\n    "
        + ",\n    ".join(clauses or [f"STORAGE {found.type}"])
    )


def create(change: Change[OperatorClass], _context: Context) -> list[Draft]:
    """No lock on anything that exists. Superusers only (CREATE OPERATOR CLASS documentation)."""
    return [
        created(
            change,
            f"operator class {'.'.join(change.address.path)}",
            definition(change.desired),
            drop=f"DROP OPERATOR CLASS {name_of(change.address)}",
        )
    ]


def drop(change: Change[OperatorClass], _context: Context) -> list[Draft]:
    """RESTRICT: an index that uses it makes the step fail. With it goes what its family has for it."""
    family = f"{qualified(*change.live.family)} USING {members.parts(change.address)[1]}"
    what = f"that sort, group or compare {change.live.type} by default" if change.live.default else "that name it"
    gone = f"DROP OPERATOR CLASS {name_of(change.address)}"
    draft = dropped(
        change,
        f"operator class {'.'.join(change.address.path)}",
        gone,
        definition(change.live),
        hazards=(hazard(Code.OLD_READERS, f"queries {what} may break"),),
    )
    return [replace(draft, operation=sql(*members.alterations(family, change.live.loose, ()), gone))]


rebuild = made_anew(create, drop)
"""There is no ALTER but for names, owners and loose members."""


def replaces(change: Change[OperatorClass]) -> bool:
    """Whether members change that indexes are built by, or that the server will not let go."""
    before, after = change.live.members, change.desired.members
    method = members.parts(change.address)[1]
    return not all(_alterable(m, method, m in before) for m in {*before} ^ {*after})


def _alterable(member: Member, method: str, goes: bool) -> bool:
    if method not in ALTERABLE:
        return False
    if member.sort == "operator":
        return method != "btree" or not goes
    return member.number in ALTERABLE[method] or (not goes and member.number == OPTIONS[method])


def disturbs(change: Change[OperatorClass]) -> Disturbance:
    """Indexes are built by a class: when it comes anew, so do they."""
    whole = change.forced is not None or any(a.name != "members" for a in change.attributes) or replaces(change)
    return Disturbance.DROPS if whole else Disturbance.NONE


def set_members(change: Change[OperatorClass], _context: Context) -> list[Draft]:
    """ALTER OPERATOR FAMILY: what is loosely tied comes and goes while indexes use the class."""
    method = members.parts(change.address)[1]
    family = f"{qualified(*change.desired.family)} USING {method}"
    before, after = change.live.members, change.desired.members
    gone = [m.name for m in before if m not in after]
    lost = hazard(Code.OLD_READERS, f"indexes no longer serve queries by {', '.join(gone)}")
    return [
        Draft(
            "members",
            Phase.CONTRACT if gone else Phase.EXPAND,
            f"change the members of operator class {'.'.join(change.address.path)}",
            sql(*members.alterations(family, before, after)),
            hazards=(lost,) if gone else (),
            done=became(change),
            undo=(sql(*members.alterations(family, after, before)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="operator_class",
    resource=OperatorClass,
    section="operator_classes",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    replace=rebuild,
    replaces=replaces,
    rebuild=rebuild,
    disturbs=disturbs,
    rules=(rule("members", emit=set_members),),
    prepares=definition,
    parent="schema",
    order=39,
    top=True,
)
