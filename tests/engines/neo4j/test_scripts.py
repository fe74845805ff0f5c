"""Schemas read from files, without a server: old and new syntax, and the catalogs of neo4j-migrations."""

# ruff: noqa: E501 - a statement and what it declares, side by side

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from reconciler.cli.main import cli
from reconciler.desired.lift import lift
from reconciler.engines.neo4j import ENGINE
from reconciler.model.catalog import Catalog
from tests.engines.neo4j.pure import lowered


def read(text: str, name: str = "script.cypher") -> Catalog:
    return ENGINE.translated({name: dedent(text)}, "graph", "", {})


def node(text: str) -> dict[str, Any]:
    """The one thing that a statement declares, with its name and section."""
    found = read(text)
    assert not (found.unmanaged or found.deferred)
    ((section, things),) = lift(ENGINE, found).items()
    ((name, said),) = things.items()
    return {section: name, **said}


@pytest.mark.parametrize(
    ("statement", "declared"),
    [
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS UNIQUE", "{constraints: c, node: A, unique: x}"),
        ("create constraint c if not exists for (n:A) require (n.x, n.y) is node unique;", "{constraints: c, node: A, unique: [x, y]}"),
        ("CREATE CONSTRAINT c FOR ()<-[r:R]-() REQUIRE r.x IS REL KEY", "{constraints: c, relationship: R, key: x}"),
        ("CREATE CONSTRAINT c ON (n:A) ASSERT (n.x) IS NODE KEY", "{constraints: c, node: A, key: x}"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS NOT NULL", "{constraints: c, node: A, exists: x}"),
        ("CREATE CONSTRAINT c FOR ()-[r:R]->() REQUIRE r.x IS :: LIST<INT NOT NULL>", "{constraints: c, relationship: R, property: x, type: LIST<INTEGER NOT NULL>}"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS TYPED local datetime", "{constraints: c, node: A, property: x, type: LOCAL DATETIME}"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS UNIQUE OPTIONS {indexProvider: 'range-1.0'}", "{constraints: c, node: A, unique: x}"),
        ("CREATE CONSTRAINT ON (n:A) ASSERT n.x IS UNIQUE", "{constraints: a_x_unique, node: A, unique: x, name: any}"),
        ("CREATE CONSTRAINT ON ()-[r:R]-() ASSERT exists(r.x)", "{constraints: r_x_exists, relationship: R, exists: x, name: any}"),
        ("CREATE INDEX ON :A(x, `y z`)", "{indexes: a_x_y_z_index, node: A, range: [x, y z], name: any}"),
        ("CREATE BTREE INDEX i FOR (n:A) ON (n.x) OPTIONS {indexProvider: 'native-btree-1.0', indexConfig: {`spatial.wgs-84.min`: [1.0, 2.0]}}", "{indexes: i, node: A, range: x}"),
        ("CYPHER 25 CREATE RANGE INDEX i FOR ()-[r:R]-() ON (r.x, r.y)", "{indexes: i, relationship: R, range: [x, y]}"),
        ("CREATE TEXT INDEX `i``j` FOR (n:`A B`) ON (n.`\\u0078`)", "{indexes: i`j, node: A B, text: x}"),
        ("CREATE POINT INDEX i FOR (n:A) ON (n.x) OPTIONS {indexConfig: {`spatial.cartesian.min`: [-10, -5.5]}}", "{indexes: i, node: A, point: x, options: {spatial.cartesian.min: [-10.0, -5.5]}}"),
        ("CREATE FULLTEXT INDEX i FOR (n:A|B) ON EACH [n.x, n.y] OPTIONS {indexConfig: {`fulltext.analyzer`: \"english\", `fulltext.eventually_consistent`: true}}", "{indexes: i, nodes: [A, B], fulltext: [x, y], analyzer: english, eventually_consistent: true}"),
        ("CALL db.index.fulltext.createRelationshipIndex('i', ['R'], ['x'], {eventually_consistent: 'true'})", "{indexes: i, relationship: R, fulltext: x, eventually_consistent: true}"),
        ("CREATE VECTOR INDEX i FOR (n:A) ON n.x OPTIONS {indexConfig: {`vector.dimensions`: 3}}", "{indexes: i, node: A, vector: x, dimensions: 3}"),
        ("CREATE INDEX i FOR ()-[r:R]-() ON r.x", "{indexes: i, relationship: R, range: x}"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS NOT NULL OPTIONS {}", "{constraints: c, node: A, exists: x}"),
        ("USE neo4j CREATE INDEX i FOR (n:A) ON (n.x)", "{indexes: i, node: A, range: x}"),
        ("CALL db.index.fulltext.createNodeIndex('i', ['A'], ['x']) YIELD name RETURN name", "{indexes: i, node: A, fulltext: x}"),
        ("CALL db.createIndex('i', ['A'], ['x', 'y'], 'native-btree-1.0', {})", "{indexes: i, node: A, range: [x, y]}"),
        ("CALL db.createUniquePropertyConstraint('c', ['A'], ['x'], 'native-btree-1.0')", "{constraints: c, node: A, unique: x}"),
        ("CREATE VECTOR INDEX i FOR (n:A|B) ON (n.x) WITH [n.y] OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'COSINE', `vector.hnsw.m`: 8}}", "{indexes: i, nodes: [A, B], vector: x, with: y, dimensions: 3, similarity: cosine, options: {vector.hnsw.m: 8}}"),
        ("CALL db.index.vector.createNodeIndex('i', 'A', 'x', 3, 'euclidean')", "{indexes: i, node: A, vector: x, dimensions: 3, similarity: euclidean}"),
    ],
)  # fmt: skip
def test_a_statement_in_words_of_the_declaration(statement: str, declared: str) -> None:
    assert node(statement) == yaml.safe_load(declared)
    found = read(statement)
    assert lowered(found).resources == found.resources


def test_a_script_is_what_stands_in_the_end() -> None:
    found = read("""
        :param who => 'me'
        /* both kinds; of comments */ CREATE INDEX i FOR (n:A) ON (n.x); // one
        :param {
          file: 'x' // why
        };
        CREATE INDEX i IF NOT EXISTS FOR (n:A) ON (n.x);
        CREATE INDEX gone FOR (n:A) ON (n.y); DROP INDEX gone IF EXISTS;
        CREATE CONSTRAINT ON (n:B) ASSERT n.x IS UNIQUE; DROP CONSTRAINT ON (n:B) ASSERT n.x IS UNIQUE;
        CREATE INDEX ON :B(x); DROP INDEX ON :B(x);
        CALL db.index.fulltext.createNodeIndex('f', ['A'], ['x']); CALL db.index.fulltext.drop('f');
        CREATE LOOKUP INDEX l FOR (n) ON EACH labels(n);
        CALL db.awaitIndexes(300)
    """)
    assert [(a.kind, a.name) for a in found.resources] == [("index", "i"), ("lookup", "l")]
    assert not (found.unmanaged or found.deferred)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_statements_that_nothing_separates(ends: str) -> None:
    """As people paste them, one after the other; and comments as in Cypher for Liquibase."""
    lines = [
        "--changeset me:1",
        "CREATE CONSTRAINT c IF NOT EXISTS ON (n:A) ASSERT exists(n.x) // why",
        "--rollback DROP CONSTRAINT c;",
        "",
        "CREATE FULLTEXT INDEX f FOR (n:A) ON EACH [n.y]",
        "OPTIONS {indexConfig: {}}",
        "CREATE INDEX i FOR (n:A) ON (n.z)",
        "MATCH (n:A) SET n.x = 1",
    ]
    found = read(ends.join(lines[:-1]))
    assert [a.name for a in found.resources] == ["c", "f", "i"]
    assert not (found.unmanaged or found.deferred)
    (left,) = read(ends.join(lines)).deferred
    assert "'MATCH' was not expected" in left.reason


def test_all_is_dropped_and_said_anew() -> None:
    found = read("""
        CREATE INDEX gone FOR (n:A) ON (n.x);
        CREATE LOOKUP INDEX l FOR (n) ON EACH labels(n);
        CALL apoc.schema.assert({A: ['x', ['y', 'z']]}, {B: ['x', ['y', 'z']]}, true) YIELD label, key RETURN *;
        CALL apoc.schema.assert({C: ['x']}, {}, false);
    """)
    assert lift(ENGINE, found) == yaml.safe_load("""
        constraints:
          b_x_unique: {node: B, unique: x, name: any}
          b_y_z_key: {node: B, key: [y, z], name: any}
        indexes:
          a_x_index: {node: A, range: x, name: any}
          a_y_z_index: {node: A, range: [y, z], name: any}
          c_x_index: {node: C, range: x, name: any}
        lookup_indexes: {l: {for: node, name: any}}
    """)


def test_a_name_that_was_made_up_gives_way() -> None:
    found = read("CREATE INDEX FOR (n:A) ON (n.x); CREATE INDEX a_x_index FOR (n:B) ON (n.y)")
    assert not found.unmanaged
    assert lift(ENGINE, found)["indexes"] == {
        "a_x_index": {"node": "B", "range": "y"},
        "a_x_index_2": {"node": "A", "range": "x", "name": "any"},
    }


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE CONSTRAINT $name FOR (n:A) REQUIRE n.x IS UNIQUE", "its name is a parameter"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS LONG", "the rule is not known here"),
        ("CREATE INDEX i FOR (n:A) ON (m.x)", "a property of something else than 'n'"),
        ("CREATE INDEX i FOR (n:A) ON (n.x", "expected ) before the end"),
        ("CREATE INDEX i FOR (n:A|B) ON (n.x)", "a range index is for a single label"),
        ("CREATE CONSTRAINT c ON (n:A) ASSERT exists(n.x) AND exists(n.y)", "'AND' was not expected"),
        ("CREATE CONSTRAINT c ON (n:A) ASSERT exists(n.x)\nRETURN 1", "'RETURN' was not expected; is a ; missing"),
        (
            "CREATE VECTOR INDEX i FOR (n:A) ON (n.x) OPTIONS {indexConfig: {`vector.dimensions`: $d}}",
            "'$' is no literal",
        ),
        ("CALL db.index.vector.createNodeIndex('i', 'A')", "these are not the arguments"),
        ("CALL apoc.schema.assert($indexes, {})", "'$' is no literal"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(statement: str, reason: str) -> None:
    (left,) = read("\n\n" + statement).deferred
    assert left.address.path == ("script.cypher:3",)
    assert reason in left.reason


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("MERGE (n:A {x: 'CREATE INDEX; no'})", "it changes no constraint and no index"),
        ("CREATE DATABASE shop", "it changes no constraint and no index"),
        ("CALL apoc.load.json($file) YIELD value RETURN value", "it calls a procedure"),
        ("CREATE INDEX i FOR (n:A) ON (n.x); CREATE INDEX i FOR (n:A) ON (n.y)", "index i is in its way"),
        ("CREATE INDEX i FOR (n:A) ON (n.x); CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS UNIQUE", "index i is in its"),
    ],
)
def test_what_is_left_out_is_named_with_its_line(statement: str, reason: str) -> None:
    (left,) = read("\n\n" + statement).unmanaged
    assert left.address.path == ("script.cypher:3",)
    assert reason in left.reason


