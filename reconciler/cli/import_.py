"""`reconcile import`: declarations of what is live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from reconciler.cli.options import Shared, shared
from reconciler.errors import ConfigError


@click.command("import")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write one file a service."
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@shared()
def command(shared: Shared, out: Path | None, force: bool) -> int:
    """Write declarations of what is live, proven by reading them back and comparing again.

    Without `-o DIR` they are printed.
    """
    from reconciler import pipeline
    from reconciler.render.declared import imported_data, imported_text

    result = pipeline.import_live(pipeline.load(shared.options, declared=False), shared.services)
    written = write(result.files, out, force=force) if out is not None else {}
    if out is None and not shared.as_json:
        shared.print("---\n".join(result.files.values()).rstrip("\n"))
        shared.say(imported_text(result, written, colour=shared.colour_err))
    else:
        shared.answer(
            lambda: imported_text(result, written, colour=shared.colour), lambda: imported_data(result, written)
        )
    return result.exit_code


def write(files: Mapping[str, str], folder: Path, *, force: bool) -> dict[str, str]:
    """Write all files or none, and say where. Raises ConfigError for files that exist, unless forced."""
    paths = {name: folder / Path(name).name for name in files}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not force:
        raise ConfigError(
            f"not overwritten: {', '.join(there)}",
            hint="name another folder with `-o DIR`, or overwrite with --force",
            effect="nothing was written",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            path.write_text(files[name], encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}", effect="some files may be written") from None
    return {name: str(path) for name, path in paths.items()}
