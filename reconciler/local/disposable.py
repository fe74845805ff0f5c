"""A server for the length of a `with` block, gone with all its data afterwards, however the block ends."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.local.instance import Instance
from reconciler.local.launch import Options
from reconciler.local.progress import Progress, ProgressEvent, quiet
from reconciler.local.recipe import recipe
from reconciler.local.start import start


@contextmanager
def throwaway(
    store: str, *, version: str | None = None, delay_transient: bool = False, progress: Progress = quiet
) -> Iterator[Instance]:
    """Run a server of our own on a free port: PostgreSQL without fsync, DynamoDB Local in memory.

    A supervisor stops it and deletes its folder at the end of the block or of this process, even a killed one.
    With `delay_transient` DynamoDB Local keeps indexes in CREATING (about 31 s) and DELETING (about 16 s).
    """
    chosen = recipe(store, version)
    cancel = threading.Event()
    chosen.fetch(progress, cancel)
    progress(ProgressEvent(store, f"starting {chosen.version}"))
    server, port = start(
        chosen,
        lambda: Path(tempfile.mkdtemp(prefix=f"reconcile-{store}-")),
        port=None,
        options=Options(keep=False, delay_transient=delay_transient),
        cancel=cancel,
    )
    try:
        yield Instance(store, chosen.version, chosen.store.uri(port), server.pid, port, reused=False)
    finally:
        server.stop()