CATALOG = """
    <migration xmlns="https://michael-simons.github.io/neo4j-migrations">
      <catalog>
        <indexes>
          <index name="i" type="fulltext"><label>A|B</label><properties><property>x</property></properties>
            <options>`fulltext.analyzer`: "whitespace"</options></index>
          <index name="j"><type>R</type><properties><property>x</property><property>y</property></properties></index>
        </indexes>
        <constraints>
          <constraint name="c" type="unique"><label>A</label><properties><property>x</property></properties></constraint>
          <constraint name="t" type="property_type"><label>A</label>
            <properties><property type="LOCAL_DATETIME">at</property></properties></constraint>
        </constraints>
      </catalog>
      <verify/>
      %s
    </migration>
"""
ITEMS = yaml.safe_load("""
    constraints:
      c: {node: A, unique: x}
      t: {node: A, property: at, type: LOCAL DATETIME}
    indexes:
      i: {nodes: [A, B], fulltext: x, analyzer: whitespace}
      j: {relationship: R, range: [x, y]}
""")


@pytest.mark.parametrize("operation", ["", "<apply/>"])
def test_a_catalog_of_neo4j_migrations(operation: str) -> None:
    found = read(CATALOG % operation, "V1__catalog.xml")
    assert lift(ENGINE, found) == ITEMS
    assert not (found.unmanaged or found.deferred)


