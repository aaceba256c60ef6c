from __future__ import annotations

import logging
from collections import Counter

import pytest

from aclipse.corpora.crema_d import INTENDED, scan
from aclipse.errors import CorpusError


def test_reads_labels_from_the_file_name_and_the_tables(miniature):
    clips = {clip.id: clip for clip in scan(miniature("crema-d")).clips}
    assert list(clips) == ["1001_DFA_ANG_XX", "1001_IEO_SAD_HI", "1002_TIE_NEU_XX", "1040_ITH_SAD_X"]
    clip = clips["1001_IEO_SAD_HI"]
    assert (clip.speaker, clip.sex, clip.emotion, clip.transcript) == ("1001", "male", "sad", "It's eleven o'clock")
    assert clip.path.suffix == ".flac"
    assert clip.extra == {
        "sentence": "IEO",
        "level": "HI",
        "emotion_intended": "sad",
        "emotion_voice_voted": "sad",  # voice and face together ended in a tie
    }
    assert clips["1002_TIE_NEU_XX"].sex == "female"
    assert clips["1040_ITH_SAD_X"].extra["level"] == "XX"  # the corpus's one misspelt level


@pytest.mark.parametrize(
    ("labels", "emotions"),
    [
        ("intended", ["angry", "sad", "neutral", "sad"]),
        ("voted", ["angry", "", "neutral", ""]),
        ("voice", ["neutral", "sad", "", ""]),
    ],
)
def test_labels_can_be_what_was_meant_or_heard_and_a_tie_is_unknown(labels, emotions, miniature):
    assert [clip.emotion for clip in scan(miniature("crema-d"), labels=labels).clips] == emotions


def test_unusable_recordings_are_left_out_and_logged(miniature, caplog):
    with caplog.at_level(logging.INFO):
        scan(miniature("crema-d"))
    assert "left out 1006_TIE_HAP_XX.wav: one recording under two emotions" in caplog.text
    assert "left out 1076_MTI_SAD_XX.wav: silent" in caplog.text


def test_without_its_tables_sex_and_votes_are_unknown(miniature, caplog):
    root = miniature("crema-d")
    (root / "VideoDemographics.csv").unlink()
    (root / "processedResults" / "summaryTable.csv").unlink()
    clip = scan(root).clips[0]
    assert (clip.sex, clip.emotion) == ("", "angry")
    assert "no VideoDemographics.csv" in caplog.text
    with pytest.raises(CorpusError, match=r"'voted' labels need CREMA-D's summaryTable\.csv\. Put it into that folder"):
        scan(root, labels="voted")


def test_other_labels_are_refused(miniature):
    with pytest.raises(CorpusError, match=r"no 'crowd' labels\. Choose from: intended, voted, voice"):
        scan(miniature("crema-d"), labels="crowd")


def test_a_table_without_its_columns_is_refused(miniature):
    root = miniature("crema-d")
    (root / "VideoDemographics.csv").write_text("ActorID,Gender\n1001,Male\n")
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv, line 1: lacks the column Sex"):
        scan(root)


def test_the_real_corpus(real):
    clips = scan(real("crema-d")).clips
    assert len(clips) == 2772 - 5  # of the six recordings with two names, five are in this subset
    assert len({clip.speaker for clip in clips if clip.sex == "male"}) == 41
    assert len({clip.speaker for clip in clips if clip.sex == "female"}) == 36
    assert len({clip.transcript for clip in clips}) == 12
    intended = Counter(clip.emotion for clip in clips)
    assert intended == {"happy": 462} | dict.fromkeys(set(INTENDED.values()) - {"happy"}, 461)


def test_listeners_hear_neutral_more_often_than_actors_mean_it(real):
    voice = Counter(clip.emotion for clip in scan(real("crema-d"), labels="voice").clips)
    assert voice["neutral"] == 1470  # of 461 meant
    assert voice[""] == 239
