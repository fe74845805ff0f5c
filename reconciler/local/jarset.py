"""The jars a Java store consists of: coordinates, digests and sizes, committed in `locks/`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reconciler.errors import LocalStoreError

LOCKS = Path(__file__).parent / "locks"


@dataclass(frozen=True)
class Jar:
    """One file of a Maven repository, pinned. `gav` is `group:artifact:version` and, for some, `:classifier`."""

    gav: str
    ext: str
    sha256: str
    size: int

    @cached_property
    def parts(self) -> tuple[str, str, str, str]:
        """Group, artifact, version and classifier (empty for most)."""
        group, artifact, version, *classifier = self.gav.split(":")
        return group, artifact, version, "".join(classifier)

    @cached_property
    def file(self) -> str:
        """The name of the file."""
        _, artifact, version, classifier = self.parts
        return f"{artifact}-{version}{'-' if classifier else ''}{classifier}.{self.ext}"

    @cached_property
    def path(self) -> str:
        """Where a Maven repository keeps the file."""
        group, artifact, version, _ = self.parts
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file}"


@dataclass(frozen=True)
class JarSet:
    """All the jars of one version of one store, in the order of the class path."""

    name: str
    jars: tuple[Jar, ...]


def load(store: str, version: str, locks: Path = LOCKS) -> JarSet:
    """The committed set of a store's version; versions without one cannot be run."""
    path = locks / f"{store}-{version}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = sorted(found.stem.removeprefix(f"{store}-") for found in locks.glob(f"{store}-*.json"))
        raise LocalStoreError(
            f"no jars are pinned for {store} {version}", hint=f"pinned versions: {', '.join(there)}"
        ) from None
    return JarSet(document["name"], tuple(Jar(**entry) for entry in document["files"]))
