from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from toy_run import (
    attacker_rows,
    budget_rows,
    lesson_rows,
    pair_rows,
    purifier_rows,
    score,
    setting_rows,
    slice_rows,
    toy,
)

from aclipse.report import evidence, frontier
from aclipse.report.attack_figures import budget_curves, budget_figure, learning_figure, more_helps
from aclipse.report.evidence import conclusion, worse_off
from aclipse.report.frontier_figure import frontier_figure
from aclipse.report.rows import Spending


def curve(*steps, metric="wer", secret="words", spread=0.03):
    rows = [
        Spending("cascade", secret, metric, "j", "retrained", clips, None, 0, value, value - spread, value + spread)
        for clips, value in steps
    ]
    (found,) = budget_curves(toy(budget=rows))
    return found


def test_seeds_of_one_budget_are_averaged_and_the_ignorant_attacker_is_no_point():
    (found,) = budget_curves(toy(budget=budget_rows()))
    means = dict(found.means())
    assert list(means) == [50, 200, 800, 1500]
    assert means[50] == pytest.approx(0.61)
    others = [replace(row, subject="low-pass") for row in budget_rows()]
    assert budget_curves(toy(budget=others)) == []


@pytest.mark.parametrize(
    ("steps", "options", "says"),
    [
        (
            ((100, 0.50), (200, 0.30)),
            {},
            "more budget still helps: from 100 to 200 clips the attacker gains 20.0 points",
        ),
        (((100, 0.31), (200, 0.30)), {}, "more budget no longer helps visibly"),
        (((100, 0.34), (200, 0.30)), {}, "it cannot be told"),  # four points a doubling, intervals overlap
        (((100, 0.34), (1600, 0.30)), {}, "no longer helps visibly"),  # one point a doubling
        (((100, 0.30), (200, 0.50)), {}, "no longer helps visibly"),  # more budget made it worse
        (((100, 0.50), (200, 0.80)), {"metric": "sentence_accuracy", "secret": "sentence"}, "still helps"),
        (((100, 0.30), (200, 0.50)), {"metric": "uar", "secret": "emotion"}, "still helps"),
        (((100, 0.30), (200, 0.20)), {"metric": "eer", "secret": "speaker"}, "still helps"),
    ],
)
def test_whether_more_budget_helps_is_read_off_the_last_step(steps, options, says):
    assert says in more_helps(curve((10, 0.9), *steps, **options))


def test_budget_is_drawn_in_clips_and_minutes_beside_clean_and_ignorant_levels():
    run = toy(budget=budget_rows())
    axes = budget_figure(run, budget_curves(run)).axes[0]
    assert axes.get_xscale() == "log"
    flat = {line.get_label(): line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1}
    assert (flat["ignorant"], flat["clean speech"]) == (0.90, 0.06)
    (line,) = [line for line in axes.lines if line.get_label() == "retrained"]
    np.testing.assert_allclose(line.get_ydata(), [0.61, 0.35, 0.16, 0.15])
    bars = [tuple(line.get_ydata()) for line in axes.lines if list(line.get_xdata()) == [800, 800]]
    assert bars == [(pytest.approx(0.13), pytest.approx(0.19))]
    (above,) = axes.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["2.1", "8.3", "33", "62"]


def test_several_secrets_have_a_panel_each():
    rows = budget_rows() + [replace(row, secret="sentence", metric="sentence_accuracy") for row in budget_rows()]
    rows += [replace(row, secret="sex", metric="sex_uar", minutes=None) for row in budget_rows()]
    run = toy(budget=rows)
    panels = [axes for axes in budget_figure(run, budget_curves(run)).axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in panels] == ["words: WER", "sentence: accuracy", "sex: UAR"]


def test_learning_curves_are_those_of_the_largest_budget():
    small = [replace(row, clips=50, validation=-0.9) for row in lesson_rows()]
    axes = learning_figure(lesson_rows() + small).axes[0]
    assert [line.get_label() for line in axes.lines] == ["retrained", "scratch"]
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(-0.15 - 0.5**5)
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4, 5, 6]


def rows_of(page: str) -> list[list[str]]:
    texts = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    return [[unescape(re.sub("<[^>]*>", "", text)).replace("\xa0", " ") for text in row] for row in texts]


def test_every_listener_shows_its_check(tmp_path):
    page = evidence.attackers(toy(attackers=attacker_rows(), purifiers=purifier_rows()))
    rows = {row[0]: row[1:] for row in rows_of(page)}
    told = ["5.0", "", "98.0", "1500 clips, 62.5 min", "8 (best: 7)", "−0.900 → −0.150", "passed"]
    assert rows["words: retrained"] == told
    assert rows["words: transferred"][-1] == "not shown: it fails on clean speech too"
    assert rows["sentence: ignorant"] == ["96.0", "8.0", "", "", "", "", "passed"]
    assert rows["words: mp3"] == ["−0.700", "chosen"]


