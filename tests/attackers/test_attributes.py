"""Sex and sensitive emotions as tasks: targets, marks, and that they travel to another process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from aclipse.attackers.attributes import SEX, sensitive
from aclipse.contracts import Clip
from aclipse.corpora.manifest import EMOTIONS
from aclipse.errors import CorpusError


def clip(sex: str = "", emotion: str = "") -> Clip:
    return Clip("a", Path("a.wav"), sex=sex, emotion=emotion)


def test_sex_is_read_where_it_is_known() -> None:
    assert (SEX.name, SEX.role, SEX.judge) == ("sex", "privacy", "compact-sex")
    assert SEX.target(clip("female")) == "female" and SEX.target(clip()) == ""
    assert SEX.marks(clip("male"), "male") == {"sex": (1.0, 1.0)}
    assert SEX.marks(clip("male"), "female") == {"sex": (0.0, 1.0)}


def test_sex_is_scored_by_class_so_that_a_skewed_corpus_is_no_help() -> None:
    truth = ["female"] * 9 + ["male"]
    assert SEX.score(truth, ["female"] * 10) == 0.5 and SEX.score(truth, truth) == 1


@pytest.mark.parametrize(
    ("emotion", "target"), [("sad", "sad"), ("fearful", "fearful"), ("happy", "other"), ("neutral", "other"), ("", "")]
)
def test_emotions_that_are_not_sensitive_are_all_one(emotion: str, target: str) -> None:
    task = sensitive(["sad", "fearful"])
    assert (task.name, task.role, task.judge) == ("sensitive", "privacy", "compact-sensitive")
    assert task.target(clip(emotion=emotion)) == target


def test_marks_of_sensitive_emotions() -> None:
    task = sensitive(["sad"])
    assert task.marks(clip(emotion="sad"), "sad") == {"sensitive": (1.0, 1.0)}
    assert task.marks(clip(emotion="angry"), "other") == {"sensitive": (1.0, 1.0)}
    assert task.marks(clip(emotion="angry"), "sad") == {"sensitive": (0.0, 1.0)}
    assert task.score(["sad", "other", "other"], ["other"] * 3) == 0.5


@pytest.mark.parametrize("task", [SEX, sensitive(["sad", "fearful"])], ids=lambda task: task.name)
def test_the_listener_chooses_among_the_labels_it_was_taught(task) -> None:
    targets = [task.target(clip(sex, emotion)) for sex in ("male", "female") for emotion in ("happy", "sad")]
    assert task.build(targets).labels == tuple(sorted(set(targets)))


def test_another_process_can_take_them_over() -> None:
    assert pickle.loads(pickle.dumps(SEX)) == SEX
    task = pickle.loads(pickle.dumps(sensitive(["sad", "angry"])))
    here = sensitive(["angry", "sad"])
    for emotion in EMOTIONS:
        assert task.target(clip(emotion=emotion)) == here.target(clip(emotion=emotion))
        assert task.marks(clip(emotion=emotion), "sad") == here.marks(clip(emotion=emotion), "sad")


@pytest.mark.parametrize("emotions", [[], [""], "sad", ["sad", "other"]])
def test_there_must_be_something_sensitive(emotions) -> None:
    with pytest.raises(CorpusError, match="sensitive emotions"):
        sensitive(emotions)
