"""Where the local stores keep their data and their downloads, and writing there without leaving half a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import LocalStoreError
from reconciler.local import run_as
from reconciler.local.progress import Progress, ProgressEvent

HOME_VARIABLE = "RECONCILE_LOCAL_HOME"
CACHE_VARIABLE = "RECONCILE_CACHE_HOME"
SYSTEM_STATE = Path("/var/lib/reconcile")
LOCK_PATIENCE = 300.0


def state_home() -> Path:
    """The folder above the data of all stores."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).absolute()
    import platformdirs

    personal = Path(platformdirs.user_state_dir("reconcile"))
    # Root of a container that forbids user namespaces: PostgreSQL runs as another user, whom /root keeps out.
    if run_as.is_root() and not run_as.others_may_enter(personal) and not run_as.namespaces_allowed():
        return SYSTEM_STATE
    return personal


def store_home(store: str) -> Path:
    """The folder of one store: its data, its log and its `instance.json`."""
    return state_home() / store


def jars_home() -> Path:
    """The folder of the downloaded jars, laid out like a Maven repository."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).absolute() / "jars"
    import platformdirs

    return Path(platformdirs.user_cache_dir("reconcile")) / "jars"


def make_folder(folder: Path, *, mode: int = 0o711) -> Path:
    """Create a folder which, unless `mode` says so, others may cross but not list: servers may run as another user."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise LocalStoreError(
            f"cannot create {folder}: {error.strerror}", hint=f"set {HOME_VARIABLE} to a folder that you may write"
        ) from error
    return folder


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder; what vanishes meanwhile or cannot be read counts nothing."""
    total = 0
    for here, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(here, name)).st_size
    return total


def remove(folder: Path) -> None:
    """Delete a folder and what is in it; no error when it is not there."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LocalStoreError(f"cannot delete {folder}: {error.strerror}") from error


@contextmanager
def only_one(path: Path, store: str, progress: Progress) -> Iterator[None]:
    """Hold a lock file, so that of two runs at the same time one works and the other waits for its result."""
    from filelock import FileLock, Timeout

    make_folder(path.parent)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(ProgressEvent(store, "waiting for another run of reconcile"))
        try:
            lock.acquire(timeout=LOCK_PATIENCE)
        except Timeout:
            raise LocalStoreError(
                f"another run of reconcile has held {path} for {LOCK_PATIENCE:.0f} s",
                hint="wait for it, or end it",
            ) from None
    try:
        yield
    finally:
        lock.release()
