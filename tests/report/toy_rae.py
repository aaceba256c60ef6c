"""Tables of the replacement autoencoder's studies as they might come out, with made-up figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
TABLE1 = ["corpus", "emotion", "clips", "speakers", "paper"]
_TAIL = ["value", "std", "low", "high", "change", "change_low", "change_high", "clips", "snr_db", "chance", "paper"]
TABLE3 = ["scenario", "method", "attacker", "role", "metric", *_TAIL, "split"]
TABLE4 = ["scenario", "method", "attacker", "metric", *_TAIL, "split"]
FIG3 = ["scenario", "method", "attacker", "truth", "read", "share", "clips", "rotation", "split"]
COLUMNS = {"rae-table1": TABLE1, "rae-table3": TABLE3, "rae-table4": TABLE4, "rae-fig3": FIG3}
SPLIT = "rotation (seed 0) [0a1b 2c3d]"
READERS = ("risk", "retrained")
ROLES = ("neutral", "required", "sensitive")
METHODS = ("raw", "rae", "rae + grl", "guided", "drawn", "noise", "nothing")
SCENARIOS = ("happy", "sad", "angry")
READ = {  # by the paper's attacker: F1 of neutral, required, sensitive; by one that retrains: required, sensitive; UAR
    "raw": (56.0, 65.0, 78.0),  # where the second is the first
    "rae": (43.0, 61.0, 14.0, 62.0, 74.0, 60.0),
    "rae + grl": (41.0, 58.0, 12.0, 60.0, 72.0, 58.0),
    "guided": (45.0, 62.0, 8.0, 61.0, 71.0, 57.0),
    "drawn": (44.0, 55.0, 6.0, 52.0, 68.0, 45.0),
    "noise": (30.0, 40.0, 61.0, 45.0, 70.0, 48.0),
    "nothing": (41.0, 0.0, 0.0, 0.0, 68.6, 33.3),
}
TOLD = {  # AUC against neutral clips, of who learns it and of who has the device
    "raw": (90.0,), "rae": (88.0, 75.0), "rae + grl": (85.0, 72.0), "guided": (84.0, 70.0), "drawn": (53.0, 51.0),
    "noise": (70.0,), "nothing": (50.0,),
}  # fmt: skip
PRIVACY = {  # P of the paper's attacker, and of one that retrains
    "raw": (29.0,), "rae": (41.8, 25.0), "rae + grl": (44.0, 20.0), "guided": (46.5, 30.0), "drawn": (47.0, 49.0),
    "noise": (48.0, 40.0), "nothing": (50.0, 50.0),
}  # fmt: skip
PAPER = {"raw": (56.0, 64.8, 78.5), "rae": (43.0, 61.0, 3.6), "rae + grl": (41.2, 58.4, 2.2)}  # its second scenario
CLIPS = {"neutral": 200, "required": 230, "sensitive": 470}
CHANCE = {"neutral": 26.7, "required": 28.9, "sensitive": 40.7, "all": 33.3}


def write(folder: Path, name: str, rows: Sequence[Row], corpora: Sequence[str] = ("crema-d", "ravdess")) -> Path:
    """A study's CSV table and what it was made with; gives the table's place."""
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[name], restval="")
        writer.writeheader()
        writer.writerows(rows)
    made_with = {"study": "A study", "corpus": "+".join(corpora), "corpus hash": "0a", "corpora": list(corpora)}
    made_with |= {"seed": 0, "folds": 2, "repeats": 1, "changed settings": [], "functionals": "compare"}
    made_with |= {
        "normalisation": "speaker",
        "components": 256,
        "scenarios": {"sad": {"sensitive": ["happy", "angry"]}},
    }
    (folder / f"{name}.json").write_text(json.dumps(made_with))
    return folder / f"{name}.csv"


def as_text(rows: Sequence[Row], name: str = "rae-table3") -> list[dict[str, str]]:
    """Rows as they come out of a CSV file."""
    return [{column: str(row.get(column, "")) for column in COLUMNS[name]} for row in rows]


def scored(value: float, aside: float = 3.0, **more: Any) -> Row:
    """A figure, its interval so many points on either side, and where it was measured."""
    numbers = {"value": value, "std": "", "low": round(max(value - aside, 0), 1), "high": round(value + aside, 1)}
    return numbers | {"clips": 900, "snr_db": "", "split": SPLIT} | more


def emotions(scenarios: Sequence[str] = SCENARIOS, methods: Sequence[str] = METHODS) -> list[Row]:
    """rae-table3 of some scenarios and methods."""
    return [row for scenario in scenarios for method in methods for row in _emotions(scenario, method)]


def _emotions(scenario: str, method: str) -> list[Row]:
    place = {"scenario": scenario, "method": method, "snr_db": "" if method == "raw" else -3.25}
    return [scored(value, **row, **place) for row, value in (*_risk(method), *_retrained(method), *_told(method))]


def _risk(method: str) -> list[tuple[Row, float]]:
    """What the paper's attacker reads: F1, recall, and the share that it still reads."""
    found: list[tuple[Row, float]] = []
    for place, role in enumerate(ROLES):
        own, value, before = {"attacker": "risk", "role": role}, READ[method][place], READ["raw"][place]
        moved = _moved(value - before) if method != "raw" else {}
        f1 = {"metric": "f1", "chance": CHANCE[role], "paper": PAPER[method][place] if method in PAPER else ""}
        found.append((own | f1 | moved, value))
        found.append((own | {"metric": "recall", "chance": 33.3, "clips": CLIPS[role]}, value))
        found.append((own | {"metric": "u", "paper": 81.5 if method == "rae" else ""}, 100 * value / before))
    return found


