"""Hazards: stable codes on the steps that carry a risk, put there by the rule that knows why."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Code(Enum):
    """The catalogue: code, what it means, whether `apply` needs it approved by name (`--allow CODE`), what to do."""

    DELETES_DATA = (
        "RC1101",
        "rows, values or items are deleted for good",
        True,
        "keep what is still needed elsewhere first; nothing brings it back",
    )
    MAY_FAIL = (
        "RC1102",
        "existing data may be refused, and the step fails without effect",
        False,
        "correct the data that the step finds, then apply the same plan again",
    )
    LOSSY = (
        "RC1103",
        "values may be cut, rounded or refused by the conversion",
        True,
        "look for such values first, or declare a new column beside the old one and move them",
    )
    REWRITE = (
        "RC1201",
        "the whole table is rewritten while nobody can read or write it",
        True,
        "apply when the table can be missed for as long as that takes, or declare a new column beside the old one",
    )
    SCAN_UNDER_LOCK = (
        "RC1202",
        "the table is read from end to end while writers wait",
        True,
        "apply when writers can wait for as long as reading the table takes",
    )
    INDEX_GAP = (
        "RC1203",
        "queries have no such index until the new one is built",
        True,
        "declare the new one under another name, apply, move the queries to it, then take the old one out",
    )
    OLD_WRITERS = (
        "RC1204",
        "code that writes as before may be refused from here on",
        False,
        "deploy code that obeys the new rule before the step runs",
    )
    OLD_READERS = (
        "RC1205",
        "code that reads as before breaks from here on",
        False,
        "deploy code that no longer needs the old form before the step runs",
    )
    LOOSENS = (
        "RC1206",
        "a rule that data obeyed until now is no longer enforced",
        False,
        "see that nothing relies on the rule any more",
    )
    CONSUMERS_MOVE = (
        "RC1207",
        "consumers of the stream have to move to a new one",
        True,
        "let consumers read the old stream to its end, then move them to the new one",
    )
    WRITERS_MOVE = (
        "RC1208",
        "writers have to stop before the step, and to use the new table after it",
        True,
        "stop what writes to the old table, apply the step, and start the code that uses the new one",
    )
    SECURITY = (
        "RC1301",
        "who may see or change data is different from here on",
        False,
        "have whoever answers for access look at the step",
    )
    COST = ("RC1401", "the bill changes", False, "compare the prices with what is used")
    LONG_COPY = (
        "RC1402",
        "copying takes so long, or costs so much, that another way is better",
        True,
        "export the table to S3 and import it from there, or give the copy more capacity",
    )

    def __init__(self, code: str, meaning: str, needs_approval: bool, advice: str) -> None:
        self.code = code
        self.meaning = meaning
        self.needs_approval = needs_approval
        self.advice = advice


BY_CODE = {c.code: c for c in Code}


class Hazard(NamedTuple):
    """A hazard of one step: a code of the catalogue, and what it means just here."""

    code: str
    message: str

    @property
    def needs_approval(self) -> bool:
        """Whether `apply` refuses the step until the code is approved. Unknown codes do: caution is the default."""
        known = BY_CODE.get(self.code)
        return known is None or known.needs_approval


def hazard(code: Code, message: str) -> Hazard:
    """A hazard with a code of the catalogue."""
    return Hazard(code.code, message)
