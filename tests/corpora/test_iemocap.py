from __future__ import annotations

from aclipse.corpora.iemocap import scan


def test_the_speaker_is_the_letter_of_the_last_token(miniature):
    speakers = {clip.id: (clip.speaker, clip.sex) for clip in scan(miniature("iemocap")).clips}
    assert speakers["Ses01F_impro01_M003"] == ("Ses01M", "male")
    assert speakers["Ses01M_script01_1_F000"] == ("Ses01F", "female")
    assert speakers["Ses05M_impro05a_M001"] == ("Ses05M", "male")


def test_excited_becomes_happy_and_the_others_keep_their_names(miniature):
    manifest = scan(miniature("iemocap"))
    emotions = {clip.id: (clip.emotion, clip.extra.get("emotion_raw")) for clip in manifest.clips}
    assert emotions == {
        "Ses01F_impro01_F000": ("neutral", "neutral"),
        "Ses01F_impro01_M003": ("happy", "excited"),
        "Ses01M_script01_1_F000": ("frustrated", "frustrated"),
        "Ses02F_script03_2_M012": ("angry", "angry"),
        "Ses05M_impro05a_M001": ("", None),
    }
    assert len(manifest.only(["neutral", "happy", "angry"]).clips) == 3


def test_transcripts_hold_what_is_said_and_no_noises(miniature):
    said = {clip.id: clip.transcript for clip in scan(miniature("iemocap")).clips}
    assert said["Ses01F_impro01_F000"] == "Excuse me."
    assert said["Ses01F_impro01_M003"] == "Oh, wow."


def test_session_and_scenario(miniature):
    clips = scan(miniature("iemocap")).clips
    assert [clip.session for clip in clips] == ["1", "1", "1", "2", "5"]
    assert [clip.extra["scenario"] for clip in clips] == ["improvised"] * 2 + ["scripted"] * 2 + ["improvised"]


def test_a_turn_without_label_or_transcript_is_kept_as_unknown(miniature):
    root = miniature("iemocap")
    for folder in ("EmoEvaluation", "transcriptions"):
        (root / "Session2" / "dialog" / folder / "Ses02F_script03_2.txt").unlink()
    clip = scan(root).clips[3]
    assert (clip.id, clip.emotion, clip.transcript) == ("Ses02F_script03_2_M012", "", "")
