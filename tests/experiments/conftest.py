"""A bench of the shared run, on which single rungs of the ladder can be climbed; and a run that releases features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, brief

from aclipse.corpora.manifest import Manifest
from aclipse.experiments import audit as audits
from aclipse.experiments.ladder import attacks
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.subjects import Subject, clean_speech
from aclipse.experiments.recipe import read_recipe
from aclipse.experiments.run import reopen, train

Opened = Callable[..., Bench]
FEATURES = """
[features]
bands = 16
segment = 20
train_hop = 10
test_hop = 15

[cloak]
epochs = 2
suppression_epochs = 2
batch_size = 8
"""


@pytest.fixture
def opened(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a bench of its own for some subjects, clean speech if none is given; words are the secret if none is."""
    monkeypatch.setattr(attacks, "FEWEST", 24)  # an epoch is all there is

    def bench(*subjects: Subject, folder: str = "audit", **changes: Any) -> Bench:
        prepared = reopen(trained)
        settings = prepared.recipe.audit.model_copy(update={"secrets": ("words",), **changes})
        recipe, level = prepared.recipe.model_copy(update={"audit": settings}), settings.effort
        named = subjects or (clean_speech(level, prepared.recipe.seed),)
        return Bench(replace(prepared, recipe=recipe), {one.name: one for one in named}, tmp_path / folder, level)

    return bench


@pytest.fixture(scope="session")
def features_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe, of features."""
    path = tmp_path_factory.mktemp("features-recipe") / "tiny.toml"
    text = TINY.replace('["none", "low-pass-4k", "shift"]', '["none", "low-pass-4k", "overlaps", "median-3x3"]')
    path.write_text(f'release = "features"\n{text}{FEATURES}', "utf-8")
    return path


@pytest.fixture(scope="session")
def featured(features_toml: Path, corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run that releases features; look, do not touch."""
    folder = tmp_path_factory.mktemp("features-runs") / "tones"
    train(read_recipe(features_toml), corpus, folder)
    return folder


@pytest.fixture(scope="session")
def featured_audit(featured: Path) -> Path:
    """The same folder with its audit; look, do not touch."""
    with pytest.MonkeyPatch.context() as patch:
        brief(patch)
        patch.setattr(attacks, "FEWEST", 24)  # an epoch is all there is
        audits.audit(featured)
    return featured
