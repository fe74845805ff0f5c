"""Declarations: what they mean, that nothing is lost on the way back (law 2), what is refused."""

from __future__ import annotations

from functools import partial
from textwrap import indent
from typing import Any

import pytest

from reconciler.desired.documents import Document
from reconciler.desired.emit import dump
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.diff.structural import diff
from reconciler.engines.dynamodb import ENGINE
from reconciler.engines.dynamodb.keys import KeyAttribute
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.lsi import Lsi
from reconciler.engines.dynamodb.kinds.pitr import Pitr
from reconciler.engines.dynamodb.kinds.stream import Stream
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.kinds.tags import Tags
from reconciler.engines.dynamodb.kinds.ttl import Ttl
from reconciler.engines.dynamodb.throughput import ON_DEMAND, Throughput
from reconciler.engines.dynamodb.warm import Warm
from reconciler.errors import DeclarationError
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Policy
from tests.engines.dynamodb.workshop import NAMING, address, lowered

EVERYTHING = """
profiles:
  name: tutors.legacy
  attributes: {tutor_id: S, subject: S, rating: N, city: S, joined: B}
  key: {partition: tutor_id, sort: subject}
  billing: {read: 5, write: 6}
  indexes:
    by_subject:
      partition: subject
      sort: rating
      projection: [rate, name]
      throughput: {read: 1, write: 2}
      warm_throughput: {read: 14000, write: 4500}
      contributor_insights: true
      autoscaling: {write: {min: 2, max: 8, target: 55.5}}
    by_place:
      partition: [city, subject]
      sort: [rating, joined]
      projection: keys_only
      autoscaling: {write: {min: 2, max: 8}}
  local_indexes:
    by_joined: {sort: joined, projection: [name]}
  vector_indexes:
    by_bio: {vector: bio, dimensions: 384, distance: cosine, partition: city, filters: [rating], projection: [name]}
  ttl: expires_at
  stream: new_and_old_images
  point_in_time_recovery: {days: 7}
  deletion_protection: true
  table_class: standard_infrequent_access
  tags: {team: x, "a b": "1"}
  autoscaling: {read: {min: 2, max: 8}, write: {min: 2, max: 8, scale_in: false, scale_out_cooldown: 9}}
  warm_throughput: {read: 15000, write: 5000}
  encryption: {key: alias/ours}
  kinesis: {stream: changes, precision: microsecond}
  contributor_insights: throttled_keys
  resource_policy: {Statement: {Effect: Allow, Principal: "*", Action: dynamodb:GetItem}}
  global_table:
    replicas:
      eu-west-1:
        read: 4
        deletion_protection: true
        point_in_time_recovery: {days: 2}
        tags: {team: y}
        kinesis: changes
        contributor_insights: true
        resource_policy: {Statement: {Effect: Allow, Principal: "*", Action: dynamodb:GetItem}}
        autoscaling: {read: {min: 3, max: 9}}
        indexes:
          by_subject: {read: 3, contributor_insights: throttled_keys}
          by_place: {autoscaling: {read: {min: 1, max: 7}}}
      ap-south-1:
moving:
  attributes: {id: S}
  key: {partition: id}
  succession: {old: shop-moving-dev, new: shop-moving.v2-dev}
plain:
  attributes: {id: N}
  key: {partition: id}
limited:
  attributes: {id: B, other: S}
  key: {partition: id}
  billing: {on_demand: {max_read: 10}}
  indexes: {by_other: {partition: other, throughput: {max_read: 3, max_write: 4}}}
  point_in_time_recovery: true
  encryption: aws_managed
  kinesis: arn:aws:kinesis:eu-west-1:123456789012:stream/other
  import_from: {bucket: files, format: csv, header: [id, x]}
  global_table: {replicas: {us-east-2: }, witness: us-west-2, consistency: strong}
"""


def relowered(section: Any) -> Catalog:
    text = dump({"service": "shop", "dynamodb": section})
    document = Document("shop.yaml", text, parse(text, "shop.yaml"), "")
    return lower(ENGINE, (document,), "shop", Policy("dev"), NAMING)


