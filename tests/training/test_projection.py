"""From functionals to vectors: ranges by hand, components as scikit-learn finds them, and nothing of who is tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler

from aclipse.audio.functionals import functionals, names
from aclipse.contracts import Clip, Wave
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RunError
from aclipse.training import checkpoint, projection
from aclipse.training.projection import (
    Projection,
    ProjectionSettings,
    Ranges,
    VectorStore,
    fit_projection,
    ranges_of,
)

Rows = npt.NDArray[np.float32]
NORMALISATIONS = get_args(ProjectionSettings.model_fields["normalisation"].annotation)
SIZE = 12
SPEAKERS = {"ann": "x", "bob": "x", "cat": "y", "dan": "y", "eva": "x", "fox": "y"}
TESTED = ("eva", "fox")


def chosen(normalisation: str = "training", components: int = 256) -> ProjectionSettings:
    return ProjectionSettings.model_validate(
        {"kind": "log-mel", "normalisation": normalisation, "components": components}
    )


def clips_of(speakers: dict[str, str], each: int = 5) -> list[Clip]:
    return [
        Clip(f"{speaker}{number}", Path(f"{speaker}{number}.wav"), speaker, extra={"corpus": corpus})
        for speaker, corpus in speakers.items()
        for number in range(each)
    ]


CLIPS = clips_of(SPEAKERS)
TRAIN = [clip for clip in CLIPS if clip.speaker not in TESTED]


def random_rows(count: int, seed: int = 0) -> Rows:
    """Functionals of very different units, as real ones are."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((count, SIZE)) @ rng.standard_normal((SIZE, SIZE))
    return (mixed * np.logspace(-3, 3, SIZE) + 5).astype(np.float32)


def store_of(
    monkeypatch: pytest.MonkeyPatch, rows: Rows, settings: ProjectionSettings, clips: Sequence[Clip] = CLIPS
) -> VectorStore:
    """A store of clips whose functionals are given."""
    monkeypatch.setattr(projection, "functionals_of", lambda *given: rows.copy())
    return VectorStore(clips, settings, Path("nowhere"))


def fitted(normalisation: str = "training", components: int = 256, count: int = 20) -> tuple[Projection, Rows]:
    rows = random_rows(count)
    return fit_projection(rows, TRAIN[:count], chosen(normalisation, components)), rows


# --- ranges


def test_ranges_by_hand() -> None:
    found = ranges_of(np.float32([[0, -2, 7], [4, 2, 7], [1, 0, 7]]))
    assert [end.tolist() for end in found] == [[0, -2, 7], [4, 2, 7]]
    scaled = found.apply(np.float32([[1, 1, 7], [-9, 9, 8]]))
    assert scaled.tolist() == [[0.25, 0.75, 0.0], [0.0, 1.0, 0.0]]
    assert found.undo(scaled).tolist() == [[1, 1, 7], [0, 2, 7]]


@given(rows=arrays(np.float32, (4, 3), elements=st.floats(-(2.0**60), 2.0**60, width=32)))
def test_what_was_ranged_lies_between_0_and_1_and_reaches_both(rows: Rows) -> None:
    ranges = ranges_of(rows)
    scaled = ranges.apply(rows)
    assert scaled.dtype == np.float32
    assert (scaled >= 0).all() and (scaled <= 1).all()
    constant = rows.min(0) == rows.max(0)
    assert (scaled[:, constant] == 0).all()
    assert (scaled[:, ~constant].min(0) == 0).all() and (scaled[:, ~constant].max(0) == 1).all()
    tolerance = 1e-6 * (np.abs(rows).max(0) + 1e-30)
    assert (np.abs(ranges.undo(scaled) - rows) <= tolerance).all()


def test_a_range_of_next_to_nothing_takes_any_value() -> None:
    ranges = Ranges(np.float32([0, 1]), np.float32([1e-38, 1]))
    assert ranges.apply(np.float32([[1e30, 1e30], [-1e30, -1e30]])).tolist() == [[1, 0], [0, 0]]


# --- principal components


