"""The digest of the catalogs covers all of them, but for what is left out by name, and sees what changes."""

from __future__ import annotations

import re

import psycopg
import pytest

from reconciler.engines.postgres import catalog_stamp
from reconciler.engines.postgres.engine import ENGINE
from reconciler.engines.postgres.inspect import BESIDE, PARAMETERS, UNMANAGED
from reconciler.engines.postgres.lookups import QUERIES
from tests.postgres.server import Postgres

# what changes nothing that a declaration could be compared with
HARMLESS = [
    "ANALYZE",
    "VACUUM (FULL, ANALYZE) t",
    "TRUNCATE t",
    "INSERT INTO t SELECT generate_series(1, 10)",
    "SELECT nextval('s')",
    "CREATE TEMP TABLE tt (id int); DROP TABLE tt",
]
CHANGES = [
    "ALTER SEQUENCE s INCREMENT 7",
    "CREATE STATISTICS st (ndistinct) ON id, b FROM t",
    "ALTER TABLE t ALTER b SET STATISTICS 7",
    "ALTER TABLE t ALTER b SET STORAGE plain",
    "COMMENT ON SEQUENCE s IS 'x'",
    "GRANT SELECT (b) ON t TO public",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public",
    "ALTER VIEW v SET (security_barrier)",
    "ALTER FUNCTION f() STABLE",
    "ALTER DATABASE {database} SET work_mem = '7MB'",
    "ALTER TABLE t ALTER b TYPE varchar(7)",
    "ALTER TABLE t DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK (id > 1)",
    "ALTER TABLE t RENAME TO other",
]


@pytest.fixture
def session(pg_database: Postgres.Factory) -> psycopg.Connection[object]:
    """A database with a few things in it."""
    connection: psycopg.Connection[object] = psycopg.connect(pg_database(), autocommit=True)
    connection.execute(
        "CREATE TABLE t (id int, b varchar(5), CONSTRAINT positive CHECK (id > 0)); CREATE SEQUENCE s;"
        " CREATE VIEW v AS SELECT id FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    return connection


def test_harmless_things_change_nothing(session: psycopg.Connection[object]) -> None:
    before = catalog_stamp.taken(session)
    for statement in HARMLESS:
        for each in statement.split("; "):
            session.execute(each)
        assert catalog_stamp.taken(session) == before, statement


def test_every_change_is_seen(session: psycopg.Connection[object]) -> None:
    seen = {catalog_stamp.taken(session)}
    for statement in CHANGES:
        if "varchar" in statement:
            session.execute("DROP STATISTICS st")
        session.execute(statement.format(database=f'"{session.info.dbname}"'))
        stamp = catalog_stamp.taken(session)
        assert stamp not in seen, statement
        seen.add(stamp)


def test_another_setting_is_another_stamp(session: psycopg.Connection[object]) -> None:
    before = catalog_stamp.taken(session)
    session.execute("SET quote_all_identifiers = on")
    assert catalog_stamp.taken(session) != before


def test_a_moment_lasts_until_somebody_commits(session: psycopg.Connection[object]) -> None:
    with psycopg.connect(session.info.dsn, password=session.info.password or None) as writer:
        first = catalog_stamp.moment(session)
        assert catalog_stamp.moment(session) == first
        writer.execute("CREATE TABLE more ()")
        assert catalog_stamp.moment(session) == first, "not committed yet"
    assert catalog_stamp.moment(session) != first


def test_all_that_is_read_is_in_it(session: psycopg.Connection[object], postgres: Postgres) -> None:
    """Every system relation that a query names is hashed, or a view over such, or left out for a reason."""
    queries = (
        *QUERIES,
        UNMANAGED,
        PARAMETERS,
        *BESIDE.values(),
        *(k.query(postgres.major) for k in ENGINE.kinds.values()),
    )
    words = {word for query in queries for word in re.findall(r"\bpg_\w+", query)}
    rows: list[tuple[str, str]] = session.execute(  # type: ignore[assignment]
        "SELECT relname::text, relkind::text FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace"
        " AND relname = ANY (%s)",
        (list(words),),
    ).fetchall()
    found = dict(rows)
    assert not {n for n, k in found.items() if k == "r"} & catalog_stamp.LEFT_OUT.keys()
    views = {n for n, k in found.items() if k == "v"}
    assert views <= {"pg_roles", "pg_user_mappings", "pg_available_extensions"}, "each is hashed by itself"
    settings = {s for query in queries for s in re.findall(r"current_setting\('(\w+)'", query)}
    assert settings <= {"default_table_access_method"}, "all of pg_settings is hashed, other sources are not"


def test_a_role_with_few_rights_has_a_stamp(session: psycopg.Connection[object]) -> None:
    session.execute("CREATE ROLE stamped")
    try:
        session.execute("SET ROLE stamped")
        assert len(catalog_stamp.taken(session)) == 64
    finally:
        session.execute("RESET ROLE; DROP ROLE stamped")  # roles are the whole server's
