"""A client of the SDK, and what answers at its other end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from reconciler.engines.dynamodb import faults, limits
from reconciler.engines.dynamodb.naming import STATE_TABLE
from reconciler.errors import ConnectionFailed, InternalError
from reconciler.model.engine import Server

API = (2012, 8, 10)
"""The version of DynamoDB's API; the service has had no other since."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared, nothing is bound
CONNECT_SECONDS = 3
READ_SECONDS = 20
ANSWER_SECONDS = 5
LOCAL_REGION = "us-east-1"

_LOADING = threading.Lock()
"""Sessions of several targets are made at once; the first one parses what the others use."""

Client = Any
"""A botocore client: it has no static type without stubs that users do not install."""


FEATURES = ("tags", "pitr", "resource_policy", "kinesis", "contributor_insights", "autoscaling")
"""What a store may lack, named as the kinds are that need it."""


def _alone(service: str, region: str) -> Client:
    raise InternalError(f"this connection reaches no {service} in {region}")


@dataclass(slots=True)
class Connection:
    """A client that works, what it talks to, and which `FEATURES` are not there.

    `make` makes a client of a service in a region, with the same credentials.
    """

    client: Client
    server: Server
    lacks: frozenset[str] = frozenset()
    make: Callable[[str, str], Client] = _alone
    _beside: dict[str, Client] = field(default_factory=dict, repr=False)
    _elsewhere: dict[str, Connection] = field(default_factory=dict, repr=False)

    @property
    def region(self) -> str:
        """Where it goes to."""
        return str(self.client.meta.region_name)

    @property
    def local(self) -> bool:
        """Whether this is DynamoDB Local, which needs some care (see `local_edition`)."""
        return self.server.edition == "local"

    def beside(self, service: str) -> Client:
        """The client of another service (`application-autoscaling`, `kms`), made when it is first needed."""
        with _LOADING:
            if service not in self._beside:
                self._beside[service] = self.make(service, self.region)
            return self._beside[service]

    def elsewhere(self, region: str) -> Connection:
        """The same in another region, where a replica is; made when it is first needed. Itself for no or its own."""
        if not region or region == self.region:
            return self
        with _LOADING:
            if region not in self._elsewhere:
                client = self.make("dynamodb", region)
                self._elsewhere[region] = Connection(client, self.server, self.lacks, self.make)
            return self._elsewhere[region]

    def close(self) -> None:
        """Let go of all sockets."""
        for client in (self.client, *self._beside.values()):
            client.close()
        for connection in self._elsewhere.values():
            connection.close()


def connect(connection: Mapping[str, str]) -> Connection:
    """A connection that was tried out with one ListTables. Raises ConnectionFailed within seconds."""
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

    endpoint = connection.get("endpoint")
    region = connection.get("region", "")
    try:
        with _LOADING:
            session = _session(connection)
            region = region or session.get_config_variable("region") or (LOCAL_REGION if endpoint else "")
            hasty = _client(session, connection, region, attempts=1, read_seconds=ANSWER_SECONDS)
            client = _client(session, connection, region, attempts=8, read_seconds=READ_SECONDS)
        make = partial(_made, session, connection)
        hasty.list_tables(Limit=1)
        if _is_the_service(client.meta.endpoint_url):
            return Connection(client, Server("DynamoDB", API), make=make)
        lacks = _lacking(hasty)
        return Connection(client, Server("DynamoDB", API, "local" if "tags" in lacks else ""), lacks, make)
    except ProfileNotFound:
        hint = "see `aws configure list-profiles`"
        raise ConnectionFailed(f"there is no profile {connection.get('profile')!r}", hint=hint) from None
    except NoRegionError:
        raise ConnectionFailed("no region for DynamoDB", hint="set `region`, or AWS_REGION") from None
    except (BotoCoreError, ClientError, ValueError) as error:
        where = f"DynamoDB at {_shown(endpoint)}" if endpoint else f"DynamoDB in {region}"
        raise faults.unreachable(where, region, error) from None


def _is_the_service(endpoint: str) -> bool:
    """Whether an endpoint is AWS's own, a private one of a VPC included."""
    host = urlsplit(endpoint).hostname or ""
    return ".amazonaws." in host or host.endswith(".api.aws")


def _shown(endpoint: str) -> str:
    """Host and port, without what may stand before them."""
    try:
        return urlsplit(endpoint).netloc.rpartition("@")[2] or "its endpoint"
    except ValueError:
        return "its endpoint"


def _session(connection: Mapping[str, str]) -> Any:
    """The SDK's session with the credentials that are to be used.

    For an endpoint on this machine nothing is asked of the network, and without any credentials some are made up:
    DynamoDB Local takes all, but wants them.
    """
    import botocore.session

    session = botocore.session.Session(profile=connection.get("profile"))
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    if connection.get("access_key"):
        session.set_credentials(connection["access_key"], connection.get("secret_key", "none"))
    elif urlsplit(connection.get("endpoint", "")).hostname in LOOPBACK:
        chain = session.get_component("credential_provider")
        for provider in ("container-role", "iam-role"):
            chain.remove(provider)
        if session.get_credentials() is None:
            session.set_credentials("local", "none")
    return session


@cache
def _loader(path: str | None) -> Any:
    """The service's description, parsed once for all sessions: most of what a client costs."""
    from botocore.loaders import create_loader

    return create_loader(path)


def _client(
    session: Any,
    connection: Mapping[str, str],
    region: str,
    attempts: int,
    read_seconds: float,
    service: str = "dynamodb",
) -> Client:
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=limits.READERS + 2,
        retries={"mode": "adaptive" if attempts > 1 else "standard", "total_max_attempts": attempts},
    )
    return session.create_client(
        service, region_name=region or None, endpoint_url=connection.get("endpoint") or None, config=config
    )


def _made(session: Any, connection: Mapping[str, str], service: str, region: str) -> Client:
    """The client of any service in any region."""
    return _client(session, connection, region, 8, READ_SECONDS, service)


def _lacking(hasty: Client) -> frozenset[str]:
    """Which calls an endpoint of one's own does not have; asked of a table that need not exist.

    One without tags is DynamoDB Local, which has none of the others either. Autoscaling is a service of its own, which
    no endpoint of DynamoDB alone answers for: an emulator of many services is taken to have it as it has the others.
    """
    arn = f"arn:aws:dynamodb:{hasty.meta.region_name}:000000000000:table/{STATE_TABLE}"
    if not _knows(hasty.list_tags_of_resource, ResourceArn=arn):
        return frozenset(FEATURES)
    known = {
        "pitr": _knows(hasty.describe_continuous_backups, TableName=STATE_TABLE),
        "resource_policy": _knows(hasty.get_resource_policy, ResourceArn=arn),
        "kinesis": _knows(hasty.describe_kinesis_streaming_destination, TableName=STATE_TABLE),
        "contributor_insights": _knows(hasty.list_contributor_insights, TableName=STATE_TABLE),
    }
    lacking = {feature for feature, there in known.items() if not there}
    return frozenset(lacking | ({"autoscaling"} if lacking else set()))


def _knows(call: Any, **parameters: str) -> bool:
    """Whether the store has the call: emulators answer those they lack with an error of their own."""
    from botocore.exceptions import ClientError

    try:
        call(**parameters)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return faults.code(error) != faults.UNKNOWN and status < 500
    return True
