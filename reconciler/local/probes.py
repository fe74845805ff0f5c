"""Is a server answering? One exchange of bytes for each protocol, without its driver."""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Callable

from reconciler.errors import LocalStoreError

LOOPBACK = "127.0.0.1"
Probe = Callable[[str, int], bool]

_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 3.0
_LOWEST, _HIGHEST = 20000, 32000

# Bolt: the magic number, then four proposals of (range, minor, major); the server picks one or answers zero.
_BOLT_HELLO = bytes.fromhex("6060b017") + struct.pack(">4I", 0x00080805, 0x00020404, 0, 0)
_BOLT_REFUSAL = bytes(4)
_POSTGRES_PROTOCOL_3 = 196608
_POSTGRES_AUTHENTICATION = b"R"


def postgres(host: str, port: int) -> bool:
    """Whether a start-up message is answered by an authentication request; while starting it is an error."""
    parameters = b"user\0postgres\0database\0postgres\0\0"
    message = struct.pack(">II", len(parameters) + 8, _POSTGRES_PROTOCOL_3) + parameters
    return _answer(host, port, message, 1) == _POSTGRES_AUTHENTICATION


def bolt(host: str, port: int) -> bool:
    """Whether the server agrees on a version of the Bolt protocol."""
    answer = _answer(host, port, _BOLT_HELLO, 4)
    return len(answer) == 4 and answer != _BOLT_REFUSAL


def http(host: str, port: int) -> bool:
    """Whether the server answers a request with any HTTP status."""
    request = f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()
    return _answer(host, port, request, 7) == b"HTTP/1."


def free_port(preferred: int | None = None) -> int:
    """The preferred port if nothing listens there, else another one nobody listens on.

    It is taken from below the range that the operating system hands out on its own, so that no passing connection of
    some program sits on it when the server starts again.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    for _ in range(100):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if is_free(port):
            return port
    raise LocalStoreError("no free port on loopback")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now, on loopback and on all interfaces."""
    return all(_binds(host, port) for host in (LOOPBACK, ""))


def _binds(host: str, port: int) -> bool:
    with socket.socket() as tried:
        if os.name == "posix":  # connections of an ended server linger for a minute and are in nobody's way
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def _answer(host: str, port: int, message: bytes, length: int) -> bytes:
    """The first bytes of the answer; fewer when nobody listens or the server hangs up."""
    received = b""
    try:
        with socket.create_connection((host, port), _CONNECT_SECONDS) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.sendall(message)
            while len(received) < length and (more := connection.recv(length - len(received))):
                received += more
    except OSError:
        return received
    return received
