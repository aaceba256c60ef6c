"""Attackers find what is planted and nothing where nothing is; no speaker chooses the epoch that it was learned in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.attackers.updates.learning import (
    PAPER_LOOP,
    UpdateLoop,
    learn,
    learn_voices,
    parts,
    shape_of,
)
from aclipse.attackers.updates.networks import PaperClassifier, RowsClassifier
from aclipse.contracts import Clip
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.metrics.classification import uar
from aclipse.metrics.verification import Trials
from aclipse.training.batches import Speech, read_all

SHAPE = (12, 9)
QUICK = UpdateLoop(epochs=4, learning_rate=3e-3)


def read_history(path: Path, column: str) -> list[float]:
    with path.open(encoding="utf-8") as file:
        return [float(row[column]) for row in csv.DictReader(file)]


def sex_of(clip: Clip) -> str:
    return clip.sex


def updates(
    speakers: int = 20, rounds: int = 4, strength: float = 1.0, seed: int = 0, shape: tuple[int, int] = SHAPE,
    voices: float = 0.0,
) -> Speech:  # fmt: skip
    """Two clients a speaker; a direction of every row tells the sex, another one, if asked for, the speaker."""
    drawn, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    axis = fixed.standard_normal(shape[1])
    clips, signals = [], []
    for number in range(speakers):
        sex, voice = ("female", "male")[number % 2], np.random.default_rng((seed, number)).standard_normal(shape[1])
        for client in (f"{seed}-{number}#0", f"{seed}-{number}#1"):
            for turn in range(rounds):
                mixed = drawn.standard_normal((shape[0], 1)) ** 2
                signal = drawn.standard_normal(shape) + mixed * (strength * (-1) ** number * axis + voices * voice)
                extra = {"client": client, "member": ("no", "yes")[number % 4 // 2]}
                clips.append(Clip(f"{client}@{turn}", Path(), speaker=f"{seed}-{number}", sex=sex, extra=extra))
                signals.append(signal.astype(np.float32))
    return Speech(clips, signals)


def relabelled(speech: Speech, change: Callable[[Clip], Clip]) -> Speech:
    return Speech([change(clip) for clip in speech.clips], [speech.wave(i) for i in range(len(speech))])


def with_sex(clip: Clip, sex: str) -> Clip:
    return Clip(clip.id, clip.path, speaker=clip.speaker, sex=sex, extra=clip.extra)


def right(network: RowsClassifier | PaperClassifier, speech: Speech) -> float:
    return uar([clip.sex for clip in speech.clips], read_all(network, speech, 32))


def test_a_planted_sex_is_found_in_speakers_never_met(tmp_path: Path) -> None:
    network = learn(updates(), "sex", QUICK, tmp_path, seed=0)
    assert network.labels == ("female", "male")
    assert right(network, updates(seed=1)) > 0.95
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_from_shuffled_labels_nothing_is_learned(tmp_path: Path) -> None:
    """As many women as men are called either, so that what is planted is of no use."""
    shuffled = relabelled(
        updates(speakers=40), lambda clip: with_sex(clip, {"no": "female", "yes": "male"}[clip.extra["member"]])
    )
    network = learn(shuffled, "sex", QUICK, tmp_path, seed=0)
    assert right(network, updates(speakers=100, seed=1)) == pytest.approx(0.5, abs=0.08)


def test_where_nothing_is_planted_nothing_is_found(tmp_path: Path) -> None:
    network = learn(updates(strength=0.0), "sex", QUICK, tmp_path, seed=0)
    assert right(network, updates(strength=0.0, speakers=100, seed=1)) == pytest.approx(0.5, abs=0.06)


def test_membership_is_learned_as_well(tmp_path: Path) -> None:
    speech = updates(speakers=24)
    network = learn(speech, "member", UpdateLoop(epochs=1), tmp_path, seed=0)
    assert network.labels == ("no", "yes")


@pytest.mark.slow
def test_the_papers_network_learns_a_first_layer(tmp_path: Path) -> None:
    def some(seed: int) -> Speech:
        return updates(speakers=16, rounds=1, strength=3.0, seed=seed, shape=(64, 65))

    loop = UpdateLoop(form="paper", epochs=6, batch_size=8, learning_rate=2e-3)
    network = learn(some(0), "sex", loop, tmp_path, seed=0)
    assert isinstance(network, PaperClassifier)
    assert right(network, some(1)) > 0.8


def test_the_same_seed_gives_the_same_attacker_another_does_not(tmp_path: Path) -> None:
    loop = UpdateLoop(epochs=2)
    one, two, other = (
        learn(updates(), "sex", loop, tmp_path / name, seed).state_dict()
        for name, seed in (("one", 0), ("two", 0), ("other", 1))
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_it_goes_on_where_it_was_and_ends_the_same(tmp_path: Path) -> None:
    whole = learn(updates(), "sex", UpdateLoop(epochs=3), tmp_path / "whole", seed=0).state_dict()
    learn(updates(), "sex", UpdateLoop(epochs=1), tmp_path / "cut", seed=0)
    resumed = learn(updates(), "sex", UpdateLoop(epochs=3), tmp_path / "cut", seed=0).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_layers_state_is_refused(tmp_path: Path) -> None:
    learn(updates(), "sex", UpdateLoop(epochs=1), tmp_path, seed=0)
    with pytest.raises(RunError, match="another network"):
        learn(updates(shape=(5, 9)), "sex", UpdateLoop(epochs=1), tmp_path, seed=0)


@pytest.mark.parametrize("refit", [False, True])
def test_updates_are_scaled_by_what_is_learned_from_alone(refit: bool, tmp_path: Path) -> None:
    speech = updates()
    learned_from = speech if refit else parts(speech, sex_of, seed=0)[0]
    network = learn(speech, "sex", UpdateLoop(epochs=1, refit=refit), tmp_path, seed=0)
    given = np.stack([learned_from.wave(i) for i in range(len(learned_from))]).astype(np.float64)
    np.testing.assert_allclose(network.scaling.mean.numpy(), given.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.scaling.deviation.numpy(), given.std(0), rtol=1e-5)


def test_refitted_it_learns_from_every_speaker_as_long_as_the_judges_say(tmp_path: Path) -> None:
    """The judges' history is the same with it and without; the second training is as long as the best."""
    loop = UpdateLoop(epochs=4, refit=True)
    network = learn_voices(updates(voices=1.0), loop, tmp_path / "twice", seed=0)
    alone = learn_voices(updates(voices=1.0), loop.model_copy(update={"refit": False}), tmp_path / "once", seed=0)
    assert (len(network.speakers), len(alone.speakers)) == (20, 16)
    judged = [read_history(tmp_path / name / "history.csv", "validation") for name in ("once", "twice")]
    assert judged[0] == judged[1]
    best = int(np.argmax(judged[0]))
    assert read_history(tmp_path / "twice" / f"all-{best + 1}" / "history.csv", "epoch") == list(range(best + 1))


