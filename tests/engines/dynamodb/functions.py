"""What declarations of tests name as `module:function`."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from typing import Any

Item = dict[str, Any]


def upper(item: Item) -> Item:
    """The tenant in capitals, and how many attributes there were."""
    return {**item, "tenant": item["tenant"].upper(), "count": len(item)}


def forgetful(item: Item) -> Item:
    return {"tenant": item["tenant"], "id": "always the same"}


def failing(item: Item) -> Item:
    raise ValueError(f"a secret: {item}")


@cache
def processes() -> Executor:
    """Other processes, which get their work pickled, as those of a cluster do."""
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@cache
def cluster() -> Executor:
    """A Dask cluster of one worker in a process of its own, by the executor that its client gives."""
    distributed: Any = import_module("distributed")
    client = distributed.Client(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None)
    executor: Executor = client.get_executor()
    return executor
