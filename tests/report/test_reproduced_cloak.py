"""The Cloak paper's tables and figures as drawn: cells and sentences follow from hand-made tables."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aclipse.report import reproduced
from aclipse.report import reproduced_cloak as cloak
from aclipse.report import reproduced_cloak_findings as told_of
from aclipse.report.reproduced_cloak_figures import LOOK, looks

Row = dict[str, Any]
TABLE1 = ["corpus", "emotion", "clips", "segments", "test segments", "paper"]
TABLE2 = [
    "corpus", "task", "metric", "value", "std", "low", "high", "clips", "speakers", "chance", "paper", "split",
]  # fmt: skip
FIG4 = [
    "method", "sr", "task", "attacker", "draw", "metric", "value", "std", "low", "high", "change", "change_low",
    "change_high", "clips", "snr_db", "chance", "paper", "split",
]  # fmt: skip
FIG5 = ["method", "sr", "band", "sigma", "suppressed %", "rotation"]


def write(folder: Path, name: str, columns: list[str], rows: list[Row], corpus: str = "crema-d") -> Path:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    made_with = {"study": "A study", "corpus": corpus, "corpus hash": "0a", "corpora": corpus.split("+"), "folds": 1}
    made_with |= {"repeats": 1, "averaged releases": 10}
    (folder / f"{name}.json").write_text(json.dumps(made_with | {"changed settings": []}))
    return folder / f"{name}.csv"


def shown(page: Path) -> list[dict[str, str]]:
    """The table on a page."""
    lines = [line.strip().strip("|").split("|") for line in page.read_text("utf-8").splitlines() if line[:1] == "|"]
    heading, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(heading, row, strict=True)) for row in rows]


def read(method: str, sr: object, task: str, attacker: str, value: float, **more: object) -> Row:
    """One attacker's UAR, the interval 3 points on either side."""
    row = {"method": method, "sr": sr, "task": task, "attacker": attacker, "draw": "anew", "metric": "uar"}
    numbers = {"value": value, "std": "nan", "low": value - 3, "high": value + 3, "clips": 900}
    chance = {"chance": 25.0 if task == "emotion" else 50.0, "split": "rotations [0a1b 2c3d]"}
    return row | numbers | chance | more


def as_text(rows: list[Row]) -> list[dict[str, str]]:
    """Rows as they come out of a CSV file."""
    return [{column: str(row.get(column, "")) for column in FIG4} for row in rows]


def curve(emotion: float, sex: float) -> list[Row]:
    """Clean features at 58 and 95, and one φ at SR 60."""
    return [
        read("clean", "", "emotion", "guide", 58.0, draw="", paper=57.5),
        read("clean", "", "sex", "ignorant", 95.0, draw="", paper=96.8),
        read("cloak + adversary", 60.0, "emotion", "guide", emotion, paper=56.0, snr_db=-1.25),
        read("cloak + adversary", 60.0, "sex", "ignorant", sex, paper=65.8, snr_db=-1.25),
    ]


def adapted() -> list[Row]:
    """Attackers that learned from what that φ releases, or average it."""
    place = ("cloak + adversary", 60.0, "sex")
    return [
        read(*place, "ignorant", 66.5, draw="fixed"),
        read(*place, "fine-tuned", 88.0), read(*place, "scratch", 90.0),
        read(*place, "averaged", 80.0), read(*place, "averaged", 66.0, draw="fixed"),
        read(*place, "averaged + fine-tuned", 85.0), read(*place, "averaged + fine-tuned", 99.0, draw="fixed"),
        read(*place, "ignorant", 31.0, metric="recall female"), read(*place, "ignorant", 99.0, metric="recall male"),
        read("cloak + adversary", 60.0, "emotion", "fine-tuned", 57.0),
        read("cloak + adversary", 60.0, "emotion", "scratch", 59.0),
    ]  # fmt: skip


def undone() -> list[Row]:
    """What who has the device reads in it."""
    place = ("cloak + adversary", 60.0)
    return [
        read(*place, "emotion", "informed", 57.5, **change(-0.5, 1.5)),
        read(*place, "sex", "informed", 78.0, **change(-17.0, 2.0)),
        read(*place, "sex", "informed + calibrated", 86.0, **change(-9.0, 2.0)),
    ]


def change(points: float, aside: float) -> Row:
    """What the difference to clean features is, and its interval."""
    return {"change": points, "change_low": points - aside, "change_high": points + aside}


