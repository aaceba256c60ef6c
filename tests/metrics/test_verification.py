"""Speaker verification: against scikit-learn, by hand, and what no embedding may change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_curve

from aclipse.errors import CorpusError
from aclipse.metrics.intervals import clustered_bootstrap
from aclipse.metrics.verification import Trials

MEASURES = [Trials.eer, Trials.true_accept, Trials.linkability]
SEEDS = st.integers(0, 2**32 - 1)


def voices(seed: int, speakers: int = 6, clips: int = 5, spread: float = 2.0) -> tuple[np.ndarray, list[str]]:
    """Embeddings about one direction a speaker, in random order."""
    generator = np.random.default_rng(seed)
    who = generator.permutation(np.repeat(np.arange(speakers), clips))
    centres = generator.normal(size=(speakers, 8))
    return centres[who] + spread * generator.normal(size=(len(who), 8)), [f"s{k}" for k in who]


def pairs(
    embeddings: np.ndarray, speakers: list[str], index: np.ndarray, enrolled: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair is of one speaker, and its score: one pair after another, clips drawn twice appearing twice."""
    first = embeddings if enrolled is None else enrolled
    rows = [
        (
            speakers[i] == speakers[j],
            first[i] @ embeddings[j] / np.linalg.norm(first[i]) / np.linalg.norm(embeddings[j]),
        )
        for i in index
        for j in index
        if i != j
    ]
    same, scores = zip(*rows, strict=True)
    return np.array(same), np.round(scores, 6)


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, spread=st.floats(0.5, 8), drawn=st.booleans(), two=st.booleans())
def test_it_equals_scikit_learn_on_pairs_written_out(seed: int, spread: float, drawn: bool, two: bool) -> None:
    embeddings, speakers = voices(seed, spread=spread)
    generator = np.random.default_rng(seed)
    enrolled = embeddings + generator.normal(size=embeddings.shape) if two else None
    index = generator.integers(len(speakers), size=len(speakers)) if drawn else np.arange(len(speakers))
    false, true, _ = roc_curve(*pairs(embeddings, speakers, index, enrolled), drop_intermediate=False)
    trials = Trials(embeddings, speakers, enrolled)
    expected = brentq(lambda x: 1 - x - interp1d(false, true)(x), 0, 1)
    assert trials.eer(index) == pytest.approx(expected, abs=1e-9)
    for far in (0.01, 0.037, 0.3):
        assert trials.true_accept(index, far) == pytest.approx(np.interp(far, false, true), abs=1e-9)


