"""Connecting: quick, clear, and without a word of the credentials."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engines.dynamodb import ENGINE, connect
from reconciler.errors import ConnectionFailed
from reconciler.model.engine import Target
from tests.engines.dynamodb.workshop import Workshop

KEYS = {"access_key": "AKIDSECRET", "secret_key": "verysecret"}


@pytest.fixture(autouse=True)
def no_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials and no configuration of whoever runs this."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def failure(**connection: str) -> ConnectionFailed:
    begun = time.monotonic()
    with pytest.raises(ConnectionFailed) as caught, ENGINE.open(Target("shop", "dynamodb", "dev", connection)):
        pass
    assert time.monotonic() - begun < 8
    said = f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert "verysecret" not in said and "AKIDSECRET" not in said
    return caught.value


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_importing_the_engine_loads_no_driver() -> None:
    code = "import sys, reconciler.engines.dynamodb as d; print([m for m in sys.modules if 'boto' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}", region="us-east-1", **KEYS)
    assert "cannot be reached" in error.message and "127.0.0.1" in error.message
    assert error.code == "RC0300" and "is it DynamoDB that answers" in str(error.hint)


def test_somebody_who_does_not_answer(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "ANSWER_SECONDS", 0.5)
    assert "cannot be reached" in failure(endpoint=silent, region="us-east-1", **KEYS).message


def test_a_region_that_is_none() -> None:
    error = failure(region="us-nowhere-9", **KEYS)
    assert "us-nowhere-9" in error.message and "is 'us-nowhere-9' the region?" in str(error.hint)
    assert "region" in str(failure(region="no region at all", **KEYS).hint)


def test_no_region() -> None:
    error = failure(**KEYS)
    assert error.message == "no region for DynamoDB" and "AWS_REGION" in str(error.hint)


def test_no_credentials() -> None:
    error = failure(region="us-east-1")
    assert error.message == "no credentials for DynamoDB in us-east-1" and "AWS_PROFILE" in str(error.hint)


def test_no_such_profile() -> None:
    assert "no profile 'nobody'" in failure(region="us-east-1", profile="nobody").message


def test_credentials_that_are_not_accepted(endpoint: str) -> None:
    error = failure(endpoint=endpoint, region="us-east-1", access_key="not-a-plain-key!", secret_key="verysecret")
    assert "does not accept the credentials" in error.message and "letters and digits" in str(error.hint)


def test_no_endpoint_url() -> None:
    for endpoint in ("not a url", "http://[::1", "http://127.0.0.1:port"):
        assert (
            "its endpoint" in (said := failure(endpoint=endpoint, region="us-east-1", **KEYS).message) or "port" in said
        )


def test_a_local_store_needs_no_credentials_of_ours(endpoint: str) -> None:
    with ENGINE.open(Target("shop", "dynamodb", "dev", {"endpoint": endpoint})) as session:
        assert str(session.server) == "DynamoDB 2012.8.10 local"


def test_the_service_itself_is_not_taken_for_dynamodb_local(moto_shop: Workshop) -> None:
    with moto_shop.session() as session:
        assert session.server.edition == ""
