"""A user who lacks a right is told which, before or at the step that needs it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from reconciler.apply.violations import violation
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.auditing import HIDDEN
from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.operations import sql
from reconciler.errors import StoreError
from reconciler.model.address import Address
from reconciler.model.engine import Auditing, Checked, Scope, Session, Target
from reconciler.model.step import Probe, Violations
from tests.postgres.bench import LIMITS
from tests.postgres.server import Postgres

ROLE = "of few rights"


@pytest.fixture
def session(pg_database: Postgres.Factory) -> Iterator[Session]:
    """Somebody who may connect, in a database with a table of somebody else."""
    url = pg_database()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f'DROP ROLE IF EXISTS "{ROLE}"')
        owner.execute(f'CREATE ROLE "{ROLE}" LOGIN')
        owner.execute("CREATE TABLE t (a int)")
        owner.execute("CREATE TABLE own (a int); INSERT INTO own VALUES (NULL)")
        owner.execute("ALTER TABLE own ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        owner.execute(f'ALTER TABLE own OWNER TO "{ROLE}"')
    parts = urlsplit(url)
    host = f"{ROLE.replace(' ', '%20')}@{parts.netloc.rpartition('@')[2]}"
    with ENGINE.open(Target("shop", "postgres", "dev", {"dsn": urlunsplit(parts._replace(netloc=host))})) as made:
        yield made
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f'DROP OWNED BY "{ROLE}"; DROP ROLE "{ROLE}"')


def test_each_right_that_is_missing_is_named(session: Session) -> None:
    assert len(session.inspect(Scope("shop", "dev", everything=True)).resources) > 1, "catalogs are for everybody"
    with pytest.raises(StoreError, match="permission denied for database") as caught:
        session.record({"x": 1})
    assert f'TO "{ROLE}" lets it be made' in str(caught.value.hint) and "CREATE ON DATABASE" in str(caught.value.hint)
    with pytest.raises(StoreError, match="permission denied for table t") as caught:
        session.probe(Probe("nothing", "SELECT a FROM t"))
    assert caught.value.hint == f'GRANT SELECT on the table to "{ROLE}"'
    with pytest.raises(StoreError, match="must be owner of table t") as caught:
        session.execute(sql("ALTER TABLE t ADD COLUMN b int"), LIMITS, lambda _text: None, {})
    assert f'make "{ROLE}" a member' in str(caught.value.hint)


def test_rows_that_are_hidden_are_not_taken_for_none(session: Session) -> None:
    """Its owner sees no row of a table with row level security forced, which checks all rows all the same."""
    nulls = Probe("rows have no a", "SELECT ctid::text FROM own WHERE a IS NULL")
    assert session.probe(nulls) == Violations(0, (), HIDDEN)
    with pytest.raises(StoreError, match="row-level security"):
        session.execute(Backfill("public", "own", "a", "1"), LIMITS, lambda _text: None, {})
    assert isinstance(session, Auditing)
    address = Address("shop", "postgres", "table", ("public", "own"))
    (told,) = session.audit([Checked(address, sql("SELECT 1"), (nulls,), ())], {})
    assert told.found.unknown and not told.certain
    assert "not known whether rows have no a" in violation(told.probe, told.found)
