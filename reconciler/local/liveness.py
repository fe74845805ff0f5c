"""Which processes run: ours recognised again, a stranger on our port noticed, and a server ended for certain."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import LocalStoreError

if TYPE_CHECKING:
    import psutil

_CLOCK_SLACK = 2.0
_KILL_SECONDS = 10.0
_LEAVE_SECONDS = 5.0
_PAUSE = 0.02


def alive(process: psutil.Process) -> bool:
    """Whether anything of the process runs; one that ended and was not yet collected by its parent does not.

    Of a process that is ending, the first thread may be over while others still hold its ports and files.
    """
    import psutil

    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def is_ours(pid: int, create_time: float, mark: str) -> bool:
    """Whether this pid is still the recorded server, and not a later process that was given the same number."""
    import psutil

    try:
        process = psutil.Process(pid)
        if not alive(process):
            return False
        # When the clock was set since, all creation times have moved; the mark in the command stays.
        return abs(process.create_time() - create_time) < _CLOCK_SLACK or _marked(process.cmdline(), mark) is not None
    except psutil.Error:
        return False


def find(mark: str) -> tuple[psutil.Process, int] | None:
    """The live server whose command carries the mark, and its port, for when no record of it is left."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        port = _marked(process.info["cmdline"] or (), mark)
        if port is not None and alive(process):
            return process, port
    return None


def _marked(command: list[str] | tuple[()], mark: str) -> int | None:
    for argument in command:
        _, found, port = argument.partition(mark)
        if found and port.isdecimal():
            return int(port)
    return None


def listens(pid: int, port: int) -> bool:
    """Whether it is this process that listens on the port, and not a stranger who was faster."""
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # not to be known here
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)


def nobody_works_in(folder: Path) -> bool:
    """Whether, after a few seconds at most, no process has the folder as its working directory."""
    import psutil

    place = os.path.realpath(folder)
    workers = [one for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == place]
    return not _left(workers, _LEAVE_SECONDS)


def end(pid: int, by: signal.Signals, grace: float) -> None:
    """Stop a server that no supervisor owns, and return when neither it nor its children run any more."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        if os.name == "posix":
            process.send_signal(by)
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise LocalStoreError(f"process {pid} belongs to another user", hint="stop it as that user") from None
    for one in _left(family, grace):
        with suppress(psutil.NoSuchProcess):
            one.kill()
    if left := _left(family, _KILL_SECONDS):
        raise LocalStoreError(f"process {left[0].pid} does not end, not even when killed")


def _left(family: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Who still runs after so many seconds; returns as soon as nobody does.

    A process that ended counts as gone even while its parent has not collected it: the first process of a container
    often never does, and waiting for the pid to vanish would take for ever.
    """
    until = time.monotonic() + seconds
    while (left := [one for one in family if alive(one)]) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return left
