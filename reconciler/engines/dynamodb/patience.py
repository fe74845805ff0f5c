"""Waiting with a limit: pauses that grow, words when something changes, an error when it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.errors import StoreError
from reconciler.model.engine import Progress

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
GROWTH = 1.25
TELL_SECONDS = 60.0


class Patience:
    """One wait. `limit` is in seconds, 0 for none; `clock` and `sleep` are given so that tests take no time."""

    def __init__(
        self,
        what: str,
        limit: float,
        hint: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.what = what
        self.limit = limit
        self.hint = hint
        self.clock = clock
        self.sleep = sleep
        self.began = clock()
        self._pause = FIRST_PAUSE
        self._told = ""
        self._told_at = 0.0

    @property
    def passed(self) -> float:
        """Seconds since the wait began."""
        return self.clock() - self.began

    def pause(self, seconds: float | None = None) -> None:
        """Sleep, a little longer each time. Raises StoreError once the limit has passed."""
        if self.limit and self.passed >= self.limit:
            state = f"; {self._told}" if self._told else ""
            raise StoreError(
                f"{self.what} is not finished after {self.limit:.0f} s{state}",
                hint=self.hint,
                effect="the service goes on with what was asked of it",
            )
        wanted = self._pause if seconds is None else seconds
        self.sleep(min(wanted, max(self.limit - self.passed, FIRST_PAUSE)) if self.limit else wanted)
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)

    def tell(self, progress: Progress, state: str) -> None:
        """Report a state when it is new, and once a minute."""
        if state == self._told and self.passed - self._told_at < TELL_SECONDS:
            return
        progress(state if state != self._told else f"{state}, for {self.passed:.0f} s now")
        self._told, self._told_at = state, self.passed
