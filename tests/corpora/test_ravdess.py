from __future__ import annotations

from collections import Counter

from aclipse.corpora.ravdess import scan


def test_reads_the_seven_fields_of_the_name_and_passes_over_song_and_video(miniature):
    first, second = scan(miniature("ravdess")).clips
    assert (second.id, second.speaker, second.sex, second.emotion) == (
        "03-01-08-02-01-02-01",
        "01",
        "male",
        "surprised",
    )
    assert second.transcript == "Kids are talking by the door"
    assert second.extra == {"intensity": "strong", "statement": "01", "repetition": "02"}
    assert (first.speaker, first.sex, first.emotion) == ("02", "female", "calm")
    assert first.transcript == "Dogs are sitting by the door"


def test_the_real_corpus(real):
    clips = scan(real("ravdess")).clips
    assert len(clips) == 1440
    assert Counter(sex for _, sex in {(clip.speaker, clip.sex) for clip in clips}) == {"female": 12, "male": 12}
    emotions = Counter(clip.emotion for clip in clips)
    assert emotions.pop("neutral") == 96  # it has no strong form
    assert set(emotions.values()) == {192}
    assert len(emotions) == 7
