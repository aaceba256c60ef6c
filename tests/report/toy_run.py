"""A small run folder as training and audit leave it, with made-up figures and tones for speech."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from aclipse.report.folder import Score

EMOTIONS = ["happy", "sad"]
SPLIT = "speaker-5fold/0 (seed 0) [5ab91c03d2e7]"
SCORE_HEADER = "subject,role,metric,judge,knowledge,value,low,high,n,split"
CLIP_HEADER = "subject,role,metric,judge,knowledge,id,speaker,reference,prediction,value,weight"
ROLES = {"uar": "utility", "accuracy": "utility", "wer": "privacy", "sentence_accuracy": "privacy"}
JUDGES = {"uar": "compact-emotion", "accuracy": "compact-emotion", "wer": "compact-words"} | {
    "sentence_accuracy": "compact-sentence"
}


def score(subject: str, metric: str, knowledge: str, value: float, spread: float | None = 0.03) -> Score:
    """A score with an interval of ``value`` ± ``spread``, or none."""
    emotional = metric.startswith("recall:")
    role = "utility" if emotional else ROLES.get(metric, "quality")
    judge = "compact-emotion" if emotional else JUDGES.get(metric, "signal")
    ends = (None, None) if spread is None else (value - spread, value + spread)
    return Score(subject, role, metric, judge, knowledge, value, *ends, n=8, split=SPLIT)


def example_scores() -> list[Score]:
    """The cascade hides words from the frozen recogniser only; low-pass does nothing; noise destroys emotion."""
    table = {  # uar frozen, uar retrained, wer frozen, wer retrained, sentence retrained, snr, stoi, level
        "cascade": (0.64, 0.66, 0.90, 0.15, 0.97, 4.8, 0.61, -0.2),
        "identity": (0.70, 0.71, 0.06, 0.05, 0.99, None, 1.0, 0.0),
        "silence": (0.25, 0.25, 1.0, 1.0, 0.08, 0.0, None, None),
        "low-pass": (0.66, 0.68, 0.30, 0.11, 0.98, 13.0, 0.78, -0.5),
        "white-noise": (0.40, 0.45, 0.84, 0.25, 0.96, 4.8, 0.66, 1.3),
    }
    metrics = [("uar", "frozen"), ("uar", "retrained"), ("wer", "frozen"), ("wer", "retrained")]
    metrics += [("sentence_accuracy", "retrained"), ("snr_db", "none"), ("stoi", "none"), ("level_db", "none")]
    scores = [
        score(subject, metric, knowledge, value)
        for subject, values in table.items()
        for (metric, knowledge), value in zip(metrics, values, strict=True)
        if value is not None
    ]
    return scores + [score(name, f"recall:{e}", "frozen", row[0]) for name, row in table.items() for e in EMOTIONS]


CHANCE = {"uar": 0.25, "sentence_accuracy": 0.08}


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
    ids = [clip.format(i) for i in range(2)]
    table(folder / "audit" / "clips.csv", CLIP_HEADER, list(clip_rows(ids, subject, said)))
    for name, gain in (("original", 0.5), (subject, 0.1)):
        for i, each in enumerate(ids):
            path = folder / "audit" / "listen" / name / f"{each}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(500.0 * (i + 1), gain), 16_000)
    return folder


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
    return [s.role, s.metric, s.judge, s.knowledge, s.value, s.low, s.high, s.n, s.split]


def clip_rows(ids: list[str], subject: str, said: str) -> Iterable[list[object]]:
    for i, each in enumerate(ids):
        for name, knowledge, heard in (
            ("identity", "frozen", said),
            (subject, "frozen", "tall tree"),
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
