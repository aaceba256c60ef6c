"""The rungs: what each job depends on, which clips it may use, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aclipse.attackers.inversion import invert
from aclipse.attackers.words import WORDS
from aclipse.contracts import Clip, Wave
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.ladder import attacks, pool
from aclipse.experiments.ladder.attacks import Invert, Purify, Retrain, purified, shuffled, tiled
from aclipse.experiments.ladder.bench import Bench, Listener
from aclipse.experiments.ladder.jobs import Clean, Job, Listen, Release
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.ladder.subjects import Subject, clean_speech
from aclipse.experiments.ladder.tables import hearings
from aclipse.experiments.levels import LEVELS, RetrainLoop
from aclipse.models.inverter import Inverter
from aclipse.training import checkpoint
from aclipse.training.batches import Speech, read_all
from aclipse.training.loop import Progress

Opened = Callable[..., Bench]


def louder(wave: Wave, clip: Clip) -> Wave:
    return np.clip(1.5 * wave, -1, 1).astype(np.float32)


def subject(name: str = "mine", **changes: Any) -> Subject:
    return replace(Subject(name, louder, "v1", (), 300), **changes)


CLEAN = clean_speech(LEVELS["quick"], 0)


def do(job: Job, bench: Bench) -> None:
    pool.perform(job, bench, job.name)


def outcomes(job: Job, bench: Bench) -> list[Outcome]:
    do(job, bench)
    return bench.outcomes(job.name)


# --- what a result depends on

RETRAIN = Retrain("mine", "words", "retrained", 8)
PURIFIED = Retrain("mine", "words", "purified", 8)
SCRATCH = Retrain("mine", "words", "scratch", 8)
JOBS: Sequence[Job] = (
    Clean("sentence"), Clean("emotion", "recurrent"), Release("mine"), Listen("mine"), Purify("mine"),
    RETRAIN, PURIFIED, SCRATCH, Invert("mine", 8),
)  # fmt: skip
OWN = {job.name for job in JOBS if not isinstance(job, Clean)}


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"draws": 200, "budgets": (3,), "seeds": 3}, set()),
        ({"fingerprint": "v2"}, OWN),
        ({"clips": 7}, OWN),
        ({"words": RetrainLoop(epochs=9)}, {RETRAIN.name, PURIFIED.name}),
        ({"purifiers": ("none", "shift")}, {"mine/purifying", PURIFIED.name}),
        ({"listeners": ("words=pocketsphinx",)}, {"mine/listen"}),
        ({"independent": ()}, {"mine/listen"}),
        ({"quality_clips": 3}, {"mine/released"}),
        ({"listen": 0}, {"mine/released"}),
    ],
    ids=str,
)
def test_a_job_depends_on_what_it_uses_and_on_nothing_else(
    opened: Opened, changes: dict[str, Any], affected: set[str]
) -> None:
    of_subject = {name: value for name, value in changes.items() if name in ("fingerprint", "clips")}
    settings = {name: value for name, value in changes.items() if name not in of_subject}
    before, after = opened(subject(), CLEAN), opened(subject(**of_subject), CLEAN, **settings)
    assert before.fingerprint == after.fingerprint
    found = {job.name for job in JOBS if job.spec(before) != job.spec(after)}
    assert found == affected


def test_a_listener_of_clean_speech_depends_on_how_it_learns(opened: Opened) -> None:
    before, after = (
        opened(subject()),
        opened(subject(), sentence=opened().settings.sentence.model_copy(update={"epochs": 3})),
    )
    assert {job.name for job in JOBS if job.spec(before) != job.spec(after)} == {"clean/compact-sentence"}


def test_attackers_of_other_budgets_seeds_or_knowledge_lie_apart() -> None:
    made = [
        RETRAIN,
        PURIFIED,
        SCRATCH,
        replace(RETRAIN, clips=9),
        replace(RETRAIN, seed=1),
        replace(RETRAIN, subject="b"),
    ]
    assert len({job.name for job in made}) == len(made)


def test_every_result_depends_on_the_recognisers_the_split_and_the_seed(opened: Opened) -> None:
    bench, other = opened(), opened()
    other.seed = 7
    assert bench.fingerprint != other.fingerprint
    assert bench.prepared.split.hash in bench.fingerprint


# --- what attackers learn from


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Speech, Speech]]:
    """What attackers are given to learn from; they learn nothing."""
    seen: list[tuple[Speech, Speech]] = []

    def listen(task: Any, network: Any, parts: tuple[Speech, Speech], *_: Any) -> Progress:
        seen.append(parts)
        return Progress([{"epoch": 0, "loss": 1.0, "validation": -9.0}], 0, -9.0)

    monkeypatch.setattr(attacks, "train_recognizer", listen)
    return seen


def ids(speech: Speech) -> list[str]:
    return list(dict.fromkeys(clip.id for clip in speech.clips))


def test_attackers_learn_from_no_more_clips_than_they_may_and_all_from_the_same(
    opened: Opened, lessons: list[tuple[Speech, Speech]]
) -> None:
    bench = opened(subject("a"), subject("b", clips=12))
    small, large, other = (
        outcomes(job, bench)[0]
        for job in (
            replace(RETRAIN, subject="a", clips=7),
            replace(RETRAIN, subject="a", clips=12),
            replace(RETRAIN, subject="b", clips=12),
        )
    )
    few, more, same = (ids(train) for train, _ in lessons)
    assert (len(few), len(more)) == (7, 12) == (small.clips, large.clips)
    assert more[:7] == few and more == same  # whoever has more has all that the poorer one has
    assert other.minutes == large.minutes > small.minutes
    train = {clip.id: len(bench.speech["train"].wave(i)) for i, clip in enumerate(bench.speech["train"].clips)}
    assert small.minutes == pytest.approx(sum(train[name] for name in few) / 16_000 / 60)


def test_an_attacker_with_a_large_budget_learns_from_all_training_clips_as_they_leave_the_device(
    opened: Opened, lessons: list[tuple[Speech, Speech]]
) -> None:
    bench = opened(subject())
    outcomes(replace(RETRAIN, clips=10_000), bench)
    (train, validation), original = lessons[0], bench.speech["train"]
    assert set(ids(train)) == {clip.id for clip in original.clips} and len(train) == 24
    place = {clip.id: i for i, clip in enumerate(original.clips)}
    for i, clip in enumerate(train.clips):
        assert np.abs(train.wave(i) - louder(original.wave(place[clip.id]), clip)).max() <= 2**-15
    assert sorted(ids(validation)) == sorted(clip.id for clip in bench.speech["validation"].clips)


def test_a_poor_attacker_has_as_few_clips_to_choose_its_epoch_by(
    opened: Opened, lessons: list[tuple[Speech, Speech]]
) -> None:
    bench = opened(subject())
    for clips in (3, 5):
        outcomes(replace(RETRAIN, clips=clips), bench)
    (_, three), (_, five) = lessons
    assert (len(three), len(five)) == (3, 5) and set(ids(three)) < set(ids(five))
    assert set(ids(five)) <= {clip.id for clip in bench.speech["validation"].clips}


def test_an_attacker_who_loses_by_retraining_does_not(opened: Opened, lessons: list[tuple[Speech, Speech]]) -> None:
    """No better on validation clips: the ignorant recogniser is the stronger attacker, and would be used."""
    bench = opened(subject())
    (outcome,) = outcomes(RETRAIN, bench)
    released = bench.released("mine", "test")
    assert outcome.readings == read_all(bench.prepared.guides.words, released)
    assert outcome.before is not None and outcome.after == -9 < outcome.before
    validation = lessons[0][1]
    truth = [WORDS.target(clip) for clip in validation.clips]
    assert outcome.before == WORDS.score(truth, read_all(bench.prepared.guides.words, validation))


def test_retraining_leaves_the_ignorant_recogniser_alone_and_keeps_the_attacker(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, train = opened(subject()), attacks.train_recognizer
    frozen = bench.prepared.guides.emotion
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}  # type: ignore[attr-defined]
    monkeypatch.setattr(attacks, "train_recognizer", lambda *facts: replace(train(*facts), best_score=1.5))
    job = Retrain("mine", "emotion", "retrained", 24)
    (outcome,) = outcomes(job, bench)
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())  # type: ignore[attr-defined]
    assert not any(parameter.requires_grad for parameter in frozen.parameters())  # type: ignore[attr-defined]
    kept, _ = checkpoint.load_module(bench.place(job.name) / "weights.safetensors", type(frozen))
    assert not all(torch.equal(tensor, before[name]) for name, tensor in kept.state_dict().items())
    assert outcome.readings == read_all(kept.eval(), bench.released("mine", "test"))
    assert not (bench.place(job.name) / "checkpoint.safetensors").exists()


def test_from_scratch_nothing_is_known_before_and_the_recipes_loop_is_used(opened: Opened) -> None:
    bench = opened(subject())
    (outcome,) = outcomes(Retrain("mine", "emotion", "scratch", 24), bench)
    assert outcome.before is None and len(outcome.history) == bench.recipe.evaluators.emotion.epochs == 4
    assert outcome.after == max(row["validation"] for row in outcome.history)
    assert [row["epoch"] for row in outcome.history] == [0, 1, 2, 3]


def test_a_purified_attacker_learns_behind_the_best_real_purifier(
    opened: Opened, lessons: list[tuple[Speech, Speech]]
) -> None:
    bench = opened(subject(), CLEAN)
    tried = {one.secret: one.tried for one in outcomes(Purify("mine"), bench)}
    (outcome,) = outcomes(PURIFIED, bench)
    best = max(("low-pass-4k", "shift"), key=tried["words"].__getitem__)
    assert outcome.via == best
    clear = purified(bench.released("mine", "validation"), best, bench.seed)
    wanted = {clip.id: clear.wave(i) for i, clip in enumerate(clear.clips)}
    learned = lessons[0][1]
    assert all(np.array_equal(learned.wave(i), wanted[clip.id]) for i, clip in enumerate(learned.clips))


# --- the control


def test_shuffled_labels_belong_to_other_recordings(opened: Opened, lessons: list[tuple[Speech, Speech]]) -> None:
    bench = opened(CLEAN)
    (outcome,) = outcomes(Retrain("identity", "emotion", "shuffled", 24), bench)
    train, (learned, validation) = bench.released("identity", "train"), lessons[0]
    assert outcome.before is None
    assert all(np.array_equal(learned.wave(i), train.wave(i)) for i in range(24))  # the recordings are as they were
    emotions, given = ([EMOTION.target(clip) for clip in speech.clips] for speech in (train, learned))
    assert sorted(emotions) == sorted(given) and sum(a == b for a, b in zip(emotions, given, strict=True)) < 16
    true = bench.released("identity", "validation")  # nor may true labels choose the epoch
    assert sorted(clip.id for clip in validation.clips) == sorted(clip.id for clip in true.clips)
    assert [clip.id for clip in validation.clips] != [clip.id for clip in true.clips]
    assert all(np.array_equal(validation.wave(i), true.wave(i)) for i in range(len(true)))


@given(count=st.integers(0, 30), seed=st.integers(0, 99))
def test_shuffling_permutes_clips_and_keeps_recordings(count: int, seed: int) -> None:
    speech = Speech([Clip(str(i), Path()) for i in range(count)], [np.full(3, i, np.float32) for i in range(count)])
    found = shuffled(speech, seed)
    assert [found.wave(i)[0] for i in range(count)] == list(range(count))
    assert sorted(clip.id for clip in found.clips) == sorted(clip.id for clip in speech.clips)
    assert [clip.id for clip in shuffled(speech, seed).clips] == [clip.id for clip in found.clips]


@given(count=st.integers(0, 700))
def test_an_epoch_is_worth_its_validation(count: int) -> None:
    speech = Speech([Clip(str(i), Path()) for i in range(count)], [np.zeros(1, np.float32)] * count)
    found = [int(clip.id) for clip in tiled(speech).clips]
    assert len(found) == (count if count == 0 or count >= attacks.FEWEST else attacks.FEWEST)
    times = np.bincount(found, minlength=count) if found else np.zeros(1)
    assert times.max() - times.min() <= 1


# --- purifying


def test_the_purifier_is_chosen_on_validation_clips_alone(opened: Opened) -> None:
    honest, other = opened(subject(), purifier_clips=5), opened(subject(), folder="other", purifier_clips=5)
    test = other.speech["test"]
    noise = [np.random.default_rng(i).normal(0, 0.1, len(test.wave(i))).astype(np.float32) for i in range(len(test))]
    other.speech["test"] = Speech(test.clips, noise)
    found, same = outcomes(Purify("mine"), honest), outcomes(Purify("mine"), other)
    assert [(one.secret, one.via, one.tried) for one in found] == [(one.secret, one.via, one.tried) for one in same]
    assert [one.readings for one in found] != [one.readings for one in same]


def test_the_score_of_a_purifier_is_the_ignorant_recognisers_behind_it(opened: Opened) -> None:
    bench = opened(subject())
    (emotion, words) = sorted(outcomes(Purify("mine"), bench), key=lambda one: one.secret)
    validation = bench.released("mine", "validation")
    for purifier, score in words.tried.items():
        heard = read_all(bench.prepared.guides.words, purified(validation, purifier, bench.seed))
        assert score == pytest.approx(WORDS.score([WORDS.target(clip) for clip in validation.clips], heard))
    test = purified(bench.released("mine", "test"), emotion.via, bench.seed)
    assert emotion.readings == read_all(bench.prepared.guides.emotion, test)
    assert emotion.after == emotion.tried[emotion.via] == max(emotion.tried.values())


# --- inverting


def test_the_inverter_learns_from_as_many_pairs_as_it_may_and_the_ignorant_listen(opened: Opened) -> None:
    bench = opened(subject())
    job = Invert("mine", 10)
    found = outcomes(job, bench)
    network, _ = checkpoint.load_module(bench.place(job.name) / "weights.safetensors", Inverter)
    undone = invert(network.eval(), bench.released("mine", "test"))
    assert [one.secret for one in found] == ["emotion", "words"]
    assert {(one.clips, one.knowledge, one.after) for one in found} == {(10, "inverting", found[0].after)}
    assert found[1].readings == read_all(bench.prepared.guides.words, undone)


# --- listening


class Parrot:
    """Hears the words that it was told of each recording, by its length."""

    def __init__(self, told: dict[int, str]) -> None:
        self.told, self.heard = told, 0

    def read(self, waves: torch.Tensor, lengths: torch.Tensor) -> list[str]:
        self.heard += len(lengths)
        return [self.told.get(length, "") for length in lengths.tolist()]


def listening(bench: Bench, reader: Any, slow: bool = True) -> Bench:
    """The same bench with a listener from elsewhere."""
    bench.__dict__["external"] = [Listener(bench.tasks["words"], "parrot", "transferred", reader, slow)]
    return bench


def test_a_slow_listener_hears_few_clips_and_a_deaf_one_only_clean_speech(opened: Opened) -> None:
    deaf = Parrot({})
    bench = listening(opened(subject(), CLEAN, slow_clips=3, independent=()), deaf)
    clean = [one for one in outcomes(Listen("identity"), bench) if one.judge == "parrot"]
    assert deaf.heard == 3 == len(clean[0].picked or ())
    assert not [one for one in outcomes(Listen("mine"), bench) if one.judge == "parrot"]
    assert deaf.heard == 3
    assert bench.facts("mine/listen")["outcomes"]  # the others listen on


def test_a_slow_listener_that_understands_clean_speech_hears_the_rest(opened: Opened) -> None:
    bench = opened(subject(), CLEAN, slow_clips=3, independent=())
    test = bench.speech["test"]
    good = Parrot({len(test.wave(i)): WORDS.target(clip) for i, clip in enumerate(test.clips)})
    listening(bench, good)
    do(Listen("identity"), bench)
    (found,) = [one for one in outcomes(Listen("mine"), bench) if one.judge == "parrot"]
    assert good.heard == 6 and found.knowledge == "transferred"
    assert found.readings == [WORDS.target(test.clips[i]) for i in found.picked or ()]


def test_a_fast_listener_hears_every_clip_even_if_deaf(opened: Opened) -> None:
    bench = listening(opened(subject(), CLEAN, independent=()), Parrot({}), slow=False)
    do(Listen("identity"), bench)
    (found,) = [one for one in outcomes(Listen("mine"), bench) if one.judge == "parrot"]
    assert found.readings == [""] * 16


# --- what is told


def test_the_attacker_of_the_tables_is_neither_another_seed_nor_a_weaker_budget(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, left = opened(subject()), dict[str, list[Outcome]]()
    planned = [
        replace(RETRAIN, clips=clips, seed=seed, curve=curve)
        for clips, seed, curve in ((24, 0, False), (24, 1, True), (8, 0, True))
    ]
    for job in planned:
        readings = [f"{job.clips} {job.seed}"] * 16
        left[job.name] = [Outcome("mine", "words", "compact-words", "retrained", readings, seed=job.seed)]
    monkeypatch.setattr(bench, "outcomes", left.__getitem__)
    (told,) = hearings(bench, planned)
    assert told.outcome.readings == ["24 0"] * 16 and [clip.id for clip in told.clips] == ids(bench.speech["test"])
