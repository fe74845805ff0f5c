"""Texts in files of their own: `body: functions/total.sql` stands for what that file says, and `migrations: graph/`
for all the Cypher files of that folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from reconciler.desired.strictyaml import decode
from reconciler.errors import DeclarationError, DeclarationErrors

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

KEYS = frozenset({"body", "sql_body", "query"})
"""Keys of SQL texts that are long enough for a file. No SQL text ends in `.sql` itself."""
SUFFIX = ".sql"
FOLDER, SCRIPT = "migrations", ".cypher"
"""The key of a folder of versioned migrations, and how its files end."""

Pointer = tuple[str | int, ...]


def included(folder: Path, document: Document) -> Document:
    """The document with the contents of the files it names in the place of their names, and in its digest.

    Paths are relative to the folder of the document, with '/'. Raises DeclarationErrors for files that are missing,
    cannot be read or are named by an absolute path, each at its line.
    """
    digest, errors = sha256(document.digest.encode()), []
    found = list(_named(document.data, ()))
    for holder, key, pointer in found:
        try:
            raw = _contents(folder, holder[key], document, pointer)
            holder[key] = decode(raw, f"{PurePosixPath(document.file).parent / holder[key]}")
            digest.update(sha256(raw).digest())
        except DeclarationError as error:
            errors.append(error)
    for holder, pointer in (folders := list(_folders(document.data))):
        try:
            texts = _migrations(folder, holder[FOLDER], document, pointer)
            digest.update(repr(sorted(texts.items())).encode("utf-8", "surrogatepass"))
            holder[FOLDER] = {name: {"cypher": text} for name, text in texts.items()}
        except DeclarationError as error:
            errors.append(error)
    if errors:
        raise DeclarationErrors(errors)
    return replace(document, digest=digest.hexdigest()) if found or folders else document


def _folders(data: Any) -> Iterator[tuple[dict[str, Any], Pointer]]:
    """The sections of engines that name a folder of migrations, and where."""
    for engine, section in data.items() if isinstance(data, dict) else ():
        if isinstance(section, dict) and isinstance(section.get(FOLDER), str):
            yield section, (engine, FOLDER)


def _migrations(folder: Path, name: str, document: Document, pointer: Pointer) -> dict[str, str]:
    """What the files of a folder say, by their names without the suffix."""
    where = document.span(*pointer, value=True)
    path = folder / name
    if Path(name).is_absolute():
        hint = "name it relative to the folder of this declaration"
        raise DeclarationError(f"{name} is an absolute path", hint=hint, where=where)
    try:
        files = sorted(p for p in path.iterdir() if p.name.endswith(SCRIPT) and not p.name.startswith("."))
        return {p.name.removesuffix(SCRIPT): decode(p.read_bytes(), p.as_posix()) for p in files}
    except OSError as error:
        problem = "there is no such folder" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}"
        raise DeclarationError(
            f"{name} cannot be read: {problem}", hint=f"create it as {path.as_posix()}", where=where
        ) from None


def _named(data: Any, pointer: Pointer) -> Iterator[tuple[dict[str, Any], str, Pointer]]:
    """(mapping, key, where) of every text that stands for a file."""
    if isinstance(data, dict):
        for key, value in data.items():
            if type(value) is str:
                if key in KEYS and value.endswith(SUFFIX) and "\n" not in value:
                    yield data, key, (*pointer, key)
            elif value:
                yield from _named(value, (*pointer, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _named(item, (*pointer, index))


def _contents(folder: Path, name: str, document: Document, pointer: Pointer) -> bytes:
    where = document.span(*pointer, value=True)
    if PurePosixPath(name).is_absolute() or Path(name).is_absolute():
        hint = "name it relative to the folder of this declaration"
        raise DeclarationError(f"{name} is an absolute path", hint=hint, where=where)
    path = folder / name
    try:
        return path.read_bytes()
    except OSError as error:
        problem = "there is no such file" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}"
        hint = f"create it as {path.as_posix()}, or write the text here"
        raise DeclarationError(f"{name} cannot be read: {problem}", hint=hint, where=where) from None
