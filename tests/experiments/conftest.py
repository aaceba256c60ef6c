"""A bench of the shared run, on which single rungs of the ladder can be climbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aclipse.experiments.ladder import jobs
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.subjects import Subject, clean_speech
from aclipse.experiments.run import reopen

Opened = Callable[..., Bench]


@pytest.fixture
def opened(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a bench of its own for some subjects, clean speech if none is given; words are the secret if none is."""
    monkeypatch.setattr(jobs, "FEWEST", 24)  # an epoch is all there is

    def bench(*subjects: Subject, folder: str = "audit", **changes: Any) -> Bench:
        prepared = reopen(trained)
        settings = prepared.recipe.audit.model_copy(update={"secrets": ("words",), **changes})
        recipe, level = prepared.recipe.model_copy(update={"audit": settings}), settings.effort
        named = subjects or (clean_speech(level, prepared.recipe.seed),)
        return Bench(replace(prepared, recipe=recipe), {one.name: one for one in named}, tmp_path / folder, level)

    return bench
