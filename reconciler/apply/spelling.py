"""How a store spells what is declared, kept while a command lasts: it plans, looks again under the lock, and proves."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.model.catalog import Catalog


class Spelling:
    """The last answer. `told`: the declared catalog as the store spells it; None before anything was asked.

    The same rows, compared by the same command, have the store say the same (the trust that `known` has as well), so
    the look under the lock asks again only if the rows are others.
    """

    def __init__(self) -> None:
        self.told: Catalog | None = None
        self._compared = ""

    def of(self, compared: str, ask: Callable[[], Catalog]) -> Catalog:
        """What the store said of the same rows, else what it says now; `compared`: their digest, "" if unknown.

        What could not be asked may be told the next time, and is not kept.
        """
        if self.told is not None and compared and compared == self._compared:
            return self.told
        found = ask()
        self.told, self._compared = (None, "") if found.deferred else (found, compared)
        return found
