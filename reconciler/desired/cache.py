"""Lowered declarations kept between runs: reading 80,000 resources back takes a quarter of lowering them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.desired import pickles
from reconciler.desired.heads import code_of
from reconciler.desired.lower import lower
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine
from reconciler.model.kind import Policy
from reconciler.model.later import Later
from reconciler.model.span import Span

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

FORMAT = 1
WORTH_CACHING = 256 * 1024
"""Bytes of text from which the cache is faster than lowering."""


def lowered(
    engine: Engine, documents: Sequence[Document], service: str, policy: Policy, naming: str, cache: Path | None
) -> Catalog:
    """What `lower` gives, from the cache where the same was lowered before. Raises DeclarationErrors like `lower`.

    Only what passed every check is kept. A cache that is broken, foreign or read-only does no harm.
    """
    if cache is None or sum(len(d.text) for d in documents) < WORTH_CACHING:
        return lower(engine, documents, service, policy, naming)
    path = cache / f"lowered-{_key(engine, documents, service, policy, naming)}.pickle"
    if pickles.ours(path):
        origin = _Origin(engine, documents, service, policy, naming)
        resources = Later(lambda: _read(path) or origin.lowered.resources)
        return Catalog(service, engine.name, resources, origin=origin, digest=path.stem)
    catalog = lower(engine, documents, service, policy, naming)
    if catalog.moves:
        return catalog  # a passing state: not worth a place in the cache
    _write(path, catalog)
    return replace(catalog, digest=path.stem)


def _key(engine: Engine, documents: Sequence[Document], service: str, policy: Policy, naming: str) -> str:
    said = (FORMAT, __version__, code_of(engine), service, engine.name, tuple(policy), naming)
    files = [(d.file, d.digest) for d in documents]
    return sha256(repr((said, files)).encode()).hexdigest()[:40]


class _Origin:
    """Lines are wanted for errors only: then the declarations are lowered after all."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    @cached_property
    def lowered(self) -> Catalog:
        return lower(*self.arguments)

    def __call__(self, address: Address) -> Span | None:
        return self.lowered.origin(address)


def _read(path: Path) -> dict[Address, Any] | None:
    resources = pickles.read(path)
    return {r.address: r for r in resources} if isinstance(resources, list) else None


def _write(path: Path, catalog: Catalog) -> None:
    for old in pickles.write(path, list(catalog.resources.values())):
        old.with_suffix(".equal.json").unlink(missing_ok=True)
