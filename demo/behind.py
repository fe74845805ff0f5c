"""What people do to stores without reconcile: straight through the drivers."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import boto3
import neo4j
import psycopg

PAYMENTS = """\
INSERT INTO transactions (user_id, amount, note)
SELECT gen_random_uuid(), n, 'paid by card ' || n % 7 FROM generate_series(1, 20000) n"""


def postgres(uri: str, database: str, statement: str) -> None:
    """One statement in a service's database."""
    with psycopg.connect(urlunsplit(urlsplit(uri)._replace(path=f"/{database}")), autocommit=True) as connection:
        connection.execute(statement.encode())


def cypher(uri: str, statement: str) -> None:
    """One statement in the graph."""
    with neo4j.GraphDatabase.driver(uri) as driver:
        driver.execute_query(neo4j.Query(statement))


def add_index(uri: str, service: str, table: str, index: str, key: str) -> None:
    """A global secondary index over one string attribute; every service has its access key in DynamoDB Local."""
    client = boto3.client(
        "dynamodb", endpoint_url=uri, region_name="local", aws_access_key_id=service, aws_secret_access_key="local"
    )
    client.update_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": index,
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
