from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.corpora import iemocap, msp_improv
from aclipse.corpora.crema_d import scan
from aclipse.corpora.manifest import Manifest, read, write
from aclipse.corpora.merge import improvised, merge
from aclipse.errors import CorpusError


def corpus(name: str, *ids: str) -> Manifest:
    clips = (Clip(id, Path(f"{id}.wav"), "anna", "female", "sad", "go", "1", {"take": "2"}) for id in ids)
    return Manifest(name, tuple(clips))


def facts(manifest: Manifest) -> list[tuple[str, ...]]:
    return [(clip.id, clip.speaker, clip.session, clip.extra["corpus"]) for clip in manifest.clips]


def test_corpora_stand_before_what_could_be_the_same_in_two():
    both = merge([corpus("ours", "a"), corpus("theirs", "a", "b")])
    assert both.name == "ours+theirs"
    assert facts(both) == [
        ("ours/a", "ours/anna", "ours/1", "ours"),
        ("theirs/a", "theirs/anna", "theirs/1", "theirs"),
        ("theirs/b", "theirs/anna", "theirs/1", "theirs"),
    ]
    first = both.clips[0]
    assert (first.path, first.sex, first.emotion, first.transcript) == (Path("a.wav"), "female", "sad", "go")
    assert first.extra["take"] == "2"


def test_what_is_unknown_stays_unknown():
    both = merge([Manifest(name, (Clip("a", Path("a.wav")),)) for name in ("ours", "theirs")])
    assert facts(both) == [("ours/a", "", "", "ours"), ("theirs/a", "", "", "theirs")]


def test_one_alone_keeps_its_ids():
    alone = merge([corpus("ours", "a")])
    assert alone == corpus("ours", "a")
    assert facts(alone) == [("a", "anna", "1", "ours")]


def test_the_given_clips_are_not_changed():
    ours = corpus("ours", "a")
    merge([ours])
    merge([ours, corpus("theirs", "a")])
    assert ours.clips[0].extra == {"take": "2"}


def test_a_merged_manifest_still_knows_its_corpora_when_read_again(tmp_path):
    both = merge([corpus("ours", "a"), corpus("theirs", "a")])
    write(both, tmp_path / "all.csv")
    again = merge([read(tmp_path / "all.csv")])
    assert (again.name, again.hash) == ("all", both.hash)
    assert facts(again) == facts(both)
    more = merge([again, corpus("others", "a")])
    assert [clip.extra["corpus"] for clip in more.clips] == ["ours", "theirs", "others"]


@given(st.lists(st.lists(st.text("ab/", min_size=1, max_size=3), min_size=1, max_size=4, unique=True), min_size=1))
def test_no_clip_is_lost_and_none_renamed_twice(ids):
    manifests = [corpus(f"c{n}", *some) for n, some in enumerate(ids)]
    merged = merge(manifests)
    assert [clip.path.name for clip in merged.clips] == [clip.path.name for m in manifests for clip in m.clips]
    assert len({clip.id for clip in merged.clips}) == sum(map(len, ids))


def test_corpora_of_one_name_are_refused():
    ours = corpus("ours", "a")
    message = r"Manifests 'ours' and 'ours' both hold a corpus named 'ours'\. .*rename one of the files"
    for second in (ours, corpus("ours", "b")):
        with pytest.raises(CorpusError, match=message):
            merge([ours, second])
    merged = Manifest("all", merge([ours, corpus("theirs", "a")]).clips)
    with pytest.raises(CorpusError, match=r"Manifests 'all' and 'theirs' both hold a corpus named 'theirs'"):
        merge([merged, corpus("theirs", "b")])


def test_nothing_cannot_be_merged():
    with pytest.raises(CorpusError, match="holds no recordings"):
        merge([])


def test_of_iemocap_the_improvised_turns_are_kept(miniature):
    turns = Manifest("renamed", iemocap.scan(miniature("iemocap")).clips)
    kept = improvised(turns)
    assert kept.name == "renamed"
    assert [clip.id for clip in kept.clips] == [
        "Ses01F_impro01_F000",
        "Ses01F_impro01_M003",
        "Ses05M_impro05a_M001",
    ]


def test_of_msp_improv_neither_read_nor_natural_turns_are_kept(miniature):
    turns = Manifest("renamed", msp_improv.scan(miniature("msp-improv"), types="STRP").clips)
    assert sorted(clip.extra["scenario"] for clip in turns.clips) == ["P", "R", "S", "S", "T"]
    assert [clip.extra["scenario"] for clip in improvised(turns).clips] == ["S", "T", "S"]


def test_other_corpora_stay_as_they_are(miniature):
    acted = scan(miniature("crema-d"))
    assert improvised(acted) == acted
    lettered = Manifest("own", (Clip("a", Path("a.wav"), extra={"scenario": "R"}),))  # a column of their own
    assert improvised(lettered) == lettered


def test_of_a_merged_manifest_each_corpus_is_treated_in_its_way(miniature):
    both = merge([scan(miniature("crema-d")), iemocap.scan(miniature("iemocap"))])
    assert [clip.extra["corpus"] for clip in improvised(both).clips] == ["crema-d"] * 4 + ["iemocap"] * 3


def test_a_corpus_in_which_nothing_is_improvised_is_refused(miniature):
    played = tuple(clip for clip in iemocap.scan(miniature("iemocap")).clips if "script" in clip.id)
    with pytest.raises(CorpusError, match=r"Nothing in manifest 'plays' is improvised\. Import the corpus with its"):
        improvised(Manifest("plays", played))
