"""`plan --prove` on real servers: what it needs, what it catches, and that it leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler import pipeline
from reconciler.apply import survey
from reconciler.config.options import Options
from reconciler.desired.emit import dump
from reconciler.desired.strictyaml import parse
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.engine import Postgres as Engine
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.scratch import PREFIX
from reconciler.local import throwaway
from reconciler.local.postgres import BIN_VARIABLE
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.plan import Proof, Verdict
from reconciler.model.step import Draft
from tests.e2e.user import COMMAND, User, environment
from tests.postgres.server import Postgres

LIVE = """
    CREATE TYPE state AS ENUM ('new', 'paid');
    CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, old text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, state state DEFAULT 'new',
        amount numeric(12,2) CHECK (amount > 0));
    CREATE VIEW paid AS SELECT id, amount FROM orders WHERE state = 'paid';
    INSERT INTO customers (name) VALUES ('ann'), ('bob')"""


@pytest.fixture(scope="module")
def binaries(postgres: Postgres) -> str:
    """The folder that the server was started from."""
    ((folder,),) = run(postgres.uri, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    return str(folder)


@pytest.fixture(scope="module")
def other(binaries: str) -> Iterator[str]:
    """A second server of the same version: its URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BIN_VARIABLE, binaries)
        with throwaway("postgres") as instance:
            yield instance.uri


@pytest.fixture
def user(tmp_path: Path, binaries: str) -> User:
    return User(tmp_path, {BIN_VARIABLE: binaries})


