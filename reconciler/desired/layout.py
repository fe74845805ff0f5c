"""How imported declarations are laid out in files, so that people can own and review them.

A service that fits on a few screens is one file. A longer one is a folder: one file a section (`enums.yaml`,
`sequences.yaml`), and where a section is long itself, a folder with one file an object (`tables/orders.yaml`, with its
indexes, keys and triggers; `functions/total.yaml` with all its overloads). Schemas other than the default one
are folders of the same kind. The files are read in any order and may be moved about: what they declare is in them, not
in their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.desired.emit import dump
from reconciler.model.engine import Engine

SHORT_SERVICE = 300
"""Lines up to which a service is one file."""
SHORT_SECTION = 150
"""Lines up to which a section is one file."""
LONGEST_NAME = 100
"""Characters of a file's name without its ending; file systems take 255 bytes."""
_ODD = re.compile(r"[^\w.()-]+")

Piece = tuple[tuple[str, ...], Mapping[str, Any]]
"""Folders and name of a file, and what of the engine's section goes into it."""


def one_file(service: str, sections: Mapping[str, Any]) -> str:
    """The text of a service in one file; `sections` by engine."""
    return dump({"service": service, **sections})


def laid_out(service: str, sections: Mapping[str, Any], engines: Mapping[str, Engine]) -> dict[str, str]:
    """File → text. Every file stands alone as a declaration of the service; together they say what `sections` says."""
    whole = one_file(service, sections)
    if whole.count("\n") <= SHORT_SERVICE:
        return {f"{_file(service)}.yaml": whole}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for engine, section in sections.items():
        above = (service, engine) if len(sections) > 1 else (service,)
        for path, part in _split(section, engines[engine], above):
            name = _free("/".join(map(_file, path)), taken)
            found[name] = one_file(service, {engine: part})
    return found


def _split(section: Mapping[str, Any], engine: Engine, above: tuple[str, ...]) -> Iterator[Piece]:
    holders = {engine.kinds[k].section for k in engine.default_parents}
    for name, nodes in section.items():
        if name in holders:
            for key, node in nodes.items():
                for path, part in _inside(node, engine, (*above, key)):
                    yield path, {name: {key: part}}
        elif isinstance(nodes, Mapping) and len(nodes) > 1 and dump({name: nodes}).count("\n") > SHORT_SECTION:
            overloads: dict[str, dict[str, Any]] = {}
            for key, node in nodes.items():
                overloads.setdefault(key.partition("(")[0] or key, {})[key] = node
            for key, alike in overloads.items():
                yield (*above, name, key), {name: alike}
        else:
            yield (*above, name), {name: nodes}


def _inside(node: Any, engine: Engine, above: tuple[str, ...]) -> Iterator[Piece]:
    """A schema: what it says of itself in `schema.yaml`, its sections as those at the top."""
    sections = {k.section for k in engine.kinds.values() if k.parent in engine.default_parents}
    said = node if isinstance(node, Mapping) else {}
    own = {k: v for k, v in said.items() if k not in sections}
    if own or not said:
        yield (*above, "schema"), own or node
    yield from _split({k: v for k, v in said.items() if k in sections}, engine, above)


def _file(name: str) -> str:
    """A name that every file system takes and no reader of folders passes over."""
    plain = _ODD.sub("_", name)[:LONGEST_NAME].strip(" ")
    return f"_{plain}" if plain.startswith(".") or not plain else plain


def _free(name: str, taken: set[str]) -> str:
    """The name with `.yaml`, or with a number where another file has it, in capitals or not; taken from here on."""
    candidates = (f"{name}{'' if n == 1 else f'-{n}'}.yaml" for n in range(1, len(taken) + 2))
    free = next(c for c in candidates if c.casefold() not in taken)
    taken.add(free.casefold())
    return free
