"""A small run folder as training and audit leave it, with made-up figures and tones for speech."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from aclipse.report.folder import RunFolder
from aclipse.report.rows import Attacker, Lesson, Pair, Purifier, Score, Setting, Slice, Spending

EMOTIONS = ["happy", "sad"]
SPLIT = "speaker-5fold/0 (seed 0) [5ab91c03d2e7]"
SCORE_HEADER = "subject,role,secret,metric,judge,knowledge,via,value,low,high,n,split"
CLIP_HEADER = "subject,role,metric,judge,knowledge,id,speaker,reference,prediction,value,weight"
SECRET_OF = {"wer": "words", "cer": "words", "entity_recall": "words", "sentence_accuracy": "sentence"} | {
    "sex_uar": "sex", "eer": "speaker", "tar_at_1far": "speaker", "uar": "emotion", "accuracy": "emotion",
}  # fmt: skip
CHANCE = {"uar": 0.25, "sentence_accuracy": 0.08, "sex_uar": 0.5, "eer": 0.5, "tar_at_1far": 0.01}
SUBJECTS = ("cascade", "identity", "silence", "low-pass", "white-noise")
LADDER = {  # (metric, level) → value for each of SUBJECTS
    ("uar", "ignorant"): (0.64, 0.70, 0.25, 0.66, 0.40),
    ("uar", "transferred"): (0.55, 0.68, 0.25, 0.60, 0.38),
    ("uar", "retrained"): (0.66, 0.71, 0.25, 0.68, 0.45),
    ("wer", "ignorant"): (0.90, 0.06, 1.00, 0.30, 0.84),
    ("wer", "transferred"): (0.97, 0.60, 1.00, 0.70, 0.90),
    ("wer", "purifying"): (0.70, 0.06, 1.00, 0.30, 0.60),
    ("wer", "retrained"): (0.15, 0.05, 1.00, 0.11, 0.25),
    ("wer", "purified"): (0.17, None, 1.00, None, None),
    ("wer", "scratch"): (0.31, 0.20, 1.00, 0.25, 0.40),
    ("wer", "inverting"): (0.40, None, None, None, None),
    ("sentence_accuracy", "ignorant"): (0.14, 0.96, 0.08, 0.30, 0.50),
    ("sentence_accuracy", "retrained"): (0.97, 0.99, 0.08, 0.98, 0.96),
    ("sex_uar", "ignorant"): (0.60, 0.96, 0.50, 0.90, 0.80),
    ("eer", "ignorant"): (0.49, 0.08, 0.50, 0.15, 0.30),
    ("tar_at_1far", "ignorant"): (0.30, 0.80, 0.01, 0.60, 0.30),
    ("snr_db", "none"): (4.8, None, 0.0, 13.0, 4.8),
    ("stoi", "none"): (0.61, 1.0, None, 0.78, 0.66),
    ("level_db", "none"): (-0.2, 0.0, None, -0.5, 1.3),
    ("seconds", "none"): (0.02, 0.0, 0.0, 0.004, 0.001),
}
ROLES = {"uar": "utility", "accuracy": "utility"} | dict.fromkeys(("snr_db", "stoi", "level_db", "seconds"), "quality")
JUDGES = {"words": "compact-words", "sentence": "compact-sentence", "sex": "compact-sex", "speaker": "xvector"} | {
    "emotion": "compact-emotion", "sound": "signal",
}  # fmt: skip
OTHER_FAMILY = {"words": "pocketsphinx", "emotion": "recurrent-emotion"}


def score(subject: str, metric: str, knowledge: str, value: float, spread: float | None = 0.03) -> Score:
    """A score with an interval of ``value`` ± ``spread``, or none."""
    emotional = metric.startswith("recall:")
    role = "utility" if emotional else ROLES.get(metric, "privacy")
    secret = "emotion" if emotional else SECRET_OF.get(metric, "sound")
    judge = OTHER_FAMILY.get(secret, "") if knowledge == "transferred" else JUDGES[secret]
    ends = (None, None) if spread is None else (value - spread, value + spread)
    via = "mp3" if knowledge in ("purifying", "purified") and subject != "identity" else ""
    return Score(subject, role, metric, judge, knowledge, value, *ends, n=8, split=SPLIT, secret=secret, via=via)


def example_scores() -> list[Score]:
    """The cascade hides words from the ignorant recogniser only; low-pass does nothing; noise destroys emotion."""
    scores = [
        score(subject, metric, knowledge, value)
        for i, subject in enumerate(SUBJECTS)
        for (metric, knowledge), values in LADDER.items()
        if (value := values[i]) is not None
    ]
    scores.append(score("identity", "wer", "shuffled", 0.98))
    recall = [(name, LADDER["uar", "ignorant"][i]) for i, name in enumerate(SUBJECTS)]
    return scores + [score(name, f"recall:{e}", "ignorant", value) for name, value in recall for e in EMOTIONS]


def toy(scores: list[Score] | None = None, chance: dict[str, float] | None = None, **parts: Any) -> RunFolder:
    """A run of nothing but scores, and what else is given."""
    own = example_scores() if scores is None else scores
    return RunFolder(Path("toy"), own, CHANCE if chance is None else chance, **parts)


def attacker_rows() -> list[Attacker]:
    """The retrained and the from-scratch attackers of words, on clean speech and on the cascade's."""
    return [
        Attacker(name, "words", "compact-words", level, "", 1500, 62.5, 8, 6, 0, before, after, 90.0)
        for name, level, before, after in (
            ("identity", "retrained", -0.06, -0.05),
            ("identity", "scratch", -1.0, -0.2),
            ("cascade", "retrained", -0.9, -0.15),
            ("cascade", "scratch", -1.0, -0.31),
        )
    ]


