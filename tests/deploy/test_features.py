"""Features as files: what a batch writes for a protection that releases features, and by whose scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.audio import files
from aclipse.audio.segments import FeatureSettings, log_mel, scale_of
from aclipse.contracts import Clip
from aclipse.corpora import manifest
from aclipse.corpora.manifest import Manifest
from aclipse.deploy.batch import protect
from aclipse.deploy.features import maker_of, read_features
from aclipse.errors import RunError
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.seeds import derive
from aclipse.training import checkpoint

SETTINGS = FeatureSettings(bands=16, segment=24, train_hop=12, test_hop=18)


def cloak() -> Cloak:
    return Cloak(Noise(NoiseSettings(segment=24, bands=16, start=0.0)), SETTINGS)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    clips = []
    for number, speaker in enumerate(("ann", "ann", "bob", "")):
        path = tmp_path / "in" / f"{number}.wav"
        wave = np.random.default_rng(number).standard_normal(9000 + 1000 * number).astype(np.float32)
        files.write(path, 0.01 * (number + 1) * wave)
        clips.append(Clip(f"clip-{number}", path, speaker))
    manifest.write(Manifest("few", tuple(clips)), tmp_path / "few.csv")
    return tmp_path / "few.csv"


def test_a_manifest_gives_features_normalised_over_each_speaker(corpus: Path, tmp_path: Path) -> None:
    report = protect([corpus], tmp_path / "out", cloak(), seed=7)
    assert not report.failed
    assert sorted(path.name for path in report.done) == [f"clip-{number}.safetensors" for number in range(4)]
    clips = manifest.read(corpus).clips
    waves = [files.read(clip.path) for clip in clips]
    ann = scale_of(*(log_mel(wave, SETTINGS) for wave in waves[:2]))
    for number, scale in ((0, ann), (1, ann), (2, None), (3, None)):  # a lone recording is its speaker's all
        expected = cloak().release(waves[number], derive(7, f"clip-{number}"), scale)
        found = read_features(tmp_path / "out" / f"clip-{number}.safetensors")
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_what_is_there_is_skipped_and_anothers_is_told_from_it(corpus: Path, tmp_path: Path) -> None:
    protect([corpus], tmp_path / "out", cloak())
    assert len(protect([corpus], tmp_path / "out", cloak()).skipped) == 4
    other = protect([corpus], tmp_path / "out", cloak(), seed=1)
    assert len(other.failed) == 4
    assert "made by another protection, strength or seed" in other.failed[0][1]
    assert len(protect([corpus], tmp_path / "out", cloak(), seed=1, overwrite=True).done) == 4


def test_a_damaged_recording_fails_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "0.wav").write_bytes(b"RIFF")
    report = protect([corpus], tmp_path / "out", cloak())
    assert [path.name for path, _ in report.failed] == ["0.wav"]
    assert len(report.done) == 3


def test_features_by_another_scale_are_told_from_these(corpus: Path, tmp_path: Path) -> None:
    protect([corpus], tmp_path / "out", cloak())
    clips = manifest.read(corpus).clips
    manifest.write(Manifest("fewer", clips[1:]), tmp_path / "fewer.csv")
    again = protect([tmp_path / "fewer.csv"], tmp_path / "out", cloak())
    assert [path.name for path, _ in again.failed] == ["1.wav"]  # ann has one recording less, and another scale
    assert len(again.skipped) == 2


def test_the_scale_does_not_leave_the_device(corpus: Path, tmp_path: Path) -> None:
    protect([corpus], tmp_path / "out", cloak())
    tensors, facts = checkpoint.load(tmp_path / "out" / "clip-0.safetensors")
    assert set(tensors) == {"features"}
    assert set(facts) == {"maker", "features"}
    assert tensors["features"].dtype == torch.float16


def test_other_files_hold_no_features(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "other.safetensors", {"weights": torch.zeros(1)}, {})
    with pytest.raises(RunError, match="holds no released features, but"):
        read_features(tmp_path / "other.safetensors")
    assert maker_of(tmp_path / "other.safetensors") == ""
    (tmp_path / "text.safetensors").write_text("x")
    assert maker_of(tmp_path / "text.safetensors") == ""