@pytest.mark.parametrize("components", [2, 5, SIZE])
def test_components_are_those_of_scikit_learn(components: int) -> None:
    found, rows = fitted("training", components)
    scaler = MinMaxScaler(clip=True).fit(rows.astype(np.float64))
    reference = PCA(components, svd_solver="full").fit(scaler.transform(rows.astype(np.float64)))
    assert found.size == components
    np.testing.assert_allclose(found.mean, reference.mean_, atol=1e-6)
    signs = np.sign((found.axes * reference.components_).sum(1))[:, None]
    np.testing.assert_allclose(found.axes, signs * reference.components_, atol=1e-4)
    other = random_rows(7, seed=1)  # some lie beyond the ranges
    expected = reference.transform(scaler.transform(other.astype(np.float64)))
    np.testing.assert_allclose(found.apply(other, found.range_for()), signs.T * expected, atol=1e-4)


def test_variance_falls_from_each_component_to_the_next() -> None:
    found, rows = fitted()
    variances = found.apply(rows, found.range_for()).var(0)
    assert (np.diff(variances) <= 1e-7).all()
    np.testing.assert_allclose(variances.sum(), found.range_for().apply(rows).var(0).sum(), rtol=1e-4)


@given(count=st.integers(2, 20), asked=st.integers(2, 40))
def test_components_are_orthonormal_and_fewer_than_clips(count: int, asked: int) -> None:
    found, _ = fitted(components=asked, count=count)
    assert found.size == min(asked, count - 1, SIZE)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(found.size), atol=1e-4)


def test_the_greatest_entry_of_each_axis_is_positive_in_whatever_order_the_clips_are() -> None:
    found, rows = fitted()
    assert (found.axes[np.arange(found.size), np.abs(found.axes).argmax(1)] > 0).all()
    again, _ = fitted()
    assert np.array_equal(found.axes, again.axes)
    order = np.random.default_rng(0).permutation(20)
    mixed = fit_projection(rows[order], [TRAIN[i] for i in order], chosen())
    np.testing.assert_allclose(mixed.axes, found.axes, atol=1e-4)


def test_what_no_clip_adds_is_no_component() -> None:
    rows = random_rows(4)[[0, 1, 2, 3, 0, 1, 2, 3]]
    assert fit_projection(rows, TRAIN[:8], chosen()).size == 3


@given(count=st.integers(2, SIZE + 1))
def test_with_all_components_nothing_of_the_training_part_is_lost(count: int) -> None:
    found, rows = fitted(count=count)
    back = found.undo(found.apply(rows, found.range_for()))
    np.testing.assert_allclose(back, rows, atol=1e-4 * float(np.ptp(rows, 0).max()), rtol=1e-4)
    spread = np.ptp(rows, 0) + np.abs(rows).max(0)
    assert (np.abs(back - rows) / spread).max() < 1e-4


def test_what_is_undone_is_of_the_average_speaker() -> None:
    found, rows = fitted("speaker")
    own = [ranges_of(rows[start : start + 5]) for start in range(0, 20, 5)]
    np.testing.assert_allclose(found.range_for().low, np.mean([ends.low for ends in own], 0), rtol=1e-5)
    np.testing.assert_allclose(found.range_for().high, np.mean([ends.high for ends in own], 0), rtol=1e-5)
    middle = found.range_for().undo((found.mean + np.zeros((1, SIZE))).astype(np.float32))
    np.testing.assert_allclose(found.undo(np.zeros((1, found.size), np.float32)), middle, rtol=1e-5)
    assert list(found.ranges) == [""]  # nobody's own


def test_ranges_are_those_of_whom_the_settings_name() -> None:
    rows = random_rows(20)
    by_corpus = fit_projection(rows, TRAIN, chosen("corpus"))
    assert sorted(by_corpus.ranges) == ["", "x", "y"]
    for corpus, part in {"x": rows[:10], "y": rows[10:], "": rows, "never heard of": rows}.items():
        assert np.array_equal(np.stack(by_corpus.range_for(corpus)), np.stack(ranges_of(part)))
    assert list(fit_projection(rows, TRAIN, chosen("training")).ranges) == [""]


