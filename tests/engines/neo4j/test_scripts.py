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
    assert not found.unmanaged, found.unmanaged
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
        ("CREATE VECTOR INDEX i FOR (n:A) ON n.x OPTIONS {indexConfig: {`vector.dimensions`: 3}}", None),
        ("CREATE VECTOR INDEX i FOR (n:A|B) ON (n.x) WITH [n.y] OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'COSINE', `vector.hnsw.m`: 8}}", "{indexes: i, nodes: [A, B], vector: x, with: y, dimensions: 3, similarity: cosine, options: {vector.hnsw.m: 8}}"),
        ("CALL db.index.vector.createNodeIndex('i', 'A', 'x', 3, 'euclidean')", "{indexes: i, node: A, vector: x, dimensions: 3, similarity: euclidean}"),
    ],
)  # fmt: skip
def test_a_statement_in_words_of_the_declaration(statement: str, declared: str | None) -> None:
    if declared is None:
        assert [u.reason.partition(":")[0] for u in read(statement).unmanaged] == ["expected ( before 'n'"]
        return
    assert node(statement) == yaml.safe_load(declared)
    found = read(statement)
    assert lowered(found).resources == found.resources


def test_a_script_is_what_stands_in_the_end() -> None:
    found = read("""
        :param who => 'me'
        /* both kinds; of comments */ CREATE INDEX i FOR (n:A) ON (n.x); // one
        CREATE INDEX i IF NOT EXISTS FOR (n:A) ON (n.x);
        CREATE INDEX gone FOR (n:A) ON (n.y); DROP INDEX gone IF EXISTS;
        CREATE CONSTRAINT ON (n:B) ASSERT n.x IS UNIQUE; DROP CONSTRAINT ON (n:B) ASSERT n.x IS UNIQUE;
        CREATE INDEX ON :B(x); DROP INDEX ON :B(x);
        CREATE LOOKUP INDEX l FOR (n) ON EACH labels(n);
        CALL db.awaitIndexes(300)
    """)
    assert [(a.kind, a.name) for a in found.resources] == [("index", "i"), ("lookup", "l")]
    assert not found.unmanaged


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("MERGE (n:A {x: 'CREATE INDEX; no'})", "it changes no constraint and no index"),
        ("CREATE CONSTRAINT $name FOR (n:A) REQUIRE n.x IS UNIQUE", "its name is a parameter"),
        ("CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS LONG", "the rule is not known here"),
        ("CREATE INDEX i FOR (n:A) ON (m.x)", "a property of something else than 'n'"),
        ("CREATE INDEX i FOR (n:A) ON (n.x", "expected ) before the end"),
        ("CREATE INDEX i FOR (n:A|B) ON (n.x)", "a range index is for a single label"),
        (
            "CREATE VECTOR INDEX i FOR (n:A) ON (n.x) OPTIONS {indexConfig: {`vector.dimensions`: $d}}",
            "'$' is no literal",
        ),
        ("CALL apoc.schema.assert({}, {})", "it calls a procedure"),
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
          <constraint name="k" type="key"><label>A</label><properties><property>z</property></properties></constraint>
        </constraints>
      </catalog>
      <verify/>
      <create><index name="p" type="point"><label>A</label><properties><property>at</property></properties></index></create>
      <drop item="k"/>
      <refactor type="rename.label"><parameters><parameter name="from">X</parameter></parameters></refactor>
      <apply/>
    </migration>
"""


def test_a_catalog_of_neo4j_migrations() -> None:
    found = read(CATALOG, "V1__catalog.xml")
    assert lift(ENGINE, found) == yaml.safe_load("""
        constraints:
          c: {node: A, unique: x}
          t: {node: A, property: at, type: LOCAL DATETIME}
        indexes:
          i: {nodes: [A, B], fulltext: x, analyzer: whitespace}
          j: {relationship: R, range: [x, y]}
          p: {node: A, point: at}
    """)
    assert [u.reason for u in found.unmanaged] == ["'refactor rename.label' changes no constraint and no index"]


@pytest.mark.parametrize("text", ["<a", "<html/>", '<!DOCTYPE a [<!ENTITY b "c">]><migration>&b;</migration>'])
def test_other_xml_is_left_out(text: str) -> None:
    found = read(text, "V1.xml")
    assert not found.resources and len(found.unmanaged) == 1


def test_a_folder_is_imported_in_the_order_of_its_versions(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "V10__later.cypher").write_text("DROP INDEX i;")
    (scripts / "V2__first.cypher").write_text("CREATE INDEX i FOR (n:A) ON (n.x); CREATE INDEX j FOR (n:A) ON (n.y)")
    (scripts / "notes.txt").write_text("CREATE INDEX k FOR (n:A) ON (n.z)")
    out = tmp_path / "out"
    told = CliRunner().invoke(cli, ["import", "--from", str(scripts), "--service", "shop", "-o", str(out)])
    assert told.exit_code == 0, told.output
    assert yaml.safe_load((out / "shop.yaml").read_text()) == {
        "service": "shop",
        "neo4j": {"indexes": {"j": {"node": "A", "range": "y"}}},
    }
    nothing = CliRunner().invoke(cli, ["import", "--from", str(out), "--service", "shop"])
    assert nothing.exit_code == 1
