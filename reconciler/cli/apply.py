"""`reconcile apply`: run a plan file; or plan, show, ask, and run."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Shared, shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.config.project import Project
    from reconciler.model.plan import Plan
    from reconciler.model.step import Phase
    from reconciler.results import StepEvent

PHASES = ("expand", "migrate", "contract")
_CODE = re.compile(r"\*|RC\d{4}")


def codes(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """The hazard codes of an option. Raises BadParameter."""
    said = tuple(code.strip().upper() for text in given for code in text.split(",") if code.strip())
    wrong = [code for code in said if not _CODE.fullmatch(code)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is no hazard code such as RC1101, nor '*'")
    return said


@click.command("apply")
@click.argument("file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@click.option("--auto-approve", is_flag=True, help="Without a plan file: do not ask.")
@click.option("--allow", multiple=True, callback=codes, metavar="CODES", help="Approve hazards: RC1101,RC1201 or '*'.")
@click.option("--through", "--phase", "through", type=click.Choice(PHASES), help="Run up to and including this phase.")
@shared()
def command(shared: Shared, file: Path | None, auto_approve: bool, allow: tuple[str, ...], through: str | None) -> int:
    """Run exactly the plan of a file, in the environment it was made for.

    Without a file: plan, show the plan, ask for a typed `yes`, and run it. A plan that is killed half-way goes on where
    it was when it is applied again. Where an environment stops before contract, `--phase contract` goes on.
    """
    from reconciler import pipeline
    from reconciler.model.step import Phase
    from reconciler.render.applied import applied_data, applied_text

    last = Phase[through.upper()] if through else None
    if file is not None:
        project, plan = reviewed(shared, file)
    else:
        project, plan = _planned(shared)
        _check_hazards(project, plan, allow, last)
        if not plan.empty and not auto_approve:
            ask(
                "Apply this",
                "plan",
                plan.environment,
                "; or write the plan with `reconcile plan -o FILE` and apply the file",
            )
    listen = Progress(shared, len(plan.steps))
    result = pipeline.apply_plan(project, plan, through=last, allow=allow, listen=listen)
    shared.answer(
        lambda: applied_text(result, source=str(file or ""), colour=shared.colour), lambda: applied_data(result)
    )
    return result.exit_code


def reviewed(shared: Shared, file: Path) -> tuple[Project, Plan]:
    """The plan of a file and its project: the plan itself says which environment it is for."""
    from reconciler import pipeline
    from reconciler.config.environment import AD_HOC
    from reconciler.engines import engines
    from reconciler.errors import ConfigError
    from reconciler.planfile import store

    plan = store.read(file, engines())
    if plan.environment == AD_HOC.name and not (shared.target or os.environ.get("RECONCILE_TARGET")):
        raise ConfigError(
            f"{file} was planned with --target", hint="name the same --target URL and --schemas DIR again"
        )
    environment = shared.environment or os.environ.get("RECONCILE_ENVIRONMENT") or plan.environment
    return pipeline.load(replace(shared.options, environment=environment)), plan


def _planned(shared: Shared) -> tuple[Project, Plan]:
    """A fresh plan, shown: on stdout, or on stderr where stdout is for JSON."""
    from reconciler import pipeline
    from reconciler.render.terminal import plan_text

    project = pipeline.load(shared.options)
    made = pipeline.make_plan(project, shared.services, stamped=True)
    if shared.as_json:
        shared.say(plan_text(made.plan, colour=shared.colour_err, labels=made.labels))
    else:
        shared.print(plan_text(made.plan, colour=shared.colour, labels=made.labels))
    return project, made.plan


def _check_hazards(project: Project, plan: Plan, allow: tuple[str, ...], last: Phase | None) -> None:
    """Refuse before asking what would be refused after."""
    from reconciler.apply.guard import check_hazards

    end = last or (plan.phases[-1] if plan.phases else None)
    stop = plan.stop_before if last is None else None
    steps = [s for s in plan.steps if end is not None and s.phase <= end and (stop is None or s.phase < stop)]
    check_hazards(steps, project.environment.allow | {*allow})


def ask(what: str, noun: str, environment: str, else_: str = "") -> None:
    """A typed `yes`, or Blocked."""
    from reconciler.errors import Blocked
    from reconciler.render import visible

    if not sys.stdin.isatty():
        raise Blocked(
            f"nobody is there to approve the {noun}: standard input is no terminal",
            hint=f"add --auto-approve{else_}",
        )
    said = f"{what} to {visible.line(environment)}? Only 'yes' does"
    if click.prompt(said, default="", show_default=False, err=True).strip() != "yes":
        raise Blocked(f"the {noun} was not approved", hint="type yes in full to approve")


class Progress:
    """Prints the events of an apply or an undo to stderr, with how long each step took."""

    def __init__(self, shared: Shared, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._total = total
        self._clock = clock
        self._began: dict[int, float] = {}
        self._colour = shared.colour_err

    def __call__(self, event: StepEvent) -> None:
        """One event; `locked` only with `-v`."""
        from reconciler.render.applied import event_text

        took = None
        if event.step is not None and event.state == "started":
            self._began[event.step.id] = self._clock()
        elif event.step is not None and event.state in ("done", "failed"):
            began = self._began.pop(event.step.id, None)
            took = None if began is None else self._clock() - began
        level = 1 if event.state == "locked" else -1 if event.state == "failed" else 0
        self._shared.say(event_text(event, self._total, took=took, colour=self._colour), level)
