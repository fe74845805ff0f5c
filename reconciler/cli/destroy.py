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
@click.option("--no-snapshot", is_flag=True, help="Keep nothing: then nothing brings it back.")
@shared()
def command(shared: Shared, auto_approve: bool, no_snapshot: bool) -> int:
    """Take away all that the targets of a development environment hold: graphs with their data, constraints, indexes.

    Only where the environment says `removal: destroy`. What is not a graph is left as it is, and told. A snapshot of
    each graph is written first, and `reconcile undo SNAPSHOT` makes it again.
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

    def tell(text: str) -> None:
        shared.say(visible.line(text))

    gone = pipeline.destroy(project, shared.services, agreed, tell, keep=not no_snapshot)
    targets = [{"target": t.name, "destroyed": t.holds, "snapshot": t.kept or None} for t in gone]
    shared.answer(
        lambda: "\n".join(visible.line(_ended(t)) for t in gone),
        lambda: {"kind": "destroy", "version": 1, "environment": environment, "targets": targets},
    )
    return 0


def _said(target: Doomed) -> str:
    holds = "left as it is: reconcile destroys no store of this kind" if target.holds is None else target.holds
    return f"{target.name}  {target.label}  {holds}"


def _ended(target: Doomed) -> str:
    if target.holds is None:
        return f"{target.name}: left as it is"
    return f"{target.name}: destroyed" + (f"; reconcile undo {target.kept}" if target.kept else "")


def _ask(environment: str) -> None:
    """The typed name of the environment, or Blocked."""
    from reconciler.errors import Blocked
    from reconciler.render import visible

    if not sys.stdin.isatty():
        raise Blocked("nobody is there to agree: standard input is no terminal", hint="add --auto-approve")
    said = f"Destroy all of this? Type the name of the environment, {visible.line(environment)}"
    if click.prompt(said, default="", show_default=False, err=True).strip() != environment:
        raise Blocked("nobody agreed to destroy it", hint="type the name of the environment in full")
