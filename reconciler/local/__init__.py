"""The real stores on loopback, without Docker: PostgreSQL, Neo4j and DynamoDB Local as child processes.

`up`, `down` and `status` keep one server of each store between runs; `throwaway` owns a server for the length of a
`with` block; `resolve` prefers what the environment names. Importing this package loads none of the modules that start
servers: each name is imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.local.disposable import throwaway as throwaway
    from reconciler.local.instance import Instance as Instance
    from reconciler.local.instance import StoreStatus as StoreStatus
    from reconciler.local.lifecycle import down as down
    from reconciler.local.lifecycle import status as status
    from reconciler.local.lifecycle import up as up
    from reconciler.local.progress import Progress as Progress
    from reconciler.local.progress import ProgressEvent as ProgressEvent
    from reconciler.local.progress import TerminalProgress as TerminalProgress
    from reconciler.local.progress import quiet as quiet
    from reconciler.local.resolution import Resolved as Resolved
    from reconciler.local.resolution import resolve as resolve
    from reconciler.local.stores import ALL as ALL

_HOME_OF = {
    "ALL": "stores",
    "Instance": "instance",
    "Progress": "progress",
    "ProgressEvent": "progress",
    "Resolved": "resolution",
    "StoreStatus": "instance",
    "TerminalProgress": "progress",
    "down": "lifecycle",
    "quiet": "progress",
    "resolve": "resolution",
    "status": "lifecycle",
    "throwaway": "disposable",
    "up": "lifecycle",
}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