def _retrained(method: str) -> list[tuple[Row, float]]:
    found: list[tuple[Row, float]] = []
    for role, value in zip(("required", "sensitive", "all"), READ[method][3:], strict=method != "raw"):
        own = {"attacker": "retrained", "role": role, "metric": "uar" if role == "all" else "f1"}
        moved = _moved(value - READ["raw"][2]) if role == "sensitive" else {}
        found.append((own | {"chance": CHANCE[role]} | moved, value))
    return found


def _told(method: str) -> list[tuple[Row, float]]:
    return [
        ({"attacker": attacker, "role": "sensitive", "metric": metric, "chance": 50.0}, value - shift)
        for attacker, value in zip(("replaced?", "again"), TOLD[method], strict=False)
        for metric, shift in (("auc neutral", 0.0), ("auc all", 4.0))
    ]


def _moved(points: float) -> Row:
    return {"change": round(points, 1), "change_low": round(points - 2, 1), "change_high": round(points + 2, 1)}


def sexes(scenarios: Sequence[str] = SCENARIOS, methods: Sequence[str] = METHODS) -> list[Row]:
    """rae-table4 of some scenarios and methods."""
    found = []
    for scenario in scenarios:
        for method in methods:
            for attacker, privacy in zip(READERS, PRIVACY[method], strict=False):
                place = {"scenario": scenario, "method": method, "attacker": attacker, "chance": 50.0}
                paper = 44.0 if (method, attacker) == ("rae + grl", "risk") else ""
                found.append(scored(99 - privacy, metric="leakage", **place))
                found.append(scored(privacy, metric="privacy", paper=paper, **place))
                found.append(scored(100 - privacy, metric="uar", **place))
    return found


def confusions(scenarios: Sequence[str] = SCENARIOS, methods: Sequence[str] = METHODS) -> list[Row]:
    """rae-fig3 of some scenarios and methods."""
    raw = {"neutral": (70, 12, 18), "required": (15, 60, 25), "sensitive": (10, 8, 82)}
    replaced = {"neutral": (85, 5, 10), "required": (30, 62, 8), "sensitive": (80, 14, 6)}
    return [
        {"scenario": scenario, "method": method, "attacker": attacker, "truth": truth, "read": label, "share": share,
         "clips": 300, "rotation": 0, "split": SPLIT}
        for scenario in scenarios
        for method in methods
        for attacker in READERS[: 1 + (method != "raw")]
        for truth, shares in (replaced if attacker == "risk" and method not in ("raw", "noise") else raw).items()
        for label, share in zip(ROLES, shares, strict=True)
    ]  # fmt: skip


def corpora() -> list[Row]:
    """rae-table1 of a corpus that the paper has, and of another."""
    return [
        {"corpus": "crema-d", "emotion": "sad", "clips": 1271, "speakers": 91, "paper": 1271},
        {"corpus": "crema-d", "emotion": "all", "clips": 4900, "speakers": 91, "paper": 4900},
        {"corpus": "mine", "emotion": "sad", "clips": 3, "speakers": 2},
    ]
