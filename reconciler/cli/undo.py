"""`reconcile undo`: take back what an applied plan did, the last step first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.apply import Progress, ask, codes, reviewed
from reconciler.cli.options import Shared, shared

if TYPE_CHECKING:
    from reconciler.results import StepEvent, UndoResult


SNAPSHOTS = ".jsonl.gz"
"""How the names of snapshots end."""


def _numbers(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> frozenset[int]:
    said = [text.strip() for each in given for text in each.split(",") if text.strip()]
    wrong = [text for text in said if not text.isdecimal()]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is no number of a step")
    return frozenset(map(int, said))


@click.command("undo")
@click.argument("file", metavar="PLAN|SNAPSHOT", type=click.Path(path_type=Path))
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--allow", multiple=True, callback=codes, metavar="CODES", help="Approve hazards: RC1101,RC1201 or '*'.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="STEP", help="Undo only the steps after this.")
@click.option("--leave", multiple=True, callback=_numbers, metavar="STEPS", help="What these steps did stays: 3,4.")
@click.option("--dry-run", is_flag=True, help="Only show what it would run.")
@shared()
def command(
    shared: Shared,
    file: Path,
    auto_approve: bool,
    allow: tuple[str, ...],
    after: int,
    leave: frozenset[int],
    dry_run: bool,
) -> int:
    """Undo what the plan of a file did, by the undo that its steps carry, the last one first.

    PLAN is the plan that was applied last, to its end or in part; the one before it can be undone next. What the undo
    runs is shown, and asks for a typed `yes`. A step that nothing takes back stops all of it before anything runs,
    unless --after or --leave limit it. In the end live is compared with what it was before the plan. An undo that is
    killed goes on when it is run again.

    SNAPSHOT is a file that `reconcile destroy` wrote: the graph in it is made again in the empty database.
    """
    if file.name.endswith(SNAPSHOTS):
        return _revive(shared, file, auto_approve)
    from reconciler import pipeline
    from reconciler.apply.undo import Limit
    from reconciler.render.undone import undo_text, undone_data, undone_text

    project, plan = reviewed(shared, file)
    progress: list[Progress] = []

    def shown(planned: UndoResult) -> None:
        progress.append(Progress(shared, len(planned.steps)))
        told = undo_text(planned, colour=shared.colour_err if shared.as_json else shared.colour)
        (shared.say if shared.as_json else shared.print)(told)

    def agreed(planned: UndoResult) -> None:
        if planned.steps and not auto_approve:
            ask("Do this", "undo", plan.environment)

    def listen(event: StepEvent) -> None:
        (progress[0] if progress else Progress(shared, 0))(event)

    limit = Limit(after, leave)
    if dry_run:
        found = pipeline.undo_preview(project, plan, limit=limit)
        shared.answer(lambda: undo_text(found, colour=shared.colour), lambda: undone_data(found))
        return found.exit_code
    result = pipeline.undo_plan(project, plan, shown, agreed, limit=limit, allow=allow, listen=listen)
    shared.answer(lambda: undone_text(result, colour=shared.colour), lambda: undone_data(result))
    return result.exit_code


def _revive(shared: Shared, file: Path, auto_approve: bool) -> int:
    from reconciler import pipeline
    from reconciler.render import visible

    about = pipeline.snapshot_about(file)
    options = replace(shared.options, environment=shared.environment or about.get("environment"))
    project = pipeline.load(shared.options if shared.target else options)
    told = f"make {about.get('what')} of {about.get('target')} again, {int(about['rows']):,} rows"
    shared.say(visible.line(f"{file}: {told}"))
    if not auto_approve:
        ask("Do this", "undo", project.environment.name)
    made = pipeline.revive(project, file, about, lambda text: shared.say(visible.line(text)))
    shared.answer(
        lambda: visible.line(f"{made.name}: made again: {made.holds}"),
        lambda: {"kind": "undo", "version": 1, "environment": project.environment.name, "outcome": "undone",
                 "snapshot": str(file), "target": made.name, "holds": made.holds},
    )  # fmt: skip
    return 0
