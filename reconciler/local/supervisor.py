"""The process between `reconcile` and a server: prepares, starts, and stops it when its owner goes away.

Run as a script with nothing but the standard library, so that it is up in milliseconds and needs no installed package.
It reads one line of JSON from its standard input and answers with one line: the pid of the server, or an error. After
that the owner either says `release`, and the server stays while the supervisor leaves, or the pipe closes, because the
owner closed it or died in any way, and the server is stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

RELEASE = b"release\n"
_CLONE_NEWUSER = 0x10000000


class Owner(threading.Thread):
    """Listens to the owner; `gone` is set once it released the server or the pipe closed."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gone = threading.Event()
        self.released = False

    def run(self) -> None:
        """Wait for a word or for the end."""
        self.released = read_line() == RELEASE
        self.gone.set()


class Refused(Exception):
    """A preparation failed; the message goes to the owner."""


def main(arguments: Sequence[str]) -> int:
    """Serve one request, or become another program inside a user namespace."""
    if arguments[:1] == ["enter"]:
        enter_namespace(int(arguments[1]), int(arguments[2]), list(arguments[3:]))
    request = json.loads(read_line())
    owner = Owner()
    owner.start()
    with open(request["log"], "ab") as log:
        try:
            give_to_user(request)
            for preparation in request["preparations"]:
                prepare(preparation, request, owner, log)
            server = spawn(request["argv"], request, log)
        except (Refused, OSError) as error:
            report(error=str(error))
            owner.gone.wait()  # the owner wants to read the log first
            clean(request)
            return 1
    report(pid=server.pid)
    owner.gone.wait()
    if not owner.released:
        stop(server, request["signal"], request["grace"])
        clean(request)
    return 0


def read_line() -> bytes:
    """One line from the owner, without buffering: a reader blocked in a buffer would hinder the exit."""
    line = b""
    while not line.endswith(b"\n") and (more := os.read(0, 65536)):
        line += more
    return line


def report(**answer: Any) -> None:
    """Tell the owner; an owner that is gone already needs no answer."""
    try:
        os.write(1, json.dumps(answer).encode() + b"\n")
    except OSError:
        return


def prepare(preparation: dict[str, Any], request: dict[str, Any], owner: Owner, log: IO[bytes]) -> None:
    """Produce a folder in a scratch place and rename it, unless a complete one is there."""
    result, scratch = preparation["result"], preparation["scratch"]
    if os.path.exists(os.path.join(result, preparation["marker"])):
        return
    shutil.rmtree(scratch, ignore_errors=True)
    process = spawn(preparation["argv"], request, log)
    while process.poll() is None:
        if owner.gone.wait(0.01):
            stop(process, signal.SIGTERM, 2.0)
            raise Refused("interrupted")
    if process.returncode:
        raise Refused(f"{os.path.basename(preparation['argv'][0])} ended with status {process.returncode}")
    set_aside(result)
    os.rename(scratch, result)


def set_aside(folder: str) -> None:
    """Move an incomplete folder away: it is useless to the server and may matter to its owner."""
    number = 1
    while os.path.exists(aside := f"{folder}.incomplete-{number}"):
        number += 1
    if os.path.exists(folder):
        os.rename(folder, aside)


def spawn(argv: list[str], request: dict[str, Any], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program that our terminal does not reach, as the user that the request names."""
    mode, uid, gid = request["run_as"]
    options: dict[str, Any] = {}
    if mode == "namespace":
        argv = [sys.executable, "-I", "-S", os.path.abspath(__file__), "enter", str(uid), str(gid), *argv]
    elif mode == "user":
        options = {"user": uid, "group": gid, "extra_groups": []}
    return subprocess.Popen(
        argv,
        env=request["env"],
        cwd=request["home"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=os.name == "posix",
        **options,
    )


def stop(process: subprocess.Popen[bytes], by: int, grace: float) -> None:
    """End a program gently, and after the grace for certain."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        process.send_signal(by)
    else:
        process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def clean(request: dict[str, Any]) -> None:
    """Delete the data of a server that nobody can come back to."""
    if request["delete"]:
        shutil.rmtree(request["home"], ignore_errors=True)


def give_to_user(request: dict[str, Any]) -> None:
    """As root, make the home belong to whoever the server runs as, whatever it was before."""
    mode, uid, gid = request["run_as"]
    if mode == "self":
        return
    if mode == "namespace":  # in there the files of root are the files of the mapped user
        uid, gid = os.geteuid(), os.getegid()
    home = request["home"]
    for folder, folders, files in os.walk(home):
        for path in (folder, *(os.path.join(folder, name) for name in folders + files)):
            if os.lstat(path).st_uid != uid:
                os.chown(path, uid, gid, follow_symlinks=False)


def enter_namespace(uid: int, gid: int, argv: list[str]) -> None:
    """Become a program that sees itself as this ordinary user, while to the outside it stays who it is (Linux)."""
    import ctypes

    outside = f"{os.geteuid()} 1", f"{os.getegid()} 1"
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {outside[0]}"), ("gid_map", f"{gid} {outside[1]}")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as target:
            target.write(text)
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
