"""Features of a corpus: computed once, the same as of each recording alone, normalised as asked; batches of them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.audio import files
from aclipse.audio.features import Analysis
from aclipse.audio.segments import FeatureSettings, cut, log_mel, scale_of
from aclipse.audio.signal import pad_stack
from aclipse.contracts import Clip
from aclipse.errors import AudioError, CorpusError, RunError, UnusableAudio
from aclipse.training import batches, features
from aclipse.training.batches import Speech, read_all
from aclipse.training.features import FeatureStore

PAPER = FeatureSettings()
LENGTHS = (16_000, 400, 40_001, 8000, 33_333, 1600)  # of recordings that "ann" and "bob" say in turn


def settings_of(normalisation: Any, **changes: Any) -> FeatureSettings:
    return FeatureSettings(normalisation=normalisation, **changes)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Six recordings of noise, by two speakers of different level."""
    found = []
    for number, length in enumerate(LENGTHS):
        clip = Clip(f"c{number}", tmp_path / "speech" / f"{number}.wav", speaker=("ann", "bob")[number % 2])
        clip.path.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(number).normal(0, 0.02 + 0.1 * (number % 2), length)
        sf.write(clip.path, noise.astype(np.float32), 16_000, subtype="FLOAT")
        found.append(clip)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "features"


def raw(clip: Clip, chosen: FeatureSettings = PAPER) -> np.ndarray:
    return log_mel(files.read(clip.path), chosen)


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> np.ndarray:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(features.files, "read", read)


def test_the_store_gives_what_each_recording_gives_alone(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, settings_of("none"), folder)
    for clip in reversed(clips):
        np.testing.assert_array_equal(store.features(clip), raw(clip))
        assert store.features(clip).dtype == np.float32 and store.features(clip).flags.writeable


