from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """An empty project on the memory engine."""
    return Workshop(tmp_path)