def test_operations_are_on_items_of_earlier_files_too() -> None:
    """Those that have operations create what these say; the last definition of an item is the one that counts."""
    later = """
        <migration><catalog><constraints>
            <constraint name="c" type="exists"><label>A</label><properties><property>x</property></properties></constraint>
        </constraints></catalog>
        <drop ref="c"/><create ref="c"/>
        <create><index name="p" type="point"><label>A</label><properties><property>at</property></properties></index></create>
        <create item="j"/><create item="nowhere"/>
        <refactor type="rename.label"><parameters><parameter name="from">X</parameter></parameters></refactor>
        </migration>
    """  # fmt: skip
    files = {"V2__later.xml": dedent(later), "V1__first.xml": dedent(CATALOG % '<create ref="c"/>')}
    found = ENGINE.translated(files, "graph", "", {})
    assert lift(ENGINE, found) == {
        "constraints": {"c": {"node": "A", "exists": "x"}},
        "indexes": {"j": ITEMS["indexes"]["j"], "p": {"node": "A", "point": "at"}},
    }
    assert [(u.address.name, u.reason) for u in found.unmanaged] == [
        ("V2__later.xml:8", "'refactor rename.label': it changes no constraint and no index")
    ]
    assert [(d.address.name, d.reason) for d in found.deferred] == [
        ("V2__later.xml:7", "no catalog before it has 'nowhere'")
    ]
    reset = '<migration><catalog reset="true"/><apply/></migration>'
    assert not ENGINE.translated({**files, "V3__none.xml": reset}, "graph", "", {}).resources


