"""What becomes of an item on its way to the new table, and what would not fit there."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cache
from hashlib import blake2b
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.keys import Key, KeyAttribute
from reconciler.engines.dynamodb.migration.expression import ExpressionError, Item, Value, parsed, reference, value
from reconciler.errors import ConfigError

Json = dict[str, Any]
EXACT = Context(prec=50)
"""Numbers have up to 38 digits; the default context would round them."""


class Unfit(ValueError):
    """An item that the new table cannot hold; the message names its old key and no other value of it (law 9)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How items are converted. It can be pickled, and says the same in a plan file.

    - `before`, `after`: the keys; `indexed`: attributes of the new table's indexes.
    - `sets`: (attribute, expression); `removes`: attributes left out; `function`: `module:function`, instead of both.
    - `kept`: (attribute of the old key, attribute of the new item that holds its value).
    """

    before: Key
    after: Key
    indexed: Key = ()
    sets: tuple[tuple[str, str], ...] = ()
    removes: tuple[str, ...] = ()
    function: str = ""
    kept: tuple[tuple[str, str], ...] = field(default=())

    @property
    def contained(self) -> bool:
        """Whether the new key holds the whole old one, so that no two old items can become the same new one."""
        return {new for _, new in self.kept} <= {k.name for k in self.after}

    @property
    def fixed(self) -> bool:
        """Whether the new key is the old one, if under other names, so that the old one alone tells it."""
        return {new for _, new in self.kept} == {k.name for k in self.after}

    def told_by(self, view: str) -> bool:
        """Whether a stream of that view (`new_and_old_images`) tells enough: which new key an item has left."""
        return view != "none" and (self.fixed or view in ("new_and_old_images", "old_image"))

    @property
    def plain(self) -> bool:
        """Whether items stay as they are."""
        return not (self.sets or self.removes or self.function)

    def source(self, item: Item) -> tuple[str, ...]:
        """The old key of a new item, as texts. Items of others may lack it: then it is shorter."""
        return tuple(_plain(item[new]) for _, new in self.kept if new in item)

    def origin(self, item: Item) -> tuple[str, ...]:
        """The key of an old item, as texts: equals `source` of what it becomes."""
        return tuple(_plain(item[old]) for old, _ in self.kept)

    def old_key(self, item: Item) -> Json:
        """The old key of a new item, as the old table wants it."""
        types = {k.name: k.type for k in self.before}
        return {old: {types[old]: next(iter(item[new].values()))} for old, new in self.kept if new in item}

    def moved_key(self, key: Item) -> Json:
        """The new key of an old one, where that alone tells it (`fixed`)."""
        types = {k.name: k.type for k in self.after}
        return {new: {types[new]: next(iter(key[old].values()))} for old, new in self.kept}

    def new_key(self, item: Item) -> Json:
        """The key of a new item."""
        return {k.name: dict(item[k.name]) for k in self.after}

    def converted(self, item: Item) -> Json:
        """The new item. Raises Unfit."""
        try:
            new = self._changed(item)
        except ExpressionError as error:
            raise Unfit(f"{shown(item, self.before)}: {error}") from None
        for attribute in self.after:
            self._fits(item, new, attribute, required=True)
        for attribute in self.indexed:
            self._fits(item, new, attribute, required=False)
        if self.source(new) != self.origin(item):
            held = ", ".join(f"{old} in {kept}" for old, kept in self.kept)
            raise Unfit(f"{shown(item, self.before)}: the new item does not hold the old key ({held})")
        return new

    def _changed(self, item: Item) -> Json:
        if self.function:
            return _called(self.function, item)
        new = {name: dict(v) for name, v in item.items() if name not in self.removes}
        for name, text in self.sets:
            made = value(parsed(text), item)
            if made is not None:
                new[name] = dict(made)
        return new

    def _fits(self, item: Item, new: Item, attribute: KeyAttribute, *, required: bool) -> None:
        found = new.get(attribute.name)
        if found is None:
            if required:
                raise Unfit(f"{shown(item, self.before)}: the new item has no {attribute.name}")
            return
        ((kind, content),) = found.items()
        if kind != attribute.type:
            raise Unfit(f"{shown(item, self.before)}: {attribute.name} is of type {kind}, not {attribute.type}")
        size = len(content.encode() if isinstance(content, str) else content)
        longest = limits.MAX_SORT_BYTES if attribute in self.after[1:] else limits.MAX_PARTITION_BYTES
        if kind != "N" and not 0 < size <= longest:
            raise Unfit(
                f"{shown(item, self.before)}: {attribute.name} is {'empty' if not size else 'too long for a key'}"
            )


def kept(before: Key, sets: Iterable[tuple[str, str]], removes: Iterable[str]) -> dict[str, str]:
    """Old key attribute → the attribute of new items that still holds its value; those that none holds are missing."""
    changed = dict(sets)
    found: dict[str, str] = {}
    for attribute in before:
        name = attribute.name
        if name not in removes and (name not in changed or reference(changed[name]) == name):
            found[name] = name
        else:
            copies = [new for new, text in changed.items() if reference(text) == name]
            found.update({name: copies[0]} if copies else {})
    return found


def identity(item: Item, key: Key) -> tuple[str, ...]:
    """The key of an item as texts that no other item has; a key attribute that is not there is left out."""
    return tuple(_plain(item[k.name]) for k in key if k.name in item)


def shown(item: Item, key: Key) -> str:
    """An item's key for people; two items may look alike."""
    return ", ".join(f"{k.name}={_plain(item[k.name])}" for k in key if k.name in item)


