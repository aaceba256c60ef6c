from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_run import CHANCE, example_scores, write_run

from aclipse.report.rows import Score


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder into a fresh place."""
    return lambda **options: write_run(tmp_path / "run", **options)


@pytest.fixture
def scores() -> list[Score]:
    return example_scores()


@pytest.fixture
def chance() -> dict[str, float]:
    return dict(CHANCE)
