"""`reconcile destroy`: take away all that the targets of a development environment hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Shared, shared

if TYPE_CHECKING:
    from reconciler.apply.destroy import Doomed


@click.command("destroy")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@shared()
def command(shared: Shared, auto_approve: bool) -> int:
    """Take away all that the targets of a development environment hold: graphs with their data, constraints, indexes.

    Only where the environment says `removal: destroy`. What is not a graph is left as it is, and told. Nothing brings
    back what is destroyed.
    """
    from reconciler import pipeline
    from reconciler.render import visible

    project = pipeline.load(shared.options)
    environment = project.environment.name

    def agreed(found: list[Doomed]) -> None:
        for target in found:
            shared.say(visible.line(_said(target)))
        if auto_approve or all(target.holds is None for target in found):
            return
        _ask(environment)

    gone = pipeline.destroy(project, shared.services, agreed, lambda text: shared.say(visible.line(text)))
    targets = [{"target": t.name, "destroyed": t.holds} for t in gone]
    shared.answer(
        lambda: "\n".join(
            f"{visible.line(t.name)}: {'left as it is' if t.holds is None else 'destroyed'}" for t in gone
        ),
        lambda: {"kind": "destroy", "version": 1, "environment": environment, "targets": targets},
    )
    return 0


def _said(target: Doomed) -> str:
    holds = "left as it is: reconcile destroys no store of this kind" if target.holds is None else target.holds
    return f"{target.name}  {target.label}  {holds}"


def _ask(environment: str) -> None:
    """The typed name of the environment, or Blocked."""
    from reconciler.errors import Blocked
    from reconciler.render import visible

    if not sys.stdin.isatty():
        raise Blocked("nobody is there to agree: standard input is no terminal", hint="add --auto-approve")
    said = f"Destroy all of this for good? Type the name of the environment, {visible.line(environment)}"
    if click.prompt(said, default="", show_default=False, err=True).strip() != environment:
        raise Blocked("nobody agreed to destroy it", hint="type the name of the environment in full")
