"""A JSON Schema error in the words of an author: what is wrong, what was expected, a hint, the line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Protocol

from reconciler.errors import DeclarationError
from reconciler.model.span import Span


class Written(Protocol):
    """Something with lines: a document, or a part of one."""

    @property
    def text(self) -> str:
        """All of it."""
        ...

    def span(self, *pointer: str | int, value: bool = False) -> Span:
        """Where a key (or its value) stands."""
        ...


WORDS = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def explain(error: Any, schema: Mapping[str, Any], document: Written) -> DeclarationError:
    """One error of `jsonschema_rs` against `schema`, as a DeclarationError with file and line."""
    pointer = list(error.instance_path)
    where = ".".join(map(str, pointer)) or "the file"
    message: str
    hint: str | None
    rule = _schema_at(schema, list(error.schema_path)[:-1])
    match error.kind.name:
        case "additionalProperties":
            return _unknown_key(error.kind.unexpected[0], rule, document, pointer, where)
        case "required":
            missing = error.kind.property
            message, hint = f"{where} lacks {missing!r}", f"add '{missing}: …'"
        case "type":
            span = document.span(*pointer, value=True)
            message, hint = _wrong_type(error, rule, where, _written(document, span, error.instance))
            return DeclarationError(message, hint=hint, where=span)
        case "enum":
            options = ", ".join(map(str, error.kind.options))
            message, hint = f"{where} is {_shown(error.instance)}", f"allowed: {options}"
        case _:
            message, hint = f"{where}: {error.message}", rule.get("description")
    return DeclarationError(message, hint=hint, where=document.span(*pointer))


def _schema_at(schema: Any, path: list[Any]) -> Mapping[str, Any]:
    for part in path:
        schema = schema[part]
    return schema if isinstance(schema, Mapping) else {}


def _unknown_key(
    unknown: str, rule: Mapping[str, Any], document: Written, pointer: list[Any], where: str
) -> DeclarationError:
    known = [k for k in rule.get("properties", {}) if k != "environments"]
    close = difflib.get_close_matches(unknown, list(rule.get("properties", {})), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
    if re.search(r"[^\w -]", unknown):
        hint = "a comma inside { } ends a value: write a value that has one in quotes"
    span = document.span(*pointer, unknown)
    return DeclarationError(f"unknown key {unknown!r} in {where}", hint=hint, where=span)


def _written(document: Written, span: Span, value: Any) -> str:
    """A number or a boolean as its author wrote it: `1e3`, which is 1000.0 to a reader."""
    lines = document.text.splitlines()
    rest = lines[span.line - 1][span.column - 1 :] if 0 < span.line <= len(lines) and span.column else ""
    found = re.match(r"[\w.+-]+", rest)
    return found[0] if found and not isinstance(value, str | list | Mapping) else _shown(value)


def _wrong_type(error: Any, rule: Mapping[str, Any], where: str, written: str) -> tuple[str, str | None]:
    types = [t for t in error.kind.types if t != "null"] or list(error.kind.types)
    expected = " or ".join(WORDS.get(t, t) for t in types)
    hint = rule.get("description")
    if hint is None and "string" in types and isinstance(error.instance, (bool, int, float)):
        hint = f'write it in quotes: "{written}"'
    if hint is None and "object" in types and isinstance(error.instance, list):
        hint = "write what each is called before it: NAME: …"
    if hint is None and "boolean" in types and isinstance(error.instance, str):
        hint = "write true or false, without quotes"
    return f"{where} is {written}; expected {expected}", hint


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"{value!r}" if isinstance(value, str) else str(value).lower()
