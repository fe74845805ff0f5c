"""DynamoDB Local for all tests of this folder, started once, and moto for what it lacks.

Each test has an access key of its own, and with it tables of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.engines.dynamodb import execute, patience
from reconciler.local import throwaway
from tests.engines.dynamodb.beside import Beside, install, uninstall
from tests.engines.dynamodb.slow import Story, begun
from tests.engines.dynamodb.strict import Strict
from tests.engines.dynamodb.workshop import Workshop


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """DynamoDB Local."""
    with throwaway("dynamodb") as instance:
        yield instance.uri


@pytest.fixture(scope="session", autouse=True)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Story] | None]:
    """What `test_waiting` is about, begun with the first test so that the others need not wait for it.

    DynamoDB Local with `-delayTransientStatuses` keeps an index 16 s in CREATING, then 15 s backfilling.
    """
    if not any("test_waiting" in item.nodeid for item in request.session.items):
        yield None
        return
    with throwaway("dynamodb", delay_transient=True) as instance:
        yield begun(instance.uri, tmp_path_factory.mktemp("slow") / "shop")


@pytest.fixture
def shop(endpoint: str, tmp_path: Path) -> Workshop:
    """An empty project on DynamoDB Local."""
    return Workshop(tmp_path, endpoint)


@pytest.fixture
def moto_shop(tmp_path: Path) -> Iterator[Workshop]:
    """An empty project on moto, which has tags, recovery and keys of several attributes, unlike DynamoDB Local.

    It answers in this process, in place of the service itself: there is no endpoint.
    """
    with answering(Beside()):
        yield Workshop(tmp_path, "")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    """The rules of the real service, as far as no emulator has them. It counts looks, not seconds: pauses are short."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.002)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(execute, "RETRY_SECONDS", 0.01)
    strict = Strict()
    with answering(strict):
        yield strict


@pytest.fixture
def strict_shop(tmp_path: Path, service: Strict) -> Workshop:
    """An empty project on `service`."""
    return Workshop(tmp_path, "")


@contextmanager
def answering(service: Beside) -> Iterator[None]:
    """moto, with `service` in front of it."""
    from moto import mock_aws

    with mock_aws():
        install(service)
        try:
            yield
        finally:
            uninstall()
