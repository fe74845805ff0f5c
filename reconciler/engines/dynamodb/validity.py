"""What the service would refuse of a declaration, found without asking it. Numbers and sources: `limits`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.autoscale import Autoscaling
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.kinds.global_table import GlobalTable
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.lsi import Lsi
from reconciler.engines.dynamodb.kinds.replica import Replica
from reconciler.engines.dynamodb.kinds.replica_index import ReplicaIndex
from reconciler.engines.dynamodb.kinds.stream import Stream
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.kinds.tags import Tags
from reconciler.engines.dynamodb.kinds.vector_index import VectorIndex
from reconciler.engines.dynamodb.naming import STATE_TABLE, table_address
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog

Problem = tuple[Address, str, str]
NAMES = "3 to 255 letters, digits, and _ . -"


def problems(catalog: Catalog) -> Iterator[Problem]:
    """(address, what is wrong, a hint) for all the tables of a declaration."""
    tables = list(catalog.of_kind(Table))
    yield from _names(tables)
    for table in tables:
        globals_ = catalog.children(table.address, "gsi", Gsi)
        locals_ = catalog.children(table.address, "lsi", Lsi)
        vectors = catalog.children(table.address, "vector_index", VectorIndex)
        yield from _attributes(table, globals_, locals_, vectors)
        yield from _vectors(table, vectors, {i.address.name for i in (*globals_, *locals_)})
        yield from _indexes(table, globals_, locals_)
        yield from _included(table, globals_, locals_)
        for index in globals_:
            yield from _throughput(table, index)
        yield from _imported(table, locals_)
        yield from _replicated(table, globals_, catalog)
    yield from _scaled(catalog)
    for tags in catalog.of_kind(Tags):
        if len(tags.tags) > limits.MAX_TAGS:
            yield tags.address, f"{len(tags.tags)} tags, the service takes {limits.MAX_TAGS}", "leave some out"


def _names(tables: Iterable[Table]) -> Iterator[Problem]:
    first: dict[str, Table] = {}
    for table in tables:
        if not re.match(limits.NAME, table.name):
            yield table.address, f"{table.name!r} is no name of a table", f"names are {NAMES}"
        if table.name == STATE_TABLE:
            yield table.address, f"{STATE_TABLE} is the table reconcile keeps its state in", "choose another name"
        other = first.setdefault(table.name, table)
        if other is not table:
            yield table.address, f"{other.address} has the same physical name, {table.name}", "give one another name"


def _vectors(table: Table, vectors: list[VectorIndex], names: set[str]) -> Iterator[Problem]:
    """Names are those of all indexes of a table, and a vector has one length."""
    lengths: dict[str, VectorIndex] = {}
    for index in vectors:
        name = index.address.name
        if not re.match(limits.NAME, name):
            yield index.address, f"{name!r} is no name of an index", f"names are {NAMES}"
        if name in names:
            yield index.address, f"an index of the same table is called {name!r} too", "give one another name"
        other = lengths.setdefault(index.vector, index)
        if other.dimensions != index.dimensions:
            message = f"{other.address} has vectors of {other.dimensions} dimensions in {index.vector}"
            yield index.address, message, "say the same, or use another attribute"


def _attributes(
    table: Table, globals_: Iterable[Gsi], locals_: Iterable[Lsi], vectors: Iterable[VectorIndex]
) -> Iterator[Problem]:
    """Exactly the attributes of keys are declared: others are refused by the service."""
    used: set[str] = set()
    keys: list[tuple[Address, Key]] = [
        (table.address, table.key),
        *((g.address, (*g.partition, *g.sort)) for g in globals_),
        *((i.address, (*i.partition, *i.sort)) for i in locals_),
        *((v.address, (*v.partition, *v.sort)) for v in vectors),
    ]
    for address, key in keys:
        for name in sorted({k.name for k in key if not k.type}):
            yield address, f"the key attribute {name!r} has no type", f"add it: attributes: {{{name}: S}}"
        for name, times in Counter(k.name for k in key).items():
            if times > 1:
                yield address, f"{name!r} stands twice in the key", "use another attribute"
        used |= {k.name for k in key}
    for name in (a.name for a in table.attributes if a.name not in used):
        yield (
            table.address,
            f"no key uses the attribute {name!r}",
            "take it out of `attributes`: only keys have declared types",
        )


def _indexes(table: Table, globals_: list[Gsi], locals_: list[Lsi]) -> Iterator[Problem]:
    if len(globals_) > limits.MAX_GSI:
        yield table.address, f"{len(globals_)} indexes, the service takes {limits.MAX_GSI}", "leave some out"
    if len(locals_) > limits.MAX_LSI:
        yield table.address, f"{len(locals_)} local indexes, the service takes {limits.MAX_LSI}", "leave some out"
    if locals_ and len(table.key) < 2:
        yield table.address, "local indexes need a table with a sort key", "declare them as `indexes`"
    names = {g.address.name for g in globals_}
    for index in (*globals_, *locals_):
        name = index.address.name
        if not re.match(limits.NAME, name):
            yield index.address, f"{name!r} is no name of an index", f"names are {NAMES}"
        if isinstance(index, Gsi) and index.former in names:
            message = f"`renamed_from` names {index.former}, which is declared too"
            yield index.address, message, "take one of them out: an index that is renamed goes in contract"
        if isinstance(index, Lsi) and name in names:
            yield index.address, f"an index of the same table is called {name!r} too", "give one another name"


def _included(table: Table, globals_: Iterable[Gsi], locals_: Iterable[Lsi]) -> Iterator[Problem]:
    total = sum(len(g.include) for g in globals_) + sum(len(i.include) for i in locals_)
    if total > limits.MAX_INCLUDED_TOTAL:
        hint = "project `all` where an index lists most of an item"
        yield table.address, f"its indexes list {total} attributes, the service takes {limits.MAX_INCLUDED_TOTAL}", hint


def _throughput(table: Table, index: Gsi) -> Iterator[Problem]:
    if index.throughput.provisioned and not table.billing.provisioned:
        hint = "give the table units, or the index {max_read: …, max_write: …}"
        yield index.address, "units for an index of a table that is paid for on demand", hint
    if table.billing.provisioned and not index.throughput.provisioned:
        hint = "give the index units: {read: …, write: …}"
        yield index.address, "a maximum for an index of a table with provisioned units", hint


def _imported(table: Table, locals_: Iterable[Lsi]) -> Iterator[Problem]:
    if table.source is None:
        return
    if any(locals_):
        yield table.address, "an import makes no local indexes", "take `import_from` or `local_indexes` out"
    if table.source.format != "csv" and (table.source.delimiter or table.source.header):
        yield table.address, "`delimiter` and `header` are for CSV files", "say `format: csv`, or take them out"


def _scaled(catalog: Catalog) -> Iterator[Problem]:
    for scaling in catalog.of_kind(Autoscaling):
        table = catalog.get(table_address(scaling.address), Table)
        if table is not None and not table.billing.provisioned:
            yield (
                scaling.address,
                "nothing to scale: the table is paid for on demand",
                "give it `billing: {read, write}`",
            )
        for one in (scaling.read, scaling.write):
            if one is not None and one.least > one.most:
                yield scaling.address, f"at least {one.least} and at most {one.most} units", "exchange `min` and `max`"


def _replicated(table: Table, globals_: Iterable[Gsi], catalog: Catalog) -> Iterator[Problem]:
    """What the service asks of a table before it makes a replica of it (version 2019.11.21 of global tables)."""
    found = catalog.get(table.address.sibling("global_table", table.address.path), GlobalTable)
    if found is None:
        return
    yield from _writes_scaled(table, globals_, catalog, found.address)
    regions = catalog.children(found.address, "replica", Replica)
    if not regions:
        yield found.address, "no replicas", "name a region: `replicas: {eu-west-1: {}}`"
    yield from _reads(table, regions, catalog)
    if found.strong:
        yield from _strong(table, found, [r.region for r in regions], catalog)
        return
    if found.witness:
        yield found.address, "a witness is for strong consistency", "say `consistency: strong`, or take it out"
    stream = catalog.get(table.address.sibling("stream", table.address.path), Stream)
    if stream is None or stream.view != "new_and_old_images":
        yield found.address, "replicas need the table's stream", "add `stream: new_and_old_images`"


def _strong(table: Table, found: GlobalTable, regions: list[str], catalog: Catalog) -> Iterator[Problem]:
    """What strong consistency asks besides (the considerations about it in the developer guide)."""
    where = {*regions, found.witness} - {""}
    if len(regions) + bool(found.witness) != limits.STRONG_REGIONS - 1 or len(where) < limits.STRONG_REGIONS - 1:
        yield found.address, "strong consistency takes three regions", "name two others, one may be the `witness`"
    elif not any(where <= set(one) for one in limits.STRONG_SETS):
        sets = "; or ".join(", ".join(one) for one in limits.STRONG_SETS)
        yield found.address, f"strong consistency does not span {' and '.join(sorted(where))}", f"all of {sets}"
    if catalog.resources.get(table.address.sibling("ttl", table.address.path)):
        yield found.address, "strong consistency goes with no time to live", "take `ttl` out"
    if catalog.children(table.address, "lsi", Lsi):
        yield found.address, "strong consistency goes with no local indexes", "declare them as `indexes`"


def _reads(table: Table, regions: Iterable[Replica], catalog: Catalog) -> Iterator[Problem]:
    """Reads of a replica are said as its table is paid for."""
    for replica in regions:
        indexes = catalog.children(replica.address, "replica_index", ReplicaIndex)
        held = [(replica.address, replica.read, replica.max_read), *((i.address, i.read, i.max_read) for i in indexes)]
        for address, read, most in held:
            if read and not table.billing.provisioned:
                yield address, "read units in a replica of a table that is paid for on demand", "say `max_read`"
            if most and table.billing.provisioned:
                yield address, "a maximum in a replica of a table with provisioned units", "say `read`"


def _writes_scaled(table: Table, globals_: Iterable[Gsi], catalog: Catalog, where: Address) -> Iterator[Problem]:
    if not table.billing.provisioned:
        return
    for address, kind in ((table.address, "autoscaling"), *((g.address, "index_autoscaling") for g in globals_)):
        scaling = catalog.get(address.sibling(kind, address.path), Autoscaling)
        if scaling is None or scaling.write is None:
            hint = "add `autoscaling: {write: {min: …, max: …}}`, or let the table be paid for on demand"
            yield where, f"replicas need scaled writes, and those of {address} are not", hint
