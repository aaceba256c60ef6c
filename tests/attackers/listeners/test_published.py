"""Published weights: the front end against librosa, the networks against arithmetic, the figures of their authors."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve

from aclipse.attackers.listeners.mel import cepstra, mel_filters, mel_power
from aclipse.attackers.listeners.published import SEX_FILE, SPEAKER_FILE, sex, speaker
from aclipse.corpora import librispeech
from aclipse.errors import BackboneError
from aclipse.training.batches import Speech, read_all

WIDTHS = (128, 256, 256, 128, 128, 64, 1)


def wave(seconds: float, seed: int = 0) -> np.ndarray:
    """A buzz that glides, in noise."""
    time = np.arange(round(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return (0.3 * np.sign(np.sin(2 * np.pi * (120 + 40 * time) * time)) + noise).astype(np.float32)


def sex_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    arrays = {}
    for layer, shape in enumerate(pairwise(WIDTHS)):
        arrays[f"kernel{layer}"] = random.normal(0, shape[0] ** -0.5, shape).astype(np.float32)
        arrays[f"bias{layer}"] = random.normal(0, 0.1, shape[1]).astype(np.float32)
    return arrays


def speaker_arrays() -> dict[str, np.ndarray]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        lstm = torch.nn.LSTM(40, 64, num_layers=3, batch_first=True, bidirectional=True)
    return {f"lstm.{name}": weight.numpy() for name, weight in lstm.state_dict().items()}


KINDS: dict[str, tuple[Callable[[Path], Any], str, Callable[[], dict[str, np.ndarray]]]] = {
    "sex": (sex, SEX_FILE, sex_arrays),
    "speaker": (speaker, SPEAKER_FILE, speaker_arrays),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_the_front_end_is_librosas(rate: int) -> None:
    np.testing.assert_allclose(mel_filters(rate), librosa.filters.mel(sr=rate, n_fft=2048), atol=1e-7)
    sound = wave(1.3)
    mel = mel_power(torch.from_numpy(sound), rate)
    theirs = librosa.feature.melspectrogram(y=sound, sr=rate)
    np.testing.assert_allclose(mel, theirs, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        cepstra(mel, 40), librosa.feature.mfcc(y=sound, sr=rate, n_mfcc=40).T, rtol=1e-3, atol=0.02
    )


def test_a_tone_lands_in_its_band_and_what_is_quiet_is_raised() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)
    loudest = int(mel_power(tone, 16_000).mean(-1).argmax())
    centres = librosa.mel_frequencies(130, fmin=0, fmax=8000)[1:-1]
    assert abs(centres[loudest] - 1000) < 40
    mel = torch.tensor([[1.0], [1e-12]]).expand(2, 3)  # 0 dB, and -100 dB that counts as -80
    assert cepstra(mel, 1)[0].item() == pytest.approx(-80 / np.sqrt(2), rel=1e-5)


def test_the_sex_of_a_voice_is_what_the_published_recipe_gives(tmp_path: Path) -> None:
    arrays, sound = sex_arrays(), wave(1.1)
    np.savez(tmp_path / SEX_FILE, **arrays)
    hidden = librosa.feature.melspectrogram(
        y=librosa.resample(sound, orig_sr=16_000, target_sr=22_050, res_type="soxr_hq"), sr=22_050
    ).mean(1)
    for layer in range(6):
        hidden = hidden @ arrays[f"kernel{layer}"] + arrays[f"bias{layer}"]
        if layer in (1, 2, 3, 4):
            hidden = np.maximum(hidden, 0)
    reader = sex(tmp_path)
    assert reader.logit(torch.from_numpy(sound)) == pytest.approx(hidden.item(), rel=1e-3)
    assert reader.read(torch.from_numpy(sound)[None], torch.tensor([len(sound)])) == [
        "male" if hidden.item() > 0 else "female"
    ]


@pytest.mark.parametrize("answer", ["male", "female"])
def test_above_one_half_is_male(answer: str, tmp_path: Path) -> None:
    arrays = {name: 0 * array for name, array in sex_arrays().items()}
    np.savez(tmp_path / SEX_FILE, **arrays | {"bias5": np.array([1 if answer == "male" else -1], np.float32)})
    assert sex(tmp_path).read(torch.zeros(1, 8000), torch.tensor([8000])) == [answer]


@pytest.mark.parametrize(("seconds", "starts"), [(1.0, [0]), (3.2, [0]), (5.0, [0, 50]), (6.5, [0, 50, 100])])
def test_a_voice_is_the_mean_over_windows(seconds: float, starts: list[int], tmp_path: Path) -> None:
    np.savez(tmp_path / SPEAKER_FILE, **speaker_arrays())
    reader, sound = speaker(tmp_path), wave(seconds)
    frames = torch.from_numpy(librosa.feature.mfcc(y=sound, sr=16_000, n_mfcc=40).T)
    with torch.no_grad():
        means = [reader.lstm(frames[None, start : start + 100])[0].mean((0, 1)) for start in starts]
    expected = torch.stack(means).mean(0).numpy()
    (voice,) = reader.read(torch.from_numpy(sound)[None], torch.tensor([len(sound)]))
    assert voice.dtype == np.float32 and voice.shape == (128,)
    assert np.linalg.norm(voice) == pytest.approx(1)
    np.testing.assert_allclose(voice, expected / np.linalg.norm(expected), atol=1e-3)


def test_a_batch_is_read_as_its_recordings_alone(kind: Any, tmp_path: Path) -> None:
    build, name, arrays = kind
    np.savez(tmp_path / name, **arrays())
    reader = pickle.loads(pickle.dumps(build(tmp_path)))
    sounds = [torch.from_numpy(wave(seconds, seed)) for seed, seconds in enumerate((0.4, 3.5, 0.025))]
    padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True, padding_value=0.7)
    together = reader.read(padded, torch.tensor([len(sound) for sound in sounds]))
    alone = [reader.read(sound[None], torch.tensor([len(sound)]))[0] for sound in sounds]
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))
    assert not reader.slow


def test_silence_is_read_too(kind: Any, tmp_path: Path) -> None:
    build, name, arrays = kind
    np.savez(tmp_path / name, **arrays())
    (read,) = build(tmp_path).read(torch.zeros(1, 400), torch.tensor([400]))
    assert read in ("female", "male") if isinstance(read, str) else np.isfinite(read).all()


def damage(arrays: dict[str, np.ndarray], how: str) -> dict[str, np.ndarray]:
    first = next(iter(arrays))
    if how == "missing":
        return {name: array for name, array in arrays.items() if name != first}
    other = {"shape": arrays[first][:-1], "type": arrays[first].astype(int), "nan": arrays[first] * np.nan}
    return arrays | {first: other[how]}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", r"has no array for \S+, which must be \(\d+, \d+\)\. Give the published file"),
        ("shape", r"has shape \(\d+, \d+\) for \S+, which must be \(\d+, \d+\)"),
        ("type", r"must hold finite floats"),
        ("nan", r"must hold finite floats"),
    ],
)
def test_wrong_arrays_are_refused(kind: Any, how: str, message: str, tmp_path: Path) -> None:
    build, name, arrays = kind
    np.savez(tmp_path / name, **damage(arrays(), how))
    with pytest.raises(BackboneError, match=message):
        build(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 broken", b"text", "pickle", "npy"])
def test_other_files_are_refused(kind: Any, content: Any, tmp_path: Path) -> None:
    build, name, _ = kind
    if content == "pickle":
        np.savez(tmp_path / name, bias=np.array([{}], object))
    elif content == "npy":
        with (tmp_path / name).open("wb") as file:
            np.save(file, np.ones(3))
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BackboneError, match=r"cannot be read .* plain arrays without pickles"):
        build(tmp_path)


@pytest.fixture
def weights() -> Callable[[str], Path]:
    """Return a function from a model's name to its folder beside the corpora; skips where there is none."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("ACLIPSE_DATA", "")).parent / "weights" / name
        if "ACLIPSE_DATA" not in os.environ or not folder.is_dir():
            pytest.skip(f"needs published weights: set ACLIPSE_DATA to a folder beside which lies weights/{name}/")
        return folder

    return find


