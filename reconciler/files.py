"""Files that others may read while they are written."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

PRIVATE = 0o600
"""The mode of what only this user may read, as a cache may tell what is in a database."""


def write_whole(path: Path, data: bytes, *, mode: int = 0o666, durable: bool = False) -> None:
    """Write a file that is, at every moment, the old one or the new one; its folder is made. Raises OSError.

    `mode` is subject to the umask; `durable` has it on the disk before the call returns. The temporary file lies
    beside it and is gone afterwards, whatever happens.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o777 if mode != PRIVATE else 0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
