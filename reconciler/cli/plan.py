"""`reconcile plan`: compare live and declared, and plan the difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Shared, format_option, shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.plan import Plan


@click.command("plan")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the plan file."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@format_option
@shared()
def command(shared: Shared, out: Path | None, detailed_exitcode: bool, form: str) -> int:
    """Compare the live stores with the declarations and plan the difference. Changes nothing.

    With `-o FILE` the plan is written for review; `reconcile apply FILE` runs exactly that.
    """
    from reconciler import pipeline

    project = pipeline.load(shared.options)
    result = pipeline.make_plan(project, shared.services, stamped=out is not None or shared.as_json)
    if out is not None:
        from reconciler.planfile import store

        store.write(out, result.plan)
    shared.print(rendered(result.plan, form, shared, source=str(out or "PLAN"), labels=result.labels))
    if out is not None:
        shared.say(f"wrote {out}; to run exactly this: reconcile apply {out}")
    elif not result.plan.empty:
        shared.say("nothing was written; `-o FILE` keeps the plan for review and apply", level=1)
    return result.exit_code if detailed_exitcode else 0


def rendered(
    plan: Plan, form: str, shared: Shared, *, source: str = "PLAN", labels: Mapping[str, str] | None = None
) -> str:
    """A plan in one of the formats; `--json` means `--format json`."""
    if shared.as_json or form == "json":
        from reconciler.render.json import plan_json

        return plan_json(plan)
    if form == "markdown":
        from reconciler.render.markdown import plan_markdown

        return plan_markdown(plan, source=source)
    from reconciler.render.terminal import plan_text

    return plan_text(plan, colour=shared.colour, labels=labels)
