"""Rows of SHOW as the server gives them, those of the Enterprise edition included, which is not at hand here."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.neo4j.kind import Reading
from reconciler.engines.neo4j.kinds import constraint, index
from reconciler.engines.neo4j.kinds.constraint import Constraint
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.model.catalog import Unmanaged

READING = Reading("graph", {"fulltext.analyzer": "standard-no-stop-words", "fulltext.eventually_consistent": False})


def constraint_row(**said: Any) -> dict[str, Any]:
    return {
        "name": "c", "type": "UNIQUENESS", "entityType": "NODE", "labelsOrTypes": ["A"], "properties": ["x"],
        "propertyType": None, "ownedIndex": None, "options": None, **said,
    }  # fmt: skip


def index_row(**said: Any) -> dict[str, Any]:
    return {
        "name": "i", "state": "ONLINE", "type": "RANGE", "entityType": "NODE", "labelsOrTypes": ["A"],
        "properties": ["x"], "indexProvider": "range-1.0", "owningConstraint": None, "options": {"indexConfig": {}},
        **said,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "rule", "element"),
    [
        ("UNIQUENESS", "unique", "NODE"),
        ("RELATIONSHIP_UNIQUENESS", "unique", "RELATIONSHIP"),
        ("NODE_PROPERTY_UNIQUENESS", "unique", "NODE"),
        ("RELATIONSHIP_PROPERTY_UNIQUENESS", "unique", "RELATIONSHIP"),
        ("NODE_KEY", "key", "NODE"),
        ("RELATIONSHIP_KEY", "key", "RELATIONSHIP"),
        ("NODE_PROPERTY_EXISTENCE", "exists", "NODE"),
        ("RELATIONSHIP_PROPERTY_EXISTENCE", "exists", "RELATIONSHIP"),
        ("NODE_PROPERTY_TYPE", "type", "NODE"),
        ("RELATIONSHIP_PROPERTY_TYPE", "type", "RELATIONSHIP"),
    ],
)
def test_type_names_of_both_languages(kind: str, rule: str, element: str) -> None:
    row = constraint_row(type=kind, entityType=element, propertyType="INTEGER" if rule == "type" else None)
    found = constraint.read(row, READING)
    assert isinstance(found, Constraint)
    assert (found.rule, found.element, found.type) == (rule, element.lower(), "INTEGER" if rule == "type" else "")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (constraint_row(type="NODE_LABEL_EXISTENCE", properties=None, enforcedLabel="B"), "NODE_LABEL_EXISTENCE"),
        (constraint_row(type="RELATIONSHIP_SOURCE_LABEL", properties=None), "RELATIONSHIP_SOURCE_LABEL"),
        (constraint_row(type="NODE_PROPERTY_EXISTENCE", classification="dependent"), "graph type"),
        (constraint_row(type="SOMETHING_NEW"), "not known here"),
    ],
)
def test_constraints_that_are_left_alone_are_listed(row: dict[str, Any], reason: str) -> None:
    found = constraint.read(row, READING)
    assert isinstance(found, Unmanaged) and reason in found.reason


def test_indexes_that_are_left_alone() -> None:
    assert index.read(index_row(type="LOOKUP", labelsOrTypes=None, properties=None), READING) is None
    assert index.read(index_row(owningConstraint="c"), READING) is None
    found = index.read(index_row(type="SOMETHING_NEW"), READING)
    assert isinstance(found, Unmanaged) and "SOMETHING_NEW" in found.reason


DEFAULT_ON = {
    "vector-2.0": {
        "vector.dimensions": 3, "vector.hnsw.m": 16, "vector.quantization.enabled": True,
        "vector.similarity_function": "COSINE", "vector.hnsw.ef_construction": 100,
    },
    "vector-2026.08": {
        "vector.dimensions": 3, "vector.default_search_expansion_factor": 3.0, "vector.hnsw.m": 16,
        "vector.quantization.type": "BINARY", "vector.similarity_function": "COSINE",
        "vector.hnsw.ef_construction": 100,
    },
}  # fmt: skip
"""As 5.26 and 2026.09 show an index with dimensions alone."""


@pytest.mark.parametrize("provider", DEFAULT_ON)
def test_defaults_of_a_provider_are_nothing(provider: str) -> None:
    row = index_row(type="VECTOR", indexProvider=provider, options={"indexConfig": DEFAULT_ON[provider]})
    found = index.read(row, READING)
    assert isinstance(found, Index)
    assert (found.dimensions, found.similarity, found.options) == (3, None, ())
    assert index.lift(found, None) == {"node": "A", "vector": "x", "dimensions": 3}  # type: ignore[arg-type]


def test_what_an_unknown_provider_has_is_kept() -> None:
    row = index_row(type="VECTOR", indexProvider="vector-2030.01", options={"indexConfig": {"vector.new": 1}})
    found = index.read(row, READING)
    assert isinstance(found, Index) and found.options == (("vector.new", 1),)


def test_further_properties_of_a_vector_index_are_its_filters() -> None:
    found = index.read(index_row(type="VECTOR", properties=["e", "year", "kind"]), READING)
    assert isinstance(found, Index)
    assert (found.properties, found.filters) == (("e",), ("year", "kind"))


@pytest.mark.parametrize("state", ["ONLINE", "POPULATING", "FAILED"])
def test_states(state: str) -> None:
    found = index.read(index_row(state=state), READING)
    assert isinstance(found, Index) and found.state == state.lower()
