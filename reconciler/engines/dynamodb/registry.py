"""The kinds of this engine: every module in `kinds/` that has a `KIND`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from reconciler.engines.dynamodb.row import DynamoKind


@cache
def kinds() -> Mapping[str, DynamoKind[Any]]:
    """Name → kind, in the order in which their sections stand in a declaration."""
    package = import_module("reconciler.engines.dynamodb.kinds")
    found = [import_module(f"{package.__name__}.{m.name}").KIND for m in pkgutil.iter_modules(package.__path__)]
    return {kind.name: kind for kind in sorted(found, key=lambda k: (k.order, k.name))}
