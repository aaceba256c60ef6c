"""The page, the table and the sentences of a run whose phones send updates."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from toy_run import CLIP_HEADER, SCORE_HEADER, SPLIT, columns, table, toy, write, write_run

from aclipse.report import updates, write_report
from aclipse.report.comparison import comparison_table, secrets
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import protector
from aclipse.report.medium import MEDIA, UPDATES, medium_of
from aclipse.report.remarks import remarks
from aclipse.report.rows import Score
from aclipse.report.terminal import ladder_lines
from aclipse.report.wording import headline

SUBJECTS = ("user-level-dp", "identity", "silence", "low-pass", "white-noise")
CHANCE = {"uar": 0.25, "sex_uar": 0.5, "eer": 0.5, "tar_at_1far": 0.01, "linkability": 0.0}
LADDER = {  # (metric, judge, level) → value for each of SUBJECTS
    ("uar", "federated", "retrained"): (0.58, 0.70, 0.25, 0.66, 0.40),
    ("sex_uar", "one-update", "ignorant"): (0.49, 0.81, 0.50, 0.70, 0.60),
    ("sex_uar", "one-update", "retrained"): (0.50, 0.80, 0.50, 0.72, 0.66),
    ("sex_uar", "all-updates", "ignorant"): (0.50, 0.85, 0.50, 0.74, 0.62),
    ("sex_uar", "all-updates", "retrained"): (0.51, 0.86, 0.50, 0.75, 0.66),
    ("eer", "one-update", "ignorant"): (0.49, 0.20, 0.50, 0.25, 0.30),
    ("eer", "one-update", "retrained"): (0.49, 0.20, 0.50, 0.25, 0.30),
}
SECRET_OF = {"uar": "emotion", "sex_uar": "sex", "eer": "speaker"}
MADE: dict[str, Any] = {
    "federation": {"algorithm": "fedsgd", "rounds": 200, "share": 0.1, "batch_size": 20, "start": 8},
    "privacy": {"mode": "strict", "epsilon": 8.0, "delta": 0.01, "place": "central", "clip": 1.0, "quantile": None},
    "functionals": "log-mel statistics 1", "inputs": 390, "numbers": 133508, "clients": 64, "rounds": 200,
    "most_rounds": 28, "view": "central", "chosen": "last", "shadow": "24 speakers of ravdess",
    "guarantee": ["ε = 7.98 at δ = 0.01", "unit: one client with all its recordings, one of 64"],
}  # fmt: skip
AUDIT = {
    "level": "quick",
    "left_out": ["Every attacker is trained once"],
    "promises": {"user-level-dp": ["ε = 7.98"], "identity": ["Nothing is promised."]},
}


def scores() -> list[Score]:
    return [
        Score(name, "utility" if metric == "uar" else "privacy", metric, judge, level, values[i],
              max(0.0, values[i] - 0.02), values[i] + 0.02, n=8, split=SPLIT, secret=SECRET_OF[metric])
        for i, name in enumerate(SUBJECTS)
        for (metric, judge, level), values in LADDER.items()
    ]  # fmt: skip


def write_updates_run(folder: Path, **changes: Any) -> Path:
    """Write what a finished and audited run on updates holds."""
    write_run(folder, subject="user-level-dp")
    for part in ("cascade", "words", "emotion", "audit"):
        shutil.rmtree(folder / part)
    about = json.loads((folder / "run.json").read_text("utf-8"))
    about["recipe"] = {"release": "updates", "seed": 0, "updates": {"kind": "log-mel"}, "cascade": {"epochs": 7}}
    about["weights"], about["federated"] = {"federated": "7be0419d6c58"}, {**MADE, **changes}
    write(folder / "run.json", json.dumps(about))
    write(folder / "audit" / "chance.json", json.dumps(CHANCE))
    write(folder / "audit" / "audit.json", json.dumps(AUDIT))
    table(folder / "audit" / "scores.csv", SCORE_HEADER, [[s.subject, *columns(s)] for s in scores()])
    table(folder / "audit" / "clips.csv", CLIP_HEADER, [])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_updates_run(tmp_path_factory.mktemp("updates") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return unescape((run / "report" / "index.html").read_text("utf-8"))


def text_of(page: str, section: str) -> str:
    own = page.split(f'<section id="{section}">')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", own)).replace("\N{NO-BREAK SPACE}", " ")


def read(run: Path) -> RunFolder:
    return read_run(run)


def test_the_page_has_what_updates_have_and_nothing_of_sound(page: str) -> None:
    found = set(re.findall(r'<section id="([\w-]+)">', page))
    assert {"findings", "table", "device", "settings", "methods"} <= found
    assert not {"listen", "quality", "budget", "emotion", "training"} & found
    assert "<audio" not in page and "{" not in text_of(page, "device")


def test_the_guarantee_and_the_view_are_stated(page: str) -> None:
    told = text_of(page, "device")
    assert "ε = 7.98 at δ = 0.01." in told and "Unit: one client with all its recordings" in told
    assert "central view" in told and "secure aggregation" in told and "24 speakers of ravdess" in told
    assert "133,508 numbers: the gradient of one batch" in told and "privacy.clip 1" in told
    assert "identity Nothing is promised." in told


def test_the_local_view_and_a_chosen_model_are_stated_too(tmp_path: Path) -> None:
    made = {"view": "local", "chosen": "best", "privacy": {"mode": "paper", "epsilon": 5.0}}
    told = updates.device(read(write_updates_run(tmp_path / "run", **made)))
    assert "local view" in told and "of the second half" in told and "central view" not in told
    assert updates.device(toy()) == ""


def test_the_headline_names_who_reads_updates(run: Path) -> None:
    said = headline(read(run))
    assert said == (
        "User-level differential privacy hides the speaker’s sex and who is speaking from every listener tried. "
        "Emotion is harder to read for the federated model."
    )


def test_the_tables_show_sex_first_and_one_figure_of_emotion(run: Path) -> None:
    found = read(run)
    assert medium_of(found) is UPDATES and MEDIA["updates"] is UPDATES and protector(found.scores) == "user-level-dp"
    assert secrets(found) == ["sex", "speaker"]
    assert list(comparison_table(found).rows) == [
        "identity", "user-level-dp", "low-pass", "white-noise", "silence",
    ]  # fmt: skip
    emotional = [column for column in comparison_table(found).columns if column.metric == "uar"]
    assert [column.knowledge for column in emotional] == ["retrained"]
    assert any("one-update" in line for line in ladder_lines(found, 120))


def test_what_must_be_known_is_said_and_what_is_not_so_is_not(run: Path) -> None:
    told = " ".join(remarks(read(run)))
    assert "the federation without a defence" in told and "Every attacker is trained once." in told
    assert "No independent judge" not in told


def test_settings_that_had_no_say_are_not_shown(page: str) -> None:
    assert "updates.kind" in text_of(page, "settings") and "cascade.epochs" not in text_of(page, "settings")
