"""Vector indexes, on the strict mock; DynamoDB Local does not know them."""

from __future__ import annotations

import pytest

from reconciler.errors import DeclarationErrors
from reconciler.model.step import Phase
from tests.engines.dynamodb.planning import planned, steps
from tests.engines.dynamodb.strict import Strict
from tests.engines.dynamodb.workshop import Workshop, codes, lowered

BIO = "by_bio: {vector: bio, dimensions: 3, distance: cosine, partition: city, filters: [age], projection: keys_only}"
TYPES = "id: S, city: S, age: N"
RETYPED = "id: S, city: S, age: S"


def table(vectors: str, attributes: str = "id: S", more: str = "") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}, vector_indexes: {{{vectors}}}{more}}}"


def test_it_comes_with_its_table_or_later_and_goes(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(table(BIO, TYPES))
    assert service.made("CreateTable")[-1]["VectorIndexes"][0]["SearchSchema"] == [
        {"AttributeName": "city", "SearchSchemaElementType": "HASH"},
        {"AttributeName": "age", "SearchSchemaElementType": "INLINE_FILTER"},
    ]
    two = f"{BIO}, other: {{vector: face, dimensions: 4096, distance: dot_product}}, third: {{vector: bio,"
    strict_shop.converge(table(f"{two} dimensions: 3, distance: euclidean, projection: [x, y]}}", TYPES))
    strict_shop.converge(table("", more=", indexes: {by_id: {partition: id}}"))
    assert not service.refusals and not service.tables["shop-t-dev"]["VectorIndexes"]


@pytest.mark.parametrize(
    ("before", "after", "types"),
    [("dimensions: 3", "dimensions: 4", TYPES), ("cosine", "euclidean", TYPES), ("age", "age", RETYPED)],
)
def test_another_definition_leaves_a_gap(
    strict_shop: Workshop, service: Strict, before: str, after: str, types: str
) -> None:
    strict_shop.converge(table(BIO, TYPES))
    plan = strict_shop.converge(table(BIO.replace(before, after), types))
    assert [s.phase for s in plan.steps] == [Phase.CONTRACT] and "RC1203" in codes(plan.steps[0])
    assert not service.refusals


def test_it_is_built_in_expand_and_removed_in_contract() -> None:
    assert steps(planned(table(""), table(BIO, TYPES))) == [(Phase.EXPAND, "build vector index by_bio on shop-t-dev")]
    (step,) = planned(table(BIO, TYPES), table("")).steps
    assert step.phase is Phase.CONTRACT and step.undo


@pytest.mark.parametrize(
    ("vectors", "types", "message"),
    [
        (BIO, "id: S, city: S", "the key attribute 'age' has no type"),
        (f"{BIO}, b: {{vector: bio, dimensions: 3, distance: cosine}}", TYPES, "is no name of an index"),
        (f"{BIO}, bbb: {{vector: bio, dimensions: 4, distance: cosine}}", TYPES, "has vectors of 3 dimensions in bio"),
    ],
)
def test_what_the_service_would_refuse_is_an_error(vectors: str, types: str, message: str) -> None:
    with pytest.raises(DeclarationErrors, match=message):
        lowered(table(vectors, types))


def test_dynamodb_local_defers_it(shop: Workshop) -> None:
    shop.declare(table(BIO, TYPES))
    shop.apply()
    plan = shop.plan()
    assert plan.empty and [(str(d.address), d.reason) for d in plan.deferred] == [
        ("vector_index t.by_bio", "DynamoDB Local has no vector indexes")
    ]
