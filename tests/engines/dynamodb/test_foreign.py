"""Declarations of other tools: what `import --from` makes of them, and that a plan after it changes nothing.

The state and plans are what Terraform 1.11 with version 5.100 of its AWS provider wrote of tables that it had made on
DynamoDB Local; what that lacks was added to one state in the provider's words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.desired.strictyaml import parse
from reconciler.engines.dynamodb import ENGINE
from reconciler.errors import ConfigError
from reconciler.model.engine import Engine
from reconciler.results import ImportResult
from tests.engines.dynamodb.test_corpus import FILES, create
from tests.engines.dynamodb.workshop import Workshop

FOREIGN = Path(__file__).parent / "foreign"
TEMPLATE = FOREIGN / "shop.template.yaml"
ENGINES: dict[str, Engine] = {"dynamodb": ENGINE}


def imported(folder: Path, *files: Path, environment: str = "dev", **given: str) -> ImportResult:
    project = pipeline.load(Options(cwd=folder, environment=environment), {}, ENGINES, declared=False)
    result = pipeline.import_files(project, files, "shop", given)
    assert not result.differences
    return result


def tables(result: ImportResult) -> dict[str, Any]:
    (text,) = result.files.values()
    data: Any = parse(text, "shop.yaml")
    return dict(data["dynamodb"]["tables"])


ORDERS = {
    "attributes": {"id": "S", "at": "N", "who": "S"},
    "key": {"partition": "id", "sort": "at"},
    "billing": {"read": 5, "write": 6},
    "indexes": {
        "by_who": {
            "partition": "who",
            "projection": ["x"],
            "throughput": {"read": 1, "write": 1},
            "contributor_insights": True,
        }
    },
    "local_indexes": {"by_local": {"sort": "who", "projection": "keys_only"}},
    "ttl": "gone",
    "stream": "new_image",
    "kinesis": "changes",
    "point_in_time_recovery": {"days": 9},
    "encryption": {"key": "arn:key"},
    "tags": {"team": "team-b"},
    "resource_policy": {
        "Statement": [
            {
                "Action": "dynamodb:GetItem",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                "Resource": "*",
            }
        ]
    },
    "autoscaling": {"read": {"min": 5, "max": 50, "target": 65, "scale_in_cooldown": 60}},
    "contributor_insights": "throttled_keys",
}


def test_a_template_is_worked_out(tmp_path: Path) -> None:
    result = imported(tmp_path, TEMPLATE, KeyArn="arn:key")
    found = tables(result)
    assert found["orders"] == ORDERS
    assert found["everywhere"] == {
        "attributes": {"id": "S"},
        "key": {"partition": "id"},
        "deletion_protection": True,
        "stream": "new_and_old_images",
        "tags": {"a": "b"},
        "global_table": {
            "replicas": {
                "eu-west-1": {
                    "table_class": "standard_infrequent_access",
                    "max_read": 8,
                    "deletion_protection": True,
                    "point_in_time_recovery": {"days": 4},
                    "tags": {"c": "d"},
                    "kinesis": "there",
                    "contributor_insights": True,
                }
            }
        },
    }
    writes = {"write": {"min": 1, "max": 10}}
    assert found["scaled"] == {
        "attributes": {"id": "S", "who": "S"},
        "key": {"partition": "id"},
        "billing": {"read": 5, "write": 3},
        "indexes": {
            "by_who": {"partition": "who", "throughput": {"read": 2, "write": 3}, "autoscaling": writes},
        },
        "stream": "new_and_old_images",
        "autoscaling": writes,
        "global_table": {
            "replicas": {
                "us-west-2": {
                    "read": 3,
                    "autoscaling": {"read": {"min": 1, "max": 10}},
                    "indexes": {"by_who": {"read": 4, "contributor_insights": "throttled_keys"}},
                }
            }
        },
    }
    assert found["other-simple"]["attributes"] == {"key": "N"}
    assert [(str(d.address), d.reason) for d in result.deferred] == [
        ("table Unnamed", "Unnamed is not known: give it with `--given Unnamed=VALUE`")
    ]


def test_a_table_that_makes_no_sense_is_left_out_by_its_name(tmp_path: Path) -> None:
    properties = {"TableName": "shop-t-dev", "KeySchema": [], "ResourcePolicy": "text"}
    template = {"Resources": {"Odd": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template))
    result = imported(tmp_path, file)
    assert [d.address.name for d in result.deferred] == ["Odd"] and result.exit_code == 1
    assert "not understood" in result.deferred[0].reason


def test_given_values_choose_what_a_template_makes(tmp_path: Path) -> None:
    given = {"KeyArn": "arn:key", "Stage": "prod", "Unnamed": "shop-unnamed-prod", "Reads": "7"}
    found = tables(imported(tmp_path, TEMPLATE, environment="prod", **given))
    assert sorted(found) == ["more", "orders", "other-simple", "unnamed"]
    orders = found["orders"]
    assert (orders["billing"], orders["stream"]) == ({"read": 7, "write": 60}, "keys_only")
    assert orders["deletion_protection"] is True
    assert found["more"]["deletion_protection"] is False and found["more"]["point_in_time_recovery"] is False


def test_a_table_of_which_something_is_not_known_is_left_out_as_a_whole(tmp_path: Path) -> None:
    result = imported(tmp_path, TEMPLATE)
    assert "orders" not in tables(result)
    assert any("KeyArn is not known" in d.reason for d in result.deferred)


LOOPS = """
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: "one,two-more"}
  Stage: {Type: String}
