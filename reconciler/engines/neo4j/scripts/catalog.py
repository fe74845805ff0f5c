"""Files of statements to a catalog: what stands in the end when they are run in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.engines.neo4j.claims import claims
from reconciler.engines.neo4j.kind import Neo4jKind
from reconciler.engines.neo4j.scripts import conditions
from reconciler.engines.neo4j.scripts import statements as schema
from reconciler.engines.neo4j.scripts.actions import INDEX, LOOKUP, Action, Cleared, Created, Dropped
from reconciler.engines.neo4j.scripts.catalog_xml import Catalogs
from reconciler.engines.neo4j.scripts.reader import NotRead, Unrelated
from reconciler.engines.neo4j.scripts.tokens import apart, statements
from reconciler.engines.neo4j.scripts.xmltree import parsed
from reconciler.errors import DeclarationError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.kind import Place, Policy
from reconciler.model.resource import Resource
from reconciler.model.span import Span

_PLURAL = {"nodes": "node", "relationships": "relationship"}
_Found = Iterator[tuple[int, Action | NotRead, str]]
"""(line, what a statement does or why it is not read, its text)."""


def read(
    files: Mapping[str, str], service: str, kinds: Mapping[str, Neo4jKind[Any]], given: Mapping[str, str]
) -> Catalog:
    """The catalog that texts, by file name and in their order, describe. Nothing is asked of a server.

    What was created without a name gets one that says what it is, and `name: any`. A statement about the schema that is
    not understood is deferred; what the server would refuse, or what is about something else, is unmanaged; both with
    place and reason. `given` are `edition` and `version` of the server, for scripts that run on some only.
    """
    reading, catalogs = _Reading(service, kinds), Catalogs()
    for name in conditions.in_order(list(files)):
        for line, action, said in _runs(name, files[name], catalogs, given):
            reading.act(Span(name, line), action, said)
    ordered = sorted(reading.resources.items(), key=lambda item: (kinds[item[0].kind].order, item[0].path))
    return Catalog(service, "neo4j", dict(ordered), tuple(reading.left), tuple(reading.unread))


def _runs(name: str, text: str, catalogs: Catalogs, given: Mapping[str, str]) -> _Found:
    """What a file does where it runs; where it does not, or that is not known, the reason instead."""
    if conditions.undoes(name):
        yield 1, Unrelated("it takes another script back"), ""
        return
    try:
        said, found = _xml(text, catalogs) if name.lower().endswith(".xml") else _cypher(text)
    except NotRead as error:
        yield 1, Unrelated(str(error)), ""
        return
    reasons = list(conditions.skipped(said, given))
    for sure, reason in reasons:
        hint = "" if sure else "; say --given edition=… or --given version=… of the server"
        yield 1, (Unrelated if sure else NotRead)(f"{reason}{hint}"), ""
    if not reasons:
        yield from found


def _xml(text: str, catalogs: Catalogs) -> tuple[list[tuple[str, str]], _Found]:
    root, instructions = parsed(text)
    return instructions, ((line, action, "") for line, action in list(catalogs.read(root)))


def _cypher(text: str) -> tuple[list[tuple[str, str]], _Found]:
    return conditions.of_script(text), _actions(text)


def _actions(text: str) -> _Found:
    for script in (part for whole in statements(text) for part in apart(whole)):
        try:
            yield from ((script.line, action, script.text) for action in schema.read(script))
        except NotRead as error:
            yield script.line, error, script.text


@dataclass
class _Reading:
    service: str
    kinds: Mapping[str, Neo4jKind[Any]]
    resources: dict[Address, Resource] = field(default_factory=dict)
    left: list[Unmanaged] = field(default_factory=list)
    unread: list[Deferred] = field(default_factory=list)

    def act(self, where: Span, action: Action | NotRead, said: str) -> None:
        try:
            match action:
                case Created():
                    self.create(where, action, said)
                case Dropped():
                    self.drop(where, action)
                case Cleared():
                    self.resources = {a: r for a, r in self.resources.items() if a.kind == LOOKUP}
                case Unrelated():
                    self.left.append(Unmanaged(*self.told(where, said, str(action))))
                case NotRead():
                    self.unread.append(Deferred(*self.told(where, said, str(action))))
        except DeclarationError as error:
            self.unread.append(Deferred(*self.told(where, said, error.message)))

    def told(self, where: Span, said: str, reason: str) -> tuple[Address, str]:
        shown = f"{said[:80]}…" if len(said) > 80 else said
        address = Address(self.service, "neo4j", "statement", (str(where),))
        return address, f"{reason}: {shown}" if shown else reason

    def lowered(self, where: Span, kind: str, name: str | None, node: dict[str, Any]) -> Resource:
        def fail(message: str, hint: str | None = None, *_pointer: Any) -> Exception:
            return DeclarationError(message, hint=hint, where=where)

        place = Place(self.service, "neo4j", Policy(""), "", (), fail)
        said = node if name is not None else {**node, "name": "any"}
        resource: Resource = self.kinds[kind].lower(name.strip() if name else self.named(node), said, place)
        return resource

    def create(self, where: Span, action: Created, said: str) -> None:
        resource = self.lowered(where, action.kind, action.name, action.node)
        self.step_aside(action.name)
        wanted = claims(resource)
        for other in self.resources.values():
            held = wanted & claims(other)
            if held and replace(other, address=resource.address) == resource:
                return  # IF NOT EXISTS, or the same again
            if held:
                self.left.append(Unmanaged(*self.told(where, said, f"{other.address} is in its way")))
                return
        self.resources[resource.address] = resource

    def step_aside(self, name: str | None) -> None:
        """A name that was made up here is not kept from who says it."""
        for address, other in list(self.resources.items()):
            if address.name == name and getattr(other, "any_name", False):
                moved = address.sibling(address.kind, (self.free(address.name),))
                del self.resources[address]
                self.resources[moved] = replace(other, address=moved)

    def drop(self, where: Span, action: Dropped) -> None:
        if action.name is not None:
            for kind in (action.kind, LOOKUP) if action.kind == INDEX else (action.kind,):
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
        return self.free(plain)

    def free(self, plain: str) -> str:
        """The name, or one like it that nothing has."""
        taken = {a.name for a in self.resources}
        return next(n for n in (plain, *(f"{plain}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _suffix(key: str) -> str:
    return {"range": "index", "property": "type", "for": "lookup"}.get(key, key)