def test_segments_stand_by_corpus_and_emotion_with_the_papers_in_brackets(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"corpus": "crema-d", "emotion": "sad", "clips": 90, "segments": 99, "test segments": 120, "paper": 998},
        {"corpus": "crema-d", "emotion": "all", "clips": 490, "segments": 500, "test segments": 600, "paper": 6954},
        {"corpus": "mine", "emotion": "sad", "clips": 3, "segments": 4, "test segments": 5},
    ]
    (page,) = reproduced.draw(write(tmp_path, "cloak-table1", TABLE1, rows[:2]))
    assert shown(page) == [
        {"corpus": "crema-d", "clips": "490", "sad (paper)": "99 (998)", "all (paper)": "500 (6954)",
         "test segments": "600"}
    ]  # fmt: skip
    assert cloak.corpora([{name: str(row.get(name, "")) for name in TABLE1} for row in rows])[1]["sad (paper)"] == "4"


def test_clean_models_stand_beside_the_paper(tmp_path: Path) -> None:
    numbers = {"std": "nan", "low": 55.0, "high": 65.0, "clips": 900, "speakers": 18, "split": "rotations [0a]"}
    rows: list[Row] = [
        {"corpus": corpus, "task": task, "metric": "uar", "value": value, "chance": chance, "paper": paper, **numbers}
        for corpus in ("all", "crema-d")
        for task, value, chance, paper in (("emotion", 60.0, 25.0, 58.9), ("sex", 95.0, 50.0, 96.8))
        if (corpus, task) != ("crema-d", "sex")
    ]
    (page,) = reproduced.draw(write(tmp_path, "cloak-table2", TABLE2, rows))
    whole, part = shown(page)
    assert (whole["emotion UAR %, paper"], whole["emotion UAR %, ours"]) == ("58.9", "60.0 [55.0–65.0]")
    assert (whole["corpus"], whole["clips"], whole["speakers"]) == ("all", "900", "18")
    assert (part["sex UAR %, paper"], part["sex UAR %, ours"]) == ("", "–")  # not measured
    lines = page.read_text("utf-8").splitlines()
    assert "Guessing (all): emotion UAR % 25.0, sex UAR % 50.0." in lines
    assert lines[-4:] == [
        "Folds of rotations: 0a",
        "Corpus: crema-d [0a], which is not the paper's: its columns are for orientation.",
        "Rotations: 1 of 5; repeats: 1 (the paper: 5 and 1).",
        "Settings unlike the paper's protocol: none.",
    ]


def test_the_papers_corpora_together_are_no_foreign_ones(tmp_path: Path) -> None:
    row = {"corpus": "a", "emotion": "all", "clips": 1, "segments": 1, "test segments": 1}
    merged = "crema-d-voted+iemocap+msp-improv"
    (page,) = reproduced.draw(write(tmp_path, "cloak-table1", TABLE1, [row], merged))
    assert f"Corpus: {merged} [0a]." in page.read_text("utf-8").splitlines()


