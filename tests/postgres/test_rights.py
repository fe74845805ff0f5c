"""A user who lacks a right is told which, before or at the step that needs it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.operations import sql
from reconciler.errors import StoreError
from reconciler.model.engine import Scope, Session, Target
from reconciler.model.step import Probe
from tests.postgres.bench import LIMITS
from tests.postgres.server import Postgres

ROLE = "of few rights"


@pytest.fixture
def session(postgres: Postgres, pg_database: Postgres.Factory) -> Iterator[Session]:
    """Somebody who may connect, in a database with a table of somebody else."""
    url = pg_database()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f'DROP ROLE IF EXISTS "{ROLE}"')
        owner.execute(f'CREATE ROLE "{ROLE}" LOGIN')
        owner.execute("CREATE TABLE t (a int)")
    parts = urlsplit(url)
    host = f"{ROLE.replace(' ', '%20')}@{parts.netloc.rpartition('@')[2]}"
    with ENGINE.open(Target("shop", "postgres", "dev", {"dsn": urlunsplit(parts._replace(netloc=host))})) as made:
        yield made
    postgres.admin.execute(f'DROP ROLE "{ROLE}"')


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