def test_groups_that_are_clearly_worse_off_are_marked():
    rows = {row[0]: row[1] for row in rows_of(evidence.groups(toy(slices=slice_rows()))) if len(row) == 2 and row[0]}
    assert rows == {
        "sex: female": "10.0 ▾7.0–13.0",
        "sex: male": "20.017.0–23.0",
        "emotion: happy": "15.012.0–18.0",
        "emotion: sad": "16.013.0–19.0",
    }


@pytest.mark.parametrize(("metric", "worse"), [("wer", "low"), ("uar", "low"), ("sentence_accuracy", "high")])
def test_the_worse_side_depends_on_the_metric(metric, worse):
    low, high = (
        replace(row, metric=metric, value=v, low=v - 0.05, high=v + 0.05)
        for row, v in zip(slice_rows()[:2], (0.2, 0.6), strict=True)
    )
    assert (worse_off(low, [high]), worse_off(high, [low])) == (worse == "low", worse == "high")
    assert not worse_off(low, [])
    assert not worse_off(low, [replace(high, low=None)]) and not worse_off(replace(high, high=None), [low])
    touching = replace(high, low=0.2)
    assert not worse_off(low, [touching]) and not worse_off(touching, [low])


def test_what_a_paired_test_shows():
    better, worse, nothing = pair_rows()
    assert [conclusion(pair) for pair in (better, worse, nothing)] == [
        "cascade hides more",
        "cascade hides less",
        "no difference shown",
    ]
    assert conclusion(replace(better, p=0.05)) == "no difference shown"
    assert conclusion(replace(better, low=-0.001)) == "no difference shown"
    assert conclusion(replace(better, p=None)) == "no difference shown"
    assert conclusion(replace(better, metric="uar")) == "cascade keeps more"
    assert conclusion(replace(better, metric="sentence_accuracy")) == "cascade hides less"
    assert conclusion(replace(better, metric="snr_db")) == "cascade changes the sound less"


def test_paired_tests_are_told_with_interval_and_corrected_p():
    page = evidence.paired(toy(pairs=[*pair_rows(), replace(pair_rows()[0], knowledge="scratch")]))
    first, second, *_ = [row for row in rows_of(page) if row[0].startswith("cascade")]
    told = ["cascade − low-pass", "WER %", "retrained compact-words", "+4.0 [2.0–6.0]", "0.012", "cascade hides more"]
    assert first == told
    assert second[3:5] == ["−10.0 [−12.0 to −8.0]", "< 0.001"]
    assert "All 4 tests" in page


def test_nothing_is_told_of_what_was_not_recorded():
    run = toy([score("vendor", "snr_db", "none", 3.0)])
    sections = (evidence.investment, evidence.attackers, evidence.groups, evidence.paired, frontier.sweep)
    assert [section(run) for section in sections] == [""] * 5


def test_panels_of_the_frontier_pair_every_attacker_with_every_judge_of_emotion():
    rows = setting_rows()
    rows += [replace(row, knowledge="transferred", judge="other") for row in rows if row.metric == "uar"]
    found = frontier.panels(rows)
    assert [panel.privacy[2] for panel in found] == ["ignorant"] * 3 + ["retrained"] * 3
    assert found[0].emotion == ("uar", "other", "transferred")  # the judge that counts comes first
    assert [(x.setting, x.value, y.value) for x, y in found[0].methods["cascade"]] == [
        (0.5, pytest.approx(0.61), pytest.approx(0.595)),
        (1.0, pytest.approx(0.62), pytest.approx(0.59)),
    ]
    figure = frontier_figure(found[:2])
    assert len(figure.axes) == 2


def test_the_frontier_draws_values_and_intervals_where_they_belong():
    (panel, *_) = frontier.panels(setting_rows())
    drawn = frontier._choice([panel])
    circles = [tuple(map(float, at)) for at in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    ticks = dict(re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">(\d+) %</text>', drawn))
    zero, full = (float(x) for share in ("0", "100") for x, text in ticks.items() if text == share)
    shown = sorted((x - zero) / (full - zero) for x, _ in circles)
    expected = sorted(x.value for pairs in panel.methods.values() for x, _ in pairs)
    np.testing.assert_allclose(shown, expected, atol=0.001)
    assert "cascade, strength 0.5: WER % 61.0 [59.0–63.0]; UAR % 59.5 [57.5–61.5]" in drawn
    assert 'class="choose" hidden=""' in drawn  # without a script, the still picture stands alone


def test_one_budget_with_two_seeds_says_nothing_about_more(tmp_path):
    rows = [replace(budget_rows()[1], seed=seed) for seed in (0, 1)]
    page = evidence.investment(replace(toy(budget=rows), path=tmp_path))
    assert 'id="budget"' in page and "<li>" not in page
