"""When a script of neo4j-migrations runs: its preconditions, and the place its name gives it among the others.

The rules are those of its manual, "Preconditions" and "Naming conventions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

_COMMENT = re.compile(r"^\s*//\s*(assert|assume)\s+((?:that|in\s|q').*?)\s*$", re.MULTILINE | re.IGNORECASE)
_EDITION = re.compile(r"that\s+edition\s+is\s+(\w+)\.?", re.IGNORECASE)
_VERSION = re.compile(r"that\s+version\s+is\s+(?:(lt|ge)\s+)?([\d.,\s]+)", re.IGNORECASE)
_VERSIONED = re.compile(r"[VR](\d+(?:[._]\d+)*)__")
_UNDO = re.compile(r"U\d+(?:[._]\d+)*__")
_OLDEST = (5, 26)
"""No server is older than this one (`session`)."""


def of_script(text: str) -> list[tuple[str, str]]:
    """The preconditions in the comments of a script: (assert or assume, what)."""
    return [(found[1].lower(), found[2]) for found in _COMMENT.finditer(text)]


def skipped(conditions: Sequence[tuple[str, str]], given: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Why the script would not run: (whether that is sure, the reason). What it asserts is taken to hold, and so is
    what only a query of the data could tell."""
    for kind, text in conditions:
        if kind == "assume" and (holds := _holds(text, given)) is not True:
            yield holds is False, f"it runs only where this holds: {text}"


def _holds(text: str, given: Mapping[str, str]) -> bool | None:
    if (edition := _EDITION.fullmatch(text)) is not None:
        return given["edition"].lower() == edition[1].lower() if "edition" in given else None
    if (version := _VERSION.fullmatch(text)) is None:
        return True
    asked = [_numbers(v) for v in version[2].split(",") if v.strip()]
    said = _numbers(given["version"]) if "version" in given else None
    if version[1]:
        if said is None and asked[0] > _OLDEST:
            return None
        return ((said or _OLDEST) >= asked[0]) == (version[1].lower() == "ge")
    if said is None:
        return None if any(v[:2] >= _OLDEST[: len(v)] for v in asked) else False
    return any(said[: len(v)] == v for v in asked)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def in_order(names: Sequence[str]) -> list[str]:
    """Versioned and repeatable scripts by their versions, whatever their folder; callbacks before or after them; others
    where they were."""

    def place(name: str) -> tuple[int, tuple[int, ...]]:
        file = PurePosixPath(name).name
        if (found := _VERSIONED.match(file)) is not None:
            return 1, _numbers(found[1])
        return (2 if file.startswith("after") else 0), ()

    return sorted(names, key=place)


def undoes(name: str) -> bool:
    """Whether a script takes another one back, and so is not run with the others."""
    return _UNDO.match(PurePosixPath(name).name) is not None
