"""Errors for people and programs: code, place, what was expected, a hint, and what was changed. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from reconciler.errors import DeclarationErrors, PartlyApplied, ReconcileError, Several
from reconciler.render import words
from reconciler.render.paint import Piece, Role, Sheet

HIDDEN = "***"
_IN_URL = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s/:@]*:)\S*(?=@)", re.IGNORECASE)  # up to the last @
_NAMED = re.compile(
    r"(?P<before>\b(?:password|passwd|(?:aws_)?(?:secret|access|session)_?\w*|token)[\"']?\s*[=:]\s*)[^\s&,;)]+",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"://[^\s/:@]*:(\S*)@")
_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|_KEY$|_URI$|_URL$|_DSN$|^RECONCILE_TARGET$")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Text without passwords in URLs or after their names, and without the given values."""
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    text = _IN_URL.sub(rf"\g<before>{HIDDEN}", text)
    return _NAMED.sub(rf"\g<before>{HIDDEN}", text)


def secrets_of(environ: Mapping[str, str], arguments: Iterable[str] = ()) -> tuple[str, ...]:
    """Values of environment variables that may be secrets, and passwords of URLs in a command line.

    Those of up to three characters are left out: they would blot out ordinary words.
    """
    named = [value for name, value in environ.items() if _SECRET_NAME.search(name.upper())]
    given = [found[1] for argument in arguments if (found := _PASSWORD.search(argument))]
    return tuple(value for value in (*named, *given, *map(unquote, given)) if len(value) > 3)


def each(error: ReconcileError) -> Iterator[ReconcileError]:
    """The single errors of an error that carries several."""
    if isinstance(error, Several | DeclarationErrors):
        for one in error.errors:
            yield from each(one)
    else:
        yield error


def failure_text(error: ReconcileError, *, colour: bool = False) -> str:
    """The error as text."""
    sheet = Sheet(colour)
    errors = list(each(error))
    for one in errors:
        _error(sheet, one)
    effects = list(dict.fromkeys(redacted(one.effect) for one in errors))
    if len(errors) > 1:
        sheet.add(0, f"{words.count(len(errors), 'error')}; {'; '.join(effects)}")
    else:
        sheet.add(2, *effects)
    return sheet.text()


def _error(sheet: Sheet, error: ReconcileError) -> None:
    where = f"{error.where}: " if error.where else ""
    first, *rest = redacted(error.message).split("\n")
    sheet.add(0, Piece(Role.ERROR, f"error {error.code}:"), f" {where}{first}")
    for line in rest:
        sheet.add(2, line)
    if error.hint:
        sheet.add(2, Piece(Role.HINT, "hint:"), f" {redacted(error.hint)}")


def _cause(error: Exception) -> str:
    """What a deliberate error says; of any other only its type, since its message may hold anything."""
    return str(error) if isinstance(error, ReconcileError) else f"unexpected {type(error).__name__}"


def failure_data(error: ReconcileError) -> dict[str, Any]:
    """The error as plain data."""
    return {
        "kind": "error",
        "version": 1,
        "exit_code": error.exit_code,
        "errors": [_data(one) for one in each(error)],
    }


def _data(error: ReconcileError) -> dict[str, Any]:
    where = error.where
    data: dict[str, Any] = {
        "code": error.code,
        "message": redacted(error.message),
        "hint": redacted(error.hint) if error.hint else None,
        "where": None if where is None else {"file": where.file, "line": where.line, "column": where.column},
        "effect": redacted(error.effect),
    }
    if isinstance(error, PartlyApplied):
        data["ran"] = list(error.ran)
        data["failures"] = [{"step": name, "error": redacted(_cause(cause))} for name, cause in error.failures]
    return data
