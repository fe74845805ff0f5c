"""Short ways to ask the servers something, and to watch processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import neo4j
import psutil
import psycopg

REPOSITORY = Path(__file__).parents[2]
TABLE = {
    "TableName": "kept",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def dynamodb(uri: str) -> Any:
    return boto3.client(
        "dynamodb", endpoint_url=uri, region_name="eu-west-1", aws_access_key_id="kept", aws_secret_access_key="kept"
    )


def cypher(uri: str, query: str) -> list[Any]:
    with neo4j.GraphDatabase.driver(uri) as driver:
        return [record.data() for record in driver.execute_query(query).records]


def sql(uri: str, query: str) -> list[Any]:
    with psycopg.connect(uri, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(condition())


def python(code: str, **env: str) -> subprocess.Popen[str]:
    """Run Python code in another process with this one's environment."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def gone(pid: int) -> bool:
    """Whether a process ended."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1
    except psutil.NoSuchProcess:
        return True
