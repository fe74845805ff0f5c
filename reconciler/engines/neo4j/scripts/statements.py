"""Schema statements, of Neo4j 3.5 to the newest: what each creates or drops, as nodes of a declaration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.neo4j import options
from reconciler.engines.neo4j.naming import shortest
from reconciler.engines.neo4j.scripts.reader import NotRead, Reader
from reconciler.engines.neo4j.scripts.tokens import Script

CONSTRAINT, INDEX, LOOKUP = "constraint", "index", "lookup"
_METHODS = ("RANGE", "BTREE", "TEXT", "POINT", "FULLTEXT", "VECTOR", "LOOKUP")
_WORDS = {
    options.ANALYZER: "analyzer",
    options.EVENTUALLY: "eventually_consistent",
    options.DIMENSIONS: "dimensions",
    options.SIMILARITY: "similarity",
}
_SILENT = ("DB.AWAITINDEXES", "DB.AWAITINDEX", "DB.INDEX.FULLTEXT.AWAITEVENTUALLYCONSISTENTINDEXREFRESH")


@dataclass(frozen=True, slots=True)
class Created:
    """CREATE: the kind, the name if it says one, and the node of the declaration."""

    kind: str
    name: str | None
    node: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dropped:
    """DROP: by its name, or, in old syntax, by the node that declares the same."""

    kind: str
    name: str | None
    node: dict[str, Any] = field(default_factory=dict)


def read(script: Script) -> Created | Dropped | None:
    """What a statement does to the schema; None for one that only waits.

    Raises NotRead for everything else.
    """
    reader = Reader(script.tokens)
    if reader.take("CYPHER"):
        reader.token()
    if reader.take("CREATE"):
        return _creation(reader)
    if reader.take("DROP", "CONSTRAINT"):
        return _dropped(reader, CONSTRAINT)
    if reader.take("DROP", "INDEX"):
        return _dropped(reader, INDEX)
    if reader.take("CALL"):
        return _called(reader)
    raise NotRead("it changes no constraint and no index")


def _creation(reader: Reader) -> Created | None:
    if reader.take("CONSTRAINT"):
        name = _name(reader)
        return Created(CONSTRAINT, name, _constraint(reader))
    method = next((m for m in _METHODS if reader.take(m)), "RANGE")
    if not reader.take("INDEX"):
        raise NotRead("it changes no constraint and no index")
    if reader.take("ON", ":"):
        return Created(INDEX, None, _old_index(reader))
    name = _name(reader)
    if method == "LOOKUP":
        return Created(LOOKUP, name, _lookup(reader))
    return Created(INDEX, name, _index(reader, method.lower()))


def _lookup(reader: Reader) -> dict[str, Any]:
    """Under any name: a new database has it, and there cannot be two."""
    reader.need("FOR")
    variable, element, _ = reader.pattern()
    reader.need("ON")
    reader.take("EACH")
    reader.need("LABELS" if element == "node" else "TYPE", "(")
    if reader.name() != variable:
        raise NotRead(f"labels or the type of something else than {variable!r}")
    reader.need(")")
    reader.end()
    return {"for": element, "name": "any"}


def _name(reader: Reader) -> str | None:
    if reader.next_is("$"):
        raise NotRead("its name is a parameter")
    name = None
    if not (reader.next_is("IF", "FOR", "ON")):
        name = reader.name()
    reader.take("IF", "NOT", "EXISTS")
    return name


def _constraint(reader: Reader) -> dict[str, Any]:
    if not (reader.take("FOR") or reader.take("ON")):
        raise NotRead("expected FOR and a pattern")
    variable, element, labels = reader.pattern()
    if not (reader.take("REQUIRE") or reader.take("ASSERT")):
        raise NotRead("expected REQUIRE and a rule")
    node: dict[str, Any] = {element: shortest(labels)}
    if reader.take("EXISTS"):
        reader.need("(")
        return {**node, "exists": shortest(reader.properties(variable, ")"))}
    names = reader.properties(variable, ")") if reader.take("(") else (reader.property(variable),)
    return {**node, **_rule(reader, names)}


def _rule(reader: Reader, names: tuple[str, ...]) -> dict[str, Any]:
    if not reader.take("::"):
        reader.need("IS")
        if reader.take("NOT", "NULL"):
            reader.end()
            return {"exists": shortest(names)}
        qualified = reader.take("NODE") or reader.take("RELATIONSHIP") or reader.take("REL")
        for word, rule in (("UNIQUE", "unique"), ("KEY", "key")):
            if reader.take(word):
                _config(reader)
                return {rule: shortest(names)}
        if qualified or not (reader.take("::") or reader.take("TYPED")):
            raise NotRead("the rule is not known here")
    return {"property": shortest(names), "type": reader.rest()}


def _index(reader: Reader, method: str) -> dict[str, Any]:
    reader.need("FOR")
    variable, element, labels = reader.pattern()
    reader.need("ON")
    if reader.take("EACH"):
        reader.need("[")
        names = reader.properties(variable, "]")
    else:
        reader.need("(")
        names = reader.properties(variable, ")")
    node: dict[str, Any] = {element if len(labels) == 1 else f"{element}s": shortest(labels)}
    node["range" if method == "btree" else method] = shortest(names)
    if reader.take("WITH"):
        reader.need("[")
        node["with"] = shortest(reader.properties(variable, "]"))
    config = _config(reader)
    return {**node, **({} if method == "btree" else configured(config))}


def _config(reader: Reader) -> dict[str, Any]:
    """`OPTIONS {…}`, of which the provider is left out: no supported server lets it be chosen (see `options`)."""
    found = reader.literal() if reader.take("OPTIONS") else {}
    reader.end()
    config = found.get("indexConfig", {}) if isinstance(found, dict) else {}
    return config if isinstance(config, dict) else {}


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """Options of an index in the words of a declaration."""
    words = {_WORDS[k]: _worded(k, v) for k, v in config.items() if k in _WORDS}
    rest = {k: v for k, v in config.items() if k not in _WORDS}
    return {**words, **({"options": rest} if rest else {})}


def _worded(key: str, value: Any) -> Any:
    if key == options.EVENTUALLY and isinstance(value, str):
        return value.lower() == "true"
    return value.lower() if key == options.SIMILARITY and isinstance(value, str) else value


def _old_index(reader: Reader) -> dict[str, Any]:
    """`:Label(a, b)`, of Neo4j 3.5; the colon is behind."""
    label = reader.name()
    reader.need("(")
    names = reader.names(",")
    reader.need(")")
    reader.end()
    return {"node": label, "range": shortest(names)}


def _dropped(reader: Reader, kind: str) -> Dropped:
    if kind == INDEX and reader.take("ON", ":"):
        return Dropped(kind, None, _old_index(reader))
    if kind == CONSTRAINT and reader.next_is("ON"):
        return Dropped(kind, None, _constraint(reader))
    name = reader.name()
    reader.take("IF", "EXISTS")
    reader.end()
    return Dropped(kind, name)


def _called(reader: Reader) -> Created | None:
    """The procedures that created full-text and vector indexes before there were statements for that."""
    procedure = ".".join(reader.names(".")).upper()
    if procedure in _SILENT:
        return None
    element = {"NODE": "node", "RELATIONSHIP": "relationship"}.get(
        procedure.rpartition(".CREATE")[2].removesuffix("INDEX"), ""
    )
    if not element or not procedure.startswith(("DB.INDEX.FULLTEXT.", "DB.INDEX.VECTOR.")):
        raise NotRead("it calls a procedure")
    reader.need("(")
    given = [reader.literal()]
    while reader.take(","):
        given.append(reader.literal())
    reader.need(")")
    made = _fulltext if procedure.startswith("DB.INDEX.FULLTEXT.") else _vector
    try:
        return Created(INDEX, given[0], made(element, *given[1:]))
    except TypeError:
        raise NotRead("these are not the arguments of that procedure") from None


def _fulltext(
    element: str, labels: list[str], names: list[str], config: dict[str, Any] | None = None
) -> dict[str, Any]:
    words = configured({f"fulltext.{k.removeprefix('fulltext.')}": v for k, v in (config or {}).items()})
    key = element if len(labels) == 1 else f"{element}s"
    return {key: shortest(tuple(labels)), "fulltext": shortest(tuple(names)), **words}


def _vector(element: str, label: str, name: str, dimensions: int, similarity: str) -> dict[str, Any]:
    return {element: label, "vector": name, "dimensions": dimensions, "similarity": similarity.lower()}
