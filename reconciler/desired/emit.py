"""Writes YAML that people review: imported declarations and plan files.

The text reads back to exactly the same data, by `strictyaml.parse` and by YAML 1.1 readers alike: a string that either
could take for a number, a boolean, a date or null is quoted, and no other. The same data gives the same bytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import isinf, isnan
from typing import Any

from reconciler.desired.strictyaml import MAX_DEPTH, MAX_NUMBER

LIST_WIDTH = 100
"""Columns up to which a list of scalars stays on one line."""

_STEP = "  "
_LONGEST_KEY = 1000  # YAML looks 1,024 characters ahead for the ':' of a key; a longer key is written `? key`

# Strings that need no second look, as nearly all are: names, types, calls, comparisons.
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_ .()=<>/*+-]+[A-Za-z0-9_)]")
_WORDS = frozenset("null true false yes no on off y n ~ << =".split()) | {""}
_NUMBER_LIKE = re.compile(
    r"""[-+]?(?:
        [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?   # 1, 010, 1_000, 1.5, 1e3
      | \.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?               # .5
      | 0[xXoObB][0-9a-fA-F_]+                           # 0x1f, 0o17, 0b11
      | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?      # 12:30, base 60 in YAML 1.1
      | \.(?:inf|nan)
    )
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ].*)?        # 2024-01-01""",
    re.VERBOSE | re.IGNORECASE,
)
_INDICATOR = re.compile(
    r"""^[\ ,\[\]{}\#&*!|>'"%@`]     # cannot begin a plain value
      | ^[-?:](?:\ |$)               # can, but not alone
      | ^(?:---|\.\.\.)(?:\ |$)      # begins or ends a document
      | :(?:\ |$) | \ \# | \ $       # a key, a comment, a space that nobody sees""",
    re.VERBOSE,
)
_FLOW_INDICATOR = re.compile(r"[,\[\]{}?]|^:")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\0": "\\0", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(data: object, *, flow_width: int = 100) -> str:
    """Return `data`, of dicts with string keys, lists, str, int, float, bool and None, as YAML text.

    A mapping inside another value goes on one line if it holds only scalars and lists of scalars and ends within
    `flow_width` columns (0: never); a list of scalars if it ends within LIST_WIDTH. Raises TypeError for other types,
    and ValueError for what could not be read back: more than 64 levels, numbers of over 3,000 digits, lone surrogates.
    """
    emitter = _Emitter(flow_width)
    if type(data) is dict and data:
        emitter.block(data, "", "", 0)
    else:
        emitter.value("", data, "", "", 0)
    return "\n".join(emitter.lines) + "\n"


class _Emitter:
    """Collects the lines of one text.

    `pad` stands before every line of a collection, `lead` before its first one (with the dash, inside a list), `head`
    before a value on its own line; `depth` is the number of collections around.
    """

    def __init__(self, flow_width: int) -> None:
        self.lines: list[str] = []
        self._flow_width = flow_width

    def block(self, data: Any, pad: str, lead: str, depth: int) -> None:
        """Write a collection that is not empty, each entry from a new line on."""
        _check_depth(depth)
        for entry in data:
            if type(data) is list:
                self.value(f"{lead}-", entry, pad, f"{lead}- ", depth + 1)
            elif len(key := _key(entry)) <= _LONGEST_KEY:
                self.value(f"{lead}{key}:", data[entry], pad, "", depth + 1)
            else:
                self.lines.append(f"{lead}? {key}")
                self.value(f"{pad}:", data[entry], pad, "", depth + 1)
            lead = pad

    def value(self, head: str, value: object, pad: str, lead: str, depth: int) -> None:
        """Write a value after `head`, or as a block: begun with `lead` if there is one, else from the next line on."""
        space = " " if head else ""
        inline = self._inline(value, len(head) + len(space), depth)
        if inline is not None:
            self.lines.append(f"{head}{space}{inline}")
        elif type(value) is str:
            self.lines.append(f"{head}{space}|{_block_marks(value)}")
            self.lines += [f"{pad}{_STEP}{line}" if line else "" for line in value.removesuffix("\n").split("\n")]
        elif lead or not head:
            self.block(value, pad + _STEP if lead else pad, lead, depth)
        else:
            self.lines.append(head)
            self.block(value, pad + _STEP, pad + _STEP, depth)

    def _inline(self, value: Any, column: int, depth: int) -> str | None:
        """The value as it stands on the line, from `column` on; None if it takes a block."""
        kind = type(value)
        if kind is str:
            return None if "\n" in value and _fits_block(value) else _text(value, False)
        if (kind is not dict and kind is not list) or not value:
            return _scalar(value, depth)
        if kind is list:
            return _flow_list(value, LIST_WIDTH - column, depth)
        return _flow_mapping(value, self._flow_width - column, depth)


