"""`reconcile drift`: what changed behind the declarations' back."""

from __future__ import annotations

import click

from reconciler.cli.options import Shared, shared


@click.command("drift")
@shared()
def command(shared: Shared) -> int:
    """Report every resource that lives otherwise than it is declared. Changes nothing.

    Exits with 2 when something drifted or could not be compared, so that a cron job notices.
    """
    from reconciler import pipeline
    from reconciler.render.drift import drift_data, drift_text

    result = pipeline.drift(pipeline.load(shared.options), shared.services)
    shared.answer(lambda: drift_text(result, colour=shared.colour), lambda: drift_data(result))
    if any(f.cause != "declaration" for f in result.findings):
        shared.say("to bring it back: reconcile plan; to keep it: edit the declarations")
    elif result.findings:
        shared.say("only the declarations changed: reconcile plan shows what they would do")
    return result.exit_code