# --- nothing of who is tested


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 9), values=arrays(np.float32, SIZE, elements=st.floats(-1e6, 1e6, width=32)))
def test_projection_and_all_others_never_see_who_is_tested(
    monkeypatch: pytest.MonkeyPatch, normalisation: str, place: int, values: Rows
) -> None:
    rows, changed = random_rows(30), random_rows(30)
    changed[20 + place] = values
    stores = [store_of(monkeypatch, some, chosen(normalisation)) for some in (rows, changed)]
    for store in stores:
        store.fit(TRAIN)
    (tensors, facts), (others, other_facts) = (store.projection.state() for store in stores)
    assert facts == other_facts and list(tensors) == list(others)
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())
    for clip in CLIPS:
        one, other = (store.features(clip) for store in stores)
        if normalisation == "speaker":
            concerned = clip.speaker == CLIPS[20 + place].speaker
        else:
            concerned = clip == CLIPS[20 + place]
        assert concerned or np.array_equal(one, other)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_what_is_changed_in_the_training_part_is_seen(monkeypatch: pytest.MonkeyPatch, normalisation: str) -> None:
    changed = random_rows(30)
    changed[3] += 1e5
    stores = [store_of(monkeypatch, some, chosen(normalisation)) for some in (random_rows(30), changed)]
    for store in stores:
        store.fit(TRAIN)
    assert not np.array_equal(stores[0].projection.axes, stores[1].projection.axes)
    assert not np.array_equal(stores[0].features(CLIPS[-1]), stores[1].features(CLIPS[-1]))


def test_a_tested_speakers_ranges_are_of_that_speakers_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(30)
    store = store_of(monkeypatch, rows, chosen("speaker"))
    store.fit(TRAIN)
    for speaker, place in {"ann": 0, "eva": 20, "fox": 25}.items():
        clip = CLIPS[place]
        own = ranges_of(rows[place : place + 5])
        assert np.array_equal(np.stack(store.ranges(clip)), np.stack(own)), speaker
        assert np.array_equal(store.features(clip), store.projection.apply(rows[place][None], own))