def lesson_rows() -> list[Lesson]:
    """Two learning curves that flatten."""
    return [
        Lesson("cascade", "words", "compact-words", level, 1500, 0, epoch, 2.0 / (epoch + 1), end - 0.5**epoch)
        for level, end in (("retrained", -0.15), ("scratch", -0.31))
        for epoch in range(6)
    ]


def budget_rows() -> list[Spending]:
    """The word error rate falls with clips, and no longer from 800 on; a second seed for one of them."""
    steps = {0: 0.90, 50: 0.62, 200: 0.35, 800: 0.16, 1500: 0.15}
    return [
        Spending(
            "cascade", "words", "wer", "compact-words", "retrained", clips, clips / 24, 0, wer, wer - 0.03, wer + 0.03
        )
        for clips, wer in steps.items()
    ] + [Spending("cascade", "words", "wer", "compact-words", "retrained", 50, 50 / 24, 1, 0.60, 0.57, 0.63)]


def purifier_rows() -> list[Purifier]:
    """Three purifiers, one of them chosen."""
    told = (("none", -0.90, 0), ("mp3", -0.70, 1), ("spectral-subtraction", -0.85, 0))
    return [Purifier("cascade", "words", name, value, chosen) for name, value, chosen in told]


def slice_rows() -> list[Slice]:
    """Women's words are hidden clearly worse than men's."""
    told = (("sex", "female", 0.10), ("sex", "male", 0.20), ("emotion", "happy", 0.15), ("emotion", "sad", 0.16))
    return [
        Slice("cascade", "wer", "compact-words", "retrained", by, group, value, value - 0.03, value + 0.03, 4)
        for by, group, value in told
    ]


def pair_rows() -> list[Pair]:
    """The cascade beats low-pass a little and loses to noise."""
    return [
        Pair("cascade", other, "wer", "compact-words", "retrained", gap, gap - 0.02, gap + 0.02, p, 8)
        for other, gap, p in (("low-pass", 0.04, 0.012), ("white-noise", -0.10, 0.0004), ("silence", -0.01, 0.4))
    ]


def setting_rows() -> list[Setting]:
    """A sweep of the cascade's strength and of noise, for two levels."""
    return [
        Setting(f"{method}-{x}", method, knob, x, metric, judge, level, value, value - 0.02, value + 0.02, 8)
        for method, knob, settings in (("cascade", "strength", (0.5, 1.0)), ("white-noise", "snr_db", (0.0, 10.0)))
        for x in settings
        for level, lift in (("ignorant", 0.5), ("retrained", 0.0))
        for metric, judge, value in (
            ("wer", "compact-words", 0.1 + lift + 0.02 * x),
            ("uar", "compact-emotion", 0.6 - 0.01 * x),
        )
    ]


AUDIT = {"level": "standard", "left_out": ["The listener whisper for words is left out: transformers is missing"]}


