"""Versioned Cypher migrations, for what cannot be declared: `migrations: graph/`, a folder of V001__name.cypher files.

Each runs once, in the order of the versions, after the expand steps unless its first comment says `phase: expand` or
`phase: contract`. The journal in the graph keeps its name and checksum; the file may go once it ran, and never change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reconciler.engines.neo4j.kind import Neo4jKind, Reading, stays_done, supported
from reconciler.engines.neo4j.migration_script import Migration as Script
from reconciler.engines.neo4j.scripts.tokens import statements
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase

NAME = re.compile(r"V(\d+(?:[._]\d+)*)__\S+")
_PHASE = re.compile(r"^\s*//\s*phase:\s*(\w+)\s*$", re.MULTILINE)
_DESTROYS = ("DELETE", "REMOVE", "DROP")


@dataclass(frozen=True, slots=True)
class Migration(Resource):
    """`checksum`: of the tokens of its statements, so that comments and white space may change."""

    checksum: str
    statements: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="the checksum stands for them", default=())
    phase: str = attr(Role.INFORMATIONAL, reason="when it runs is nothing that stays", default="migrate")
    destroys: bool = attr(Role.INFORMATIONAL, reason="follows from the statements", default=False)


SPEC = {
    "type": "object",
    "properties": {
        "cypher": {"type": "string", "minLength": 1, "description": "its statements"},
        "checksum": {"type": "string", "description": "of one that ran, without its statements"},
    },
}


def lower(name: str, node: dict[str, Any], place: Place) -> Migration:
    """The migration of a file. Raises through `place.fail`."""
    address = place.address("migration", name)
    if NAME.fullmatch(name) is None:
        raise place.fail(f"{name!r} is no name of a migration", "write V001__what_it_does: a version, __ and a name")
    if ("cypher" in node) == ("checksum" in node):
        raise place.fail(f"the migration {name} says both, or nothing", "write 'cypher: STATEMENTS'")
    if "checksum" in node:
        return Migration(address, node["checksum"])
    scripts = list(statements(node["cypher"]))
    if not scripts:
        raise place.fail(
            f"the migration {name} holds no statement", "write Cypher statements, each ended by ;", "cypher"
        )
    said = _PHASE.search(node["cypher"])
    phase = said[1] if said else "migrate"
    if phase not in ("expand", "migrate", "contract"):
        raise place.fail(f"the migration {name} has no such phase: {phase}", "expand, migrate or contract", "cypher")
    tokens = [(t.kind, t.value) for s in scripts for t in (*s.tokens, *_END)]
    checksum = sha256(repr(tokens).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    destroys = any(t.says(*_DESTROYS) for s in scripts for t in s.tokens)
    return Migration(address, checksum, tuple(s.raw for s in scripts), phase, destroys)


_END = next(iter(statements("END"))).tokens


def lift(migration: Migration, _catalog: Catalog) -> dict[str, Any]:
    """Its statements, or the checksum of one that ran."""
    if not migration.statements:
        return {"checksum": migration.checksum}
    phase = "" if migration.phase == "migrate" else f"// phase: {migration.phase}\n"
    return {"cypher": phase + ";\n".join(migration.statements) + ";\n"}


def recorded(name: str, said: dict[str, Any], reading: Reading) -> Migration:
    """A record of the journal."""
    return Migration(reading.address("migration", name), said["checksum"])


def version(address: Address) -> tuple[int, ...]:
    """The version of a migration: V2 comes before V10."""
    found = NAME.fullmatch(address.name)
    return tuple(int(n) for n in re.split(r"[._]", found[1])) if found else ()


def references(migration: Migration, catalog: Catalog) -> list[Address]:
    """The one before it."""
    mine = version(migration.address)
    before = [r.address for r in catalog.of_kind(Migration) if version(r.address) < mine]
    return [max(before, key=version)] if before else []


def create(change: Change[Migration], context: Context) -> list[Draft]:
    """One step in the phase that it says. Raises UnsupportedChange when a later one ran before."""
    migration, name = change.desired, change.address.name
    later = [r.address for r in context.live.of_kind(Migration) if version(r.address) >= version(change.address)]
    if later:
        raise UnsupportedChange(
            f"the migration {name} comes before {max(later, key=version).name}, which ran already",
            hint="give it a version of its own that is higher",
            where=context.desired.origin(change.address),
        )
    if not migration.statements:
        raise UnsupportedChange(
            f"the migration {name} did not run here, and its statements are not declared",
            hint="put its file back into the folder",
            where=context.desired.origin(change.address),
        )
    lost = hazard(Code.DELETES_DATA, "it deletes, removes or drops something, as its text says")
    return [
        Draft(
            "run",
            Phase[migration.phase.upper()],
            f"run the migration {name}",
            Script(name, migration.checksum, migration.statements),
            hazards=(lost,) if migration.destroys else (),
            done=(Check(change.address, True, (("checksum", migration.checksum),)),),
            undo=None,
        )
    ]


def altered(change: Change[Migration], context: Context) -> list[Draft]:
    """What ran cannot be another. Raises UnsupportedChange."""
    raise UnsupportedChange(
        f"the migration {change.address.name} ran, and its text has changed since",
        hint="give it the old text again, and put what is new into a migration of its own",
        where=context.desired.origin(change.address),
    )


KIND = Neo4jKind(
    name="migration",
    resource=Migration,
    section="migrations",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=stays_done,
    rules=(rule("checksum", emit=altered),),
    references=references,
    order=40,
    implicit=lambda _migration: True,
    recorded=recorded,
    unsupported=supported,
)
