from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.corpora.manifest import COLUMNS, EMOTIONS, SEXES, Manifest, read, relabel, write
from aclipse.errors import CorpusError

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
some = text.filter(bool)
names = some.filter(lambda name: "/" not in name)


@st.composite
def clips(draw, id: str) -> Clip:
    folders = draw(st.lists(names, min_size=1, max_size=3))
    return Clip(
        id=id,
        path=Path("/", *folders),
        speaker=draw(text),
        sex=draw(st.sampled_from([*SEXES, ""])),
        emotion=draw(st.sampled_from([*EMOTIONS, ""])),
        transcript=draw(text),
        session=draw(text),
        extra=draw(st.dictionaries(some.filter(lambda name: name not in COLUMNS), some, max_size=3)),
    )


manifests = st.lists(some, min_size=1, max_size=4, unique=True).flatmap(lambda ids: st.tuples(*map(clips, ids)))


def write_table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@given(manifests)
def test_read_gives_back_what_was_written(tmp_path_factory, clips):
    path = tmp_path_factory.mktemp("manifests") / "all.csv"
    write(Manifest("all", clips), path)
    back = read(path)
    assert back == Manifest("all", clips)
    assert [clip.extra for clip in back.clips] == [clip.extra for clip in clips]
    assert [file.name for file in path.parent.iterdir()] == ["all.csv"]


def test_columns_are_the_known_ones_then_the_extra_ones_sorted(tmp_path):
    clip = Clip("a", tmp_path / "a.wav", extra={"take": "1", "level": "high"})
    write(Manifest("m", (clip,)), tmp_path / "m.csv")
    header, row = (tmp_path / "m.csv").read_text("utf-8").splitlines()
    assert header == "id,path,speaker,sex,emotion,transcript,session,level,take"
    assert row == f"a,{tmp_path / 'a.wav'},,,,,,high,1"


def test_paths_are_absolute_when_written_and_start_at_the_table_when_read(tmp_path, monkeypatch):
    table = write_table(tmp_path / "hand.csv", "id,path", "a,audio/a.wav", f"b,{tmp_path}/b.wav")
    monkeypatch.chdir(tmp_path.parent)
    manifest = read(Path(tmp_path.name) / "hand.csv")
    assert manifest.name == "hand"
    assert [clip.path for clip in manifest.clips] == [tmp_path / "audio" / "a.wav", tmp_path / "b.wav"]
    write(Manifest("m", (Clip("a", Path("x.wav")),)), tmp_path / "m.csv")
    assert read(tmp_path / "m.csv").clips[0].path == tmp_path.parent / "x.wav"
    assert table.exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id,path"], r"m\.csv: holds no recordings"),
        (["id,path", ",a.wav"], r"m\.csv, line 2: the id is empty\. Give each recording an id"),
        (["id,path", "a,"], r"m\.csv, line 2: the path is empty\. Give each row the path"),
        (
            ["id,path", "a,a.wav", "b,b.wav", "a,c.wav"],
            r"line 4: the id 'a' of .*c\.wav is already that of .*a\.wav\. Ids must",
        ),
        (
            ["id,path,emotion", "a,a.wav,anger"],
            r"line 2: emotion 'anger' is not known\. Use one of: neutral, calm, happy",
        ),
        (
            ["id,path,sex", '"a\nb",a.wav,F'],
            r"line 3: sex 'F' is not known\. Use one of: female, male; or leave it empty",
        ),
    ],
)
def test_a_wrong_row_is_refused_with_file_and_line(lines, message, tmp_path):
    with pytest.raises(CorpusError, match=message):
        read(write_table(tmp_path / "m.csv", *lines))


def test_a_manifest_made_in_python_is_held_to_the_same_rules():
    clip = Clip("a", Path("a.wav"))
    with pytest.raises(CorpusError, match="manifest 'm': holds no recordings"):
        Manifest("m", ())
    with pytest.raises(CorpusError, match=r"manifest 'm', clip 2: the id 'a' of a\.wav is already that of a\.wav"):
        Manifest("m", (clip, clip))
    with pytest.raises(CorpusError, match="clip 1: emotion 'furious' is not known"):
        Manifest("m", (Clip("a", Path("a.wav"), emotion="furious"),))


def test_hash_knows_labels_but_not_places():
    def hash_of(*clips: Clip) -> str:
        return Manifest("m", clips).hash

    a, b = Clip("a", Path("a.wav"), emotion="sad", transcript="no"), Clip("b", Path("b.wav"))
    assert len(hash_of(a, b)) == 12
    assert hash_of(a, b) == hash_of(b, a) == hash_of(Clip("a", Path("/x"), emotion="sad", transcript="no"), b)
    others = [
        hash_of(a),
        hash_of(Clip("a", Path("a.wav"), emotion="happy", transcript="no"), b),
        hash_of(Clip("a", Path("a.wav"), emotion="sad", transcript="yes"), b),
    ]
    assert len({hash_of(a, b), *others}) == 4


def test_only_keeps_some_emotions():
    emotions = ("sad", "happy", "", "sad")
    manifest = Manifest("m", tuple(Clip(str(n), Path("x"), emotion=emotion) for n, emotion in enumerate(emotions)))
    assert manifest.emotions == ("happy", "sad")
    assert [clip.id for clip in manifest.only(["sad"]).clips] == ["0", "3"]
    with pytest.raises(CorpusError, match=r"No clip of 'm' is angry or calm\. Choose from what it has: happy, sad"):
        manifest.only(["sad", "angry", "calm"])


def test_relabel_takes_the_emotion_from_another_column():
    heard = Clip("a", Path("a"), emotion="sad", extra={"heard": "neutral", "take": "1"})
    manifest = Manifest("m", (heard, Clip("b", Path("b"), emotion="sad")))
    assert [clip.emotion for clip in relabel(manifest, "heard").clips] == ["neutral", ""]
    with pytest.raises(CorpusError, match=r"'m' has no column 'voted'\. Choose from: heard, take"):
        relabel(manifest, "voted")
    with pytest.raises(CorpusError, match="clip 1: emotion '1' is not known"):
        relabel(manifest, "take")
