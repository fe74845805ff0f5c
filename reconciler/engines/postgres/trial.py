"""Whether the server takes what a plan leads to: built under its own names, beside the real things, and rolled back.

What changes is built with all that it is made of, as the plan would make it on an empty database (`trial_world`), in
empty schemas that take the names of the real ones meanwhile (`rehearsal.aside`). The server judges; what it refuses
because something else failed, or because something is not there that nothing here models, is left to the step.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.rehearsal import ASIDE, LOCK_TIMEOUT, aside
from reconciler.engines.postgres.trial_world import FAR, World, in_schema, surely_taken, tops, tried_alone
from reconciler.errors import InternalError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.naming import parent_of, top_of
from reconciler.model.step import Operation
from reconciler.model.trial import Refused, Trial

TOGETHER = 100
"""What is new and tried in one transaction: each table takes several entries of the server's lock table."""
BODIES = frozenset({"function", "procedure"})
UNDEFINED = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedObject, errors.InvalidSchemaName)
RUNNING = re.compile(r'PL/\w+ function |SQL function "[^"]*" (?:statement|during)')
"""How the context of an error begins that comes from within a function that ran: an event trigger, say."""
SORTS = {
    "relation": frozenset({"table", "view", "materialized_view", "foreign_table", "sequence"}),
    "function": frozenset({"function", "aggregate"}),
    "procedure": frozenset({"procedure"}),
    "type": frozenset({"enum", "domain", "composite", "range", "base_type"}),
    "column": frozenset({"column"}),
}
"""What the server calls it → kinds of that name."""
PUBLIC = "public"
_QUOTED = re.compile(r'"((?:[^"]|"")+)"|\b(?:function|procedure|aggregate|type) ([^\s("]+)')
_LINE = re.compile(r'\s*(?:CONSTRAINT\s+)?("(?:[^"]|"")+"|[^\s(]+)')


def tried(
    connection: psycopg.Connection[Any], kinds: Mapping[str, PgKind[Any]], trial: Trial, taken: Collection[Address]
) -> list[Refused]:
    """What the server refuses of the changes, each once. Nothing where the role may not try, or somebody holds a schema
    up for long. `taken`: what it took already while it was compared, among what is live.
    """
    world = World(trial.final, kinds)
    changed = [a for a in trial.changed if tried_alone(a, trial, kinds) and not surely_taken(a, trial, taken)]
    groups = list(tops(changed, kinds).items())
    found: dict[Address, Refused] = {}
    for begin in range(0, len(groups), TOGETHER):
        inside = [a for top, members in groups[begin : begin + TOGETHER] for a in (top, *members)]
        part = world.part([*inside, *world.colliding(inside)])
        try:
            with connection.transaction(force_rollback=True):
                attempt = _Attempt(connection, kinds, trial, world, part)
                found |= {r.address: r for r in attempt.refused()}
        except (psycopg.Error, InternalError):  # an order that the plan itself may yet find
            return []
    return list(found.values())


