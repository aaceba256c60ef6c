"""The replacement autoencoder's tables and figures as drawn: cells and sentences follow from hand-made tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toy_rae as toy

from aclipse.report import reproduced
from aclipse.report import reproduced_rae as rae
from aclipse.report import reproduced_rae_findings as told_of
from aclipse.report.reproduced_rae_notes import beside_the_paper
from aclipse.report.reproduced_rae_verdicts import asked_of_emotions, asked_of_sex, verdict

SAD = ("sad",)


def shown(page: Path, title: str = "") -> list[dict[str, str]]:
    """The table under a title, or the first on a page."""
    part = page.read_text("utf-8").partition(f"## {title}\n" if title else "\n")[2]
    lines = [line.strip("|").split("|") for line in part.partition("\n## ")[0].splitlines() if line[:1] == "|"]
    heading, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(heading, row, strict=True)) for row in rows]


def changed(rows: list[toy.Row], value: float | str, **place: str) -> list[toy.Row]:
    """The rows, those at a place with another value and an interval of nothing around it."""
    other = {"value": value, "low": value, "high": value}
    return [row | other if place.items() <= row.items() else row for row in rows]


def sentence(rows: list[toy.Row], method: str) -> str:
    """What is said of a method in the only scenario."""
    (found,) = (line for line in told_of.emotions(toy.as_text(rows)) if line.startswith(f"* *{method}*"))
    return found


def test_clips_stand_by_corpus_and_emotion_with_the_papers_in_brackets(tmp_path: Path) -> None:
    (page,) = reproduced.draw(toy.write(tmp_path, "rae-table1", toy.corpora()))
    assert shown(page) == [
        {"corpus": "crema-d", "sad (paper)": "1271 (1271)", "all (paper)": "4900 (4900)", "speakers": "91"},
        {"corpus": "mine", "sad (paper)": "3", "all (paper)": "–", "speakers": "–"},
    ]


def test_what_is_lacking_of_a_corpus_is_told() -> None:
    rows = [row | {"clips": 1225} for row in toy.corpora() if row["emotion"] == "all"]
    assert told_of.recordings(toy.as_text(rows, "rae-table1")) == ["crema-d: 1225 recordings, 25 % of the paper's."]
    assert told_of.recordings(toy.as_text(toy.corpora(), "rae-table1")) == []


def test_f1_and_u_stand_beside_the_papers_in_its_own_columns(tmp_path: Path) -> None:
    page, *_ = reproduced.draw(toy.write(tmp_path, "rae-table3", toy.emotions(SAD)))
    neutral, required, sensitive = shown(page)
    assert [row["class"] for row in (neutral, required, sensitive)] == ["neutral", "required", "sensitive"]
    assert (required["X F1, paper"], required["X F1, ours"]) == ("64.8", "65.0 [62.0–68.0]")
    assert (sensitive["X′ with GRL F1, paper"], sensitive["X′ with GRL F1, ours"]) == ("2.2", "12.0 [9.0–15.0]")
    assert sensitive["X′ without GRL U, paper"] == "81.5"
    assert (
        sensitive["X′ without GRL U, ours"] == f"{100 * 14 / 78:.1f} [{100 * 14 / 78 - 3:.1f}–{100 * 14 / 78 + 3:.1f}]"
    )
    assert "X U, ours" not in neutral and len(neutral) == 2 + 2 * 5


def test_u_of_nothing_read_right_is_a_dash_beside_the_papers(tmp_path: Path) -> None:
    rows = changed(toy.emotions(SAD), "", metric="u", method="rae", role="sensitive")
    page, *_ = reproduced.draw(toy.write(tmp_path, "rae-table3", rows))
    assert (shown(page)[2]["X′ without GRL U, paper"], shown(page)[2]["X′ without GRL U, ours"]) == ("81.5", "–")
    assert "nan" not in page.read_text("utf-8")


def test_every_method_has_a_row_with_who_reads_it_and_who_tells(tmp_path: Path) -> None:
    page, figure = reproduced.draw(toy.write(tmp_path, "rae-table3", toy.emotions(SAD)))
    raw, *_, drawn, noise, nothing = shown(page, "What attackers read")
    assert [row["method"] for row in (raw, drawn, noise, nothing)] == ["raw", "drawn", "noise", "nothing"]
    assert (raw["SNR dB"], raw["UAR, retrained"], drawn["SNR dB"]) == ("–", "–", "−3.2")
    assert (drawn["sensitive F1, risk"], drawn["sensitive F1, retrained"]) == ("6.0 [3.0–9.0]", "68.0 [65.0–71.0]")
    assert (drawn["required F1, retrained"], drawn["UAR, retrained"]) == ("52.0 [49.0–55.0]", "45.0 [42.0–48.0]")
    raw, rae_, *_ = shown(page, "Who tells that a clip was replaced (AUC)")
    assert (rae_["replaced? against neutral"], rae_["replaced? against all others"]) == (
        "88.0 [85.0–91.0]",
        "84.0 [81.0–87.0]",
    )
    assert (rae_["again against neutral"], raw["again against neutral"]) == ("75.0 [72.0–78.0]", "–")
    assert figure.name == "rae-table3.png"
    assert figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_what_was_asked_is_counted_over_scenarios(tmp_path: Path) -> None:
    rows = changed(toy.emotions(), 21.0, scenario="happy", method="guided", attacker="risk", role="sensitive")
    plain, reversal, guided, drawn = asked_of_emotions(toy.as_text(rows))
    hidden, kept, tells = [title for title in guided if title != "method"]
    assert (hidden, guided[hidden]) == ("sensitive F1 at most 20, risk", "2 of 3 scenarios")
    assert (reversal[hidden], reversal[kept], guided[kept]) == (
        "3 of 3 scenarios",
        "0 of 3 scenarios",
        "3 of 3 scenarios",
    )
    assert (plain["method"], plain[tells], drawn[tells]) == ("rae", "3 of 3 scenarios", "0 of 3 scenarios")
    page, *_ = reproduced.draw(toy.write(tmp_path, "rae-table3", rows))
    assert shown(page, "What was asked")[2] == guided


def test_what_the_papers_attacker_and_one_that_retrains_read_is_computed_from_the_rows() -> None:
    assert sentence(toy.emotions(SAD), "guided") == (
        "* *guided*: The paper's attacker reads sensitive emotions with F1 8.0 [5.0–11.0] (asked: at most 20; met) and "
        "the required one with 62.0 [59.0–65.0], −3.0 (−5.0 to −1.0) against raw vectors (asked: at most 6 lost; met). "
        "One that retrains on releases reads sensitive ones with F1 71.0 [68.0–74.0], −7.0 (−9.0 to −5.0) against raw "
        "vectors (guessing: 40.7; saying so of every clip: 68.6) and the three classes with a UAR of 57.0 [54.0–60.0] "
        "(guessing: 33.3). Sensitive releases are told from neutral ones with an AUC of 84.0 [81.0–87.0] by who learns "
        "it from releases and 70.0 [67.0–73.0] by who has the device (guessing: 50): hidden only from who neither "
        "retrains nor has the device."
    )
    assert "(asked: at most 6 lost; missed, but not for certain)" in sentence(toy.emotions(SAD), "rae + grl")


@pytest.mark.parametrize(
    ("learned", "device", "sensitive", "said"),
    [
        (84.0, 50.0, 8.0, "(guessing: 50): hidden only from who does not retrain."),
        (50.0, 84.0, 8.0, "(guessing: 50): hidden only from who does not have the device."),
        (50.0, 50.0, 8.0, "(guessing: 50): no better than by guessing."),
        (84.0, 50.0, 30.0, "(guessing: 50): not hidden."),
        (20.0, 50.0, 8.0, "(guessing: 50): no better than by guessing."),  # which way to tell was learned
        ("", 84.0, 8.0, "neutral ones with an AUC of 84.0 [84.0–84.0] by who has the device (guessing: 50): hidden"),
        ("", "", 8.0, "Nobody was asked whether a clip was replaced."),
    ],
)
def test_hidden_from_one_attacker_is_not_called_hidden(
    learned: float | str, device: float | str, sensitive: float, said: str
) -> None:
    rows = changed(toy.emotions(SAD), learned, method="guided", attacker="replaced?")
    rows = changed(rows, device, method="guided", attacker="again")
    rows = changed(rows, sensitive, method="guided", attacker="risk", role="sensitive")
    assert said in sentence(rows, "guided")


def test_without_an_interval_the_figure_itself_is_judged() -> None:
    rows = [row | {"low": "", "high": ""} for row in toy.emotions(SAD)]
    told = sentence(rows, "guided")
    assert "with an AUC of 84.0 by who learns it" in told and "hidden only from" in told


def test_drawing_is_told_with_what_it_costs() -> None:
    told = sentence(toy.emotions(SAD), "drawn")
    assert told == (
        "* *drawn*, against *guided*, lowers the AUC of who learns it from releases by 31.0 (84.0 [81.0–87.0] → 53.0 "
        "[50.0–56.0]), lowers the AUC of who has the device by 19.0 (70.0 [67.0–73.0] → 51.0 [48.0–54.0]), lowers F1 "
        "of the required class by 7.0 (62.0 [59.0–65.0] → 55.0 [52.0–58.0]), lowers F1 of the sensitive class by 2.0 "
        "(8.0 [5.0–11.0] → 6.0 [3.0–9.0]). Nobody asked tells better than by guessing."
    )
    worse = changed(toy.emotions(SAD), 90.0, method="drawn", attacker="replaced?")
    assert "raises the AUC of who learns it from releases by 6.0" in sentence(worse, "drawn")
    assert sentence(worse, "drawn").endswith("are still told from neutral ones by who learns it from releases.")


def test_what_needs_no_training_is_judged_alike() -> None:
    assert sentence(toy.emotions(SAD), "nothing") == (
        "* *nothing*, every vector the mean: sensitive F1 0.0 [0.0–3.0] (met), required F1 0.0 [0.0–3.0] (missed), "
        "told with an AUC of 50.0 [47.0–53.0] by who learns it from releases (guessing: 50)."
    )
    assert "sensitive F1 61.0 [58.0–64.0] (missed), required F1 40.0" in sentence(toy.emotions(SAD), "noise")


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [(43.0, 43.0, 50.0, "met"), (42.96, 40.0, 45.0, "met, but not for certain"), (42.9, 40.0, 42.95, "missed"),
     (42.9, 40.0, 43.0, "missed, but not for certain"), ("", "", "", "")],
)  # fmt: skip
def test_a_verdict_follows_from_the_figure_as_it_is_printed(value: Any, low: Any, high: Any, said: str) -> None:
    assert verdict({"value": str(value), "low": str(low), "high": str(high)}, 43.0, sign=-1) == said


def test_leakage_and_privacy_stand_beside_the_papers(tmp_path: Path) -> None:
    (page,) = reproduced.draw(toy.write(tmp_path, "rae-table4", toy.sexes(SAD)))
    raw, _, reversal, *_ = shown(page)
    assert (reversal["P, paper"], reversal["P, ours"]) == ("44.0", "44.0 [41.0–47.0]")
    assert (reversal["P, retrained"], reversal["L, retrained"]) == ("20.0 [17.0–23.0]", "79.0 [76.0–82.0]")
    assert (raw["L, paper"], raw["L, ours"], raw["P, retrained"]) == ("", "70.0 [67.0–73.0]", "–")
    rows = {row["method"]: row for row in asked_of_sex(toy.as_text(toy.sexes(), "rae-table4"))}
    assert rows["guided"] == {
        "method": "guided", "P at least 43, risk": "3 of 3 scenarios", "P at least 43, retrained": "0 of 3 scenarios",
    }  # fmt: skip
    assert shown(page, "What was asked")[0]["P at least 43, risk"] == "0 of 1 scenarios"


@pytest.mark.parametrize(
    ("plain", "again", "said"),
    [
        (44.0, 20.0, "P 44.0 [44.0–44.0] from the paper's attacker (met; the paper: 44.0), P 20.0 [20.0–20.0] from "
                     "one that retrains (missed): hidden only from who does not retrain."),
        (44.0, 50.0, "P 50.0 [50.0–50.0] from one that retrains (met)."),
        (42.0, 20.0, "(missed; the paper: 44.0), P 20.0 [20.0–20.0] from one that retrains (missed)."),
        (60.0, 50.0, "P 60.0 [60.0–60.0] from the paper's attacker (met, but who turns its answers round "
                     "reads it; the paper: 44.0)"),
        (44.0, "", "(met; the paper: 44.0); nobody retrained."),
    ],
)  # fmt: skip
def test_privacy_is_what_is_left_after_retraining(plain: float, again: float | str, said: str) -> None:
    rows = changed(toy.sexes(SAD, ["rae + grl"]), plain, attacker="risk", metric="privacy")
    rows = changed(rows, again, attacker="retrained", metric="privacy")
    assert said in "\n".join(told_of.sexes(toy.as_text(rows, "rae-table4")))


def test_confusions_stand_by_class_and_are_drawn_as_either_attacker_reads(tmp_path: Path) -> None:
    page, *figures = reproduced.draw(toy.write(tmp_path, "rae-fig3", toy.confusions(SAD)))
    title = "read as neutral / required / sensitive, %"
    raw, *_, last = shown(page)
    assert (raw["class"], raw[f"{title}, risk"], raw[f"{title}, retrained"]) == ("neutral", "70 / 12 / 18", "– / – / –")
    assert (last["method"], last["class"], last[f"{title}, risk"]) == ("nothing", "sensitive", "80 / 14 / 6")
    assert [path.name for path in figures] == ["rae-fig3.png", "rae-fig3-retrained.png"]
    assert (
        "* sad required: the paper's attacker takes sensitive clips for neutral ones: raw 10 %, rae 80 %, rae + grl "
        "80 %, guided 80 %, drawn 80 %, noise 10 %, nothing 80 %."
    ) in page.read_text("utf-8").splitlines()


def test_a_page_says_what_it_was_made_with(tmp_path: Path) -> None:
    (page,) = reproduced.draw(toy.write(tmp_path, "rae-table4", toy.sexes(SAD)))
    assert page.read_text("utf-8").splitlines()[-6:] == [
        "Folds of rotation (seed 0): 0a1b 2c3d",
        "Corpus: crema-d+ravdess [0a], without the IEMOCAP of the paper: its columns are for orientation.",
        "Rotations: 2 of 5; repeats: 1 (the paper: 5 and 1).",
        "Settings unlike the paper's protocol: none.",
        "Vectors: at most 256 components of compare functionals, normalised by speaker.",
        "Sensitive, where sad required: happy, angry.",
    ]
    assert "which is not the paper's" in beside_the_paper(["tones"])
    assert "which is not the paper's" in beside_the_paper(["crema-d", "ravdess", "iemocap", "mine"])
    assert beside_the_paper(["ravdess"]).startswith(", without the IEMOCAP and CREMA-D of the paper")


@pytest.mark.parametrize(
    "rows",
    [
        toy.emotions(SAD, ["raw"]),
        toy.emotions(SAD, ["guided"]),  # no raw vectors
        toy.emotions(["sad+happy"], ["raw", "drawn"]),
        [row for row in toy.emotions() if row["attacker"] in ("replaced?", "again")],
        [row for row in toy.emotions() if row["attacker"] == "risk"],
        [row | {"value": "", "low": "", "high": "", "change": "", "chance": ""} for row in toy.emotions()],
        [row | {"low": "nan", "high": "nan", "paper": "", "chance": "nan"} for row in toy.emotions()],
        [row | {"method": "another"} for row in toy.emotions(SAD, ["guided"])],
    ],
)
def test_emotions_are_told_and_drawn_of_what_there_is(rows: list[toy.Row], tmp_path: Path) -> None:
    page, figure = reproduced.draw(toy.write(tmp_path, "rae-table3", rows))
    assert "nan" not in page.read_text("utf-8")
    assert figure.stat().st_size > 1000


@pytest.mark.parametrize(
    "rows",
    [
        [row for row in toy.confusions() if (row["scenario"], row["method"]) != ("sad", "rae")],
        [row for row in toy.confusions(SAD, ["nothing"]) if row["attacker"] == "retrained"],
        [row | {"share": ""} for row in toy.confusions(SAD)],
    ],
)
def test_confusions_are_drawn_of_what_there_is(rows: list[toy.Row], tmp_path: Path) -> None:
    page, *figures = reproduced.draw(toy.write(tmp_path, "rae-fig3", rows))
    assert "nan" not in page.read_text("utf-8")
    assert figures and all(path.stat().st_size > 1000 for path in figures)


@pytest.mark.parametrize(
    "rows",
    [toy.sexes(SAD, ["raw"]), toy.sexes(SAD, ["noise"]), [row | {"value": ""} for row in toy.sexes()],
     [row for row in toy.sexes() if row["attacker"] == "retrained"]],
)  # fmt: skip
def test_sexes_are_told_of_what_there_is(rows: list[toy.Row], tmp_path: Path) -> None:
    (page,) = reproduced.draw(toy.write(tmp_path, "rae-table4", rows))
    assert "nan" not in page.read_text("utf-8")


def test_methods_keep_their_order_and_strangers_come_last() -> None:
    rows = [{"method": name} for name in ("mine", "nothing", "raw", "rae")]
    assert rae.ordered(rows) == ["raw", "rae", "nothing", "mine"]
