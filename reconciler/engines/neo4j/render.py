"""Cypher text: names quoted so that nothing in them can end the quotes, and the statements made of them.

Values never become text: options of an index travel as parameters.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import InternalError

NODE = "node"
RELATIONSHIP = "relationship"
_CUT_OFF = "".join(map(chr, range(0x21)))
CYPHER_25 = (2025, 6)
"""First version with `CYPHER 25`. Aura's rolling `5.27-aura` has it too."""


def quoted(name: str) -> str:
    """A name in backticks, exactly as it is.

    A backtick is doubled. The parser replaces `\\uXXXX` before it looks for quotes (measured on 5.26 and 2026.09), so a
    backslash is written as such an escape itself, as is everything that does not print: what a reviewer reads is what
    is there. Raises InternalError for a name that `refusal` refuses; declarations are checked before.
    """
    if (reason := refusal(name)) is not None:
        raise InternalError(f"the name '{shortened(name)}' cannot be written in Cypher: {reason}")
    return "`" + "".join(_escaped(c) for c in name) + "`"


def _escaped(character: str) -> str:
    if character == "`":
        return "``"
    if character != "\\" and character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def refusal(name: str) -> str | None:
    """Why Neo4j can have no label, property, index or constraint of this name, or None. The server's own rules."""
    if not name:
        return "it is empty"
    if "\0" in name:
        return "it holds a NUL character"
    if any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        return "it holds half of a surrogate pair"
    return None


def kept(name: str) -> bool:
    """Whether the server keeps the name of a constraint or an index as it is.

    It cuts off everything up to U+0020 at both ends, and wants something else than white space (measured on 5.26 and
    2026.09). Labels and properties are kept whatever they are.
    """
    return name == name.strip(_CUT_OFF) and not name.isspace()


def shortened(text: str, limit: int = 60) -> str:
    """A text for a title or a message: names may be thousands of characters long, or steer a terminal."""
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(c if c.isprintable() else _escaped(c) for c in shown)


def one_line(text: object, limit: int = 400) -> str:
    """What the server said, for a message: its line breaks are spaces."""
    return shortened(" ".join(str(text).split()), limit)


def dialect(version: tuple[int, ...]) -> str:
    """The prefix that makes a server speak its newest language: `CYPHER 25 ` or nothing."""
    return "CYPHER 25 " if version >= CYPHER_25 or (5, 27) <= version < (6,) else ""


def pattern(element: str, labels: Iterable[str]) -> str:
    """What a rule or an index is for: (n:`A`|`B`) or ()-[n:`T`]-()."""
    names = "|".join(map(quoted, labels))
    return f"(n:{names})" if element == NODE else f"()-[n:{names}]-()"


def matching(element: str, label: str) -> str:
    """The MATCH pattern that finds each element once: relationships are followed in one direction."""
    return f"(n:{quoted(label)})" if element == NODE else f"()-[n:{quoted(label)}]->()"


def properties(names: Iterable[str]) -> str:
    """Property names of the element: n.`a`, n.`b`."""
    return ", ".join(f"n.{quoted(name)}" for name in names)