Conditions:
  Fn::ForEach::Stages: [S, [Dev, Prod], {"Is${S}": !Equals [!Ref Stage, "${S}"]}]
Mappings: {Units: {Dev: {Most: 7}}}
Resources:
  Fn::ForEach::Tables:
    - Name
    - !Ref Names
    - "Table&{Name}":
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: !Sub "shop-${Name}-dev"
          AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
          KeySchema: [{AttributeName: id, KeyType: HASH}]
          BillingMode: PAY_PER_REQUEST
          OnDemandThroughput:
            MaxReadRequestUnits: !FindInMap [Units, Dev, Most]
            MaxWriteRequestUnits: !FindInMap [Units, Prod, Most, {DefaultValue: 9}]
          StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
          Tags: [{Key: for, Value: !Ref Name}]
  Copied:
    Type: Custom::DynamoDBReplica
    Properties: {TableName: !Ref Tableone, Region: eu-west-1}
  Secretly:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: "{{resolve:ssm:/shop/name}}", AttributeDefinitions: [], KeySchema: []}
  Sometimes:
    Type: AWS::DynamoDB::Table
    Condition: IsProd
    Properties: {TableName: shop-x-dev, AttributeDefinitions: [], KeySchema: []}
"""


def test_loops_of_a_template_are_written_out(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(LOOPS)
    result = imported(tmp_path, file, Stage="Dev")
    found = tables(result)
    assert sorted(found) == ["one", "two-more"] and found["two-more"]["tags"] == {"for": "two-more"}
    assert found["one"]["billing"] == {"on_demand": {"max_read": 7, "max_write": 9}}
    assert found["one"]["global_table"] == {"replicas": {"eu-west-1": {}}}
    assert [d.reason.partition(" is")[0] for d in result.deferred] == ["ssm:/shop/name"]
    unknown = {str(d.address): d.reason for d in imported(tmp_path, file).deferred}
    assert "Stage is not known" in unknown["table Sometimes"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_template_of_a_live_table_leaves_nothing_to_do(shop: Workshop, path: Path) -> None:
    definition = json.loads(path.read_text())
    table = create(shop, definition, recovery=False)
    properties = {**definition["CreateTable"], "TableName": {"Fn::Join": ["", [table[:3], {"Ref": "Rest"}]]}}
    properties.pop("Tags", None)
    if definition.get("after", {}).get("TimeToLiveSpecification"):
        properties["TimeToLiveSpecification"] = definition["after"]["TimeToLiveSpecification"]
    template = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}
    file = shop.folder / "template.json"
    file.write_text(json.dumps(template))
    for text in imported(shop.folder, file, Rest=table[3:]).files.values():
        (shop.folder / "schemas" / "shop.yaml").write_text(text)
    assert shop.plan().empty


@pytest.mark.parametrize("name", ["terraform.tfstate", "show.json", "plan.json"])
def test_terraform_says_the_same_in_all_its_files(tmp_path: Path, name: str) -> None:
    found = tables(imported(tmp_path, FOREIGN / name))
    assert found["orders"] == {
        "attributes": {"id": "S", "at": "N", "who": "S"},
        "key": {"partition": "id", "sort": "at"},
        "billing": {"read": 2, "write": 3},
        "indexes": {
            "by_who": {"partition": "who", "sort": "at", "projection": ["x"], "throughput": {"read": 4, "write": 5}}
        },
        "local_indexes": {"by_local": {"sort": "who", "projection": "keys_only"}},
        "ttl": "gone",
        "stream": "keys_only",
    }
    assert sorted(found) == ["legacy.one", "legacy.two", "orders"]
    assert found["legacy.one"]["name"] == "legacy.one" and found["legacy.one"]["deletion_protection"]


def test_terraform_says_replicas_in_two_ways(tmp_path: Path) -> None:
    """A block of the table, and a resource of its own, made by the provider of its region. Attributes are those of the
    provider's schema in version 6."""
    home, there = (f"arn:aws:dynamodb:{region}:123456789012:table/shop-t-dev" for region in ("us-east-1", "us-west-2"))
    table = {
        "arn": home,
        "name": "shop-t-dev",
        "attribute": [{"name": "id", "type": "S"}],
        "hash_key": "id",
        "billing_mode": "PAY_PER_REQUEST",
        "stream_enabled": True,
        "stream_view_type": "NEW_AND_OLD_IMAGES",
        "tags_all": {"team": "x"},
        "replica": [
            {
                "region_name": "eu-west-1",
                "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1",
                "point_in_time_recovery": True,
                "propagate_tags": True,
                "deletion_protection_enabled": False,
                "consistency_mode": "EVENTUAL",
            }
        ],
    }
    apart = {
        "arn": there,
        "global_table_arn": home,
        "deletion_protection_enabled": True,
        "table_class_override": "STANDARD_INFREQUENT_ACCESS",
        "tags_all": {"team": "y"},
    }
    beside = {
        "aws_dynamodb_table_replica": apart,
        "aws_dynamodb_resource_policy": {
            "resource_arn": there,
            "policy": '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "dynamodb:DeleteTable"}]}',
        },
        "aws_dynamodb_contributor_insights": {"table_name": "shop-t-dev", "region": "us-west-2"},
        "aws_dynamodb_tag": {"resource_arn": there, "key": "more", "value": "z"},
        "aws_dynamodb_table_item": {"table_name": "shop-t-dev"},
    }
    resources = [
        {"address": f"{kind}.t", "type": kind, "values": values}
        for kind, values in {"aws_dynamodb_table": table, **beside}.items()
    ]
    file = tmp_path / "show.json"
    file.write_text(json.dumps({"terraform_version": "1.11.4", "values": {"root_module": {"resources": resources}}}))
    result = imported(tmp_path, file)
    assert [d.reason for d in result.deferred] == ["aws_dynamodb_table_item is not taken over"]
    assert tables(result)["t"]["global_table"]["replicas"] == {
        "eu-west-1": {
            "encryption_key": "arn:aws:kms:eu-west-1:123456789012:key/1",
            "point_in_time_recovery": True,
            "tags": {"team": "x"},
        },
        "us-west-2": {
            "table_class": "standard_infrequent_access",
            "deletion_protection": True,
            "tags": {"team": "y", "more": "z"},
            "contributor_insights": True,
            "resource_policy": {"Statement": [{"Action": "dynamodb:DeleteTable", "Effect": "Deny", "Principal": "*"}]},
        },
    }


