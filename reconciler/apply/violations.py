"""Data that a step would refuse, in words."""

from __future__ import annotations

from reconciler.errors import Blocked
from reconciler.model.step import Probe, Violations


def violation(probe: Probe, found: Violations) -> str:
    """How many, a sample, and the query that finds all of them."""
    if found.unknown:
        return unknown(probe, found)
    return f"{_counted(probe, found)}; find them with: {_in_a_line(probe)}"


def unknown(probe: Probe, found: Violations) -> str:
    """What nobody could ask, and why."""
    return f"not known whether {probe.message}: {found.unknown}; the step itself finds out"


def violated(probe: Probe, found: Violations) -> Blocked:
    """The error for data that a step would refuse; which step that is, whoever tells it says."""
    return Blocked(
        _counted(probe, found),
        hint=f"correct the data, then apply the same plan again; find it with: {_in_a_line(probe)}",
    )


def _counted(probe: Probe, found: Violations) -> str:
    sample = f", such as {', '.join(found.sample)}" if found.sample else ""
    return f"{found.count} × {probe.message}{sample}"


def _in_a_line(probe: Probe) -> str:
    return probe.query.replace("\n", " ")
