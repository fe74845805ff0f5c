from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from reconciler.errors import LocalStoreError
from reconciler.local import throwaway
from reconciler.local.postgres import recipe

from .clients import REPOSITORY, TABLE, cypher, dynamodb, gone, sql, wait_until

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or [recipe().bin / "postgres"]
"""Where there is no other PostgreSQL, the packaged one is named as if it were another."""


def major(server: Path) -> str:
    told = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
    return told.split()[2].partition(".")[0]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary folders are made here, so that what is left over shows."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_postgres_is_ours_for_the_block_and_leaves_nothing(scratch: Path) -> None:
    with throwaway("postgres") as instance:
        assert sql(instance.uri, "SELECT current_setting('fsync')") == [("off",)]
        assert sql(instance.uri, "SELECT lower('ÄÖ')") == [("äö",)]
        sql(instance.uri, "CREATE EXTENSION pg_trgm")
    assert gone(instance.pid)
    assert list(scratch.iterdir()) == []


def test_an_error_in_the_block_leaves_nothing_either(scratch: Path) -> None:
    with pytest.raises(ZeroDivisionError), throwaway("postgres") as instance:
        _ = 1 / 0
    assert gone(instance.pid)
    assert list(scratch.iterdir()) == []


def test_another_postgres_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SERVERS[0].parent
    monkeypatch.setenv("RECONCILE_POSTGRES_BIN", str(folder))
    with throwaway("postgres") as instance:
        assert instance.version.startswith(f"{major(SERVERS[0])}.")
        assert sql(instance.uri, "SELECT count(*) FROM pg_class WHERE relname = 'pg_class'") == [(1,)]


def test_another_postgres_by_its_version() -> None:
    wanted = major(SERVERS[0])
    with throwaway("postgres", version=wanted) as instance, psycopg.connect(instance.uri) as connection:
        assert connection.info.server_version // 10000 == int(wanted)


@pytest.mark.parametrize(("store", "version"), [("postgres", "9.6"), ("neo4j", "4.0.0"), ("dynamodb", "1.0")])
def test_a_version_that_cannot_be_had_is_named(store: str, version: str) -> None:
    with pytest.raises(LocalStoreError, match=version), throwaway(store, version=version):
        pass


def test_the_older_dynamodb_with_delays_shows_an_index_being_created() -> None:
    attribute = {"AttributeName": "other", "AttributeType": "S"}
    create = {
        "IndexName": "by_other",
        "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    with throwaway("dynamodb", version="2.6.1", delay_transient=True) as instance:
        client = dynamodb(instance.uri)
        client.create_table(**TABLE)
        client.update_table(
            TableName="kept", AttributeDefinitions=[attribute], GlobalSecondaryIndexUpdates=[{"Create": create}]
        )
        (index,) = client.describe_table(TableName="kept")["Table"]["GlobalSecondaryIndexes"]
        assert index["IndexStatus"] == "CREATING"


def test_the_older_neo4j() -> None:
    with throwaway("neo4j", version="5.26.30") as instance:
        versions = cypher(instance.uri, "CALL dbms.components() YIELD versions RETURN versions[0] AS version")
        assert versions == [{"version": "5.26.30"}]


def test_a_killed_parent_leaves_no_server_and_no_files(scratch: Path) -> None:
    code = """
import time
from reconciler.local import throwaway
from reconciler.local.postgres import recipe
with throwaway("postgres") as one, throwaway("postgres") as other:
    print(one.pid, other.pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        servers = [int(word) for word in parent.stdout.readline().split()]
        assert len(servers) == 2
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert wait_until(lambda: all(gone(process.pid) for process in family))
    assert wait_until(lambda: not list(scratch.iterdir()))
