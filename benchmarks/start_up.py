"""How long `reconcile --help` takes, measured against `python -c pass` on the same machine.

    python benchmarks/start_up.py

Ends with 1 when it takes longer than three times an empty interpreter and 150 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

MAIN = "from reconciler.cli.main import main; main()"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "reconcile --help": ["-c", MAIN, "--help"],
    "reconcile plan --help": ["-c", MAIN, "plan", "--help"],
    "reconcile explain RC1101": ["-c", MAIN, "explain", "RC1101"],
}
ROUNDS = 15


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> int:
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):  # in turns, so that a busy moment hits all of them
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    middle = {name: statistics.median(values) for name, values in taken.items()}
    empty = middle["python -c pass"]
    for name, value in middle.items():
        print(f"{name:<26} {value * 1000:7.1f} ms  {value / empty:4.1f} x")
    limit = 3 * empty + 0.150
    print(f"limit for reconcile --help {limit * 1000:7.1f} ms")
    return int(middle["reconcile --help"] > limit)


if __name__ == "__main__":
    sys.exit(main())
