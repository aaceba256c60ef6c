from __future__ import annotations

from aclipse.corpora.librispeech import scan


def test_reads_reader_part_and_transcript(miniature):
    first, second, third = scan(miniature("librispeech")).clips
    assert (first.id, first.speaker, first.sex, first.session) == ("1272-128104-0000", "1272", "male", "dev-clean")
    assert first.transcript == "MISTER QUILTER IS THE APOSTLE"
    assert (first.emotion, first.extra) == ("", {"chapter": "128104"})
    assert (second.sex, second.session) == ("female", "dev-clean")
    assert (third.session, third.transcript) == ("test-other", "")


def test_without_its_table_sex_is_unknown(miniature, caplog):
    root = miniature("librispeech")
    (root / "SPEAKERS.TXT").unlink()
    assert {clip.sex for clip in scan(root).clips} == {""}
    assert "no SPEAKERS.TXT" in caplog.text


def test_the_real_corpus(real):
    clips = scan(real("librispeech")).clips
    assert len(clips) == 449
    assert sum(clip.session == "dev-clean" for clip in clips) == 316
    assert len({clip.speaker for clip in clips if clip.sex == "male"}) == 16
    assert len({clip.speaker for clip in clips if clip.sex == "female"}) == 12
    assert sum(len(clip.transcript.split()) for clip in clips) == 5822
