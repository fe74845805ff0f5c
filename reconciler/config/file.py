"""`reconcile.yaml`: found upwards from the working folder, read strictly, every error with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import ConfigError, DeclarationError
from reconciler.model.hazard import BY_CODE
from reconciler.model.span import Span

NAME = "reconcile.yaml"

_TEXT = {"type": "string", "minLength": 1}
_CONNECTION = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer"]},
    "description": "a mapping such as host: ${PAYMENT_HOST}",
}
_CONNECTIONS = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": _CONNECTION},
    "description": "a mapping of services (or patterns of them) to engines to connections",
}
_ENVIRONMENT = {
    "type": ["object", "null"],
    "properties": {
        "stop_before": {"enum": ["contract", None]},
        "removal": {"enum": ["destroy", "retain"]},
        "prune": {"enum": ["managed", "all", "never"]},
        "production": {"type": "boolean"},
        "allow": {"type": "array", "items": {"enum": [*sorted(BY_CODE), "*"]}},
        "lock_timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds, such as 2 or 0.5"},
        "wait_timeout": {"type": "number", "minimum": 0, "description": "seconds, such as 86400; 0 is no limit"},
        "ignore": {"type": "array", "items": _TEXT},
        "naming": {"type": "string", "pattern": r"\{table\}", "description": "a pattern with {table} in it"},
        "connections": _CONNECTIONS,
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "reconcile.yaml",
    "type": ["object", "null"],
    "properties": {
        "schemas": _TEXT,
        "snapshots": {**_TEXT, "description": "a folder for what steps take away, so that undo can bring it back"},
        "environment": _TEXT,
        "environments": {"type": ["object", "null"], "propertyNames": _TEXT, "additionalProperties": _ENVIRONMENT},
        "connections": _CONNECTIONS,
    },
    "additionalProperties": False,
}
"""The JSON Schema of the file."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file as read; `path` is None where there is none, and then everything is a default."""

    path: Path | None
    data: Mapping[str, Any]
    text: str = ""

    def span(self, *pointer: str | int, value: bool = False) -> Span | None:
        """Where something is written."""
        if self.path is None:
            return None
        from reconciler.desired.positions import locate

        return locate(self.text, str(self.path), pointer, value=value)

    def environments(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Patterns and what they say, in the order of the file."""
        for pattern, settings in (self.data.get("environments") or {}).items():
            yield pattern, settings or {}


NO_FILE = ConfigFile(None, {})


def find(start: Path) -> Path | None:
    """The nearest `reconcile.yaml` upwards."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def read(path: Path) -> ConfigFile:
    """Read and validate. Raises ConfigError with file and line."""
    from reconciler.desired.documents import Document
    from reconciler.desired.strictyaml import decode, parse

    shown = _shown(path)
    try:
        text = decode(path.read_bytes(), shown)
        document = Document(shown, text, parse(text, shown) or {}, "")
    except OSError as error:
        raise ConfigError(f"cannot read {shown}: {error.strerror}") from None
    except DeclarationError as error:
        raise as_config_error(error) from None
    _validate(document)
    return ConfigFile(Path(shown), document.data if isinstance(document.data, dict) else {}, text)


def as_config_error(error: DeclarationError) -> ConfigError:
    """The same about the configuration."""
    return ConfigError(error.message, hint=error.hint, where=error.where)


def _validate(document: Any) -> None:
    import jsonschema_rs

    from reconciler.desired.explain import explain

    validator = jsonschema_rs.Draft202012Validator(SCHEMA)
    errors = [explain(e, SCHEMA, document) for e in validator.iter_errors(document.data)]
    if errors:
        raise as_config_error(min(errors, key=lambda e: e.where.line if e.where else 0))


def _shown(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
