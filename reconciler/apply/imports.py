"""From live to declarations: inspect → lift → text, and back again as the proof that nothing was lost."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.apply.parallel import in_parallel
from reconciler.apply.survey import opened
from reconciler.desired.documents import Document
from reconciler.desired.layout import laid_out, one_file
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import decode, parse
from reconciler.desired.validate import Validator
from reconciler.diff.structural import diff
from reconciler.errors import ConfigError, DeclarationErrors, ReconcileError
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.engine import Adopting, Engine, Target, Translating
from reconciler.model.kind import Kind
from reconciler.model.plan import PlannedChange
from reconciler.model.resource import Resource
from reconciler.planner.expand import shown
from reconciler.results import ImportResult

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.config.project import Project


FILE = "file"
"""What an engine's `translated` calls a file of no tool that it knows, as the kind of an unmanaged address."""


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
    services = {i.target.service for i in found}
    labels = {s: ", ".join(i.target.label for i in found if i.target.service == s) for s in services}
    return _result(project, found, labels, folders=folders)


def import_files(
    project: Project, sources: Sequence[Path], service: str, given: Mapping[str, str], *, folders: bool
) -> ImportResult:
    """One service of what files of other tools declare, each read by every engine that knows such; no store is asked.

    `sources` are files, or folders of which all files that an engine knows by their names are read, V2 before V10;
    `given` are values that they leave open. A file that is of none of these tools is unmanaged beside others. Raises
    ConfigError for files that cannot be read, and where all of them hold nothing.
    """
    engines = {n: e for n, e in project.engines.items() if isinstance(e, Translating)}
    found = list(_translated(project, engines, sources, service, given))
    if not any(i.count or i.deferred or any(u.address.kind != FILE for u in i.unmanaged) for i in found):
        known = " ".join(sorted({s for e in engines.values() for s in e.suffixes}))
        nothing = f"{', '.join(map(str, sources))}: the files declare nothing that an engine knows"
        told = next((u.reason for i in found for u in i.unmanaged), nothing)
        raise ConfigError(told, hint=f"files of {known} are read")
    label = ", ".join(path.name for path in sources)
    telling = [i for i in found if i.count or i.deferred] or found
    result = _result(project, telling, {service: label}, folders=folders)
    left = tuple(sorted(u for i in found for u in i.unmanaged))
    return replace(result, unmanaged=left, partial=bool(result.deferred))


def _translated(
    project: Project,
    engines: Mapping[str, Translating],
    sources: Sequence[Path],
    service: str,
    given: Mapping[str, str],
) -> Iterator[_Imported]:
    """What each engine reads in its files, where there are any."""
    for name, translating in engines.items():
        if not (files := _texts(sources, translating.suffixes)):
            continue
        engine, target = project.engines[name], Target(service, name, project.environment.name, {})
        stated = translating.translated(files, service, project.naming(service), given)
        section = lift(engine, _said(engine, stated, project))
        differences = _differences(engine, _lowered(project, engine, target, section), stated)
        yield _Imported(target, section, len(stated.resources), stated.unmanaged, stated.deferred, differences)


def _texts(sources: Sequence[Path], suffixes: tuple[str, ...]) -> dict[str, str]:
    paths: list[Path] = []
    for source in sources:
        inside = source.rglob("*") if source.is_dir() else [source]
        paths += sorted((p for p in inside if p.name.lower().endswith(suffixes) and not p.is_dir()), key=_numbered)
    try:
        return {p.as_posix(): decode(p.read_bytes().removeprefix(BOM_UTF8), p.as_posix()) for p in paths}
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from None


def _numbered(path: Path) -> list[tuple[int, int, str]]:
    """A sort key in which V2 comes before V10."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts if p]


def _result(project: Project, found: Sequence[_Imported], labels: Mapping[str, str], *, folders: bool) -> ImportResult:
    sections: dict[str, dict[str, Any]] = {}
    for imported in found:
        sections.setdefault(imported.target.service, {})[imported.target.engine] = imported.section
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
    unsaid = {a for a, r in live.resources.items() if _unsaid(engine.kinds[a.kind], r, live)}
    return tuple(
        PlannedChange(a, c.action, tuple((x.name, shown(x.before), shown(x.after)) for x in c.attributes))
        for a, c in sorted(diff(desired, live, engine.kinds).items(), key=lambda item: item[0])
        if a not in held and not (c.after is None and a in unsaid)
    )


def _unsaid(kind: Kind[Any], resource: Resource, live: Catalog) -> bool:
    """Whether it stays, though no declaration mentions it: what every new database has."""
    return kind.implicit(resource) or (kind.default(resource) and kind.implied(resource, live))