def _plain(given: Value) -> str:
    ((kind, content),) = given.items()
    return content.hex() if isinstance(content, bytes) else normal(content) if kind == "N" else str(content)


def normal(number: str) -> str:
    """One spelling for each number, without an exponent."""
    exact = EXACT.normalize(Decimal(number))
    return format(exact, "f") if exact else "0"


@cache
def callable_of(name: str) -> Callable[..., Any]:
    """What `module:function` names. Raises ConfigError where there is no such thing."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "the module has to be importable where `reconcile` runs: set PYTHONPATH, or install it"
        raise ConfigError(f"there is no {name}: {error}", hint=hint) from None
    if not callable(found):
        raise ConfigError(f"{name} cannot be called")
    return found  # type: ignore[no-any-return]


def _called(name: str, item: Item) -> Json:
    """What a function makes of an item, which it gets and returns as boto3's resources do: plain Python values."""
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

    read, write = TypeDeserializer().deserialize, TypeSerializer().serialize
    function = callable_of(name)
    try:
        made = function({key: read(v) for key, v in item.items()})
    except Exception as error:  # whatever foreign code raises; its message may hold values of the item
        raise ExpressionError(f"{name} failed with {type(error).__name__}") from None
    if not isinstance(made, Mapping):
        raise ExpressionError(f"{name} returned {type(made).__name__}, not an item")
    return {key: write(v) for key, v in made.items()}


def digest(item: Item) -> bytes:
    """16 bytes that two items share only if they are equal, however their numbers and sets are spelled."""
    state = blake2b(digest_size=16)
    _feed(state.update, {"M": item})
    return state.digest()


def _feed(update: Callable[[bytes], None], given: Value) -> None:
    ((kind, content),) = given.items()
    update(kind.encode() + b"(")
    match kind:
        case "M":
            for name in sorted(content):
                update(f"{len(name)}:{name}".encode())
                _feed(update, content[name])
        case "L":
            for element in content:
                _feed(update, element)
        case "SS" | "NS" | "BS":
            texts = sorted(_bytes(kind[0], element) for element in content)
            update(b"".join(b"%d:%s" % (len(t), t) for t in texts))
        case _:
            text = _bytes(kind, content)
            update(b"%d:%s" % (len(text), text))
    update(b")")


def _bytes(kind: str, content: Any) -> bytes:
    if kind == "N":
        return normal(content).encode()
    return content if isinstance(content, bytes) else str(content).encode()


def encoded(conversion: Conversion) -> Json:
    """As plain data, for a plan file."""
    said = {
        "Set": dict(conversion.sets),
        "Remove": list(conversion.removes),
        "Function": conversion.function,
    }
    indexed = {"Indexed": [list(k) for k in conversion.indexed]} if conversion.indexed else {}
    return {
        "OldKey": [list(k) for k in conversion.before],
        "NewKey": [list(k) for k in conversion.after],
        **indexed,
        **{name: v for name, v in said.items() if v},
        "KeepsOldKeyIn": dict(conversion.kept),
    }


def decoded(said: Mapping[str, Any]) -> Conversion:
    """The inverse of `encoded`."""

    def key(name: str) -> Key:
        return tuple(KeyAttribute(*k) for k in said.get(name, ()))

    holds = said["KeepsOldKeyIn"]
    return Conversion(
        key("OldKey"),
        key("NewKey"),
        key("Indexed"),
        tuple(said.get("Set", {}).items()),
        tuple(said.get("Remove", ())),
        said.get("Function", ""),
        tuple((k.name, holds[k.name]) for k in key("OldKey") if k.name in holds),
    )
