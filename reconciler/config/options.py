"""What a command line says about where to work, and what stands in for what it does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Each one falls back on `RECONCILE_<NAME>`, then on `reconcile.yaml`, then on a default.

    - `config`: the file itself; found upwards from `cwd` otherwise.
    - `environment`: `local` unless named.
    - `schemas`: the folder of declarations; `schemas` beside `reconcile.yaml` unless named.
    - `target`: the URL of ad hoc mode, in which no `reconcile.yaml` is read.
    - `service`: the one service to work on; ad hoc, which of several in a folder, or the name `import` writes.
    - `scratch`: the URL of a server that plans of its engine are proven on.
    - `start`: start local stores that are down instead of refusing.
    - `cache`: where parsed declarations are kept between runs; None keeps nothing.
    """

    config: Path | None = None
    environment: str | None = None
    schemas: Path | None = None
    target: str | None = None
    service: str | None = None
    scratch: str | None = None
    start: bool = False
    cache: Path | None = None
    cwd: Path | None = None

    def completed(self, environ: Mapping[str, str]) -> Options:
        """The same with `RECONCILE_CONFIG`, `_ENVIRONMENT`, `_SCHEMAS`, `_TARGET`, `_SERVICE`, `_SCRATCH` where it says
        nothing."""

        def path(said: Path | None, name: str) -> Path | None:
            return said if said is not None else Path(environ[name]) if environ.get(name) else None

        return replace(
            self,
            config=path(self.config, "RECONCILE_CONFIG"),
            environment=self.environment or environ.get("RECONCILE_ENVIRONMENT") or None,
            schemas=path(self.schemas, "RECONCILE_SCHEMAS"),
            target=self.target or environ.get("RECONCILE_TARGET") or None,
            service=self.service or environ.get("RECONCILE_SERVICE") or None,
            scratch=self.scratch or environ.get("RECONCILE_SCRATCH") or None,
        )
