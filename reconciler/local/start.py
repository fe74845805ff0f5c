"""Start one server and return when it answers; on another port when somebody else took the first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import LocalStoreError
from reconciler.local import liveness, probes
from reconciler.local.launch import Options, failure
from reconciler.local.process import Server
from reconciler.local.recipe import Recipe
from reconciler.local.stores import Store

_ATTEMPTS = 4
_READY_SECONDS = 180.0
_PAUSE = 0.02


def start(
    recipe: Recipe, home: Callable[[], Path], *, port: int | None, options: Options, cancel: threading.Event
) -> tuple[Server, int]:
    """Start the server on the preferred port or a free one; it is ours until released. Returns it and its port.

    `home` is called before each attempt, because a failed one may have deleted its folder.
    """
    for _ in range(_ATTEMPTS):
        chosen = probes.free_port(port)
        folder = home()
        server = Server(recipe.launch(folder, chosen, options))
        try:
            if _ready(recipe.store, server, folder, chosen, cancel):
                return server, chosen
        except BaseException:
            server.stop()
            raise
        server.stop()
        port = None
    raise LocalStoreError(f"cannot start {recipe.store.name}: {_ATTEMPTS} free ports in turn were taken by others")


def _ready(store: Store, server: Server, home: Path, port: int, cancel: threading.Event) -> bool:
    """Wait for the server; false when the port is in the hands of another program."""
    if wait_for(store, home, port, server.alive, cancel):
        return liveness.listens(server.pid, port)
    if probes.is_free(port):
        raise failure(f"{store.name} ended while starting", home)
    return False


def wait_for(store: Store, home: Path, port: int, alive: Callable[[], bool], cancel: threading.Event) -> bool:
    """Wait until the server answers; false when it dies instead."""
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        if not alive():
            return False
        if store.answers(probes.LOOPBACK, port):
            return True
        if cancel.wait(_PAUSE):
            raise LocalStoreError(f"the start of {store.name} was interrupted")
    raise failure(f"{store.name} did not answer within {_READY_SECONDS:.0f} s", home)
