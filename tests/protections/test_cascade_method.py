"""The cascade as a protection and its training in two stages, with small frozen guides that take no training."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from aclipse.audio import budget
from aclipse.audio.signal import mask_of
from aclipse.contracts import Clip, Guides, Wave
from aclipse.errors import RunError
from aclipse.models import text
from aclipse.models.compact import ClipClassifier
from aclipse.protections.cascade import method
from aclipse.protections.cascade.method import Cascade, CascadeSettings, Trainer, choose
from aclipse.protections.cascade.modules import ModuleSettings, reach
from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings
from aclipse.training import checkpoint
from aclipse.training.batches import Speech

SMALL = NetworkSettings(module=ModuleSettings(channels=8, dilations=(1,), attention_seconds=0.05))


def cascade_of(network: NetworkSettings = SMALL) -> Cascade:
    """A cascade with random weights in its heads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = CascadeNetwork(network)
        for part in (built.so, built.er):
            for parameter in part.head.parameters():
                nn.init.normal_(parameter, std=0.3)
    return Cascade(built)


def speech(samples: int, seed: int = 0) -> Wave:
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.1 * noise * (1.1 + np.sin(np.arange(samples) / 3000))).astype(np.float32)


def cut(wave: Wave, places: Sequence[int]) -> list[Wave]:
    return np.split(wave, sorted(places))


LONG = speech(40_000)