def write_run(folder: Path, subject: str = "cascade", said: str = "Call me at nine", clip: str = "c{}") -> Path:
    """Write everything a finished and audited run holds that a report reads."""
    about = {
        "aclipse": "0.1.0",
        "recipe": {"cascade": {"epochs": 4, "note": said}},
        "corpus": {"name": "toy", "hash": "9f2c41d07be3", "clips": 8, "speakers": 4, "emotions": EMOTIONS},
        "split": {"name": "speaker-5fold/0 (seed 0)", "hash": "5ab91c03d2e7", "train": 4, "validation": 2, "test": 2},
        "seed": 0,
        "environment": {"python": "3.11.7", "threads": 1},
        "created": "2025-11-22T09:14:03+00:00",
        "weights": {"emotion": "1f0c9e77ab21", "words": "c28d5510f3aa", "cascade": "7be0419d6c58"},
    }
    write(folder / "run.json", json.dumps(about))
    write(folder / "audit" / "chance.json", json.dumps(CHANCE))
    write(folder / "emotion" / "history.csv", "epoch,loss,validation,seconds\n0,1.3,0.5,1\n1,0.9,0.7,1\n")
    write(folder / "words" / "history.csv", "epoch,loss,validation,seconds\n0,3.0,-0.4,1\n1,1.0,-0.1,1\n")
    write(folder / "cascade" / "history.csv", HISTORY)
    scores = [[name_of(s.subject, subject), *columns(s)] for s in example_scores()]
    table(folder / "audit" / "scores.csv", SCORE_HEADER, scores)
    write(folder / "audit" / "audit.json", json.dumps(AUDIT))
    for name, rows in EXTRA.items():
        write_rows(folder / "audit" / f"{name}.csv", rows(), subject)
    ids = [clip.format(i) for i in range(2)]
    table(folder / "audit" / "clips.csv", CLIP_HEADER, list(clip_rows(ids, subject, said)))
    for name, gain in (("original", 0.5), (subject, 0.1)):
        for i, each in enumerate(ids):
            path = folder / "audit" / "listen" / name / f"{each}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(500.0 * (i + 1), gain), 16_000)
    return folder


EXTRA = {
    "attackers": attacker_rows,
    "learning": lesson_rows,
    "budget": budget_rows,
    "purifiers": purifier_rows,
    "slices": slice_rows,
    "pairs": pair_rows,
    "frontier": setting_rows,
}


def write_rows(path: Path, rows: list[Any], subject: str) -> None:
    """Write dataclasses as a table, the cascade under the name of ``subject``."""
    header = [field.name for field in fields(rows[0])]
    table(path, ",".join(header), [[name_of(str(first), subject), *rest] for first, *rest in map(astuple, rows)])


HISTORY = """epoch,cross_entropy,ctc,accuracy,uar,wer,snr_db,seconds,stage,chosen
0,1.0,0.4,0.7,0.69,0.1,18,30,1,0
1,1.8,4.1,0.4,0.38,0.9,2,30,1,0
2,1.2,4.0,0.6,0.58,0.8,3,30,2,1
3,1.1,3.9,0.6,0.59,0.7,4,30,2,0
"""


def tone(frequency: float, gain: float = 0.5, seconds: float = 0.5) -> np.ndarray:
    """A sine at 16 kHz."""
    return (gain * np.sin(2 * np.pi * frequency * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.float32)


def name_of(subject: str, protector: str) -> str:
    return protector if subject == "cascade" else subject


def columns(s: Score) -> list[object]:
    return [s.role, s.secret, s.metric, s.judge, s.knowledge, s.via, s.value, s.low, s.high, s.n, s.split]


def clip_rows(ids: list[str], subject: str, said: str) -> Iterable[list[object]]:
    for i, each in enumerate(ids):
        for name, knowledge, heard in (
            ("identity", "ignorant", said),
            (subject, "ignorant", "tall tree"),
            (subject, "retrained", "call me at night"),
        ):
            place = [name, "privacy", "wer", "compact-words", knowledge, each, f"s{i}"]
            yield [*place, said, heard, 1, len(said.split())]
            read = EMOTIONS[0] if name == subject else EMOTIONS[i]
            place = [name, "utility", "emotion", "compact-emotion", knowledge, each, f"s{i}"]
            yield [*place, EMOTIONS[i], read, int(read == EMOTIONS[i]), 1]


def table(path: Path, header: str, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
