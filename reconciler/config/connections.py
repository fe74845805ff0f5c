"""Where the stores of a service are: from `reconcile.yaml`, else from environment variables by convention."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from reconciler.config.file import ConfigFile
from reconciler.errors import ConfigError
from reconciler.model.engine import Target

KEYS: Mapping[str, tuple[str, ...]] = {
    "postgres": ("host", "port", "user", "password", "dbname", "dsn", "sslmode"),
    "dynamodb": ("region", "endpoint", "profile", "access_key", "secret_key"),
    "neo4j": ("uri", "user", "password", "database"),
}
"""What a connection may say, by engine. Third engines take whatever they are given."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Connections:
    """Finds the connection of a service's engine in one environment. `single`: only one service has that engine."""

    environment: str
    file: ConfigFile
    environ: Mapping[str, str] = field(repr=False)

    def target(self, service: str, engine: str, *, single: bool) -> Target:
        """The target. Raises ConfigError naming the variables that are missing, never a value."""
        return self.configured(service, engine) or self._conventional(service, engine, single)

    def configured(self, service: str, engine: str) -> Target | None:
        """What `reconcile.yaml` says, variables replaced; None where it says nothing."""
        for pointer, services in reversed(list(self._sections())):
            for pattern, engines in services.items():
                if fnmatchcase(service, pattern) and engine in engines:
                    place = (*pointer, pattern, engine)
                    connection = self._replaced(engine, engines[engine], place)
                    variables = sorted({v for text in engines[engine].values() for v in _VARIABLE.findall(str(text))})
                    source = " with ".join(filter(None, (str(self.file.span(*place)), ", ".join(variables))))
                    return target(service, engine, self.environment, connection, source)
        return None

    def _sections(self) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        yield ("connections",), self.file.data.get("connections") or {}
        for pattern, settings in self.file.environments():
            if fnmatchcase(self.environment, pattern):
                yield ("environments", pattern, "connections"), settings.get("connections") or {}

    def _replaced(self, engine: str, said: Mapping[str, Any], pointer: tuple[str, ...]) -> dict[str, str]:
        known = KEYS.get(engine)
        for name in said:
            if known and name not in known:
                raise ConfigError(
                    f"unknown key {name!r} in a connection of {engine}",
                    hint=f"known here: {', '.join(known)}",
                    where=self.file.span(*pointer, name),
                )
        return {name: self._value(str(value), (*pointer, name)) for name, value in said.items()}

    def _value(self, text: str, pointer: tuple[str, ...]) -> str:
        def variable(match: re.Match[str]) -> str:
            found = self.environ.get(match[1])
            if found is None:
                raise ConfigError(
                    f"the environment variable {match[1]} is not set",
                    hint=f"export {match[1]}, or choose another environment with `--environment NAME`",
                    where=self.file.span(*pointer, value=True),
                )
            return found

        return _VARIABLE.sub(variable, text)

    def _conventional(self, service: str, engine: str, single: bool) -> Target:
        match engine:
            case "postgres":
                found = self._postgres(service, single)
            case "neo4j":
                found = self._neo4j(service)
            case "dynamodb":
                found = self._dynamodb()
            case _:
                raise self._missing(service, engine, "no convention is known for this engine")
        connection = {key: self.environ[variable] for key, variable in found.items()}
        if engine == "postgres":
            connection = {"port": "5432", **connection}
        chain = "the chain of the AWS SDK" if engine == "dynamodb" else ""
        source = " and ".join(filter(None, (", ".join(found.values()), chain)))
        return target(service, engine, self.environment, connection, source)

    def _postgres(self, service: str, single: bool) -> dict[str, str]:
        prefix = f"POSTGRES_{_upper(service)}_"
        if f"{prefix}HOST" not in self.environ and single and "DB_HOST" in self.environ:
            prefix = "DB_"
        names: dict[str, tuple[str, ...]] = {k: (k.upper(),) for k in ("host", "port", "user", "password")}
        names["dbname"] = ("NAME", "DB") if prefix == "DB_" else ("DB",)
        found = self._found({key: tuple(prefix + s for s in suffixes) for key, suffixes in names.items()})
        if "host" not in found:
            raise self._missing(service, "postgres", f"set {prefix}HOST, _PORT, _USER, _PASSWORD and _DB")
        for needed in ("user", "dbname"):
            if needed not in found:
                raise self._missing(service, "postgres", f"{prefix}HOST is set, and {prefix}{names[needed][0]} is not")
        return found

    def _neo4j(self, service: str) -> dict[str, str]:
        own = f"NEO4J_{_upper(service)}_"
        prefix = own if f"{own}URI" in self.environ else "NEO4J_"
        keys = ("uri", "user", "password", "database")
        found = self._found({key: (prefix + key.upper(),) for key in keys})
        if "uri" not in found:
            raise self._missing(service, "neo4j", "set NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD")
        return found

    def _dynamodb(self) -> dict[str, str]:
        """Credentials come from the AWS SDK's own chain; a region and an endpoint may."""
        return self._found(
            {
                "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
                "endpoint": ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"),
            }
        )

    def _found(self, names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """The variable that is set, for each key that has one."""
        pairs = ((key, next((v for v in vs if self.environ.get(v)), "")) for key, vs in names.items())
        return {key: variable for key, variable in pairs if variable}

    def _missing(self, service: str, engine: str, what: str) -> ConfigError:
        return ConfigError(
            f"no connection for {service}/{engine} in the environment {self.environment}: {what}",
            hint="or add it under `connections:` in reconcile.yaml",
        )


def target(service: str, engine: str, environment: str, connection: Mapping[str, str], source: str) -> Target:
    """A target with a label that holds no secret; `source` says where the connection was found."""
    return Target(service, engine, environment, dict(connection), label(engine, connection), source)


def label(engine: str, connection: Mapping[str, str]) -> str:
    """Where a connection leads, for people: host, port, database, region; never a user or a password."""
    if engine == "postgres":
        if "dsn" in connection:
            return address(connection["dsn"])
        host = f"{connection.get('host', 'localhost')}:{connection.get('port', '5432')}"
        return f"{host}/{connection.get('dbname', '')}".rstrip("/")
    if engine == "neo4j":
        return "/".join(filter(None, [address(connection.get("uri", "")), connection.get("database", "")]))
    if engine == "dynamodb":
        endpoint = address(connection["endpoint"]) if "endpoint" in connection else ""
        return " at ".join(filter(None, [connection.get("region", ""), endpoint])) or "default region"
    return engine


def address(uri: str) -> str:
    """Host, port and path of a URI, without user, password and query."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if not parts.scheme:
        return ""
    return f"{host}{f':{port}' if port else ''}{parts.path}".rstrip("/")


def _upper(service: str) -> str:
    return service.upper().replace("-", "_")
