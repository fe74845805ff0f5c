"""What a Neo4j step runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import StalePlan


@dataclass(frozen=True, slots=True)
class Cypher:
    """Schema statements, each in a transaction of its own, and the indexes that have to be online afterwards.

    - `statements`: may be none, when an index is only waited for.
    - `config`: sorted (key, value) pairs that the statements know as the parameter `$config`: an index's options.
    - `awaits`: names of indexes. The step is done when each is online, with the options in `config`.
    """

    statements: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    config: tuple[tuple[str, Any], ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """What is sent beside the statements."""
        return {"config": {k: _listed(v) for k, v in self.config}} if self.config else {}

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: statements run one by one, and batches one after the other."""
        return True

    def encode(self) -> dict[str, Any]:
        """Plan-file fields: `cypher` (text or list), `parameters` and `await` where there are any."""
        cypher = self.statements[0] if len(self.statements) == 1 else list(self.statements)
        fields: dict[str, Any] = {"cypher": cypher}
        if self.config:
            fields["parameters"] = self.parameters
        if self.awaits:
            fields["await"] = list(self.awaits)
        return fields

    def lines(self) -> list[str]:
        """The statements, terminated, as cypher-shell takes them; waiting as the query that shows it."""
        from reconciler.engines.neo4j.render import quoted

        lines: list[str] = []
        if self.config:
            pairs = ", ".join(f"{quoted(k)}: {_literal(v)}" for k, v in self.config)
            lines.append(f":param config => {{{pairs}}}")
        lines += [f"{statement};" for statement in self.statements]
        if not self.statements:
            lines += [f"// wait until index {quoted(name)} is online" for name in self.awaits]
        return lines


def cypher(statement: str) -> Cypher:
    """One statement that leaves nothing to wait for."""
    return Cypher((statement,))


def decode(fields: Mapping[str, Any]) -> Cypher:
    """The inverse of `Cypher.encode`. Raises StalePlan for fields of another kind of operation."""
    try:
        text = fields["cypher"]
        statements = (text,) if isinstance(text, str) else tuple(map(str, text))
        config = fields.get("parameters", {}).get("config", {})
        awaits = tuple(map(str, fields.get("await", ())))
        return Cypher(statements, awaits, tuple(sorted((k, _frozen(v)) for k, v in config.items())))
    except (KeyError, TypeError, AttributeError) as error:
        raise StalePlan(f"a Neo4j step of the plan is not readable: {error}", hint="make the plan again") from error


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)
