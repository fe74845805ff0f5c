"""Reads the declarations of a folder: every YAML file once, with what is needed to name a line later."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconciler.desired.heads import Head, Heads
from reconciler.desired.strictyaml import decode, parse, without_gc
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.files import PRIVATE, write_whole
from reconciler.model.later import Later
from reconciler.model.span import Span

CACHE_FORMAT = 1
"""Part of a cached file's name; to be raised whenever `parse` comes to mean something else."""

WORTH_CACHING = 4 * 1024
"""Bytes of a file from which reading the cache is faster than parsing."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file of declarations."""

    file: str
    """The path as shown to people: relative to the working folder where it is inside it, with '/'."""
    text: str
    """What the file says; `span` looks in it."""
    content: object
    """What `parse` made of it, or `Later` makes."""
    digest: str
    """The sha256 of the file's bytes, and of those of the files it includes, in hexadecimal."""
    own_digest: str = ""
    """The sha256 of the file's bytes alone: what the cache knows it by."""
    known: Head | None = None
    """Its head, where it was found right before."""

    @property
    def data(self) -> object:
        """What the file declares."""
        return self.content.made() if isinstance(self.content, Later) else self.content

    @property
    def head(self) -> Head:
        """The keys at its top; the values of `service` and `depends_on`."""
        if self.known is not None:
            return self.known
        return self.data if isinstance(self.data, Mapping) else {}

    def span(self, *pointer: str | int, value: bool = False) -> Span:
        """Return where the key (or with `value` the value) at a path of keys and indexes stands, or its nearest parent.

        Meant for errors: the first call reads the text again. Raises nothing.
        """
        from reconciler.desired.positions import locate

        return locate(self.text, self.file, pointer, value=value)


def read_documents(directory: Path, *, cache: Path | None, heads: Heads | None = None) -> tuple[Document, ...]:
    """Return all `*.yaml` and `*.yml` files below `directory`, sorted by path; hidden files and folders are left out.

    `cache` is a folder for what was parsed before (None: no cache); one that is broken or read-only does no harm.
    What `heads` knows is parsed when somebody looks into it.
    Raises DeclarationErrors with the mistakes of all files, or DeclarationError if there is no folder or no file.
    """
    documents: list[Document] = []
    errors: list[DeclarationError] = []
    store = _Cache(cache) if cache else None
    with without_gc():
        for path, file in _find(directory):
            try:
                documents.append(_complete(path, _read(path, file, store, heads)))
            except DeclarationErrors as several:
                errors += several.errors
            except DeclarationError as error:
                errors.append(error)
    if errors:
        raise DeclarationErrors(errors)
    if store:
        store.prune(document.own_digest for document in documents)
    return tuple(documents)


def _find(directory: Path) -> list[tuple[str, str]]:
    """All files of declarations: (path, path as shown). A folder reached twice, through links, is read once: so no loop
    is endless. Paths are plain strings here and in `_read`: `pathlib` costs 0.1 s for 5000 files.
    """
    if not directory.is_dir():
        problem = (
            "is a file; expected a folder" if directory.exists() else "no such folder; expected declarations in it"
        )
        raise _missing(directory, problem)
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(directory, followlinks=True, onerror=_unreadable):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = _shown(folder)
        inside, before = os.path.join(folder, ""), "" if shown == "." else shown.removesuffix("/") + "/"
        found += [(inside + name, before + name) for name in names if _is_declaration(name)]
    if not found:
        raise _missing(directory, "holds no declarations; expected at least one *.yaml file")
    return sorted(found, key=lambda paths: paths[0].split(os.sep))


def _is_declaration(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml")) and not name.startswith(".")


def _missing(directory: Path, problem: str) -> DeclarationError:
    hint = "begin with `reconcile init`, or name another folder"
    return DeclarationError(problem, hint=hint, where=Span(_shown(directory)))


def _unreadable(error: OSError) -> None:
    """Left alone, `os.walk` would pass over the folder, and its tables would look deleted."""
    raise _cannot_read(_shown(error.filename), error)


def _cannot_read(file: str, error: OSError) -> DeclarationError:
    hint = "check the permissions and where links lead, or move it out of the folder"
    return DeclarationError(f"cannot be read: {error.strerror or error}", hint=hint, where=Span(file))


def _shown(path: str | Path) -> str:
    absolute = Path(os.path.abspath(path))  # not resolve(): people know the link, not where it leads
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return Path(path).as_posix()


def _complete(path: str, document: Document) -> Document:
    """The document with the texts that it keeps in files of their own."""
    if ".sql" not in document.text and "migrations:" not in document.text:
        return document
    from reconciler.desired.includes import included

    return included(Path(path).parent, document)


def _read(path: str, file: str, store: _Cache | None, heads: Heads | None) -> Document:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever
            raise OSError(None, "not a regular file")
        with open(path, "rb", buffering=0) as stream:
            raw = stream.read()
    except OSError as error:
        raise _cannot_read(file, error) from None
    text = decode(raw, file)
    digest = sha256(raw).hexdigest()
    head = heads.get(digest) if heads else None
    if head is not None and ".sql" not in text:
        return Document(file, text, Later(lambda: _parsed(text, file, digest, store)), digest, digest, head)
    return Document(file, text, _parsed(text, file, digest, store), digest, digest)


def _parsed(text: str, file: str, digest: str, store: _Cache | None) -> Any:
    if store is None or len(text) < WORTH_CACHING:
        return parse(text, file)
    known, data = store.load(digest)
    if not known:
        data = parse(text, file)
        store.save(digest, data)
    return data


class _Cache:
    """Parsed data by the digest of its file, as JSON under a checksum.

    JSON, because loading it can run nothing and crash nothing, whoever wrote the file; `marshal` was no faster when
    measured, and `pickle` runs code. The checksum finds a flipped bit that would still be JSON.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wrote = False

    def load(self, digest: str) -> tuple[bool, object]:
        """Return whether the data is known, and the data."""
        import json

        try:
            checksum, _, body = self._path(digest).read_bytes().partition(b"\n")
            if checksum.decode() == sha256(body).hexdigest():
                return True, json.loads(body)
        except (OSError, ValueError, RecursionError):
            pass
        return False, None

    def save(self, digest: str, data: object) -> None:
        """Keep the data, if the folder can be written: at once or not at all, as others may be reading."""
        import json

        body = json.dumps(data, separators=(",", ":")).encode()
        with suppress(OSError):
            write_whole(self._path(digest), sha256(body).hexdigest().encode() + b"\n" + body, mode=PRIVATE)
            self._wrote = True

    def prune(self, used: Iterable[str]) -> None:
        """After new files came, drop old ones: the ones in use stay, and as many more for other branches."""
        if not self._wrote:
            return
        keep = {self._path(digest) for digest in used}
        try:
            files = sorted(self._folder.glob("document-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            return
        others = [path for path in files if path not in keep]
        for path in others[max(16, len(keep)) :]:
            _remove(path)

    def _path(self, digest: str) -> Path:
        return self._folder / f"document-{CACHE_FORMAT}-{digest}.json"


def _remove(path: Path) -> None:
    with suppress(OSError):  # another process may be at it, or nothing may be written here: the next run tries again
        path.unlink(missing_ok=True)
