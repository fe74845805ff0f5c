"""Connections that cannot be had: what is told, in a few words, and never a password."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pytest

from reconciler.engines.postgres import ENGINE
from reconciler.errors import ConnectionFailed
from reconciler.model.engine import Target
from tests.postgres.server import Postgres


def refusal(dsn: str) -> ConnectionFailed:
    with (
        pytest.raises(ConnectionFailed) as caught,
        ENGINE.open(Target("shop", "postgres", "dev", {"dsn": dsn}, "here")),
    ):
        pass
    assert "hunter" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def test_nobody_listens() -> None:
    assert refusal("postgresql://me:hunter2@127.0.0.1:1/x").message == "here: cannot connect: Connection refused"


def test_no_such_database(postgres: Postgres) -> None:
    url = urlunsplit(urlsplit(postgres.uri)._replace(path="/nowhere"))
    assert refusal(url).message == 'here: database "nowhere" does not exist'


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("postgresql://me:hunter2@127.0.0.1/x?foo=1", 'there is no parameter "foo"'),
        ("postgresql://me:hunter%zz@127.0.0.1/x", "libpq cannot read it"),
        ("host=127.0.0.1 port=abc password=hunter2", 'invalid integer value "abc" for connection option "port"'),
    ],
)
def test_what_libpq_cannot_read(dsn: str, told: str) -> None:
    assert refusal(dsn).message.endswith(told)
