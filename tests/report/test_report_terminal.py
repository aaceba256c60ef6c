from __future__ import annotations

import re
from dataclasses import replace

import pytest
from toy_run import score, toy

from aclipse.report.ladder import findings
from aclipse.report.terminal import doubts, ladder_lines, who


def test_one_table_tells_secret_listener_clean_protected_and_verdict(make_run):
    from aclipse.report.folder import read_run

    assert ladder_lines(read_run(make_run()), 80) == [
        "cascade: SNR 4.8 dB, level −0.2 dB, 0.020 s per utterance",
        "",
        "secret       listener           clean  protected [95 %]   verdict",
        "words          ignorant           6.0  90.0 [87.0–93.0]   hidden",
        "WER, %         transferred       60.0  not shown          not shown",
        "               purifying (mp3)    6.0  70.0 [67.0–73.0]   weakened",
        "             ▸ retrained          5.0  15.0 [12.0–18.0]   not hidden",
        "               purified (mp3)     6.0  17.0 [14.0–20.0]   not hidden",
        "               scratch           20.0  31.0 [28.0–34.0]   not hidden",
        "               inverting          6.0  40.0 [37.0–43.0]   weakened",
        "sentence       ignorant          96.0  14.0 [11.0–17.0]   weakened",
        "accuracy, %  ▸ retrained         99.0  97.0 [94.0–100.0]  not hidden",
        "sex          ▸ ignorant          96.0  60.0 [57.0–63.0]   weakened",
        "UAR, %",
        "speaker      ▸ ignorant           8.0  49.0 [46.0–52.0]   weakened",
        "EER, %",
        "emotion        guiding           70.0  64.0 [61.0–67.0]   kept",
        "UAR, %       ▸ independent       68.0  55.0 [52.0–58.0]   reduced",
        "               retrained         71.0  66.0 [63.0–69.0]   kept",
        "▸ the listener that counts: the worst for the protection that passed its own",
        "  check",
        "not shown: words transferred: it fails on clean speech too",
        "",
        "               UAR %   UAR %      UAR %     WER %      WER %   SNR    time",
        "             guiding  indep.  retrained  ignorant  best att.    dB  s/utt.",
        "identity        70.0    68.0       71.0       6.0        5.0         0.000",
        "cascade         64.0    55.0       66.0      90.0       15.0   4.8   0.020",
        "low-pass        66.0    60.0       68.0      30.0       11.0  13.0   0.004",
        "white-noise     40.0    38.0       45.0      84.0       25.0   4.8   0.001",
        "silence         25.0    25.0       25.0     100.0      100.0   0.0   0.000",
    ]


@pytest.mark.parametrize("width", [76, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_every_figure_is_whole(width):
    scores = [replace(s, judge=f"{s.judge}-with-a-rather-long-name") for s in toy().scores]
    twins = [replace(s, judge="another-judge-with-a-rather-long-name") for s in toy().scores if s.metric == "wer"]
    run = toy(scores + twins)
    lines = ladder_lines(run, width)
    assert max(map(len, lines)) <= width
    shown = re.findall(r"[\d.]+ \[[^]]*–[^]]*\]", "\n".join(lines))
    assert len(shown) == sum(not finding.doubt for finding in findings(run))


def test_listeners_of_one_level_are_told_apart_by_their_judges():
    twins = [score(name, "wer", "transferred", value) for name, value in (("cascade", 0.9), ("identity", 0.1))]
    run = toy([*twins, *(replace(s, judge="whisper") for s in twins)])
    assert [who(finding) for finding in findings(run)] == ["transferred pocketsphinx", "transferred whisper"]


def test_a_reason_is_given_once_for_all_it_is_about():
    run = toy([score("cascade", "wer", "ignorant", 0.9), score("cascade", "uar", "ignorant", 0.9)])
    assert doubts(findings(run)) == ["words ignorant, emotion guiding: it was not tried on clean speech"]


def test_columns_that_nobody_measured_are_left_out():
    run = toy([score(name, "wer", "ignorant", 0.5) for name in ("identity", "vendor")])
    assert ladder_lines(run, 80)[-4:] == [
        "             WER %      WER %",
        "          ignorant  best att.",
        "identity      50.0       50.0",
        "vendor        50.0       50.0",
    ]
    assert ladder_lines(run, 80)[0] == "vendor"


def test_an_audit_without_listeners_has_no_ladder():
    lines = ladder_lines(toy([score("vendor", "snr_db", "none", 3.0)]), 80)
    assert lines[:3] == ["vendor: SNR 3.0 dB", "", "secret  listener  clean  protected [95 %]  verdict"]
    assert "▸" not in "".join(lines)
