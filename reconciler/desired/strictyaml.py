"""Reads the YAML of a declaration: strictly, as its author wrote it, and fast.

The rules are those of the YAML 1.2 core schema, less whatever two readers could take differently:
- a value is null, a boolean, a number or a string as in YAML 1.2: `on`, `no`, `12:30`, `1_000` and dates are strings;
- whole numbers with leading zeros (`010` is 8, 10 or text, depending on the reader) stay the text that was written,
  and so do numbers too big for a float (`1e400`) or longer than 3,000 characters;
- a key is always the string that was written: `on`, `1` and `true` are the keys "on", "1" and "true";
- a key written twice, a merge key `<<`, an unknown tag, a second document, a tab that indents, nesting deeper than 64
  and aliases that expand without bound are errors.

Two readers share the work. `ryaml` (serde_yaml over a port of libyaml) needs about a third of the time of
`yaml_events` over PyYAML (libyaml itself). Both see the same events, so they can differ only in what they make of
an event: numbers, tags, keys, aliases, depth. Texts in which that could happen, and all that `ryaml` refuses, are left
to the careful reader, the only one that reports errors. Other parsers on PyPI are faster still, but have a grammar of
their own, for which no such argument holds.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from reconciler.errors import DeclarationError
from reconciler.model.span import Span

MAX_DEPTH = 64
"""Collections inside one another that a document may have."""

MAX_NUMBER = 3_000
"""Characters of a whole number; a longer one stays text (Python itself refuses to print 4,300 digits)."""

UNSURE = object()
"""What `parse_fast` gives for a text that only the careful reader may read."""

# Each sign is looked for first, which costs next to nothing; its pattern then tells whether it can be YAML's own use.
# What must not stand before the sign comes after it in the pattern: with the sign first, `re` skips fast to it.
_DOUBTS = (
    ("&", re.compile(r"\*(?<![^\s\[{,:]\*)[\w-]")),  # an alias (there is none without an anchor)
    ("!", re.compile(r"!(?<![^\s\[{,:]!)(?!=)")),  # a tag; `a != b` is SQL, and a tag `!=…` shows in the result
    ("%", re.compile(r"%(?<![^\n\r]%)")),  # a directive
    ("\t", re.compile(r"(?:\A|[\n\r]) *\t")),  # a tab that may indent
    ("0b", re.compile(r"0b(?<!\w0b)[01]")),  # numbers to serde_yaml, text in YAML 1.2: 0b11, -0x1, +0o7
    ("0x", re.compile(r"0x(?:(?<=[-+]0x)|[0-9a-fA-F]{32})")),
    ("0o", re.compile(r"0o(?<=[-+]0o)")),
)
_ONE_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 38  # from 39 digits on, serde_yaml makes a float or a string of a whole number

_FORBIDDEN = re.compile(  # in several sets, as one of them all takes ten times as long to compile
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|[\u2028\u2029]|[\ud800-\udfff\ufeff]|[\ufffe\uffff]"
)


def parse(text: str, file: str) -> object:
    """Return the dict, list, str, int, float, bool or None that `text` holds; None for an empty text.

    `file` is the name that errors show. Raises DeclarationError, with the place and a hint, for what is not valid
    YAML or is not allowed here (see the module's own text).
    """
    with without_gc():
        data = parse_fast(text)
        return parse_careful(text, file) if data is UNSURE else data


def parse_fast(text: str) -> object:
    """Return what `parse_careful` would return, or UNSURE where that cannot be known. Raises nothing."""
    try:
        from ryaml import loads  # type: ignore[attr-defined]  # its stubs export nothing
    except ImportError:  # no build for this platform: slower, but the same answers
        return UNSURE
    if not _is_plain(text):
        return UNSURE
    try:
        data: object = loads(text)
    except Exception:  # whatever it is, the careful reader says it better
        return UNSURE
    return data if _is_certain(data) else UNSURE


def parse_careful(text: str, file: str) -> object:
    """Return what `text` holds, by the reader that knows every position. Raises DeclarationError, as `parse` does."""
    from reconciler.desired.yaml_events import read_document

    check_characters(text, file)
    return read_document(text, file)


def decode(raw: bytes, file: str) -> str:
    """Return the text of a file's bytes. Raises DeclarationError where they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        where = Span(file, before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1)
        raise DeclarationError(
            f"byte 0x{raw[error.start]:02x} is not UTF-8; a declaration is a UTF-8 text",
            hint="save the file with the encoding UTF-8",
            where=where,
        ) from None


def check_characters(text: str, file: str) -> None:
    """Refuse, with a DeclarationError, characters that nobody sees or that readers treat as different line ends."""
    found = _FORBIDDEN.search(text)
    if not found:
        return
    at = found.start()
    where = Span(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    if found[0] == "\ufeff":
        raise DeclarationError(
            "byte order mark (U+FEFF); expected plain UTF-8", hint="save the file as UTF-8 without a BOM", where=where
        )
    code = ord(found[0])
    escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    hint = "delete it" if 0xD800 <= code < 0xE000 else f'delete it, or write "{escape}" inside double quotes'
    raise DeclarationError(f"character U+{code:04X} is not allowed; expected printable text", hint=hint, where=where)


@contextmanager
def without_gc() -> Iterator[None]:
    """Hold cyclic garbage collection: a document has no cycles, and looking for them triples the time to build it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_plain(text: str) -> bool:
    """Whether nothing in the text can mean one thing to `ryaml` and another to us, but for what the result shows."""
    if not text.isascii() and _FORBIDDEN.search(text):
        return False
    if any(sign in text and doubt.search(text) for sign, doubt in _DOUBTS):
        return False
    return _LONG_NUMBER not in text.encode().translate(_ONE_DIGIT)


def _is_certain(data: object) -> bool:
    """Whether the result has string keys only, none from a merge key or a tag `!=…`, and allowed depth.

    Level by level with C loops: a plain walk would cost a third of the parse.
    """
    level = [data]
    keys: set[object] = set()
    for _ in range(MAX_DEPTH + 1):
        dicts = [node for node in level if type(node) is dict]
        lists = [node for node in level if type(node) is list]
        if not dicts and not lists:
            return all(type(key) is str and key != "<<" and key[:2] != "!=" for key in keys)
        keys.update(*dicts)
        level = [*chain.from_iterable(map(dict.values, dicts)), *chain.from_iterable(lists)]
    return False