def test_weight_decay_draws_weights_to_zero(tmp_path: Path) -> None:
    def size(decay: float) -> float:
        loop = UpdateLoop(epochs=3, weight_decay=decay)
        network = learn(updates(), "sex", loop, tmp_path / str(decay), seed=0)
        return sum(float(weight.square().sum()) for weight in network.parameters())

    assert size(0.3) < 0.9 * size(0.0)


def test_settings_are_those_that_were_found_and_the_papers() -> None:
    loop = UpdateLoop()
    assert (loop.form, loop.epochs, loop.batch_size, loop.learning_rate) == ("rows", 12, 20, 3e-4)
    assert (loop.schedule, loop.warm_up, loop.weight_decay, loop.patience, loop.refit) == (
        "constant",
        0,
        1e-3,
        None,
        False,
    )
    assert (PAPER_LOOP.form, PAPER_LOOP.epochs, PAPER_LOOP.batch_size) == ("paper", 40, 20)
    assert (PAPER_LOOP.learning_rate, PAPER_LOOP.weight_decay) == (1e-4, 1e-4)


# --- sides


@pytest.mark.parametrize("seed", range(5))
def test_no_speaker_is_on_both_sides_and_a_fifth_of_each_sex_is_held_out(seed: int) -> None:
    speech = updates(speakers=30)
    train, validation = parts(speech, sex_of, seed)
    sides = [{clip.speaker for clip in side.clips} for side in (train, validation)]
    assert not sides[0] & sides[1]
    assert len(train) + len(validation) == len(speech)
    for sex in ("female", "male"):
        assert len({clip.speaker for clip in validation.clips if clip.sex == sex}) == 3


