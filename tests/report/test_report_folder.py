from __future__ import annotations

import pytest
from toy_run import AUDIT, CHANCE, EXTRA, SCORE_HEADER, write

from aclipse.errors import RunError
from aclipse.report.folder import read_run, read_scores
from aclipse.report.rows import Purifier, Score, read_rows


def test_reads_every_part_of_a_run(make_run):
    run = read_run(make_run())
    assert run.about["corpus"]["name"] == "toy"
    assert run.chance == CHANCE
    assert sorted(run.history) == ["cascade", "emotion", "words"]
    assert [row["stage"] for row in run.history["cascade"]] == [1, 1, 2, 2]
    assert {name: sorted(files) for name, files in run.listen.items()} == {s: ["c0", "c1"] for s in run.listen}
    cascade = next(s for s in run.scores if (s.subject, s.metric, s.knowledge) == ("cascade", "wer", "retrained"))
    assert (cascade.value, cascade.low, cascade.n, cascade.secret) == (0.15, 0.12, 8, "words")
    assert run.audit == AUDIT
    for name, rows in EXTRA.items():
        assert getattr(run, name) == rows()


def test_a_table_of_an_earlier_version_says_what_to_do(tmp_path):
    old = "subject,role,metric,judge,knowledge,value,low,high,n,split\nx,privacy,wer,j,frozen,0.5,,,8,s\n"
    write(tmp_path / "scores.csv", old)
    with pytest.raises(RunError, match=r"lacks the column\(s\) secret, via\..* Run `aclipse audit` on this run again"):
        read_scores(tmp_path / "scores.csv")


def test_rows_without_a_needed_number_are_left_out_and_others_are_none(tmp_path):
    text = "subject,secret,purifier,validation,chosen\nx,words,mp3,,1\n"
    write(tmp_path / "purifiers.csv", text)
    assert read_rows(tmp_path / "purifiers.csv", Purifier) == [Purifier("x", "words", "mp3", None, 1)]
    assert read_rows(tmp_path / "absent.csv", Purifier) == []


def test_only_scores_are_required(tmp_path):
    write(tmp_path / "audit" / "scores.csv", f"{SCORE_HEADER}\nx,privacy,words,wer,j,ignorant,,0.5,,,,\n")
    run = read_run(tmp_path)
    assert run.scores == [Score("x", "privacy", "wer", "j", "ignorant", 0.5, secret="words")]
    assert (run.about, run.clips, run.chance, run.history, run.listen) == ({}, [], {}, {}, {})


def test_scores_that_are_not_available_are_left_out(tmp_path):
    rows = "x,quality,sound,pesq,signal,none,,,,,8,s\nx,quality,sound,level_db,signal,none,,-inf,nan,nan,8,s\n"
    write(tmp_path / "scores.csv", f"{SCORE_HEADER}\n{rows}")
    (only,) = read_scores(tmp_path / "scores.csv")
    assert only.value == float("-inf")
    assert only.low is None


def test_ends_of_an_interval_fall_back_to_the_bare_value():
    bare = Score("x", "privacy", "wer", "j", "ignorant", 0.5)
    assert (bare.floor, bare.ceiling) == (0.5, 0.5)
    sure = Score("x", "privacy", "wer", "j", "ignorant", 0.5, 0.4, 0.7)
    assert (sure.floor, sure.ceiling) == (0.4, 0.7)


def test_a_run_without_an_audit_says_what_to_do(tmp_path):
    with pytest.raises(RunError, match=r"scores\.csv is missing.*Run `aclipse audit`"):
        read_run(tmp_path)
    with pytest.raises(RunError, match=r"absent is not a folder\. Give the folder"):
        read_run(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"subject,value\nx,1\n",
            r"lacks the column\(s\) role, metric, judge, knowledge, low.* Run `aclipse audit` on this run again",
        ),
        (
            f"{SCORE_HEADER}\nx,p,words,wer,j,ignorant,,0.5,,,,s\nx,p,words,wer,j,ignorant,,many,,,,s\n".encode(),
            r"line 3: 'many' is not",
        ),
        (f"{SCORE_HEADER}\n".encode(), "holds no scores"),
        (f"{SCORE_HEADER}\n\xff".encode("latin-1"), "is not a UTF-8 table"),
        (f"{SCORE_HEADER}\nx".encode() + b"y" * 200_000, "is not a UTF-8 table"),
    ],
)
def test_broken_scores(tmp_path, content, message):
    (tmp_path / "scores.csv").write_bytes(content)
    with pytest.raises(RunError, match=message):
        read_scores(tmp_path / "scores.csv")


@pytest.mark.parametrize(("content", "message"), [("{", "is not JSON"), ("[1]", "must hold a JSON object, not a list")])
def test_broken_facts(make_run, content, message):
    run = make_run()
    write(run / "run.json", content)
    with pytest.raises(RunError, match=rf"run\.json {message}"):
        read_run(run)
