"""The scenarios: one folder a case, found by looking.

<engine>/<kind>/<case>/
    live.yaml       the declaration that was applied before
    live.sql        optional: what no declaration says (an invalid index), run after it
    data.sql        optional: rows
    desired.yaml    the declaration to apply
    old.sql         optional: what code of the old version runs; all of it works until contract
    plan.yaml       the golden plan; `plan-17.yaml` is the one for servers up to 17, `plan-19.yaml` for 19
    case.yaml       optional: `server: 18`, the oldest that can run it; `pure: REASON`, why a plan without a
                    server would be another one; `undo: REASON`, why undoing does not bring everything back
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.desired.strictyaml import parse
from reconciler.model.catalog import Catalog
from tests.postgres.bench import declared
from tests.postgres.binaries import NEWEST

ROOT = Path(__file__).parent
OLDEST = 14


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.folder.relative_to(ROOT / "postgres").as_posix()

    @property
    def oldest(self) -> int:
        """The oldest server that can run it."""
        return int(self.settings.get("server", OLDEST))

    def catalog(self, name: str) -> Catalog:
        """What `live` or `desired` declares."""
        path = self.folder / f"{name}.yaml"
        return declared(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())

    def script(self, name: str) -> str:
        """`data.sql`, `old.sql` or `live.sql`; empty where there is none."""
        path = self.folder / f"{name}.sql"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def golden(self, major: int) -> Path:
        """The golden plan for a server: that of its version, of the next newer one that has its own, or that of all."""
        others = sorted(int(m[1]) for p in self.folder.iterdir() if (m := re.fullmatch(r"plan-(\d+)\.yaml", p.name)))
        fitting = [n for n in others if n == major or NEWEST > n >= major]
        return self.folder / (f"plan-{fitting[0]}.yaml" if fitting else "plan.yaml")


def _case(folder: Path) -> Case:
    path = folder / "case.yaml"
    settings = parse(path.read_text(encoding="utf-8"), str(path)) if path.exists() else {}
    assert isinstance(settings, dict)
    assert settings.keys() <= {"server", "pure", "undo"}, settings
    return Case(folder, settings)


CASES = [_case(p.parent) for p in sorted((ROOT / "postgres").rglob("desired.yaml"))]
PURE = [c for c in CASES if "pure" not in c.settings]
