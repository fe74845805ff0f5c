"""`reconcile plan`: compare live and declared, and plan the difference."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Shared, format_option, shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.plan import Plan
    from reconciler.results import PlanResult


@click.command("plan")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the plan file."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@click.option(
    "--prove/--no-prove", default=None, help="Run the plan on a scratch database first; default with CI=true."
)
@click.option("--scratch", metavar="URL", help="Prove on this server, in a database made for that and dropped again.")
@format_option
@shared()
def command(
    shared: Shared, out: Path | None, detailed_exitcode: bool, prove: bool | None, scratch: str | None, form: str
) -> int:
    """Compare the live stores with the declarations and plan the difference. Changes nothing.

    With `-o FILE` the plan is written for review; `reconcile apply FILE` runs exactly that.

    With `--prove` the live schema is built on a throw-away server, the plan is run there and undone again. What does
    not come out as declared, or not back as it was, ends with 1, and so does what could not be tried. With CI=true this
    is done by default, and what could not be tried is only told.
    """
    from reconciler import pipeline

    project = pipeline.load(replace(shared.options, scratch=scratch))
    wanted = prove if prove is not None else bool(scratch) or _in_ci()
    stamped = out is not None or shared.as_json
    result = pipeline.make_plan(project, shared.services, stamped=stamped, prove=shared.say if wanted else None)
    failed = _proof_failed(shared, result, strict=bool(prove or scratch))
    if out is not None and not failed:
        from reconciler.planfile import store

        store.write(out, result.plan)
    shared.print(rendered(result.plan, form, shared, source=str(out or "PLAN"), labels=result.labels))
    if failed:
        shared.say("error: the plan is not proven" + (f"; {out} was not written" if out is not None else ""), -1)
        return 1
    if out is not None:
        shared.say(f"wrote {out}; to run exactly this: reconcile apply {out}")
    elif not result.plan.empty:
        shared.say("nothing was written; `-o FILE` keeps the plan for review and apply", level=1)
    return result.exit_code if detailed_exitcode else 0


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1", "yes")


def _proof_failed(shared: Shared, result: PlanResult, *, strict: bool) -> bool:
    """Tell how the proofs went; whether one of them makes the command fail."""
    if not result.plan.proofs:
        return False
    from reconciler.render.view import proof_text
    from reconciler.render.visible import line

    for proof in result.plan.proofs:
        bad = proof.refuted or (strict and proof.untried)
        took = f" ({result.proving.get(proof.target, 0.0):.1f} s)"
        shared.say(line(f"proof of {proof.target}{took}: {proof_text(proof)}"), -1 if bad else 0)
    return any(p.refuted or (strict and p.untried) for p in result.plan.proofs)


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