def _flow_list(items: list[Any], room: int, depth: int) -> str | None:
    """`[a, b]` if all are scalars on one line and it fits, else None."""
    _check_depth(depth)
    parts: list[str] = []
    room -= 2 * len(items)  # the brackets and ', '
    for item in items:
        if (part := _flow_scalar(item, depth + 1)) is None or (room := room - len(part)) < 0:
            return None
        parts.append(part)
    return f"[{', '.join(parts)}]"


def _flow_mapping(entries: dict[Any, Any], room: int, depth: int) -> str | None:
    """`{a: 1, b: [x, y]}` if nothing more is in it and it fits, else None."""
    _check_depth(depth)
    parts: list[str] = []
    room -= 4 * len(entries)  # the braces, ': ' and ', '
    for key, value in entries.items():
        if room < 0:
            return None
        name = _key(key, in_flow=True)
        is_list = type(value) is list and value
        part = _flow_list(value, room, depth + 1) if is_list else _flow_scalar(value, depth + 1)
        if part is None or len(name) > _LONGEST_KEY:
            return None
        room -= len(name) + len(part)
        parts.append(f"{name}: {part}")
    return f"{{{', '.join(parts)}}}" if room >= 0 else None


def _flow_scalar(value: Any, depth: int) -> str | None:
    """A scalar or an empty collection as it stands between brackets; None for anything that needs lines of its own."""
    if type(value) is str:
        return None if "\n" in value else _text(value, True)
    return None if value and type(value) in (dict, list) else _scalar(value, depth)


def _scalar(value: object, depth: int) -> str:
    """Anything that reads the same in any place: all but strings and collections with something in them."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        text = str(value)
        if len(text) > MAX_NUMBER:
            raise ValueError(f"a number of {len(text)} digits is longer than {MAX_NUMBER}")
        return text
    if type(value) is float:
        return _float(value)
    if type(value) is dict or type(value) is list:
        _check_depth(depth)
        return "{}" if type(value) is dict else "[]"
    raise TypeError(
        f"a {type(value).__name__} cannot be written as YAML; expected dict, list, str, int, float, bool, None"
    )


def _float(value: float) -> str:
    if isnan(value):
        return ".nan"
    if isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")  # to YAML 1.1, 1e+16 is a string


def _key(key: object, *, in_flow: bool = False) -> str:
    if type(key) is not str:
        raise TypeError(f"a key of type {type(key).__name__} cannot be written as YAML; expected str")
    return _text(key, in_flow)


@lru_cache(maxsize=4096)
def _text(text: str, in_flow: bool) -> str:
    """A string on one line, in quotes if it needs them. Names and types come again and again, hence the cache."""
    if text.lower() in _WORDS:
        return f'"{text}"'
    if _SIMPLE.fullmatch(text):
        return text
    if (
        not text.isprintable()
        or _NUMBER_LIKE.fullmatch(text)
        or _INDICATOR.search(text)
        or (in_flow and _FLOW_INDICATOR.search(text))
    ):
        return _quoted(text)
    return text


def _quoted(text: str) -> str:
    if text.isprintable() and ('"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join([_escaped(character) for character in text]) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"text with a lone surrogate (U+{code:04X}) cannot be written as YAML")
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _fits_block(text: str) -> bool:
    """Whether `|` shows the text as it is: it has something to see, and nothing that only an escape would show."""
    return not text.isspace() and all(line.replace("\t", " ").isprintable() for line in text.split("\n"))


def _block_marks(text: str) -> str:
    """What follows `|`: the indentation, where the first line would mislead, and which line ends at the end count."""
    indentation = str(len(_STEP)) if text[0] in " \t\n" else ""
    return indentation + ("+" if text.endswith("\n\n") else "" if text.endswith("\n") else "-")


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError(f"data nested deeper than {MAX_DEPTH} levels")
