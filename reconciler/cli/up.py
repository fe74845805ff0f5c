"""`reconcile up`: have the real stores running on this computer, without Docker."""

from __future__ import annotations

import click


@click.command("up")
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(stores: tuple[str, ...], as_json: bool) -> None:
    """Start postgres, neo4j and dynamodb on loopback, or only those named, and leave them running.

    The first run downloads what is missing. Data and ports stay the same from run to run.
    """
    from dataclasses import asdict

    from reconciler.local import ALL, TerminalProgress, up
    from reconciler.local.table import as_table, printed

    instances = up(stores or ALL, progress=TerminalProgress())
    if as_json:
        click.echo(printed({"stores": [asdict(instance) for instance in instances]}))
        return
    rows = [(one.store, one.version, one.uri, "was running" if one.reused else "started") for one in instances]
    click.echo(as_table(("store", "version", "uri", ""), rows))
    click.echo("\nstop them with: " + " ".join(("reconcile down", *stores)))
