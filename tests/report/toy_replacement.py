"""The small run folder as that of a replacement autoencoder: one vector a recording leaves the device."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from toy_cloak import moved
from toy_run import CLIP_HEADER, SCORE_HEADER, SPLIT, columns, table, toy, write, write_run

from aclipse.audio.functionals import size
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import Roles
from aclipse.report.folder import RunFolder
from aclipse.report.rows import Attacker, Lesson, Pair, Score, Slice, Spending
from aclipse.training.projection import Projection, ProjectionSettings, Ranges

ASKED = {
    "neutral": ["neutral"], "required": ["sad"], "sensitive": ["happy", "angry"], "embeddings": [4, 12],
    "reversal": 0.5, "weight": 0.1, "guide": 1.0, "redraw": True, "same_sex": False, "draw": False,
}  # fmt: skip
FUNCTIONALS = {"kind": "log-mel", "normalisation": "speaker", "components": 8}
RECIPE: dict[str, Any] = {"release": "functionals", "seed": 3, "replacement": ASKED, "functionals": FUNCTIONALS}
CHANCE = {"uar": 0.5, "sentence_accuracy": 0.08, "sex_uar": 0.5, "sensitive_uar": 1 / 3}
SUBJECTS = ("replacement", "identity", "silence", "low-pass", "white-noise")
LADDER = {  # (metric, level) → value for each of SUBJECTS
    ("uar", "ignorant"): (0.81, 0.82, 0.50, 0.80, 0.78),
    ("uar", "transferred"): (0.80, 0.85, 0.50, 0.81, 0.78),
    ("uar", "retrained"): (0.82, 0.82, 0.50, 0.81, 0.79),
    ("sensitive_uar", "ignorant"): (1 / 3, 0.81, 1 / 3, 0.79, 0.75),
    ("sensitive_uar", "retrained"): (0.71, 0.83, 1 / 3, 0.79, 0.74),
    ("sentence_accuracy", "ignorant"): (0.52, 0.96, 0.08, 0.84, 0.86),
    ("sentence_accuracy", "retrained"): (0.55, 0.96, None, None, None),
    ("sex_uar", "ignorant"): (0.57, 0.81, 0.50, 0.62, 0.69),
    ("sex_uar", "retrained"): (0.60, 0.81, None, None, None),
    ("snr_db", "none"): (1.4, None, 0.0, 3.2, 1.4),
    ("level_db", "none"): (-7.0, 0.0, -120.0, -0.2, 2.3),
    ("seconds", "none"): (0.1, 0.09, 0.14, 0.13, 0.09),
}
SECRET_OF = {"uar": "emotion", "sensitive_uar": "sensitive", "sentence_accuracy": "sentence", "sex_uar": "sex"}
BESIDE = {"cascade": 0.1, "cloak-sound": 0.02, "replacement rae-sad-drawn": -0.2}  # by how much more of all is told
HISTORIES = {
    "guide": "epoch,loss,uar,seconds\n0,0.9,0.6,1\n1,0.5,0.7,1\n",
    "embedding-4": "epoch,error,sex,guide,seconds\n0,1.2,0.75,1.1,1\n1,0.9,0.69,0.2,1\n",
    "embedding-12": "epoch,error,sex,guide,seconds\n0,1.3,0.70,1.2,1\n1,0.7,0.68,0.1,1\n2,0.8,0.67,0.1,1\n",
}


def scores() -> list[Score]:
    """Sensitive emotions are hidden from who does not retrain, and from nobody else."""
    return [
        _score(subject, metric, knowledge, value)
        for i, subject in enumerate(SUBJECTS)
        for (metric, knowledge), values in LADDER.items()
        if (value := values[i]) is not None
    ]


def beside() -> list[Score]:
    """The same with other runs' protections beside, each so far away."""
    own = [s for s in scores() if s.subject == "replacement"]
    return scores() + [moved(s, name, gap) for name, gap in BESIDE.items() for s in own]


def toy_replacement(own: list[Score] | None = None, **asked: Any) -> RunFolder:
    """A run of nothing but scores."""
    about = {"recipe": {**RECIPE, "replacement": {**ASKED, **asked}}}
    return toy(scores() if own is None else own, chance=CHANCE, about=about)


