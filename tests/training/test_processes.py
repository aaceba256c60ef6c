"""Several processes: they share the work, end with the weights of one process, and leave one run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from aclipse.corpora.manifest import Manifest
from aclipse.experiments.audit import audit
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.run import load_cascade, reopen, train
from aclipse.records import Run, file_hash
from aclipse.training import checkpoint, processes
from aclipse.training.batches import read_all

# `--cpu` would start one process only; `--multi_gpu` starts two, and the environment keeps them off any GPU
TWO = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port 0"
LAUNCH = ["-m", "accelerate.commands.launch", *TWO.split()]

SCRIPT = '''
"""Trains a small network without any randomness for two epochs, goes on to the fourth, and reads all clips."""
import json, sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aclipse.audio.signal import mask_of
from aclipse.contracts import Clip
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech, read_all
from aclipse.training.loop import Job, LoopSettings, fit

folder = Path(sys.argv[1])
random = np.random.default_rng(0)
labels = [("low", "high")[random.integers(2)] for _ in range(21)]
clips = [Clip(f"c{i}", Path(), emotion=label) for i, label in enumerate(labels)]
tones = [np.sin((0.2 if label == "low" else 0.5) * np.arange(random.integers(500, 900))) for label in labels]
speech = Speech(clips, [(tone + random.normal(0, 0.5, len(tone))).astype(np.float32) for tone in tones])


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, waves, lengths):
        waves = waves * mask_of(lengths, waves.shape[-1])
        lags = [5 * (waves[:, lag:] * waves[:, : waves.shape[1] - lag]).sum(1) / lengths for lag in range(1, 5)]
        return self.layers(torch.stack(lags, 1))

    def read(self, waves, lengths):
        return [("low", "high")[i] for i in self(waves, lengths).argmax(1).tolist()]


def job():
    reader = Reader()

    def objective(batch):
        index = torch.tensor([clip.emotion == "high" for clip in batch.clips]).long()
        loss = nn.functional.cross_entropy(reader(batch.waves, batch.lengths), index)
        return loss, {"loss": loss}

    def validate():
        readings = read_all(reader, speech, 4)
        return {"accuracy": sum(r == label for r, label in zip(readings, labels)) / len(labels)}

    # batches of four and a last one of one clip: the second process has nothing to do there
    batches = lambda epoch: (speech, speech.shuffled(4, epoch))
    return Job("toy", reader, batches, objective, validate, lambda row: -row["loss"])


for epochs in (2, 4):
    task = job()
    settings = LoopSettings(epochs=epochs, learning_rate=0.05, schedule="constant", warm_up=0.0, accumulate=2)
    progress = fit(task, settings, folder)
index = 0 if processes.is_main() else 1
readings = read_all(task.network, speech, 3)
rows = [{k: v for k, v in row.items() if k != "seconds"} for row in progress.history]
facts = {"processes": len(processes.together([index])), "readings": readings, "history": rows}
checkpoint.save(folder / f"{index}.safetensors", task.network.state_dict(), facts)
'''


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the processor, with no settings of whoever runs the tests."""
    mine = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, env={**os.environ, **mine}
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_two_processes_end_with_the_weights_and_readings_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    run(tmp_path, str(script), str(tmp_path / "one"))
    run(tmp_path, *LAUNCH, str(script), str(tmp_path / "two"))
    (expected, alone), *both = (
        checkpoint.load(tmp_path / name) for name in ("one/0.safetensors", "two/0.safetensors", "two/1.safetensors")
    )
    assert alone["processes"] == 1 and set(alone["readings"]) == {"low", "high"}
    assert [row["epoch"] for row in alone["history"]] == [0, 1, 2, 3]
    for tensors, facts in both:
        assert facts["processes"] == 2
        assert facts["readings"] == alone["readings"]
        for name, tensor in expected.items():
            torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=1e-6)
        for row, same in zip(facts["history"], alone["history"], strict=True):
            assert row == pytest.approx(same, abs=1e-6)
    assert all(torch.equal(both[0][0][name], both[1][0][name]) for name in expected)
    assert not (tmp_path / "one" / "1.safetensors").exists()


@pytest.mark.slow
def test_two_processes_train_a_run_that_one_can_go_on_with(
    recipe: Recipe, recipe_toml: Path, corpus: Manifest, corpus_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    done = run(
        tmp_path, *LAUNCH, "-m", "aclipse", "train", str(recipe_toml), "--corpus", str(corpus_csv), "-o", str(folder)
    )
    assert done.stdout == f"trained → {folder}. Next: aclipse audit {folder}\n"  # said once
    assert done.stderr.count("emotion 1/4") == done.stderr.count("stage 2 2/2") == 1
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".csv", ".safetensors"}

    before = {path: file_hash(path) for path in folder.rglob("*") if path.is_file()}
    facts = train(recipe, corpus, folder, resume=True).facts
    assert {path: file_hash(path) for path in folder.rglob("*") if path.is_file()} == before
    assert facts["weights"] == {part: file_hash(Run(folder).weights(part)) for part in ("emotion", "words", "cascade")}

    prepared = reopen(folder)
    for part, guide in (("emotion", prepared.guides.emotion), ("words", prepared.guides.words)):
        task_score = checkpoint.load(Run(folder).weights(part))[1]["validation"]
        assert json.loads(json.dumps(task_score)) == pytest.approx(score(part, guide, prepared.speech["validation"]))
    assert load_cascade(folder).network.so.head.weight.any()
    scores = audit(folder, ["audit.baselines=[]", "audit.rungs=[]", "audit.shuffled=false", "audit.listen=0"])
    assert "cascade" in scores.read_text("utf-8")


def score(part: str, guide: Any, speech: Any) -> float:
    """What the frozen recogniser of a run scores on validation clips, in one process."""
    from aclipse.attackers.words import WORDS
    from aclipse.evaluators.emotion import EMOTION

    task = {"emotion": EMOTION, "words": WORDS}[part]
    return task.score([task.target(clip) for clip in speech.clips], read_all(guide, speech))


def test_one_process_has_all_the_work_to_itself() -> None:
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(3, 2)).sum().backward()
    processes.sum_gradients(layer)
    processes.wait()
    assert processes.is_main() and processes.share([1, 2, 3]) == processes.together([1, 2, 3]) == [1, 2, 3]
    assert layer.weight.grad.tolist() == [[3.0, 3.0]]
    assert processes.weighted_sum({"loss": torch.tensor(4.0, requires_grad=True)}, 0.25)["loss"].item() == 1.0
