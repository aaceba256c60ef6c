from __future__ import annotations

import io
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.metrics import confusion_matrix
from toy_run import EMOTIONS, score, toy

from aclipse.report.drawing import SUBJECT_STYLE, save_figure
from aclipse.report.figures import (
    confusion,
    confusion_figure,
    listener_curves,
    listeners_figure,
    plane_figure,
    plane_points,
    training_figure,
)
from aclipse.report.folder import read_run
from aclipse.report.rows import ClipScore


def clips(truth, read):
    return [
        ClipScore("x", "emotion", "j", "ignorant", "c", "s", t, r, 0.0, 1.0) for t, r in zip(truth, read, strict=True)
    ]


def test_confusion_is_that_of_scikit_learn():
    labels = ["angry", "happy", "sad"]
    truth, read = np.random.default_rng(0).choice(labels, (2, 60))
    np.testing.assert_array_equal(confusion(clips(truth, read), labels), confusion_matrix(truth, read, labels=labels))


def test_confusion_is_drawn_in_per_cent_of_the_row():
    counts = np.array([[3, 1], [0, 0]])  # no clip of the second emotion: no division by zero
    figure = confusion_figure({"original": counts, "protected": counts}, EMOTIONS)
    assert [text.get_text() for text in figure.axes[0].texts] == ["75", "25", "0", "0"]
    assert [axes.get_title("left") for axes in figure.axes] == ["original", "protected"]


def test_points_of_the_plane_are_scores(scores):
    points = plane_points(toy())
    words, emotion = points["cascade", "best attacker"]
    assert (words.value, emotion.value) == (0.15, 0.55)  # the independent judge's
    assert len(points) == 10
    guided = [s for s in scores if (s.metric, s.knowledge) != ("uar", "transferred")]
    assert plane_points(toy(guided))["cascade", "best attacker"][1].value == 0.64


def test_the_plane_fills_ignorant_marks_and_hollows_the_best_attackers():
    axes = plane_figure(toy()).axes[0]
    marks = {(line.get_xdata()[0], line.get_ydata()[0]): line for line in axes.lines if line.get_marker() == "o"}
    assert to_hex(marks[0.90, 0.55].get_markerfacecolor()) == SUBJECT_STYLE["cascade"][0]
    assert marks[0.15, 0.55].get_markerfacecolor() == "white"
    horizontal = [tuple(line.get_xdata()) for line in axes.lines if list(line.get_ydata()) == [0.55, 0.55]]
    assert (pytest.approx(0.87), pytest.approx(0.93)) in horizontal
    assert any(list(line.get_ydata()) == [0.25, 0.25] for line in axes.lines)  # guessing


def test_both_marks_are_seen_where_they_agree(scores):
    ignorant = [s for s in scores if s.knowledge == "ignorant"]
    marks = [line for line in plane_figure(toy(ignorant)).axes[0].lines if line.get_marker() == "o"]
    filled, hollow = sorted(marks, key=lambda line: line.get_markerfacecolor() == "white")
    assert filled.get_zorder() > hollow.get_zorder() and filled.get_markersize() < hollow.get_markersize()


def test_every_subject_is_labelled_once_within_the_plane(scores):
    names = ["a$x_1$", "b", "c", "d", "e"]  # "$" must not start a formula
    crowd = [replace(s, subject=f"{name}") for name in names for s in scores if s.subject == "cascade"]
    figure = plane_figure(toy(scores + crowd))
    axes = figure.axes[0]
    texts = {text.get_text(): text for text in axes.texts}
    assert {*names, "cascade", "identity", "silence"} <= set(texts)
    for name in names:
        box = texts[name].get_window_extent()
        assert axes.bbox.x0 <= box.x0
        assert box.x1 <= axes.bbox.x1


@pytest.mark.parametrize("above", [-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03])
def test_no_label_touches_the_guessing_line(above):
    values = {"identity": (0.06, 0.70), "cascade": (0.5, 0.25 + above), "b": (0.9, 0.25 - above), "silence": (1, 0.25)}
    marks = [
        score(name, metric, "ignorant", at[i]) for name, at in values.items() for i, metric in enumerate(("wer", "uar"))
    ]
    axes = plane_figure(toy(marks)).axes[0]
    _, line = axes.transData.transform((0, 0.25))
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text() in values]
    assert len(boxes) == 4
    assert all(box.y0 > line or box.y1 < line for box in boxes)


