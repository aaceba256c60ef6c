"""Fitting a replacement autoencoder: sensitive comes out neutral, required stays, sex is unlearned, a kill is free."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import interrupt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch.nn import functional as F

from aclipse.contracts import Clip, Features
from aclipse.errors import CorpusError
from aclipse.protections.replacement import training
from aclipse.protections.replacement.method import Replacement, ReplacementSettings
from aclipse.protections.replacement.roles import ROLES
from aclipse.protections.replacement.training import SEXES, Lesson, fit_replacement
from aclipse.training import checkpoint
from aclipse.training.batches import Speech
from aclipse.training.projection import Projection, ProjectionSettings, Ranges

SIZE = 20
EMOTIONS = ("neutral", "sad", "happy", "angry")
PAPER = {"guide": 0.0, "redraw": False}


def chosen(**given: object) -> ReplacementSettings:
    return ReplacementSettings.model_validate(
        {"embeddings": (4,), "epochs": 2, "batch_size": 16, "learning_rate": 3e-3, **PAPER, **given}
    )


def spoken(each: int, seed: int, emotions: tuple[str, ...] = EMOTIONS) -> Speech:
    """Each emotion has a direction of its own, neutral none, and sex another; the rest is noise."""
    rng = np.random.default_rng(seed)
    clips, vectors = [], list[Features]()
    for number in range(each * len(emotions)):
        emotion, sex = emotions[number % len(emotions)], SEXES[number // len(emotions) % 2]
        vector = 0.4 * rng.standard_normal((1, SIZE)).astype(np.float32)
        if emotion in EMOTIONS[1:]:
            vector[0, EMOTIONS.index(emotion)] += 3
        vector[0, 0] += 1.5 if sex == "female" else -1.5
        clips.append(Clip(f"{seed}-{number}", Path(f"{number}.wav"), f"{seed}-{number % 6}", sex, emotion))
        vectors.append(vector)
    return Speech(clips, vectors)


def joined(*parts: Speech) -> Speech:
    """Several as one."""
    return Speech(
        [clip for part in parts for clip in part.clips], [part.wave(i) for part in parts for i in range(len(part))]
    )


def parts(each: int = 10) -> dict[str, Speech]:
    return {"train": spoken(each, 0), "validation": spoken(each // 2, 1)}


def projection() -> Projection:
    ends = Ranges(np.zeros(390, np.float32), np.ones(390, np.float32))
    settings = ProjectionSettings(kind="log-mel", normalisation="training", components=SIZE)
    return Projection(settings, {"": ends}, np.zeros(390, np.float32), np.eye(SIZE, 390, dtype=np.float32))


def fitted(folder: Path, seed: int = 0, speech: dict[str, Speech] | None = None, **given: object) -> Replacement:
    return fit_replacement(chosen(**given), projection(), speech or parts(), folder, seed)


def lesson(**given: object) -> Lesson:
    return Lesson(chosen(**given), 4, parts(), None, 0)


def matrix(speech: Speech) -> Features:
    return np.concatenate([speech.wave(i) for i in range(len(speech))])


def roles_of(speech: Speech) -> list[str]:
    return [ReplacementSettings().of(clip.emotion) for clip in speech.clips]


def history(folder: Path, column: str) -> list[float]:
    with (folder / "history.csv").open() as file:
        return [float(row[column]) for row in csv.DictReader(file)]


# --- what is learned


def f1_by_role(reader: LogisticRegression, x: Features, speech: Speech) -> dict[str, float]:
    scores = f1_score(roles_of(speech), reader.predict(x), labels=ROLES, average=None)
    return dict(zip(ROLES, scores, strict=True))


@pytest.mark.parametrize("given", [{}, {"guide": 1.0, "redraw": True}, {"draw": True}, {"weight": 0.0}])
def test_sensitive_is_read_as_neutral_and_required_stays(tmp_path: Path, given: dict[str, object]) -> None:
    """By a reader of clean vectors, who knows nothing of the autoencoder; of vectors that neither has learned from."""
    adversary, test = spoken(40, 2), spoken(30, 3)
    reader = LogisticRegression().fit(matrix(adversary), roles_of(adversary))
    assert min(f1_by_role(reader, matrix(test), test).values()) > 0.9
    made = fitted(tmp_path, speech=parts(24), epochs=25, learning_rate=5e-3, **given)
    found = f1_by_role(reader, made.replaced(matrix(test)), test)
    assert found["sensitive"] < 0.05
    assert found["required"] > 0.9
    assert found["neutral"] == pytest.approx(0.5, abs=0.05)  # two of three that are read so were sensitive


def test_the_head_learns_sex_unless_the_encoder_unlearns_it(tmp_path: Path) -> None:
    found = {}
    for strength in (0.0, 1.0):
        folder = tmp_path / str(strength)
        fitted(folder, speech=parts(24), epochs=40, patience=40, learning_rate=5e-3, weight=0.3, reversal=strength)
        found[strength] = history(folder / "embedding-4", "sex")
    assert found[0.0][-1] < 0.58 < 0.62 < found[1.0][-1] < 0.8  # guessing: 0.69 nats


# --- the objective


def gradients(made: Lesson, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    modules = {"encoder": made.network.encoder, "decoder": made.network.decoder, "head": made.head}
    weights = {name: module[0].weight for name, module in modules.items()}
    found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True, retain_graph=True)
    return {name: torch.zeros(()) if grad is None else grad for name, grad in zip(weights, found, strict=True)}


@pytest.mark.parametrize(("weight", "strength"), [(0.1, 0.5), (0.5, 2.0), (0.3, 0.0)])
def test_sex_reaches_the_head_as_it_is_and_the_encoder_reversed(weight: float, strength: float) -> None:
    made = lesson(weight=weight, reversal=strength)
    speech, batches = made.batches(0)
    batch = speech.batch(batches[0])
    loss, terms = made.terms(batch)
    embedded = made.network.embed(batch.waves[:, 0])
    sexes = torch.tensor([SEXES.index(clip.sex) for clip in batch.clips])
    sex = gradients(made, F.cross_entropy(made.head(embedded), sexes))  # without reversal
    targets = made.replacements("train", 0)
    wanted = torch.from_numpy(matrix(speech)[[targets[i] for i in batches[0]]])
    error = F.mse_loss(made.network(batch.waves[:, 0]), wanted)
    torch.testing.assert_close(terms["error"], error)
    torch.testing.assert_close(loss, (1 - weight) * terms["error"] + weight * terms["sex"])
    found, plain = gradients(made, loss), gradients(made, error)
    close = {"rtol": 1e-4, "atol": 1e-6}
    reversed_ = (1 - weight) * plain["encoder"] - weight * strength * sex["encoder"]
    torch.testing.assert_close(found["encoder"], reversed_, **close)
    torch.testing.assert_close(found["decoder"], (1 - weight) * plain["decoder"], **close)
    torch.testing.assert_close(found["head"], weight * sex["head"], **close)


def test_without_weight_nothing_is_heard_of_sex() -> None:
    made = lesson(weight=0.0)
    speech, batches = made.batches(0)
    loss, terms = made.terms(speech.batch(batches[0]))
    assert list(terms) == ["error"]
    assert torch.equal(loss, terms["error"])
    assert not gradients(made, loss)["head"].any()


def test_a_guide_must_read_the_role_that_is_meant_and_stays_as_it_is(tmp_path: Path) -> None:
    settings = chosen(guide=2.0, weight=0.0)
    guide = training._guide(settings, parts(), tmp_path, 0)
    before = {name: tensor.clone() for name, tensor in guide.state_dict().items()}
    made = Lesson(settings, 4, parts(), guide, 0)
    speech, batches = made.batches(0)
    batch = speech.batch(batches[0])
    loss, terms = made.terms(batch)
    meant = {"neutral": "neutral", "sad": "required", "happy": "neutral", "angry": "neutral"}
    places = torch.tensor([ROLES.index(meant[clip.emotion]) for clip in batch.clips])
    logits = guide(made.network(batch.waves[:, 0])[:, None], batch.lengths)
    torch.testing.assert_close(terms["guide"], F.cross_entropy(logits, places))
    torch.testing.assert_close(loss, terms["error"] + 2 * terms["guide"])
    loss.backward()
    assert float(made.network.encoder[0].weight.grad.abs().sum()) > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in guide.state_dict().items())
    assert not guide.training and not any(p.requires_grad for p in guide.parameters())


def test_the_error_is_that_of_validation_clips_against_their_replacements() -> None:
    made, speech = lesson(), parts()["validation"]
    places = made.replacements("validation", 0)
    assert all(
        speech.clips[place].emotion == "neutral" if role == "sensitive" else place == index
        for index, (role, place) in enumerate(zip(roles_of(speech), places, strict=True))
    )
    out = made.network(torch.from_numpy(matrix(speech))).detach().numpy()
    assert made.error() == pytest.approx(float(((out - matrix(speech)[places]) ** 2).mean()), rel=1e-5)
    assert made.error() == made.error()


# --- what is drawn


@pytest.mark.parametrize("redraw", [False, True])
def test_replacements_change_from_epoch_to_epoch_only_if_redrawn(redraw: bool) -> None:
    made = lesson(redraw=redraw)
    drawn = []
    for epoch in range(3):
        made.batches(epoch)
        drawn.append(made._targets.tolist())
    assert (drawn[0] == drawn[1]) is not redraw
    assert (drawn[1] == drawn[2]) is not redraw
    made.batches(0)
    assert made._targets.tolist() == drawn[0]
    for index, role in enumerate(roles_of(made.speech["train"])):
        assert role == "sensitive" or {some[index] for some in drawn} == {index}


def test_with_same_sex_all_replacements_are_of_it() -> None:
    clips = parts()["train"].clips
    for same in (False, True):
        places = lesson(same_sex=same).replacements("train", 0)
        assert all(clips[place].sex == clip.sex for clip, place in zip(clips, places, strict=True)) is same


def test_every_size_learns_the_same_targets_and_an_epoch_sees_each_clip_once() -> None:
    small, large = (Lesson(chosen(), size, parts(), None, 0) for size in (2, 8))
    assert small.replacements("train", 0) == large.replacements("train", 0)
    _, batches = small.batches(0)
    assert sorted(index for batch in batches for index in batch) == list(range(40))
    assert small.batches(1)[1] != batches


@pytest.mark.parametrize("given", [{}, {"guide": 1.0}, {"draw": True}])
def test_a_guide_is_there_if_needed_and_a_drawer_if_asked_for(tmp_path: Path, given: dict[str, object]) -> None:
    found = fitted(tmp_path, **given)
    assert (tmp_path / "guide").exists() == bool(given)
    assert (found.drawer is not None) == ("draw" in given)


@pytest.mark.parametrize(
    ("heard", "used"), [({0, 8, 9}, [0, 8]), ({9}, range(0, 40, 4)), (set(range(40)), range(0, 40, 4))]
)
def test_draws_are_like_the_neutral_clips_that_the_guide_takes_for_neutral_or_if_there_are_none_like_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: set[int], used: Sequence[int]
) -> None:
    monkeypatch.setattr(
        training, "read_all", lambda _, speech: ["neutral" if i in heard else "required" for i in range(len(speech))]
    )
    made = fitted(tmp_path, draw=True)
    assert made.drawer is not None
    encoded = made.network.encode(torch.from_numpy(matrix(parts()["train"])[list(used)])).detach()
    torch.testing.assert_close(made.drawer.mean, encoded.mean(0))
    torch.testing.assert_close(made.drawer.factor @ made.drawer.factor.T, torch.cov(encoded.T), rtol=1e-4, atol=1e-5)


def test_saved_and_loaded_what_was_fitted_draws_the_same_and_on_the_cpu(tmp_path: Path) -> None:
    made, vectors = fitted(tmp_path, draw=True, epochs=8), matrix(spoken(10, 3))
    made.save(tmp_path / "weights")
    again = Replacement.load(tmp_path / "weights")
    for index in range(len(vectors)):
        one = vectors[index : index + 1]
        assert np.array_equal(again.replaced(one, index), made.replaced(one, index))
    assert made.drawer is not None
    tensors = made.drawer.mean, made.drawer.factor, *made.drawer.gate.parameters(), *made.network.parameters()
    assert {tensor.device.type for tensor in tensors} == {"cpu"}


# --- again, interrupted, chosen


def test_a_seed_gives_the_same_weights_whatever_was_drawn_before_another_seed_others(tmp_path: Path) -> None:
    given: dict[str, object] = {"guide": 1.0, "redraw": True, "draw": True}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = fitted(tmp_path / "a", **given)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert repr(fitted(tmp_path / "b", **given)) == repr(first)
    assert repr(fitted(tmp_path / "c", 1, **given)) != repr(first)


@pytest.mark.parametrize(("place", "call"), [("terms", 2), ("terms", 5), ("terms", 11), ("error", 1), ("error", 3)])
def test_killed_and_gone_on_with_it_ends_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, call: int
) -> None:
    given: dict[str, object] = {"embeddings": (2, 4), "guide": 1.0, "redraw": True, "draw": True}
    whole = fitted(tmp_path / "whole", **given)
    with monkeypatch.context() as patch:
        interrupt(patch, Lesson, place, call)
        with pytest.raises(KeyboardInterrupt):
            fitted(tmp_path / "cut", **given)
    assert repr(fitted(tmp_path / "cut", **given)) == repr(whole)


def test_killed_while_the_guide_learns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted(tmp_path / "whole", guide=1.0)
    with monkeypatch.context() as patch:
        interrupt(patch, checkpoint, "save", 2)
        with pytest.raises(KeyboardInterrupt):
            fitted(tmp_path / "cut", guide=1.0)
    assert repr(fitted(tmp_path / "cut", guide=1.0)) == repr(whole)


@pytest.mark.parametrize("sizes", [(2, 6), (6, 2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_size_of_least_validation_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], sign: int
) -> None:
    monkeypatch.setattr(Lesson, "error", lambda self: sign * self.network.settings["embedding"])
    found = fitted(tmp_path, embeddings=sizes)
    assert found.network.settings == {"size": SIZE, "embedding": 2 if sign == 1 else 6}


def test_the_epoch_of_least_validation_error_is_kept(tmp_path: Path) -> None:
    found = fitted(tmp_path, epochs=12, learning_rate=0.02)
    made = lesson()
    made.network = found.network
    assert made.error() == pytest.approx(min(history(tmp_path / "embedding-4", "error")), rel=1e-5)


# --- who takes part


def test_a_clip_whose_emotion_has_no_role_is_left_out(tmp_path: Path) -> None:
    more = {name: joined(part, spoken(6, 9, ("surprised", "bored"))) for name, part in parts().items()}
    given: dict[str, object] = {"guide": 1.0, "draw": True}
    assert repr(fitted(tmp_path / "a", speech=more, **given)) == repr(fitted(tmp_path / "b", **given))


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize(
    ("emotions", "message"),
    [
        (("neutral", "sad"), r"no clip that is sensitive \(happy, angry\)"),
        (("neutral", "happy"), r"no clip that is required \(sad\)"),
        (("sad", "happy"), r"no clip that is neutral \(neutral\)"),
        (("bored",), r"no clip that is neutral \(neutral\)"),
    ],
)
def test_a_part_that_lacks_a_role_is_refused(
    tmp_path: Path, part: str, emotions: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CorpusError, match=rf"The {part} part has {message}\. Choose emotions"):
        fitted(tmp_path, speech={**parts(), part: spoken(6, 4, emotions)})


@pytest.mark.parametrize("part", ["train", "validation"])
def test_sex_must_be_known_where_it_is_to_be_hidden(tmp_path: Path, part: str) -> None:
    nameless = Clip("x", Path("x.wav"), emotion="sad")
    stranger = Speech([nameless, nameless], [np.zeros((1, SIZE), np.float32)] * 2)
    speech = {**parts(), part: joined(parts()[part], stranger)}
    with pytest.raises(CorpusError, match=r"female or male; 'x' and 1 others have none\. Fill .* or set the weight"):
        fitted(tmp_path, speech=speech)


def test_without_weight_sex_may_be_unknown(tmp_path: Path) -> None:
    speech = parts()
    nameless = {
        name: Speech([Clip(c.id, c.path, c.speaker, "", c.emotion) for c in part.clips], list(matrix(part)[:, None]))
        for name, part in speech.items()
    }
    assert repr(fitted(tmp_path / "a", speech=nameless, weight=0.0)) == repr(fitted(tmp_path / "b", weight=0.0))


def test_what_is_fitted_holds_its_roles_and_projection(tmp_path: Path) -> None:
    found = fitted(tmp_path, required=("angry",), sensitive=("sad", "happy"))
    assert found.roles.required == ("angry",)
    assert found.projection.size == SIZE
    assert found.speaker is None
