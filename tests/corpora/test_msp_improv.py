from __future__ import annotations

import pytest

from aclipse.corpora.msp_improv import scan
from aclipse.errors import CorpusError


def test_reads_name_evaluation_and_transcript(miniature):
    first, second, third = scan(miniature("msp-improv")).clips
    assert first.id == "MSP-IMPROV-S01A-F01-S-FM01"
    assert (first.speaker, first.sex, first.session, first.emotion) == ("F01", "female", "1", "angry")
    assert first.transcript == "How can I not?"
    assert first.extra == {"scenario": "S", "sentence": "01", "emotion_intended": "angry"}
    assert (second.emotion, second.transcript) == ("", "")  # no agreement, not transcribed
    assert (third.speaker, third.sex, third.session, third.emotion) == ("M06", "male", "6", "other")
    assert third.extra["emotion_intended"] == "happy"


@pytest.mark.parametrize(("types", "count"), [("ST", 3), ("R", 1), ("P", 1), ("PRST", 5)])
def test_keeps_the_types_asked_for(types, count, miniature):
    clips = scan(miniature("msp-improv"), types=types).clips
    assert len(clips) == count
    assert {clip.extra["scenario"] for clip in clips} == set(types)


@pytest.mark.parametrize("types", ["SX", ""])
def test_other_types_are_refused(types, miniature):
    with pytest.raises(
        CorpusError, match=f"no types '{types}'. Give one or more letters of: S other turns, improvised"
    ):
        scan(miniature("msp-improv"), types=types)


def test_needs_the_evaluation_file_under_either_spelling(miniature):
    root = miniature("msp-improv")
    (root / "Evalution.txt").rename(root / "Evaluation.txt")
    assert scan(root).clips[0].emotion == "angry"
    (root / "Evaluation.txt").unlink()
    with pytest.raises(CorpusError, match=r"lacks MSP-IMPROV's Evalution\.txt.* Put it into that folder"):
        scan(root)


def test_a_turn_that_nobody_rated_is_kept_as_unknown(miniature, caplog):
    root = miniature("msp-improv")
    (root / "Evalution.txt").write_text("UTD-IMPROV-S01A-F01-T-FM03.avi; N; A:2.8; V:2.6; D:3.0 ; N:3.2;\n")
    assert [clip.emotion for clip in scan(root).clips] == ["", "neutral", ""]
    assert "2 of 3 turns are not in the evaluation file" in caplog.text
