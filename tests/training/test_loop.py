"""The optimisation loop: exact resume after any kill, the best epoch, schedules, precision, batches that go wrong."""

from __future__ import annotations

import csv
import logging
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import tracking
from pydantic import ValidationError
from torch import Tensor, nn

from aclipse.atomic import write_table
from aclipse.contracts import Clip
from aclipse.errors import MissingExtra, RecipeError, RunError
from aclipse.training import checkpoint, loop
from aclipse.training.batches import Batch, Speech
from aclipse.training.loop import Job, LoopSettings, Progress, Row, fit

SETTINGS = LoopSettings(epochs=4, learning_rate=0.01)
STEPS = 3
Hook = Callable[[int, int], None]  # epoch, step; step -1: batches are made, step STEPS: validation


def nothing(epoch: int, step: int) -> None: ...


class Draws(Speech):
    """Speech whose batches are drawn anew whenever asked for; an index is a step."""

    def __init__(self, epoch: int, hook: Hook) -> None:
        super().__init__([])
        self.epoch, self.hook = epoch, hook

    def batch(self, indices: Sequence[int]) -> Batch:
        self.hook(self.epoch, indices[0])
        return Batch(torch.randn(6, 4), torch.full((6,), 4), [])


def make_job(hook: Hook = nothing, seed: int = 0) -> Job:
    """A regression with dropout and random batches, so that any slip in the random state changes the weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    seen = {"epoch": 0}
    grid = torch.linspace(-1, 1, 20).reshape(5, 4)

    def batches(epoch: int) -> tuple[Speech, list[list[int]]]:
        seen["epoch"] = epoch
        hook(epoch, -1)
        return Draws(epoch, hook), [[step] for step in range(STEPS)]

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = (network(batch.waves)[:, 0] - batch.waves.sum(1)).square().mean()
        return error, {"error": error}

    def validate() -> Row:
        hook(seen["epoch"], STEPS)
        assert not network.training
        return {"fit": -(network(grid)[:, 0] - grid.sum(1)).square().mean().item()}

    return Job("toy", network, batches, objective, validate, lambda row: row["fit"])


def stop_at(epoch: int, step: int) -> Hook:
    def hook(now: int, at: int) -> None:
        if (now, at) == (epoch, step):
            raise KeyboardInterrupt

    return hook


def history_of(progress: Progress) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in progress.history]


def assert_same(job: Job, progress: Progress, other: Job, expected: Progress) -> None:
    for name, tensor in other.network.state_dict().items():
        assert torch.equal(job.network.state_dict()[name], tensor), name
    assert history_of(progress) == history_of(expected)
    assert (progress.best_epoch, progress.best_score) == (expected.best_epoch, expected.best_score)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Progress]:
    """Four epochs without a break."""
    job = make_job()
    return job, fit(job, SETTINGS, tmp_path_factory.mktemp("straight"))


@pytest.mark.parametrize("epoch", [0, 2, 3])
@pytest.mark.parametrize("step", [-1, 0, 1, STEPS])
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path: Path, straight: tuple[Job, Progress], epoch: int, step: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(stop_at(epoch, step)), SETTINGS, tmp_path)
    fresh = make_job(seed=99)  # other weights at the start: they must come from the checkpoint
    if epoch == 0:
        fresh = make_job()
    assert_same(fresh, fit(fresh, SETTINGS, tmp_path), *straight)


def test_a_run_killed_while_writing_goes_on_to_the_same_weights(
    tmp_path: Path, straight: tuple[Job, Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = checkpoint.save_file, []

    def killed(tensors: dict[str, Tensor], path: Path, facts: dict[str, str]) -> None:
        calls.append(path)
        write(tensors, path, facts)
        if len(calls) == 3:
            Path(path).write_bytes(Path(path).read_bytes()[:100])
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(make_job(), SETTINGS, tmp_path)
    fresh = make_job(seed=99)
    assert_same(fresh, fit(fresh, SETTINGS, tmp_path), *straight)


@pytest.mark.parametrize("epoch", [1, 3])
def test_history_is_whole_after_a_kill_between_checkpoint_and_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    def killed(path: Path, columns: list[str], rows: list[Row]) -> None:
        if len(rows) == epoch + 1:
            raise KeyboardInterrupt
        write_table(path, columns, rows)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "write_table", killed)
        fit(make_job(), SETTINGS, tmp_path)
    fit(make_job(), SETTINGS, tmp_path)
    with (tmp_path / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]


def wait_to_be_killed(folder: str) -> None:
    """Runs in a process of its own: trains, and in the middle of epoch 2 says so and waits."""

    def hook(epoch: int, step: int) -> None:
        if (epoch, step) == (2, 1):
            Path(folder, "ready").touch()
            time.sleep(600)

    fit(make_job(hook), SETTINGS, Path(folder))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_process_killed_for_real_goes_on_to_the_same_weights(tmp_path: Path, straight: tuple[Job, Progress]) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_loop; test_loop.wait_to_be_killed(sys.argv[2])"
    process = subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path)])
    deadline = time.monotonic() + 300
    while not (tmp_path / "ready").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    fresh = make_job(seed=99)
    assert_same(fresh, fit(fresh, SETTINGS, tmp_path), *straight)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    job = make_job()
    first = fit(job, SETTINGS, tmp_path)

    def refuse(epoch: int, step: int) -> None:
        raise AssertionError("no epoch is left")

    fresh = make_job(refuse, seed=99)
    assert_same(fresh, fit(fresh, SETTINGS, tmp_path), job, first)


def test_more_epochs_continue_a_finished_run(tmp_path: Path) -> None:
    constant = LoopSettings(epochs=4, learning_rate=0.01, schedule="constant", warm_up=0.0)
    straight = make_job()
    expected = fit(straight, constant, tmp_path / "straight")
    fit(make_job(), constant.model_copy(update={"epochs": 2}), tmp_path / "short")
    longer = make_job(seed=99)
    assert_same(longer, fit(longer, constant, tmp_path / "short"), straight, expected)


def test_the_seed_decides_and_the_global_state_does_not(tmp_path: Path, straight: tuple[Job, Progress]) -> None:
    torch.manual_seed(123)
    expected = torch.rand(1)
    torch.manual_seed(123)
    job = make_job()
    assert_same(job, fit(job, SETTINGS, tmp_path / "same"), *straight)
    assert torch.equal(torch.rand(1), expected)  # nor is it touched
    other = make_job()
    assert history_of(fit(other, SETTINGS, tmp_path / "other", seed=1)) != history_of(straight[1])


def noisy_job(hook: Hook = nothing, seed: int = 0) -> Job:
    """The toy job with a draw from NumPy in its loss, as transformers masks spans of a training batch."""
    job = make_job(hook, seed)
    objective = job.objective

    def noisy(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        mask = torch.from_numpy(np.random.random(batch.waves.shape) < 0.7)
        return objective(replace(batch, waves=batch.waves * mask))

    job.objective = noisy
    return job


@pytest.mark.parametrize("place", [(0, 2), (2, -1), (2, 1), (3, STEPS)])
def test_what_numpy_draws_repeats_itself_after_a_kill_too(tmp_path: Path, place: tuple[int, int]) -> None:
    straight = noisy_job()
    expected = fit(straight, SETTINGS, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fit(noisy_job(stop_at(*place)), SETTINGS, tmp_path / "killed")
    np.random.seed(1)  # another process has another global state
    again = noisy_job(seed=0 if place[0] == 0 else 99)
    assert_same(again, fit(again, SETTINGS, tmp_path / "killed"), straight, expected)
    plain = make_job()
    assert history_of(fit(plain, SETTINGS, tmp_path / "plain")) != history_of(expected)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_the_global_generators_are_left_as_they_were(tmp_path: Path, precision: str) -> None:
    def states() -> tuple[Any, ...]:
        kind, keys, *rest = np.random.get_state()
        return kind, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes(), random.getstate()

    torch.manual_seed(11)
    np.random.seed(11)
    random.seed(11)
    before = states()
    fit(noisy_job(), SETTINGS.model_copy(update={"precision": precision}), tmp_path)
    assert states() == before


def test_each_epoch_has_randomness_of_its_own(tmp_path: Path) -> None:
    job, seen = make_job(), []
    objective = job.objective
    job.objective = lambda batch: (seen.append(batch.waves.sum().item()), objective(batch))[1]
    fit(job, SETTINGS, tmp_path)
    assert len(set(seen)) == len(seen) == SETTINGS.epochs * STEPS


def test_the_best_epoch_is_restored_in_eval_mode(tmp_path: Path) -> None:
    scores = iter([0.1, 0.7, 0.3, 0.7])
    states: list[dict[str, Tensor]] = []
    job = make_job()

    def validate() -> Row:
        states.append({name: tensor.clone() for name, tensor in job.network.state_dict().items()})
        return {"fit": next(scores)}

    job.validate = validate
    progress = fit(job, SETTINGS, tmp_path)
    assert progress.best_epoch == 1 and progress.best_score == 0.7  # the first of equals
    for name, tensor in job.network.state_dict().items():
        assert torch.equal(tensor, states[1][name]) and torch.equal(progress.best[name], states[1][name])
    assert not job.network.training


def test_training_lowers_the_error(straight: tuple[Job, Progress]) -> None:
    history = history_of(straight[1])
    assert history[-1]["fit"] > history[0]["fit"]
    assert [row["epoch"] for row in history] == [0, 1, 2, 3] and list(history[0]) == ["epoch", "error", "fit"]


def speech_of(waves: Sequence[Sequence[float]]) -> Speech:
    clips = [Clip(f"c{index}", Path()) for index in range(len(waves))]
    return Speech(clips, [np.array(wave, np.float32) for wave in waves])


def constant_gradient(factors: list[float], positions: list[float]) -> Job:
    """A loss whose gradient is one of ``factors`` at every step, so that Adam moves by exactly the learning rate."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        positions.append(network.weight.item())
        loss = network.weight.sum() * batch.waves[0, 0]
        return loss, {"loss": loss}

    speech, order = speech_of([[factor] for factor in factors]), [[index] for index in range(len(factors))]
    return Job(
        "slope", network, lambda epoch: (speech, order), objective,
        lambda: {"x": len(positions)}, lambda row: row["x"],
    )  # fmt: skip


