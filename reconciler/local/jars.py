"""Make the jars of a set be there: each one present with the committed size and digest, or fetched and checked.

A file appears under its final name only after it was checked. What was checked is remembered with its size and time of
change, so the next run compares a stat per file, and a file that anything touched is checked and fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import LocalStoreError
from reconciler.files import PRIVATE, write_whole
from reconciler.local import paths
from reconciler.local.jarset import Jar, JarSet
from reconciler.local.maven import OFFLINE_VARIABLE, Maven, without_credentials
from reconciler.local.progress import Progress, ProgressEvent, quiet

_AT_ONCE = 12
_ATTEMPTS = 3
_NEVER = threading.Event()

_Checked = dict[str, tuple[int, int]]


def ensure(
    jars: JarSet, *, home: Path | None = None, progress: Progress = quiet, cancel: threading.Event = _NEVER
) -> list[Path]:
    """The paths of all the jars, in class path order, after fetching those that are missing or damaged."""
    root = home or paths.jars_home()
    if not _doubtful(jars, root):
        return _paths(jars, root)
    with paths.only_one(root / ".state" / f"{jars.name}.lock", jars.name, progress):
        doubtful = _doubtful(jars, root)
        missing = [jar for jar in doubtful if not _matches(root / jar.path, jar)]
        if missing:
            _fetch_all(jars, missing, root, progress, cancel)
        _remember(jars, root)
    return _paths(jars, root)


def present(jars: JarSet, *, home: Path | None = None) -> bool:
    """Whether a run now would download nothing."""
    return not _doubtful(jars, home or paths.jars_home())


def _paths(jars: JarSet, root: Path) -> list[Path]:
    return [root / jar.path for jar in jars.jars]


def _doubtful(jars: JarSet, root: Path) -> list[Jar]:
    """The jars that are not as they were when last checked."""
    checked = _checked(jars, root)
    return [jar for jar in jars.jars if checked.get(jar.sha256) != _seen(f"{root}{os.sep}{jar.path}")]


def _seen(path: str) -> tuple[int, int] | tuple[()]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns


def _checked(jars: JarSet, root: Path) -> _Checked:
    try:
        document = json.loads((root / ".state" / f"{jars.name}.json").read_text(encoding="utf-8"))
        return {sha256: (size, changed) for sha256, (size, changed) in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(jars: JarSet, root: Path) -> None:
    checked = {jar.sha256: _seen(f"{root}{os.sep}{jar.path}") for jar in jars.jars}
    write_whole(root / ".state" / f"{jars.name}.json", json.dumps(checked).encode(), mode=PRIVATE)


def _matches(path: Path, jar: Jar) -> bool:
    try:
        if path.stat().st_size != jar.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def _fetch_all(jars: JarSet, missing: list[Jar], root: Path, progress: Progress, cancel: threading.Event) -> None:
    size = sum(jar.size for jar in missing)
    progress(ProgressEvent(jars.name, f"downloading {len(missing)} files, {size / 1e6:.0f} MB"))
    with _incoming(jars, root) as incoming:
        fetching = _Fetching(Maven(), root, incoming, _Tally(jars.name, missing, progress, cancel))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="jars") as pool:
            try:
                list(pool.map(fetching.fetch, missing))
            except BaseException:
                fetching.tally.given_up.set()
                pool.shutdown(cancel_futures=True)
                raise


@contextmanager
def _incoming(jars: JarSet, root: Path) -> Iterator[Path]:
    """An empty folder for unchecked downloads, on the same file system; what a killed run left there goes."""
    folder = root / ".state" / f"{jars.name}.incoming"
    paths.remove(folder)
    paths.make_folder(folder)
    try:
        yield folder
    finally:
        paths.remove(folder)


class _Tally:
    """The bytes and files so far, reported at most every tenth of a second; raises where the caller gave up."""

    def __init__(self, name: str, missing: list[Jar], progress: Progress, cancel: threading.Event) -> None:
        self._name, self._progress, self._cancel = name, progress, cancel
        self.given_up = threading.Event()
        self._lock = threading.Lock()
        self._total, self._files = sum(jar.size for jar in missing), len(missing)
        self._bytes: dict[str, int] = {}
        self._whole = 0
        self._reported = 0.0

    def received(self, jar: Jar, count: int) -> None:
        if self._cancel.is_set() or self.given_up.is_set():
            raise LocalStoreError(f"the download of {self._name} was interrupted")
        with self._lock:
            self._bytes[jar.sha256] = min(self._bytes.get(jar.sha256, 0) + count, jar.size)
        self._report(at_most=time.monotonic() - 0.1)

    def restart(self, jar: Jar) -> None:
        with self._lock:
            self._bytes.pop(jar.sha256, None)

    def complete(self, jar: Jar) -> None:
        with self._lock:
            self._bytes[jar.sha256] = jar.size
            self._whole += 1
        self._report(at_most=float("inf") if self._whole == self._files else time.monotonic() - 0.1)

    def _report(self, at_most: float) -> None:
        with self._lock:
            if self._reported > at_most:
                return
            self._reported = time.monotonic()
            done, whole = sum(self._bytes.values()), self._whole
        self._progress(ProgressEvent(self._name, "downloading", done, self._total, whole, self._files))


class _Fetching:
    """One file at a time: from this computer when a copy there is right, else from a remote repository."""

    def __init__(self, maven: Maven, root: Path, incoming: Path, tally: _Tally) -> None:
        self._maven, self._root, self._incoming, self.tally = maven, root, incoming, tally

    def fetch(self, jar: Jar) -> None:
        checked = self._copy(jar) or self._download(jar)
        final = self._root / jar.path
        paths.make_folder(final.parent)
        os.replace(checked, final)
        self.tally.complete(jar)

    def _copy(self, jar: Jar) -> Path | None:
        for candidate in self._maven.on_this_computer(jar):
            copy = self._incoming / jar.sha256
            try:
                shutil.copyfile(candidate, copy)
            except OSError:
                continue
            if _matches(copy, jar):
                return copy
        return None

    def _download(self, jar: Jar) -> Path:
        reason = ""
        for attempt in range(_ATTEMPTS):
            folder = self._incoming / f"{jar.sha256}.{attempt}"
            self.tally.restart(jar)
            time.sleep(0.3 * attempt)
            try:
                found = self._maven.download(jar, folder, lambda count: self.tally.received(jar, count))
            except (OSError, RuntimeError) as error:
                reason = without_credentials(f"{type(error).__name__}: {error}")
                continue
            if _matches(found, jar):
                return found
            reason = f"what came has not the pinned sha256 {jar.sha256[:12]}… and size {jar.size}"
        raise self._failure(jar, reason)

    def _failure(self, jar: Jar, reason: str) -> LocalStoreError:
        return LocalStoreError(
            f"cannot fetch {jar.gav} ({jar.ext}): {self._maven.tried()}, {_ATTEMPTS} attempts; the last one: {reason}",
            hint=f"on a machine without network, copy {self._root} from one where `reconcile up` ran,"
            f" and name the copy in {OFFLINE_VARIABLE}",
        )
