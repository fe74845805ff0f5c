"""A store that can tell that nothing has changed is not read again: what it held is kept under the stamp it had then.

A stamp is made of the content of all catalogs (`model.engine.Stamping`), so it says the same as reading them would. It
is believed only of a store that stood still while it was looked at.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from reconciler import __version__
from reconciler.desired import pickles
from reconciler.desired.heads import code_of
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine, Scope, Session, Stamping

TRIES = 3
"""Stamps in a row that were of no use before they are taken no more: in some databases the catalogs never rest."""
KNOWN = "known"
"""Stands for the moment where nothing was read, because the stamp was known."""
AGAIN = 10
"""Then only one look in so many takes a stamp."""


@dataclass(slots=True)
class Watch:
    """One look at a store. Without a folder, or with a store that makes no stamps, everything is news.

    `before` is the stamp at the beginning of the look, "" where none was taken.
    """

    folder: Path | None
    engine: Engine
    service: str
    session: Session
    scope: Scope
    before: str = ""
    moment: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if self.folder is None or not isinstance(self.session, Stamping):
            return
        self.moment = self.session.moment()
        misses = self._misses()
        if misses < TRIES or misses % AGAIN == 0:
            self.before = self._stamp()
        self._count(misses + 1)

    @property
    def _name(self) -> tuple[str, str]:
        return self.service, self.engine.name

    def sees(self, stamp: str) -> bool:
        """Whether the store has this stamp now."""
        same = stamp != "" and stamp == self.before
        if same:
            self._count(0)
        return same

    def live(self) -> Catalog | None:
        """What the store held when it had this stamp, if it is known."""
        said = pickles.read(self._path(self.before)) if self.before else None
        if not isinstance(said, dict):
            return None
        self._count(0)
        self.moment = KNOWN
        resources = {r.address: r for r in said.pop("resources")}
        return Catalog(self.service, self.engine.name, resources, **said)

    def ended(self, live: Catalog, *, keep: bool = True) -> str:
        """The stamp of what was seen, "" if it may have changed meanwhile; `live` is kept under it."""
        stamp = self._steady()
        if stamp and keep and self.moment != KNOWN:
            said = {"uses": dict(live.uses), "unmanaged": live.unmanaged, "deferred": live.deferred}
            whole = {**said, "resources": list(live.resources.values()), "digest": live.digest}
            pickles.write(self._path(stamp), whole)
        return stamp

    def _steady(self) -> str:
        if not isinstance(self.session, Stamping) or not self.before:
            return ""
        if self.moment == KNOWN or (self.moment and self.moment == self.session.moment()):
            return self.before
        return self.before if self._stamp() == self.before else ""

    def _stamp(self) -> str:
        said = self.session.stamp() if isinstance(self.session, Stamping) else ""
        return sha256(repr((said, str(self.scope), self._name)).encode()).hexdigest() if said else ""

    def _path(self, stamp: str) -> Path:
        said = sha256(repr((stamp, __version__, code_of(self.engine))).encode()).hexdigest()[:40]
        return (self.folder or Path()) / f"live-{said}.pickle"

    def _misses(self) -> int:
        try:
            return int(self._counter().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def _count(self, misses: int) -> None:
        with suppress(OSError):
            if self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._counter().write_text(str(misses), encoding="utf-8")

    def _counter(self) -> Path:
        return (self.folder or Path()) / f"misses-{sha256(repr(self._name).encode()).hexdigest()[:40]}.txt"