def rates(settings: LoopSettings, folder: Path, steps: int) -> list[float]:
    """Learning rates used at each step, measured on the weight."""
    positions: list[float] = []
    job = constant_gradient([1.0] * steps, positions)
    fit(job, settings, folder)
    positions.append(job.network.weight.item())
    return [before - after for before, after in pairwise(positions)]


def test_the_cosine_schedule_warms_up_and_comes_down_to_zero(tmp_path: Path) -> None:
    used = rates(LoopSettings(epochs=10, learning_rate=0.1), tmp_path, steps=10)
    share = [step / 100 for step in range(100)]
    expected = [0.1 * (s / 0.05 + 0.01) if s < 0.045 else 0.1 * math.cos(math.pi * s / 2) ** 2 for s in share]
    assert used == pytest.approx(expected, abs=2e-6)
    assert used[50] == pytest.approx(0.05, abs=1e-5) and used[-1] < 1e-4


def test_the_constant_schedule_stays(tmp_path: Path) -> None:
    used = rates(LoopSettings(epochs=2, learning_rate=0.1, schedule="constant", warm_up=0.0), tmp_path, steps=3)
    assert used == pytest.approx([0.1] * 6, abs=1e-6)


# ten steps; a warm-up of a fifth is over with the second
RATES = {
    ("linear", 0.2): [0.01, 0.51, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
    ("linear", 0.0): [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
    ("cosine", 0.2): [0.01, 0.51, 0.904508, 0.793893, 0.654508, 0.5, 0.345492, 0.206107, 0.095492, 0.024472],
    ("cosine", 0.0): [1.0, 0.975528, 0.904508, 0.793893, 0.654508, 0.5, 0.345492, 0.206107, 0.095492, 0.024472],
    ("constant", 0.2): [0.01, 0.51, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ("constant", 0.5): [0.01, 0.21, 0.41, 0.61, 0.81, 1.0, 1.0, 1.0, 1.0, 1.0],
}


@pytest.mark.parametrize(("schedule", "warm_up"), RATES)
def test_rates_are_those_computed_by_hand(tmp_path: Path, schedule: Any, warm_up: float) -> None:
    settings = LoopSettings(epochs=2, learning_rate=0.1, schedule=schedule, warm_up=warm_up)
    expected = [0.1 * rate for rate in RATES[schedule, warm_up]]
    assert rates(settings, tmp_path, steps=5) == pytest.approx(expected, abs=2e-6)


# --- gradients added up


def plain_job(count: int, size: int) -> Job:
    """A regression without any randomness on ``count`` recordings in batches of ``size``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    speech = speech_of(np.random.default_rng(0).standard_normal((count, 4)).tolist())
    order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]

    def objective(batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = (network(batch.waves)[:, 0] - batch.waves.prod(1)).square().mean()
        return error, {"error": error}

    everything = speech.batch(range(count))

    def validate() -> Row:
        return {"fit": -objective(everything)[0].item()}

    return Job("plain", network, lambda epoch: (speech, order), objective, validate, lambda row: row["fit"])


def test_two_batches_of_four_step_like_one_of_eight(tmp_path: Path) -> None:
    settings = LoopSettings(epochs=3, learning_rate=0.01)
    one, two, four = plain_job(32, 8), plain_job(32, 4), plain_job(32, 4)
    large = fit(one, settings, tmp_path / "8")
    added = fit(two, settings.model_copy(update={"accumulate": 2}), tmp_path / "4 + 4")
    fit(four, settings, tmp_path / "4")
    for name, tensor in one.network.state_dict().items():
        torch.testing.assert_close(two.network.state_dict()[name], tensor, rtol=0, atol=1e-6)
    assert not torch.allclose(four.network[0].weight, one.network[0].weight, atol=1e-4)
    for row, expected in zip(history_of(added), history_of(large), strict=True):
        assert row == pytest.approx(expected, abs=1e-6)


def test_what_is_left_over_at_the_end_of_an_epoch_is_a_step_of_its_own(tmp_path: Path) -> None:
    """Three batches in twos: Adam steps twice, and the logged loss is the mean of all three."""
    positions: list[float] = []
    job = constant_gradient([1.0, 3.0, 2.0], positions)
    settings = LoopSettings(epochs=1, learning_rate=0.1, schedule="constant", warm_up=0.0, accumulate=2)
    progress = fit(job, settings, tmp_path)
    assert positions == pytest.approx([0.0, 0.0, -0.1], abs=1e-6)
    assert job.network.weight.item() == pytest.approx(-0.2, abs=1e-6)  # the gradients are 2, the mean of 1 and 3, and 2
    assert progress.history[0]["loss"] == pytest.approx(-0.1 * 2.0 / 3, abs=1e-6)


# --- early stop


def scripted(scores: list[float], hook: Hook = nothing) -> Job:
    """The toy job with validation scores that are given."""
    job, epoch = make_job(hook), {"now": 0}
    make = job.batches

    def batches(now: int) -> tuple[Speech, Sequence[Sequence[int]]]:
        epoch["now"] = now
        return make(now)

    job.batches, job.validate = batches, lambda: {"fit": scores[epoch["now"]]}
    return job


SCORES = [0.1, 0.5, 0.4, 0.5, 0.45, 0.9, 0.0]  # an equal score is no better one
STOPS = [(1, 1, 3), (2, 1, 4), (3, 1, 5), (4, 5, 7), (None, 5, 7)]


@pytest.mark.parametrize(("patience", "best", "epochs"), STOPS)
def test_patience_ends_a_training_that_gets_no_better(
    tmp_path: Path, patience: int | None, best: int, epochs: int
) -> None:
    settings = LoopSettings(epochs=7, patience=patience)
    job = scripted(SCORES)
    progress = fit(job, settings, tmp_path)
    assert (progress.best_epoch, len(progress.history)) == (best, epochs)
    with (tmp_path / "history.csv").open(newline="") as file:
        assert [float(row["fit"]) for row in csv.DictReader(file)] == SCORES[:epochs]

    def refuse(epoch: int, step: int) -> None:
        raise AssertionError("it has been stopped")

    again = scripted(SCORES, refuse)
    assert_same(again, fit(again, settings, tmp_path), job, progress)


def test_patience_counts_on_after_a_kill(tmp_path: Path) -> None:
    settings = LoopSettings(epochs=7, patience=3)
    with pytest.raises(KeyboardInterrupt):
        fit(scripted(SCORES, stop_at(3, 1)), settings, tmp_path)
    assert len(fit(scripted(SCORES), settings, tmp_path).history) == 5


# --- precision


def test_bf16_computes_in_bfloat16_and_learns(tmp_path: Path) -> None:
    job, kinds = plain_job(32, 8), set()
    job.network.register_forward_hook(lambda module, inputs, output: kinds.add((module.training, output.dtype)))
    full = plain_job(32, 8)
    settings = LoopSettings(epochs=60, learning_rate=0.03)
    half = fit(job, settings.model_copy(update={"precision": "bf16"}), tmp_path / "bf16")
    assert kinds == {(True, torch.bfloat16), (False, torch.float32)}  # validation reads as the final scores do
    assert {p.dtype for p in job.network.parameters()} == {torch.float32}
    assert half.best_score > 0.2 * half.history[0]["fit"]  # errors are negative: a fifth of the first is left
    exact = fit(full, settings, tmp_path / "no")
    assert half.best_score != exact.best_score


def test_each_training_has_its_own_precision(tmp_path: Path) -> None:
    """A run has several in one process, and accelerate would keep the first one's."""
    kinds = []
    for precision in ("bf16", "no", "bf16"):
        job = plain_job(8, 8)
        job.network.register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
        fit(job, LoopSettings(epochs=1, precision=precision), tmp_path / str(len(kinds)))
    half, exact = torch.bfloat16, torch.float32
    assert kinds == [half, exact, exact, exact, half, exact]  # a step and a validation each


@pytest.mark.skipif(torch.accelerator.is_available(), reason="fp16 can be had here")
def test_fp16_needs_an_accelerator(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"precision = fp16.*bf16"):
        fit(plain_job(8, 8), LoopSettings(epochs=1, precision="fp16"), tmp_path)


# --- trackers


def test_tensorboard_gets_every_epochs_row(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    progress = fit(make_job(), SETTINGS.model_copy(update={"tracker": "tensorboard"}), tmp_path)
    (path,) = tmp_path.rglob("events.out.tfevents.*")
    found = {
        (value.tag, event.step): value.tensor.float_val[0]
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    rows = progress.history
    expected = {(name, epoch): row[name] for epoch, row in enumerate(rows) for name in ("error", "fit")}
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-6)
    assert {step for _, step in found} == {0, 1, 2, 3}


def test_a_tracker_changes_nothing(tmp_path: Path, straight: tuple[Job, Progress]) -> None:
    pytest.importorskip("tensorboard")
    job = make_job()
    assert_same(job, fit(job, SETTINGS.model_copy(update={"tracker": "tensorboard"}), tmp_path), *straight)


def test_a_tracker_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"tracker = ledger: .*Choose between .*tensorboard"):
        fit(make_job(), SETTINGS.model_copy(update={"tracker": "ledger"}), tmp_path)


def test_a_tracker_that_is_not_installed_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: [])
    with pytest.raises(MissingExtra, match=r"tensorboard is not installed.*aclipse\[tracking\]"):
        fit(make_job(), SETTINGS.model_copy(update={"tracker": "tensorboard"}), tmp_path)
    assert not list(tmp_path.iterdir())  # found out before anything is trained


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_batch_whose_gradient_is_not_finite_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: float
) -> None:
    settings = LoopSettings(epochs=1, learning_rate=0.1, schedule="constant", warm_up=0.0)
    clean, spoiled = constant_gradient([1.0, 0.5], []), constant_gradient([1.0, bad, 0.5], [])
    fit(clean, settings, tmp_path / "clean")
    with caplog.at_level(logging.WARNING):
        fit(spoiled, settings, tmp_path / "spoiled")
    assert torch.equal(spoiled.network.weight, clean.network.weight)
    warned = [record.message for record in caplog.records]
    assert warned == ["slope: a batch gave a gradient that is not finite; skipped"]


def test_long_gradients_are_cut_to_the_limit(tmp_path: Path) -> None:
    """Adam's second step tells the ratio of two gradients: 100 counts as the limit, 5, after 1."""
    settings = LoopSettings(epochs=1, learning_rate=0.1, schedule="constant", warm_up=0.0, clip_norm=5.0)
    cut, five = constant_gradient([1.0, 100.0], []), constant_gradient([1.0, 5.0], [])
    fit(cut, settings, tmp_path / "cut")
    fit(five, settings, tmp_path / "five")
    torch.testing.assert_close(cut.network.weight, five.network.weight, rtol=0, atol=1e-6)


def test_frozen_weights_are_left_alone(tmp_path: Path) -> None:
    job = make_job()
    job.network[0].requires_grad_(False)
    before = job.network[0].weight.clone()
    fit(job, SETTINGS, tmp_path)
    assert torch.equal(job.network[0].weight, before)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    fit(make_job(), SETTINGS.model_copy(update={"epochs": 1}), tmp_path)
    with pytest.raises(RunError, match=r"checkpoint\.safetensors is the state of another network\. Delete its folder"):
        fit(constant_gradient([1.0], []), SETTINGS, tmp_path)


def test_a_score_that_is_never_a_number_is_refused(tmp_path: Path) -> None:
    job = make_job()
    job.validate = lambda: {"fit": float("nan")}
    with pytest.raises(RunError, match="toy: validation gave no score that is a number"):
        fit(job, SETTINGS, tmp_path)


def test_history_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    write_table(path, ["epoch", "wer"], [{"epoch": 0, "wer": 0.5}, {"epoch": 1, "wer": 0.25}])
    text = path.read_text()
    assert text.splitlines() == ["epoch,wer", "0,0.5", "1,0.25"]
    with pytest.raises(ValueError, match="extra"):
        write_table(path, ["epoch", "wer"], [{"epoch": 0, "wer": 0.5}, {"extra": 1.0}])
    assert path.read_text() == text


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"clip_norm": -1.0},
        {"schedule": "step"},
        {"accumulate": 0},
        {"warm_up": 1.0},
        {"warm_up": -0.1},
        {"patience": 0},
        {"precision": "half"},
        {"rate": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LoopSettings(**wrong)
