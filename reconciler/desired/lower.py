"""Declarations to resources: one generic walk over the engine's kinds."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.desired.validate import FORMER, Overlay, Validator, root_kinds
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine
from reconciler.model.kind import Kind, Place, Policy
from reconciler.model.naming import parent_of
from reconciler.model.resource import Resource
from reconciler.model.span import Span

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

Pointer = tuple[Any, ...]


def lower(
    engine: Engine, documents: Sequence[Document], service: str, policy: Policy, naming: str = "{table}"
) -> Catalog:
    """The desired catalog of one target: every document's section of that engine, in the order of the files.

    Raises DeclarationErrors with everything that is wrong, dangling references included.
    """
    walk = _Walk(engine, service, policy, naming)
    for document in documents:
        section = document.data.get(engine.name) if isinstance(document.data, Mapping) else None
        if section:
            walk.document(document, section)
    return walk.finish()


def overlaid(node: Any, environment: str) -> Any:
    """The node as this environment has it: its `environments:` patterns merged over it, in order, then removed."""
    if not isinstance(node, dict) or "environments" not in node:
        return node
    result = {k: v for k, v in node.items() if k != "environments"}
    for pattern, overrides in (node["environments"] or {}).items():
        if fnmatch.fnmatchcase(environment, pattern):
            result = _merged(result, overrides or {})
    return result


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


@dataclass
class _Walk:
    engine: Engine
    service: str
    policy: Policy
    naming: str
    resources: dict[Address, Resource] = field(default_factory=dict)
    origins: dict[Address, tuple[Document, Pointer]] = field(default_factory=dict)
    errors: list[DeclarationError] = field(default_factory=list)
    moves: dict[Address, Address] = field(default_factory=dict)
    validator: Validator | None = None

    def __post_init__(self) -> None:
        self.children: dict[str, list[Kind[Any]]] = {name: [] for name in self.engine.kinds}
        for kind in self.engine.kinds.values():
            for holder in kind.attaches or ([kind.parent] if kind.parent else []):
                self.children[holder].append(kind)

    def document(self, document: Document, section: Mapping[str, Any]) -> None:
        for kind, parent in root_kinds(self.engine):
            nodes = section.get(kind.section)
            if nodes:
                pointer = (self.engine.name, kind.section)
                if parent and kind.parent is not None:
                    self.implied(document, self.engine.kinds[kind.parent], parent, pointer)
                self.section(document, kind, nodes, parent, pointer)

    def implied(self, document: Document, kind: Kind[Any], path: tuple[str, ...], pointer: Pointer) -> None:
        """The parent that a section at the top takes for granted: `tables:` is `schemas.public.tables`."""
        address = Address(self.service, self.engine.name, kind.name, path)
        if address not in self.resources:
            self.resources[address] = kind.lower(path[-1], None, self.place(document, path[:-1], pointer))
            self.origins[address] = (document, pointer)

    def section(self, document: Document, kind: Kind[Any], nodes: Any, parent: Pointer, pointer: Pointer) -> None:
        if kind.singleton:
            self.node(document, kind, "", nodes, parent, pointer)
            return
        for name, node in nodes.items():
            self.node(document, kind, name, node, parent, (*pointer, name))

    def node(
        self, document: Document, kind: Kind[Any], name: str, node: Any, parent: Pointer, pointer: Pointer
    ) -> None:
        before, node = node, overlaid(node, self.policy.environment)
        if node is not before and not self.fits(document, kind, before, node, pointer):
            return
        place = self.place(document, parent, pointer)
        node, former = (node, None) if kind.keeps_former else _without_former(node)
        try:
            resource = kind.lower(name, node, place)
            if former is not None and resource is not None:
                self.moves[resource.address] = _former(kind, resource.address, former, place)
            elif resource is not None and kind.within is not None and getattr(resource, "renamed", None):
                self.moves[resource.address] = resource.address
        except DeclarationError as error:
            self.errors.append(error)
            return
        if resource is not None:
            self.add(document, kind, resource, pointer)
        path = resource.address.path if resource is not None else parent
        if isinstance(node, dict):
            for child in self.children[kind.name]:
                nodes = node.get(child.section)
                if nodes or (nodes is not None and child.singleton):
                    holder = (kind.name, *path) if child.attaches else path
                    self.section(document, child, nodes, holder, (*pointer, child.section))

    def fits(self, document: Document, kind: Kind[Any], before: Any, node: Any, pointer: Pointer) -> bool:
        """Whether a node is still right with what this environment says of it: the file alone could not tell."""
        patterns = before["environments"] or {}
        matching = {p: said for p, said in patterns.items() if fnmatch.fnmatchcase(self.policy.environment, p)}
        if not matching:
            return True
        self.validator = self.validator or Validator([self.engine])
        written = Overlay(document, pointer, matching)
        errors = self.validator.node_errors(f"{self.engine.name}.{kind.name}", node, written)
        self.errors += errors
        return not errors

    def add(self, document: Document, kind: Kind[Any], resource: Resource, pointer: Pointer) -> None:
        known = self.origins.get(resource.address)
        if known is not None and not (kind.shared and self.resources[resource.address] == resource):
            if kind.shared and known[1][1:2] != pointer[1:2]:  # said in full where it was implied before
                pass
            else:
                self.errors.append(self.duplicate(document, resource.address, pointer, known))
                return
        self.resources[resource.address] = resource
        self.origins[resource.address] = (document, pointer)

    def duplicate(
        self, document: Document, address: Address, pointer: Pointer, known: tuple[Document, Pointer]
    ) -> DeclarationError:
        first = known[0].span(*known[1])
        return DeclarationError(
            f"{address} is declared twice; first at {first}", hint="keep one of them", where=document.span(*pointer)
        )

    def place(self, document: Document, parent: Pointer, pointer: Pointer) -> Place:
        def fail(message: str, hint: str | None = None, *below: Any) -> Exception:
            return DeclarationError(message, hint=hint, where=document.span(*pointer, *below))

        return Place(self.service, self.engine.name, self.policy, self.naming, parent, fail)

    def finish(self) -> Catalog:
        place = Place(self.service, self.engine.name, self.policy, self.naming, (), DeclarationError)
        if not self.errors:
            self.engine.complete(self.resources, place)
        catalog = Catalog(self.service, self.engine.name, self.resources, origin=self.origin, moves=self.moves)
        if not self.errors:
            problems = [*self.engine.check(catalog), *dangling(self.engine, catalog)]
            self.errors += [DeclarationError(m, hint=h or None, where=self.origin(a)) for a, m, h in problems]
        if self.errors:
            raise DeclarationErrors(self.errors)
        return catalog

    def origin(self, address: Address) -> Span | None:
        found = self.origins.get(address)
        return found[0].span(*found[1]) if found else None


def _without_former(node: Any) -> tuple[Any, str | None]:
    """The node without `renamed_from`, which is no property of the object, and what it says."""
    if not isinstance(node, dict) or FORMER not in node:
        return node, None
    return {k: v for k, v in node.items() if k != FORMER}, node[FORMER]


def _former(kind: Kind[Any], address: Address, text: str, place: Place) -> Address:
    """The address that `renamed_from` means. Raises DeclarationError where nothing can be renamed."""
    if kind.former is None:
        hint = "take it out; to keep what is live, keep its name"
        raise place.fail(f"{address}: {FORMER} is not supported for a {kind.name} of {place.engine}", hint, FORMER)
    found = kind.former(address, text)
    if found is None:
        raise place.fail(f"{address}: {text!r} is no name of a {kind.name}", "write its name before", FORMER)
    if found == address:
        raise place.fail(f"{address} is renamed from its own name", "take it out", FORMER)
    return found


def dangling(engine: Engine, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
    """References to what is not declared: an index on a column that is not there, a key of a missing table.

    A reference outside the declared parents (a schema of another service) is left for the server to judge.
    """
    kinds = engine.kinds
    for resource in catalog.resources.values():
        for wanted in kinds[resource.address.kind].references(resource, catalog):
            if wanted in catalog.resources or not _declared_here(wanted, engine, catalog):
                continue
            yield (
                resource.address,
                f"{resource.address} refers to {wanted}, which is not declared",
                _similar(wanted, catalog),
            )


def _declared_here(wanted: Address, engine: Engine, catalog: Catalog) -> bool:
    parent = parent_of(wanted, engine.kinds)
    return parent is None or parent in catalog.resources


def _similar(wanted: Address, catalog: Catalog) -> str:
    import difflib

    names = {a.name: None for a in catalog.resources if a.kind == wanted.kind and a.path[:-1] == wanted.path[:-1]}
    close = difflib.get_close_matches(wanted.name, list(names), n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"declared there: {', '.join(names)}" if names else f"declare the {wanted.kind} first"
