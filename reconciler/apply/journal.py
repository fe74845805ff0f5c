"""The journal of a target, typed: what was applied, how far an apply came, what is managed.

It lives in the target itself. A step's progress is written with the step, in one transaction where the store has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler import __version__
from reconciler.model.address import Address


@dataclass(frozen=True, slots=True)
class Applied:
    """The last plan that was begun on a target.

    `tops` are the digests of the live top resources when the plan's last run began (`running`) or ended. So with
    `running`, which a kill leaves behind, only what the plan touches may differ from them; without, nothing may.
    """

    digest: str
    environment: str
    tops: Mapping[str, str]
    running: bool
    complete: bool
    version: str = __version__
    undoes: str = ""
    """Digest of the plan whose undo this is."""
    left: Sequence[int] = ()
    """Numbers of its steps that this undo leaves as they are."""

    def entry(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "digest": self.digest,
            "environment": self.environment,
            "tops": dict(self.tops),
            "running": self.running,
            "complete": self.complete,
            "version": self.version,
            **({"undoes": self.undoes, "left": list(self.left)} if self.undoes else {}),
        }


@dataclass(frozen=True, slots=True)
class Before:
    """What the journal said when the plan `digest` was begun, and what was live: what its undo leads back to.

    `entries` are those of `_RESTORED` as plain data; `complete`: that plan was applied to its end. `earlier` is the
    same of the plan before it, as far as it differs: once this plan is undone, that one can be. `gone` are names of
    `tops` around it that it does not have.
    """

    digest: str
    tops: Mapping[str, str]
    entries: Mapping[str, Any]
    complete: bool = False
    earlier: Mapping[str, Any] | None = None
    gone: Sequence[str] = ()

    def entry(self) -> dict[str, Any]:
        """As plain data."""
        said = {"digest": self.digest, "tops": dict(self.tops), "entries": dict(self.entries)}
        more = {"earlier": self.earlier} if self.earlier else {}
        return {**said, "complete": self.complete, **more, **({"gone": list(self.gone)} if self.gone else {})}

    def within(self, later: Before, depth: int) -> Before:
        """What differs from `later`, and no more than `depth` plans of it."""
        return replace(
            self,
            tops={k: v for k, v in self.tops.items() if later.tops.get(k) != v},
            entries={
                k: _changed(v, later.entries.get(k)) for k, v in self.entries.items() if later.entries.get(k) != v
            },
            earlier=_cut(self.earlier, depth),
            gone=sorted(later.tops.keys() - self.tops.keys()),
        )

    def before(self) -> Before | None:
        """`earlier` in full."""
        if self.earlier is None:
            return None
        found = Before(**self.earlier)
        gone = frozenset(found.gone)
        tops = {k: v for k, v in self.tops.items() if k not in gone} | dict(found.tops)
        entries = {k: _as_it_was(v, self.entries.get(k)) for k, v in found.entries.items()}
        return replace(found, tops=tops, entries={**self.entries, **entries}, gone=())

    @property
    def roots(self) -> frozenset[str]:
        """The roots that the journal named."""
        return frozenset(self.entries.get("roots") or ())


UNDONE_IN_A_ROW = 10
"""Plans that can be undone one after the other. Each costs the journal what it changed."""
_RESTORED = ("apply", "managed", "unmanaged", "roots", "beside")
"""Entries that undoing a plan brings back."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What the journal of one target says; empty where nothing was ever applied."""

    managed: frozenset[Address] = frozenset()
    unmanaged: frozenset[Address] = frozenset()
    roots: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    """The targets that the environment's declarations made together at the last apply: `payment/postgres`."""
    applied: Applied | None = None
    progress: tuple[str, int] = field(default=("", 0))
    """Digest of the plan and id of its last step that is done."""
    beyond: frozenset[int] = frozenset()
    """Later steps that are done too, where steps run side by side."""
    before: Before | None = None
    entries: Mapping[str, Any] = field(default_factory=dict)
    """What undoing brings back, as it is now."""

    def done(self, digest: str) -> int:
        """The id of the last step of this plan that is recorded as done; 0 for none."""
        return self.progress[1] if self.progress[0] == digest else 0

    def ahead(self, digest: str) -> frozenset[int]:
        """The ids of steps of this plan after that one that are recorded as done."""
        return self.beyond if self.progress[0] == digest else frozenset()


def read(entries: Mapping[str, Any], service: str, engine: str) -> Journal:
    """The journal from `Session.journal()`."""
    applied, progress = entries.get("apply"), entries.get("progress")
    return Journal(
        managed=_addresses(entries.get("managed"), service, engine),
        unmanaged=_addresses(entries.get("unmanaged"), service, engine),
        roots=frozenset(entries.get("roots") or ()),
        beside=frozenset(entries.get("beside") or ()),
        applied=Applied(**applied) if applied else None,
        progress=(progress["digest"], progress["done"]) if progress else ("", 0),
        beyond=frozenset(progress.get("beyond", ())) if progress else frozenset(),
        before=Before(**entries["before"]) if entries.get("before") else None,
        entries={key: entries.get(key) for key in _RESTORED},
    )


