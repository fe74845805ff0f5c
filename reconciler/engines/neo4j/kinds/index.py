"""Indexes: range, text, point, full-text and vector. Those of constraints are never touched.

The order of properties and of labels counts: the server keeps (a, b) beside (b, a), and full-text (:A|B) beside (:B|A).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j import options
from reconciler.engines.neo4j.claims import DROP, Claim, claims, cleared
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, Row
from reconciler.engines.neo4j.naming import (
    ANY_NAME,
    ANY_NAME_REASON,
    NAME,
    NAMES,
    elements,
    former,
    listed,
    named,
    shortest,
)
from reconciler.engines.neo4j.operations import Cypher, cypher
from reconciler.engines.neo4j.render import NODE, dialect, pattern, properties, quoted, shortened
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.change import Action, Change
from reconciler.model.engine import Server
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Lock, Phase

ONLINE, POPULATING, FAILED = "online", "populating", "failed"


@dataclass(frozen=True, slots=True)
class Index(Resource):
    """An index as far as it differs from the server's defaults (see `options`).

    - `method`: range, text, point, fulltext or vector. `element`: node or relationship.
    - `filters`: further properties that a vector index keeps to filter by.
    - `options`: sorted (key, value) pairs of those that have no field of their own.
    - `state`: online; populating and failed are seen live only, and mended.
    """

    method: str = attr(Role.REPLACE)
    element: str = attr(Role.REPLACE)
    labels: tuple[str, ...] = attr(Role.REPLACE)
    properties: tuple[str, ...] = attr(Role.REPLACE)
    filters: tuple[str, ...] = attr(Role.REPLACE, default=())
    analyzer: str | None = attr(Role.REPLACE, default=None)
    eventually_consistent: bool | None = attr(Role.REPLACE, default=None)
    dimensions: int | None = attr(Role.REPLACE, default=None)
    similarity: str | None = attr(Role.REPLACE, default=None)
    options: tuple[tuple[str, Any], ...] = attr(Role.REPLACE, default=())
    state: str = attr(default=ONLINE)
    provider: str = attr(Role.INFORMATIONAL, reason="the server chooses it by its version", default="")
    any_name: bool = attr(Role.INFORMATIONAL, reason=ANY_NAME_REASON, default=False)


@claims.register
def _(index: Index) -> frozenset[Claim]:
    schema = (index.method, index.element, index.labels, (*index.properties, *index.filters))
    return frozenset({("name", index.address.name), schema})


_FIELDS = {
    "analyzer": options.ANALYZER,
    "eventually_consistent": options.EVENTUALLY,
    "dimensions": options.DIMENSIONS,
    "similarity": options.SIMILARITY,
}


def config_of(index: Index) -> dict[str, Any]:
    """All options of an index under the server's keys."""
    own = {key: getattr(index, name) for name, key in _FIELDS.items()}
    return {**{k: v for k, v in own.items() if v is not None}, **dict(index.options)}


def with_config(index: Index, config: Mapping[str, Any]) -> Index:
    """The index with just these options."""
    own: dict[str, Any] = {name: config.get(key) for name, key in _FIELDS.items()}
    rest = tuple(sorted((k, v) for k, v in config.items() if k not in _FIELDS.values()))
    return dataclasses.replace(index, **own, options=rest)


# Declaration

METHODS = tuple(options.KEYS)
SPEC = {
    "type": "object",
    "properties": {
        "node": NAME,
        "relationship": NAME,
        "nodes": NAMES,
        "relationships": NAMES,
        **dict.fromkeys(METHODS, NAMES),
        "with": NAMES,
        "analyzer": NAME,
        "eventually_consistent": {"type": "boolean"},
        "dimensions": {"type": "integer", "minimum": 1, "maximum": 4096},
        "similarity": {"enum": ["cosine", "euclidean"]},
        "name": ANY_NAME,
        "options": {
            "type": "object",
            "description": "the server's own keys, such as vector.hnsw.m",
            "additionalProperties": {"type": ["boolean", "number", "string", "array"], "items": {"type": "number"}},
        },
    },
}
_ONLY = {"with": "vector", "dimensions": "vector", "similarity": "vector"}
_ONLY |= {"analyzer": "fulltext", "eventually_consistent": "fulltext"}


def lower(name: str, node: dict[str, Any], place: Place) -> Index:
    """The index a declaration describes. Raises through `place.fail`."""
    named(name, place)
    said = [method for method in METHODS if method in node]
    if len(said) != 1:
        found = " and ".join(said) if said else "no method"
        raise place.fail(f"index {name!r} says {found}", f"exactly one of: {', '.join(METHODS)}, with its properties")
    method = said[0]
    element, labels = elements(node, place, many=True)
    if len(labels) > 1 and method not in ("fulltext", "vector"):
        raise place.fail(f"a {method} index is for a single label", "write one index for each, or a full-text one")
    names = listed(node[method], place, method)
    if len(names) > 1 and method not in ("range", "fulltext"):
        raise place.fail(f"a {method} index is on a single property", "write one index for each", method)
    filters = listed(node["with"], place, "with") if "with" in node else ()
    index = Index(place.address("index", name), method, element, labels, names, filters, any_name="name" in node)
    return with_config(index, _config(method, node, place))


