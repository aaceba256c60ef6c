from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aclipse import cli
from aclipse.report.tables import main_table
from aclipse.report.terminal import score_lines


def numbers(lines):
    return sorted(re.findall(r"[−\d.–∞]+", "\n".join(lines)))


def test_each_figure_of_a_listener_stands_above_its_interval(scores):
    lines = score_lines(main_table([s for s in scores if s.metric in ("uar", "snr_db")]), 80)
    assert lines == [
        "                    UAR %          SNR dB",
        "                frozen  retrained",
        "identity          70.0       71.0",
        "             67.0–73.0  68.0–74.0",
        "cascade           64.0       66.0     4.8",
        "             61.0–67.0  63.0–69.0",
        "low-pass          66.0       68.0    13.0",
        "             63.0–69.0  65.0–71.0",
        "white-noise       40.0       45.0     4.8",
        "             37.0–43.0  42.0–48.0",
        "silence           25.0       25.0     0.0",
        "             22.0–28.0  22.0–28.0",
    ]


@pytest.mark.parametrize("width", [35, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_lost_or_cut(scores, width):
    table = main_table(scores)
    lines = score_lines(table, width)
    assert max(map(len, lines)) <= width
    cells = [(c.role, cell) for row in table.rows.values() for c, cell in zip(table.columns, row, strict=True)]
    shown = [cell.text for _, cell in cells] + [cell.interval for role, cell in cells if role != "quality"]
    assert numbers(lines) == sorted(text for text in shown if text)


def test_a_wide_terminal_needs_one_block_and_a_narrow_one_names_subjects_in_each(scores):
    table = main_table(scores)
    counts = {
        width: sum(line.startswith("cascade") for line in score_lines(table, width)) for width in (200, 80, 60, 40)
    }
    assert counts == {200: 1, 80: 2, 60: 2, 40: 4}
    assert score_lines(table, 40).count("") == 3  # between blocks


def test_a_group_wider_than_the_terminal_stays_whole(scores):
    assert score_lines(main_table(scores), 1) == score_lines(main_table(scores), 34)


def test_judges_of_one_metric_stand_apart_by_name(scores):
    own = [s for s in scores if s.metric == "uar"]
    lines = score_lines(main_table(own + [replace(s, judge="other") for s in own]), 80)
    assert re.split(r"\s{2,}", lines[0].strip()) == ["UAR %, compact-emotion", "UAR %, other"]
    assert lines[1].split() == ["frozen", "retrained"] * 2


def test_a_column_without_intervals_has_no_line_for_them(scores):
    bare = [replace(s, low=None, high=None) for s in scores if s.metric == "wer"]
    assert len(score_lines(main_table(bare), 80)) == 2 + 5


def test_the_command_line_prints_for_the_width_of_its_terminal(make_run, monkeypatch, capsys):
    run, printed = make_run(), {}
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        cli._print_scores(run)
        *table, note, hint = capsys.readouterr().out.splitlines()
        assert (max(map(len, table)) <= width, note) == (True, "Under the figures: 95 % intervals.")
        assert hint == f"scores → {run / 'audit' / 'scores.csv'}. Next: aclipse report {run}"
        printed[width] = len(table)
    assert printed == {80: 19, 120: 12}