ENTERPRISE = "// assume that edition is enterprise\nCREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS NODE KEY;"
COMMUNITY = """<migration><?assume that edition is community ?><create>
    <constraint name="c" type="unique"><label>A</label><properties><property>x</property></properties></constraint>
</create></migration>"""


@pytest.mark.parametrize(
    ("given", "rule"), [({"edition": "enterprise"}, "key"), ({"edition": "community"}, "unique"), ({}, None)]
)
def test_a_script_runs_where_its_conditions_hold(given: dict[str, str], rule: str | None) -> None:
    found = ENGINE.translated({"V1__ee.cypher": ENTERPRISE, "V1__ce.xml": COMMUNITY}, "graph", "", given)
    told = [u.reason for u in found.unmanaged] + [d.reason for d in found.deferred]
    if rule is None:
        assert not found.resources and len(found.deferred) == 2
        assert "say --given edition=… or --given version=…" in told[0]
    else:
        assert lift(ENGINE, found) == {"constraints": {"c": {"node": "A", rule: "x"}}}
        assert len(told) == len(found.unmanaged) == 1 and "it runs only where this holds: that edition is" in told[0]


@pytest.mark.parametrize(
    ("condition", "version", "runs"),
    [
        ("assume that version is ge 4.4", None, True),
        ("assume that version is lt 4.4", None, False),
        ("assume that version is 4.3, 4.4", None, False),
        ("assume that version is 5", None, None),
        ("assume that version is 5", "5.26.3", True),
        ("assume that version is ge 2026.1", None, None),
        ("assume that version is ge 2026.1", "2026.09", True),
        ("assert that edition is enterprise", None, True),
        ("assume q' MATCH (n:A) RETURN count(n) = 0", None, True),
        ("assume nothing of this comment", None, True),
    ],
)
def test_conditions(condition: str, version: str | None, runs: bool | None) -> None:
    files = {"V1__a.cypher": f"// {condition}\nCREATE INDEX i FOR (n:A) ON (n.x);"}
    found = ENGINE.translated(files, "graph", "", {"version": version} if version else {})
    assert (bool(found.resources), bool(found.deferred)) == (runs is True, runs is None)


