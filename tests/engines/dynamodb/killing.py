"""An applier that is going to be killed: `python -m tests.engines.dynamodb.killing FOLDER ENDPOINT ACCESS_KEY PHASE`.

It tells all that happens on stdout, works in small pieces, and its lock is short, so that nobody waits long for it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from reconciler.engines.dynamodb import ENGINE, lease, limits
from reconciler.engines.dynamodb.migration import copying, segments, shards
from reconciler.model.step import Phase
from reconciler.planfile import store
from tests.engines.dynamodb.workshop import Workshop

LEASE_SECONDS = 2.0


def killed(shop: Workshop, phase: Phase, when: str) -> str:
    """Apply `plan.yaml` of the project elsewhere and kill that at the first line that holds `when`; that line.

    Returns once the lock that it held has run out.
    """
    arguments = [sys.executable, "-m", __name__, str(shop.folder), shop.endpoint, shop.access_key, phase.name]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as applier:
        assert applier.stdout is not None
        told = next((line for line in applier.stdout if when in line), "")
        applier.kill()
    assert told, f"it ended before {when!r}"
    time.sleep(LEASE_SECONDS + lease.SKEW_SECONDS + 1)
    return told


def main(folder: str, endpoint: str, access_key: str, phase: str) -> None:
    limits.LEASE_SECONDS, limits.HEARTBEAT_SECONDS = LEASE_SECONDS, 0.3
    copying.PAGE, copying.SLICE_SECONDS, segments.TELL_SECONDS, shards.BATCH = 100, 0.1, 0.0, 50
    shop = Workshop(Path(folder), endpoint, access_key)

    class Loud(list[Any]):
        def append(self, event: Any) -> None:
            print(event.state, event.step.title if event.step else "", event.message, flush=True)

    shop.events = Loud()
    shop.apply(store.read(Path(folder) / "plan.yaml", {"dynamodb": ENGINE}), through=Phase[phase])


if __name__ == "__main__":
    main(*sys.argv[1:])