def linkability_by_hand(same: np.ndarray, scores: np.ndarray, edges: np.ndarray) -> float:
    mated, _ = np.histogram(scores[same], edges, density=True)
    others, _ = np.histogram(scores[~same], edges, density=True)
    ratio = np.divide(mated, others, out=np.full_like(mated, 1e300), where=others > 0)
    local = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0)
    return float(np.sum(local * mated * np.diff(edges)))


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, spread=st.floats(0.5, 8), drawn=st.booleans())
def test_linkability_is_the_integral_of_the_definition(seed: int, spread: float, drawn: bool) -> None:
    embeddings, speakers = voices(seed, speakers=8, clips=8, spread=spread)
    everyone = np.arange(len(speakers))
    index = np.random.default_rng(seed).integers(len(speakers), size=len(speakers)) if drawn else everyone
    _, scores = pairs(embeddings, speakers, everyone)
    edges = np.linspace(scores.min(), scores.max(), 8 * 28 // 10 + 1)  # 28 pairs within each of 8 speakers
    expected = linkability_by_hand(*pairs(embeddings, speakers, index), edges)
    assert Trials(embeddings, speakers).linkability(index) == pytest.approx(expected, abs=1e-9)


def at_angles(*degrees: float) -> list[np.ndarray]:
    return [np.array([math.cos(math.radians(a)), math.sin(math.radians(a))]) for a in degrees]


def test_six_pairs_by_hand() -> None:
    trials = Trials(at_angles(0, 10, 40, 90), ["ann", "ann", "bob", "bob"])
    # from near to far: ann-ann 10°, 30°, 40°, bob-bob 50°, 80°, 90°; half the right ones are accepted from 10° on,
    # FAR rises to 2/4 while FRR stays at 1/2
    assert trials.eer(np.arange(4)) == pytest.approx(1 / 2)
    assert trials.true_accept(np.arange(4)) == pytest.approx(1 / 2)
    assert trials.true_accept(np.arange(4), 0.5) == pytest.approx(1.0)
    # two bins meet at (0 + cos 10°) / 2, the cosine of 60.5°: above it both right pairs and half of the others
    assert trials.linkability(np.arange(4)) == pytest.approx((1 - 1 / 2) / (1 + 1 / 2))


def test_equal_scores_are_accepted_together() -> None:
    # at 0° pairs: ann-ann and both ann-bob; at 60°: ann-cat twice, bob-cat; so FAR 2/5 and TAR 1 at the first threshold
    trials = Trials(at_angles(0, 0, 0, 60), ["ann", "ann", "bob", "cat"])
    assert trials.eer(np.arange(4)) == pytest.approx(2 / 7)  # x where 1 − x = x · 5/2
    assert trials.true_accept(np.arange(4), 0.2) == pytest.approx(0.5)


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_one_place_a_speaker_is_told_apart_perfectly(spread: float) -> None:
    embeddings, speakers = voices(1, clips=10, spread=spread)
    trials, index = Trials(embeddings, speakers), np.arange(60)
    assert trials.eer(index) == 0.0 and trials.true_accept(index) == 1.0
    assert trials.linkability(index) == pytest.approx(1.0, abs=1e-3)


def test_embeddings_that_know_nothing_are_at_chance() -> None:
    generator = np.random.default_rng(0)
    trials = Trials(generator.normal(size=(400, 64)), [f"s{i % 20}" for i in range(400)])
    assert trials.eer(np.arange(400)) == pytest.approx(0.5, abs=0.02)
    assert trials.true_accept(np.arange(400)) == pytest.approx(0.01, abs=0.005)
    assert trials.linkability(np.arange(400)) < 0.06


@pytest.mark.parametrize(
    "embedding",
    [np.zeros(8), np.ones(8), np.full(8, np.nan), np.full(8, np.inf)],
    ids=["zero", "constant", "nan", "infinite"],
)
def test_one_embedding_for_all_is_chance_exactly(embedding: np.ndarray) -> None:
    noise = 1e-8 * np.random.default_rng(0).normal(size=(30, 8))
    trials = Trials(list(embedding + noise if embedding[0] == 1 else np.tile(embedding, (30, 1))), list("abc") * 10)
    assert trials.eer(np.arange(30)) == pytest.approx(0.5)
    assert trials.true_accept(np.arange(30)) == pytest.approx(0.01)
    assert trials.linkability(np.arange(30)) == 0.0


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, scale=st.floats(0.01, 100))
def test_rotation_and_scale_do_not_matter(seed: int, scale: float) -> None:
    embeddings, speakers = voices(seed)
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.normal(size=(8, 8)))
    sizes = scale * generator.uniform(0.5, 2, (len(speakers), 1))
    index = generator.integers(len(speakers), size=len(speakers))
    before, after = Trials(embeddings, speakers), Trials(sizes * embeddings @ turn, speakers)
    for measure in (Trials.eer, Trials.true_accept):
        assert measure(after, index) == pytest.approx(measure(before, index), abs=0.01)  # a rounded tie may break
    assert after.linkability(index) == pytest.approx(before.linkability(index), abs=0.03)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, times=st.integers(2, 5))
def test_drawing_all_clips_often_changes_nothing_and_order_neither(seed: int, times: int) -> None:
    embeddings, speakers = voices(seed)
    trials, index = Trials(embeddings, speakers), np.arange(len(speakers))
    often = np.random.default_rng(seed).permutation(np.tile(index, times))
    for measure in MEASURES:
        assert measure(trials, often) == pytest.approx(measure(trials, index), abs=1e-12)


def test_leaving_clips_undrawn_is_leaving_them_out() -> None:
    embeddings, speakers = voices(3)
    kept = np.flatnonzero([speaker != "s2" for speaker in speakers])
    fewer = Trials(embeddings[kept], [speakers[i] for i in kept])
    for measure in (Trials.eer, Trials.true_accept):
        assert measure(Trials(embeddings, speakers), kept) == pytest.approx(measure(fewer, np.arange(len(kept))))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("speakers", "index"),
    [
        ("aabb", []),
        ("aabb", [0]),
        ("aabb", [0, 0, 0]),
        ("aabb", [0, 1, 1]),
        ("aabb", [0, 2, 2]),
        ("abcd", [0, 1, 2, 3]),
    ],
)
def test_without_a_right_or_a_wrong_pair_there_is_no_value(measure, speakers: str, index: list[int]) -> None:
    trials = Trials(at_angles(0, 10, 40, 90), list(speakers))
    assert math.isnan(measure(trials, np.array(index, dtype=np.int64)))


@pytest.mark.parametrize("measure", MEASURES)
def test_no_clips_give_no_value(measure) -> None:
    assert math.isnan(measure(Trials([], []), np.arange(0)))


def test_measures_are_shares() -> None:
    embeddings, speakers = voices(5, spread=1.0)
    trials = Trials(embeddings, speakers)
    for measure in MEASURES:
        low, high = clustered_bootstrap(lambda index, m=measure: m(trials, index), speakers, draws=100)  # type: ignore[misc]
        assert 0 <= low < high <= 1


def test_counts_must_agree() -> None:
    with pytest.raises(CorpusError, match=r"3 embeddings, 2 speakers and 3 enrolled embeddings\. Give one per clip"):
        Trials(at_angles(0, 1, 2), ["ann", "bob"])
    with pytest.raises(CorpusError, match="2 embeddings, 2 speakers and 1 enrolled"):
        Trials(at_angles(0, 1), ["ann", "bob"], at_angles(0))