@pytest.fixture(scope="module", autouse=True)
def short_windows() -> Iterator[None]:
    """Levels are matched within 0.1 s instead of 1 s, so that seconds of sound have many blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "WINDOW", 1600)
        yield


@pytest.mark.parametrize(("form", "block"), [("strided", 1600), ("strided", 11_200), ("samples", 11_200)])
def test_blocks_equal_one_pass_of_the_network_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, form: Literal["strided", "samples"], block: int
) -> None:
    cascade = cascade_of(SMALL.model_copy(update={"module": SMALL.module.model_copy(update={"form": form})}))
    assert len(LONG) > block + 2 * cascade.context
    whole = cascade.network(torch.from_numpy(LONG)[None], torch.tensor([len(LONG)]))[0].numpy()
    sizes: list[int] = []
    hook = cascade.network.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[-1]))
    monkeypatch.setattr(method, "BLOCK", block)
    out = np.concatenate(list(cascade.release_blocks(cut(LONG, [5, 5, 20_000, 33_333]))))
    hook.remove()
    np.testing.assert_allclose(out, whole, rtol=0, atol=1e-5)
    assert len(sizes) >= len(LONG) // block - 2 * cascade.context // block
    assert max(sizes) <= 2 * (block + cascade.context)


@settings(deadline=None, max_examples=12)
@given(samples=st.integers(0, 40_000), places=st.lists(st.integers(0, 40_000), max_size=6))
def test_any_cutting_gives_the_same_samples(samples: int, places: list[int]) -> None:
    cascade, wave = cascade_of(), LONG[:samples]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "BLOCK", 4000)
        blocks = list(cascade.release_blocks(cut(wave, [place for place in places if place <= samples])))
        np.testing.assert_allclose(np.concatenate([wave[:0], *blocks]), cascade.release(wave), rtol=0, atol=1e-5)


def test_blocks_come_out_before_the_recording_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "BLOCK", 8000)
    cascade, taken = cascade_of(), []

    def microphone() -> Iterator[Wave]:
        for start in range(0, len(LONG), 4000):
            taken.append(start)
            yield LONG[start : start + 4000]

    first = next(iter(cascade.release_blocks(microphone())))
    assert len(first) == 8000 and taken[-1] <= 8000 + cascade.context + 4000


def test_context_covers_both_modules_and_the_level_windows() -> None:
    cascade = cascade_of()
    assert cascade.context % 160 == 0 and cascade.context >= 2 * reach(SMALL.module) + 3 * 1600 // 2


def test_saved_and_loaded_releases_the_same(tmp_path: Path) -> None:
    limits = {"min_snr_db": 12.0, "max_peak": 0.7, "match_loudness": False}
    cascade = cascade_of(NetworkSettings(module=ModuleSettings(channels=16, dilations=(1, 3)), **limits))
    cascade.save(tmp_path / "cascade.safetensors")
    again = Cascade.load(tmp_path / "cascade.safetensors")
    assert again.network.settings == cascade.network.settings and again.context == cascade.context
    assert np.array_equal(again.release(LONG[:20_000]), cascade.release(LONG[:20_000]))


def test_anything_but_a_cascade_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        Cascade.load(tmp_path / "gone.safetensors")
    checkpoint.save_module(tmp_path / "emotion.safetensors", ClipClassifier(("a", "b"), width=8))
    with pytest.raises(RunError, match=r"emotion\.safetensors does not hold a cascade\. Give cascade/weights"):
        Cascade.load(tmp_path / "emotion.safetensors")
    checkpoint.save(tmp_path / "bare.safetensors", {}, {})
    with pytest.raises(RunError, match=r"bare\.safetensors"):
        Cascade.load(tmp_path / "bare.safetensors")
    checkpoint.save(tmp_path / "half.safetensors", {}, {"settings": SMALL.model_dump()})
    with pytest.raises(RunError, match=r"half\.safetensors"):
        Cascade.load(tmp_path / "half.safetensors")


def test_a_cascade_is_frozen() -> None:
    network = cascade_of().network
    assert not network.training and not any(p.requires_grad for p in network.parameters())


class Brightness(nn.Module):
    """Hears emotion in how much a signal's samples differ from their neighbours: bright is angry, dull is sad."""

    labels = ("angry", "sad")

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.hook = nn.Parameter(torch.tensor([3.0])), lambda: None

    def scores(self, waves: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(lengths, waves.shape[-1])[:, 1:]
        energy = (waves[:, 1:].square() * mask).sum(-1) + 1e-6
        bright = ((waves[:, 1:] - waves[:, :-1]).square() * mask).sum(-1) + 1e-6
        angry = self.slope * (bright / energy / 1.7).log()  # 3 for bright noise, 1 for dull
        return torch.stack([angry, -angry], 1)

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        self.hook()
        index = torch.tensor([self.labels.index(target) for target in targets])
        return F.cross_entropy(self.scores(waves, lengths), index, reduction="none")

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        self.hook()
        return [self.labels[i] for i in self.scores(waves, lengths).argmax(1)]


class Babble(nn.Module):
    """A random linear reader of characters; what it hears is nonsense, but it depends on the signal."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layer = nn.Conv1d(1, len(text.ALPHABET) + 1, 400, 200)

    def log_probs(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return (20 * self.layer(waves[:, None])).log_softmax(1).transpose(1, 2), (lengths - 400) // 200 + 1

    def loss(self, waves: Tensor, lengths: Tensor, targets: Sequence[str]) -> Tensor:
        log_probs, frames = self.log_probs(waves, lengths)
        characters, counts = text.encode(targets)
        return F.ctc_loss(log_probs.transpose(0, 1), characters, frames, counts, text.BLANK, "none")

    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        return text.greedy_decode(*self.log_probs(waves, lengths))


def corpus(count: int, seed: int) -> Speech:
    """Bright noise that is angry, dull noise that is sad; each says yes."""
    generator = np.random.default_rng(seed)
    clips, waves = [], []
    for index in range(count):
        noise = generator.standard_normal(generator.integers(1800, 2400) + 1)
        wave = np.diff(noise) if index % 2 else noise[1:] + noise[:-1]
        clips.append(Clip(f"c{index}", Path(), emotion=("sad", "angry")[index % 2], transcript="Yes!"))
        waves.append((0.1 * wave).astype(np.float32))
    return Speech(clips, waves)


BASE = CascadeSettings(network=SMALL, epochs=4, batch_size=4, subset=8, ctc_ceiling=100.0)


def guides_of(hook: Callable[[], None] = lambda: None) -> Guides:
    emotion, words = checkpoint.freeze(Brightness()), checkpoint.freeze(Babble())
    emotion.hook = hook
    return Guides(emotion, words)


def trainer_of(guides: Guides | None = None, seed: int = 0, **changes: object) -> Trainer:
    chosen = BASE.model_copy(update=changes)
    speech = {"train": corpus(12, 1), "validation": corpus(6, 2), "test": corpus(8, 3)}
    return Trainer(chosen, guides or guides_of(), speech, seed)


def weights(folder: Path, **changes: object) -> dict[str, Tensor]:
    return trainer_of(**changes).run(folder).network.state_dict()


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    assert one.keys() == two.keys()
    return all(torch.equal(one[name], two[name]) for name in one)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A training without incident."""
    folder = tmp_path_factory.mktemp("base")
    return folder, weights(folder)


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, base: tuple[Path, dict[str, Tensor]]) -> None:
    torch.manual_seed(55)
    expected = torch.rand(1)
    torch.manual_seed(55)
    assert equal(weights(tmp_path / "again"), base[1])
    assert torch.equal(torch.rand(1), expected)  # the global state is neither read nor touched
    assert rows_of(tmp_path / "again") == rows_of(base[0])
    assert not equal(weights(tmp_path / "other", seed=1), base[1])


