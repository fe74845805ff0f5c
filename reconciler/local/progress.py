"""How long work reports on itself: one function that takes an event, so any caller can show it its own way."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import Protocol, TextIO


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A sentence about one store or, while a download runs (`total` above zero), how far it got."""

    store: str
    text: str
    done: int = 0
    total: int = 0
    files_done: int = 0
    files_total: int = 0


class Progress(Protocol):
    """Receives the events; called from several threads when several stores start at once."""

    def __call__(self, event: ProgressEvent, /) -> None:
        """Show, record or ignore the event."""


def quiet(event: ProgressEvent, /) -> None:
    """Show nothing."""


class TerminalProgress:
    """Sentences as lines; downloads as one line that rewrites itself on a terminal, and are left out elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._rewrites = self._stream.isatty()
        self._lock = threading.Lock()
        self._downloads: dict[str, ProgressEvent] = {}
        self._shown = 0

    def __call__(self, event: ProgressEvent, /) -> None:
        """Print the event."""
        with self._lock:
            if event.total:
                self._download(event)
            else:
                self._sentence(event)

    def _sentence(self, event: ProgressEvent) -> None:
        self._overwrite("")
        self._stream.write(f"{event.store}: {event.text}\n")
        self._overwrite(self._bars())
        self._stream.flush()

    def _download(self, event: ProgressEvent) -> None:
        if event.done < event.total:
            self._downloads[event.store] = event
        else:
            self._downloads.pop(event.store, None)
        self._overwrite(self._bars())
        self._stream.flush()

    def _bars(self) -> str:
        return "  ".join(
            f"{bar.store} {bar.done / 1e6:.0f}/{bar.total / 1e6:.0f} MB" for bar in self._downloads.values()
        )

    def _overwrite(self, line: str) -> None:
        if not self._rewrites or not (line or self._shown):
            return
        self._stream.write("\r" + line.ljust(self._shown) + ("" if line else "\r"))
        self._shown = len(line)