def _config(method: str, node: dict[str, Any], place: Place) -> dict[str, Any]:
    for key, only in _ONLY.items():
        if key in node and method != only:
            raise place.fail(f"{key!r} is for {only} indexes, this is a {method} index", f"take out {key!r}", key)
    own = {key: options.spelled(key, node[name]) for name, key in _FIELDS.items() if name in node}
    more: dict[str, Any] = {}
    for key, value in (node.get("options") or {}).items():
        if key in _FIELDS.values():
            field = next(f for f, k in _FIELDS.items() if k == key)
            raise place.fail(f"{key!r} has a word of its own here", f"write '{field}: …' beside '{method}'", "options")
        if not key.startswith(tuple(f"{k.partition('.')[0]}." for k in options.KEYS[method])):
            known = ", ".join(k for k in options.KEYS[method] if k not in _FIELDS.values())
            raise place.fail(
                f"{key!r} is no option of a {method} index", f"there are: {known}" if known else None, "options", key
            )
        try:
            more[key] = options.spelled(key, value)
        except ValueError:
            raise place.fail(f"{key!r} is {value!r}", "expected a number", "options", key) from None
    return {**own, **more}


def lift(index: Index, _catalog: Catalog) -> dict[str, Any]:
    """The shortest declaration of the index."""
    single = len(index.labels) == 1
    node: dict[str, Any] = {index.element if single else f"{index.element}s": shortest(index.labels)}
    node[index.method] = shortest(index.properties)
    if index.filters:
        node["with"] = shortest(index.filters)
    node |= {name: value for name in _FIELDS if (value := getattr(index, name)) is not None}
    if index.options:
        node["options"] = {k: list(v) if isinstance(v, tuple) else v for k, v in index.options}
    return {**node, "name": "any"} if index.any_name else node


# Introspection

SHOW = "SHOW INDEXES YIELD *"


def read(row: Row, reading: Reading) -> Index | Unmanaged | None:
    """A row of SHOW INDEXES. None for lookup indexes, a kind of their own, and those of constraints."""
    method = row["type"].lower()
    if method == "lookup" or row["owningConstraint"] is not None:
        return None
    address = reading.address("index", row["name"])
    if method not in METHODS or not row["labelsOrTypes"] or not row["properties"]:
        return Unmanaged(address, f"indexes of type {row['type']} are not known here")
    names, vector = tuple(row["properties"]), method == "vector"
    index = Index(
        address,
        method,
        row["entityType"].lower(),
        tuple(row["labelsOrTypes"]),
        names[:1] if vector else names,
        names[1:] if vector else (),
        state=row["state"].lower(),
        provider=row["indexProvider"] or "",
    )
    settings = reading.settings if method == "fulltext" else {}
    return with_config(index, options.significant(raw_config(row), index.provider, settings))


def raw_config(row: Row) -> dict[str, Any]:
    """The options a row shows, defaults included, in one spelling."""
    shown = (row["options"] or {}).get("indexConfig") or {}
    return {key: options.spelled(key, value) for key, value in shown.items()}


def canonical(index: Index, live: Resource | None, server: Server, settings: Mapping[str, Any]) -> Index:
    """A declared index as the server will show it: without the options that are its defaults anyway."""
    known = live if isinstance(live, Index) and live.method == index.method else None
    provider = known.provider if known is not None else options.provider_of(index.method, server.version)
    defaults = settings if index.method == "fulltext" else {}
    seen = config_of(known) if known is not None else {}
    return with_config(index, options.settled(config_of(index), seen, provider, defaults))


def unsupported(index: Index, server: Server) -> tuple[str, str] | None:
    """(message, hint) when a server of this version cannot have it."""
    if dialect(server.version) or index.method != "vector":
        return None
    if len(index.labels) > 1 or index.filters:
        return f"{server} has vector indexes of one label and no further properties", "declare one index for each label"
    newer = {options.QUANTIZATION, options.EXPANSION} & dict(index.options).keys()
    if newer:
        return f"{server} does not know {', '.join(sorted(newer))}", f"declare {options.QUANTIZED}: true or false"
    return None


# Emitters


def described(index: Index) -> str:
    """What it is: `range index on Tutor (country, name)`."""
    method = "full-text" if index.method == "fulltext" else index.method
    on = f"{'|'.join(index.labels)} ({', '.join(index.properties)})"
    return f"{method} index on {shortened(on)}"


