"""Declarations: what they mean, their shortest form, and the errors of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.lift import lift
from reconciler.desired.validate import Validator
from reconciler.diff.structural import diff
from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.fixes import OLDEST, Fix
from reconciler.engines.neo4j.kinds.constraint import Constraint
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.engines.neo4j.kinds.label import Label
from reconciler.engines.neo4j.kinds.property import Property
from reconciler.engines.neo4j.kinds.relationship_type import RelationshipType
from reconciler.engines.neo4j.render import kept, properties
from reconciler.errors import DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource
from tests.engines.neo4j.pure import (
    COMMUNITY,
    ENTERPRISE,
    OLD_COMMUNITY,
    OLD_ENTERPRISE,
    address,
    catalog,
    document,
    lowered,
)

SHORTEST = {
    "constraints": {
        "tutor_id_unique": {"node": "Tutor", "unique": "tutor_id"},
        "subject_unique": {"node": "Subject", "unique": ["name", "level"]},
        "booking_unique": {"relationship": "BOOKED", "unique": "slot"},
        "teaches_since": {"relationship": "TEACHES", "exists": "since"},
        "tutor_key": {"node": "Tutor", "key": ["country", "tutor_id"]},
        "rates_key": {"relationship": "RATES", "key": "id"},
        "tutor_age_type": {"node": "Tutor", "property": "age", "type": "INTEGER"},
        "tutor_tags_type": {"node": "Tutor", "property": "tags", "type": "STRING | LIST<STRING NOT NULL>"},
    },
    "indexes": {
        "tutor_name": {"node": "Tutor", "range": "name"},
        "tutor_place": {"node": "Tutor", "range": ["country", "city"]},
        "rates_idx": {"relationship": "RATES", "range": "stars"},
        "tutor_bio": {"node": "Tutor", "text": "bio"},
        "tutor_location": {"node": "Tutor", "point": "at", "options": {"spatial.cartesian.min": [-10.0, -5.0]}},
        "tutor_search": {"nodes": ["Tutor", "Course"], "fulltext": ["name", "bio"], "analyzer": "english"},
        "words": {"relationships": ["RATES", "SAID"], "fulltext": "text", "eventually_consistent": True},
        "tutor_embedding": {"node": "Tutor", "vector": "embedding", "dimensions": 384, "similarity": "euclidean"},
        "filtered": {"nodes": ["A", "B"], "vector": "e", "with": ["year", "kind"], "options": {"vector.hnsw.m": 8}},
    },
}


def test_the_shortest_form_comes_back_as_it_was_written() -> None:
    assert lift(ENGINE, catalog(SHORTEST)) == SHORTEST
    assert not diff(lowered(catalog(SHORTEST)), catalog(SHORTEST), ENGINE.kinds)


def test_the_shortest_form_fits_the_schema() -> None:
    assert Validator([ENGINE]).errors(document(SHORTEST)) == []


def test_a_list_of_one_is_one() -> None:
    one = catalog("constraints: {u: {node: A, unique: [x]}}\nindexes: {i: {nodes: [A], fulltext: [t]}}")
    assert lift(ENGINE, one) == {
        "constraints": {"u": {"node": "A", "unique": "x"}},
        "indexes": {"i": {"node": "A", "fulltext": "t"}},
    }


def test_order_of_properties_and_labels_is_kept() -> None:
    """(a, b) and (b, a) are two constraints, two indexes: the server keeps both."""
    both = """
    constraints: {ab: {node: A, unique: [a, b]}, ba: {node: A, unique: [b, a]}}
    indexes: {x: {nodes: [A, B], fulltext: t}, y: {nodes: [B, A], fulltext: t}}
    """
    assert len(catalog(both).resources) == 4


WRONG = [
    ("constraints: {c: {node: A, unique: x, key: y}}", "says unique and key", "exactly one of"),
    ("constraints: {c: {node: A}}", "says no rule", "exactly one of"),
    ("constraints: {c: {node: A, relationship: B, unique: x}}", "says node and relationship", "exactly one of"),
    ("constraints: {c: {unique: x}}", "none of them", "node or relationship"),
    ("constraints: {c: {node: A, type: INTEGER}}", "belong together", "property: age"),
    ("constraints: {c: {node: A, unique: x, property: y}}", "belong together", "property: age"),
    ("constraints: {c: {node: A, property: x, type: LIST<STRING>}}", "never null", "Values and types"),
    ("constraints: {c: {node: A, property: x, type: NUMBER}}", "'NUMBER' is no property type", "Values and types"),
    ("constraints: {c: {node: A, unique: [x, x]}}", "names something twice", "each once"),
    ("constraints: {' ': {node: A, unique: x}}", "cuts off white space", "another name"),
    ("indexes: {'a ': {node: A, range: x}}", "cuts off white space", "another name"),
    ('constraints: {"a\\0b": {node: A, unique: x}}', "NUL", "another name"),
    ("constraints: {_reconcile_lock: {node: A, unique: x}}", "kept for reconcile", "another name"),
    ("indexes: {i: {node: _ReconcileJournal, range: x}}", "reconcile's own", "another label"),
    ("indexes: {i: {node: A, range: x, text: x}}", "says range and text", "exactly one of"),
    ("indexes: {i: {node: A}}", "says no method", "exactly one of"),
    ("indexes: {i: {nodes: [A, B], range: x}}", "a single label", "one index for each"),
    ("indexes: {i: {node: A, text: [x, y]}}", "a single property", "one index for each"),
    ("indexes: {i: {node: A, range: x, dimensions: 3}}", "'dimensions' is for vector indexes", "take out"),
    ("indexes: {i: {node: A, vector: x, analyzer: english}}", "'analyzer' is for fulltext indexes", "take out"),
    ("indexes: {i: {node: A, vector: x, options: {vector.dimensions: 3}}}", "a word of its own", "'dimensions: …'"),
    ("indexes: {i: {node: A, vector: x, options: {vector.default_search_expansion_factor: x}}}", "is 'x'", "a number"),
    ("indexes: {i: {node: A, point: x, options: {vector.hnsw.m: 3}}}", "no option of a point index", "spatial."),
    ("constraints: {c: {node: A, unique: x}}\nindexes: {c: {node: B, range: x}}", "share one name space", "rename"),
    ("indexes: {i: {node: A, range: x}, j: {node: A, range: x}}", "Neo4j refuses both", "keep one"),
    ("constraints: {c: {node: A, unique: x}}\nindexes: {i: {node: A, range: x}}", "refuses both", "of its own"),
    ("constraints: {c: {node: A, unique: x}, k: {node: A, key: x}}", "refuses both", "keep one"),
]


@pytest.mark.parametrize(("text", "message", "hint"), WRONG)
def test_wrong_declarations(text: str, message: str, hint: str) -> None:
    with pytest.raises(DeclarationErrors) as raised:
        catalog(text)
    error = raised.value.errors[0]
    assert message in error.message
    assert hint in (error.hint or "")
    assert error.where is not None and error.where.line


@pytest.mark.parametrize(
    ("node", "message", "hint"),
    [
        ({"node": ["A", "B"], "unique": "x"}, "expected text", "write one for each"),
        ({"node": "A", "exists": ["x", "y"]}, "expected text", "write one constraint for each"),
        ({"node": "A", "unique": []}, "", ""),
        ({"node": "A", "uniqe": "x"}, "unknown key 'uniqe'", "did you mean 'unique'?"),
    ],
)
def test_the_schema_speaks_of_single_labels(node: dict[str, Any], message: str, hint: str) -> None:
    (error, *_) = Validator([ENGINE]).errors(document({"constraints": {"c": node}}))
    assert message in error.message and hint in (error.hint or "")


def test_what_the_community_edition_lacks_is_named_with_an_alternative() -> None:
    found = {a.name: (m, h) for a, m, h in ENGINE.unsupported(catalog(SHORTEST), COMMUNITY)}
    assert set(found) == {"teaches_since", "tutor_key", "rates_key", "tutor_age_type", "tutor_tags_type"}
    assert "declare 'unique' instead" in found["tutor_key"][1]
    assert all("Enterprise" in message and hint for message, hint in found.values())
    assert not list(ENGINE.unsupported(catalog(SHORTEST), ENTERPRISE))


def test_what_an_old_version_lacks_is_named() -> None:
    newer = """
    constraints: {v: {node: A, property: e, type: VECTOR<FLOAT>(3)}}
    indexes:
      several: {nodes: [A, B], vector: e}
      quantized: {node: A, vector: f, options: {vector.quantization.type: scalar}}
    """
    assert {a.name for a, _, _ in ENGINE.unsupported(catalog(newer), OLD_ENTERPRISE)} == {"v", "several", "quantized"}
    assert not list(ENGINE.unsupported(catalog(newer), ENTERPRISE))
    assert [
        a.name for a, _, _ in ENGINE.unsupported(catalog("indexes: {i: {node: A, vector: e}}"), OLD_COMMUNITY)
    ] == []


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
NAME = TEXT.filter(kept)
NAMES = st.lists(TEXT, min_size=1, max_size=4, unique=True).map(tuple)
ELEMENT = st.sampled_from(["node", "relationship"])
TYPE = st.sampled_from(["INTEGER", "STRING | POINT", "LIST<DATE NOT NULL>", "VECTOR<FLOAT NOT NULL>(3)"])


@st.composite
def constraints(draw: st.DrawFn) -> Constraint:
    at, rule = address("constraint", draw(NAME)), draw(st.sampled_from(["unique", "exists", "key", "type"]))
    names = draw(NAMES) if rule in ("unique", "key") else (draw(TEXT),)
    fix = {
        "unique": Fix(others="delete", keep=draw(st.sampled_from([OLDEST, "n.at DESC"]))),
        "key": Fix(tuple((name, "n.a + '}'") for name in sorted(names)), "delete"),
    }.get(rule, Fix(((names[0], "toInteger(n.b)"),)))
    wanted = draw(TYPE) if rule == "type" else ""
    return Constraint(at, rule, draw(ELEMENT), draw(TEXT), names, wanted, draw(st.booleans()), draw(st.just(fix)))


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    method = draw(st.sampled_from(["range", "text", "point", "fulltext", "vector"]))
    labels = st.lists(TEXT, min_size=1, max_size=3 if method in ("fulltext", "vector") else 1, unique=True).map(tuple)
    names = draw(NAMES) if method in ("range", "fulltext") else (draw(TEXT),)
    own: dict[str, Any] = {}
    if method == "fulltext":
        own["analyzer"] = draw(st.none() | st.sampled_from(["english", "swedish"]))
        own["eventually_consistent"] = draw(st.none() | st.just(True))
    if method == "vector":
        own["dimensions"] = draw(st.none() | st.integers(1, 4096))
        own["similarity"] = draw(st.none() | st.just("euclidean"))
        own["filters"] = draw(st.just(()) | NAMES)
        own["options"] = draw(st.sampled_from([(), (("vector.hnsw.m", 8), ("vector.quantization.type", "NONE"))]))
    if method == "point":
        own["options"] = draw(st.sampled_from([(), (("spatial.wgs-84.max", (90.0, 45.5)),)]))
    own["any_name"] = draw(st.booleans())
    return Index(address("index", draw(NAME)), method, draw(ELEMENT), draw(labels), names, **own)


@st.composite
def changes_of_data(draw: st.DrawFn) -> Resource:
    new, old = draw(st.lists(TEXT.filter(lambda t: not t.startswith("_")), min_size=2, max_size=2, unique=True))
    differing = draw(st.sampled_from(["stop", "new", "old"]))
    into = draw(st.sampled_from([((new, properties((old,))),), ((new, "n.x + 1"),), ((new, "1"), (new + "2", "'}'"))]))
    if old in (name for name, _ in into):
        into = into[:1]
    changed = Property(
        address("property", new), draw(ELEMENT), draw(TEXT), (old,), into, draw(st.booleans()), differing
    )
    label = Label(address("label", new), old)
    return draw(st.sampled_from([label, RelationshipType(address("relationship_type", new), old, differing), changed]))


@settings(max_examples=200, deadline=None)
@given(st.one_of(constraints(), indexes(), changes_of_data()))
def test_law_2_nothing_is_lost_on_the_way_to_yaml_and_back(resource: Resource) -> None:
    resources: dict[Address, Resource] = {resource.address: resource}
    found = lowered(Catalog("graph", "neo4j", resources)).resources
    assert found == resources
    assert repr(found) == repr(resources)  # what takes no part in comparisons, too