def test_every_setting_has_its_place() -> None:
    catalog = lowered(EVERYTHING)
    s, n, b = (partial(KeyAttribute, type=t) for t in "SNB")
    table = catalog.get(address("table", "profiles"), Table)
    assert table is not None
    assert table.name == "tutors.legacy" and table.explicit
    assert table.key == (s("tutor_id"), s("subject"))
    assert table.billing == Throughput("provisioned", 5, 6)
    assert table.deletion_protection and table.table_class == "standard_infrequent_access"
    by_subject = catalog.get(address("gsi", "profiles", "by_subject"), Gsi)
    assert by_subject == Gsi(
        address("gsi", "profiles", "by_subject"),
        partition=(s("subject"),),
        sort=(n("rating"),),
        projection="include",
        include=("name", "rate"),
        throughput=Throughput("provisioned", 1, 2),
        warm=Warm(14000, 4500),
    )
    by_place = catalog.get(address("gsi", "profiles", "by_place"), Gsi)
    assert by_place is not None
    assert by_place.partition == (s("city"), s("subject")) and by_place.sort == (n("rating"), b("joined"))
    assert by_place.throughput == table.billing, "an index takes its table's units where it says none"
    local = catalog.get(address("lsi", "profiles", "by_joined"), Lsi)
    assert local == Lsi(address("lsi", "profiles", "by_joined"), (s("tutor_id"),), (b("joined"),), "include", ("name",))
    assert catalog.get(address("ttl", "profiles"), Ttl) == Ttl(address("ttl", "profiles"), "expires_at")
    assert catalog.get(address("stream", "profiles"), Stream) == Stream(
        address("stream", "profiles"), "new_and_old_images"
    )
    assert catalog.get(address("pitr", "profiles"), Pitr) == Pitr(address("pitr", "profiles"), 7)
    assert catalog.get(address("tags", "profiles"), Tags) == Tags(
        address("tags", "profiles"), (("a b", "1"), ("team", "x"))
    )


def test_defaults_are_the_services_own() -> None:
    catalog = lowered(EVERYTHING)
    plain = catalog.get(address("table", "plain"), Table)
    assert plain is not None
    assert plain.name == "shop-plain-dev" and not plain.explicit
    assert (plain.billing, plain.deletion_protection, plain.table_class) == (ON_DEMAND, False, "standard")
    limited = catalog.get(address("table", "limited"), Table)
    assert limited is not None and limited.billing == Throughput("on_demand", 10, -1)
    recovery = catalog.get(address("pitr", "limited"), Pitr)
    assert recovery is not None and recovery.days == 35


def test_lift_and_lower_lose_nothing_of_any_kind() -> None:
    catalog = lowered(EVERYTHING)
    assert {a.kind for a in catalog.resources} == set(ENGINE.kinds)
    again = relowered(lift(ENGINE, catalog))
    assert dict(again.resources) == dict(catalog.resources)
    assert not diff(catalog, again, ENGINE.kinds)


def test_lift_is_as_short_as_it_can_be() -> None:
    lifted = lift(ENGINE, lowered(EVERYTHING))["tables"]
    assert lifted["plain"] == {"attributes": {"id": "N"}, "key": {"partition": "id"}}
    assert lifted["limited"]["point_in_time_recovery"] is True
    assert "throughput" not in lifted["profiles"]["indexes"]["by_place"], "the table's units need no word"
    assert lifted["profiles"]["name"] == "tutors.legacy"


def test_production_has_recovery_unless_it_says_otherwise() -> None:
    text = """
    a: {attributes: {id: S}, key: {partition: id}}
    b: {attributes: {id: S}, key: {partition: id}, point_in_time_recovery: false}
    c: {attributes: {id: S}, key: {partition: id}, point_in_time_recovery: {days: 3}}
    """
    catalog = lowered(text, Policy("production", production=True))
    found = {r.address.name: (r.days, r.implied) for r in catalog.of_kind(Pitr)}
    assert found == {"a": (35, True), "c": (3, False)}
    assert [r.address.name for r in lowered(text).of_kind(Pitr)] == ["c"]


def test_production_protects_tables_unless_it_says_otherwise() -> None:
    text = """
    a: {attributes: {id: S}, key: {partition: id}}
    b: {attributes: {id: S}, key: {partition: id}, deletion_protection: false}
    c: {attributes: {id: S}, key: {partition: id}, environments: {prod*: {deletion_protection: false}}}
    """
    catalog = lowered(text, Policy("production", production=True))
    assert {t.address.name: t.deletion_protection for t in catalog.of_kind(Table)} == {
        "a": True,
        "b": False,
        "c": False,
    }
    assert not any(t.deletion_protection for t in lowered(text).of_kind(Table))


def test_an_import_in_production_changes_nothing() -> None:
    policy = Policy("production", production=True)
    live = lowered("t: {attributes: {id: S}, key: {partition: id}}")
    section = lift(ENGINE, ENGINE.adopted(live, policy))
    assert (
        section["tables"]["t"] | {"deletion_protection": False, "point_in_time_recovery": False}
        == section["tables"]["t"]
    )
    text = dump({"service": "shop", "dynamodb": section})
    document = Document("shop.yaml", text, parse(text, "shop.yaml"), "")
    assert not diff(lower(ENGINE, (document,), "shop", policy, NAMING), live, ENGINE.kinds)
    assert ENGINE.adopted(live, Policy("dev")) is live