def readers() -> Speech:
    """Sixty clips of LibriSpeech's dev-clean."""
    clips = [clip for clip in librispeech.scan(Path(os.environ["ACLIPSE_DATA"]) / "librispeech").clips
             if "dev-clean" in clip.path.parts]  # fmt: skip
    return Speech(random.Random(1).sample(clips, 60))


def test_sex_is_told_of_people_who_read_aloud(weights: Callable[[str], Path]) -> None:
    reader = sex(weights("gender-mlp-commonvoice"))
    speech = readers()
    right = [clip.sex == read for clip, read in zip(speech.clips, read_all(reader, speech), strict=True)]
    assert np.mean(right) > 0.85  # its README: 95 % of men, 97 % of women


def test_voices_are_told_apart_of_people_who_read_aloud(weights: Callable[[str], Path]) -> None:
    reader = speaker(weights("speaker-bilstm-librispeech"))
    speech = readers()
    voices = np.stack(read_all(reader, speech))
    first, second = np.triu_indices(len(voices), 1)
    names = np.array([clip.speaker for clip in speech.clips])
    accepted, found, _ = roc_curve(names[first] == names[second], (voices @ voices.T)[first, second])
    assert accepted[np.argmin(abs(accepted - (1 - found)))] < 0.17  # equal error rate; its README: 8.6 %