def _changed(value: Any, later: Any) -> dict[str, Any]:
    """How an entry differs from a later one; the lists of a journal are sorted, and differ in some of their members."""
    if not isinstance(value, list) or not isinstance(later, list):
        return {"was": value}
    ours, theirs = {repr(v) for v in value}, {repr(v) for v in later}
    return {"more": [v for v in value if repr(v) not in theirs], "less": [v for v in later if repr(v) not in ours]}


def _as_it_was(change: Mapping[str, Any], later: Any) -> Any:
    """The inverse of `_changed`."""
    if "was" in change:
        return change["was"]
    less = {repr(v) for v in change["less"]}
    return sorted([*(v for v in later if repr(v) not in less), *change["more"]])


def _cut(earlier: Mapping[str, Any] | None, depth: int) -> Mapping[str, Any] | None:
    if earlier is None or depth == 0:
        return None
    further = _cut(earlier.get("earlier"), depth - 1)
    return {**{k: v for k, v in earlier.items() if k != "earlier"}, **({"earlier": further} if further else {})}


def before_plan(digest: str, tops: Mapping[str, str], journal: Journal) -> Before:
    """What the undo of the plan `digest` will bring back. The digests of what is live are kept once.

    What the undo of the last plan would bring back is kept where that came to its end and nothing moved since.
    """
    entries = dict(journal.entries)
    if entries.get("apply"):
        entries["apply"] = {**entries["apply"], "tops": {}}
    before, applied, last = Before(digest, tops, entries), journal.applied, journal.before
    if applied is None or not applied.complete or applied.tops != tops or last is None or not last.complete:
        return before
    return replace(before, earlier=last.within(before, UNDONE_IN_A_ROW - 2).entry())


def restored(before: Before, tops: Mapping[str, str]) -> dict[str, Any]:
    """Entries for the end of an undo that brought everything back: the journal as it was before the plan."""
    entries: dict[str, Any] = {**dict.fromkeys(_RESTORED), **before.entries}
    if entries["apply"]:
        entries["apply"] = {**entries["apply"], "tops": dict(tops)}
    earlier = before.before()
    return {**entries, "progress": None, "before": earlier.entry() if earlier is not None else None}


def began(
    digest: str, environment: str, tops: Mapping[str, str], managed: Iterable[Address], before: Before | None
) -> dict[str, Any]:
    """Entries for `Session.record` before the first step of a run. What will be managed is, from here on. `before` is
    what an undo leads back to; None where an earlier run wrote that, or where there is nothing to undo."""
    entries = {"apply": Applied(digest, environment, tops, True, False).entry(), "managed": addresses_entry(managed)}
    return {**entries, "before": before.entry()} if before is not None else entries


def undoing(applied: Applied, done: int, beyond: Iterable[int], before: Before | None) -> dict[str, Any]:
    """Entries before the first step of an undo: those of its steps that have nothing to undo are done."""
    entries = {"apply": applied.entry(), **stepped(applied.digest, done, beyond)}
    return {**entries, "before": before.entry()} if before is not None else entries


def undone_in_part(
    digest: str, environment: str, tops: Mapping[str, str], done: int, beyond: Iterable[int]
) -> dict[str, Any]:
    """Entries after an undo that left the plan applied in part: applying it again goes on there."""
    return {"apply": Applied(digest, environment, tops, False, False).entry(), **stepped(digest, done, beyond)}


def stepped(digest: str, step: int, beyond: Iterable[int] = ()) -> dict[str, Any]:
    """Entries that go with a step; `beyond` are later ones that are done too."""
    more = {"beyond": sorted(beyond)} if beyond else {}
    return {"progress": {"digest": digest, "done": step, **more}}


def ended(
    digest: str,
    environment: str,
    tops: Mapping[str, str],
    managed: Iterable[Address],
    unmanaged: Iterable[Address],
    roots: Iterable[str] | None,
    beside: Iterable[str],
    before: Before | None,
) -> dict[str, Any]:
    """Entries for the end of a run; `roots` is None when steps remain, so that what they remove stays in scope."""
    applied = Applied(digest, environment, tops, False, roots is not None)
    entries: dict[str, Any] = {
        "apply": applied.entry(),
        "managed": addresses_entry(managed),
        "unmanaged": addresses_entry(unmanaged),
        "beside": sorted(beside),
    }
    if roots is not None:
        entries |= {"roots": sorted(roots), "progress": None}
        if before is not None and before.digest == digest:
            entries["before"] = replace(before, complete=True).entry()
    return entries


def forgotten() -> dict[str, Any]:
    """Entries that leave nothing behind: ad hoc mode remembers nothing once it has brought everything to its end."""
    return dict.fromkeys((*_RESTORED, "progress", "before"))


def addresses_entry(addresses: Iterable[Address]) -> list[list[str]]:
    """Addresses as plain data; the service and the engine are the target's."""
    return sorted([a.kind, *a.path] for a in addresses)


def _addresses(entry: Any, service: str, engine: str) -> frozenset[Address]:
    return frozenset(Address(service, engine, kind, tuple(path)) for kind, *path in entry or ())
