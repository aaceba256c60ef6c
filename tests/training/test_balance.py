"""Copies with noise: as many of every class within a speaker, originals untouched, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.training.balance import balanced
from aclipse.training.batches import Speech

SAID = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", ""]), st.sampled_from(["happy", "sad", "angry", ""])), max_size=40
)


def emotion(clip: Clip) -> str:
    return clip.emotion


def speech_of(said: list[tuple[str, str]], frames: int = 8) -> Speech:
    clips = [Clip(f"c{n:02}", Path(f"{n}.wav"), speaker, emotion=felt) for n, (speaker, felt) in enumerate(said)]
    return Speech(clips, [np.full((frames, 4), n, np.float32) for n in range(len(said))])


def source(clip: Clip) -> int:
    return int(clip.id.partition("#")[0][1:])


@given(SAID, st.integers(0, 9))
def test_within_a_speaker_every_class_counts_as_many_as_the_largest(said, seed):
    had, has = (
        Counter(said),
        Counter((clip.speaker, clip.emotion) for clip in balanced(speech_of(said), emotion, seed).clips),
    )
    assert has.keys() == had.keys()  # a class that a speaker lacks is not made up
    for speaker, felt in had:
        largest = max((count for (who, what), count in had.items() if who == speaker and what), default=0)
        assert has[speaker, felt] == (largest if felt else had[speaker, felt])


@given(SAID)
def test_the_originals_come_first_the_same_arrays_unchanged(said):
    speech = speech_of(said)
    after = balanced(speech, emotion, seed=0)
    assert after.clips[: len(said)] == speech.clips
    for index in range(len(said)):
        assert after.wave(index) is speech.wave(index)
        assert (after.wave(index) == index).all()


@given(SAID)
def test_copies_are_named_after_their_sources_and_shared_out_evenly(said):
    speech = speech_of(said)
    copies = balanced(speech, emotion, seed=0).clips[len(said) :]
    assert len({clip.id for clip in copies}) == len(copies)
    for clip in copies:
        told = speech.clips[source(clip)]
        assert (clip.speaker, clip.emotion, clip.path) == (told.speaker, told.emotion, told.path)
    times = Counter(source(clip) for clip in copies)
    for index in times:
        assert sorted(int(c.id.partition("#")[2]) for c in copies if source(c) == index) == [
            *range(1, times[index] + 1)
        ]
    for group in set(said):
        counts = [times[index] for index, its in enumerate(said) if its == group]
        assert max(counts) - min(counts) <= 1


def test_a_copy_differs_by_noise_of_the_given_deviation():
    speech = speech_of([("ann", "sad")] * 4 + [("ann", "angry")] * 2, frames=2000)
    after = balanced(speech, emotion, seed=1, noise=0.2)
    added = np.stack([after.wave(i) - source(after.clips[i]) for i in (6, 7)])
    assert after.wave(6).dtype == np.float32
    assert abs(added.mean()) < 0.005
    assert abs(added.std() - 0.2) < 0.005
    assert abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.05  # each its own draw


def test_the_deviation_is_the_public_codes_unless_said():
    speech = speech_of([("ann", "sad")] * 2 + [("ann", "angry")], frames=2000)
    assert abs(balanced(speech, emotion, seed=0).wave(3).std() - 0.05) < 0.002


def test_a_seed_decides_and_another_decides_otherwise():
    speech = speech_of([("ann", "sad")] * 9 + [("ann", "angry")] * 5)
    first, again, other = (balanced(speech, emotion, seed) for seed in (3, 3, 4))
    assert first.clips == again.clips
    assert all((first.wave(i) == again.wave(i)).all() for i in range(len(first)))
    assert {clip.id for clip in first.clips} != {clip.id for clip in other.clips}  # which are copied
    shared = {clip.id: n for n, clip in enumerate(other.clips)}
    copies = [(n, shared[clip.id]) for n, clip in enumerate(first.clips[14:], start=14) if clip.id in shared]
    assert copies
    assert not any((first.wave(n) == other.wave(m)).any() for n, m in copies)


@given(SAID, st.randoms(use_true_random=False))
def test_the_order_of_the_clips_does_not_matter(said, rng):
    speech = speech_of(said)
    after, mixed = (
        balanced(its, emotion, seed=0) for its in (speech, speech.subset(rng.sample(range(len(said)), len(said))))
    )
    found = {clip.id: mixed.wave(n) for n, clip in enumerate(mixed.clips)}
    assert len(mixed) == len(after)
    assert all((found[clip.id] == after.wave(n)).all() for n, clip in enumerate(after.clips))


def test_sound_is_copied_as_features_are():
    clips = [Clip(id, Path(id), "ann", emotion=felt) for id, felt in (("a", "sad"), ("b", "sad"), ("c", "angry"))]
    after = balanced(Speech(clips, [np.zeros(length, np.float32) for length in (5, 6, 7)]), emotion, seed=0)
    assert [clip.id for clip in after.clips] == ["a", "b", "c", "c#1"]
    assert after.wave(3).shape == (7,)


def test_a_mapped_file_is_neither_changed_nor_kept_open(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 2), np.float32))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    clips = [Clip(str(n), Path("a"), "ann", emotion="sad" if n else "angry") for n in range(3)]
    copy = balanced(Speech(clips, list(mapped)), emotion, seed=0).wave(3)
    assert type(copy) is np.ndarray and copy.base is None
    assert (np.load(tmp_path / "a.npy") == 0).all()
