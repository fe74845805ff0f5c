"""The JSON Schema of a declaration, composed from the kinds, and its errors in the words of an author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.desired.explain import Written, explain
from reconciler.errors import DeclarationError
from reconciler.model.engine import Engine
from reconciler.model.kind import Kind
from reconciler.model.span import Span

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

NAME = {"type": "string", "minLength": 1}
SERVICE = {
    "type": "string",
    "pattern": "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$",
    "maxLength": 40,
    "description": "at most 40 of a-z, 0-9, - and _, beginning and ending with a letter or a digit",
}
OVERLAY = {"type": "object", "additionalProperties": {"type": ["object", "null"]}}
"""`environments:` beside a thing: pattern → what differs there."""

FORMER = "renamed_from"
"""The key beside any resource that says which name it had."""

Json = Mapping[str, Any]


def declaration_schema(engines: Iterable[Engine]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one declaration file."""
    properties: dict[str, Any] = {"service": SERVICE, "depends_on": {"type": "array", "items": NAME}}
    definitions: dict[str, Any] = {}
    for engine in engines:
        definitions |= {f"{engine.name}.{k.name}": _node_schema(engine, k) for k in engine.kinds.values()}
        properties[engine.name] = _object(_sections(engine, [kind for kind, _ in root_kinds(engine)]))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A service's declaration",
        **_object(properties),
        "required": ["service"],
        "$defs": definitions,
    }


def root_kinds(engine: Engine) -> Iterator[tuple[Kind[Any], tuple[str, ...]]]:
    """Kinds that may stand at the top of an engine's declaration, with the implied parent's path."""
    for kind in engine.kinds.values():
        if kind.attaches:
            continue
        if kind.parent is None:
            yield kind, ()
        elif kind.parent in engine.default_parents:
            yield kind, (engine.default_parents[kind.parent],)


def _object(properties: Json) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": dict(properties), "additionalProperties": False}


def _sections(engine: Engine, kinds: Iterable[Kind[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in kinds:
        node = {"$ref": f"#/$defs/{engine.name}.{kind.name}"}
        named = {"type": ["object", "null"], "propertyNames": NAME, "additionalProperties": node}
        found[kind.section] = node if kind.singleton else named
    return found


def _node_schema(engine: Engine, kind: Kind[Any]) -> dict[str, Any]:
    schema = dict(kind.spec)
    if "properties" in schema:
        children = [k for k in engine.kinds.values() if k.parent == kind.name or kind.name in k.attaches]
        schema["properties"] = {
            **schema["properties"],
            **_sections(engine, children),
            "environments": OVERLAY,
            FORMER: NAME,
        }
        schema.setdefault("additionalProperties", False)
    return schema


class Validator:
    """Checks documents against the composed schema. Compiling it takes milliseconds; make one per run."""

    def __init__(self, engines: Iterable[Engine]) -> None:
        import jsonschema_rs

        self.schema = declaration_schema(engines)
        self._compiled = jsonschema_rs.Draft202012Validator(self.schema)
        self._nodes: dict[str, tuple[dict[str, Any], Any]] = {}

    def errors(self, document: Document) -> list[DeclarationError]:
        """All the errors of one document, in the order of the file."""
        if document.data is None:
            return [DeclarationError("the file is empty", hint="begin with 'service: NAME'", where=document.span())]
        if self._compiled.is_valid(document.data):
            return []
        found = [explain(error, self.schema, document) for error in self._compiled.iter_errors(document.data)]
        return sorted(found, key=lambda e: (e.where.line, e.message) if e.where else (0, e.message))

    def node_errors(self, definition: str, node: Any, written: Written) -> list[DeclarationError]:
        """The errors of one node by the schema of its kind (`dynamodb.table`), as it is after an overlay."""
        import jsonschema_rs

        if definition not in self._nodes:
            schema = {**self.schema["$defs"][definition], "$defs": self.schema["$defs"]}
            self._nodes[definition] = schema, jsonschema_rs.Draft202012Validator(schema)
        schema, compiled = self._nodes[definition]
        if compiled.is_valid(node):
            return []
        return [explain(error, schema, written) for error in compiled.iter_errors(node)]


@dataclass(frozen=True, slots=True)
class Overlay:
    """A node of a document after its `environments:` were merged over it: what is wrong there is mostly theirs."""

    document: Document
    pointer: tuple[Any, ...]
    patterns: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The text of the document."""
        return self.document.text

    def span(self, *pointer: str | int, value: bool = False) -> Span:
        """Where the last overlay that says it says it; else where the node itself does."""
        for pattern, said in reversed(list(self.patterns.items())):
            if pointer and pointer[0] in (said or {}):
                return self.document.span(*self.pointer, "environments", pattern, *pointer, value=value)
        return self.document.span(*self.pointer, *pointer, value=value)
