"""`reconcile down`: stop the local stores."""

from __future__ import annotations

import click


@click.command("down")
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--purge", is_flag=True, help="Delete the data as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(stores: tuple[str, ...], purge: bool, as_json: bool) -> None:
    """Stop postgres, neo4j and dynamodb, or only those named. Their data stays for the next `reconcile up`."""
    from reconciler.local import ALL, TerminalProgress, down
    from reconciler.local.table import printed

    stopped = down(stores or ALL, purge=purge, progress=TerminalProgress())
    if as_json:
        click.echo(printed({"stopped": stopped, "purged": list(stores or ALL) if purge else []}))
        return
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    if purge:
        click.echo(f"deleted the data of: {', '.join(stores or ALL)}")
