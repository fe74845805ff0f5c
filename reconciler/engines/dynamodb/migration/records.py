"""What the state table remembers of tables that were made anew, and of a move that is under way.

Items of the partition `tables#SERVICE#ENVIRONMENT`: `LOGICAL` says in its attribute `name` how a table is called whose
name does not follow from the declaration (anyone may look that up), `LOGICAL#move` what takes whose place, and
`LOGICAL#kept#NAME` which old table was left there. Items of `move#SERVICE#ENVIRONMENT#NEW` are how far the copy to the
table NEW has come: one for each segment and each shard, so that a kill costs a page of items at most.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from reconciler.engines.dynamodb import faults, items
from reconciler.engines.dynamodb.naming import STATE_TABLE, Remembered
from reconciler.engines.dynamodb.statetable import StateTable

Json = dict[str, Any]

KEPT_SECONDS = 23 * 3600.0
"""A stream keeps its records for 24 hours; an hour is left for clocks that differ."""
LOST = 1.0
STATES = ("begun", "copied", "compared", "switched")
"""How far a move is, in order: the new table is asked for, holds all items, equals the old one, has the name."""


@dataclass(frozen=True, slots=True)
class Move:
    """`new` takes the place of `old`. `base` is the name by which the declaration knows the table afterwards, `shape`
    says what was declared when it began, `drained` up to when (seconds since 1970) the old table's stream has been
    read, or that nothing can be brought over any more (LOST); `stream` is its ARN."""

    old: str
    new: str
    base: str
    shape: str
    state: str = "begun"
    drained: float = 0.0
    stream: str = ""

    def stale(self, now: float) -> bool:
        """Whether changes may be lost by now: nobody read the stream for nearly as long as it keeps them."""
        return self.state != "switched" and 0 < self.drained < now - KEPT_SECONDS


@dataclass(frozen=True, slots=True)
class Known:
    """All that is remembered of the tables of a service: by logical name."""

    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """(physical name, the name by which the declaration knows it)."""
    moves: Mapping[str, Move] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    """Physical name of an old table that was left there → logical name."""

    @property
    def remembered(self) -> Remembered:
        """What of this decides which tables are whose."""
        apart = {m.old if m.state == "switched" else m.new for m in self.moves.values()}
        return Remembered(self.names, frozenset({*apart, *self.kept}))

    @property
    def own(self) -> frozenset[str]:
        """All tables that are the service's own though their names may not say so."""
        moving = {name for m in self.moves.values() for name in (m.old, m.new)}
        return frozenset({name for name, _ in self.names.values()} | moving | set(self.kept))


class Records:
    """The items of one service in one environment. `guard`: the condition that the applier's lock is still ours."""

    def __init__(self, state: StateTable, guard: Callable[[], Json | None] = lambda: None) -> None:
        self.state = state
        self.guard = guard
        self.partition = f"tables#{state.owner}"

    def known(self) -> Known:
        """Everything but checkpoints; one Query. Raises StoreError."""
        names, moves, kept = {}, {}, {}
        for item in self.state.query(self.partition):
            logical, _, what = item["sk"]["S"].partition("#")
            if not what:
                names[logical] = (item["name"]["S"], item["base"]["S"])
            elif what == "move":
                moves[logical] = Move(**items.unpacked(item))
            elif what.startswith("kept#"):
                kept[what.removeprefix("kept#")] = logical
        return Known(names, moves, kept)

    def move(self, logical: str) -> Move | None:
        """The move of a table that is under way."""
        return self.known().moves.get(logical)

    def begin(self, logical: str, move: Move) -> None:
        """Remember a move before anything is made for it."""
        self._write([self._put(f"{logical}#move", items.packed(asdict(move)))])

    def reached(self, logical: str, move: Move, **how: Any) -> Move:
        """The move, with how far it is (`state`, `drained`, `stream`) remembered."""
        further = replace(move, **how)
        self.begin(logical, further)
        return further

    def switch(self, logical: str, after: str, move: Move) -> None:
        """Give the name to the new table: from now on `after`, the logical name, means it. One transaction."""
        actions = [self._put(f"{after}#move", items.packed(asdict(replace(move, state="switched"))))]
        if after != logical:
            actions += [self._delete(f"{logical}#move"), self._delete(logical)]
        if move.new == move.base:
            actions.append(self._delete(after))
        else:
            actions.append(self._put(after, {"name": {"S": move.new}, "base": {"S": move.base}}))
        self._write(actions)

    def end(self, logical: str, move: Move, *, keep: str = "") -> None:
        """Forget a move and its checkpoints; `keep` is a table that is left there and no longer anybody's."""
        for item in list(self.state.query(self._checkpoints(move))):
            self._call("DeleteItem", self.state.client.delete_item, Key={"pk": item["pk"], "sk": item["sk"]})
        actions = [self._delete(f"{logical}#move")]
        if keep:
            actions.append(self._put(f"{logical}#kept#{keep}", items.packed(True)))
        self._write(actions)

    def forget_gone(self, names: Iterable[str]) -> None:
        """Take out what is remembered of tables that are gone."""
        there, known = set(names), self.known()
        gone = [self._delete(logical) for logical, (name, _) in known.names.items() if name not in there]
        gone += [self._delete(f"{logical}#kept#{name}") for name, logical in known.kept.items() if name not in there]
        for action in gone:
            self._write([action])

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def checkpoints(self, move: Move) -> dict[str, Any]:
        """What was written with `checkpoint`, by name."""
        return {item["sk"]["S"]: items.unpacked(item) for item in self.state.query(self._checkpoints(move))}

    def checkpoint(self, move: Move, name: str, value: Any) -> None:
        """Remember how far something is; an earlier place than the true one costs time and does no harm."""
        item = {**items.key(self._checkpoints(move), name), **items.packed(value)}
        self._call("PutItem", self.state.client.put_item, Item=item)

    def _call(self, name: str, call: Callable[..., Any], **members: Any) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            call(TableName=STATE_TABLE, **members)
        except (BotoCoreError, ClientError) as error:
            raise faults.refused(name, STATE_TABLE, error) from None

    def _checkpoints(self, move: Move) -> str:
        return f"move#{self.state.owner}#{move.new}"

    def _put(self, sort: str, members: Json) -> Json:
        return {"Put": {"TableName": STATE_TABLE, "Item": {**items.key(self.partition, sort), **members}}}

    def _delete(self, sort: str) -> Json:
        return {"Delete": {"TableName": STATE_TABLE, "Key": items.key(self.partition, sort)}}

    def _write(self, actions: list[Json]) -> None:
        guard = self.guard()
        self.state.transact([*([{"ConditionCheck": guard}] if guard else []), *actions])


def packed_key(key: Mapping[str, Any] | None) -> Any:
    """A key as plain data: bytes as text."""
    return key and {name: _packed(value) for name, value in key.items()}


def _packed(value: Mapping[str, Any]) -> dict[str, str]:
    ((kind, content),) = value.items()
    return {kind: b64encode(content).decode() if kind == "B" else content}


def unpacked_key(key: Mapping[str, Any] | None) -> Any:
    """The inverse of `packed_key`."""
    return key and {n: {k: b64decode(c) if k == "B" else c for k, c in v.items()} for n, v in key.items()}