def test_stage_two_leaves_so_bit_identical_and_tunes_er(base: tuple[Path, dict[str, Tensor]]) -> None:
    first, _ = checkpoint.load(base[0] / "stage-1" / "checkpoint.safetensors")
    second, _ = checkpoint.load(base[0] / "stage-2" / "checkpoint.safetensors")
    so = [name.removeprefix("best.so.") for name in first if name.startswith("best.so.")]
    assert so
    for name in so:
        for after in (second[f"network.so.{name}"], second[f"best.so.{name}"], base[1][f"so.{name}"]):
            assert torch.equal(after, first[f"best.so.{name}"]), name
    assert not torch.equal(second["network.er.head.weight"], first["best.er.head.weight"])


@pytest.mark.parametrize(("tuned", "frozen"), [("er", "so"), ("so", "er")])
def test_stage_two_tunes_the_module_asked_for_and_the_other_not_at_all(tmp_path: Path, tuned: str, frozen: str) -> None:
    """Even where the last epoch is not the best: the states of both stages are compared, not only the result."""
    result = weights(tmp_path, tuned=tuned)
    first, _ = checkpoint.load(tmp_path / "stage-1" / "checkpoint.safetensors")
    second, _ = checkpoint.load(tmp_path / "stage-2" / "checkpoint.safetensors")
    names = [name.removeprefix(f"best.{frozen}.") for name in first if name.startswith(f"best.{frozen}.")]
    assert len(names) > 5
    for name in names:
        for after in (second[f"network.{frozen}.{name}"], second[f"best.{frozen}.{name}"], result[f"{frozen}.{name}"]):
            assert torch.equal(after, first[f"best.{frozen}.{name}"]), name
    assert not torch.equal(second[f"network.{tuned}.head.weight"], first[f"best.{tuned}.head.weight"])
    states = [name for name in second if name.startswith("optimizer.")]
    assert len(states) == 3 * len(list(trainer_of().network.so.parameters()))  # Adam's, of the tuned weights alone


def test_both_stages_start_where_they_should(base: tuple[Path, dict[str, Tensor]]) -> None:
    first, _ = checkpoint.load(base[0] / "stage-1" / "checkpoint.safetensors")
    for part in ("so", "er"):
        assert first[f"network.{part}.head.weight"].any()  # stage 1 moves both away from the identity


