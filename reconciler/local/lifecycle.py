"""`up`, `down` and `status`: one server of each store that stays between runs, on the same port, with its data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from reconciler.errors import NOTHING_CHANGED, LocalStoreError
from reconciler.local import liveness, paths, probes, record
from reconciler.local.instance import Instance, State, StoreStatus
from reconciler.local.launch import Options, failure, mark
from reconciler.local.progress import Progress, ProgressEvent, quiet
from reconciler.local.recipe import Recipe, recipe
from reconciler.local.record import Record
from reconciler.local.start import start, wait_for
from reconciler.local.stores import ALL, Store, chosen

Result = TypeVar("Result")


def up(stores: Sequence[str] = ALL, *, progress: Progress = quiet) -> list[Instance]:
    """Have these stores running when it returns, all started at once; those that run already are left as they are.

    They stay after the end of this process. When one cannot be started, the others stay up.
    """
    cancel = threading.Event()
    outcomes = _at_once(chosen(stores), lambda store: _up(store, progress, cancel), cancel)
    running = [outcome for outcome in outcomes if isinstance(outcome, Instance)]
    _raise_errors(outcomes, f"running: {', '.join(one.store for one in running)}" if running else NOTHING_CHANGED)
    return running


def down(stores: Sequence[str] = ALL, *, purge: bool = False, progress: Progress = quiet) -> list[str]:
    """Stop these stores; returns the names of those that ran. The data stays for the next `up` unless `purge`."""
    outcomes = _at_once(chosen(stores), lambda store: _down(store, purge, progress), threading.Event())
    stopped = [outcome for outcome in outcomes if isinstance(outcome, str) and outcome]
    _raise_errors(outcomes, f"stopped: {', '.join(stopped) or 'none'}")
    return stopped


def status(stores: Sequence[str] = ALL) -> list[StoreStatus]:
    """What runs, where, and how much room its data takes; nothing is started, stopped or fetched."""
    return [_status(store) for store in chosen(stores)]


def _up(store: Store, progress: Progress, cancel: threading.Event) -> Instance:
    home = paths.store_home(store.name)
    with _alone(store, home, progress):
        live = record.running(home, store.version)
        if live:
            return _join(store, home, live, cancel)
        return _start(recipe(store.name), home, progress, cancel)


def _join(store: Store, home: Path, live: Record, cancel: threading.Event) -> Instance:
    """Take the server that runs already, once it answers."""
    pid = live.pid or 0
    if not wait_for(store, home, live.port, partial(liveness.is_ours, pid, live.create_time, mark(home)), cancel):
        raise failure(f"{store.name} ended while we waited for it", home)
    record.write(home, live)
    return Instance(store.name, live.version, store.uri(live.port), pid, live.port, reused=True)


def _start(wanted: Recipe, home: Path, progress: Progress, cancel: threading.Event) -> Instance:
    store = wanted.store
    wanted.fetch(progress, cancel)
    progress(ProgressEvent(store.name, f"starting {wanted.version}"))
    last = record.read(home)
    server, port = start(
        wanted,
        lambda: paths.make_folder(home, mode=0o700),
        port=last.port if last else store.port,
        options=Options(keep=True),
        cancel=cancel,
    )
    try:
        record.write(home, Record(wanted.version, port, server.pid, server.create_time))
    except BaseException:
        server.stop()
        raise
    server.release()
    notes = "".join(f"; {note}" for note in store.notes)
    progress(ProgressEvent(store.name, f"ready at {store.uri(port)}{notes}"))
    return Instance(store.name, wanted.version, store.uri(port), server.pid, port, reused=False)


def _down(store: Store, purge: bool, progress: Progress) -> str:
    """The name of the store if it ran, else nothing."""
    home = paths.store_home(store.name)
    if not home.exists():
        return ""
    with _alone(store, home, progress):
        live = record.running(home, store.version)
        if live and live.pid:
            progress(ProgressEvent(store.name, "stopping"))
            liveness.end(live.pid, store.stop, store.grace)
            record.write(home, Record(live.version, live.port))
        if purge:
            progress(ProgressEvent(store.name, f"deleting {home}"))
            paths.remove(home)
    return store.name if live else ""


def _status(store: Store) -> StoreStatus:
    home = paths.store_home(store.name)
    live = record.running(home, store.version)
    size = paths.size_of(home)
    if live is None:
        state, version = _at_rest(store, record.read(home))
        return StoreStatus(store.name, state, version, home, size, notes=store.notes)
    return StoreStatus(
        store=store.name,
        state="running" if store.answers(probes.LOOPBACK, live.port) else "starting",
        version=live.version,
        data=home,
        size=size,
        uri=store.uri(live.port),
        pid=live.pid,
        port=live.port,
        notes=store.notes,
    )


def _at_rest(store: Store, last: Record | None) -> tuple[State, str]:
    """The state and version of a store that does not run."""
    try:
        wanted = recipe(store.name)
        return "stopped" if wanted.fetched() else "not fetched", wanted.version
    except LocalStoreError:
        return "not fetched", last.version if last else store.version


def _alone(store: Store, home: Path, progress: Progress) -> AbstractContextManager[None]:
    return paths.only_one(home.with_name(f"{store.name}.lock"), store.name, progress)


def _at_once(
    stores: list[Store], work: Callable[[Store], Result], cancel: threading.Event
) -> list[Result | LocalStoreError]:
    """Do the work for all stores at the same time; one that cannot be done leaves its error in the list."""

    def attempt(store: Store) -> Result | LocalStoreError:
        try:
            return work(store)
        except LocalStoreError as error:
            return error

    with ThreadPoolExecutor(max(len(stores), 1), thread_name_prefix="local") as pool:
        try:
            return list(pool.map(attempt, stores))
        except BaseException:
            cancel.set()
            raise


def _raise_errors(outcomes: Iterable[object], effect: str) -> None:
    """Raise what went wrong, several errors as one, saying what went well."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, LocalStoreError)]
    if errors:
        hints = "; ".join(dict.fromkeys(error.hint for error in errors if error.hint))
        message = "\n".join(error.message for error in errors)
        raise LocalStoreError(message, hint=hints or None, effect=effect) from errors[0]
