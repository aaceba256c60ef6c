"""The paper's tables and figures as drawn: cells of hand-made tables stand where they belong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aclipse.report import reproduced

PLACE = {"backbone": "hubert-base", "split": "speaker-kfold [0a1b 2c3d]"}


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made_with = {"study": "A study", "corpus": "tones", "corpus hash": "0a", "weights": {"hubert-base": "tiny"}}
    made_with |= {"folds": 1, "repeats": 2, "changed settings": ["cascade.epochs=4"]}
    path.with_suffix(".json").write_text(json.dumps(made_with))
    return path


def scores(**place: str) -> list[dict[str, object]]:
    """WA, UAR, WER and SNR of one place."""
    numbers = {"wa": ("79.75", 70.0), "uar": ("", 60.0), "wer": ("17.12", 15.0), "snr_db": ("", "nan")}
    return [
        {**place, "metric": metric, "paper": paper, "mean": mean, "std": 1.0, "low": 50.0, "high": 80.0,
         "repeats": 5, "clips": 100}
        for metric, (paper, mean) in numbers.items()
    ]  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_table_one_has_a_row_a_method_with_paper_and_ours_side_by_side(tmp_path: Path) -> None:
    table = write(tmp_path / "table1.csv", [*scores(**PLACE, method="clean"), *scores(**PLACE, method="Aclipse")])
    (page,) = reproduced.draw(table)
    assert page.read_text("utf-8").startswith("# A study\n")
    lines = page.read_text("utf-8").splitlines()[2:]
    rows = [dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[2:4]]
    assert [row["method"] for row in rows] == ["clean", "Aclipse"]
    assert rows[0]["WA %, paper"] == "79.75"
    assert rows[0]["WER %, ours"] == "15.0 ± 1.0 [50.0–80.0]"
    assert rows[0]["SNR dB, ours"] == "– ± 1.0 [50.0–80.0]"
    assert "UAR %, paper" not in rows[0]  # the paper has none
    assert (rows[1]["split"], rows[1]["repeats"], rows[1]["clips"]) == ("speaker-kfold", "5", "100")
    assert lines[-4:] == [
        "Folds of speaker-kfold: 0a1b 2c3d",
        "Corpus: tones [0a], which is not the paper's: its columns are for orientation.",
        "Weights: hubert-base = tiny. Folds: 1 of 5; repeats: 2 (the paper: 5 and 5).",
        "Settings unlike the paper's protocol: cascade.epochs=4.",
    ]


def test_matched_accuracies_stand_side_by_side(tmp_path: Path) -> None:
    bins = [
        {
            **PLACE,
            "series": "ER − SO",
            "validation wa": "any",
            "paper": 5.0,
            "test wer": 4.0,
            "std": 2.0,
            "cells": 3,
            "test wa": "",
        },
        {**PLACE, "series": "ER", "validation wa": "70–72", "test wer": 55.0, "std": 2.5, "cells": 3, "test wa": 69.5},
        {**PLACE, "series": "SO", "validation wa": "70–72", "test wer": "not reached", "std": "", "cells": 0},
    ]
    page, figure = reproduced.draw(write(tmp_path / "fig5.csv", bins))
    heading, _, row = page.read_text("utf-8").splitlines()[2:5]
    found = dict(zip(cells(heading), cells(row), strict=True))
    assert (found["ER"], found["SO"]) == ("55.0 ± 2.5 at 69.5 (3)", "not reached")
    ahead = "ER − SO, hubert-base, speaker-kfold: 4.0 ± 2.0 points of WER over 3 matched bins; the paper: about 5.0."
    assert ahead in page.read_text("utf-8")
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["fig3", "fig6", "fig7", "transfer"])
def test_every_other_figure_is_drawn_from_its_table(name: str, tmp_path: Path) -> None:
    curve = {name: 0.5 for column in ("cross_entropy", "ctc", "accuracy", "wer") for name in (column, f"{column} std")}
    tables = {
        "fig3": [{**PLACE, "lambda_one": weight, "epoch": epoch, **curve} for weight in (0.1, 1.0) for epoch in (0, 1)],
        "fig6": [{**PLACE, "band": "above 2000 Hz", "paper": "falls", "energy change dB": -3.0, "std": 1.0}],
        "fig7": [
            {**PLACE, "method": method, "emotion": emotion, "read as": read, "paper": "", "mean": 50.0}
            for method in ("clean", "Aclipse") for emotion in ("happy", "sad") for read in ("happy", "sad")
        ],
        "transfer": [
            row
            for protected in ("hubert-base", "hubert-large") for judge in ("hubert-base", "hubert-large")
            for row in scores(**{"protected against": protected, "split": PLACE["split"], "read by": judge})
        ],
    }  # fmt: skip
    for part in ("original", "protected"):
        wave = tmp_path / "fig6" / "hubert-base-speaker-kfold" / f"{part}.wav"
        wave.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wave, 0.1 * np.sin(np.arange(16000)), 16000)
    written = reproduced.draw(write(tmp_path / f"{name}.csv", tables[name]))
    assert written[0] == tmp_path / f"{name}.md"
    assert len(written) == 2
    assert all(path.stat().st_size > 100 and path.with_suffix(".pdf").exists() for path in written[1:])
