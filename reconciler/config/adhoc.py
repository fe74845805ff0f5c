"""Ad hoc mode: one target by URL, without any `reconcile.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from reconciler.config.connections import target
from reconciler.config.environment import AD_HOC
from reconciler.errors import ConfigError
from reconciler.model.engine import Target

EXAMPLES = (
    "postgresql://USER@HOST:5432/DATABASE",
    "bolt://HOST:7687",
    "dynamodb://REGION?endpoint=http://127.0.0.1:8000&prefix=orders-",
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class AdHocTarget:
    """What a URL says. `suggested` is the service name `import` uses unless told otherwise."""

    engine: str
    connection: Mapping[str, str] = field(repr=False)
    naming: str = "{table}"
    suggested: str = "database"

    def bound(self, service: str) -> Target:
        """The target under the name of a service."""
        return target(service, self.engine, AD_HOC.name, self.connection, "--target")


class _Url(NamedTuple):
    text: str
    parts: SplitResult
    query: dict[str, str]
    environ: Mapping[str, str]

    def only(self, *known: str) -> None:
        for name in self.query:
            if name not in known:
                raise _wrong(f"the target's URL has an unknown parameter {name!r}", f"known: {', '.join(known)}")


def parse_target(url: str, environ: Mapping[str, str], what: str = "target") -> AdHocTarget:
    """The `what` that a URL names. Raises ConfigError that repeats nothing of the URL but its scheme."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong(f"the {what} is no URL", f"such as {', '.join(EXAMPLES)}") from None
    reader = _SCHEMES.get(parts.scheme)
    if reader is None:
        problem = f"no engine has the scheme {parts.scheme}://" if parts.scheme else f"the {what} is no URL"
        raise _wrong(problem, f"such as {', '.join(EXAMPLES)}")
    return reader(_Url(url, parts, query, environ))


def _postgres(url: _Url) -> AdHocTarget:
    name = unquote(url.parts.path.strip("/")) or url.query.get("dbname") or "postgres"
    dsn = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.text)
    return AdHocTarget("postgres", {"dsn": dsn}, suggested=service_name(name))


def _neo4j(url: _Url) -> AdHocTarget:
    url.only("database", "user", "password")
    parts = url.parts
    host = parts.netloc.rpartition("@")[2]
    connection = {"uri": f"{parts.scheme}://{host}"}
    database = unquote(parts.path.strip("/")) or url.query.get("database", "")
    given = {
        "user": unquote(parts.username or "") or url.query.get("user") or url.environ.get("NEO4J_USER", ""),
        "password": unquote(parts.password or "") or url.query.get("password") or url.environ.get("NEO4J_PASSWORD", ""),
        "database": database,
    }
    connection |= {key: value for key, value in given.items() if value}
    return AdHocTarget("neo4j", connection, suggested=service_name(database or "neo4j"))


def _dynamodb(url: _Url) -> AdHocTarget:
    url.only("endpoint", "prefix", "access_key", "secret_key", "naming")
    connection = {key: url.query[key] for key in ("endpoint", "access_key", "secret_key") if url.query.get(key)}
    if url.parts.username:
        connection |= {"access_key": unquote(url.parts.username), "secret_key": unquote(url.parts.password or "")}
    region = url.parts.netloc.rpartition("@")[2]
    if region:
        connection["region"] = region
    endpoint = urlsplit(connection.get("endpoint", ""))
    if endpoint.hostname in _LOOPBACK:
        connection.setdefault("region", "local")
        if "AWS_ACCESS_KEY_ID" not in url.environ and "AWS_PROFILE" not in url.environ:
            connection = {"access_key": "local", "secret_key": "local", **connection}
    prefix = url.query.get("prefix", "")
    naming = url.query.get("naming") or f"{prefix}{{table}}"
    if "{table}" not in naming:
        raise _wrong("`naming` in the target's URL lacks {table}", "such as naming=orders-{table}-dev")
    return AdHocTarget("dynamodb", connection, naming, service_name(prefix or region or "dynamodb"))


def service_name(text: str) -> str:
    """A name that a declaration accepts as its service."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40].strip("-_") or "service"


def _wrong(message: str, hint: str) -> ConfigError:
    return ConfigError(message, hint=hint)


_SCHEMES: Mapping[str, Callable[[_Url], AdHocTarget]] = {
    **dict.fromkeys(("postgres", "postgresql", "postgresql+psycopg"), _postgres),
    **dict.fromkeys(("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"), _neo4j),
    "dynamodb": _dynamodb,
}
