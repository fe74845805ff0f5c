"""The stores as containers, where a Docker engine answers.

Nobody ran this part yet where it was written, for want of an engine; only the detection of a missing one is tested.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.errors import LocalStoreError
from reconciler.local.maven import missing_extra
from reconciler.local.stores import Store

OPT_OUT_VARIABLE = "RECONCILE_NO_DOCKER"
_PING = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"
_PING_SECONDS = 0.5
_READY_SECONDS = 180.0
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class _Image:
    """What to run: `{version}` in the name is filled in."""

    name: str
    port: int
    version: str
    env: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    delayed: str | None = None


_DYNAMODB = "-jar DynamoDBLocal.jar -disableTelemetry -inMemory"
_IMAGES = {
    "postgres": _Image("postgres:{version}", 5432, "18.6", (("POSTGRES_HOST_AUTH_METHOD", "trust"),)),
    "neo4j": _Image("neo4j:{version}", 7687, "2026.09.0", (("NEO4J_AUTH", "none"),)),
    "dynamodb": _Image(
        "amazon/dynamodb-local:{version}",
        8000,
        "3.1.0",
        command=_DYNAMODB,
        delayed=f"{_DYNAMODB} -delayTransientStatuses",
    ),
}


def engine_answers() -> bool:
    """Whether a Docker engine runs, found out in well under a second, without a word and without the Docker SDK."""
    if os.environ.get(OPT_OUT_VARIABLE):
        return False
    host = os.environ.get("DOCKER_HOST")
    if host:
        return _host_answers(host)
    if os.name == "nt":
        return Path(r"\\.\pipe\docker_engine").exists()
    return any(_socket_answers(place) for place in _usual_sockets())


def _usual_sockets() -> Iterator[Path]:
    yield Path("/var/run/docker.sock")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "docker.sock"
    yield Path.home() / ".docker" / "run" / "docker.sock"


def _host_answers(host: str) -> bool:
    """For `unix://` and `tcp://`; whether an engine is behind `ssh://` shows only when it is used."""
    address = urlsplit(host)
    if address.scheme == "unix":
        return _socket_answers(Path(address.path))
    if address.scheme not in ("tcp", "http", "https") or not address.hostname:
        return True
    try:
        socket.create_connection((address.hostname, address.port or 2375), _PING_SECONDS).close()
    except OSError:
        return False
    return True


def _socket_answers(place: Path) -> bool:
    if not hasattr(socket, "AF_UNIX") or not place.exists():
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PING_SECONDS)
            connection.connect(str(place))
            connection.sendall(_PING)
            return connection.recv(7) == b"HTTP/1."
    except OSError:
        return False


@contextmanager
def container(store: Store, version: str | None, *, delay_transient: bool = False) -> Iterator[tuple[str, str]]:
    """Run a store in a container through testcontainers; yields its URI and version once it answers.

    Not run yet where it was written: there was no engine. The container goes at the end of the block, or through the
    reaper of testcontainers when this process dies.
    """
    try:
        from testcontainers.core.container import DockerContainer
    except ImportError as error:
        raise missing_extra("testcontainers") from error
    image = _IMAGES[store.name]
    chosen = version or image.version
    wanted = DockerContainer(image.name.format(version=chosen)).with_exposed_ports(image.port)
    for name, value in image.env:
        wanted.with_env(name, value)
    command = image.delayed if delay_transient and image.delayed else image.command
    if command:
        wanted.with_command(command)
    with wanted as running:
        host, port = running.get_container_host_ip(), int(running.get_exposed_port(image.port))
        _wait(store, host, port)
        yield store.uri(port, host), chosen


def _wait(store: Store, host: str, port: int) -> None:
    until = time.monotonic() + _READY_SECONDS
    while not store.answers(host, port):
        if time.monotonic() > until:
            raise LocalStoreError(f"the container of {store.name} did not answer within {_READY_SECONDS:.0f} s")
        time.sleep(_PAUSE)
