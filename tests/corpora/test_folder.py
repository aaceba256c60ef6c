from __future__ import annotations

from pathlib import Path

import pytest

from aclipse.corpora.folder import scan
from aclipse.errors import CorpusError


def test_without_a_table_the_folder_is_the_speaker(miniature):
    clips = scan(miniature("folder")).clips
    assert [(clip.id, clip.speaker) for clip in clips] == [
        ("anna/one", "anna"),
        ("anna/zwei drei", "anna"),
        ("jörg/ein", "jörg"),
    ]


def test_a_table_in_the_folder_names_clips_and_labels(miniature):
    root = miniature("folder")
    table = "file_name,Gender,label,text,sentence,take\n"
    table += 'anna/one.wav,F,Anger,"Yes, now.",DFA,1\njörg/ein.WAV,man,neutral,,,\n'
    (root / "metadata.csv").write_text(table, "utf-8")
    first, second = scan(root).clips
    assert (first.id, first.speaker, first.sex, first.emotion) == ("anna/one", "anna", "female", "angry")
    assert first.transcript == "Yes, now."  # `text` goes before `sentence`
    assert first.extra == {"sentence": "DFA", "take": "1"}
    assert (second.sex, second.emotion, second.transcript, second.extra) == ("male", "neutral", "", {})


def test_a_table_elsewhere_describes_the_folder(miniature, tmp_path):
    root = miniature("folder")
    table = tmp_path / "mine.csv"
    table.write_text("id,path,speaker,session\nx,anna/one.wav,Anna B.,morning\n")
    (clip,) = scan(root, csv=str(table)).clips
    assert (clip.id, clip.speaker, clip.session, clip.path) == ("x", "Anna B.", "morning", root / "anna" / "one.wav")


def test_a_table_may_point_outside_the_folder(miniature, tmp_path):
    root = miniature("folder")
    elsewhere = tmp_path / "two.wav"
    (root / "anna" / "one.wav").rename(elsewhere)
    (root / "metadata.csv").write_text(f"path\n{elsewhere}\n")
    (clip,) = scan(root).clips
    assert (clip.path, clip.id) == (elsewhere, elsewhere.with_suffix("").as_posix())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name\nanna/one.wav\n", r"no column names the recordings; it has: name\. Call one of them one of: path, file"),
        ("path\n", r"no column names the recordings; it has: no rows"),
        ("path\nanna/two.wav\n", r"line 2: there is no file .*two\.wav\. Correct the path or remove the row"),
        ("path,label\nanna/one.wav,cross\n", r"line 2: emotion 'cross' is not known\. Use one of: neutral, .*anger"),
        ("path,sex\nanna/one.wav,x\n", r"line 2: sex 'x' is not known\. Use one of: female, male, f"),
    ],
)
def test_a_wrong_table_is_refused(table, message, miniature):
    root = miniature("folder")
    (root / "metadata.csv").write_text(table)
    with pytest.raises(CorpusError, match=rf"metadata\.csv.*{message}"):
        scan(root)


def test_two_recordings_of_one_name_are_refused(miniature):
    root = miniature("folder")
    (root / "anna" / "one.flac").write_bytes((root / "anna" / "one.wav").read_bytes())
    with pytest.raises(CorpusError, match=r"the id 'anna/one' of .*one\.wav is already that of .*one\.flac"):
        scan(root)


@pytest.mark.parametrize("name", ["crema-d", "ravdess", "librispeech"])
def test_reads_the_tables_that_lie_in_real_folders(name, real):
    root = real(name)
    rows = len((root / "metadata.csv").read_text("utf-8").splitlines()) - 1
    clips = scan(root).clips
    assert len(clips) == rows
    assert all(clip.sex and clip.transcript and Path(clip.path).is_file() for clip in clips)
