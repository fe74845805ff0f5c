"""A server and the supervisor that owns it on our behalf."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reconciler.local import liveness, supervisor
from reconciler.local.launch import Launch, failure, rotate_log
from reconciler.local.run_as import SUPERVISOR

if TYPE_CHECKING:
    import psutil

_SUPERVISOR_GRACE = 15.0


class Server:
    """A server that runs until `stop`, or until this process ends in whatever way, unless it was released."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._supervisor = _supervise(launch)
        try:
            self._process = self._begin()
        except BaseException:
            self.stop()
            raise

    def _begin(self) -> psutil.Process:
        import psutil

        self._say(json.dumps(self._launch.request()).encode() + b"\n")
        answer = json.loads(_pipe(self._supervisor.stdout).readline() or '{"error": "its supervisor died"}')
        program = Path(self._launch.argv[0]).name
        if "pid" not in answer:
            raise failure(f"cannot start {program}: {answer['error']}", self._launch.home)
        try:
            return psutil.Process(answer["pid"])
        except psutil.NoSuchProcess:
            raise failure(f"{program} ended at once", self._launch.home) from None

    def _say(self, line: bytes) -> None:
        stdin = _pipe(self._supervisor.stdin)
        with suppress(BrokenPipeError):  # what it has to say about that comes as the answer, or is in the log
            stdin.write(line)
            stdin.flush()

    @property
    def pid(self) -> int:
        """The process of the server."""
        return self._process.pid

    @property
    def create_time(self) -> float:
        """When that process began, which tells it from a later one with the same pid."""
        return self._process.create_time()

    def alive(self) -> bool:
        """Whether the server still runs."""
        return liveness.alive(self._process)

    def release(self) -> None:
        """Let the server run on after the end of this process."""
        self._say(supervisor.RELEASE)
        self.stop()

    def stop(self) -> None:
        """End the server unless it was released, wait for that, and delete its folder if that was agreed."""
        with suppress(BrokenPipeError):
            _pipe(self._supervisor.stdin).close()
        try:
            self._supervisor.wait(self._launch.grace + _SUPERVISOR_GRACE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        _pipe(self._supervisor.stdout).close()


def _supervise(launch: Launch) -> subprocess.Popen[bytes]:
    with rotate_log(launch.home).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=launch.home,
            start_new_session=os.name == "posix",  # Ctrl-C in the terminal is for us, not for the server
        )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("the supervisor is always started with pipes")
    return stream