def test_the_order_is_that_of_the_versions_in_all_folders() -> None:
    files = {
        "a/R3__again.cypher": "CREATE INDEX i FOR (n:A) ON (n.z)",
        "a/afterMigrate.cypher": "CREATE INDEX i FOR (n:A) ON (n.last); CREATE INDEX j FOR (n:A) ON (n.x)",
        "b/U2__back.cypher": "CREATE INDEX undone FOR (n:A) ON (n.x)",
        "b/V2__drop.cypher": "DROP INDEX i",
        "c/V1_1__first.cypher": "CREATE INDEX i FOR (n:A) ON (n.x)",
    }
    found = ENGINE.translated(files, "graph", "", {})
    assert lift(ENGINE, found)["indexes"] == {"i": {"node": "A", "range": "z"}, "j": {"node": "A", "range": "x"}}
    assert [u.reason.partition(":")[0] for u in found.unmanaged] == [
        "it takes another script back",
        "index i is in its way",
    ]


@pytest.mark.parametrize("text", ["<a", "<html/>", '<!DOCTYPE a [<!ENTITY b "c">]><migration>&b;</migration>'])
def test_other_xml_is_left_out(text: str) -> None:
    found = read(text, "V1.xml")
    assert not found.resources and len(found.unmanaged) == 1


def test_what_is_not_understood_is_an_error_beside_what_is(tmp_path: Path) -> None:
    script = tmp_path / "s.cypher"
    script.write_bytes("\ufeffCREATE INDEX i FOR (n:A) ON (n.x);\r\nCREATE INDEX j FOR (n:A) ON (n);\r\n".encode())
    words = ["import", "--from", str(script), "--service", "shop", "-o", str(tmp_path / "out")]
    told = CliRunner().invoke(cli, words, standalone_mode=False)
    assert "Not understood: missing in the declarations (1)" in told.output and "s.cypher:2: expected ." in told.output
    assert (tmp_path / "out/shop.yaml").exists()
    assert told.return_value == 1


def test_a_folder_is_imported_in_the_order_of_its_versions(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "V10__later.cypher").write_text("DROP INDEX i;")
    (scripts / "V2__first.cypher").write_text("CREATE INDEX i FOR (n:A) ON (n.x); CREATE INDEX j FOR (n:A) ON (n.y)")
    (scripts / "notes.txt").write_text("CREATE INDEX k FOR (n:A) ON (n.z)")
    (scripts / "compose.yaml").write_text("services: {db: {image: neo4j}}")
    (scripts / "package.json").write_text("{}")
    out = tmp_path / "out"
    told = CliRunner().invoke(cli, ["import", "--from", str(scripts), "--service", "shop", "-o", str(out)])
    assert told.exit_code == 0, told.output
    assert "compose.yaml is neither a CloudFormation template nor" in told.output
    assert yaml.safe_load((out / "shop.yaml").read_text()) == {
        "service": "shop",
        "neo4j": {"indexes": {"j": {"node": "A", "range": "y"}}},
    }
    nothing = CliRunner().invoke(cli, ["import", "--from", str(out), "--service", "shop"])
    assert nothing.exit_code == 1
