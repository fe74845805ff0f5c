"""`reconcile status`: what of the local stores runs, and where."""

from __future__ import annotations

import click


@click.command("status")
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(stores: tuple[str, ...], as_json: bool) -> None:
    """Show whether postgres, neo4j and dynamodb run on this computer, where, and where their data is."""
    from dataclasses import asdict

    from reconciler.local import ALL, status
    from reconciler.local.table import as_table, printed

    found = status(stores or ALL)
    if as_json:
        click.echo(printed({"stores": [asdict(one) for one in found]}))
        return
    rows = [
        (
            one.store,
            one.state,
            one.version,
            one.uri or "-",
            str(one.pid or "-"),
            f"{one.size / 1e6:.1f} MB",
            str(one.data),
        )
        for one in found
    ]
    click.echo(as_table(("store", "state", "version", "uri", "pid", "size", "data"), rows))
    for one in found:
        for note in one.notes:
            click.echo(f"! {one.store}: {note}")