def test_stage_two_goes_on_from_the_best_of_stage_one_and_its_best_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of stage 1 is never the result, however well it scores: it may be one that hides nothing yet."""
    scores = [0.9, 0.2, 0.8, 0.4]
    waiting = iter(scores)
    monkeypatch.setattr(method, "choose", lambda row, floor: next(waiting))
    given_out = weights(tmp_path)
    first, second = (checkpoint.load(tmp_path / f"stage-{n}" / "checkpoint.safetensors")[0] for n in (1, 2))
    for name, tensor in given_out.items():
        assert torch.equal(tensor, second[f"best.{name}"]), name
        if name.startswith("so."):
            assert torch.equal(tensor, first[f"best.{name}"]), name
    chosen = [(row["stage"], row["epoch"]) for row in rows_of(tmp_path) if row["chosen"] == "1"]
    assert chosen == [("2", "2")]


def test_history_has_a_row_an_epoch_and_one_choice(base: tuple[Path, dict[str, Tensor]]) -> None:
    rows = rows_of(base[0])
    assert set(rows[0]) == {
        "epoch", "stage", "floor", "chosen", "cross_entropy", "ctc", "accuracy", "uar", "wer", "snr_db"
    }  # fmt: skip
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["stage"] for row in rows] == ["1", "1", "2", "2"]
    assert sorted(row["chosen"] for row in rows) == ["0", "0", "0", "1"]


def test_guides_are_unchanged_and_gather_no_gradient(tmp_path: Path) -> None:
    guides = guides_of()
    weights(tmp_path, guides=guides)
    for guide, fresh in zip(guides, guides_of(), strict=True):
        assert equal(guide.state_dict(), fresh.state_dict())
        assert all(parameter.grad is None for parameter in guide.parameters())


# calls of the emotion guide: one clean reading, then for each epoch two training batches and one validation
@pytest.mark.parametrize("call", [1, 3, 8, 9, 13])
def test_a_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path, base: tuple[Path, dict[str, Tensor]], call: int
) -> None:
    left = iter(range(call - 1))

    def kill() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights(tmp_path, guides=guides_of(kill))
    assert equal(weights(tmp_path), base[1])
    assert rows_of(tmp_path) == rows_of(base[0])


def test_killed_between_the_stages(
    tmp_path: Path, base: tuple[Path, dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stage = Trainer._stage

        def killed(self: Trainer, number: int, *rest: object) -> object:
            if number == 2:
                raise KeyboardInterrupt
            return stage(self, number, *rest)

        patch.setattr(Trainer, "_stage", killed)
        weights(tmp_path)
    assert equal(weights(tmp_path), base[1])


def test_the_floor_is_clean_accuracy_less_what_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floors: list[float] = []
    monkeypatch.setattr(method, "choose", lambda row, floor: floors.append(floor) or -len(floors))
    trainer = trainer_of(stage_one_drop=0.5, floor_drop=0.25)
    clean = trainer.measure(lambda waves, lengths: waves, "validation")
    assert clean["accuracy"] == clean["uar"] == 1.0 and clean["snr_db"] > 60
    trainer.run(tmp_path)
    assert floors == [0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize(
    ("changes", "chosen", "met"),
    [
        ({}, 2, True),  # 5 points below the clean 100 %
        ({"floor": 0.95}, 2, True),
        ({"floor": 0.5}, 3, True),
        ({"floor": 0.0}, 4, True),  # whatever is left of emotion will do
        ({"floor": 0.0, "floor_drop": 0.0}, 4, True),
        ({"floor": 1.0}, 1, False),  # the nearest
    ],
    ids=str,
)
def test_the_most_obfuscating_epoch_above_the_floor_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    changes: dict, chosen: int, met: bool,
) -> None:  # fmt: skip
    clean, stage_one = {"accuracy": 1.0, "wer": 0.0}, {"accuracy": 1.0, "wer": 0.1}
    stage_two = [{"accuracy": a, "wer": w} for a, w in ((0.96, 0.2), (0.95, 0.3), (0.5, 0.6), (0.0, 0.9))]
    rows = iter([clean, stage_one, *stage_two])
    monkeypatch.setattr(Trainer, "measure", lambda self, network, part: next(rows))
    weights(tmp_path, epochs=5, stage_one_epochs=1, subset=4, **changes)
    assert [row["chosen"] for row in rows_of(tmp_path)].index("1") == chosen
    assert ("the nearest is taken" in caplog.text) is not met


def test_the_test_part_may_be_watched_and_decides_nothing(tmp_path: Path, base: tuple[Path, dict[str, Tensor]]) -> None:
    trainer = trainer_of(watch_test=True)
    network = trainer.run(tmp_path).network
    assert equal(network.state_dict(), base[1])
    rows, plain = rows_of(tmp_path), rows_of(base[0])
    extra = ["test_accuracy", "test_uar", "test_wer", "test_snr_db"]
    assert [name for name in rows[0] if name not in plain[0]] == extra
    assert [{name: row[name] for name in plain[0]} for row in rows] == plain
    (chosen,) = [row for row in rows if row["chosen"] == "1"]
    for name, value in trainer.measure(network, "test").items():
        assert float(chosen[f"test_{name}"]) == pytest.approx(value, rel=1e-6)
    assert chosen["test_snr_db"] != chosen["snr_db"]


def test_a_test_part_that_nobody_watches_is_not_looked_at(tmp_path: Path) -> None:
    trainer = trainer_of()
    trainer.speech = {part: speech for part, speech in trainer.speech.items() if part != "test"}
    trainer.run(tmp_path)
    assert "test_" not in (tmp_path / "history.csv").read_text("utf-8").splitlines()[0]


def test_measures_of_a_known_change() -> None:
    halved = trainer_of().measure(lambda waves, lengths: 0.5 * waves, "validation")
    assert halved["snr_db"] == pytest.approx(20 * math.log10(2), abs=1e-3)
    deaf = trainer_of().measure(lambda waves, lengths: -waves + waves.roll(1, 1), "validation")
    assert deaf["accuracy"] == 0.5  # everything sounds bright now


@given(
    wer=st.floats(0, 3),
    accuracy=st.floats(0, 1),
    other_wer=st.floats(0, 3),
    other_accuracy=st.floats(0, 1),
    floor=st.floats(0, 1),
)
def test_the_rule_of_choice(wer: float, accuracy: float, other_wer: float, other_accuracy: float, floor: float) -> None:
    score = choose({"wer": wer, "accuracy": accuracy}, floor)
    other = choose({"wer": other_wer, "accuracy": other_accuracy}, floor)
    match accuracy >= floor, other_accuracy >= floor:
        case True, True:
            assert (score > other) == (wer > other_wer)
        case True, False:
            assert score > other  # whoever keeps emotion beats whoever does not
        case False, False:
            assert (score > other) == (accuracy - floor > other_accuracy - floor)


def test_the_papers_loss_sums_over_the_batch(tmp_path: Path) -> None:
    """With weights that hardly move: one sum over 4 clips of 3 characters against one mean a character."""
    still = {"stage_one_rate": 1e-12, "stage_two_rate": 1e-12, "subset": 4}
    for name in ("bounded", "paper"):
        weights(tmp_path / name, loss=name, **still)
    for bounded, paper in zip(rows_of(tmp_path / "bounded"), rows_of(tmp_path / "paper"), strict=True):
        assert float(paper["ctc"]) == pytest.approx(4 * 3 * float(bounded["ctc"]), rel=1e-4)
        assert float(paper["cross_entropy"]) == pytest.approx(float(bounded["cross_entropy"]), rel=1e-4)


def test_past_the_ceiling_ctc_no_longer_pulls(tmp_path: Path) -> None:
    without, low = weights(tmp_path / "without", lambda_one=0.0), weights(tmp_path / "low", ctc_ceiling=1e-6)
    assert all(torch.allclose(low[name], without[name], atol=1e-6) for name in low)
    paper = weights(tmp_path / "paper", loss="paper", ctc_ceiling=1e-6)  # the paper has no ceiling
    assert not torch.allclose(paper["so.head.bias"], without["so.head.bias"], atol=1e-4)


def test_the_sign_of_lambda_one_does_not_matter_its_size_does(
    tmp_path: Path, base: tuple[Path, dict[str, Tensor]]
) -> None:
    assert equal(weights(tmp_path / "negative", lambda_one=-1.0), base[1])
    assert not equal(weights(tmp_path / "small", lambda_one=0.01), base[1])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lambda_two", 0.01),
        ("stage_one_rate", 1e-2),
        ("stage_two_rate", 1e-2),
        ("batch_size", 2),
        ("subset", 4),
        ("precision", "bf16"),
        ("tuned", "so"),
    ],
)
def test_every_option_of_training_counts(
    tmp_path: Path, base: tuple[Path, dict[str, Tensor]], option: str, value: object
) -> None:
    weights(tmp_path, **{option: value})
    first, _ = checkpoint.load(tmp_path / "stage-2" / "checkpoint.safetensors")
    expected, _ = checkpoint.load(base[0] / "stage-2" / "checkpoint.safetensors")
    assert not torch.equal(first["network.er.head.weight"], expected["network.er.head.weight"])


@pytest.mark.parametrize(("given_epochs", "expected"), [(None, "11222"), (1, "12222"), (4, "11112")])
def test_epochs_are_shared_between_the_stages(tmp_path: Path, given_epochs: int | None, expected: str) -> None:
    weights(tmp_path, epochs=5, stage_one_epochs=given_epochs, subset=2)
    assert "".join(row["stage"] for row in rows_of(tmp_path)) == expected


def test_the_subset_is_stratified_and_redrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[int]] = []
    draw = method.stratified_subset

    def spy(labels: Sequence[str], size: int, seed: int) -> list[int]:
        drawn.append(draw(labels, size, seed))
        return drawn[-1]

    monkeypatch.setattr(method, "stratified_subset", spy)
    weights(tmp_path, epochs=8, stage_one_epochs=6, subset=4, redraw=2)
    assert all(len(chosen) == 4 and sum(index % 2 for index in chosen) == 2 for chosen in drawn)
    assert [one == two for one, two in pairwise(drawn)] == [True, False, True, False, True, False, True]


def test_every_epoch_has_an_order_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    shuffled = Speech.shuffled
    monkeypatch.setattr(Speech, "shuffled", lambda self, size, seed: seeds.append(seed) or shuffled(self, size, seed))
    weights(tmp_path)
    assert len(set(seeds)) == len(seeds) == BASE.epochs


def test_both_stages_can_be_followed_in_tensorboard(tmp_path: Path, base: tuple[Path, dict[str, Tensor]]) -> None:
    pytest.importorskip("tensorboard")
    assert equal(weights(tmp_path, tracker="tensorboard"), base[1])
    followed = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("events.out.tfevents.*")}
    assert followed == {"stage-1", "stage-2"}


def test_a_training_moves_what_it_should(tmp_path: Path) -> None:
    """Stage 1 makes words harder to read for the frozen reader than they were."""
    trainer_of(epochs=9, stage_one_epochs=8, stage_one_rate=1e-2, lambda_one=0.1).run(tmp_path)
    rows = rows_of(tmp_path)
    assert float(rows[7]["ctc"]) > 1.2 * float(rows[0]["ctc"])
    assert float(rows[7]["accuracy"]) >= 0.8


def test_stage_two_needs_an_epoch() -> None:
    with pytest.raises(ValidationError, match="stage_one_epochs = 4 leaves stage 2 none of 4 epochs"):
        CascadeSettings(epochs=4, stage_one_epochs=4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 1},
        {"loss": "sum"},
        {"batch_size": 0},
        {"stage_one_rate": 0.0},
        {"stage_two_rate": -1.0},
        {"lambda_two": 0.0},
        {"ctc_ceiling": 0.0},
        {"subset": 0},
        {"redraw": 0},
        {"floor_drop": -0.1},
        {"floor": 1.1},
        {"floor": -0.1},
        {"tuned": "both"},
        {"precision": "half"},
        {"epoch": 3},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        CascadeSettings(**wrong)
