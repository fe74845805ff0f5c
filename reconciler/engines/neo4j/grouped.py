"""Many schema statements in one transaction, where nobody can wait for them.

A statement in a transaction of its own costs several round trips and a commit; a plan of hundreds takes as long again
as its statements. A transaction with many of them holds the locks on all their labels until it ends, so only what is
about labels without a single element goes into one (nobody writes there, and nothing has to be checked), and a
transaction ends after the time that a lock may be waited for. What fails is rolled back and run step by step, where
the error belongs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from reconciler.engines.neo4j import schema_statement
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.kinds.constraint import Constraint, nobody
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.engines.neo4j.kinds.label import Label
from reconciler.engines.neo4j.kinds.property import Property
from reconciler.engines.neo4j.kinds.relationship_type import RelationshipType
from reconciler.engines.neo4j.operations import Cypher
from reconciler.errors import StoreError
from reconciler.model.address import Address
from reconciler.model.engine import Limits
from reconciler.model.resource import Resource
from reconciler.model.step import Probe, Step

Elements = tuple[str, tuple[str, ...]]
"""node or relationship, and labels or types."""
Counts = Mapping[tuple[str, str], int]
"""(node or relationship, label or type) → how many there are."""
SIZE = 300
"""Most steps that are run before they are waited for and noted."""
SHARE = 25
"""Most statements of one transaction."""
LANES = 4
"""Transactions side by side: half the time of one after the other (measured, 2 cores, 5.26 and 2026.09)."""
_COUNTS = """
CALL db.stats.retrieve('GRAPH COUNTS') YIELD data
RETURN [x IN data.nodes WHERE x.label IN $labels] AS nodes,
       [x IN data.relationships WHERE x.relationshipType IN $types AND size(keys(x)) = 2] AS relationships
"""


def elements(resource: Resource | None) -> Elements | None:
    """What elements a constraint, an index or a change of data is for; None for anything else."""
    if isinstance(resource, Constraint | Property):
        return resource.element, (resource.label,)
    if isinstance(resource, RelationshipType):
        return "relationship", (resource.renamed_from,)
    if isinstance(resource, Label):
        return "node", (resource.address.name,)
    return (resource.element, resource.labels) if isinstance(resource, Index) else None


def counts(connection: Connection, wanted: Sequence[Elements]) -> Counts | None:
    """How many elements there are, from the server's exact counts; None where the user may not read them."""
    labels = sorted({label for element, names in wanted if element == "node" for label in names})
    types = sorted({label for element, names in wanted if element != "node" for label in names})
    try:
        found = connection.rows(_COUNTS, "counting", labels=labels, types=types)[0]
    except StoreError:
        return None
    count = {("node", row["label"]): row["count"] for row in found["nodes"]}
    return count | {("relationship", row["relationshipType"]): row["count"] for row in found["relationships"]}


def clean(connection: Connection, probes: Collection[Probe], known: Iterable[Resource]) -> frozenset[Probe]:
    """Those of the probes that find nothing as the counts tell: one question for all that want no element at all."""
    wanted = {probe: elements(r) for r in known if isinstance(r, Constraint) for probe in nobody(r)}
    asked = {p: where for p in probes if (where := wanted.get(p)) is not None}
    count = counts(connection, [*asked.values()]) if asked else None
    if count is None:
        return frozenset()
    return frozenset(p for p, where in asked.items() if _nobody(where, count))


def shares(connection: Connection, steps: Sequence[Step], known: Mapping[Address, Resource]) -> list[list[Step]]:
    """The first of the steps, for transactions side by side: all create or all drop, about labels without elements.

    The servers differ in what they take of both at once. Fewer than two are none. What is about one label is in one
    transaction, in its order, as two of them would wait for each other.
    """
    candidates = [*takewhile(lambda s: _plain(s, known.get(s.address)) and _verb(s) == _verb(steps[0]), steps[:SIZE])]
    of = [where for s in candidates if (where := elements(known[s.address])) is not None]
    count = counts(connection, of) if len(of) > 1 else None
    if count is None:
        return []
    found = [*takewhile(lambda pair: _nobody(pair[1], count), zip(candidates, of, strict=True))]
    return _shared(found) if len(found) > 1 else []


def _nobody(where: Elements, count: Counts) -> bool:
    return not any(count.get((where[0], label)) for label in where[1])


def _shared(steps: Iterable[tuple[Step, Elements]]) -> list[list[Step]]:
    """So many to a transaction. A step whose labels are in two of them already, and all after it, are left out."""
    found: list[list[Step]] = [[]]
    home: dict[tuple[str, str], int] = {}
    for step, (element, labels) in steps:
        met = {home[element, label] for label in labels if (element, label) in home}
        if len(met) > 1:
            break
        if not met and len(found[-1]) >= SHARE:
            found.append([])
        at = met.pop() if met else len(found) - 1
        found[at].append(step)
        home |= {(element, label): at for label in labels}
    return found


def _plain(step: Step, resource: Resource | None) -> bool:
    """One statement about a known object, with nothing to check beside that there are no elements."""
    operation = step.operation
    if not isinstance(operation, Cypher) or len(operation.statements) != 1:
        return False
    unchecked = isinstance(resource, Constraint) and step.probes == nobody(resource)
    return elements(resource) is not None and (unchecked or not step.probes)


def _verb(step: Step) -> str:
    operation = step.operation
    text = operation.statements[0] if isinstance(operation, Cypher) and operation.statements else ""
    return text.removeprefix("CYPHER 25 ").partition(" ")[0]


def run(
    connection: Connection,
    wanted: Sequence[Sequence[Step]],
    limits: Limits,
    begin: Callable[[Step], None],
    may: Callable[[], None],
) -> frozenset[int]:
    """Run each share in a transaction, some side by side: the ids of the steps that are committed.

    `may` raises where nothing may be changed any more. A share that fails is rolled back and has nothing in the result.
    """
    from concurrent.futures import ThreadPoolExecutor, wait

    done: set[int] = set()

    def work(share: Sequence[Step]) -> None:
        for ran in _transactions(connection, share, limits, begin, may):
            done.update(s.id for s in ran)

    with ThreadPoolExecutor(LANES, "reconcile-neo4j-schema") as pool:
        wait([pool.submit(work, share) for share in wanted])
    return frozenset(done)


def _transactions(
    connection: Connection,
    steps: Sequence[Step],
    limits: Limits,
    begin: Callable[[Step], None],
    may: Callable[[], None],
) -> Iterator[list[Step]]:
    """The steps of each transaction once it is committed; it ends after the time a lock may be waited for."""
    left = list(steps)
    enough = limits.lock_timeout or float("inf")
    while left:
        may()
        ran: list[Step] = []
        started = time.monotonic()
        with schema_statement.transaction(connection, limits) as transaction:
            while left and time.monotonic() - started < enough:
                step = left.pop(0)
                begin(step)
                operation = step.operation
                if isinstance(operation, Cypher):
                    transaction.run(operation.statements[0], operation.parameters).consume()
                ran.append(step)
        yield ran