def test_training_marks_the_stage_border_and_the_chosen_epoch(make_run):
    figure = training_figure(read_run(make_run()).history["cascade"])
    upper = figure.axes[0]
    upright = [line for line in upper.lines if len(set(line.get_xdata())) == 1 and list(line.get_ydata()) == [0, 1]]
    assert [line.get_xdata()[0] for line in upright] == [2.5, 3]
    wer, ring = (line for line in upper.lines if to_hex(line.get_color()) == "#d55e00" or line.get_mec() == "#d55e00")
    assert list(wer.get_ydata()) == [0.1, 0.9, 0.8, 0.7]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (3, 0.8)
    assert "chosen: epoch 3" in [text.get_text() for text in upper.texts]
    assert len(figure.axes) == 4  # readings, both losses, SNR


def test_accuracy_does_not_hide_an_equal_recall():
    upper = training_figure([{"epoch": i, "uar": 0.5, "accuracy": 0.5} for i in range(2)]).axes[0]
    assert [line.get_linestyle() for line in upper.lines] == ["-", "--"]


@pytest.mark.parametrize(("chosen", "side"), [(9, "left"), (12, "left"), (13, "right"), (16, "right")])
def test_the_chosen_epoch_is_named_beside_its_line_where_there_is_room(chosen, side):
    rows = [{"epoch": i, "wer": 0.5, "stage": 1 + i // 8, "chosen": float(i + 1 == chosen)} for i in range(16)]
    (note,) = [text for text in training_figure(rows).axes[0].texts if text.get_text() == f"chosen: epoch {chosen}"]
    assert note.get_horizontalalignment() == side


def test_training_without_losses_or_stages():
    figure = training_figure([{"epoch": 0, "wer": 0.2}, {"epoch": 1, "wer": None}])
    assert len(figure.axes) == 1
    assert list(figure.axes[0].lines[0].get_ydata()) == [0.2]


def test_listeners_show_error_rates_as_positive(make_run):
    history = read_run(make_run()).history
    assert listener_curves(history) == {"emotion": "validation", "words": "validation"}
    uar, wer = (list(axes.lines[0].get_ydata()) for axes in listeners_figure(history).axes)
    assert (uar, wer) == ([0.5, 0.7], [0.4, 0.1])
    assert listener_curves({"emotion": [{"epoch": 0.0}]}) == {}


def test_the_same_figure_gives_the_same_files_whatever_the_users_style(tmp_path):
    first = save_figure(plane_figure(toy()), tmp_path / "a", "plane")
    with matplotlib.rc_context({"font.size": 40, "axes.grid": False, "savefig.dpi": 20}):
        second = save_figure(plane_figure(toy()), tmp_path / "b", "plane")
    assert first == second == (tmp_path / "a" / "plane.png").read_bytes()
    assert (tmp_path / "a" / "plane.pdf").read_bytes() == (tmp_path / "b" / "plane.pdf").read_bytes()
    assert b"CreationDate" not in (tmp_path / "a" / "plane.pdf").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["plane.pdf", "plane.png"]


def test_fewer_colours_are_the_same_picture(tmp_path):
    from PIL import Image

    figure = confusion_figure({"original": np.array([[3, 1], [2, 2]])}, EMOTIONS)
    plain = io.BytesIO()
    figure.savefig(plain, format="png", dpi=180)
    with Image.open(plain) as truth, Image.open(io.BytesIO(save_figure(figure, tmp_path, "x"))) as small:
        error = np.asarray(truth.convert("RGB"), int) - np.asarray(small.convert("RGB"), int)
    assert np.abs(error).max() <= 16


def test_no_subject_is_drawn_twice_alike(scores):
    assert len({tuple(style) for style in SUBJECT_STYLE.values()}) == len(SUBJECT_STYLE)
    assert len(plane_figure(toy([score("x", metric, "ignorant", 0.5) for metric in ("wer", "uar")])).axes) == 1