def test_what_is_computed_once_is_not_read_again(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []
    first = FeatureStore(clips, PAPER, folder, lambda done, total: heard.append((done, total)))
    assert heard == [(done, 6) for done in range(1, 7)]
    forbid_reading(monkeypatch)
    again = FeatureStore(clips, PAPER, folder, lambda done, total: pytest.fail("nothing was to be done"))
    for clip in clips:
        np.testing.assert_array_equal(again.features(clip), first.features(clip))


def test_the_cache_is_one_mapped_file_and_an_index(
    clips: list[Clip], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "aclipse"):
        store = FeatureStore(clips, PAPER, folder)
    assert caplog.messages == [f"log-mel features of 6 recordings lie in {folder}"]
    table, index = sorted(folder.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert table.suffix == ".npy" and index == table.with_suffix(".json")
    mel, told = np.load(table), json.loads(index.read_text("utf-8"))
    ends = np.cumsum([length // 160 + 1 for length in LENGTHS])
    assert told["ids"] == [clip.id for clip in clips] and told["ends"] == ends.tolist()
    assert (told["bands"], told["analysis"]["width"]) == (128, 800) and "normalisation" not in told
    assert mel.dtype == np.float32 and mel.flags.c_contiguous
    np.testing.assert_array_equal(mel, np.concatenate([raw(clip) for clip in clips]))
    assert isinstance(store._mel, np.memmap) and not store._mel.flags.writeable


@pytest.mark.parametrize(
    ("change", "files_after"),
    [
        ({"normalisation": "none"}, 2),
        ({"train_hop": 50, "test_hop": 50, "segment": 64}, 2),
        ({"bands": 40}, 4),
        ({"analysis": Analysis()}, 4),
    ],
)
def test_only_what_changes_log_mel_makes_another_cache(
    clips: list[Clip], folder: Path, change: dict[str, Any], files_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    FeatureStore(clips, PAPER, folder)
    changed = FeatureSettings(**change)
    FeatureStore(clips, changed, folder)
    assert len(list(folder.iterdir())) == files_after
    forbid_reading(monkeypatch)  # both live side by side
    FeatureStore(clips, PAPER, folder)
    assert FeatureStore(clips, changed, folder).features(clips[0]).shape == (101, changed.bands)


def test_clips_of_another_number_order_or_place_have_a_cache_of_their_own(clips: list[Clip], folder: Path) -> None:
    for given_clips in (clips, clips[:4], clips[::-1], [replace(clip, id=f"x{clip.id}") for clip in clips]):
        store = FeatureStore(given_clips, settings_of("none"), folder)
        for clip in given_clips:
            np.testing.assert_array_equal(store.features(clip), raw(clip))
    assert len(list(folder.glob("*.npy"))) == 4


@pytest.mark.parametrize("same_size", [True, False])
def test_a_recording_that_changed_is_computed_anew(clips: list[Clip], folder: Path, same_size: bool) -> None:
    FeatureStore(clips, PAPER, folder)
    path = clips[2].path
    stamp = path.stat().st_mtime_ns
    length = LENGTHS[2] + (0 if same_size else 160)
    sf.write(path, np.random.default_rng(99).normal(0, 0.1, length).astype(np.float32), 16_000, subtype="FLOAT")
    os.utime(path, ns=(stamp, stamp + 1000 if same_size else stamp))  # either alone tells
    store = FeatureStore(clips, settings_of("none"), folder)
    np.testing.assert_array_equal(store.features(clips[2]), raw(clips[2]))


def test_a_later_version_of_the_numbers_does_not_take_the_old_ones(
    clips: list[Clip], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FeatureStore(clips, PAPER, folder)
    monkeypatch.setattr(features, "VERSION", features.VERSION + 1)
    FeatureStore(clips, PAPER, folder)
    assert len(list(folder.glob("*.npy"))) == 2


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "cut off": lambda table, index: os.truncate(table, table.stat().st_size - 4),
    "cut in its header": lambda table, index: os.truncate(table, 20),
    "empty": lambda table, index: os.truncate(table, 0),
    "text": lambda table, index: table.write_text("features", "utf-8"),
    "other numbers": lambda table, index: np.save(table, np.load(table).astype(np.float64)),
    "fewer frames": lambda table, index: np.save(table, np.load(table)[:-1]),
    "no index": lambda table, index: index.write_text("{", "utf-8"),
    "another index": lambda table, index: index.write_text('{"clips": 6}', "utf-8"),
    "a list": lambda table, index: index.write_text("[1]", "utf-8"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_cache_is_computed_anew_and_says_so(
    clips: list[Clip], folder: Path, damage: Callable[[Path, Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    FeatureStore(clips, PAPER, folder)
    damage(next(folder.glob("*.npy")), next(folder.glob("*.json")))
    store = FeatureStore(clips, settings_of("none"), folder)
    assert "is damaged and computed anew: " in caplog.text
    np.testing.assert_array_equal(store.features(clips[-1]), raw(clips[-1]))


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_half_of_a_cache_counts_as_none(clips: list[Clip], folder: Path, suffix: str) -> None:
    FeatureStore(clips, PAPER, folder)
    next(folder.glob(f"*{suffix}")).unlink()
    heard: list[int] = []
    FeatureStore(clips, PAPER, folder, lambda done, total: heard.append(done))
    assert heard == [1, 2, 3, 4, 5, 6] and len(list(folder.iterdir())) == 2


def test_a_kill_leaves_nothing_half_written(clips: list[Clip], folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureStore(clips, PAPER, folder, stop)
    assert list(folder.iterdir()) == []
    np.testing.assert_array_equal(FeatureStore(clips, settings_of("none"), folder).features(clips[5]), raw(clips[5]))


def test_computing_takes_one_thread_and_gives_the_others_back(clips: list[Clip], folder: Path) -> None:
    before, meanwhile = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        FeatureStore(clips, PAPER, folder, lambda done, total: meanwhile.append(torch.get_num_threads()))
        assert meanwhile == [1] * 6 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_two_that_compute_the_same_at_once_both_have_it(clips: list[Clip], folder: Path) -> None:
    """The second begins and ends while the first is at its third recording; then the first replaces its file."""
    inner: list[FeatureStore] = []

    def meanwhile(done: int, total: int) -> None:
        if done == 3:
            inner.append(FeatureStore(clips, settings_of("none"), folder))

    outer = FeatureStore(clips, settings_of("none"), folder, meanwhile)
    assert len(list(folder.iterdir())) == 2
    for clip in clips:
        np.testing.assert_array_equal(outer.features(clip), inner[0].features(clip))


def test_speakers_normalise_by_all_their_frames(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, PAPER, folder)
    for own in (clips[0::2], clips[1::2]):
        together = np.concatenate([store.features(clip) for clip in own]).astype(np.float64)
        np.testing.assert_allclose(together.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(together.std(0), 1, atol=1e-4)
        assert store.scale(own[0]) is store.scale(own[1])
    assert abs(store.features(clips[1]).mean()) > 0.01  # not each recording's own


def test_recordings_normalise_by_themselves(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, settings_of("recording"), folder)
    for clip in clips:
        np.testing.assert_allclose(store.features(clip).mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(store.features(clip).std(0), 1, atol=1e-3)
        np.testing.assert_array_equal(store.features(clip), scale_of(raw(clip)).apply(raw(clip)))


def test_a_corpus_normalises_by_its_training_part(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, settings_of("corpus"), folder)
    with pytest.raises(RunError, match="Call fit with the training clips, or choose the normalisation speaker"):
        store.features(clips[0])
    store.fit(clips[:4])
    train = np.concatenate([store.features(clip) for clip in clips[:4]]).astype(np.float64)
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(train.std(0), 1, atol=1e-4)
    assert store.scale(clips[5]) is store.scale(clips[0])
    store.fit(clips[1::2])  # of the louder speaker alone
    assert np.concatenate([store.features(clip) for clip in clips[:4]]).mean() < -0.5


@pytest.mark.parametrize("normalisation", ["speaker", "recording", "none"])
def test_other_normalisations_need_no_fit_and_ignore_it(clips: list[Clip], folder: Path, normalisation: str) -> None:
    store = FeatureStore(clips, settings_of(normalisation), folder)
    before = store.features(clips[3])
    store.fit(clips[:2])
    np.testing.assert_array_equal(store.features(clips[3]), before)


def test_another_sound_of_a_clip_is_normalised_as_the_clip(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, settings_of("recording"), folder)
    wave = files.read(clips[0].path)
    np.testing.assert_array_equal(store.of(wave, clips[0]), store.features(clips[0]))
    louder = store.scale(clips[0]).undo(store.of(10 * wave, clips[0]))
    heard = raw(clips[0]) > -12  # well over the floor of the logarithm
    np.testing.assert_allclose(louder[heard], raw(clips[0])[heard] + 2 * np.log(10), atol=0.05)
    assert heard.mean() > 0.9
    assert store.of(np.zeros(1, np.float32), clips[1]).shape == (1, 128)  # as bad as a protection may make it
    assert np.isfinite(store.of(np.zeros(16_000, np.float32), clips[1])).all()


def test_speech_of_a_store_holds_segments_end_to_end(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips, PAPER, folder)
    for hop in (100, 150):
        speech = store.speech(clips[:3], hop)
        assert speech.clips == clips[:3]
        for index, clip in enumerate(clips[:3]):
            np.testing.assert_array_equal(speech.wave(index), cut(store.features(clip), 200, hop))
    assert [len(speech.wave(index)) for index in range(3)] == [200, 200, 400]


def test_clips_that_the_store_was_not_made_of_are_refused(clips: list[Clip], folder: Path) -> None:
    store = FeatureStore(clips[:4], settings_of("none"), folder)
    calls: list[Callable[[], object]] = [
        lambda: store.features(clips[4]),
        lambda: store.scale(clips[4]),
        lambda: store.speech(clips, 100),
        lambda: store.of(np.zeros(400, np.float32), clips[4]),
        lambda: store.fit(clips),
    ]
    for call in calls:
        with pytest.raises(CorpusError, match=r"Clip 'c4' is none of the 4 whose features lie in .*features"):
            call()


def test_clips_that_make_no_store_are_refused(clips: list[Clip], folder: Path) -> None:
    with pytest.raises(CorpusError, match="No clips were given to make features of"):
        FeatureStore([], PAPER, folder)
    with pytest.raises(CorpusError, match=r"The id 'c0' occurs twice.*rename one"):
        FeatureStore([*clips, clips[0]], PAPER, folder)
    nameless = [clips[0], replace(clips[1], speaker="")]
    with pytest.raises(CorpusError, match=r"'c1' has no speaker.*choose the normalisation recording, corpus or none"):
        FeatureStore(nameless, PAPER, folder)
    assert not folder.exists()
    assert FeatureStore(nameless, settings_of("recording"), folder).features(nameless[1]).shape == (3, 128)
    with pytest.raises(CorpusError, match="No clips were given to fit"):
        FeatureStore(clips, settings_of("corpus"), folder).fit([])


def test_recordings_that_cannot_be_used_are_named(clips: list[Clip], folder: Path) -> None:
    path = clips[3].path
    for wave in (np.zeros(16_000), np.ones(1)):
        sf.write(path, wave, 16_000)
        with pytest.raises(UnusableAudio, match=r"3\.wav"):
            FeatureStore(clips, PAPER, folder)
    path.unlink()
    with pytest.raises(AudioError, match=r"3\.wav cannot be read: No such file"):
        FeatureStore(clips, PAPER, folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_takes_no_file_is_named(clips: list[Clip], tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(RunError, match=r"taken takes no features: .*choose another folder"):
        FeatureStore(clips, PAPER, tmp_path / "taken")


def test_features_become_batches_of_frames() -> None:
    waves = [np.full((frames, 2), frames, np.float32) for frames in (3, 1)]
    stacked, lengths = pad_stack([torch.from_numpy(wave) for wave in waves])
    assert stacked.shape == (2, 3, 2) and lengths.tolist() == [3, 1]
    assert stacked[1].tolist() == [[1, 1], [0, 0], [0, 0]]
    batch = Speech([Clip("a", Path("a")), Clip("b", Path("b"))], waves).batch([1, 0])
    assert batch.waves.shape == (2, 3, 2) and batch.lengths.tolist() == [1, 3]
    torch.testing.assert_close(batch.waves, stacked[[1, 0]])


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=30),
    size=st.integers(1, 12),
    bands=st.integers(1, 9),
    limit=st.integers(1, 2000),
)
def test_batches_that_are_read_hold_few_numbers(counts: list[int], size: int, bands: int, limit: int) -> None:
    waves = [np.zeros((count, bands), np.float32) for count in counts]
    speech = Speech([Clip(str(number), Path()) for number in range(len(counts))], waves)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MOST_NUMBERS", limit)
        found = list(speech.in_order(size))
    assert sorted(index for batch in found for index in batch) == list(range(len(counts)))
    for batch in found:
        held = len(batch) * max(counts[index] for index in batch) * bands
        assert len(batch) == 1 or (len(batch) <= size and held <= limit)


def test_readings_of_features_do_not_depend_on_batches() -> None:
    class Summer:
        def read(self, waves: torch.Tensor, lengths: torch.Tensor) -> list[float]:
            return [wave[:length].sum().item() for wave, length in zip(waves, lengths, strict=True)]

        def loss(self, *given_arguments: object) -> torch.Tensor:
            raise AssertionError("reading needs no loss")

    waves = [np.full((frames, 4), frames, np.float32) for frames in (5, 1, 3, 2, 4)]
    speech = Speech([Clip(str(number), Path()) for number in range(5)], waves)
    for size in (1, 2, 5):
        assert read_all(Summer(), speech, size) == [100, 4, 36, 16, 64]


def test_features_of_real_speech_are_those_of_each_recording(folder: Path) -> None:
    corpus = Path(os.environ.get("ACLIPSE_DATA", "")) / "crema-d" / "AudioWAV"
    if "ACLIPSE_DATA" not in os.environ or not corpus.is_dir():
        pytest.skip("needs real recordings: set ACLIPSE_DATA to a folder that holds crema-d/")
    paths = sorted(corpus.iterdir())[:6]
    real = [Clip(path.stem, path, speaker=path.stem[:4]) for path in paths]
    store = FeatureStore(real, PAPER, folder)
    scale = scale_of(*map(raw, real))
    np.testing.assert_allclose(store.features(real[3]), scale.apply(raw(real[3])), atol=1e-5)
    assert (scale.deviation > 0.1).all()  # every band moves in speech