@dataclass
class _Attempt:
    """One transaction. `failed`: what could not be built, with the error and the statement."""

    connection: psycopg.Connection[Any]
    kinds: Mapping[str, PgKind[Any]]
    trial: Trial
    world: World
    part: Catalog
    failed: dict[Address, tuple[psycopg.Error, str]] = field(default_factory=dict)

    def refused(self) -> list[Refused]:
        """What the server refuses for good. Raises psycopg.Error where it cannot be tried."""
        there = self._there()
        steps = self.trial.build(self.part, there)
        self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        if self.connection.execute("SELECT FROM pg_event_trigger WHERE evtenabled <> 'D'").fetchone() is not None:
            self.connection.execute("SET LOCAL session_replication_role = replica")  # those of the user stay out of it
        aside(self.connection, self._schemas)
        self._search_only(PUBLIC)
        self._build(steps)
        if not all(map(self._changes, self.failed)):
            return []  # what is live could not be built again, so it says nothing of what is new
        roots = [a for a in self.failed if self._bad(a).isdisjoint(self.failed)]
        circle = () if roots else tuple(self.failed)
        found = [self._judged(a, circle) for a in roots or circle]
        return [r for r in found if r is not None]

    @cached_property
    def _schemas(self) -> list[str]:
        return sorted({a.path[0] for a in self.part.resources if in_schema(a, self.kinds)})

    def _there(self) -> Catalog:
        """What is there while it is tried: the schemas, and what stands in none and is live."""
        live = self.trial.live.resources
        return self.part.with_resources(
            {
                a: r
                for a, r in self.part.resources.items()
                if isinstance(r, Schema) or (a in live and not in_schema(a, self.kinds))
            }
        )

    def _build(self, steps: Sequence[tuple[Address, Operation]]) -> None:
        """All that can be, as often as something more can."""
        left, before = list(steps), len(steps) + 1
        while len(left) < before:
            before, self.failed = len(left), {}
            left = [step for step in left if not self._built(*step)]

    def _built(self, address: Address, operation: Operation) -> bool:
        """Whether it could be. What extensions have in a schema that stands aside is sought where it is needed, and the
        statement names nothing else there that goes.
        """
        found = self._tried(operation)
        if found is not None and self._extended and not (isinstance(found[0], UNDEFINED) and self._goes(found[0])):
            self._search_only(f"{PUBLIC}, {self._extended}")
            found = self._tried(operation)
            self._search_only(PUBLIC)
        if found is not None:
            self.failed.setdefault(address, found)
        return found is None

    def _tried(self, operation: Operation) -> tuple[psycopg.Error, str] | None:
        """The error and the statement; an operation that this transaction cannot run is taken for done."""
        statement = ""
        try:
            with self.connection.transaction():
                for statement in operation.statements if isinstance(operation, Sql) else ():
                    self.connection.execute(statement.encode())
        except psycopg.Error as error:
            return error, statement
        return None

    def _search_only(self, path: str) -> None:
        self.connection.execute(f"SET LOCAL search_path = {path}".encode())

    @cached_property
    def _extended(self) -> str:
        """What `public` is called meanwhile, if it stands aside and extensions have something in it; else ""."""
        name = f"{ASIDE}{self._schemas.index(PUBLIC)}" if PUBLIC in self._schemas else ""
        query = "SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname = %s"
        return name if name and self.connection.execute(query, (name,)).fetchone() is not None else ""

    def _goes(self, error: psycopg.Error) -> bool:
        """Whether it names something that this plan drops or renames."""
        return not _names(error).isdisjoint(_bare(self.trial.gone))

    def _changes(self, address: Address) -> bool:
        """Whether it, or something in it, is other than before."""
        return any(top_of(a, self.kinds) == top_of(address, self.kinds) for a in self.trial.changed)

    def _bad(self, address: Address) -> set[Address]:
        """What it is made of, and what that stands in."""
        used = self.world.used(address)
        return {b for a in used for b in (a, top_of(a, self.kinds))} - {address}

    def _judged(self, address: Address, circle: Collection[Address]) -> Refused | None:
        error, statement = self.failed[address]
        if isinstance(error, errors.AmbiguousFunction) and address.kind in BODIES:
            return None  # casts that are new make it so, and the server minds when it is called
        if not _slip(error) or (isinstance(error, UNDEFINED) and self._elsewhere(address, error)):
            return None
        if isinstance(error, (*UNDEFINED, errors.UndefinedColumn)) and _names(error) & _bare(self.trial.beside()):
            return None
        table = self.part.get(address, Table)
        if table is not None and _names(error) & {table.clustered_on, *table.replica_identity[1:]}:
            return None  # the server's name for its part of an index, which it has only once it is a partition
        blamed = self._blamed(address, error, statement)
        if blamed is None:
            return None
        return Refused(blamed, f"the server says: {error.diag.message_primary}", self._hint(blamed, error, circle))

    def _elsewhere(self, address: Address, error: psycopg.Error) -> bool:
        """Whether what is said not to be there may be: what was not built; for a body, what a search path finds."""
        if any(a.kind == "extension" and a not in self.failed for a in self.trial.changed):
            return True  # what a new one brings nobody knows
        names, text = _names(error), address.kind in BODIES
        declared = _bare(self.trial.final.resources)
        if not names.isdisjoint(declared - _bare(self.part.resources)):
            return True  # declared, and nothing told that it is needed
        if text and not names.isdisjoint(declared):
            return True
        return not (names & self._undeclared[text]) <= (declared | _bare(self.trial.gone))

    @cached_property
    def _undeclared(self) -> dict[bool, set[str]]:
        """Names of what is in schemas of the user: False: in those that stand aside, True: in any."""
        catalogs = (("pg_class", "rel"), ("pg_proc", "pro"), ("pg_type", "typ"), ("pg_operator", "opr"))
        more = (("pg_collation", "coll"), ("pg_opclass", "opc"), ("pg_ts_config", "cfg"), ("pg_ts_dict", "dict"))
        query = " UNION ".join(
            f"SELECT {p}name::text, n.nspname::text FROM {c} JOIN pg_namespace n ON n.oid = {p}namespace"
            " WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'"
            for c, p in (*catalogs, *more)
        )
        found: dict[bool, set[str]] = {False: set(), True: set()}
        for name, schema in self.connection.execute(query.encode()):
            found[True].add(name)
            if schema.startswith(ASIDE):
                found[False].add(name)
        return found

    def _blamed(self, address: Address, error: psycopg.Error, statement: str) -> Address | None:
        """The changed resource that it is about: of what a table is made with, the one at the place of the error, the
        one it names, or the one that the statement is about.
        """
        inside = [a for a in sorted(self.trial.changed) if parent_of(a, self.kinds) == address and a.kind not in FAR]
        for said in (_at(error, statement), _names(error), words(statement) if _later(statement) else ()):
            named = [a for a in inside if a.path[-1] in said]
            if named:
                return named[0]
        if address in self.trial.changed or len(inside) > 1:
            return address
        return inside[0] if inside else None

    def _hint(self, address: Address, error: psycopg.Error, circle: Collection[Address]) -> str | None:
        """What to do: what the plan drops and what comes in a circle is known here, and other names the server knows
        best.
        """
        names = _names(error) if isinstance(error, (*UNDEFINED, errors.UndefinedColumn)) else set()
        going = [a for a in sorted(self.trial.gone) if _bare([a]) <= names]
        if going:
            first = min(going, key=lambda a: not self.kinds[a.kind].top)
            return f"this plan drops or renames {first}: declare it, or no longer name it"
        if address.path[-1] in names:
            return f"a {address.kind} cannot be made of itself"
        if not names.isdisjoint(_bare(circle)):
            return f"these are made of each other: {', '.join(map(str, sorted(circle)))}"
        if error.diag.message_hint:
            return error.diag.message_hint
        sort = _sort(error)
        known = _bare(a for a in self.trial.final.resources if a.kind in SORTS.get(sort, ()))
        close = [c for n in sorted(names) for c in difflib.get_close_matches(n, known, 1)]
        return f"did you mean {close[0]}?" if close else error.diag.message_detail


