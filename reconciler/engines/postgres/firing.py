"""Event triggers that are live and fire on the statements of a plan: they may refuse them, slow them, or do more.

PostgreSQL documentation, "Event Trigger Firing Matrix": not on what belongs to the whole cluster, nor on themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reconciler.engines.postgres.kinds.event_trigger import EventTrigger
from reconciler.engines.postgres.operations import Sql
from reconciler.model.catalog import Catalog
from reconciler.model.hazard import Code
from reconciler.model.step import Draft

FIRES = frozenset({"enabled", "always"})
_COMMAND = re.compile(r"(?:CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|SECURITY|REFRESH)(?: [A-Z]+)*\b")
_BESIDE = re.compile(r" (?:OR REPLACE|UNIQUE|UNLOGGED|CONSTRAINT(?= TRIGGER))\b")
_NEVER = re.compile(r"\w+ (?:EVENT TRIGGER|DATABASE|ROLE|TABLESPACE)\b")


def notes(live: Catalog, drafts: Iterable[Draft]) -> Iterator[str]:
    """A sentence for each event trigger that fires on one of them."""
    triggers = [t for t in live.of_kind(EventTrigger) if t.state in FIRES]
    known = list(drafts) if triggers else []
    for trigger in triggers:
        found = sorted({tag for d in known for tag in _tags(trigger, d)})
        if found:
            shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
            yield (
                f"event trigger {trigger.address.name} runs {trigger.function} at {trigger.event} of steps of this plan"
                f" ({shown}): it may refuse them, or do more than they say"
            )


def _tags(trigger: EventTrigger, draft: Draft) -> Iterator[str]:
    """The commands of the draft that it fires on, as tags."""
    rewrites = any(h.code == Code.REWRITE.code for h in draft.hazards)
    for statement in draft.operation.statements if isinstance(draft.operation, Sql) else ():
        command = _command(statement)
        wanted = {
            "sql_drop": command.startswith("DROP") or " DROP " in statement,
            "table_rewrite": rewrites and command.startswith("ALTER"),
            "login": False,
        }.get(trigger.event, True)
        if command and wanted and (not trigger.tags or any(f"{command} ".startswith(f"{t} ") for t in trigger.tags)):
            yield " ".join(command.split()[:2])


def _command(statement: str) -> str:
    found = _COMMAND.match(statement)
    return "" if found is None or _NEVER.match(found[0]) else _BESIDE.sub("", found[0])
