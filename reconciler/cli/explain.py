"""`reconcile explain`: what a hazard or error code means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from reconciler.cli.options import Shared, output


@click.command("explain")
@click.argument("code", required=False)
@output
def command(shared: Shared, code: str | None) -> int:
    """Say what a hazard or error code means; without CODE, all of them."""
    from reconciler.errors import ConfigError

    known = {entry["code"]: entry for entry in entries()}
    if code is not None and code.upper() not in known:
        raise ConfigError(f"no code {code!r}", hint="`reconcile explain` lists all of them")
    wanted = [known[code.upper()]] if code is not None else list(known.values())
    shared.answer(lambda: "\n".join(map(_text, wanted)), lambda: {"kind": "codes", "version": 1, "codes": wanted})
    return 0


def entries() -> Iterator[dict[str, Any]]:
    """Every code with its meaning: errors, then hazards."""
    from reconciler.errors import ReconcileError
    from reconciler.model.hazard import Code

    seen = set()
    for error in _tree(ReconcileError):
        if error.code not in seen:
            seen.add(error.code)
            meaning = (error.__doc__ or "").split("\n")[0]
            yield {"code": error.code, "kind": "error", "meaning": meaning, "exit_code": error.exit_code}
    for hazard in Code:
        yield {
            "code": hazard.code,
            "kind": "hazard",
            "meaning": hazard.meaning,
            "needs_approval": hazard.needs_approval,
            "advice": hazard.advice,
        }


def _tree(error: type[Any]) -> Iterator[type[Any]]:
    yield error
    for below in error.__subclasses__():
        yield from _tree(below)


def _text(entry: dict[str, Any]) -> str:
    if entry["kind"] == "error":
        return f"{entry['code']}  error, exit code {entry['exit_code']}: {entry['meaning']}"
    approval = f"; apply needs --allow {entry['code']}" if entry["needs_approval"] else ""
    return f"{entry['code']}  hazard: {entry['meaning']}{approval}\n        {entry['advice']}"