def run(uri: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; the rows of the last one."""
    with psycopg.connect(uri, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def left(uri: str) -> list[str]:
    """Scratch databases on a server, and roles that a proof could have made there."""
    query = f"SELECT datname FROM pg_database WHERE datname LIKE '{PREFIX}%' UNION SELECT rolname FROM pg_roles"
    return [str(name) for (name,) in run(uri, query) if not str(name).startswith("pg_")]


def edited(user: User, uri: str, **tables: dict[str, str]) -> None:
    """The imported declaration of a database with further columns, or `mood`, an enum."""
    user("import", "--target", uri, "-o", "mine", "--service", "shop", "--force")
    data: Any = parse(user.read("mine/shop.yaml"), "shop.yaml")
    section = data["postgres"]
    for name, columns in tables.items():
        if name == "mood":
            section["enums"]["mood"] = ["good", "bad"]
        else:
            section["tables"][name]["columns"].update(columns)
    user.write("mine/shop.yaml", dump(data))


def proven(uri: str, folder: Path, scratch: str, engine: Engine = ENGINE) -> Proof:
    """The proof by itself: what the live server would refuse already when planning is not asked for here."""
    options = Options(target=uri, schemas=folder / "mine", scratch=scratch)
    project = pipeline.load(options, {}, {"postgres": engine})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "tried", lambda *_: None)
        (proof,) = pipeline.make_plan(project, prove=lambda _text: None).plan.proofs
    return proof


def test_on_a_throwaway_server(user: User, postgres: Postgres, pg_database: Postgres.Factory) -> None:
    """The live schema is built with its dependencies, run through, undone, and not touched."""
    uri = pg_database()
    run(uri, LIVE)
    edited(user, uri, orders={"paid_at": "timestamptz"}, customers={"name": "text"})
    ended = user("plan", "--target", uri, "--schemas", "mine", "--prove", "-o", "p.yaml")
    assert f"throw-away postgres {postgres.major}" in ended.err
    assert f"steps proven, undo proven; on PostgreSQL {postgres.major}." in ended.out
    assert run(uri, "SELECT count(*) FROM customers") == [(2,)]
    assert left(uri) == ["postgres"]
    user("apply", "p.yaml", "--target", uri, "--schemas", "mine", "--allow", "*")


def test_in_another_database_of_the_local_server(user: User, postgres: Postgres) -> None:
    user.write("schemas/near.yaml", "service: near\npostgres:\n  tables:\n    t:\n      columns: {id: bigint}\n")
    try:
        ended = user("plan", "--prove", RECONCILE_POSTGRES_URI=postgres.uri)
        assert "undo proven" in ended.out and "throw-away" not in ended.err
        assert left(postgres.uri) == ["postgres"]
    finally:
        run(postgres.uri, "DROP DATABASE IF EXISTS near")


def test_what_loses_data_has_no_undo_to_prove(user: User, pg_database: Postgres.Factory, other: str) -> None:
    uri = pg_database()
    run(uri, "CREATE TABLE t (a int, b int)")
    user.write(
        "mine/shop.yaml", "service: shop\npostgres:\n  tables:\n    t:\n      columns: {a: integer, c: integer}\n"
    )
    proof = proven(uri, user.folder, uri)
    assert (proof.forward, proof.undo) == (Verdict.PROVEN, Verdict.IMPOSSIBLE)
    assert proof.undo_reason == "1 step cannot be undone (2)"


def test_roles_are_made_on_a_throwaway_server_and_asked_for_on_another(
    user: User, postgres: Postgres, pg_database: Postgres.Factory, other: str
) -> None:
    uri = pg_database()
    run(
        uri,
        "CREATE ROLE proof_reader",
        "CREATE ROLE proof_owner",
        "CREATE ROLE proof_idle",
        "CREATE TABLE t (a int)",
        "ALTER TABLE t OWNER TO proof_owner",
        "GRANT SELECT ON t TO proof_reader",
    )
    try:
        edited(user, uri, t={"b": "integer"})
        ended = user("plan", "--target", uri, "--schemas", "mine", "--scratch", other, code=1)
        assert "lacks the role proof_owner, proof_reader; create it there" in ended.err
        assert left(other) == ["postgres"]
        assert "undo proven" in user("plan", "--target", uri, "--schemas", "mine", "--prove").out
    finally:
        run(uri, "DROP OWNED BY proof_reader, proof_owner", "DROP ROLE proof_reader, proof_owner, proof_idle")


def test_extensions_that_are_not_there_are_named(user: User, pg_database: Postgres.Factory, other: str) -> None:
    uri = pg_database()
    user.write("mine/shop.yaml", "service: shop\npostgres:\n  extensions: {no_such_thing: {}}\n")
    proof = proven(uri, user.folder, other)
    assert (proof.forward, proof.reason.partition(";")[0]) == (
        Verdict.UNPROVEN,
        "the scratch server lacks the extension no_such_thing",
    )
    assert left(other) == ["postgres"]


def test_an_enabled_subscription_is_left_out_and_the_rest_proven(
    user: User, pg_database: Postgres.Factory, other: str
) -> None:
    uri = pg_database()
    films = "films: {connection: host=127.0.0.1 port=1, publications: [films], comment: all of them}"
    table = "tables: {t: {columns: {a: integer}}}"
    user.write("mine/shop.yaml", f"service: shop\npostgres:\n  subscriptions: {{{films}}}\n  {table}\n")
    proof = proven(uri, user.folder, other)
    without = "without subscription films, which would connect to another server"
    assert (proof.forward, proof.undo, proof.reason) == (Verdict.PROVEN, Verdict.PROVEN, without)
    assert without in user("plan", "--target", uri, "--schemas", "mine", "--scratch", other).out
    user.write("mine/shop.yaml", f"service: shop\npostgres:\n  subscriptions: {{{films}}}\n")
    proof = proven(uri, user.folder, other)
    assert (proof.forward, proof.reason) == (Verdict.IMPOSSIBLE, without)


def test_a_server_that_does_not_answer_is_named_without_its_password(user: User, pg_database: Postgres.Factory) -> None:
    uri = pg_database()
    user.write("mine/shop.yaml", "service: shop\npostgres:\n  tables:\n    t:\n      columns: {a: integer}\n")
    scratch = "postgresql://me:geheim99@127.0.0.1:1/postgres"
    ended = user("plan", "--target", uri, "--schemas", "mine", "--scratch", scratch, code=1)
    assert "cannot connect" in ended.err and "geheim99" not in ended.err + ended.out


def spoilt(change: str, **said: Any) -> Engine:
    """The engine with one emitter of the kind enum that is wrong."""
    engine, kind = Engine(), ENGINE.kinds["enum"]

    def create(found: Change[Any], context: Context) -> list[Draft]:
        drafts = kind.create(found, context)
        return [replace(d, **said) for d in drafts] if found.address.name == change else drafts

    engine.kinds = {**ENGINE.kinds, "enum": replace(kind, create=create)}
    return engine


@pytest.mark.parametrize(
    ("said", "forward", "undo", "reason"),
    [
        ({"operation": "CREATE TYPE mood AS ENUM ('good')"}, "refuted", "not proven", "enum public.mood (values)"),
        (
            {"operation": "CREATE TYPE mood AS nonsense"},
            "refuted",
            "not proven",
            "step 1 (create enum public.mood) failed",
        ),
        ({"undo": ()}, "proven", "refuted", "these differ from before: enum public.mood (delete)"),
        ({"undo": ("DROP TYPE moody",)}, "proven", "refuted", "undo of step 1: create enum public.mood failed"),
    ],
)
def test_wrong_steps_and_wrong_undo_are_caught_and_nothing_stays(
    user: User,
    pg_database: Postgres.Factory,
    other: str,
    said: dict[str, Any],
    forward: str,
    undo: str,
    reason: str,
) -> None:
    uri = pg_database()
    run(uri, LIVE)
    edited(user, uri, mood={})
    made = {k: sql(v) if k == "operation" else tuple(map(sql, v)) for k, v in said.items()}
    proof = proven(uri, user.folder, other, spoilt("mood", **made))
    assert (proof.forward.value, proof.undo.value) == (forward, undo)
    assert reason in proof.reason + proof.undo_reason
    assert left(other) == ["postgres"]


def test_what_cannot_be_built_is_named(user: User, pg_database: Postgres.Factory, other: str) -> None:
    """A partition is not managed yet, so what hangs on it cannot be built."""
    uri = pg_database()
    run(uri, "CREATE CONVERSION odd FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1", "CREATE TABLE t (a int)")
    edited(user, uri, t={"b": "integer"})
    proof = proven(uri, user.folder, other, spoilt("nothing"))
    assert proof.forward is Verdict.PROVEN, "what is unmanaged and not needed does not matter"
    run(uri, "CREATE TYPE state AS ENUM ('new')", "ALTER TABLE t ADD c state")
    edited(user, uri, t={"b": "integer"})
    proof = proven(uri, user.folder, other, spoilt("state", operation=sql("CREATE TYPE state AS nonsense")))
    assert (proof.forward, proof.undo) == (Verdict.UNPROVEN, Verdict.UNPROVEN)
    assert "cannot be built on a scratch database: create enum public.state: the step failed: " in proof.reason
    assert left(other) == ["postgres"]


def test_an_interrupt_drops_the_scratch_database(user: User, pg_database: Postgres.Factory, other: str) -> None:
    uri = pg_database()
    run(uri, "CREATE TABLE t (a int)")
    user.write(
        "mine/shop.yaml",
        "service: shop\npostgres:\n  tables:\n    t:\n      columns: {a: integer}\n"
        "  materialized_views:\n    slow: SELECT pg_sleep(20)::text AS slept\n",
    )
    process = subprocess.Popen(
        [COMMAND, "plan", "--target", uri, "--schemas", "mine", "--scratch", other],
        cwd=user.folder,
        env=environment({}),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    asleep = f"SELECT pid FROM pg_stat_activity WHERE datname LIKE '{PREFIX}%' AND wait_event = 'PgSleep'"
    until = time.monotonic() + 60
    while not run(other, asleep):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    run(other, asleep.replace("pid", "pg_cancel_backend(pid)", 1))
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.splitlines()[-1]) == (130, "interrupted"), told
    assert left(other) == ["postgres"]
