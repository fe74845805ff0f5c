"""The entry point: finds the command, and turns whatever ends it into a message and an exit code (DESIGN section 10).

Nothing but click is imported here: `reconcile --help` has to answer at once, so commands and everything below them are
imported when they run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from reconciler import __version__

COMMANDS = {
    "init": ("init", "Write a first reconcile.yaml and an example declaration."),
    "validate": ("validate", "Check the declarations without any connection."),
    "plan": ("plan", "Compare live and declared, and plan the difference."),
    "show": ("show", "Show a plan file."),
    "apply": ("apply", "Run a plan file, or plan, ask and run."),
    "undo": ("undo", "Undo what an applied plan did, the last step first."),
    "drift": ("drift", "Report what changed behind the declarations' back."),
    "import": ("import_", "Write declarations of what is live."),
    "destroy": ("destroy", "Take away all that a development environment holds."),
    "explain": ("explain", "Say what a hazard or error code means."),
    "up": ("up", "Start the local stores."),
    "down": ("down", "Stop the local stores."),
    "status": ("status", "Show the local stores."),
}
"""Command → its module in this package, which has a `command`, and its line in the list of commands."""


class Commands(click.Group):
    """The commands by name, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"reconciler.cli.{COMMANDS[cmd_name][0]}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of an argument list. Names a similar one where there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table above: importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group("reconcile", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconcile")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks (also RECONCILE_DEBUG=1).")
def cli() -> None:
    """Declarative, reviewable schema changes across PostgreSQL, DynamoDB and Neo4j.

    Each service declares its schema in YAML. `plan` compares it with the live stores and writes one reviewable file;
    `apply` runs exactly that file; `drift` tells when a store moved on its own.

    Exit codes: 0 fine, 2 changes or drift, 1 error, 3 blocked, 4 lock busy, 5 stale plan, 6 partly applied, 64 usage,
    130 interrupted.
    """


def main() -> NoReturn:
    """The `reconcile` executable."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show → still shows something
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code. Raises nothing."""
    if "_RECONCILE_COMPLETE" in os.environ:
        cli.main(list(arguments), prog_name="reconcile")  # a shell asks for completions
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
        return code
    except BaseException as error:
        from reconciler.cli.ending import ended_by

        return ended_by(error, arguments)


def _invoke(arguments: list[str]) -> int:
    try:
        with cli.make_context("reconcile", arguments) as context:
            code = cli.invoke(context)
            return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ended:  # after `--help` and `--version`
        return ended.exit_code
