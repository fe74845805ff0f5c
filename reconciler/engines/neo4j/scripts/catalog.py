"""Files of statements to a catalog: what stands in the end when they are run in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.engines.neo4j.claims import claims
from reconciler.engines.neo4j.kind import Neo4jKind
from reconciler.engines.neo4j.scripts import catalog_xml
from reconciler.engines.neo4j.scripts import statements as schema
from reconciler.engines.neo4j.scripts.reader import NotRead
from reconciler.engines.neo4j.scripts.statements import Created, Dropped
from reconciler.engines.neo4j.scripts.tokens import statements
from reconciler.errors import DeclarationError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.kind import Place, Policy
from reconciler.model.resource import Resource
from reconciler.model.span import Span

_PLURAL = {"nodes": "node", "relationships": "relationship"}


def read(files: Mapping[str, str], service: str, kinds: Mapping[str, Neo4jKind[Any]]) -> Catalog:
    """The catalog that texts, by file name and in their order, describe. Nothing is asked of a server.

    What was created without a name gets one that says what it is, and `name: any`. What the server would refuse, or
    what is no statement about the schema, is unmanaged, with its place and the reason.
    """
    reading = _Reading(service, kinds)
    for name, text in files.items():
        for line, action, said in _actions(name, text):
            reading.act(Span(name, line), action, said)
    ordered = sorted(reading.resources.items(), key=lambda item: (kinds[item[0].kind].order, item[0].path))
    return Catalog(service, "neo4j", dict(ordered), tuple(reading.left))


def _actions(name: str, text: str) -> Iterator[tuple[int, Created | Dropped | NotRead, str]]:
    if name.lower().endswith(".xml"):
        try:
            yield from ((0, action, "") for action in catalog_xml.read(text))
        except NotRead as error:
            yield 0, error, ""
        return
    for script in statements(text):
        try:
            action = schema.read(script)
        except NotRead as error:
            yield script.line, error, script.text
        else:
            if action is not None:
                yield script.line, action, script.text


@dataclass
class _Reading:
    service: str
    kinds: Mapping[str, Neo4jKind[Any]]
    resources: dict[Address, Resource] = field(default_factory=dict)
    left: list[Unmanaged] = field(default_factory=list)

    def act(self, where: Span, action: Created | Dropped | NotRead, said: str) -> None:
        if isinstance(action, NotRead):
            self.leave(where, said, str(action))
            return
        try:
            if isinstance(action, Created):
                self.create(where, action, said)
            else:
                self.drop(where, action)
        except DeclarationError as error:
            self.leave(where, said, error.message)

    def leave(self, where: Span, said: str, reason: str) -> None:
        shown = f"{said[:80]}…" if len(said) > 80 else said
        address = Address(self.service, "neo4j", "statement", (str(where),))
        self.left.append(Unmanaged(address, f"{reason}: {shown}" if shown else reason))

    def lowered(self, where: Span, kind: str, name: str | None, node: dict[str, Any]) -> Resource:
        def fail(message: str, hint: str | None = None, *_pointer: Any) -> Exception:
            return DeclarationError(message, hint=hint, where=where)

        place = Place(self.service, "neo4j", Policy(""), "", (), fail)
        said = node if name is not None else {**node, "name": "any"}
        resource: Resource = self.kinds[kind].lower(name.strip() if name else self.named(node), said, place)
        return resource

    def create(self, where: Span, action: Created, said: str) -> None:
        resource = self.lowered(where, action.kind, action.name, action.node)
        wanted = claims(resource)
        for other in self.resources.values():
            held = wanted & claims(other)
            if held and replace(other, address=resource.address) == resource:
                return  # IF NOT EXISTS, or the same again
            if held:
                self.leave(where, said, f"{other.address} is in its way")
                return
        self.resources[resource.address] = resource

    def drop(self, where: Span, action: Dropped) -> None:
        if action.name is not None:
            for kind in (action.kind, "lookup") if action.kind == "index" else (action.kind,):
                self.resources.pop(Address(self.service, "neo4j", kind, (action.name.strip(),)), None)
            return
        gone = self.lowered(where, action.kind, None, action.node)
        for address, other in list(self.resources.items()):
            if address.kind == action.kind and replace(other, address=gone.address) == gone:
                del self.resources[address]

    def named(self, node: Mapping[str, Any]) -> str:
        """`person_name_unique`: a name that says what it is, and that nothing has yet."""
        words: list[str] = []
        for key, value in node.items():
            names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
            if key in ("type", "analyzer", "similarity", "with", "options", "name"):
                continue
            words += names if _PLURAL.get(key, key) in ("node", "relationship") else [*names, _suffix(key)]
        plain = re.sub(r"\W+", "_", "_".join(filter(None, words)).lower()).strip("_") or "unnamed"
        taken = {a.name for a in self.resources}
        return next(n for n in (plain, *(f"{plain}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _suffix(key: str) -> str:
    return {"range": "index", "property": "type", "for": "lookup"}.get(key, key)
