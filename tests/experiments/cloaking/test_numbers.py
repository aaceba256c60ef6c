"""How numbers are made of rows, and what is counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE
from aclipse.corpora.manifest import Manifest
from aclipse.experiments import cloaking
from aclipse.experiments.cloaking import tables
from aclipse.experiments.cloaking.plan import Plan, make_plan
from aclipse.experiments.cloaking.summary import Rows, changes, mean_snr, scores

Planned = Callable[..., Plan]


def rows(*read: tuple[str, str, str], snr: float = 5.0) -> Rows:
    """Clips as (speaker, truth, read)."""
    return [
        {"id": str(number), "speaker": speaker, "truth": truth, "read": heard, "snr_db": str(snr)}
        for number, (speaker, truth, heard) in enumerate(read)
    ]


FIRST = rows(("a", "sad", "sad"), ("a", "sad", "happy"), ("b", "sad", "sad"), ("b", "happy", "happy"))
SECOND = rows(("a", "sad", "sad"), ("a", "sad", "sad"), ("b", "sad", "sad"), ("b", "happy", "sad"))


def test_scores_are_means_and_deviations_over_repeats_in_percent() -> None:
    found = {row["metric"]: row for row in scores([FIRST, SECOND[::-1]])}
    assert list(found) == ["accuracy", "uar", "recall happy", "recall sad"]
    values = {"accuracy": (75, 75), "uar": (250 / 3, 50), "recall happy": (100, 0), "recall sad": (200 / 3, 100)}
    for name, each in values.items():
        assert found[name]["value"] == pytest.approx(np.mean(each), abs=0.01)
        assert found[name]["std"] == pytest.approx(np.std(each, ddof=1), abs=0.01)
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert [found[name]["chance"] for name in found] == [75.0, 50.0, 50.0, 50.0]


def test_one_repeat_has_no_deviation_and_one_speaker_no_interval() -> None:
    assert math.isnan(scores([FIRST])[0]["std"])
    alone = scores([rows(("a", "sad", "sad"), ("a", "happy", "sad"))])[0]
    assert math.isnan(alone["low"]) and math.isnan(alone["high"]) and alone["value"] == 50.0


def test_a_change_is_the_difference_of_both_scores_and_as_certain_as_their_pairs_are() -> None:
    moved = changes([FIRST, SECOND[::-1]], [SECOND, SECOND])
    first, second = ({row["metric"]: row["value"] for row in scores(each)} for each in ([FIRST, SECOND], [SECOND] * 2))
    assert list(moved) == list(first)
    for name, found in moved.items():
        assert found["change"] == pytest.approx(first[name] - second[name], abs=0.02)
        assert found["change_low"] <= found["change"] <= found["change_high"]
    nothing = changes([FIRST], [FIRST[::-1]])["uar"]
    assert list(nothing.values()) == [0.0, 0.0, 0.0]  # though the scores alone are far from certain
    assert math.isnan(changes([rows(("a", "sad", "sad"))], [rows(("a", "sad", "happy"))])["uar"]["change_low"])


def test_a_mean_snr_leaves_out_what_was_not_changed() -> None:
    assert mean_snr([rows(("a", "sad", "sad"), snr=4.0), rows(("a", "sad", "sad"), snr=2.0)]) == 3.0
    assert mean_snr([rows(("a", "sad", "sad"), snr=math.inf)]) == ""


def test_table_one_counts_what_a_hand_would(corpus: Manifest, tmp_path: Path, small: tuple[str, ...]) -> None:
    """Segments of 40 frames of 10 ms, one every 40 frames in training and every 30 where read."""
    plan = make_plan("cloak-table1", [Manifest("CREMA-D", corpus.clips)], tmp_path, (1, 1), small)
    cloaking.reproduce(plan)
    found = {row["emotion"]: row for row in tables.read_table(tmp_path / "cloak-table1.csv")}
    assert list(found) == [*plan.settings.emotions, "all"]
    for emotion, row in found.items():
        clips = [clip for clip in corpus.clips if emotion in (clip.emotion, "all")]
        frames = [1 + len(files.read(clip.path)) * 100 // SAMPLE_RATE for clip in clips]
        for column, hop in (("segments", 40), ("test segments", 30)):
            counted = 0
            for count in frames:
                end = 40
                counted += 1
                while end < count:
                    end, counted = end + hop, counted + 1
            assert int(row[column]) == counted
        assert int(row["clips"]) == len(clips)
    assert [row["paper"] for row in found.values()] == ["2726", "1593", "998", "1637", "6954"]
