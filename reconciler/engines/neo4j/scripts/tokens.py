"""Cypher text as tokens, and tokens as statements: enough to read schema statements, and to leave all others alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>\s+ | //[^\n]* | /\*.*?\*/)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
  | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<sign>::|->|<-|.)
    """,
    re.VERBOSE | re.DOTALL,
)
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
    """The statements of a script, ended by `;` or the end; what the shell takes (`:param …`) is left out."""
    found: list[Token] = []
    start = 0
    for token, begin, end in _tokens(_without_shell_commands(text)):
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


def _script(tokens: list[Token], text: str) -> Script:
    return Script(tuple(tokens), tokens[0].line, " ".join(text.split()), text.rstrip())


def _without_shell_commands(text: str) -> str:
    """The same text, commands of cypher-shell blanked out where a statement may begin."""
    lines, fresh = [], True
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        command = fresh and bare.startswith(":")
        lines.append(re.sub(r"[^\r\n]", " ", line) if command else line)
        if bare and not bare.startswith("//") and not command:
            fresh = bare.endswith(";")
    return "".join(lines)


def _tokens(text: str) -> Iterator[tuple[Token, int, int]]:
    line, place = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", place, match.start())
        place = match.start()
        kind = match.lastgroup or "sign"
        if kind != "space":
            yield Token(kind, _meaning(kind, match[0]), line), match.start(), match.end()


def _meaning(kind: str, raw: str) -> str:
    if kind == "quoted":
        return _UNICODE.sub(lambda m: chr(int(m[1], 16)), raw[1:-1]).replace("``", "`")
    if kind == "text":
        return _ESCAPE.sub(_unescaped, raw[1:-1])
    return raw


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _PLAIN.get(code, code)