def _slip(error: psycopg.Error) -> bool:
    """Whether the declaration is at fault: not a lack of rights or resources, nor an error of a function that ran.

    Classes of SQLSTATE: PostgreSQL documentation, appendix A.
    """
    if isinstance(error, errors.InsufficientPrivilege) or RUNNING.match(error.diag.context or ""):
        return False
    if isinstance(error, errors.UndefinedFile):  # before 15: an extension that the server has no files of
        return True
    return (error.sqlstate or "")[:2] in ("0A", "22", "2B", "3F", "42", "54")


def _bare(addresses: Iterable[Address]) -> set[str]:
    """Names without what a routine takes."""
    return {a.path[-1].partition("(")[0] for a in addresses}


def _later(statement: str) -> bool:
    """Whether the statement adds to what another one made."""
    return not re.match(r"CREATE (?:UNLOGGED )?(?:TABLE|MATERIALIZED VIEW|VIEW|FOREIGN TABLE)", statement)


def _sort(error: psycopg.Error) -> str:
    """What the message says is not there: `relation`, `type`."""
    return (error.diag.message_primary or "").partition(" ")[0]


def _names(error: psycopg.Error) -> set[str]:
    """The names in the message, without their schemas."""
    found = _QUOTED.findall(error.diag.message_primary or "")
    said = {quoted.replace('""', '"') or plain for quoted, plain in found}
    return {name.rpartition(".")[2].strip('"') for name in said}


def _at(error: psycopg.Error, statement: str) -> set[str]:
    """The name that begins the line of the statement where the error is."""
    position = error.diag.statement_position
    if position is None or "\n" not in statement:
        return set()
    start = statement.rfind("\n", 0, int(position) - 1) + 1
    match = _LINE.match(statement, start) if start else None
    return {match[1].strip('"').replace('""', '"')} if match else set()
