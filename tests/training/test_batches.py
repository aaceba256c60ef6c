"""Speech in memory: every clip once, orders that repeat with the seed, readings that ignore batching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aclipse.audio.signal import mask_of
from aclipse.contracts import Clip, Wave
from aclipse.errors import AudioError
from aclipse.training import processes
from aclipse.training.batches import Speech, read_all


def speech_of(lengths: list[int]) -> Speech:
    clips = [Clip(f"c{i}", Path(f"c{i}.wav"), emotion=f"e{i % 3}") for i in range(len(lengths))]
    return Speech(clips, [np.full(length, i + 1, np.float32) for i, length in enumerate(lengths)])


class Summer:
    """Reads the sum of a recording's true samples."""

    def loss(self, waves: Tensor, lengths: Tensor, targets: list[str]) -> Tensor:
        raise AssertionError("reading needs no loss")

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        assert not torch.is_grad_enabled()
        return [str(int(value)) for value in (waves * mask_of(lengths, waves.shape[-1])).sum(-1)]


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths=LENGTHS, size=st.integers(1, 12))
def test_in_order_gives_every_clip_once_by_length(lengths: list[int], size: int) -> None:
    batches = list(speech_of(lengths).in_order(size))
    flat = [index for batch in batches for index in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[i] for i in flat] == sorted(lengths)
    assert {len(batch) for batch in batches[:-1]} <= {size} and 1 <= len(batches[-1]) <= size


@given(lengths=LENGTHS, size=st.integers(1, 12), seed=st.integers(0, 99), pool=st.integers(1, 8))
def test_shuffled_gives_every_clip_once_and_repeats_with_the_seed(
    lengths: list[int], size: int, seed: int, pool: int
) -> None:
    speech = speech_of(lengths)
    batches = speech.shuffled(size, seed, pool)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert batches == speech.shuffled(size, seed, pool)


def test_shuffling_differs_between_seeds_and_sorts_within_pools() -> None:
    lengths = np.random.default_rng(0).integers(1, 10_000, 128).tolist()
    speech = speech_of(lengths)
    assert speech.shuffled(4, 0) != speech.shuffled(4, 1)

    def waste(pool: int) -> float:
        """Share of a batch that is padding, on average."""
        batches = [[lengths[i] for i in batch] for batch in speech.shuffled(4, 0, pool)]
        return float(np.mean([1 - sum(batch) / (len(batch) * max(batch)) for batch in batches]))

    assert waste(pool=8) < 0.5 * waste(pool=1)


@settings(deadline=None)
@given(lengths=LENGTHS, size=st.integers(1, 12))
def test_readings_come_in_the_clips_order_for_any_size(lengths: list[int], size: int) -> None:
    expected = [str((index + 1) * length) for index, length in enumerate(lengths)]
    assert read_all(Summer(), speech_of(lengths), size) == expected


def test_readings_dealt_out_to_several_processes_come_in_the_clips_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if three processes had each read their share; tests/training/test_processes.py has real ones."""
    lengths = np.random.default_rng(1).integers(1, 60, 31).tolist()
    speech = speech_of(lengths)
    dealt: list[list[tuple[int, str]]] = []
    for index in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(processes, "share", lambda items, index=index: items[index::3])
            patch.setattr(processes, "together", lambda rows: dealt.append(rows) or rows)
            read_all(Summer(), speech, 4)
    assert [len(rows) for rows in dealt] == [12, 11, 8]  # eight batches, the last of three clips
    monkeypatch.setattr(processes, "together", lambda rows: [row for part in dealt for row in part])
    assert read_all(Summer(), speech, 4) == [str((index + 1) * length) for index, length in enumerate(lengths)]


def test_a_batch_is_padded_and_keeps_its_clips() -> None:
    speech = speech_of([3, 1, 2])
    batch = speech.batch([2, 0])
    assert batch.waves.tolist() == [[3.0, 3.0, 0.0], [1.0, 1.0, 1.0]]
    assert batch.lengths.tolist() == [2, 3] and [clip.id for clip in batch.clips] == ["c2", "c0"]


def test_a_subset_shares_what_was_read() -> None:
    speech = speech_of([3, 1, 2])
    part = speech.subset([2, 1])
    assert len(part) == 2 and [clip.id for clip in part.clips] == ["c2", "c1"]
    assert part.wave(0) is speech.wave(2)


def test_released_speech_keeps_clips_and_leaves_the_original() -> None:
    speech = speech_of([3, 1])
    heard: list[str] = []

    def release(wave: Wave, clip: Clip) -> Wave:
        heard.append(clip.id)
        return -wave

    protected = speech.released(release)
    assert heard == ["c0", "c1"] and protected.clips == speech.clips
    assert protected.wave(0).tolist() == [-1, -1, -1] and speech.wave(0).tolist() == [1, 1, 1]


def test_a_file_is_read_once_when_first_needed(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    tone = (0.5 * np.sin(np.arange(800) / 9)).astype(np.float32)
    sf.write(path, tone, 16_000, subtype="FLOAT")
    speech = Speech([Clip("tone", path), Clip("gone", tmp_path / "gone.wav")])
    first = speech.wave(0)
    np.testing.assert_allclose(first, tone, atol=1e-7)
    path.unlink()
    assert speech.wave(0) is first
    with pytest.raises(AudioError, match=r"gone\.wav"):
        speech.wave(1)