def test_terraform_says_the_rest_beside_its_tables(tmp_path: Path) -> None:
    result = imported(tmp_path, FOREIGN / "beside.tfstate")
    orders = tables(result)["orders"]
    assert orders["autoscaling"] == {
        "read": {"min": 2, "max": 20, "target": 50, "scale_out_cooldown": 30, "scale_in": False}
    }
    assert orders["indexes"]["by_who"]["contributor_insights"] == "throttled_keys"
    assert orders["kinesis"] == {
        "stream": "arn:aws:kinesis:eu-west-1:123456789012:stream/changes",
        "precision": "microsecond",
    }
    assert orders["resource_policy"]["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert [d.address.name for d in result.deferred] == ["aws_dynamodb_tag.t"], "its table is made elsewhere"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "neither a CloudFormation template nor"),
        ("a: [", "neither YAML nor JSON"),
        ("- a", "holds no mapping"),
        ("Resources: {}", "declare nothing"),
        ("{service: shop, provider: {name: aws}, resources: {Resources: {}}}", "a file of the Serverless Framework"),
    ],
)
def test_a_file_of_no_tool_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        imported(tmp_path, file)


def test_two_files_with_the_same_table_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two of the files declare"):
        imported(tmp_path, FOREIGN / "show.json", FOREIGN / "plan.json")
