"""Lines made of marked pieces of text, and what a terminal makes of the marks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple, TextIO

from reconciler.model.change import Action
from reconciler.render import visible


class Role(Enum):
    """What a piece of text is. Words and symbols say the same without colour."""

    PLAIN = auto()
    HEADING = auto()
    MUTED = auto()
    GOOD = auto()
    CHANGE = auto()
    DELETE = auto()
    REPLACE = auto()
    HAZARD = auto()
    GATE = auto()
    ERROR = auto()
    HINT = auto()


_COLOURS = {
    Role.PLAIN: "",
    Role.HEADING: "1",
    Role.MUTED: "2",
    Role.GOOD: "32",
    Role.CHANGE: "33",
    Role.DELETE: "31",
    Role.REPLACE: "35",
    Role.HAZARD: "1;31",
    Role.GATE: "1;36",
    Role.ERROR: "1;31",
    Role.HINT: "36",
}
ACTION_ROLES = {
    Action.CREATE: Role.GOOD,
    Action.UPDATE: Role.CHANGE,
    Action.REPLACE: Role.REPLACE,
    Action.MOVE: Role.CHANGE,
    Action.DELETE: Role.DELETE,
    Action.FORGET: Role.MUTED,
}


class Piece(NamedTuple):
    """Text with a role. Foreign text is made harmless when it is painted, so none can slip by."""

    role: Role
    text: str


class Sheet:
    """Lines being written. Nothing is wrapped or cut: a terminal wraps, and a pager scrolls."""

    def __init__(self, colour: bool = False) -> None:
        self._colour = colour
        self._lines: list[str] = []

    def add(self, indent: int, *pieces: Piece | str) -> None:
        """One line."""
        marked = [p if isinstance(p, Piece) else Piece(Role.PLAIN, p) for p in pieces if p]
        if marked:
            marked[-1] = Piece(marked[-1].role, marked[-1].text.rstrip())
        self._lines.append(" " * indent + "".join(self._paint(p) for p in marked) if marked else "")

    def code(self, indent: int, lines: tuple[str, ...], role: Role = Role.PLAIN) -> None:
        """Lines of a statement as they are, tabs included."""
        for text in visible.code_lines(lines):
            self._lines.append(" " * indent + self._marked(role, text) if text.strip() else "")

    def blank(self) -> None:
        """An empty line, but never two in a row nor one at the top."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def text(self) -> str:
        """All lines, without a line end after the last."""
        return "\n".join(self._lines).rstrip("\n")

    def _paint(self, piece: Piece) -> str:
        return self._marked(piece.role, visible.line(piece.text))

    def _marked(self, role: Role, text: str) -> str:
        colour = _COLOURS[role]
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour and colour and text else text


def heading(text: str) -> Piece:
    """A heading."""
    return Piece(Role.HEADING, text)


def muted(text: str) -> Piece:
    """Something that steps back."""
    return Piece(Role.MUTED, text)


def colours(stream: TextIO, environ: Mapping[str, str], wanted: bool = True) -> bool:
    """Whether to colour what goes to a stream: `--no-color`, NO_COLOR, FORCE_COLOR, then whether it is a terminal."""
    if not wanted or environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"