def test_sides_do_not_depend_on_the_order_but_on_the_seed() -> None:
    def held_out(speech: Speech, seed: int) -> set[str]:
        return {clip.speaker for clip in parts(speech, sex_of, seed)[1].clips}

    speech = updates(speakers=30)
    turned = speech.subset(range(len(speech))[::-1])
    assert held_out(speech, 0) == held_out(turned, 0)
    assert len({frozenset(held_out(speech, seed)) for seed in range(6)}) > 1


def test_a_speaker_who_is_a_member_here_and_none_there_stays_on_one_side() -> None:
    speech = updates(speakers=12)
    target = lambda clip: ("no", "yes")[int(clip.id[-1]) % 2]  # noqa: E731 - by round
    train, validation = parts(speech, target, 0)
    assert not {clip.speaker for clip in train.clips} & {clip.speaker for clip in validation.clips}
    assert {target(clip) for clip in validation.clips} == {"no", "yes"}


def test_two_speakers_of_each_class_are_enough_and_the_unlabelled_are_left_out() -> None:
    speech = relabelled(updates(speakers=6), lambda clip: with_sex(clip, clip.sex if clip.speaker < "0-4" else ""))
    train, validation = parts(speech, sex_of, 0)
    assert [len({clip.speaker for clip in side.clips}) for side in (train, validation)] == [2, 2]
    assert {clip.sex for clip in train.clips} == {clip.sex for clip in validation.clips} == {"female", "male"}


def some(count: int, sexes: Sequence[str]) -> Speech:
    names = {f"0-{number}": sex for number, sex in enumerate(sexes)}
    return relabelled(updates(speakers=count), lambda clip: with_sex(clip, names[clip.speaker]))


@pytest.mark.parametrize(
    ("speech", "message"),
    [
        (some(4, ["female"] * 4), r"1 class \['female'\] teach nothing"),
        (some(4, [""] * 4), r"0 classes \[\] teach nothing"),
        (some(3, ["female", "male", "male"]), r"too few speakers: \['female'\].*two speakers at least of each class"),
        (some(1, ["female"]), r"1 class \['female'\]"),
    ],
)
def test_too_few_classes_or_speakers_are_refused(speech: Speech, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        learn(speech, "sex", QUICK, tmp_path, 0)


def test_an_update_of_nobody_is_refused() -> None:
    speech = relabelled(updates(), lambda clip: Clip(clip.id, clip.path, sex=clip.sex))
    with pytest.raises(CorpusError, match="update 0-0#0@0 is of no speaker"):
        parts(speech, sex_of, 0)


def test_a_secret_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no secret 'age'.*sex, member"):
        learn(updates(), "age", QUICK, tmp_path, 0)


@pytest.mark.parametrize(
    "waves", [[np.zeros((3, 4)), np.zeros((3, 5))], [np.zeros(12)], [np.zeros((3, 1))], [np.zeros((1, 3, 4))], []]
)
def test_updates_that_are_not_of_one_layer_are_refused(waves: list[np.ndarray]) -> None:
    speech = Speech([Clip(str(i), Path()) for i in range(len(waves))], [wave.astype(np.float32) for wave in waves])
    with pytest.raises(CorpusError, match=r"arrays \(rows, columns \+ 1\), all of one shape"):
        shape_of(speech)


def test_the_shape_of_a_layer() -> None:
    assert shape_of(updates()) == SHAPE


# --- voices


def test_a_learned_embedding_links_speakers_never_met(tmp_path: Path) -> None:
    loop = UpdateLoop(epochs=8, learning_rate=2e-3)
    network = learn_voices(updates(speakers=40, voices=1.0, strength=0.0), loop, tmp_path, seed=0)
    private = updates(speakers=12, voices=1.0, strength=0.0, seed=1)
    speakers, every = [clip.speaker for clip in private.clips], np.arange(len(private))
    learned = Trials(read_all(network, private, 32), speakers).eer(every)
    alone = Trials([private.wave(i).ravel() for i in range(len(private))], speakers).eer(every)
    assert learned < min(0.2, 0.8 * alone)


def test_voices_have_no_network_of_the_papers(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no embedder of the form 'paper'"):
        learn_voices(updates(), PAPER_LOOP, tmp_path, 0)