def _creation(index: Index, context: Context) -> Cypher:
    names = properties(index.properties)
    words = [
        f"{dialect(context.server.version)}CREATE {index.method.upper()} INDEX {quoted(index.address.name)}",
        f"FOR {pattern(index.element, index.labels)} ON",
        f"EACH [{names}]" if index.method == "fulltext" else f"({names})",
    ]
    if index.filters:
        words.append(f"WITH [{properties(index.filters)}]")
    config = tuple(sorted(config_of(index).items()))
    if config:
        words.append("OPTIONS {indexConfig: $config}")
    return Cypher((" ".join(words),), (index.address.name,), config)


def _removal(index: Index, context: Context) -> Cypher:
    return cypher(f"{dialect(context.server.version)}DROP INDEX {quoted(index.address.name)} IF EXISTS")


def _locks(index: Index) -> tuple[Lock, ...]:
    token = "LABEL" if index.element == NODE else "RELATIONSHIP_TYPE"
    return tuple(Lock("EXCLUSIVE", f"{token} {shortened(label)}") for label in index.labels)


def _built(change: Change[Index], context: Context, requires: bool = True) -> Draft:
    index = change.desired
    values = {
        "method": index.method,
        "labels": index.labels,
        "properties": index.properties,
        **{name: value for name in _FIELDS if (value := getattr(index, name)) is not None},
        "state": ONLINE,
    }
    return Draft(
        "create",
        Phase.EXPAND,
        f"create {described(index)}",
        _creation(index, context),
        locks=_locks(index),
        done=(Check(index.address, True, tuple(values.items())),),
        undo=(_removal(index, context),),
        reads=change.address,
        requires=cleared(change, context) if requires else (),
        provides=True,
    )


def _dropped(index: Index, context: Context, phase: Phase, hazards: tuple[Hazard, ...], *, gone: bool) -> Draft:
    """`gone`: for good; else its name stands again soon, so its absence is no sign that the step is done."""
    return Draft(
        DROP,
        phase,
        f"drop {described(index)}",
        _removal(index, context),
        locks=_locks(index),
        hazards=hazards,
        done=(Check(index.address, present=False),) if gone else (),
        undo=(_creation(index, context),),
    )


def create(change: Change[Index], context: Context) -> list[Draft]:
    """Expand: writers wait for a moment only, the server fills the index beside them."""
    return [_built(change, context)]


def drop(change: Change[Index], context: Context) -> list[Draft]:
    """Contract. Queries name full-text and vector indexes, so those that still do fail."""
    index = change.live
    asked = f"queries that ask for index '{shortened(index.address.name)}' by name fail"
    hazards = (hazard(Code.OLD_READERS, asked),) if index.method in ("fulltext", "vector") else ()
    return [_dropped(index, context, Phase.CONTRACT, hazards, gone=True)]


def replace(change: Change[Index], context: Context) -> list[Draft]:
    """Drop and create: Neo4j renames no index, so one name cannot stand for both meanwhile."""
    built = dataclasses.replace(_built(change, context), phase=Phase.CONTRACT)
    if change.moved is not None:
        return [built]
    gap = _gap(change.live, "to have both for a while, declare the new one under another name")
    return [_dropped(change.live, context, Phase.CONTRACT, (gap,), gone=False), built]


def _gap(index: Index, advice: str) -> Hazard:
    named = "and those that ask for it by name fail, " if index.method in ("fulltext", "vector") else ""
    return hazard(Code.INDEX_GAP, f"queries go without it {named}until it is built again; {advice}")


def rename(change: Change[Index], context: Context) -> list[Draft]:
    """Drop under the old name and create under the new one: Neo4j renames nothing, and allows no two alike.

    What is to be another index as well is created as that, by `replace`.
    """
    old = dataclasses.replace(change.live, address=change.moved or change.address)
    gap = _gap(old, "to keep it as it is, say 'name: any' instead of 'renamed_from'")
    dropped = _dropped(old, context, Phase.CONTRACT, (gap,), gone=True)
    dropped = dataclasses.replace(dropped, slot="give up", renames=True)
    if change.action is Action.REPLACE:
        return [dropped]
    return [dropped, dataclasses.replace(_built(change, context), phase=Phase.CONTRACT, renames=True)]


def mend(change: Change[Index], context: Context) -> list[Draft]:
    """Wait for an index that is being built; build a failed one, which serves nobody, again."""
    if change.moved is not None:
        return []  # it is built again under its new name
    built = _built(change, context, requires=False)
    if change.live.state == FAILED:
        return [_dropped(change.live, context, Phase.EXPAND, (), gone=False), built]
    title = f"wait for {described(change.live)}"
    waits = Cypher(awaits=(change.address.name,))
    return [dataclasses.replace(built, slot="wait", title=title, operation=waits, locks=(), undo=())]


KIND = Neo4jKind(
    name="index",
    resource=Index,
    section="indexes",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=drop,
    replace=replace,
    former=former,
    rename=rename,
    rules=(rule("state", emit=mend),),
    order=20,
    show=SHOW,
    read=read,
    unsupported=unsupported,
    canonical=canonical,
)
