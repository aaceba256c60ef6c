"""The federated studies' tables and figures as drawn: cells and sentences follow from hand-made tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import toy_fed as toy
from toy_fed import Row, as_text, protected, write

from aclipse.report import reproduced
from aclipse.report.reproduced_fed_findings import attacks, mechanisms, utilities
from aclipse.report.reproduced_fed_notes import about, beside_the_paper
from aclipse.report.reproduced_fed_verdicts import HIDING, LEAKING, asked_of_attackers, asked_of_mechanisms, hiding


def shown(page: Path, title: str = "") -> list[dict[str, str]]:
    """The table under a title, or the first on a page."""
    part = page.read_text("utf-8").partition(f"## {title}\n" if title else "\n")[2]
    lines = [line.strip("|").split("|") for line in part.partition("\n## ")[0].splitlines() if line[:1] == "|"]
    heading, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(heading, row, strict=True)) for row in rows]


def changed(rows: Sequence[Row], value: float | str, **place: str) -> list[Row]:
    """The rows, those at a place with another value and an interval of nothing around it."""
    other = {"value": value, "low": value, "high": value}
    return [row | other if place.items() <= row.items() else row for row in rows]


def sentence(rows: Sequence[Row], name: str) -> str:
    """What is said of one mechanism."""
    (found,) = (line for line in mechanisms(as_text(rows, "fed-udp")) if line.startswith(f"* *{name}*"))
    return found


def test_each_metric_stands_beside_the_papers_where_it_has_one(tmp_path: Path) -> None:
    page, figure = reproduced.draw(write(tmp_path, "fed-utility", toy.utilities()))
    average, _, central, majority = shown(page)
    assert (average["UAR, paper"], average["UAR, ours"]) == ("66.4", "70.6 [67.6–73.6]")
    assert "accuracy, paper" not in average and average["recall happy, ours"].startswith("64.6")
    assert (central["UAR, paper"], majority["algorithm"]) == ("", "majority")
    assert figure.name == "fed-utility.png" and figure.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_what_learning_apart_costs_is_told_against_one_place() -> None:
    said, _ = utilities(as_text(toy.utilities(), "fed-utility"))
    assert said.startswith("\n**crema-d, log-mel.** Emotion is read with a UAR of: FedAvg 70.6 [67.6–73.6] (guessing: ")
    assert "(guessing: 25.0), −2.0 against central, the paper: 66.4; FedSGD 66.0" in said
    poor = utilities(as_text(changed(toy.utilities(), 25.0, algorithm="fedavg"), "fed-utility"))[0]
    assert "FedAvg 25.0 [25.0–25.0] (guessing: 25.0), no better than guessing" in poor


def test_every_layer_stands_in_its_column_and_other_secrets_below(tmp_path: Path) -> None:
    page, figure = reproduced.draw(write(tmp_path, "fed-attack", toy.attacks()))
    average, _ = shown(page)
    assert [average[f"{layer}, ours"][:4] for layer in ("first", "second", "third", "fused")] == [
        "81.0", "60.0", "55.0", "82.0",
    ]  # fmt: skip
    assert (average["first, paper"], average["learned from"]) == ("78.2", "ravdess")
    linking, member, *_, inversion = shown(page, "Other secrets")
    assert (linking["metric"], member["metric"], inversion["ours"], inversion["guessing"]) == (
        "EER", "AUC", "91.0 [88.0–94.0]", "–",
    )  # fmt: skip
    assert figure.stat().st_size > 1000


def test_an_attack_is_judged_by_the_first_layer_and_its_control() -> None:
    said = "\n".join(attacks(as_text(toy.attacks(), "fed-attack")))
    assert "with UAR 81.0 [78.0–84.0] (guessing: 50.0) (the paper: 78.2) (asked: at least 75; met)" in said
    assert "Who learned from shuffled labels reads nothing (50.5 [47.5–53.5])." in said
    assert "EER 30.0 [27.0–33.0] (guessing: 50.0), better than that" in said
    assert "AUC 51.0 [48.0–54.0] (guessing: 50.0), no better than that" in said
    bare = [row | {"low": "", "high": ""} for row in toy.attacks()]
    assert "EER 30.0 (guessing: 50.0); member" in "\n".join(attacks(as_text(bare, "fed-attack")))
    broken = changed(toy.attacks(), 70.0, attacker="shuffled")
    assert "something is wrong with the experiment" in "\n".join(attacks(as_text(broken, "fed-attack")))
    weak = asked_of_attackers(as_text(changed(toy.attacks(), 74.0, attacker="first"), "fed-attack"))
    assert [row["verdict"] for row in weak] == ["missed", "missed"]


def test_the_honest_epsilon_stands_beside_each_label_and_strict_rows_beneath(tmp_path: Path) -> None:
    page, *figures = reproduced.draw(write(tmp_path, "fed-udp", protected()))
    rows = shown(page)
    assert [(row["mechanism"], row["ε"], row["honest ε, released"]) for row in rows] == [
        ("none", "–", "–"), ("paper", "50", "4321"), ("paper", "25", "1250"), ("paper", "10", "302"),
        ("paper", "5", "99.4"), ("strict-central", "8", "8"), ("strict-local", "8", "–"), ("pruned", "–", "–"),
        ("representative", "–", "–"), ("dropout", "–", "–"),
    ]  # fmt: skip
    assert (rows[3]["emotion UAR, paper"], rows[3]["against none"]) == ("64.0", "−4.0 (−6.0 to −2.0)")
    assert [path.name for path in figures] == ["fed-udp.png", "fed-udp-utility.png"]


def test_ignorant_and_aware_stand_side_by_side_for_each_number_of_updates(tmp_path: Path) -> None:
    page, *_ = reproduced.draw(write(tmp_path, "fed-udp", protected()))
    row = shown(page, "UAR of sex from leaked updates: crema-d")[3]
    assert (row["ε"], row["view"], row["honest ε"]) == ("10", "local", "302")
    assert (row["n = all, paper"], row["n = all, ignorant"], row["n = all, aware"]) == (
        "59.8", "60.8 [57.8–63.8]", "68.8 [65.8–71.8]",
    )  # fmt: skip
    assert [title for title in row if title.startswith("n = 1,")] == ["n = 1, paper", "n = 1, ignorant", "n = 1, aware"]


def test_what_was_asked_is_answered_with_what_it_costs() -> None:
    leak, hide = asked_of_mechanisms(as_text(protected(), "fed-udp"))
    assert (leak["asked"], leak["verdict"], leak["UAR of sex"]) == (LEAKING, "met", "79.2 [76.2–82.2]")
    assert (hide["asked"], hide["of"], hide["verdict"]) == (HIDING, "strict-central, ε 8", "met")
    assert (hide["most that anybody reads"], hide["emotion against none"]) == (
        "51.2 [48.2–54.2] (aware, n = all)", "−7.0 (−9.0 to −5.0)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [(55.0, 52.0, 58.0, "met, but not for certain"), (56.0, 54.0, 58.0, "missed, but not for certain"),
     (60.0, 57.0, 63.0, "missed"), (40.0, 37.0, 43.0, "met, but who turns its answers round reads it"),
     ("", "", "", "not measured")],
)  # fmt: skip
def test_strict_privacy_is_judged_by_the_aware_with_all_updates(value: Any, low: Any, high: Any, said: str) -> None:
    place = {"mechanism": "strict-central", "attacker": "aware", "n": "all"}
    other = {"value": value, "low": low, "high": high}
    rows = [row | other if place.items() <= row.items() else row for row in protected()]
    assert asked_of_mechanisms(as_text(rows, "fed-udp"))[1]["verdict"] == said


def test_an_attack_is_asked_to_succeed_on_crema_d_alone(tmp_path: Path) -> None:
    other = [row | {"corpus": "ravdess"} for row in toy.attacks()]
    page, *_ = reproduced.draw(write(tmp_path, "fed-attack", other))
    assert "asked" not in page.read_text("utf-8") and asked_of_attackers(as_text(other, "fed-attack")) == []
    assert [row["asked"] for row in asked_of_mechanisms(as_text(protected("ravdess"), "fed-udp"))] == [HIDING]


def test_a_larger_epsilon_is_not_what_was_asked() -> None:
    rows = [row | {"epsilon": "16"} if row["mechanism"] == "strict-central" else row for row in protected()]
    assert [row["asked"] for row in asked_of_mechanisms(as_text(rows, "fed-udp"))] == [LEAKING]


def test_a_label_is_told_with_what_it_is_worth_and_from_whom_it_hides() -> None:
    assert sentence(protected(), "paper, ε 10") == (
        "* *paper, ε 10* (honestly ε = 302 for who sees released models and 21.7 for who sees one update at δ = "
        "0.011): emotion UAR 66.0 [64.0–68.0], −4.0 (−6.0 to −2.0) against no mechanism (the paper: 64.0). Sex in "
        "updates: from one 52.1 [49.1–55.1] (ignorant; the paper: 51.1), 60.1 [57.1–63.1] (aware), from all 60.8 "
        "[57.8–63.8] (ignorant; the paper: 59.8), 68.8 [65.8–71.8] (aware); read from one update on."
    )
    hidden = [row | {"low": 45.0} if row.get("attacker") == "ignorant" else row for row in protected()]
    assert "hidden only from who does not prepare: who does reads it from one update on" in sentence(
        hidden, "paper, ε 10"
    )
    assert "nobody asked reads it better than by guessing" in sentence(protected(), "paper, ε 5")
    late = [row | {"low": 45.0} if row.get("n") in ("1", "3", "5") else row for row in protected()]
    assert sentence(late, "paper, ε 25").endswith("read from 10 updates on.")


def test_strict_privacy_is_told_by_what_is_seen() -> None:
    told_of = sentence(protected(), "strict-central, ε 8")
    assert "(released models at δ = 0.01)" in told_of and "Sex in released models: from one 50.0" in told_of
    assert told_of.endswith("better than by guessing (asked of all, aware: at most 55; judged in the table).")
    server = [row | {"view": "local"} for row in protected()]
    assert "before its noise, of which nothing is promised" in sentence(server, "strict-central, ε 8")


def test_a_page_says_what_is_promised_and_what_an_audit_found(tmp_path: Path) -> None:
    promised = {"strict-central 8": ["ε = 8 at δ = 0.01", "unit: one client"], "paper 5": []}
    audited = {"claimed": 8.0, "lower bound": 1.23, "canaries": 500}
    page, *_ = reproduced.draw(write(tmp_path, "fed-udp", protected(), guarantees=promised, audited=audited))
    text = page.read_text("utf-8")
    assert "* strict-central 8: ε = 8 at δ = 0.01; unit: one client." in text and "* paper 5" not in text
    assert "show at least ε = 1.23 (claimed: 8): as claimed, for all that canaries can show (canaries: 500)." in text
    broken = about("fed-udp", {"audited": {"claimed": 8.0, "lower bound": 9.0}})
    assert broken[-1].endswith("THE CLAIM IS BROKEN.")
    assert about("fed-udp", {"audited": {"canaries": 3}})[-1] == "**Audit.** canaries: 3."
    assert about("fed-udp", {}) == [] == about("fed-attack", {"delta": 0.01})
    assert about("fed-udp", {"delta": 0.01}) == ["δ of every honest ε: 0.01."]


def test_other_corpora_are_told(tmp_path: Path) -> None:
    page, *_ = reproduced.draw(write(tmp_path, "fed-udp", protected()))
    assert "Corpus: crema-d [0a], where the paper has IEMOCAP, CREMA-D, MSP-Improv" in page.read_text("utf-8")
    assert beside_the_paper("fed-utility", ["crema-d", "ravdess"]) == "; the paper has no ravdess"
    assert "which is not the paper's" in beside_the_paper("fed-udp", ["tones"])


EMPTY = {"value": "", "low": "", "high": "", "chance": "", "paper": ""}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("fed-utility", toy.utilities(("crema-d", "iemocap"))[:5]),
        ("fed-utility", [row for row in toy.utilities() if row["metric"] == "recall happy"]),
        ("fed-utility", [row | EMPTY for row in toy.utilities()]),
        ("fed-attack", [row for row in toy.attacks() if row["attacker"] == "inversion"]),
        ("fed-attack", [row for row in toy.attacks() if row["attacker"] == "shuffled"]),
        ("fed-attack", [row | {"n": 3} for row in toy.attacks()]),
        ("fed-attack", [row | EMPTY for row in toy.attacks()]),
        ("fed-udp", [row for row in protected() if row["measure"] == "emotion"]),
        ("fed-udp", [row for row in protected() if row["measure"] == "sex"]),
        ("fed-udp", [row for row in protected() if row["mechanism"] == "none"]),
        ("fed-udp", [row for row in protected() if row["mechanism"] == "strict-local"]),
        ("fed-udp", [row for row in protected() if row.get("attacker") != "ignorant" and row.get("n") != "all"]),
        ("fed-udp", [row | {"mechanism": "another", "attacker": "third"} for row in protected()]),
        ("fed-udp", [row | {"honest": "inf", "snr_db": "inf", "n": row.get("n") and "2"} for row in protected()]),
        ("fed-udp", [row | {"low": "nan", "high": "nan", "chance": "nan", "paper": ""} for row in protected()]),
        ("fed-udp", [row | EMPTY | {"change": ""} for row in protected()]),
        ("fed-udp", protected() + protected("iemocap")),
    ],
)  # fmt: skip
def test_a_study_is_told_and_drawn_of_what_there_is(name: str, rows: list[Row], tmp_path: Path) -> None:
    page, *figures = reproduced.draw(write(tmp_path, name, rows))
    assert "nan" not in page.read_text("utf-8")
    assert all(path.stat().st_size > 1000 for path in figures)


def test_nothing_is_judged_by_an_attacker_who_fails_without_a_defence() -> None:
    blind = {"value": "50", "low": "50", "high": "50", "chance": "50"}
    sighted = {"value": "70", "low": "60", "high": "80", "chance": "50"}
    assert hiding(blind, sighted) == "met"
    assert hiding(blind, blind).startswith("not judged") and hiding(blind, None).startswith("not judged")
