"""`reconcile show`: a plan file for people and programs."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import Shared, format_option, output


@click.command("show")
@click.argument("file", metavar="PLAN", type=click.Path(path_type=Path))
@format_option
@output
def command(shared: Shared, file: Path, form: str) -> int:
    """Show a plan file. Connects to nothing, and refuses a file that was edited.

    `--format markdown` is made for a pull request comment: at most 65,536 characters, hazards first.
    """
    from reconciler.cli.plan import rendered
    from reconciler.engines import engines
    from reconciler.planfile import store

    shared.print(rendered(store.read(file, engines()), form, shared, source=str(file)))
    return 0
