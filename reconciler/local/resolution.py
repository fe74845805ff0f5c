"""Which server to use for a store: one that the environment names, one in Docker, or a local one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from reconciler.local import docker
from reconciler.local.disposable import throwaway
from reconciler.local.lifecycle import up
from reconciler.local.progress import Progress, ProgressEvent, quiet
from reconciler.local.stores import Store, known


@dataclass(frozen=True, slots=True)
class Resolved:
    """A server to use. A URI from the environment may hold a password, so it is left out of the representation."""

    store: str
    origin: Literal["environment", "docker", "local"]
    uri: str = field(repr=False)
    version: str | None = None


@contextmanager
def resolve(
    store: str,
    *,
    version: str | None = None,
    shared: bool = False,
    delay_transient: bool = False,
    progress: Progress = quiet,
) -> Iterator[Resolved]:
    """Have a server for the length of the block.

    1. The URI in `RECONCILE_POSTGRES_URI`, `RECONCILE_NEO4J_URI` or `RECONCILE_DYNAMODB_URI`, as it is.
    2. A container, where a Docker engine answers and `RECONCILE_NO_DOCKER` is not set; not when `shared`. This way
       could not be tried where it was written. When the container cannot be had, the next one is taken.
    3. A local server: a throw-away one or, when `shared`, that of `reconcile up`, which stays.

    A store that cannot be had is a `LocalStoreError` that names it.
    """
    wanted = known(store)
    named = os.environ.get(wanted.uri_variable)
    if named:
        yield Resolved(store, "environment", named)
        return
    with ExitStack() as held:
        found = None if shared else _in_docker(held, wanted, version, delay_transient, progress)
        yield found or _on_this_computer(held, wanted, version, shared, delay_transient, progress)


def _in_docker(
    held: ExitStack, store: Store, version: str | None, delay_transient: bool, progress: Progress
) -> Resolved | None:
    if not docker.engine_answers():
        return None
    try:
        uri, chosen = held.enter_context(docker.container(store, version, delay_transient=delay_transient))
    except Exception as error:  # whatever the engine or a registry may say: there is another way
        progress(ProgressEvent(store.name, f"no container ({type(error).__name__}), taking a local server"))
        return None
    return Resolved(store.name, "docker", uri, chosen)


def _on_this_computer(
    held: ExitStack, store: Store, version: str | None, shared: bool, delay_transient: bool, progress: Progress
) -> Resolved:
    if shared:
        (instance,) = up([store.name], progress=progress)
    else:
        instance = held.enter_context(
            throwaway(store.name, version=version, delay_transient=delay_transient, progress=progress)
        )
    return Resolved(store.name, "local", instance.uri, instance.version)
