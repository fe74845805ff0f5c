"""`reconcile import`: declarations of what is live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Shared, shared
from reconciler.errors import ConfigError

if TYPE_CHECKING:
    from reconciler.config.project import Project


@click.command("import")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write the files there."
)
@click.option("--one-file", is_flag=True, help="One file a service, however long.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option(
    "--from",
    "sources",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    metavar="PATH",
    help="Read a file of another tool, or a folder of them, instead of what is live; repeatable.",
)
@click.option("--given", multiple=True, metavar="NAME=VALUE", help="A value that such a file leaves open; repeatable.")
@shared()
def command(
    shared: Shared, out: Path | None, one_file: bool, force: bool, sources: tuple[Path, ...], given: tuple[str, ...]
) -> int:
    """Write declarations of what is live, proven by reading them back and comparing again.

    With `--from PATH` they say what another tool declares, and no store is asked: CloudFormation templates (of CDK and
    SAM too), states or plans of Terraform as JSON, Cypher scripts of constraints and indexes, catalogs of
    neo4j-migrations. `plan` then shows how the live store differs, and is empty where it does not.

    Without `-o DIR` they are printed. A service that is long becomes a folder, with a file for each kind of object or
    for each object.
    """
    from reconciler import pipeline
    from reconciler.render.declared import imported_data, imported_text

    folders = out is not None and not one_file
    project = pipeline.load(shared.options, declared=False)
    if sources:
        result = pipeline.import_files(project, sources, _service(project), _values(given), folders=folders)
    else:
        result = pipeline.import_live(project, shared.services, folders=folders)
    written = write(result.files, out, force=force) if out is not None else {}
    if out is None and not shared.as_json:
        shared.print("---\n".join(result.files.values()).rstrip("\n"))
        shared.say(imported_text(result, written, colour=shared.colour_err))
    else:
        shared.answer(
            lambda: imported_text(result, written, colour=shared.colour), lambda: imported_data(result, written)
        )
    return result.exit_code


def _service(project: Project) -> str:
    """The one that the files are of. Raises ConfigError."""
    if len(project.services) != 1:
        raise ConfigError("an import from files is of one service", hint="name it with `--service NAME`")
    return project.services[0]


def _values(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` as a mapping. Raises ConfigError."""
    pairs = [text.partition("=") for text in given]
    wrong = next((name for name, mark, _ in pairs if not (name and mark)), None)
    if wrong is not None:
        raise ConfigError(f"--given {wrong!r} is no NAME=VALUE", hint="such as --given Stage=prod")
    return {name: value for name, _, value in pairs}


def write(files: Mapping[str, str], folder: Path, *, force: bool) -> dict[str, str]:
    """Write all files or none, and say where. Raises ConfigError for files that exist, unless forced, and for others of
    the same services in the folders that would be written: what they declare may be gone.
    """
    paths = {name: folder / name for name in files}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not force:
        raise ConfigError(
            f"not overwritten: {_some(there)}",
            hint="name another folder with `-o DIR`, or overwrite with --force",
            effect="nothing was written",
        )
    services = sorted({Path(name).parts[0].removesuffix(".yaml") for name in files})
    beside = (p for s in services for p in (folder / f"{s}.yaml", *sorted((folder / s).rglob("*.yaml"))))
    stale = [str(path) for path in beside if path not in paths.values() and path.exists()]
    if stale:
        raise ConfigError(
            f"files of an earlier import would stay beside the new ones: {_some(stale)}",
            hint="remove them first, or name another folder with `-o DIR`",
            effect="nothing was written",
        )
    try:
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}", effect="some files may be written") from None
    return {name: str(path) for name, path in paths.items()}


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(paths[:5]) + more
