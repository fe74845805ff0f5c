"""From live to declarations: inspect → lift → text, and back again as the proof that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reconciler.apply.parallel import in_parallel
from reconciler.apply.survey import opened
from reconciler.desired.documents import Document
from reconciler.desired.layout import laid_out, one_file
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.desired.validate import Validator
from reconciler.diff.structural import diff
from reconciler.errors import ConfigError, DeclarationErrors, ReconcileError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.engine import Adopting, Engine, Target, Translating
from reconciler.model.plan import PlannedChange
from reconciler.model.resource import Resource
from reconciler.planner.expand import shown
from reconciler.results import ImportResult

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.config.project import Project


@dataclass(frozen=True, slots=True)
class _Imported:
    target: Target
    section: Mapping[str, Any]
    count: int
    unmanaged: tuple[Unmanaged, ...]
    deferred: tuple[Deferred, ...]
    differences: tuple[PlannedChange, ...]


def import_targets(project: Project, services: Iterable[str], *, folders: bool) -> ImportResult:
    """One file a service; with `folders` a long one in several, as `layout` says.

    Raises ConfigError where no service is named or none of its stores is known.
    """
    found = in_parallel(lambda t: _import(project, t), _targets(project, tuple(services) or project.services))
    sections: dict[str, dict[str, Any]] = {}
    for imported in found:
        sections.setdefault(imported.target.service, {})[imported.target.engine] = imported.section
    labels = {s: ", ".join(i.target.label for i in found if i.target.service == s) for s in sections}
    return ImportResult(
        files={
            file: f"# Imported from {labels[service]}\n{text}"
            for service, said in sections.items()
            for file, text in _files(project, service, said, folders=folders).items()
        },
        resources={i.target.name: i.count for i in found},
        unmanaged=tuple(sorted(u for i in found for u in i.unmanaged)),
        deferred=tuple(sorted(d for i in found for d in i.deferred)),
        differences=tuple(d for i in found for d in i.differences),
    )


def import_files(
    project: Project, files: Iterable[Path], service: str, given: Mapping[str, str], *, folders: bool
) -> ImportResult:
    """One service of what files of other tools declare, each read by every engine that understands such.

    Raises ConfigError for files that cannot be read or that nobody understands, and where they hold nothing.
    """
    sections: dict[str, Mapping[str, Any]] = {}
    resources: dict[str, int] = {}
    deferred: list[Deferred] = []
    differences: list[PlannedChange] = []
    for engine in (e for e in project.engines.values() if isinstance(e, Translating)):
        target = Target(service, engine.name, project.environment.name, {})
        found = _merged(project, engine, service, files, given)
        deferred += found.deferred
        if not found.resources:
            continue
        sections[engine.name] = lift(engine, _said(engine, found, project))
        desired = _lowered(project, engine, target, sections[engine.name])
        differences += _differences(engine, desired, found)
        resources[target.name] = len(found.resources)
    if not sections and not deferred:
        raise ConfigError("the files declare nothing that an engine knows", hint="see `reconcile import --help`")
    names = ", ".join(path.name for path in files)
    written = {
        file: f"# Imported from {names}\n{text}"
        for file, text in (_files(project, service, sections, folders=folders) if sections else {}).items()
    }
    return ImportResult(written, resources, deferred=tuple(sorted(deferred)), differences=tuple(differences))


def _merged(
    project: Project, engine: Translating, service: str, files: Iterable[Path], given: Mapping[str, str]
) -> Catalog:
    """The catalogs of all files as one; the same resource in two files is an error."""
    catalogs = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from None
        catalogs.append(engine.translated(text, str(path), service, project.naming(service), given))
    whole: dict[Address, Resource] = {}
    for catalog in catalogs:
        twice = sorted(str(a) for a in whole.keys() & catalog.resources.keys())
        if twice:
            raise ConfigError(f"two of the files declare {twice[0]}", hint="import one of them")
        whole |= catalog.resources
    first = catalogs[0]
    return Catalog(service, first.engine, whole, deferred=tuple(d for c in catalogs for d in c.deferred))


def _said(engine: Engine, live: Catalog, project: Project) -> Catalog:
    """What is live, with what this environment's declarations have to say beyond that."""
    return engine.adopted(live, project.environment.policy) if isinstance(engine, Adopting) else live


def _targets(project: Project, services: tuple[str, ...]) -> list[Target]:
    """The stores of the services: those declared, or of ad hoc mode; else all that a connection is known of."""
    if not services:
        raise ConfigError("import needs to know for which service", hint="name it with `--service NAME`")
    found: list[Target] = []
    for service in services:
        declared = project.declares.get(service, ())
        errors: list[ReconcileError] = []
        before = len(found)
        for engine in declared or project.engines:
            try:
                found.append(project.connect(service, engine))
            except ReconcileError as error:
                if declared:
                    raise
                errors.append(error)
        if len(found) == before and errors:
            raise errors[0]
    return found


def _import(project: Project, target: Target) -> _Imported:
    engine = project.engines[target.engine]
    with opened(engine, target) as session:
        live = session.inspect(project.scope(target.service, target.engine, whole=True))
        section = lift(engine, _said(engine, live, project))
        desired = session.canonicalise(_lowered(project, engine, target, section), live)
        return _Imported(
            target,
            section,
            len(live.resources),
            live.unmanaged,
            (*live.deferred, *desired.deferred),
            _differences(engine, desired, live),
        )


def _lowered(project: Project, engine: Engine, target: Target, section: Mapping[str, Any]) -> Catalog:
    """What the files say, in the layout that is the most spread out."""
    files = _files(project, target.service, {target.engine: section}, folders=True)
    documents = [Document(f, text, parse(text, f), sha256(text.encode()).hexdigest()) for f, text in files.items()]
    validator = Validator([engine])
    errors = [error for document in documents for error in validator.errors(document)]
    if errors:
        raise DeclarationErrors(errors)
    return lower(engine, documents, target.service, project.environment.policy, project.naming(target.service))


def _files(project: Project, service: str, sections: Mapping[str, Any], *, folders: bool) -> dict[str, str]:
    if folders:
        return laid_out(service, sections, project.engines)
    return {f"{service}.yaml": one_file(service, sections)}


def _differences(engine: Engine, desired: Catalog, live: Catalog) -> tuple[PlannedChange, ...]:
    held = {d.address for d in (*live.deferred, *desired.deferred)}
    implicit = {a for a, r in live.resources.items() if engine.kinds[a.kind].implicit(r)}
    return tuple(
        PlannedChange(a, c.action, tuple((x.name, shown(x.before), shown(x.after)) for x in c.attributes))
        for a, c in sorted(diff(desired, live, engine.kinds).items(), key=lambda item: item[0])
        if a not in held and not (c.after is None and a in implicit)
    )
