"""A snapshot as a file: gzip, a line of JSON each; the first says what it is, how many rows follow, and their sha256.

It is written beside its place, synchronised and renamed, so that a file is whole or not there; only its owner may read
it. Rows are written and read one by one. A row is `[number of its query, {column: value}]`.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from reconciler.engines.neo4j.values import decoded, encoded
from reconciler.errors import ConfigError, StoreError

FORMAT = "reconcile snapshot 1"
SUFFIX = ".jsonl.gz"
DEFAULT = Path(".reconcile") / "snapshots"
"""Where snapshots are, unless reconcile.yaml says otherwise."""
Row = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `about` says what of which target it is."""

    about: Mapping[str, str]
    rows: int
    sha256: str
    format: str = field(default=FORMAT)


def write(path: Path, about: Mapping[str, str], rows: Iterable[Row]) -> Header:
    """Write all rows. Raises ConfigError where the folder cannot be written, StoreError for a value of unknown type."""
    body = path.with_name(f".{path.name}.{os.getpid()}.rows")
    whole = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _folder(path.parent)
        count, digest = _rows(body, rows)
        header = Header(dict(about), count, digest)
        with _created(whole) as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.write(json.dumps(asdict(header)).encode() + b"\n")
            with body.open("rb") as source:
                shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)
    except OSError as error:
        raise ConfigError(
            f"the snapshot {path} cannot be written: {error.strerror}",
            hint="name another folder with 'snapshots:' in reconcile.yaml",
        ) from error
    finally:
        body.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
    return header


def header(path: Path) -> Header:
    """What a file says of itself. Raises ConfigError for what is no snapshot."""
    try:
        with gzip.open(path, "rb") as lines:
            said = json.loads(lines.readline())
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']!r}")
        return Header(**said)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no snapshot that can be read: {error}") from error


def checked(path: Path, wanted: str = "") -> Header:
    """The header of a file whose rows are all there, and those that `wanted`, a sha256, is of. Raises ConfigError."""
    said = header(path)
    digest, count = sha256(), 0
    try:
        with gzip.open(path, "rb") as lines:
            lines.readline()
            for line in lines:
                digest.update(line)
                count += 1
    except (OSError, EOFError) as error:
        raise ConfigError(f"the snapshot {path} is damaged: {error}") from error
    if (digest.hexdigest(), count) != (said.sha256, said.rows) or wanted not in ("", said.sha256):
        raise ConfigError(f"the snapshot {path} is not the one that was written")
    return said


def rows(path: Path, skip: int = 0) -> Iterator[Row]:
    """The rows, but for the first `skip`. Raises ConfigError for a row that is none."""
    with gzip.open(path, "rb") as lines:
        lines.readline()
        for number, line in enumerate(lines):
            if number >= skip:
                try:
                    query, said = json.loads(line)
                    yield int(query), {k: decoded(v) for k, v in said.items()}
                except (ValueError, KeyError, TypeError) as error:
                    raise ConfigError(f"row {number + 1} of the snapshot {path} is not readable: {error}") from error


def _rows(path: Path, found: Iterable[Row]) -> tuple[int, str]:
    digest, count = sha256(), 0
    with _created(path) as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        for query, row in found:
            line = json.dumps([query, {k: encoded(v) for k, v in row.items()}]).encode() + b"\n"
            digest.update(line)
            packed.write(line)
            count += 1
    return count, digest.hexdigest()


def _created(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _folder(path: Path) -> None:
    """Made for its owner alone, and never committed by accident."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignore = path / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def missing(path: Path) -> StoreError:
    """The error for a snapshot that is not where it was written."""
    return StoreError(
        f"the snapshot {path} is not there, and nothing else has what it kept",
        hint="put the file back there, or name its folder with 'snapshots:' in reconcile.yaml",
    )
