"""Options, environment variables and `reconcile.yaml` to a project; reads files, connects to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.config import file as config_file
from reconciler.config.adhoc import AdHocTarget, parse_target
from reconciler.config.connections import Connections
from reconciler.config.environment import AD_HOC, environment
from reconciler.config.file import NO_FILE
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.desired.heads import Heads, of_this_package
from reconciler.errors import ConfigError, DeclarationError, DeclarationErrors
from reconciler.model.engine import Engine

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

SNAPSHOTS = Path(".reconcile") / "snapshots"
"""Where snapshots are kept, unless `reconcile.yaml` says otherwise: beside it, or in the working folder."""
OUTSIDE_ENGINES = ("service", "depends_on")
"""Keys at the top of a declaration that are no engine."""


def load_project(
    options: Options, environ: Mapping[str, str], engines: Mapping[str, Engine], *, declared: bool = True
) -> Project:
    """The project. `declared` False reads no declarations: what `import` starts from.

    Raises ConfigError, and DeclarationErrors for files that break the schema.
    """
    options = options.completed(environ)
    proving = parse_target(options.scratch, environ, "scratch server") if options.scratch else None
    if options.target:
        return _ad_hoc(options, environ, engines, declared, proving)
    here = options.cwd or Path.cwd()
    path = options.config or config_file.find(here)
    file = config_file.read(path) if path is not None else NO_FILE
    name = options.environment or file.data.get("environment") or "local"
    schemas = options.schemas or _beside(path, here) / file.data.get("schemas", "schemas")
    documents = _documents(schemas, options.cache, engines) if declared else ()
    declares = _declares(documents, engines)
    services = _ordered(documents) if documents else (options.service,) if options.service else ()
    every = frozenset(f"{service}/{engine}" for service, names in declares.items() for engine in names)
    if options.service and documents:
        services = _chosen(options.service, services, schemas)
    declares = {s: declares.get(s, ()) for s in services}
    connections = Connections(name, file, environ)
    return Project(
        environment(name, file),
        schemas,
        documents,
        services,
        declares,
        engines,
        connections,
        proving=proving,
        start=options.start,
        cache=options.cache,
        every=every,
        snapshots=_beside(path, here) / file.data.get("snapshots", SNAPSHOTS),
    )


def _ad_hoc(
    options: Options,
    environ: Mapping[str, str],
    engines: Mapping[str, Engine],
    declared: bool,
    proving: AdHocTarget | None,
) -> Project:
    found = parse_target(options.target or "", environ)
    schemas = options.schemas or (options.cwd or Path.cwd()) / "schemas"
    documents = _documents(schemas, options.cache, engines) if declared else ()
    if declared:
        service = _only(options.service, documents, found.engine, schemas)
    else:
        service = options.service or found.suggested
    return Project(
        AD_HOC,
        schemas,
        documents,
        (service,),
        {service: (found.engine,)},
        engines,
        Connections(AD_HOC.name, NO_FILE, environ),
        found,
        proving,
        cache=options.cache,
        snapshots=(options.cwd or Path.cwd()) / SNAPSHOTS,
    )


def _beside(path: Path | None, here: Path) -> Path:
    return path.parent if path is not None else here


def _documents(schemas: Path, cache: Path | None, engines: Mapping[str, Engine]) -> tuple[Document, ...]:
    from reconciler.desired.documents import read_documents

    heads = Heads(cache, schemas)
    documents = read_documents(schemas, cache=cache, heads=heads)
    news = [d for d in documents if d.known is None or not _own(d, engines)]
    if news:
        from reconciler.desired.validate import Validator

        validator = Validator(_used(documents, engines))
        errors = [error for document in news for error in validator.errors(document)]
        if errors:
            raise DeclarationErrors(errors)
    heads.keep(documents)
    return documents


def _own(document: Document, engines: Mapping[str, Engine]) -> bool:
    """Whether all engines it has sections for are of this package: what `heads` knows of other ones may be old."""
    names = [k for k in document.head if k not in OUTSIDE_ENGINES]
    return all(k in engines and of_this_package(engines[k]) for k in names)


def _used(documents: tuple[Document, ...], engines: Mapping[str, Engine]) -> list[Engine]:
    """The engines that are declared; all of them where a key is none, so that the error can list what is known."""
    keys = {k for d in documents for k in d.head} - {*OUTSIDE_ENGINES}
    found = {k: engines[k] for k in sorted(keys) if k in engines}
    return list(found.values() if len(found) == len(keys) else engines.values())


def _declares(documents: tuple[Document, ...], engines: Mapping[str, Engine]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for document in documents:
        data = document.head
        found.setdefault(data["service"], set()).update(k for k in data if k not in OUTSIDE_ENGINES and k in engines)
    return {service: tuple(sorted(names)) for service, names in found.items()}


def _ordered(documents: tuple[Document, ...]) -> tuple[str, ...]:
    """Services, those that others depend on first, by name where nothing else decides."""
    needs: dict[str, set[str]] = {d.head["service"]: set() for d in documents}
    for document in documents:
        data = document.head
        for position, wanted in enumerate(data.get("depends_on") or ()):
            if wanted not in needs:
                raise DeclarationError(
                    f"{data['service']} depends on {wanted!r}, which no file declares",
                    hint=f"declared: {', '.join(sorted(needs))}",
                    where=document.span("depends_on", position),
                )
            needs[data["service"]].add(wanted)
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        raise DeclarationError(
            f"services depend on each other in a circle: {' → '.join(error.args[1])}",
            hint="remove one of these from `depends_on`",
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)


def _chosen(service: str, services: tuple[str, ...], schemas: Path) -> tuple[str, ...]:
    if service not in services:
        raise ConfigError(
            f"no service is called {service!r} in {schemas}", hint=f"declared there: {', '.join(services)}"
        )
    return (service,)


def _only(service: str | None, documents: tuple[Document, ...], engine: str, schemas: Path) -> str:
    """The service ad hoc mode means: the one that declares something for this engine."""
    names: list[str] = sorted({d.head["service"] for d in documents if engine in d.head})
    if not names:
        raise ConfigError(f"nothing in {schemas} has a section `{engine}:`", hint="name another folder with --schemas")
    if service is not None:
        return _chosen(service, tuple(names), schemas)[0]
    if len(names) > 1:
        raise ConfigError(
            f"{schemas} declares several services with a section `{engine}:`: {', '.join(names)}",
            hint="choose one with `--service NAME`",
        )
    return names[0]
