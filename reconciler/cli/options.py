"""Options that commands share, and what a command needs to answer: stdout for the result, stderr for the rest."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.config.options import Options

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("text", "markdown", "json")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the shared options say. `verbosity`: -1 with `-q`, 1 with `-v`."""

    environment: str | None = None
    target: str | None = None
    schemas: Path | None = None
    config: Path | None = None
    services: tuple[str, ...] = ()
    start: bool = False
    cached: bool = True
    as_json: bool = False
    coloured: bool = True
    verbosity: int = 0

    @property
    def options(self) -> Options:
        """The same for `pipeline.load`."""
        from reconciler.config.options import Options

        return Options(
            config=self.config,
            environment=self.environment,
            schemas=self.schemas,
            target=self.target,
            service=self.services[0] if len(self.services) == 1 else None,
            start=self.start,
            cache=_cache() if self.cached else None,
        )

    @property
    def colour(self) -> bool:
        """Whether stdout is coloured."""
        return _colours(sys.stdout, self.coloured)

    @property
    def colour_err(self) -> bool:
        """Whether stderr is coloured."""
        return _colours(sys.stderr, self.coloured)

    def answer(self, text: Callable[[], str], data: Callable[[], Mapping[str, Any]]) -> None:
        """Print the result: as JSON where it is asked for."""
        from reconciler.render.json import dumps

        self.print(dumps(data()) if self.as_json else text())

    def print(self, text: str) -> None:
        """Print to stdout, colours as they are in the text."""
        click.echo(text, color=True)

    def say(self, text: str, level: int = 0) -> None:
        """Tell something on stderr. A reader who went away stops no work."""
        if self.verbosity >= level:
            with suppress(OSError):
                click.echo(text, err=True, color=True)


def _cache() -> Path:
    """Where parsed and lowered declarations are kept between runs: `RECONCILE_CACHE_HOME`, or the user's cache."""
    home = os.environ.get("RECONCILE_CACHE_HOME")
    if not home:
        import platformdirs

        home = platformdirs.user_cache_dir("reconcile")
    return Path(home) / "declarations"


def _colours(stream: Any, wanted: bool) -> bool:
    from reconciler.render.paint import colours

    return colours(stream, os.environ, wanted)


def shared(*, connects: bool = True, filters: bool = True) -> Callable[[F], F]:
    """Add the shared options; the command gets them as its first argument.

    `connects`: it opens connections. `filters`: it can be told services.
    """
    path = click.Path(path_type=Path)
    where = [
        click.option("--environment", "-e", metavar="NAME", help="Environment; 'local' unless configured."),
        click.option("--schemas", type=path, metavar="DIR", help="Folder of the declarations."),
        click.option("--config", type=path, metavar="FILE", help="reconcile.yaml; else the nearest one upwards."),
        click.option("--target", metavar="URL", help="One target by URL, without any reconcile.yaml."),
    ]
    anew = click.option(
        "--no-cache", "cached", flag_value=False, default=True, help="Read everything anew and keep nothing."
    )
    services = click.option(
        "--service", "services", multiple=True, metavar="NAME", help="Only this service; repeatable."
    )
    start = click.option("--start", is_flag=True, help="Start local stores that are down.")
    every = [*where, *([services] if filters else []), *([start] if connects else []), anew, *output_options()]

    def decorate(function: F) -> F:
        return _with(every, function)

    return decorate


def output(function: F) -> F:
    """Only the options about how to answer, for commands that need no project."""
    return _with(output_options(), function)


def output_options() -> list[Callable[[Any], Any]]:
    """`--json --no-color -q -v --debug`."""
    return [
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--no-color", "coloured", flag_value=False, default=True, help="No colours (also NO_COLOR)."),
        click.option("-q", "--quiet", is_flag=True, help="No progress, only the result and errors."),
        click.option("-v", "--verbose", is_flag=True, help="More about what is going on."),
        click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
    ]


def _with(options: list[Callable[[Any], Any]], function: F) -> F:
    @functools.wraps(function)
    def call(**given: Any) -> Any:
        verbosity = int(given.pop("verbose")) - int(given.pop("quiet"))
        names = [name for name in given if name in Shared.__dataclass_fields__]
        return function(Shared(verbosity=verbosity, **{name: given.pop(name) for name in names}), **given)

    decorated: Any = call
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def format_option(function: F) -> F:
    """`--format text|markdown|json`."""
    return click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="How to print the plan.")(
        function
    )
