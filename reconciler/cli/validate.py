"""`reconcile validate`: check the declarations without any connection."""

from __future__ import annotations

import click

from reconciler.cli.options import Shared, shared


@click.command("validate")
@shared(connects=False, filters=False)
def command(shared: Shared) -> int:
    """Check every declaration: keys, types, names, references. Connects to nothing."""
    from reconciler import pipeline
    from reconciler.render.declared import validated_data, validated_text

    result = pipeline.validate(pipeline.load(shared.options))
    shared.answer(lambda: validated_text(result, colour=shared.colour), lambda: validated_data(result))
    return result.exit_code
