"""One folder an engine; drivers are imported nowhere else."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from reconciler.model.engine import Engine

GROUP = "reconciler.engines"
"""Entry point group by which other packages add engines: name → the engine object."""


class Registry(Mapping[str, Engine]):
    """Engines by name, each imported at its first use: every folder here that has `ENGINE`, then entry points."""

    def __init__(self) -> None:
        self._folders = tuple(m.name for m in pkgutil.iter_modules(__path__) if m.ispkg)

    def __getitem__(self, name: str) -> Engine:
        found = _folder_engine(name) if name in self._folders else _plugin(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._folders if _folder_engine(name) is not None)
        yield from (name for name in _plugins() if name not in self._folders)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def engines() -> Registry:
    """All engines; importing one imports no driver."""
    return Registry()


@cache
def _folder_engine(name: str) -> Engine | None:
    found = getattr(import_module(f"{__name__}.{name}"), "ENGINE", None)
    return found if isinstance(found, Engine) else None


@cache
def _plugins() -> Mapping[str, object]:
    from importlib.metadata import entry_points

    return {point.name: point for point in sorted(entry_points(group=GROUP))}


@cache
def _plugin(name: str) -> Engine | None:
    from importlib.metadata import EntryPoint

    point = _plugins().get(name)
    found = point.load() if isinstance(point, EntryPoint) else None
    return found if isinstance(found, Engine) else None
