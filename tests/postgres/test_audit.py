"""What the data would make a plan fail with is told when it is planned, and refused before the first step."""

from __future__ import annotations

import psycopg

from reconciler.engines.postgres.auditing import counted
from reconciler.engines.postgres.type_probes import MADE, READS
from reconciler.model.step import Probe, Violations
from tests.postgres.bench import Bench, bench, declared
from tests.postgres.server import Postgres

BEFORE = """
service: shop
postgres:
  enums: {state: [new, paid, gone]}
  domains: {short: text}
  tables:
    owners: {columns: {id: {type: integer, not_null: true}}, primary_key: [id]}
    t:
      columns:
        id: integer
        code: character varying(10)
        doc: text
        big: bigint
        amount: numeric
        state: state
        name: short
        owner: integer
        spare: text
        days: daterange
        mark: text
        few: text
        flag: character varying
        day: text
        at: text
        host: text
"""
AFTER = """
service: shop
postgres:
  enums: {state: [new, paid]}
  domains: {short: {type: text, checks: {short_check: length(VALUE) < 5}}}
  tables:
    owners: {columns: {id: {type: integer, not_null: true}}, primary_key: [id]}
    t:
      columns:
        id: {type: integer, not_null: true}
        code: character varying(3)
        doc: jsonb
        big: integer
        amount: numeric(5,2)
        state: state
        name: short
        owner: integer
        spare: text
        days: daterange
        mark: uuid
        few: smallint
        flag: boolean
        day: date
        at: timestamp with time zone
        host: inet
      exclusions: {t_days: {method: gist, elements: [{column: days, with: "&&"}], where: id > 0}}
      checks: {owner_check: owner > 0}
      uniques: {t_spare_key: [spare]}
      foreign_keys: {t_owner_fkey: {columns: [owner], references: {table: owners, columns: [id]}}}
"""
GOOD = """
INSERT INTO owners VALUES (1);
INSERT INTO t VALUES
  (1, 'abc   ', '[1]', 2147483647, 999.994, 'paid', 'x', 1, 'a', '[2026-01-01,2026-01-09)',
   '{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}', E' +32767\n', 'Off ', 'May 4 2026', '2026-05-04 10:00 CET', '10.0.0.1/8'),
  (2, '', NULL, -5, 'NaN', NULL, NULL, NULL, NULL, '[2026-01-09,2026-01-12)', NULL, NULL, NULL, NULL, 'epoch', NULL);
"""
BAD = """
INSERT INTO t VALUES
  (NULL, 'abcd', '{no', 2147483648, 999.995, 'gone', 'secret', -1, 'secret', '[2026-01-01,2026-02-01)',
   'secret', '32768', 'o', 'secret', '2026-02-30', '10.0.0.256'),
  (3, 'ab', '{}', 1, 1, 'new', 'y', 7, 'secret', '[2026-01-05,2026-01-10)',
   'a0eebc999c0b4ef8bb6d6bb9bd380a11', '-32768', 'yes', 'today', 'now', '::1');
"""
FOUND = {
    "rows of public.t have no id": 1,
    "rows hold a t.code that is no character varying(3)": 1,
    "rows hold a t.doc that is no jsonb": 1,
    "rows hold a t.big that is no integer": 1,
    "rows hold a t.amount that is no numeric(5,2)": 1,
    "rows of public.t hold one of 'gone' in state": 1,
    "values in t.name break short_check": 1,
    "rows of public.t break owner_check": 1,
    "values of (spare) in public.t that occur more than once": 1,
    "rows hold a t.mark that is no uuid": 1,
    "rows hold a t.few that is no smallint": 1,
    "rows hold a t.flag that is no boolean": 1,
    "rows hold a t.day that is no date": 1,
    "rows hold a t.at that is no timestamp with time zone": 1,
    "rows hold a t.host that is no inet": 1,
    "pairs of rows of public.t exclude each other by t_days": 2,
    "rows of public.t refer to nothing in public.owners": 2,
}


def notes(database: Bench) -> list[str]:
    database.moved()
    return [note.message for note in database.plan(declared(AFTER)).notes]


def test_everything_is_found_before_and_no_value_is_told(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(BEFORE))
        database.script(GOOD)
        assert notes(database) == []
        database.script(BAD)
        told = notes(database)
        for message, count in FOUND.items():
            assert [t for t in told if f": {count} × {message}" in t], (message, told)
        assert len(told) == len(FOUND)
        assert not [t for t in told if "secret" in t]
        assert any(t.startswith("blocked: 1 × rows of public.t have no id, such as (0,3)") for t in told)
        mended = [t for t in told if not t.startswith("blocked: ")]
        assert not mended, "no step before gives any of these columns other values"


