"""The journal of a target, typed: what was applied, how far an apply came, what is managed.

It lives in the target itself. A step's progress is written with the step, in one transaction where the store has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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

    def entry(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "digest": self.digest,
            "environment": self.environment,
            "tops": dict(self.tops),
            "running": self.running,
            "complete": self.complete,
            "version": self.version,
        }


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
    )


def began(digest: str, environment: str, tops: Mapping[str, str], managed: Iterable[Address]) -> dict[str, Any]:
    """Entries for `Session.record` before the first step of a run. What will be managed is, from here on."""
    return {"apply": Applied(digest, environment, tops, True, False).entry(), "managed": addresses_entry(managed)}


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
    return entries


def forgotten() -> dict[str, Any]:
    """Entries that leave nothing behind: ad hoc mode remembers nothing once it has brought everything to its end."""
    return dict.fromkeys(("apply", "managed", "unmanaged", "roots", "beside", "progress"))


def addresses_entry(addresses: Iterable[Address]) -> list[list[str]]:
    """Addresses as plain data; the service and the engine are the target's."""
    return sorted([a.kind, *a.path] for a in addresses)


def _addresses(entry: Any, service: str, engine: str) -> frozenset[Address]:
    return frozenset(Address(service, engine, kind, tuple(path)) for kind, *path in entry or ())
