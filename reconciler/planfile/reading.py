"""Reads the nodes of a plan file strictly: every key is asked for once, and what is left over is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from reconciler.errors import ReconcileError
from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.engine import Engine
from reconciler.model.hazard import Hazard
from reconciler.model.plan import PlannedChange, Proof, TargetStamp, Verdict
from reconciler.model.step import Check, Lock, Operation, Phase, Probe, Size, Step
from reconciler.planfile.addresses import read_address

T = TypeVar("T")
_PHASES = {p.word: p for p in Phase}
_ACTIONS = {a.value: a for a in Action}
_VERDICTS = {v.value: v for v in Verdict}


class Node:
    """One mapping of the file, from which keys are taken; `fail(message, *pointer)` makes the error."""

    def __init__(self, data: Any, fail: Callable[..., Exception], *pointer: str | int) -> None:
        self.fail = fail
        self.pointer = pointer
        if not isinstance(data, dict):
            raise self.error("expected a mapping")
        self._left: dict[str, Any] = dict(data)

    def error(self, message: str, *below: str | int) -> Exception:
        """The error about something below this node."""
        return self.fail(message, *self.pointer, *below)

    def end(self, result: T) -> T:
        """The result, once nothing of the node is left over."""
        if self._left:
            unknown = next(iter(self._left))
            raise self.error(f"unknown key {unknown!r}", unknown)
        return result

    def skip(self, name: str) -> None:
        """Take a key that was looked at before."""
        self._left.pop(name, None)

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        """The value of a key, which has to be of that type; missing is an error unless there is a default."""
        if name not in self._left:
            if default is None:
                raise self.error(f"{name!r} is missing")
            return default
        value = self._left.pop(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"{name} is {value!r}; expected {kind.__name__}", name)
        return value

    def text(self, name: str) -> str:
        """A string."""
        return self.take(name, str)

    def nodes(self, name: str) -> list[Node]:
        """A list of mappings; a missing one is empty."""
        items: list[Any] = self.take(name, list, [])
        return [Node(item, self.fail, *self.pointer, name, i) for i, item in enumerate(items)]

    def phase(self, name: str, optional: bool = False) -> Any:
        """A phase by its word."""
        if optional and name not in self._left:
            return None
        return self._word(name, _PHASES)

    def _word(self, name: str, known: Mapping[str, T]) -> T:
        word = self.text(name)
        if word not in known:
            raise self.error(f"{name} is {word!r}; expected {', '.join(known)}", name)
        return known[word]

    def address(self, name: str = "address", target: str = "") -> Address:
        """An address in `target`, or in the node's own `target` key."""
        target = target or self.text("target")
        text = self.text(name)
        try:
            return read_address(text, target)
        except ValueError as error:
            raise self.error(str(error), name) from None

    def stamp(self) -> TargetStamp:
        """One of `targets`."""
        return TargetStamp(*(self.text(name) for name in TargetStamp._fields))

    def change(self) -> PlannedChange:
        """One of `changes`."""
        action = self._word("action", _ACTIONS)
        attributes = (n.end((n.text("name"), n.text("before"), n.text("after"))) for n in self.nodes("attributes"))
        return PlannedChange(self.address(), action, tuple(attributes))

    def proof(self) -> Proof:
        """One of `proofs`."""
        return Proof(
            self.text("target"),
            self._word("forward", _VERDICTS),
            self._word("undo", _VERDICTS),
            self.take("server", str, ""),
            self.take("reason", str, ""),
            self.take("undo reason", str, ""),
        )

    def step(self, engines: Mapping[str, Engine], own: Collection[str], impossible: str) -> Step:
        """One of `steps`: `own` are the keys that are not the operation's."""
        address = self.address()
        engine = engines.get(address.engine)
        if engine is None:
            raise self.error(f"no engine is called {address.engine!r}", "target")
        fields = {k: self._left.pop(k) for k in list(self._left) if k not in own}
        return Step(
            id=self.take("id", int),
            phase=self.phase("phase"),
            address=address,
            title=self.text("title"),
            because=self.text("because"),
            operation=self._operation(engine, fields),
            locks=tuple(n.end(Lock(n.text("mode"), n.text("on"))) for n in self.nodes("locks")),
            size=self._size("reads"),
            hazards=tuple(n.end(Hazard(n.text("code"), n.text("message"))) for n in self.nodes("hazards")),
            probes=tuple(n.end(n.probe()) for n in self.nodes("probes")),
            done=tuple(n.end(n.check(address.target)) for n in self.nodes("done when")),
            undo=self._undo(engine, impossible),
        )

    def _size(self, name: str) -> Size | None:
        if name not in self._left:
            return None
        node = Node(self._left.pop(name), self.fail, *self.pointer, name)
        return node.end(Size(node.take("rows", int), node.take("bytes", int)))

    def probe(self) -> Probe:
        """One of a step's `probes`."""
        return Probe(self.text("message"), self.text("query"), tupled(self.take("parameters", list, [])))

    def check(self, target: str) -> Check:
        """One of a step's `done when`."""
        present = "present" in self._left
        address = self.address("present" if present else "absent", target)
        attributes: dict[str, Any] = self.take("with", dict, {})
        return Check(address, present, tuple((name, tupled(value)) for name, value in attributes.items()))

    def _undo(self, engine: Engine, impossible: str) -> tuple[Operation, ...] | None:
        if self._left.get("undo") == impossible:
            del self._left["undo"]
            return None
        return tuple(self._operation(engine, fields) for fields in self.take("undo", list, []))

    def _operation(self, engine: Engine, fields: Any) -> Operation:
        try:
            return engine.decode(fields)
        except ReconcileError as error:
            raise self.error(error.message) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self.error(f"no operation of {engine.name}: {error!r}") from error


def tupled(value: Any) -> Any:
    """Parsed data with tuples for lists, as plans hold it."""
    return tuple(tupled(v) for v in value) if isinstance(value, list) else value
