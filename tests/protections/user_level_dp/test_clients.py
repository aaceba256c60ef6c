"""Speakers become clients: cut, shared out, normalised; nobody depends on who else is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.protections.user_level_dp.clients import normalised, partition

EMOTIONS = ("angry", "happy", "sad")


def clips(speakers: dict[str, int], corpus: str = "") -> list[Clip]:
    """Speakers' clips by turns."""
    turns = [(number, name) for number in range(max(speakers.values())) for name in speakers if number < speakers[name]]
    return [
        Clip(f"{name}-{number}", Path("x.wav"), name, "female", EMOTIONS[number % 3], extra={"corpus": corpus})
        for number, name in turns
    ]


def rows(given: list[Clip]) -> np.ndarray:
    """Each clip's row tells its emotion, its number and its speaker."""
    parts = [clip.id.rsplit("-", 1) for clip in given]
    return np.array([[EMOTIONS.index(c.emotion), int(n), ord(s[0])] for c, (s, n) in zip(given, parts, strict=True)],
                    np.float32)  # fmt: skip


# --- partition


def test_a_speaker_is_one_client_and_learns_from_four_fifths() -> None:
    given = clips({"bea": 20, "ann": 11})
    ann, bea = partition(given, rows(given), EMOTIONS, 0)
    assert (ann.id, ann.speaker, ann.sex, bea.id) == ("ann", "ann", "female", "bea")
    assert [len(c.labels) for c in (ann, bea)] == [8, 16] and [len(c.held_out_labels) for c in (ann, bea)] == [3, 4]
    for client in (ann, bea):
        assert client.features[:, 0].tolist() == client.labels.tolist()
        assert client.held_out[:, 0].tolist() == client.held_out_labels.tolist()
        numbers = [*client.features[:, 1].tolist(), *client.held_out[:, 1].tolist()]
        assert sorted(numbers) == list(range(len(numbers))) and numbers != sorted(numbers)
        assert set(client.features[:, 2].tolist()) == {ord(client.speaker[0])}


@pytest.mark.parametrize("corpus", ["iemocap", "msp-improv"])
def test_large_speakers_are_cut_into_ten(corpus: str) -> None:
    given = clips({"ann": 53, "bea": 6}, corpus)
    found = partition(given, rows(given), EMOTIONS, 0)
    assert [client.id for client in found] == [*(f"ann#{k}" for k in range(10)), *(f"bea#{k}" for k in range(6))]
    sizes = [len(client.labels) + len(client.held_out_labels) for client in found if client.speaker == "ann"]
    assert sum(sizes) == 53 and max(sizes) - min(sizes) <= 1
    shared = [number for client in found[:10] for part in (client.features, client.held_out) for number in part[:, 1]]
    assert sorted(map(int, shared)) == list(range(53))


def test_a_client_does_not_depend_on_other_speakers_but_on_the_seed() -> None:
    many, few = clips({"bea": 20, "ann": 11}), clips({"ann": 11})
    ann, _ = partition(many, rows(many), EMOTIONS, 3)
    (alone,) = partition(few, rows(few), EMOTIONS, 3)
    (other,) = partition(few, rows(few), EMOTIONS, 4)
    assert alone.features.tolist() == ann.features.tolist() != other.features.tolist()


def test_one_recording_is_learned_from() -> None:
    given = clips({"ann": 1})
    (ann,) = partition(given, rows(given), EMOTIONS, 0)
    assert (len(ann.labels), len(ann.held_out_labels), ann.held_out.shape) == (1, 0, (0, 3))


def test_what_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(CorpusError, match="no clip to learn from"):
        partition([], np.zeros((0, 3), np.float32), EMOTIONS, 0)
    given = clips({"ann": 3})
    for wrong in (replace(given[1], speaker=""), replace(given[1], emotion=""), replace(given[1], emotion="bored")):
        with pytest.raises(CorpusError, match=r"ann-1 has speaker .* one of angry, happy, sad"):
            partition([given[0], wrong, given[2]], rows(given), EMOTIONS, 0)


# --- normalised


def test_each_speakers_rows_have_mean_zero_and_deviation_one() -> None:
    given = clips({"ann": 9, "bea": 5})
    drawn = np.random.default_rng(0).normal(100, 30, (len(given), 4)).astype(np.float32)
    found = normalised(drawn, given)
    assert found.dtype == np.float32
    for speaker in ("ann", "bea"):
        own = found[[clip.speaker == speaker for clip in given]]
        np.testing.assert_allclose(own.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(own.std(0), 1, atol=1e-5)


def test_a_feature_that_does_not_vary_is_zero_as_are_those_of_one_recording() -> None:
    given = clips({"ann": 3, "bea": 1})
    found = normalised(np.full((4, 2), 1e6 / 3, np.float32), given)
    assert not found.any()


def test_normalising_needs_nobody_else() -> None:
    given = clips({"ann": 9, "bea": 5})
    drawn, own = np.random.default_rng(0).random((len(given), 4), np.float32), [c.speaker == "ann" for c in given]
    alone = normalised(drawn[own], [clip for clip in given if clip.speaker == "ann"])
    np.testing.assert_array_equal(alone, normalised(drawn, given)[own])