def test_the_order_of_writing_means_nothing_but_in_keys() -> None:
    one = lowered(
        "t: {attributes: {a: S, b: S}, key: {partition: a}, indexes: {xyz: {partition: b, projection: [p, q]}}}"
    )
    other = lowered(
        "t: {key: {partition: a}, indexes: {xyz: {projection: [q, p], partition: b}}, attributes: {b: S, a: S}}"
    )
    assert not diff(one, other, ENGINE.kinds)
    first = lowered("t: {attributes: {a: S, b: S}, key: {partition: a}, indexes: {xyz: {partition: [a, b]}}}")
    second = lowered("t: {attributes: {a: S, b: S}, key: {partition: a}, indexes: {xyz: {partition: [b, a]}}}")
    assert diff(first, second, ENGINE.kinds)


KEYED = "attributes: {id: S}, key: {partition: id}"
UNITS = "billing: {read: 1, write: 1}"
STREAM = "stream: new_and_old_images"
STRONG = "replicas: {eu-west-1: }, consistency: strong"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{attributes: {id: S}, key: {partition: other}}", "'other' has no type"),
        ("{attributes: {id: S, spare: S}, key: {partition: id}}", "no key uses the attribute 'spare'"),
        ("{attributes: {id: S}, key: {partition: id, sort: id}}", "'id' stands twice"),
        (f"{{{KEYED}, indexes: {{ix: {{partition: id}}}}}}", "'ix' is no name of an index"),
        (f"{{{KEYED}, name: reconcile-state}}", "the table reconcile keeps its state in"),
        (
            "{attributes: {id: S, at: S}, key: {partition: id}, local_indexes: {by_at: {sort: at}}}",
            "need a table with a sort key",
        ),
        (f"{{{KEYED}, indexes: {{ixs: {{partition: id, throughput: {{read: 1, write: 1}}}}}}}}", "paid for on demand"),
        (
            f"{{{KEYED}, billing: {{read: 1, write: 1}},"
            " indexes: {ixs: {partition: id, throughput: {max_read: 1}}}}",
            "a maximum for an index",
        ),
        (f"{{{KEYED}, indexes: {{{', '.join(f'i{n:03}: {{partition: id}}' for n in range(21))}}}}}", "21 indexes"),
        (f"{{{KEYED}, autoscaling: {{read: {{min: 1, max: 2}}}}}}", "nothing to scale"),
        (f"{{{KEYED}, {UNITS}, autoscaling: {{read: {{min: 3, max: 2}}}}}}", "at least 3 and at most 2"),
        (f"{{{KEYED}, global_table: {{replicas: {{eu-west-1: }}}}}}", "replicas need the table's stream"),
        (f"{{{KEYED}, {UNITS}, {STREAM}, global_table: {{replicas: {{eu-west-1: }}}}}}", "replicas need scaled writes"),
        (f"{{{KEYED}, global_table: {{replicas: {{eu-west-1: }}, consistency: strong}}}}", "takes three regions"),
        (f"{{{KEYED}, {STREAM}, global_table: {{replicas: {{eu-west-1: }}, witness: eu-west-2}}}}", "a witness is for"),
        (f"{{{KEYED}, global_table: {{{STRONG}, witness: eu-west-1}}}}", "takes three regions"),
        (f"{{{KEYED}, global_table: {{{STRONG}, witness: us-east-1}}}}", "does not span eu-west-1 and us-east-1"),
        (f"{{{KEYED}, ttl: gone, global_table: {{{STRONG}, witness: eu-west-2}}}}", "goes with no time to live"),
        (f"{{{KEYED}, import_from: {{bucket: files, header: [a]}}}}", "are for CSV files"),
        (f"{{{KEYED}, resource_policy: '[1]'}}", "is no JSON"),
        (f"{{{KEYED}, tags: {{{', '.join(f't{n}: x' for n in range(51))}}}}}", "51 tags"),
        (f"{{{KEYED}, stream: everything}}", "everything"),
        (f"{{{KEYED}, point_in_time_recovery: {{days: 36}}}}", "point_in_time_recovery"),
        (f"{{{KEYED}, billing: {{read: 0, write: 1}}}}", "billing"),
        (f"{{{KEYED}, indexes: {{ixs: {{partition: [a, b, c, d, e]}}}}}}", "partition"),
        ("{attributes: {id: X}, key: {partition: id}}", "attributes.id"),
        ("{attributes: {id: S}}", "lacks 'key'"),
        (f"{{{KEYED}, tll: x}}", "unknown key 'tll'"),
        (f"{{{KEYED}, tags: {{'aws:x': y}}}}", "tags"),
    ],
)
def test_what_the_service_would_refuse_is_refused_with_its_place(node: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        lowered(f"t:\n{indent(node, '  ')}")
    assert any(message in str(error) for error in getattr(caught.value, "errors", [caught.value]))


def test_two_tables_of_one_physical_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="same physical name, shop-a-dev"):
        lowered(f"a: {{{KEYED}}}\nb: {{{KEYED}, name: shop-a-dev}}")


def test_roots_tell_logical_names_where_the_pattern_does_not() -> None:
    catalog = lowered(f"a: {{{KEYED}}}\nb: {{{KEYED}, name: old-name}}")
    assert ENGINE.roots(catalog) == {"shop-a-dev", "b=old-name"}
