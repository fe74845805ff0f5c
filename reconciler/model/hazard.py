"""Hazards: stable codes on the steps that carry a risk, put there by the rule that knows why."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Code(Enum):
    """The catalogue: code, what it means, and whether `apply` needs it approved by name (`--allow CODE`)."""

    DELETES_DATA = ("RC1101", "rows, values or items are deleted for good", True)
    MAY_FAIL = ("RC1102", "existing data may be refused, and the step fails without effect", False)
    LOSSY = ("RC1103", "values may be cut, rounded or refused by the conversion", True)
    REWRITE = ("RC1201", "the whole table is rewritten while nobody can read or write it", True)
    SCAN_UNDER_LOCK = ("RC1202", "the table is read from end to end while writers wait", True)
    INDEX_GAP = ("RC1203", "queries have no such index until the new one is built", True)
    OLD_WRITERS = ("RC1204", "code that writes as before may be refused from here on", False)
    OLD_READERS = ("RC1205", "code that reads as before breaks from here on", False)
    LOOSENS = ("RC1206", "a rule that data obeyed until now is no longer enforced", False)
    CONSUMERS_MOVE = ("RC1207", "consumers of the stream have to move to a new one", True)
    SECURITY = ("RC1301", "who may see or change data is different from here on", False)
    COST = ("RC1401", "the bill changes", False)

    def __init__(self, code: str, meaning: str, needs_approval: bool) -> None:
        self.code = code
        self.meaning = meaning
        self.needs_approval = needs_approval


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
