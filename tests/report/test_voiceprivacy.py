"""VoicePrivacy result files: the published layout to the character, and figures read back by a parser of spaces."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aclipse.report import voiceprivacy
from aclipse.report.folder import RunFolder
from aclipse.report.rows import Score, Slice

ABOUT = {"created": "2026-11-22T09:52:36+00:00", "corpus": {"name": "crema-d"}}
EMOTIONS = {"angry": 0.7, "happy": 0.6, "neutral": 0.65, "sad": 0.5, "disgusted": 0.4}


def score(subject: str, metric: str, knowledge: str, value: float, judge: str = "first") -> Score:
    role = "utility" if metric.startswith(("uar", "recall")) else "privacy"
    return Score(subject, role, metric, judge, knowledge, value, value - 0.02, value + 0.03, n=100, split="s")


def scores() -> list[Score]:
    """Clean speech, two protections of which one was judged on sound alone, and judges that must not be taken."""
    found = [
        score("pgd", "snr_db", "none", 5.0, "signal"),
        *(score("identity", "recall:" + label, "ignorant", value) for label, value in EMOTIONS.items()),
        *(score("cascade", "recall:" + label, "ignorant", value - 0.1) for label, value in EMOTIONS.items()),
    ]
    for metric, clean, protected, retrained in (("uar", 0.57, 0.47, 0.6), ("wer", 0.117, 0.979, 0.286)):
        found += [score("identity", metric, "ignorant", clean), score("cascade", metric, "ignorant", protected)]
        found += [score("cascade", metric, "retrained", retrained), score("cascade", metric, "ignorant", 0.9, "second")]
    found += [score("identity", "eer", "ignorant", 0.06), score("cascade", "eer", "ignorant", 0.4)]
    return [*found, score("cascade", "eer", "retrained", 0.21)]


def slices() -> list[Slice]:
    told = {("identity", "ignorant"): (0.05, 0.07), ("cascade", "ignorant"): (0.38, 0.42)}
    told[("cascade", "retrained")] = (0.2, 0.22)
    return [
        Slice(subject, "eer", "first", knowledge, "sex", sex, value, value - 0.01, value + 0.01, 50)
        for (subject, knowledge), values in told.items()
        for sex, value in zip(("female", "male"), values, strict=True)
    ]


@pytest.fixture
def run() -> RunFolder:
    return RunFolder(path=Path("run"), about=ABOUT, scores=scores(), slices=slices(), chance={})


def parse(text: str) -> tuple[list[str], dict[str, list[dict[str, str]]]]:
    """Times, and the rows of each section, told apart by white space alone."""
    times, sections, head = [], {}, None
    for line in text.splitlines():
        if line.startswith("---- Time: "):
            times.append(line.split()[2])
        elif line.startswith("----"):
            title, head = line.strip("- "), None
            sections[title] = []
        elif head is None and line:
            head = line.split()
        elif line and set(line.split()) != {"mean"}:
            index, *cells = line.split()
            assert int(index) == len(sections[title])
            sections[title].append(dict(zip(head, cells, strict=True)))
    return times, sections


# --- the layout, against published lines


def aligned(lines: list[str]) -> list[str]:
    """Lines with their row numbers blanked: published excerpts skip some."""
    return [" " + line[1:] for line in lines]


def test_asr_lines_are_the_published_ones() -> None:
    rows = [
        {"dataset": "libri", "split": "dev", "asr": asr, "WER": wer}
        for asr, wer in (("original", 1.79), ("anon", 10.662))
    ]
    published = """
  dataset split       asr     WER
0   libri   dev  original   1.790
4   libri   dev      anon  10.662
"""
    assert aligned(voiceprivacy.layout(rows)) == aligned(published.strip("\n").split("\n"))


def test_asv_lines_are_the_published_ones() -> None:
    rows = [
        {
            **{"dataset": "libri", "split": "dev", "gender": gender, "enrollment": "original", "trial": "original"},
            **{"EER": eer, "EER-ci_lower": low, "EER-ci_upper": high},
        }
        for gender, eer, low, high in (("f", 9.815, 8.962, 11.807), ("m", 0.782, 0.467, 52.566))
    ]
    published = """
  dataset split gender enrollment     trial    EER  EER-ci_lower  EER-ci_upper
0   libri   dev      f   original  original  9.815         8.962        11.807
3   libri   dev      m   original  original  0.782         0.467        52.566
"""
    assert aligned(voiceprivacy.layout(rows)) == aligned(published.strip("\n").split("\n"))


def test_ser_lines_are_the_published_ones() -> None:
    names = ("dataset", "split", "ser", "UAR", "ACC_sad", "ACC_neu", "ACC_ang", "ACC_hap")
    values = (
        ("IEMOCAP", "dev", "anon", 55.6146, 32.9580, 57.9720, 64.4438, 67.0860),
        ("IEMOCAP", "test", "original", 71.0618, 72.5706, 71.6618, 72.8246, 67.1912),
    )
    published = """
   dataset split       ser      UAR  ACC_sad  ACC_neu  ACC_ang  ACC_hap
                               mean     mean     mean     mean     mean
