"""The `local` environment: the stores that `reconcile up` keeps running, without any configuration."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from urllib.parse import unquote, urlsplit

from reconciler.config.connections import target
from reconciler.errors import ConfigError
from reconciler.model.engine import Target

STORES = ("postgres", "neo4j", "dynamodb")


def local_target(
    service: str, engine: str, environ: Mapping[str, str], *, start: bool, known: MutableMapping[str, str]
) -> Target:
    """The local store of an engine, for a service: its own database in PostgreSQL, created when it is missing.

    A server that `RECONCILE_<ENGINE>_URI` names goes first; `known` remembers, by engine, where a running one is.
    Raises ConfigError when the store is down.
    """
    if engine not in STORES:
        raise ConfigError(f"no local store is known for {engine}", hint="add a connection to reconcile.yaml")
    variable = f"RECONCILE_{engine.upper()}_URI"
    uri = environ.get(variable) or known.get(engine)
    if not uri:
        uri = known[engine] = _running(engine, start)
    source = variable if environ.get(variable) else "`reconcile up`"
    return target(service, engine, "local", connection(service, engine, uri), source)


def connection(service: str, engine: str, uri: str) -> dict[str, str]:
    """The connection of a service to a local server."""
    if engine == "postgres":
        return _postgres(service, uri)
    if engine == "neo4j":
        parts = urlsplit(uri)
        found = {"uri": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"}
        if parts.username:
            found |= {"user": unquote(parts.username), "password": unquote(parts.password or "")}
        return found
    return {"endpoint": uri, "region": "local", "access_key": namespace(service), "secret_key": "local"}


def namespace(service: str) -> str:
    """The access key of a service in DynamoDB Local, which keeps the tables of each key apart.

    Not one key for all: with eight tables that have a TTL under one key, DynamoDB Local 3.1 builds no index any more.
    """
    return "".join(c for c in service if c.isalnum()) or "local"


def _postgres(service: str, uri: str) -> dict[str, str]:
    parts = urlsplit(uri)
    found = {"host": parts.hostname or "127.0.0.1", "port": str(parts.port or 5432), "dbname": service}
    found["user"] = unquote(parts.username or "postgres")
    if parts.password:
        found["password"] = unquote(parts.password)
    return {**found, "create_database": "true"}


def _running(engine: str, start: bool) -> str:
    from reconciler import local

    (status,) = local.status([engine])
    if status.state == "running" and status.uri:
        return status.uri
    if start:
        (instance,) = local.up([engine])
        return instance.uri
    raise ConfigError(
        f"the local {engine} is {status.state}",
        hint="start it with `reconcile up`, or name another environment with `--environment NAME`",
    )
