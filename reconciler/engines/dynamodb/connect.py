"""A client of the SDK, and what answers at its other end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from reconciler.engines.dynamodb import faults, limits
from reconciler.engines.dynamodb.naming import STATE_TABLE
from reconciler.errors import ConnectionFailed
from reconciler.model.engine import Server

API = (2012, 8, 10)
"""The version of DynamoDB's API; the service has had no other since."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared, nothing is bound
CONNECT_SECONDS = 3
READ_SECONDS = 20
ANSWER_SECONDS = 5
LOCAL_REGION = "us-east-1"

Client = Any
"""A botocore client: it has no static type without stubs that users do not install."""


class Connection(NamedTuple):
    """A client that works, what it talks to, and which of the calls that DynamoDB Local lacks it has."""

    client: Client
    server: Server
    tags: bool
    backups: bool

    @property
    def local(self) -> bool:
        """Whether this is DynamoDB Local, which needs some care (see `local_edition`)."""
        return self.server.edition == "local"


def connect(connection: Mapping[str, str]) -> Connection:
    """A connection that was tried out with one ListTables. Raises ConnectionFailed within seconds."""
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

    endpoint = connection.get("endpoint")
    region = connection.get("region", "")
    try:
        session = _session(connection)
        region = region or session.get_config_variable("region") or (LOCAL_REGION if endpoint else "")
        hasty = _client(session, connection, region, attempts=1, read_seconds=ANSWER_SECONDS)
        hasty.list_tables(Limit=1)
        client = _client(session, connection, region, attempts=8, read_seconds=READ_SECONDS)
        return _examined(hasty, client) if endpoint else Connection(client, Server("DynamoDB", API), True, True)
    except ProfileNotFound:
        hint = "see `aws configure list-profiles`"
        raise ConnectionFailed(f"there is no profile {connection.get('profile')!r}", hint=hint) from None
    except NoRegionError:
        raise ConnectionFailed("no region for DynamoDB", hint="set `region`, or AWS_REGION") from None
    except (BotoCoreError, ClientError, ValueError) as error:
        where = f"DynamoDB at {_shown(endpoint)}" if endpoint else f"DynamoDB in {region}"
        raise faults.unreachable(where, region, error) from None


def _shown(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _session(connection: Mapping[str, str]) -> Any:
    """The SDK's session with the credentials that are to be used.

    For an endpoint on this machine nothing is asked of the network, and without any credentials some are made up:
    DynamoDB Local takes all, but wants them.
    """
    import botocore.session

    session = botocore.session.Session(profile=connection.get("profile"))
    if connection.get("access_key"):
        session.set_credentials(connection["access_key"], connection.get("secret_key", "none"))
    elif urlsplit(connection.get("endpoint", "")).hostname in LOOPBACK:
        chain = session.get_component("credential_provider")
        for provider in ("container-role", "iam-role"):
            chain.remove(provider)
        if session.get_credentials() is None:
            session.set_credentials("local", "none")
    return session


def _client(session: Any, connection: Mapping[str, str], region: str, attempts: int, read_seconds: float) -> Client:
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=limits.READERS + 2,
        retries={"mode": "adaptive" if attempts > 1 else "standard", "total_max_attempts": attempts},
    )
    return session.create_client(
        "dynamodb", region_name=region or None, endpoint_url=connection.get("endpoint") or None, config=config
    )


def _examined(hasty: Client, client: Client) -> Connection:
    """Which calls an endpoint of one's own has; asked of a table that need not exist."""
    arn = f"arn:aws:dynamodb:{hasty.meta.region_name}:000000000000:table/{STATE_TABLE}"
    tags = _knows(hasty.list_tags_of_resource, ResourceArn=arn)
    backups = _knows(hasty.describe_continuous_backups, TableName=STATE_TABLE)
    edition = "" if tags and backups else "local"
    return Connection(client, Server("DynamoDB", API, edition), tags, backups)


def _knows(call: Any, **parameters: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        call(**parameters)
    except ClientError as error:
        return faults.code(error) != faults.UNKNOWN
    return True
