"""How a command ends that does not end well: one place that knows every way, and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import click

from reconciler.errors import ReconcileError
from reconciler.render import visible
from reconciler.render.failure import failure_data, failure_text, redacted, secrets_of
from reconciler.render.json import dumps
from reconciler.render.paint import colours

USAGE = 64
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports for a program that a closed pipe ended."""


def ended_by(error: BaseException, arguments: Sequence[str]) -> int:
    """Report an error on stderr (and, with `--json`, on stdout) and give the exit code."""
    match error:
        case BrokenPipeError():
            _silence_stdout()
            return BROKEN_PIPE
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case KeyboardInterrupt() | click.Abort():
            _say("interrupted" + ("; applying again goes on where this ended" if "apply" in arguments else ""))
            return INTERRUPTED
        case click.ClickException():
            return _usage(error, arguments)
        case ReconcileError():
            return _deliberate(error, arguments)
        case _:
            return _unexpected(error, arguments)


def _usage(error: click.ClickException, arguments: Sequence[str]) -> int:
    code = USAGE if isinstance(error, click.UsageError) else 1
    if type(error).__name__ == "NoArgsIsHelpError":  # of click 8.2 and later; its message is the help text
        _say(error.format_message())
        return code
    context = getattr(error, "ctx", None)
    told = redacted(error.format_message())
    if _as_json(arguments):
        data = {"code": "usage", "message": told, "hint": None, "where": None, "effect": "nothing was changed"}
        _print(dumps({"kind": "error", "version": 1, "exit_code": code, "errors": [data]}))
    _say(f"error: {visible.line(told)}")
    if context is not None:
        _say(f"  hint: {context.command_path} --help")
    return code


def _deliberate(error: ReconcileError, arguments: Sequence[str]) -> int:
    if _as_json(arguments):
        _print(dumps(failure_data(error)))
    _say(failure_text(error, colour=colours(sys.stderr, os.environ, "--no-color" not in arguments)))
    if _debug(arguments):
        _traceback(error, arguments)
    return error.exit_code


def _unexpected(error: BaseException, arguments: Sequence[str]) -> int:
    """An error nobody meant: its message may hold anything, so only its type is shown."""
    told = ReconcileError(
        f"unexpected {type(error).__name__}; this is a defect of reconcile",
        hint="run it again with --debug for the traceback; `reconcile plan` shows what is left to do",
        effect="whether anything was changed is not known",
    )
    return _deliberate(told, arguments) if not _debug(arguments) else _with_traceback(told, error, arguments)


def _with_traceback(told: ReconcileError, error: BaseException, arguments: Sequence[str]) -> int:
    _traceback(error, arguments)
    return _deliberate(told, [a for a in arguments if a != "--debug"])


def _traceback(error: BaseException, arguments: Sequence[str]) -> None:
    secrets = secrets_of(os.environ, arguments)
    for text in "".join(traceback.format_exception(error)).splitlines():
        _say(visible.line(redacted(text, secrets)))


def _debug(arguments: Sequence[str]) -> bool:
    return "--debug" in arguments or os.environ.get("RECONCILE_DEBUG", "0") not in ("", "0")


def _as_json(arguments: Sequence[str]) -> bool:
    """Read off the words themselves, since an error in them is an error before options are known."""
    pairs = pairwise(arguments)
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairs


def _say(text: str) -> None:
    with suppress(OSError):  # nobody listens any more
        click.echo(text, err=True, color=True)


def _print(text: str) -> None:
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError:
        _silence_stdout()


def _silence_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush finds an open file."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
