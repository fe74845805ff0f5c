"""The kinds of this engine: the `KIND` of every module in `kinds/`, or its `KINDS`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

from reconciler.engines.dynamodb.enclosing import anew
from reconciler.engines.dynamodb.row import DynamoKind
from reconciler.model.change import Change
from reconciler.model.kind import Context


@cache
def kinds() -> Mapping[str, DynamoKind[Any]]:
    """Name → kind, in the order in which their sections stand in a declaration."""
    package = import_module("reconciler.engines.dynamodb.kinds")
    modules = [import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [kind for module in modules for kind in getattr(module, "KINDS", None) or (module.KIND,)]
    return {kind.name: _following(kind) for kind in sorted(found, key=lambda k: (k.order, k.name))}


def _following(kind: DynamoKind[Any]) -> DynamoKind[Any]:
    """The kind, absorbed besides wherever its table is made anew: the new table is made as declared, all at once."""
    if kind.parent is None:
        return kind

    def absorbed(change: Change[Any], context: Context) -> bool:
        return anew(change, context) or kind.absorbed(change, context)

    return replace(kind, absorbed=absorbed)