def test_the_sweep_has_a_row_a_method_and_share_with_every_kind_of_attacker(tmp_path: Path) -> None:
    page, *figures = reproduced.draw(write(tmp_path, "cloak-fig4", FIG4, [*curve(56.0, 65.0), *adapted(), *undone()]))
    clean, protected = shown(page)
    assert (clean["method"], clean["SR %"], clean["sex UAR, best retrained"]) == ("clean", "–", "–")
    assert (protected["SR %"], protected["SNR dB"], protected["sex UAR, paper"]) == ("60", "−1.2", "65.8")
    assert protected["emotion UAR, guide"] == "56.0 [53.0–59.0]"
    assert protected["emotion UAR, fine-tuned"] == "57.0 [54.0–60.0]"  # scratch is better, on the clips that judge
    assert (clean["emotion UAR, informed"], protected["emotion UAR, informed"]) == ("–", "57.5 [54.5–60.5]")
    assert protected["sex UAR, informed"] == "78.0 [75.0–81.0]"
    assert protected["sex UAR, informed + calibrated"] == "86.0 [83.0–89.0]"
    assert "emotion UAR, informed + calibrated" not in protected
    assert protected["sex UAR, ignorant"] == "65.0 [62.0–68.0]"  # drawn anew, as the paper
    assert protected["sex UAR, best retrained"] == "90.0 [87.0–93.0] (scratch)"  # 99 is of a fixed draw
    assert protected["sex UAR, averaged, drawn anew"] == "80.0 [77.0–83.0]"
    assert protected["sex UAR, averaged, drawn fixed"] == "66.0 [63.0–69.0]"
    assert protected["sex recalls, ignorant"] == "female 31, male 99"
    assert "Averaged releases: 10." in page.read_text("utf-8").splitlines()
    assert [path.name for path in figures] == ["cloak-fig4.png", "cloak-fig4-averaging.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures)
    assert all(path.with_suffix(".pdf").read_bytes().startswith(b"%PDF") for path in figures)


def test_what_is_lost_and_got_back_is_computed_from_the_rows(tmp_path: Path) -> None:
    protected = [row | change(-2.0, 2.5) if row["attacker"] == "guide" and row["sr"] else row for row in curve(56, 65)]
    page, *_ = reproduced.draw(write(tmp_path, "cloak-fig4", FIG4, [*protected, *adapted(), *undone()]))
    assert (
        "**Cloak + adversary at SR 60 %.** The guide reads emotion 2.0 points of UAR worse (58.0 → 56.0, change −4.5 "
        "to +0.5; the paper: −1.5), but this interval holds 0. It is read at 57.5 (change −2.0 to +1.0) by who has the "
        "device and at 57.0 by who has learned from its releases. An attacker that knows only clean features reads sex "
        "30.0 points of UAR worse (95.0 → 65.0; the paper: −31.0). Who has the device and learns nothing reads 78.0 "
        "(change −19.0 to −15.0), and 86.0 (change −11.0 to −7.0) once its threshold is moved. The best retrained "
        "attacker (scratch) reads 90.0: it gets back 25.0 of these 30.0 points. In the mean of repeated releases who "
        "knows only clean features reads 80.0 with noise drawn anew and 66.0 with one fixed draw."
    ) in page.read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("emotion", "sex", "best", "said"),
    [
        (58.0, 95.0, None, ["reads emotion as well (58.0 → 58.0; the paper: −1.5).", "reads sex as well",
                            "No attacker on sex was retrained."]),
        (70.0, 99.0, 97.0, ["reads emotion 12.0 points of UAR better (58.0 → 70.0; the paper: −1.5).",
                            "reads sex 4.0 points of UAR better (95.0 → 99.0; the paper: −31.0).",
                            "(scratch) reads 97.0; nothing was hidden that it could get back."]),
        (58.0, 60.0, 55.0, ["(scratch) reads 55.0: it gets nothing back."]),
        (58.0, 60.0, 96.0, ["(scratch) reads 96.0: it gets back all 35.0 points."]),
    ],
)  # fmt: skip
def test_sentences_hold_for_gains_and_for_attackers_that_fail(
    emotion: float, sex: float, best: float | None, said: list[str]
) -> None:
    retrained = [] if best is None else [read("cloak + adversary", 60.0, "sex", "scratch", best)]
    told = "\n".join(told_of.findings(as_text([*curve(emotion, sex), *retrained])))
    assert all(sentence in told for sentence in said), told


@pytest.mark.parametrize(
    ("recalls", "informed", "said"),
    [
        ((100.0, 0.0), 78.0, "It says female of all clips: it is fooled, not blinded. Who has the device"),
        ((2.0, 97.0), 78.0, "It says male of nearly all clips: it is fooled, not blinded. Who has the device"),
        ((100.0, 0.0), 51.0, "It says female of all clips. Who has the device and learns nothing reads 51.0."),
        ((100.0, 0.0), None, "It says female of all clips. No attacker"),
        ((10.0, 90.0), 78.0, "(95.0 → 50.0; the paper: −31.0). Who has the device and learns nothing reads 78.0."),
    ],
)
def test_an_attacker_that_says_the_same_of_all_clips_is_called_fooled_if_who_has_the_device_is_not(
    recalls: tuple[float, float], informed: float | None, said: str
) -> None:
    place = ("cloak + adversary", 60.0, "sex")
    pairs = zip(("female", "male"), recalls, strict=True)
    rows = [read(*place, "ignorant", value, metric=f"recall {sex}") for sex, value in pairs]
    rows += [] if informed is None else [read(*place, "informed", informed)]
    assert said in "\n".join(told_of.findings(as_text([*curve(56.0, 50.0), *rows])))


def test_readme_lines_hold_who_has_the_device_and_no_choice_on_the_clips_that_judge_emotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    results = importlib.import_module("results")
    lines = results.cloak_lines(write(tmp_path, "cloak-fig4", FIG4, [*curve(56.0, 65.0), *adapted(), *undone()]))
    heading, _, clean, protected = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    assert dict(zip(heading, protected, strict=True)) == {
        "method": "cloak + adversary", "SR %": "60", "emotion, guide": "56.0 [53.0–59.0]",
        "emotion, informed": "57.5 [54.5–60.5]", "emotion, fine-tuned": "57.0 [54.0–60.0]",
        "sex, ignorant": "65.0 [62.0–68.0]", "sex, informed": "86.0 [83.0–89.0]",
        "sex, best retrained": "90.0 [87.0–93.0] (scratch)", "SNR dB": "-1.25",
    }  # fmt: skip
    assert clean[-2:] == ["–", ""] and any("fooled" in line or "Who has the device" in line for line in lines)


