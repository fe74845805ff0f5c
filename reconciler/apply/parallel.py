"""Several targets at once: all are waited for, and all their errors are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from reconciler.errors import DeclarationError, DeclarationErrors, ReconcileError, Several

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    function: Callable[[T], R], items: Sequence[T], interrupted: Callable[[], None] = lambda: None
) -> list[R]:
    """`function` of each item, each in a thread of its own, in the order of the items.

    Waits for all of them, then raises what `raise_all` makes of their errors. On an interrupt, calls `interrupted`,
    goes on waiting, and raises KeyboardInterrupt in the end; a second interrupt is raised at once.
    """
    return started(function, items)(interrupted)


def started(function: Callable[[T], R], items: Sequence[T]) -> Callable[[Callable[[], None]], list[R]]:
    """Begin what `in_parallel` does; the result waits for it, and takes what is to be called on an interrupt."""
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def call(index: int, item: T) -> None:
        try:
            results[index] = function(item)
        except BaseException as error:  # raised again by the waiting thread, below
            errors[index] = error
        finally:
            ended[index].set()

    ended = [threading.Event() for _ in items]
    for pair in enumerate(items):
        threading.Thread(target=call, args=pair, daemon=True).start()

    def wait(interrupted: Callable[[], None]) -> list[R]:
        if _wait(ended, interrupted):
            raise KeyboardInterrupt
        raise_all([errors[i] for i in sorted(errors)])
        return [results[i] for i in range(len(items))]

    return wait


def one_by_one(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`function` of each item in this thread; like `in_parallel`, tells the errors of all items, not of the first."""
    results: list[R] = []
    errors: list[ReconcileError] = []
    for item in items:
        try:
            results.append(function(item))
        except ReconcileError as error:
            errors.append(error)
    raise_all(errors)
    return results


def raise_all(errors: Sequence[BaseException]) -> None:
    """Raise the first error that is none of ours, else the only one, else all as one; what is told twice, once."""
    ours: list[ReconcileError] = []
    for error in errors:
        if not isinstance(error, ReconcileError):
            raise error
        if (type(error), str(error)) not in {(type(e), str(e)) for e in ours}:
            ours.append(error)
    if len(ours) == 1:
        raise ours[0]
    if ours and all(isinstance(e, DeclarationError) for e in ours):
        raise DeclarationErrors(d for e in ours for d in _single(e))
    if ours:
        raise Several(ours)


def _single(error: ReconcileError) -> Sequence[DeclarationError]:
    if isinstance(error, DeclarationErrors):
        return error.errors
    return (error,) if isinstance(error, DeclarationError) else ()


def _wait(ended: Sequence[threading.Event], interrupted: Callable[[], None]) -> bool:
    """Wait for all; whether there was an interrupt.

    For events, not for the threads: before Python 3.13 an interrupted `Thread.join` takes the thread for ended
    (measured on 3.11: the command ended at once, in the midst of its steps).
    """
    patient = True
    while not all(event.is_set() for event in ended):
        try:
            for event in ended:
                event.wait()
        except KeyboardInterrupt:
            if not patient:
                raise
            patient = False
            interrupted()
    return not patient
