"""The kinds of the memory engine: enough of everything a real kind has, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Kind, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Lock, Phase, Probe

NEW = "~new"

Path = tuple[str, ...]
Live = MutableMapping[tuple[str, Path], Resource]


@dataclass(frozen=True, slots=True)
class Box(Resource):
    """A top resource. A new colour goes on as an undercoat first; another material needs another box."""

    size: int = 1
    colour: str = "white"
    undercoat: str | None = None
    rule: Expr | None = None
    tags: frozenset[str] = frozenset()
    material: str = attr(Role.REPLACE, default="wood")
    weight: int = attr(Role.INFORMATIONAL, reason="follows from the content", default=0)


@dataclass(frozen=True, slots=True)
class Label(Resource):
    """Inside a box; may name another label of the same box that it needs."""

    text: str = ""
    required: bool = False
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Lid(Resource):
    """At most one for each box."""

    tight: bool = False


@dataclass(frozen=True, slots=True)
class Link(Resource):
    """A top resource that needs two boxes."""

    source: str = attr(Role.REPLACE)
    sink: str = attr(Role.REPLACE)


CLASSES: Mapping[str, type[Resource]] = {"box": Box, "label": Label, "lid": Lid, "link": Link}


@dataclass(frozen=True, slots=True)
class Item:
    """What an operation does it to."""

    kind: str
    path: Path
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryOperation:
    """`put`, `set`, `drop` or `swap` (everything below the first path takes the place of the second)."""

    verb: str
    items: tuple[Item, ...]

    def encode(self) -> dict[str, Any]:
        return {
            "do": self.verb,
            "items": [{"kind": i.kind, "path": i.path, "values": dict(i.values)} for i in self.items],
        }

    @staticmethod
    def decode(fields: Mapping[str, Any]) -> MemoryOperation:
        fields = dict(fields)
        verb, items = fields.pop("do"), fields.pop("items")
        if fields:
            raise ValueError(f"unknown: {', '.join(fields)}")
        return MemoryOperation(
            verb, tuple(Item(i["kind"], tuple(i["path"]), tuple(map(_untupled, i["values"].items()))) for i in items)
        )

    def lines(self) -> list[str]:
        return [f"{self.verb} {i.kind} {'.'.join(i.path)}" for i in self.items]

    def run(self, live: Live) -> None:
        """Twice is as good as once."""
        if self.verb == "swap":
            _swap(live, self.items[0].path, self.items[1].path)
            return
        for item in self.items:
            key = (item.kind, item.path)
            if self.verb == "put":
                live[key] = made(item)
            elif self.verb == "set":
                live[key] = replace(live[key], **_values(item))
            else:
                for found in [k for k in live if k == key or (item.kind == "box" and _inside(k, item.path))]:
                    del live[found]


def _untupled(pair: tuple[str, Any]) -> tuple[str, Any]:
    name, value = pair
    return name, tuple(value) if isinstance(value, list) else value


def _inside(key: tuple[str, Path], box: Path) -> bool:
    return key[0] in ("label", "lid") and key[1][:1] == box


def _swap(live: Live, new: Path, old: Path) -> None:
    if ("box", new) not in live:
        return
    for key in [k for k in live if k == ("box", old) or _inside(k, old)]:
        del live[key]
    for kind, path in [k for k in live if k == ("box", new) or _inside(k, new)]:
        live[kind, (*old, *path[1:])] = live.pop((kind, path))


def made(item: Item) -> Resource:
    """The resource an item describes."""
    return CLASSES[item.kind](Address("", "memory", item.kind, item.path), **_values(item))


def _values(item: Item) -> dict[str, Any]:
    values = dict(item.values)
    if values.get("rule") is not None:
        from tests.memory_engine import canonical

        values["rule"] = Expr.live(canonical(values["rule"]))
    if "tags" in values:
        values["tags"] = frozenset(values["tags"])
    return values


def item(resource: Resource, *path: str, **values: Any) -> Item:
    """A resource as an item, under another path if one is given."""
    address = resource.address
    said = values or {n: getattr(resource, n) for n in _NAMES[address.kind] if getattr(resource, n) is not None}
    plain = {n: v.source if isinstance(v, Expr) else tuple(sorted(v)) if n == "tags" else v for n, v in said.items()}
    return Item(address.kind, path or address.path, tuple(sorted(plain.items())))


_NAMES = {
    "box": ("size", "colour", "undercoat", "rule", "tags", "material"),
    "label": ("text", "required", "after"),
    "lid": ("tight",),
    "link": ("source", "sink"),
}


def content(box: Address, catalog: Catalog) -> list[Resource]:
    """What is in a box, in an order in which it can be put there."""
    labels = catalog.children(box, "label", Label)
    return [*sorted(labels, key=lambda x: x.address.path), *catalog.children(box, "lid", Lid)]


# box ------------------------------------------------------------------------------------------------------------------


def lower_box(name: str, node: Any, place: Place) -> Box:
    node = node or {}
    if name.endswith(NEW):
        raise place.fail(f"a box must not be called {name!r}", "choose a name without ~")
    return Box(
        place.address("box", name),
        size=node.get("size", 1),
        colour=node.get("colour", "white"),
        rule=Expr(node["rule"]) if "rule" in node else None,
        tags=frozenset(node.get("tags", ())),
        material=node.get("material", "wood"),
    )


def lift_box(box: Box, catalog: Catalog) -> Any:
    node: dict[str, Any] = {"size": box.size, "colour": box.colour, "material": box.material}
    if box.rule is not None:
        node["rule"] = box.rule.source
    if box.tags:
        node["tags"] = sorted(box.tags)
    return node


def create_box(change: Change[Box], context: Context) -> list[Draft]:
    box = change.desired
    parts = [item(r) for r in [box, *content(box.address, context.desired)]]
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"make box {box.address.name}",
            MemoryOperation("put", tuple(parts)),
            done=(Check(box.address, attributes=(("material", box.material),)),),
            undo=(MemoryOperation("drop", (item(box),)),),
            provides=True,
        )
    ]


def drop_box(change: Change[Box], context: Context) -> list[Draft]:
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"throw box {change.address.name} away",
            MemoryOperation("drop", (Item("box", change.address.path),)),
            locks=(Lock("Exclusive", change.address.name),),
            hazards=(hazard(Code.DELETES_DATA, "what is in it is lost"),),
            done=(Check(change.address, present=False),),
            reads=change.address,
        )
    ]


def replace_box(change: Change[Box], context: Context) -> list[Draft]:
    box = change.desired
    new = box.address.sibling("box", (box.address.name + NEW,))
    parts = [item(box, *new.path)]
    parts += [item(r, *new.path, *r.address.path[1:]) for r in content(box.address, context.desired)]
    return [
        Draft(
            "build",
            Phase.EXPAND,
            f"build another box {box.address.name} of {box.material}",
            MemoryOperation("put", tuple(parts)),
            done=(Check(new, attributes=(("material", box.material),)),),
            undo=(MemoryOperation("drop", (Item("box", new.path),)),),
        ),
        Draft(
            "swap",
            Phase.CONTRACT,
            f"take the new box {box.address.name}",
            MemoryOperation("swap", (Item("box", new.path), Item("box", box.address.path))),
            hazards=(hazard(Code.DELETES_DATA, "the old box is lost"),),
            done=(Check(new, present=False), Check(box.address, attributes=(("material", box.material),))),
            reads=box.address,
            provides=True,
        ),
    ]


def resize(change: Change[Box], context: Context) -> list[Draft]:
    smaller = change.desired.size < change.live.size
    size = change.desired.size
    return [
        Draft(
            "resize",
            Phase.CONTRACT if smaller else Phase.EXPAND,
            f"make box {change.address.name} {'smaller' if smaller else 'bigger'}",
            MemoryOperation("set", (item(change.desired, size=size),)),
            hazards=(hazard(Code.LOSSY, "what no longer fits is cut"),) if smaller else (),
            done=(Check(change.address, attributes=(("size", size),)),),
            undo=(MemoryOperation("set", (item(change.live, size=change.live.size),)),) if not smaller else None,
        )
    ]


def repaint(change: Change[Box], context: Context) -> list[Draft]:
    colour = change.desired.colour
    if colour == change.live.colour:
        return [paint(change, "seal", Phase.MIGRATE, {"undercoat": change.live.undercoat}, undercoat=None)]
    before = {"undercoat": change.live.undercoat}
    under = {"colour": change.live.colour, "undercoat": colour}
    return [
        paint(change, "undercoat", Phase.MIGRATE, before, undercoat=colour),
        paint(change, "paint", Phase.CONTRACT, under, colour=colour, undercoat=None),
    ]


def paint(change: Change[Box], slot: str, phase: Phase, before: Mapping[str, Any], **values: Any) -> Draft:
    return Draft(
        slot,
        phase,
        f"{slot} box {change.address.name}",
        MemoryOperation("set", (item(change.desired, **values),)),
        done=(Check(change.address, attributes=tuple(values.items())),),
        undo=(MemoryOperation("set", (item(change.live, **before),)),),
    )


def set_rule(change: Change[Box], context: Context) -> list[Draft]:
    return [
        Draft(
            "rule",
            Phase.CONTRACT,
            f"set the rule of box {change.address.name}",
            MemoryOperation("set", (item(change.desired, rule=change.desired.rule),)),
            probes=(Probe("break the rule", f"content of {change.address.name}"),),
            done=(Check(change.address, attributes=(("rule", change.desired.rule),)),),
            undo=None,
        )
    ]


def set_tags(change: Change[Box], context: Context) -> list[Draft]:
    return [
        Draft(
            "tags",
            Phase.EXPAND,
            f"tag box {change.address.name}",
            MemoryOperation("set", (item(change.desired, tags=change.desired.tags),)),
            done=(Check(change.address, attributes=(("tags", change.desired.tags),)),),
        )
    ]


BOX = Kind(
    name="box",
    resource=Box,
    section="boxes",
    spec={
        "type": ["object", "null"],
        "properties": {
            "size": {"type": "integer"},
            "colour": {"type": "string"},
            "rule": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "material": {"enum": ["wood", "tin"]},
        },
    },
    lower=lower_box,
    lift=lift_box,
    create=create_box,
    drop=drop_box,
    replace=replace_box,
    rules=(
        rule("size", emit=resize),
        rule("colour", "undercoat", emit=repaint),
        rule("rule", emit=set_rule),
        rule("tags", emit=set_tags),
    ),
    top=True,
    order=10,
)


# label ----------------------------------------------------------------------------------------------------------------


def lower_label(name: str, node: Any, place: Place) -> Label:
    if isinstance(node, str):
        node = {"text": node}
    node = node or {}
    return Label(place.address("label", name), node.get("text", ""), node.get("required", False), node.get("after"))


def lift_label(label: Label, catalog: Catalog) -> Any:
    if not label.required and label.after is None:
        return label.text
    node: dict[str, Any] = {"text": label.text, "required": label.required}
    return node if label.after is None else {**node, "after": label.after}


def label_needs(label: Label, catalog: Catalog) -> Iterable[Address]:
    if label.after is not None:
        yield label.address.sibling("label", (label.address.path[0], label.after))


def rides_with_box(change: Change[Any], context: Context) -> bool:
    box = change.address.sibling("box", change.address.path[:1])
    return context.creates(box) or context.deletes(box)


def put(change: Change[Any], context: Context) -> list[Draft]:
    draft = Draft(
        "put",
        Phase.EXPAND,
        f"put {change.address} in",
        MemoryOperation("put", (item(change.desired),)),
        done=(Check(change.address),),
        undo=(MemoryOperation("drop", (Item(change.address.kind, change.address.path),)),),
        provides=True,
    )
    return [draft]


def take_out(change: Change[Any], context: Context) -> list[Draft]:
    return [
        Draft(
            "take out",
            Phase.CONTRACT,
            f"take {change.address} out",
            MemoryOperation("drop", (Item(change.address.kind, change.address.path),)),
            hazards=(hazard(Code.OLD_READERS, "who reads it finds nothing"),),
            done=(Check(change.address, present=False),),
            undo=(MemoryOperation("put", (item(change.live),)),),
        )
    ]


def rewrite(*names: str, phase: Phase) -> Any:
    def emit(change: Change[Any], context: Context) -> list[Draft]:
        values = {n: getattr(change.desired, n) for n in names}
        return [
            Draft(
                "-".join(names),
                phase,
                f"set {', '.join(names)} of {change.address}",
                MemoryOperation("set", (item(change.desired, **values),)),
                done=(Check(change.address, attributes=tuple(values.items())),),
                undo=(MemoryOperation("set", (item(change.live, **{n: getattr(change.live, n) for n in names}),)),),
            )
        ]

    return emit


LABEL = Kind(
    name="label",
    resource=Label,
    section="labels",
    spec={
        "type": ["object", "string", "null"],
        "properties": {"text": {"type": "string"}, "required": {"type": "boolean"}, "after": {"type": "string"}},
    },
    lower=lower_label,
    lift=lift_label,
    references=label_needs,
    absorbed=rides_with_box,
    create=put,
    drop=take_out,
    rules=(
        rule("text", emit=rewrite("text", phase=Phase.MIGRATE)),
        rule("required", emit=rewrite("required", phase=Phase.CONTRACT)),
        rule("after", emit=rewrite("after", phase=Phase.CONTRACT)),
    ),
    parent="box",
    order=20,
)

LID = Kind(
    name="lid",
    resource=Lid,
    section="lid",
    spec={"type": ["object", "null"], "properties": {"tight": {"type": "boolean"}}},
    lower=lambda name, node, place: Lid(place.address("lid"), tight=(node or {}).get("tight", False)),
    lift=lambda lid, catalog: {"tight": lid.tight},
    absorbed=rides_with_box,
    create=put,
    drop=take_out,
    rules=(rule("tight", emit=rewrite("tight", phase=Phase.EXPAND)),),
    parent="box",
    singleton=True,
    order=30,
)


# link -----------------------------------------------------------------------------------------------------------------


def relink(change: Change[Link], context: Context) -> list[Draft]:
    address = change.address
    return [
        Draft(
            "unlink",
            Phase.CONTRACT,
            f"remove {address}",
            MemoryOperation("drop", (Item("link", address.path),)),
            done=(Check(address, present=False),),
            removes=True,
        ),
        Draft(
            "link",
            Phase.CONTRACT,
            f"make {address} anew",
            MemoryOperation("put", (item(change.desired),)),
            done=(Check(address, attributes=(("source", change.desired.source), ("sink", change.desired.sink))),),
            provides=True,
        ),
    ]


def link_needs(link: Link, catalog: Catalog) -> Iterable[Address]:
    return [link.address.sibling("box", (name,)) for name in (link.source, link.sink)]


LINK = Kind(
    name="link",
    resource=Link,
    section="links",
    spec={
        "type": "object",
        "properties": {"source": {"type": "string"}, "sink": {"type": "string"}},
        "required": ["source", "sink"],
    },
    lower=lambda name, node, place: Link(place.address("link", name), node["source"], node["sink"]),
    lift=lambda link, catalog: {"source": link.source, "sink": link.sink},
    references=link_needs,
    create=put,
    drop=take_out,
    replace=relink,
    top=True,
    order=40,
)

KINDS: Mapping[str, Kind[Any]] = {k.name: k for k in (BOX, LABEL, LID, LINK)}