def test_findings_speak_of_the_highest_share_where_60_was_not_tried() -> None:
    rows = [row | {"sr": sr} for sr in (0.0, 40.0) for row in curve(58.0 - sr / 10, 90.0 - sr)]
    told = "\n".join(told_of.findings(as_text(rows)))
    assert "at SR 40 %.** The guide reads emotion 4.0 points" in told


@pytest.mark.parametrize(
    "rows",
    [
        curve(56.0, 65.0)[2:],  # no clean features
        [row | {"value": "nan", "low": "nan", "high": "nan"} for row in curve(56.0, 65.0)],
        [row | {"low": "nan", "high": "nan", "paper": "", "chance": "nan"} for row in curve(56.0, 65.0)],
        [row | {"sr": ""} for row in curve(56.0, 65.0)],  # a method that knows no share
        [*curve(56.0, 65.0), read("other", 0.0, "sex", "ignorant", 70.0)],
    ],
)
def test_figures_are_drawn_of_what_there_is(rows: list[Row], tmp_path: Path) -> None:
    written = reproduced.draw(write(tmp_path, "cloak-fig4", FIG4, rows))
    assert [path.name for path in written] == ["cloak-fig4.md", "cloak-fig4.png"]  # nobody averaged
    assert written[1].stat().st_size > 1000
    assert "nan" not in written[0].read_text("utf-8")


def test_a_method_keeps_its_colour_and_strangers_get_another() -> None:
    rows = as_text([*curve(56.0, 65.0), read("other", 0.0, "sex", "ignorant", 70.0)])
    assert looks(rows)["cloak + adversary"] == LOOK["cloak + adversary"]
    assert looks(rows)["other"] not in LOOK.values()
    assert "clean" not in looks(rows)


def bands(shares: dict[str, list[float]]) -> list[Row]:
    """Share suppressed in 500–2000 Hz, a number a rotation; elsewhere 60 %."""
    return [
        {"method": method, "sr": 60.0, "band": band, "sigma": 0.25, "suppressed %": share, "rotation": rotation}
        for method, rotations in shares.items()
        for rotation, middle in enumerate(rotations)
        for band, share in (("under 500 Hz", 60.0), ("500–2000 Hz", middle), ("all", 60.0))
    ]


def save_maps(folder: Path, methods: list[str], low: float) -> None:
    (folder / "cloak-fig5").mkdir()
    sigma = np.geomspace(low, 1.0, 200 * 32).reshape(200, 32)
    for method in methods:
        np.save(folder / "cloak-fig5" / f"{method}.npy", np.stack([sigma, sigma < 0.5]).astype(np.float32))
    np.save(folder / "cloak-fig5" / "hz.npy", np.linspace(60, 7600, 32, dtype=np.float32))


@pytest.mark.parametrize(
    ("methods", "low"), [(["cloak", "cloak-adversary"], 1e-6), (["cloak"], 0.9), (["cloak"], 1.0), ([], 0.9)]
)
def test_maps_are_drawn_of_the_methods_that_left_one(methods: list[str], low: float, tmp_path: Path) -> None:
    save_maps(tmp_path, methods, low)
    shares = {"cloak": [50.0, 60.0], "cloak + adversary": [70.0, 70.0]}
    page, figure = reproduced.draw(write(tmp_path, "cloak-fig5", FIG5, bands(shares)))
    first, second = shown(page)
    assert first["suppressed %, 500–2000 Hz"] == "55.0 ± 7.1"
    assert second["suppressed %, 500–2000 Hz"] == "70.0 ± 0.0"
    assert (first["SR %"], first["mean σ, all"], first["rotations"]) == ("60", "0.25 ± 0", "2")
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("without", "with_it", "said"),
    [
        ([50.0], [70.0], "At SR 60 % so it is here: 70.0 % with it, 50.0 % without."),
        ([60.0, 60.0], [70.0, 40.0], "not so here: 55.0 % with it, 60.0 % without, in 1 of 2 rotations."),
        ([60.0], [float("nan")], "Here one of the two was not measured."),
    ],
)
def test_the_papers_sentence_on_the_map_stands_beside_what_the_rows_say(
    without: list[float], with_it: list[float], said: str
) -> None:
    rows = [{name: str(cell) for name, cell in row.items()} for row in
            bands({"cloak": without, "cloak + adversary": with_it})]  # fmt: skip
    (told,) = told_of.disputed(rows)
    assert told.startswith("The paper: with the adversary more is suppressed in 500–2000 Hz.")
    assert told.endswith(said)