def write_vectors_run(folder: Path, own: list[Score] | None = None, **functionals: Any) -> Path:
    """Write what a finished and audited run on vectors holds: its autoencoder, all histories, its audit."""
    write_run(folder, subject="replacement")
    for part in ("cascade", "words", "audit"):
        shutil.rmtree(folder / part)
    about = json.loads((folder / "run.json").read_text("utf-8"))
    about["recipe"] = {**RECIPE, "functionals": {**FUNCTIONALS, **functionals}}
    about["weights"] = {"emotion": "1f0c9e77ab21", "replacement": "7be0419d6c58"}
    about["corpus"]["emotions"] = ["neutral", "happy", "sad", "angry"]
    write(folder / "run.json", json.dumps(about))
    for part, text in HISTORIES.items():
        write(folder / "replacement" / part / "history.csv", text)
    fitted().save(folder / "replacement" / "weights.safetensors")
    audit = folder / "audit"
    write(audit / "chance.json", json.dumps(CHANCE))
    write(audit / "audit.json", json.dumps({"level": "quick", "left_out": []}))
    table(audit / "scores.csv", SCORE_HEADER, [[s.subject, *columns(s)] for s in own or scores()])
    table(audit / "clips.csv", CLIP_HEADER, list(_clips()))
    for name, rows in _TABLES.items():
        table(audit / f"{name}.csv", ",".join(rows[0].__dataclass_fields__), [list(_values(row)) for row in rows])
    return folder


def fitted() -> Replacement:
    """An autoencoder that has learned nothing, of 12 numbers in its middle."""
    count = size("log-mel")
    ends = Ranges(np.zeros(count, np.float32), np.ones(count, np.float32))
    settings = ProjectionSettings(**FUNCTIONALS)
    projection = Projection(settings, {"": ends}, ends.low, np.eye(8, count, dtype=np.float32))
    return Replacement(ReplacementNetwork(8, 12), projection, Roles())


def _score(subject: str, metric: str, knowledge: str, value: float) -> Score:
    secret = SECRET_OF.get(metric, "sound")
    role = "utility" if secret == "emotion" else "quality" if secret == "sound" else "privacy"
    family = "signal" if role == "quality" else f"{'linear' if knowledge == 'transferred' else 'dense'}-{secret}"
    ends = (value, value) if value == 1 / 3 else (value - 0.03, value + 0.03)
    return Score(subject, role, metric, family, knowledge, value, *ends, n=8, split=SPLIT, secret=secret)


def _clips() -> Iterator[list[object]]:
    """Who does not retrain takes every vector for none of the sensitive ones."""
    told = {"c0": ("happy", "other"), "c1": ("other", "sad")}  # sensitive and required
    for name in ("identity", "replacement"):
        for clip, (sensitive, emotion) in told.items():
            read = sensitive if name == "identity" else "other"
            for secret, truth, heard in (("sensitive", sensitive, read), ("emotion", emotion, emotion)):
                place = [name, "privacy", secret, f"dense-{secret}", "ignorant", clip, "s0"]
                yield [*place, truth, heard, int(truth == heard), 1]


def _values(row: Any) -> Iterator[Any]:
    return (getattr(row, name) for name in row.__dataclass_fields__)


_SEX = Slice("replacement", "sex_uar", "dense-sex", "retrained", "emotion", "sad", 0.69, 0.55, 0.81, 4)
_TABLES: dict[str, list[Any]] = {
    "attackers": [
        Attacker("replacement", "sensitive", "dense-sensitive", "retrained", "", 300, 0.0, 8, 5, 0, 0.33, 0.63, 0.6)
    ],
    "learning": [
        Lesson("replacement", "sensitive", "dense-sensitive", "retrained", 300, 0, epoch, 0.5, 0.5 + 0.02 * epoch)
        for epoch in range(4)
    ],
    "budget": [
        Spending("replacement", "sensitive", "sensitive_uar", "dense-sensitive", level, clips, 0.0, 0, value, 0.3, 0.8)
        for level, clips, value in (("ignorant", 0, 1 / 3), ("retrained", 300, 0.71))
    ],
    "slices": [_SEX, replace(_SEX, metric="sensitive_uar", judge="dense-sensitive", by="sex", group="female")],
    "pairs": [
        Pair("replacement", "white-noise", "sensitive_uar", "dense-sensitive", "retrained", -0.03, -0.08, 0.01, 0.2, 8)
    ],
}