def test_what_cannot_be_asked_is_told(pg_database: Postgres.Factory) -> None:
    """Without the right to make something temporary, PostgreSQL 14 and 15 cannot tell what a cast refuses."""
    uri = pg_database()
    with psycopg.connect(uri, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS plain")
        owner.execute("CREATE ROLE plain LOGIN; CREATE TABLE t (a text); GRANT SELECT ON t TO plain")
        owner.execute(f"REVOKE TEMPORARY ON DATABASE {owner.info.dbname} FROM PUBLIC")
    probe = Probe("m", f"CREATE FUNCTION {READS}() RETURNS int LANGUAGE sql AS $$ SELECT 1 {MADE}SELECT a FROM t")
    with psycopg.connect(uri, user="plain", autocommit=True) as connection:
        assert "no temporary function can be made" in counted(connection, probe).unknown
    with psycopg.connect(uri, autocommit=True) as owner:
        assert counted(owner, probe) == Violations(0, ())
        owner.execute("DROP OWNED BY plain; DROP ROLE plain")


def test_a_column_whose_domain_wants_a_value_needs_one_for_the_rows(pg_database: Postgres.Factory) -> None:
    text = """
service: shop
postgres:
  domains: {grade: {type: integer, not_null: true}, rated: {type: integer, not_null: true, default: 3}}
  tables: {t: {columns: {a: integer, b: COLUMN}}}
"""
    with bench(pg_database()) as database:
        database.become(declared(text.replace(", b: COLUMN", "")))
        database.script("INSERT INTO t VALUES (1), (2);")
        database.moved()
        (told,) = database.plan(declared(text.replace("COLUMN", "grade"))).notes
        assert told.message.startswith("blocked: 2 × rows of public.t would have no b; give it a default")
        for column in ("rated", "{type: grade, default: 1 + (random() * 3)::integer}"):
            database.become(declared(text.replace("COLUMN", column)))
            assert not database.connection.execute("SELECT 1 FROM t WHERE b IS NULL").fetchall()
            database.become(declared(text.replace(", b: COLUMN", "")))


def test_rows_outside_a_bound_are_told_however_their_table_gets_there(pg_database: Postgres.Factory) -> None:
    text = """
service: shop
postgres:
  tables:
    p: {partition_by: {PARTED}, columns: {a: integer, b: integer}}
    c: {WHERE}
"""
    wide, narrow = "range: [a, b]", "list: [a]"
    apart, within = "columns: {a: integer, b: integer}", "partition_of: p, from: [0, 0], to: [9, 9]"
    with bench(pg_database()) as database:
        database.become(declared(text.replace("PARTED", wide).replace("WHERE", apart)))
        database.script("INSERT INTO c VALUES (9, 8), (9, 9), (0, -1);")
        database.moved()
        (told,) = database.plan(declared(text.replace("PARTED", wide).replace("WHERE", within))).notes
        assert told.message.startswith("blocked: 2 × rows of public.c are outside the bound")
        database.script("DELETE FROM c WHERE b <> 8;")
        database.moved()
        database.become(declared(text.replace("PARTED", wide).replace("WHERE", within)))
        anew = text.replace("PARTED", narrow).replace("WHERE", "partition_of: p, in: [1]")
        (told,) = database.plan(declared(anew)).notes
        assert told.message.startswith("blocked: 1 × rows of public.c are outside the bound")
        database.become(declared(anew.replace("[1]", "[1, 9]")))


WATCHED = """
service: shop
postgres:
  functions:
    watch(): {returns: event_trigger, language: plpgsql, body: "BEGIN NULL; END"}
  event_triggers:
    watch: {event: ddl_command_end, tags: [ALTER TABLE, CREATE INDEX], execute: watch}
    drops: {event: sql_drop, execute: watch}
    off: {event: ddl_command_start, execute: watch, state: disabled}
  tables: {t: {columns: {a: integer, b: integer}}}
"""


def test_event_triggers_that_fire_on_the_steps_are_told(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(WATCHED))

        def told(old: str, new: str) -> list[str]:
            return [n.message.split(": ")[0] for n in database.plan(declared(WATCHED.replace(old, new))).notes]

        rest = "runs watch at ddl_command_end of steps of this plan"
        assert told("b: integer", "b: integer, c: text") == [f"event trigger watch {rest} (ALTER TABLE)"]
        assert told("b: integer}", "b: integer}, indexes: {i: [a]}") == [f"event trigger watch {rest} (CREATE INDEX)"]
        assert told("tables: {t:", "tables: {u: {columns: {a: integer}}, t:") == []
        assert told(", b: integer", "") == [
            "event trigger drops runs watch at sql_drop of steps of this plan (ALTER TABLE)",
            f"event trigger watch {rest} (ALTER TABLE)",
        ]


OLD_NAMES = """
service: shop
postgres:
  tables:
    people: {columns: {id: {type: bigint, not_null: true}, mail: text, age: text, boss: bigint}, primary_key: [id]}
"""
NEW_NAMES = """
service: shop
postgres:
  tables:
    persons:
      renamed_from: people
      columns:
        id: {type: bigint, not_null: true}
        email: {type: text, not_null: true, renamed_from: mail}
        years: {type: integer, renamed_from: age}
        boss: bigint
      primary_key: [id]
      checks: {small: boss < 5}
      uniques: {persons_email_key: [email]}
      foreign_keys: {persons_boss_fkey: {columns: [boss], references: persons}}
"""
OLD_ROWS = "INSERT INTO people VALUES (1, NULL, 'x', 7), (2, 'a', '3', 1), (3, 'a', '4', 2)"


def test_what_is_renamed_is_asked_by_the_name_it_has(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(OLD_NAMES))
        database.script(OLD_ROWS)
        database.moved()
        told = [note.message for note in database.plan(declared(NEW_NAMES)).notes]
        found = [t for t in told if t.startswith("blocked: 1 × ")]
        assert [t.partition(" × ")[2].partition(", such as (0,")[0] for t in found] == [
            "rows of public.persons have no email",
            "rows hold a persons.years that is no integer",
            "values of (email) in public.persons that occur more than once",
            "rows of public.persons break small",
            "rows of public.persons refer to nothing in public.persons",
        ]
        for text in found:
            database.script(text.partition("find them with: ")[2])
