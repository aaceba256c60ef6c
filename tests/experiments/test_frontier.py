"""A sweep from no protection to all of it: what its rows hold, and which runs cannot stand beside each other."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from aclipse.errors import RecipeError, RunError
from aclipse.experiments.frontier import COLUMNS, Sweep, frontier
from aclipse.records import Run

Rows = list[dict[str, str]]
NOTHING = Sweep((), (), ())


def rows(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the judged run, with a sweep."""
    copy = tmp_path_factory.mktemp("sweep") / "tones"
    shutil.copytree(audited, copy, ignore=shutil.ignore_patterns("report", "stage-*"))
    frontier([copy], Sweep((0.0, 1.0), (20.0,), (1500.0,)))
    return copy


@pytest.fixture(scope="module")
def swept(folder: Path) -> Rows:
    return rows(folder / "audit" / "frontier.csv")


def figures(table: Rows, subject: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {
        (row["metric"], row["judge"], row["knowledge"]): (row["value"], row["low"], row["high"], row["n"])
        for row in table
        if row["subject"] == subject
    }


def test_every_point_stands_in_the_table_with_its_knob(swept: Rows) -> None:
    assert list(swept[0]) == COLUMNS
    assert {(row["subject"], row["method"], row["knob"], row["setting"]) for row in swept} == {
        ("identity", "identity", "", ""),
        ("cascade@0", "cascade", "strength", "0.0"),
        ("cascade@1", "cascade", "strength", "1.0"),
        ("white-noise@20", "white-noise", "snr_db", "20.0"),
        ("low-pass@1500", "low-pass", "cutoff", "1500.0"),
    }


def test_every_point_meets_ignorant_transferred_and_retrained_listeners(swept: Rows) -> None:
    for subject in ("cascade@0", "white-noise@20", "low-pass@1500"):
        found = {(metric, knowledge) for metric, _, knowledge in figures(swept, subject)}
        assert found == {
            *((metric, "ignorant") for metric in ("uar", "wer", "sentence_accuracy")),
            ("uar", "transferred"),
            *((metric, "retrained") for metric in ("uar", "wer")),
        }


def test_no_strength_is_clean_speech(swept: Rows) -> None:
    none, clean = figures(swept, "cascade@0"), figures(swept, "identity")
    assert none == {place: clean[place] for place in none}


def test_full_strength_is_the_protection_that_was_judged(swept: Rows, folder: Path) -> None:
    full, judged = figures(swept, "cascade@1"), figures(rows(folder / "audit" / "scores.csv"), "cascade")
    assert full == {place: judged[place] for place in full}


def test_a_sweep_leaves_no_release_behind(folder: Path) -> None:
    assert not list((folder / "audit").rglob("*.npy"))


def test_nothing_to_sweep_is_refused(audited: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is nothing to sweep. Give strengths, SNRs or cut-offs"):
        frontier([audited], NOTHING)


def test_a_value_given_twice_is_refused(audited: Path) -> None:
    with pytest.raises(RecipeError, match=r"two points have one name. Give each value once"):
        frontier([audited], Sweep((0.5, 0.5), (), ()))


def test_a_strength_out_of_range_is_refused(audited: Path) -> None:
    with pytest.raises(RecipeError, match=r"A strength of 1.5 is not allowed"):
        frontier([audited], Sweep((1.5,), (), ()))


@pytest.mark.parametrize("changed", ["split", "corpus", "words"])
def test_runs_of_another_split_corpus_or_recogniser_are_refused(audited: Path, tmp_path: Path, changed: str) -> None:
    other = shutil.copytree(audited, tmp_path / "other", ignore=shutil.ignore_patterns("audit", "report"))
    if changed == "words":
        shutil.copy(Run(other).weights("emotion"), Run(other).weights("words"))
    else:
        facts = json.loads((other / "run.json").read_text())
        facts[changed]["hash"] = "another"
        (other / "run.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match=r"other has another corpus, split or recognisers than .*tones"):
        frontier([audited, other], Sweep((0.5,), (), ()))
