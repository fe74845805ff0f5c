"""A comment on an object of every class that can have one is read, and import writes it."""

from __future__ import annotations

from reconciler.desired.emit import dump
from reconciler.desired.lift import lift
from reconciler.engines.postgres.engine import ENGINE
from tests.postgres.bench import bench
from tests.postgres.server import Postgres

OBJECTS = """
CREATE SCHEMA app;
CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('good'); CREATE TYPE span AS RANGE (subtype = int);
CREATE DOMAIN low AS int CONSTRAINT low_check CHECK (VALUE < 9);
CREATE COLLATION mine FROM "C";
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION watches() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE adds(int) (SFUNC = int4pl, STYPE = int);
CREATE CAST (pair AS text) WITH INOUT;
CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE OPERATOR FAMILY fam USING btree;
CREATE OPERATOR CLASS cls FOR TYPE int USING btree FAMILY fam AS OPERATOR 3 = , FUNCTION 1 btint4cmp(int, int);
CREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler;
CREATE LANGUAGE lang HANDLER plpgsql_call_handler;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE far (a int) SERVER s;
CREATE TABLE t (a int PRIMARY KEY, b int, CONSTRAINT t_b CHECK (b > 0));
CREATE INDEX t_b_idx ON t (b); CREATE SEQUENCE counts; CREATE STATISTICS st ON a, b FROM t;
CREATE VIEW v AS SELECT a FROM t; CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
CREATE POLICY pol ON t; CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING;
CREATE TRIGGER trg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires();
CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION watches();
CREATE PUBLICATION pub FOR TABLE t;
CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION pub WITH (connect = false, slot_name = NONE);
CREATE TEXT SEARCH PARSER pars (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
                                LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE temp (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = temp); CREATE TEXT SEARCH CONFIGURATION conf (PARSER = pars);
"""
NAMED = (
    *("SCHEMA app", "TYPE pair", "COLUMN pair.a", "TYPE mood", "TYPE span", "DOMAIN low", "COLLATION mine"),
    *("CONSTRAINT low_check ON DOMAIN low", "FUNCTION f(int)", "PROCEDURE p()", "AGGREGATE adds(int)"),
    *("CAST (pair AS text)", "CONVERSION conv", "OPERATOR === (int, int)", "OPERATOR FAMILY fam USING btree"),
    *("OPERATOR CLASS cls USING btree", "ACCESS METHOD am", "LANGUAGE lang", "TRANSFORM FOR int LANGUAGE sql"),
    *("FOREIGN DATA WRAPPER w", "SERVER s", "FOREIGN TABLE far", "COLUMN far.a", "TABLE t", "COLUMN t.b"),
    *("CONSTRAINT t_pkey ON t", "INDEX t_pkey", "CONSTRAINT t_b ON t", "INDEX t_b_idx", "SEQUENCE counts"),
    *("STATISTICS st", "VIEW v", "COLUMN v.a", "MATERIALIZED VIEW m", "COLUMN m.a", "POLICY pol ON t", "RULE r ON t"),
    *("TRIGGER trg ON t", "EVENT TRIGGER ev", "PUBLICATION pub", "SUBSCRIPTION sub", "TEXT SEARCH PARSER pars"),
    *("TEXT SEARCH TEMPLATE temp", "TEXT SEARCH DICTIONARY dict", "TEXT SEARCH CONFIGURATION conf"),
)
CLASSES = """am cast class collation constraint conversion event_trigger foreign_data_wrapper foreign_server language
    namespace opclass operator opfamily policy proc publication rewrite statistic_ext subscription transform trigger
    ts_config ts_dict ts_parser ts_template type"""
"""Those of pg_description but pg_extension, which brings its comment, and pg_largeobject, of which each is a row."""


def test_every_class_of_pg_description(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.script(OBJECTS)
        database.script(";".join(f"COMMENT ON {name} IS 'says {n}.'" for n, name in enumerate(NAMED)))
        database.script("SELECT lo_create(0)")
        connection = database.session.connection
        classes = {
            name
            for (name,) in connection.execute(
                "SELECT DISTINCT classoid::regclass::text FROM pg_description WHERE objoid >= 16384"
            )
        }
        live = database.live()
        written = dump(lift(ENGINE, live))
        assert [name for n, name in enumerate(NAMED) if f"says {n}." not in written] == []
        assert [u.address.name for u in live.unmanaged if u.address.kind == "large objects"] == ["of this database"]
        assert classes == {f"pg_{name}" for name in CLASSES.split()}
