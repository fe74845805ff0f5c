"""The careful reader behind `strictyaml`: makes plain data of YAML events and knows where everything stands."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.desired.strictyaml import MAX_DEPTH, MAX_NUMBER
from reconciler.errors import DeclarationError
from reconciler.model.span import Span

MAX_ALIASED = 1_000_000
"""Values that all aliases of a document together may stand for."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}
_STR_TAG, _MAP_TAG, _SEQ_TAG = f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq"

_INFINITY = float("inf")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: _INFINITY for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -_INFINITY),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER = re.compile(
    r"(?P<int>[-+]?(?:0|[1-9][0-9]*))|(?P<oct>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)|(?P<zeros>[-+]?[0-9]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
_BASES = {"int": 10, "oct": 8, "hex": 16}

_SAME_COLUMN = "start the keys of one mapping, and the dashes of one list, in the same column"
_ONE_DOCUMENT = "one document a file: move what follows `---` to a file of its own"
_SPACES = "indent with spaces"
_HINTS = (
    ("mapping values are not allowed", "quote a value that contains ': ', or correct the indentation"),
    ("expected ':'", "write `key: value`; is a ':' missing, or a quote above left open?"),
    ("tab character", _SPACES),
    ("',' or ']'", "separate the items of a list with ',' and close it with ']'"),
    ("',' or '}'", "separate the entries of a mapping with ',' and close it with '}'"),
    ("expected key", _SAME_COLUMN),
    ("'-' indicator", _SAME_COLUMN),
    ("block sequence entries", "start a list on a line of its own, or write it as [a, b]"),
    ("unexpected end of stream", "close the quote"),
    ("escape", "double the backslash, or write the text in single quotes"),
    ("hexdecimal", "double the backslash, or write the text in single quotes"),
    ("document start", _ONE_DOCUMENT),
    ("node content", "write a value here, or quote the one that is meant"),
    ("comment or line break", "begin the text on the line after `|` or `>`"),
    ("alphabetic or numeric", "quote the value if its '&' or '*' is meant"),
    ("YAML document", "delete the %YAML line"),
)
_ANY_HINT = "check quotes, brackets and indentation here and on the line before"


def resolve(text: str) -> object:
    """Return the null, boolean, number or string that an unquoted `text` is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    found = _NUMBER.fullmatch(text)
    if found is None or found.lastgroup == "zeros":
        return text
    if found.lastgroup == "float":
        number = float(text)
        return text if number in (_INFINITY, -_INFINITY) else number
    base = _BASES[str(found.lastgroup)]
    return text if len(text) > MAX_NUMBER else int(text if base == 10 else text[2:], base)


def read_document(text: str, file: str) -> object:
    """Return the one document of `text`, None if there is none. Raises DeclarationError."""
    try:
        return _Reader(text, file).document()
    except yaml.MarkedYAMLError as error:
        raise _invalid(error, text, file) from None
    except yaml.YAMLError as error:
        raise DeclarationError(f"not valid YAML: {error}", hint=_ANY_HINT, where=Span(file)) from None


def _invalid(error: yaml.MarkedYAMLError, text: str, file: str) -> DeclarationError:
    """The parser's own complaint, with a hint, at the place that helps most."""
    problem, mark, start = str(error.problem), error.problem_mark, error.context_mark
    if mark is None:
        return DeclarationError(f"not valid YAML: {problem}", hint=_ANY_HINT, where=Span(file))
    rest, before = text[mark.index :], text[: mark.index].rstrip(" ")
    hint = next((hint for words, hint in _HINTS if words in problem), _ANY_HINT)
    if "cannot start any token" in problem:
        problem, hint = f"a value cannot start with {rest[:1]!r}", "quote the value"
        if rest.startswith("\t"):
            problem, hint = "a tab indents; expected spaces", _SPACES
    elif before.endswith(("'", '"')) and "expected" in problem and rest.strip():
        hint = "quote the value as a whole: it ends at the closing quote"
    if start and not rest.strip():  # the end of the file tells nobody what was left open
        mark = start
    if start and start.line != mark.line:
        problem += f" ({error.context}, begun at line {start.line + 1})"
    return DeclarationError(f"not valid YAML: {problem}", hint=hint, where=Span(file, mark.line + 1, mark.column + 1))


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._next = _LOADER(text).get_event
        self._anchors: dict[str, object] = {}
        self._aliased = 0
        self._has_tabs = "\t" in text

    def document(self) -> object:
        self._next()  # the start of the stream
        start = self._next()
        if isinstance(start, StreamEndEvent):
            return None
        if start.version not in (None, (1, 2)) or start.tags:
            self._refuse(
                start, "a %YAML or %TAG directive; expected plain YAML 1.2", "delete the line that starts with %"
            )
        data = self._node(self._next(), 0)
        self._next()  # the end of the document
        after = self._next()
        if isinstance(after, DocumentStartEvent):
            self._refuse(after, "a second document begins here; expected one", _ONE_DOCUMENT)
        return data

    def _node(self, event: Any, depth: int) -> object:
        """Return the value that begins with `event`; `depth` collections are open around it."""
        if self._has_tabs:
            self._check_indent(event)
        kind = event.__class__
        if kind is ScalarEvent:
            value = self._scalar(event)
        elif kind is AliasEvent:
            return self._alias(event, depth)
        else:
            if depth >= MAX_DEPTH:
                self._refuse(event, f"nested deeper than {MAX_DEPTH} levels", "write a flatter document")
            is_mapping = kind is MappingStartEvent
            if event.tag not in (None, _MAP_TAG if is_mapping else _SEQ_TAG):
                self._refuse_tag(event)
            value = self._mapping(depth + 1) if is_mapping else self._sequence(depth + 1)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _sequence(self, depth: int) -> list[object]:
        items: list[object] = []
        while (event := self._next()).__class__ is not SequenceEndEvent:
            items.append(self._node(event, depth))
        return items

    def _mapping(self, depth: int) -> dict[str, object]:
        items: dict[str, object] = {}
        lines: dict[str, int] = {}
        while (event := self._next()).__class__ is not MappingEndEvent:
            key = self._key(event)
            if key in items:
                first = Span(self._file, lines[key])
                self._refuse(event, f"key {key!r} is written twice, first at {first}", "keep one of the two")
            lines[key] = event.start_mark.line + 1
            items[key] = self._node(self._next(), depth)
        return items

    def _key(self, event: Any) -> str:
        if self._has_tabs:
            self._check_indent(event)
        if event.__class__ is not ScalarEvent:
            what = "an alias" if event.__class__ is AliasEvent else "a list or a mapping"
            self._refuse(event, f"{what} as a key; expected a string", "write the key out as a string")
        key: str = event.value
        if event.tag not in (None, _STR_TAG):
            self._refuse_tag(event)
        if event.implicit[0] and key == "<<":
            self._refuse(
                event, "merge keys (`<<`) are not supported", "write the keys out, or quote '<<' if it is a name"
            )
        if event.implicit[0] and not key:
            self._refuse(event, "a key is missing before ':'", 'write a key; the empty one is ""')
        if event.anchor:
            self._anchors[event.anchor] = key
        return key

    def _scalar(self, event: Any) -> object:
        text: str = event.value
        if event.tag is None:
            return resolve(text) if event.implicit[0] else text
        name = event.tag.removeprefix(_TAG)
        if event.tag == _STR_TAG:
            return text
        value = resolve(text)
        if name == event.tag or name not in _SCALAR_TAGS:
            self._refuse_tag(event)
        if type(value) is not _SCALAR_TAGS[name]:
            self._refuse(event, f"{text!r} is not the {name} that its tag says", "delete the tag, or correct the value")
        return value

    def _alias(self, event: Any, depth: int) -> object:
        if event.anchor not in self._anchors:
            hint = f"put `&{event.anchor}` on an earlier value, or quote the value if the '*' is meant"
            self._refuse(event, f"alias `*{event.anchor}` names nothing above it", hint)
        return self._copy(self._anchors[event.anchor], event, depth)

    def _copy(self, value: object, event: Any, depth: int) -> object:
        """A copy of its own for each alias, as if it had been written out; so the limits hold for the expanded text."""
        self._aliased += 1
        if self._aliased > MAX_ALIASED:
            self._refuse(event, f"aliases stand for more than {MAX_ALIASED:,} values", "write the values out")
        if not isinstance(value, dict | list):
            return value
        if depth >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels by aliases", "write a flatter document")
        if isinstance(value, dict):
            return {key: self._copy(item, event, depth + 1) for key, item in value.items()}
        return [self._copy(item, event, depth + 1) for item in value]

    def _check_indent(self, event: Any) -> None:
        """Refuse tabs before the first value of a line, also where libyaml lets them pass (inside brackets)."""
        at = event.start_mark.index
        line = max(self._text.rfind("\n", 0, at), self._text.rfind("\r", 0, at)) + 1
        if "\t" in (indent := self._text[line:at]) and indent.isspace():
            self._refuse(event, "a tab indents; expected spaces", _SPACES)

    def _refuse_tag(self, event: Any) -> NoReturn:
        tag = event.tag.replace(_TAG, "!!", 1)
        self._refuse(event, f"tag `{tag}` is not known here", "delete the tag, or quote the value if the '!' is meant")

    def _refuse(self, event: Any, message: str, hint: str) -> NoReturn:
        mark = event.start_mark
        raise DeclarationError(message, hint=hint, where=Span(self._file, mark.line + 1, mark.column + 1))
