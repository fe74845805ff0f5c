"""What a plan does about subscriptions beside its steps: secrets, rights, versions, and nobody is connected to."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from reconciler.apply.reverse import undoing
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.conninfo import SECRETS, without_secrets
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.subscription_parts import Subscription
from reconciler.errors import DeclarationError, DeclarationErrors, StoreError, UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.engine import Scope, ScratchServer, Server, Session, Target
from reconciler.model.hazard import Code
from reconciler.model.plan import Plan
from reconciler.planfile.codec import encode, sealed
from tests.postgres.bench import LIMITS, Bench, bench, declared, lifted, pure_plan
from tests.postgres.server import Postgres

ROLE = "reader of subscriptions"
FILMS = Address("shop", "postgres", "subscription", ("films",))
HEAD = "service: shop\npostgres:\n  subscriptions:\n    films: "
CONNECTIONS = {
    "host=a dbname='b c'": ("host=a dbname='b c'", ()),
    "": ("", ()),
    "  ": ("  ", ()),
    "host = a  password = 'it\\'s = secret' port=5": ("host = a port=5", ("password",)),
    "password=a\\ b passfile=/x sslkey='k' sslpassword=y user=z": (
        "user=z",
        ("passfile", "password", "sslkey", "sslpassword"),
    ),
    "options='-c password=no' host=a": ("options='-c password=no' host=a", ()),
    "postgresql://u:se%63ret@h:5/d?sslmode=require": ("postgresql://u@h:5/d?sslmode=require", ("password",)),
    "postgres://u@h/d?sslmode=require&password=x": ("postgres://u@h/d?sslmode=require", ("password",)),
    "postgresql://h:5/d?sslpassword=x": ("postgresql://h:5/d", ("sslpassword",)),
    "postgresql://u:@h/d": ("postgresql://u:@h/d", ()),
    "postgresql://h1:1,h2:2/d": ("postgresql://h1:1,h2:2/d", ()),
}


def said(node: str) -> str:
    """A declaration of the subscription `films`."""
    return f"{HEAD}{{publications: [films], {node}}}\n"


def planned(live: str, desired: str, major: int = 18) -> Plan:
    return pure_plan(declared(said(desired)), declared(said(live)), Server("PostgreSQL", (major, 0)), rows=0)


@pytest.mark.parametrize("text", CONNECTIONS)
def test_secret_words_are_left_out_of_a_connection(text: str, postgres: Postgres) -> None:
    assert without_secrets(text) == CONNECTIONS[text]
    query = f"SELECT n FROM (SELECT %s) s (t), LATERAL ({SECRETS.format('s.t')}) x (n)"
    names = postgres.admin.execute(query.encode(), (text,))
    assert tuple(sorted(str(n) for (n,) in names)) == CONNECTIONS[text][1]


@pytest.mark.parametrize("text", ["nonsense", "host='a", "host"])
def test_a_connection_that_libpq_cannot_read_is_refused_unquoted(text: str) -> None:
    with pytest.raises(ValueError, match="name=value") as caught:
        without_secrets(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("words", ["host=a password=hush", "postgresql://u:hush@a/b"])
def test_no_secret_is_declared(words: str) -> None:
    with pytest.raises((DeclarationError, DeclarationErrors)) as caught:
        declared(said(f'connection: "{words}"'))
    assert "password" in str(caught.value) and "hush" not in str(caught.value)


@pytest.fixture
def database(pg_database: Postgres.Factory) -> Iterator[Bench]:
    """A database with a subscription whose connection has a password."""
    with bench(pg_database()) as made:
        made.script(
            "CREATE SUBSCRIPTION films CONNECTION 'host=a password=hush' PUBLICATION films WITH (connect = false);"
        )
        yield made


def test_a_password_is_neither_read_nor_kept_in_silence(database: Bench) -> None:
    live = database.live()
    assert [u.address.path for u in live.unmanaged] == [("films", "password")]
    assert "hush" not in repr(live.resources) + repr(live.unmanaged) + lifted(live)
    assert database.plan(declared(said("connection: host=a, enabled: false"))).empty
    plan = database.plan(declared(said("connection: host=b, enabled: false")))
    assert [h.code for h in plan.steps[0].hazards] == [Code.DELETES_DATA.code]
    assert plan.steps[0].undo is None
    assert "hush" not in encode(sealed(plan))


@pytest.fixture
def reader(database: Bench, postgres: Postgres) -> Iterator[Session]:
    """Somebody without rights in that database."""
    postgres.admin.execute(f'CREATE ROLE "{ROLE}" LOGIN')
    parts = urlsplit(database.uri)
    where = f"{ROLE.replace(' ', '%20')}@{parts.netloc.rpartition('@')[2]}"
    with ENGINE.open(Target("shop", "postgres", "dev", {"dsn": urlunsplit(parts._replace(netloc=where))})) as session:
        yield session
    postgres.admin.execute(f'DROP ROLE "{ROLE}"')


def test_who_may_not_read_connections_is_told_what_is_there(reader: Session, postgres: Postgres) -> None:
    live = reader.inspect(Scope("shop", "dev", everything=True))
    assert FILMS not in live.resources
    assert [(u.address, "pg_read_all_data" in u.reason) for u in live.unmanaged] == [(FILMS, True)]
    with pytest.raises(UnsupportedChange, match="cannot be read"):
        pure_plan(declared(said("connection: host=a, enabled: false")), live, reader.server, rows=0)
    postgres.admin.execute(f'GRANT pg_read_all_data TO "{ROLE}"')
    again = reader.inspect(Scope("shop", "dev", everything=True))
    found = again.get(FILMS, Subscription)
    assert found is not None and found.connection == "host=a" and found.secrets == ("password",)


def test_what_is_enabled_connects_outside_a_transaction_and_says_so() -> None:
    nothing = declared("service: shop\npostgres: {}\n")
    films = declared(said("connection: host=a"))
    (made,) = pure_plan(films, nothing, Server("PostgreSQL", (18, 0)), rows=0).steps
    assert made.operation.lines() == ["CREATE SUBSCRIPTION films CONNECTION 'host=a' PUBLICATION films;"]
    assert made.operation.encode()["transaction"] is False
    assert {h.code for h in made.hazards} == {Code.MAY_FAIL.code, Code.SECURITY.code}
    (gone,) = pure_plan(nothing, films, Server("PostgreSQL", (18, 0)), rows=0).steps
    assert gone.operation.encode() == {"sql": "DROP SUBSCRIPTION films", "transaction": False}
    assert "drops the slot films there" in gone.hazards[1].message


def test_no_proof_connects_to_a_publisher(postgres: Postgres) -> None:
    films = declared(said("connection: host=a"))
    server, target = scratch_of(postgres)
    with pytest.raises(StoreError, match="it would connect to its publisher"), ENGINE.scratch(server, target, [films]):
        pass


def test_a_scratch_database_goes_with_its_subscriptions(postgres: Postgres) -> None:
    films = declared(said("connection: host=127.0.0.1 port=1, enabled: false"))
    server, target = scratch_of(postgres)
    with ENGINE.scratch(server, target, [films]) as made, ENGINE.open(made) as session:
        live = session.inspect(Scope("shop", "dev", everything=True))
        (step,) = pure_plan(films, live, session.server, rows=0).steps
        for operation in (step.operation, sql("ALTER SUBSCRIPTION films ENABLE")):
            session.execute(operation, LIMITS, lambda _text: None, {})
    count = "SELECT count(*) FROM pg_database WHERE datname = %s"
    assert postgres.admin.execute(count, (made.connection["dbname"],)).fetchone() == (0,)


def scratch_of(postgres: Postgres) -> tuple[ScratchServer, Target]:
    """A server to make scratch databases on, and a live target: the same one."""
    connection = {"dsn": postgres.uri}
    return ScratchServer(connection, "here", own=False), Target("shop", "postgres", "dev", connection)


def test_what_the_slot_has_to_know_is_changed_while_it_is_off() -> None:
    plan = planned("connection: host=a", "connection: host=a, failover: true, two_phase: true, binary: true")
    assert [" ".join(s.operation.lines()) for s in plan.steps] == [
        "ALTER SUBSCRIPTION films SET (binary = true);",
        "ALTER SUBSCRIPTION films DISABLE;",
        "ALTER SUBSCRIPTION films SET (two_phase = true);",
        "ALTER SUBSCRIPTION films SET (failover = true);",
        "ALTER SUBSCRIPTION films ENABLE;",
    ]
    assert next(" ".join(s.operation.lines()) for s in undoing(plan.steps)) == "ALTER SUBSCRIPTION films DISABLE;"
    with pytest.raises(UnsupportedChange, match="two_phase cannot be changed while it is enabled"):
        planned("connection: host=a", "connection: host=a, two_phase: true", 17)


@pytest.mark.parametrize(
    ("major", "node"),
    [
        (14, "disable_on_error: true"),
        (14, "two_phase: true"),
        (15, "origin: none"),
        (15, "run_as_owner: true"),
        (15, "password_required: false"),
        (15, "streaming: parallel"),
        (16, "failover: true"),
    ],
)
def test_what_a_version_does_not_have_is_told(major: int, node: str) -> None:
    catalog = declared(said(f"connection: host=a, {node}"))
    message = f"needs PostgreSQL {major + 1}"
    assert [message in text for _, text, _ in ENGINE.unsupported(catalog, Server("PostgreSQL", (major, 0)))] == [True]
    assert not list(ENGINE.unsupported(catalog, Server("PostgreSQL", (major + 1, 0))))
