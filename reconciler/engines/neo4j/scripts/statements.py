"""Schema statements, of Neo4j 3.5 to the newest: what each creates or drops, as nodes of a declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.engines.neo4j.naming import shortest
from reconciler.engines.neo4j.scripts import procedures
from reconciler.engines.neo4j.scripts.actions import (
    CONSTRAINT,
    INDEX,
    LOOKUP,
    OTHER,
    Action,
    Created,
    Dropped,
    configured,
)
from reconciler.engines.neo4j.scripts.reader import NotRead, Reader, Unrelated
from reconciler.engines.neo4j.scripts.tokens import METHODS, Script


def read(script: Script) -> Sequence[Action]:
    """What a statement does to the schema; nothing for one that only waits.

    Raises Unrelated for one that is about something else, NotRead for one that is not understood.
    """
    reader = Reader(script.tokens)
    if reader.take("CYPHER"):
        reader.token()
    if reader.take("USE"):
        reader.names(".")
    if reader.take("CREATE"):
        return [_creation(reader)]
    if reader.take("DROP", "CONSTRAINT"):
        return [_dropped(reader, CONSTRAINT)]
    if reader.take("DROP", "INDEX"):
        return [_dropped(reader, INDEX)]
    if reader.take("CALL"):
        return procedures.called(reader)
    raise Unrelated(OTHER)


def _creation(reader: Reader) -> Created:
    if reader.take("CONSTRAINT"):
        name = _name(reader)
        return Created(CONSTRAINT, name, _constraint(reader))
    method = next((m for m in METHODS if reader.take(m)), "RANGE")
    if not reader.take("INDEX"):
        raise Unrelated(OTHER)
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
        names = reader.properties(variable, ")")
        reader.end()
        return {**node, "exists": shortest(names)}
    return {**node, **_rule(reader, reader.chosen(variable))}


def _rule(reader: Reader, names: tuple[str, ...]) -> dict[str, Any]:
    if not reader.take("::"):
        reader.need("IS")
        if reader.take("NOT", "NULL"):
            _config(reader)
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
        names = reader.chosen(variable)
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
