"""Cypher text as tokens, and tokens as statements: enough to read schema statements, and to leave all others alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>[\s\ufeff]+ | //[^\r\n]* | /\*.*?\*/ | (?<![^\r\n])--(?![ \t]*[(>\r\n])[^\r\n]*)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
  | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<sign>::|->|<-|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END = re.compile(r"\r\n?|\n")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Token(NamedTuple):
    """`kind`: word, quoted (a name in backticks), text (a string), number or sign. `value` is what it means."""

    kind: str
    value: str
    line: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these words or signs, whatever their case. A name in quotes is no keyword."""
        return self.kind in ("word", "sign") and self.value.upper() in words


class Script(NamedTuple):
    """One statement: its tokens, where it begins, its text in one line, and as it was written."""

    tokens: tuple[Token, ...]
    line: int
    text: str
    raw: str


def statements(text: str) -> Iterator[Script]:
    """The statements of a script, ended by `;` or the end; what the shell takes (`:param …`) is left out.

    A line that begins with `--` and no pattern is a comment, as in Cypher for Liquibase.
    """
    found: list[Token] = []
    start = last = 0
    for token, begin, end in _tokens(text):
        if token.says(";"):
            if found:
                yield _script(found, text[start:begin])
            found = []
        else:
            start = start if found else begin
            found.append(token)
            last = end
    if found:
        yield _script(found, text[start:last])


def apart(script: Script) -> Iterator[Script]:
    """The same, cut where a schema statement begins: a `;` is missing there. Only the text in one line is exact."""
    tokens = script.tokens
    starts = [0, *(i for i in range(1, len(tokens)) if _begins_schema(tokens, i))]
    if len(starts) == 1:
        yield script
        return
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        text = " ".join(token.value for token in tokens[start:end])
        yield Script(tokens[start:end], tokens[start].line, text, text)


METHODS = ("RANGE", "BTREE", "TEXT", "POINT", "FULLTEXT", "VECTOR", "LOOKUP")


def _begins_schema(tokens: tuple[Token, ...], at: int) -> bool:
    """`CREATE INDEX` and the like: on a line of its own, so that no `CYPHER 25` and no `USE` stands before it, and not
    a path that is called so."""
    if not tokens[at].says("CREATE", "DROP") or tokens[at].line == tokens[at - 1].line:
        return False
    words = [t for t in tokens[at + 1 : at + 4] if not t.says(*METHODS)]
    return bool(words) and words[0].says("INDEX", "CONSTRAINT") and not (len(words) > 1 and words[1].says("="))


def _script(tokens: list[Token], text: str) -> Script:
    return Script(tuple(tokens), tokens[0].line, " ".join(text.split()), text.rstrip())


def _tokens(text: str) -> Iterator[tuple[Token, int, int]]:
    line, place, fresh = 1, 0, True
    while match := _TOKEN.match(text, place):
        kind, end = match.lastgroup or "sign", match.end()
        if fresh and match[0] == ":":
            end = _command_end(text, place)
        elif kind != "space":
            fresh = match[0] == ";"
            yield Token(kind, _meaning(kind, match[0]), line), place, end
        line += len(_LINE_END.findall(text, place, end))
        place = end


def _command_end(text: str, place: int) -> int:
    """Where a command of the shell ends: with its line, or with the line that closes its braces."""
    open_braces, end = 0, place
    for line in text[place:].splitlines(keepends=True):
        end += len(line)
        open_braces += line.count("{") - line.count("}")
        if open_braces <= 0:
            break
    return end


def _meaning(kind: str, raw: str) -> str:
    if kind == "quoted":
        return _UNICODE.sub(lambda m: chr(int(m[1], 16)), raw[1:-1]).replace("``", "`")
    if kind == "text":
        return _ESCAPE.sub(_unescaped, raw[1:-1])
    return raw


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _PLAIN.get(code, code)