def test_fitted_anew_a_store_projects_as_the_new_part_says(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(monkeypatch, random_rows(30), chosen("speaker", components=3))
    store.fit(TRAIN)
    first = store.features(CLIPS[0])
    store.fit(CLIPS[10:])
    assert not np.array_equal(store.features(CLIPS[0]), first)
    store.fit(TRAIN)
    assert np.array_equal(store.features(CLIPS[0]), first)


# --- the store


def test_vectors_are_signals_of_one_frame_and_never_hang_on_their_company(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(monkeypatch, random_rows(30), chosen("corpus", components=4))
    store.fit(TRAIN)
    speech = store.speech(CLIPS[::-1])
    assert [clip.id for clip in speech.clips] == [clip.id for clip in CLIPS[::-1]]
    assert {(speech.wave(i).shape, speech.wave(i).dtype) for i in range(30)} == {((1, 4), np.dtype(np.float32))}
    assert np.array_equal(store.speech([CLIPS[7]]).wave(0), speech.wave(22))


def test_another_sound_of_a_clip_is_scaled_as_the_clip_or_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(30)
    store = store_of(monkeypatch, rows, chosen("speaker"))
    store.fit(TRAIN)
    monkeypatch.setattr(projection, "functionals", lambda wave, kind: rows[int(wave[0])][None])
    sound: Wave = np.float32([3])
    assert np.array_equal(store.of(sound, CLIPS[3]), store.features(CLIPS[3]))
    assert not np.array_equal(store.of(sound, CLIPS[20]), store.features(CLIPS[3]))
    assert np.array_equal(store.of(sound, CLIPS[20], store.ranges(CLIPS[3])), store.features(CLIPS[3]))


def test_of_recordings_as_they_are(corpus: Manifest, tmp_path: Path) -> None:
    store = VectorStore(corpus.clips, chosen("speaker", components=8), tmp_path)
    store.fit(corpus.clips[:32])
    again = VectorStore(corpus.clips, chosen("speaker", components=8), tmp_path)
    again.fit(corpus.clips[:32])
    clip = corpus.clips[40]
    assert store.features(clip).shape == (1, 8)
    assert np.array_equal(store.features(clip), again.features(clip))
    assert store.projection.names == names("log-mel")
    assert store.projection.undo(store.features(clip)).shape == (1, len(names("log-mel")))


# --- saved, enrolled, refused


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_saved_and_restored_it_projects_the_same(normalisation: str, tmp_path: Path) -> None:
    made, rows = fitted(normalisation, components=6)
    checkpoint.save(tmp_path / "projection", *made.state())
    again = Projection.restore(*checkpoint.load(tmp_path / "projection"))
    assert again.settings == made.settings and again.made_by == made.made_by == "log-mel statistics 1"
    assert sorted(again.ranges) == sorted(made.ranges)
    for corpus in ("", "x", "y"):
        one, other = (some.apply(rows, some.range_for(corpus)) for some in (made, again))
        assert np.array_equal(one, other)
        one, other = (some.apply(rows[:1], some.range_for(corpus)) for some in (made, again))
        assert np.array_equal(one, other)  # a product with one row takes another way
    assert np.array_equal(again.undo(one), made.undo(one))


def test_any_name_of_a_corpus_is_restored() -> None:
    ends = Ranges(np.zeros(2, np.float32), np.ones(2, np.float32))
    odd = {"": ends, "a.b/ c": ends, "projection.ranges.": ends}
    made = Projection(chosen("corpus"), odd, np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    assert list(Projection.restore(*made.state()).ranges) == list(odd)


def test_functionals_of_another_version_are_refused() -> None:
    tensors, facts = fitted()[0].state()
    with pytest.raises(RunError, match=r"functionals of log-mel statistics 0, but here is log-mel statistics 1\. Inst"):
        Projection.restore(tensors, {**facts, "functionals": "log-mel statistics 0"})


def sound(seed: int) -> Wave:
    return (0.1 * np.random.default_rng(seed).standard_normal(4000)).astype(np.float32)


def test_the_ranges_of_who_enrols_are_of_those_recordings() -> None:
    waves = [sound(0), 0.1 * sound(1), sound(2)]
    rows = np.concatenate([functionals(wave, "log-mel") for wave in waves])
    found = fitted("speaker")[0].enrolled(waves)
    assert np.array_equal(found.low, rows.min(0)) and np.array_equal(found.high, rows.max(0))


@pytest.mark.parametrize("count", [0, 1])
def test_one_recording_has_no_range(count: int) -> None:
    with pytest.raises(CorpusError, match=rf"^{count} recording of a speaker has no range.*Give several of each"):
        fitted("speaker")[0].enrolled([sound(0)] * count)


@pytest.mark.parametrize("count", [0, 1])
def test_a_training_part_of_one_clip_is_refused(count: int) -> None:
    with pytest.raises(CorpusError, match=rf"^{count} training clips have no principal components\. Give at least two"):
        fit_projection(random_rows(count), CLIPS[:count], chosen())


def test_a_training_part_that_does_not_differ_is_refused() -> None:
    same = np.repeat(random_rows(1), 4, 0)
    with pytest.raises(CorpusError, match="4 training clips do not differ once normalised by training"):
        fit_projection(same, CLIPS[:4], chosen())
    alone = [CLIPS[0], CLIPS[5]]
    with pytest.raises(CorpusError, match=r"differ once normalised by speaker.*Give several of a speaker"):
        fit_projection(random_rows(2), alone, chosen("speaker"))


def test_without_speakers_they_cannot_normalise(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = [*TRAIN, Clip("x", Path("x.wav"))]
    with pytest.raises(CorpusError, match=r"training clip has no speaker.*Name its speaker, or choose"):
        fit_projection(random_rows(21), nameless, chosen("speaker"))
    for kind in ("corpus", "training"):
        assert fit_projection(random_rows(21), nameless, chosen(kind)).size == SIZE
    store = store_of(monkeypatch, random_rows(21), chosen("speaker"), nameless)
    store.fit(TRAIN)
    with pytest.raises(CorpusError, match=r"Clip 'x' \(1 such\) has no speaker or is the only one.*Leave it out"):
        store.features(nameless[-1])


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_a_speaker_with_one_clip_has_a_vector_unless_speakers_normalise(
    monkeypatch: pytest.MonkeyPatch, normalisation: str
) -> None:
    clips = [*TRAIN, Clip("gus0", Path("gus0.wav"), "gus")]
    store = store_of(monkeypatch, random_rows(21), chosen(normalisation), clips)
    store.fit(TRAIN)
    if normalisation == "speaker":
        with pytest.raises(CorpusError, match=r"Clip 'gus0' \(1 such\) has no speaker or is the only one"):
            store.features(clips[-1])
    else:
        assert store.features(clips[-1]).shape == (1, SIZE)


def test_a_store_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(monkeypatch, random_rows(30), chosen("training"))
    with pytest.raises(RunError, match="Call fit first"):
        store.features(CLIPS[0])
    stranger = Clip("zoe0", Path("zoe0.wav"), "zoe")
    with pytest.raises(CorpusError, match="'zoe0' is none of the 30 that the store was made of"):
        store.fit([*TRAIN, stranger])
    store.fit(TRAIN)
    with pytest.raises(CorpusError, match="'zoe0' is none of the 30"):
        store.features(stranger)


def test_settings_out_of_range_are_refused() -> None:
    for wrong in ({"components": 1}, {"normalisation": "nobody"}, {"kind": "mfcc"}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            ProjectionSettings.model_validate(wrong)
