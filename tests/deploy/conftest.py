"""A replacement autoencoder that was never trained, and recordings to protect with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.audio import files
from aclipse.audio.functionals import functionals
from aclipse.contracts import Clip, Wave
from aclipse.corpora import manifest
from aclipse.corpora.manifest import Manifest
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import Roles
from aclipse.training.projection import ProjectionSettings, fit_projection

SPEAKERS = ("ann", "ann", "ann", "bob", "bob", "cat", "")  # of the recordings; cat has one alone


@pytest.fixture(scope="session")
def waves() -> list[Wave]:
    """Noise that swells, each in another way, in 16 bits as their files."""
    random = np.random.default_rng(0)
    lengths = [9_000 + 700 * number for number in range(len(SPEAKERS))]
    swells = [1 + 0.9 * np.sin(np.arange(length) / (500 + length / 9)) for length in lengths]
    made = [0.1 * swell * random.standard_normal(len(swell)) for swell in swells]
    return [(np.round(wave * 2**15) / 2**15).astype(np.float32) for wave in made]


@pytest.fixture
def corpus(waves: list[Wave], tmp_path: Path) -> Path:
    """A manifest of these recordings, which lie in in/ beside it."""
    clips = [
        Clip(f"day {number % 2}/{number}", tmp_path / "in" / f"day {number % 2}" / f"{number}.wav", speaker)
        for number, speaker in enumerate(SPEAKERS)
    ]
    for clip, wave in zip(clips, waves, strict=True):
        clip.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(clip.path, wave)
    manifest.write(Manifest("few", tuple(clips)), tmp_path / "few.csv")
    return tmp_path / "few.csv"


Build = Callable[..., Replacement]


@pytest.fixture(scope="session")
def build(waves: list[Wave]) -> Build:
    """A replacement autoencoder with random weights whose projection is fitted to those recordings."""

    def built(
        kind: str = "log-mel", normalisation: str = "speaker", network: torch.nn.Module | None = None
    ) -> Replacement:
        rows = np.concatenate([functionals(wave, kind) for wave in waves])
        clips = [Clip(str(number), Path("none"), speaker or "dan") for number, speaker in enumerate(SPEAKERS)]
        settings = ProjectionSettings(kind=kind, normalisation=normalisation, components=len(waves))
        projection = fit_projection(rows, clips, settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Replacement(network or ReplacementNetwork(projection.size, 4), projection, Roles())

    return built
