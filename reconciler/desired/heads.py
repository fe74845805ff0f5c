"""What the files said at their top when they were last found right, so that a plan need not parse them again.

The engines lower a file anew only if it changed (`cache`); to know whose file it is takes its service, what it depends
on and the names of its sections. A file that is not known here is parsed and validated.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.files import PRIVATE, write_whole

if TYPE_CHECKING:
    from reconciler.desired.documents import Document

SAID = ("service", "depends_on")
"""Keys whose values are kept; of the others, only that they are there."""

Head = Mapping[str, Any]


class Heads:
    """The heads of one folder of declarations: sha256 of a file's bytes → head.

    What another version of the code found right says nothing here.
    """

    def __init__(self, cache: Path | None, schemas: Path) -> None:
        key = repr((os.path.abspath(schemas), __version__, code()))
        self._path = cache / f"heads-{sha256(key.encode()).hexdigest()[:40]}.json" if cache else None
        self._known = self._read()

    def get(self, digest: str) -> Head | None:
        """The head of a file that was right when it had these bytes."""
        return self._known.get(digest)

    def keep(self, documents: Iterable[Document]) -> None:
        """These files are right. Written only if that is news, at once or not at all."""
        heads = {d.own_digest: {k: d.head[k] if k in SAID else None for k in d.head} for d in documents if d.own_digest}
        if self._path is None or heads == self._known:
            return
        import json

        with suppress(OSError):
            write_whole(self._path, json.dumps(heads).encode(), mode=PRIVATE)

    def _read(self) -> dict[str, Head]:
        import json

        with suppress(OSError, ValueError):
            if self._path is not None:
                found = json.loads(self._path.read_text(encoding="utf-8"))
                if isinstance(found, dict) and all(isinstance(h, dict) and "service" in h for h in found.values()):
                    return found
        return {}


@once
def code() -> str:
    """A digest of names, times and sizes of the modules of this package: what older ones kept says nothing."""
    root = str(Path(__file__).parent.parent)
    paths = (f"{folder}/{name}" for folder, _, names in os.walk(root) for name in names if name.endswith(".py"))
    stats = sorted((path[len(root) :], (at := os.stat(path)).st_mtime_ns, at.st_size) for path in paths)
    return sha256(repr(stats).encode()).hexdigest()


def of_this_package(engine: object) -> bool:
    """Whether `code` covers an engine: others come from packages of their own."""
    return type(engine).__module__.startswith("reconciler.engines.")


def code_of(engine: object) -> tuple[str, list[tuple[str, int, int]]]:
    """Which code lowers and reads: that of an engine from another package too, so that none meets an older cache."""
    import sys

    if of_this_package(engine):
        return code(), []
    folder = Path(sys.modules[type(engine).__module__].__file__ or ".").parent
    stats = [(p.name, p.stat()) for p in sorted(folder.rglob("*.py"))]
    return code(), [(name, s.st_mtime_ns, s.st_size) for name, s in stats]