0  IEMOCAP   dev      anon  55.6146  32.9580  57.9720  64.4438  67.0860
2  IEMOCAP  test  original  71.0618  72.5706  71.6618  72.8246  67.1912
"""
    lines = voiceprivacy.layout([dict(zip(names, row, strict=True)) for row in values], decimals=4, means=True)
    assert aligned(lines) == aligned(published.strip("\n").split("\n"))


def test_many_rows_are_numbered_in_one_width() -> None:
    lines = voiceprivacy.layout([{"asr": "a", "WER": float(i)} for i in range(11)])
    assert lines[1].startswith("0 ") and lines[-1].startswith("10 ") and len(set(map(len, lines))) == 1
    assert voiceprivacy.layout([]) == []


# --- the figures


def test_every_figure_is_read_back(run: RunFolder, tmp_path: Path) -> None:
    paths = voiceprivacy.write(run, tmp_path / "new")
    assert [path.name for path in paths] == ["results_cascade.txt"]  # clean speech is in it; pgd was never judged
    times, sections = parse(paths[0].read_text(encoding="utf-8"))
    assert times == ["22-11-26_09:52"] * 2
    assert list(sections) == ["SER results", "ASV_eval results", "ASR results", "ASV_eval^anon results"]
    assert {(row["dataset"], row["split"]) for rows in sections.values() for row in rows} == {("crema-d", "test")}
    assert [(row["asr"], float(row["WER"])) for row in sections["ASR results"]] == [("original", 11.7), ("anon", 97.9)]
    original, anon = sections["SER results"]
    assert (original["ser"], anon["ser"]) == ("original", "anon")
    assert (float(original["UAR"]), float(anon["UAR"])) == pytest.approx((57.0, 47.0))
    assert [name for name in anon if name.startswith("ACC")] == ["ACC_sad", "ACC_neu", "ACC_ang", "ACC_hap", "ACC_dis"]
    assert float(anon["ACC_ang"]) == pytest.approx(60.0) and float(original["ACC_dis"]) == pytest.approx(40.0)


def test_verification_is_told_by_gender_and_by_knowledge(run: RunFolder) -> None:
    _, sections = parse(voiceprivacy.results(run, "cascade"))
    who = ("gender", "enrollment", "trial", "EER", "EER-ci_lower", "EER-ci_upper")
    assert [tuple(row[name] for name in who) for row in sections["ASV_eval results"]] == [
        ("f", "original", "original", "5.000", "4.000", "6.000"),
        ("f", "original", "anon", "38.000", "37.000", "39.000"),
        ("m", "original", "original", "7.000", "6.000", "8.000"),
        ("m", "original", "anon", "42.000", "41.000", "43.000"),
    ]
    assert [tuple(row[name] for name in who) for row in sections["ASV_eval^anon results"]] == [
        ("f", "anon", "anon", "20.000", "19.000", "21.000"),
        ("m", "anon", "anon", "22.000", "21.000", "23.000"),
    ]


def test_without_slices_all_speakers_are_one_row(run: RunFolder) -> None:
    _, sections = parse(voiceprivacy.results(replace(run, slices=[]), "cascade"))
    rows = sections["ASV_eval results"] + sections["ASV_eval^anon results"]
    assert [(row["gender"], row["trial"], row["EER"]) for row in rows] == [
        ("all", "original", "6.000"),
        ("all", "anon", "40.000"),
        ("all", "anon", "21.000"),
    ]


def test_what_was_not_measured_has_no_section(run: RunFolder) -> None:
    words = replace(run, scores=[s for s in run.scores if s.metric == "wer"])
    times, sections = parse(voiceprivacy.results(words, "cascade"))
    assert list(sections) == ["ASR results"] and len(times) == 1
    assert voiceprivacy.results(run, "pgd") == ""  # clean speech alone says nothing of a protection


def test_unknown_ends_and_recalls_are_nan(run: RunFolder) -> None:
    bare = [replace(s, low=None, high=None) for s in run.scores if s.metric != "recall:sad" or s.subject == "identity"]
    _, sections = parse(voiceprivacy.results(replace(run, scores=bare, slices=[]), "cascade"))
    assert math.isnan(float(sections["ASV_eval results"][0]["EER-ci_lower"]))
    assert (
        math.isnan(float(sections["SER results"][1]["ACC_sad"])) and sections["SER results"][0]["ACC_sad"] == "50.0000"
    )


def test_the_same_audit_gives_the_same_bytes(run: RunFolder, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in voiceprivacy.write(run, tmp_path)]
    shutil.rmtree(tmp_path)
    assert [path.read_bytes() for path in voiceprivacy.write(run, tmp_path)] == first


def test_names_with_spaces_stay_one_column_and_a_run_may_know_little_of_itself(run: RunFolder) -> None:
    named = replace(run, about={"created": ABOUT["created"], "corpus": {"name": "my own  voices"}})
    assert parse(voiceprivacy.results(named, "cascade"))[1]["ASR results"][0]["dataset"] == "my_own_voices"
    times, sections = parse(voiceprivacy.results(replace(run, about={}), "cascade"))
    assert times == ["unknown"] * 2 and sections["ASR results"][0]["dataset"] == "corpus"
