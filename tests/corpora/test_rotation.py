"""The rotations of Cloak: each speaker in one part, shares kept within every corpus and sex, every speaker in turn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.corpora.crema_d import scan
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.merge import merge
from aclipse.corpora.splits import PARTS, ROTATED, Split, read, rotation, split, write
from aclipse.errors import CorpusError

SHARES = {"primary": 0.4, "adversary": 0.4, "test": 0.2}
SEXES = ("female", "male", "")


def clip(number: int, speaker: str = "", sex: str = "", emotion: str = "", corpus: str = "") -> Clip:
    extra = {"corpus": corpus} if corpus else {}
    return Clip(f"c{number:03}", Path(f"{number}.wav"), speaker, sex, emotion, extra=extra)


@st.composite
def corpora(draw) -> list[Clip]:
    """One to three corpora of five or more speakers of both or unknown sex, one to three clips each."""
    speakers = st.lists(st.tuples(st.sampled_from(SEXES), st.integers(1, 3)), min_size=5, max_size=14)
    said = [
        (f"{corpus}/s{n}", sex, corpus)
        for corpus in draw(st.sampled_from([("",), ("x",), ("x", "y"), ("x", "y", "z")]))
        for n, (sex, count) in enumerate(draw(speakers))
        for _ in range(count)
    ]
    return [clip(n, speaker, sex, corpus=corpus) for n, (speaker, sex, corpus) in enumerate(said)]


def people(sexes: str, corpus: str = "") -> list[Clip]:
    """One clip a speaker, whose sexes are given by a letter each."""
    sex = {"f": "female", "m": "male"}
    return [clip(n, f"s{n}", sex.get(letter, ""), corpus=corpus) for n, letter in enumerate(sexes)]


def role(part: str) -> str:
    return part.removesuffix("-validation")


def sexes_in(its: Split, clips: list[Clip], part: str) -> Counter[str]:
    return Counter(sex for _, sex in {(clip.speaker, clip.sex) for clip in its.of(clips, part)})


@given(corpora(), st.integers(0, 4), st.integers(0, 9))
def test_every_speaker_is_in_one_part_and_every_part_has_one(clips, fold, seed):
    its = rotation(clips, fold, seed)
    heard = {(clip.speaker, its.parts[clip.id]) for clip in clips}
    assert len(heard) == len({clip.speaker for clip in clips})
    assert {part for _, part in heard} == set(ROTATED)
    assert its.speaker_independent
    assert its.name == f"rotation/{fold} of 5 (seed {seed})"


@given(corpora(), st.integers(0, 9))
def test_over_the_five_every_speaker_is_tested_once_and_twice_either_other(clips, seed):
    parts = [rotation(clips, fold, seed).parts for fold in range(5)]
    for its in clips:
        counts = Counter(role(part[its.id]) for part in parts)
        assert counts == {"test": 1, "primary": 2, "adversary": 2}


@given(corpora(), st.integers(0, 4))
def test_shares_are_kept_within_a_speaker_in_every_corpus_and_sex(clips, fold):
    its = rotation(clips, fold)
    part_of = {(clip.extra.get("corpus"), clip.sex, clip.speaker): role(its.parts[clip.id]) for clip in clips}
    for corpus in {corpus for corpus, _, _ in part_of}:
        for wanted in (SEXES, *((sex,) for sex in SEXES)):
            dealt = Counter(part for (where, sex, _), part in part_of.items() if where == corpus and sex in wanted)
            for part, share in SHARES.items():
                assert abs(dealt[part] - share * dealt.total()) < 1


@given(corpora(), st.integers(0, 4), st.floats(0.01, 0.99))
def test_validation_is_a_share_of_each_sex_and_none_is_left_without(clips, fold, share):
    its = rotation(clips, fold, validation=share)
    for part in ("primary", "adversary"):
        learned, watched = sexes_in(its, clips, part), sexes_in(its, clips, f"{part}-validation")
        assert learned and watched
        for sex, count in (learned + watched).items():
            if count > 1:
                assert learned[sex] and watched[sex]
                assert watched[sex] in (1, count - 1) or abs(watched[sex] - share * count) <= 0.5


@given(corpora(), st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_order_of_the_clips_does_not_matter(clips, fold, rng):
    assert rotation(rng.sample(clips, len(clips)), fold) == rotation(clips, fold)


@given(corpora(), st.integers(0, 9))
def test_the_hash_changes_with_the_fold_and_stays_with_the_seed(clips, seed):
    hashes = [rotation(clips, fold, seed).hash for fold in range(5)]
    assert len(set(hashes)) == 5
    assert hashes == [rotation(clips, fold, seed).hash for fold in range(5)]


def test_another_seed_decides_otherwise():
    assert len({rotation(people("fm" * 10), 0, seed).hash for seed in range(10)}) == 10


@pytest.mark.parametrize(
    ("sexes", "validation", "watched"),
    [
        ("f" * 25 + "m" * 25, 0.2, {"female": 2, "male": 2}),  # a fifth of ten and ten
        ("f" * 5 + "m" * 5, 0.2, {"female": 1, "male": 1}),  # half of two and two, as one voice would be of one sex
        ("u" * 25, 0.2, {"": 2}),
    ],
)
def test_validation_is_mixed_in_sex(sexes, validation, watched):
    clips = people(sexes)
    for fold in range(5):
        its = rotation(clips, fold, validation=validation)
        assert sexes_in(its, clips, "primary-validation") == sexes_in(its, clips, "adversary-validation") == watched


def test_without_two_of_a_sex_one_speaker_watches():
    clips = people("ffmmu")
    for fold in range(5):
        its = rotation(clips, fold)
        assert {part: len(its.ids(part)) for part in ROTATED} == dict.fromkeys(ROTATED, 1)


@given(corpora(), st.integers(0, 4))
def test_read_gives_back_what_was_written(tmp_path_factory, clips, fold):
    path = tmp_path_factory.mktemp("splits") / "split.csv"
    its = rotation(clips, fold)
    write(its, path)
    assert read(path) == its
    assert read(path).hash == its.hash


def test_merged_corpora_are_dealt_out_apart():
    own = [Manifest(name, tuple(people("ffffmmmmm"))) for name in ("ours", "theirs")]
    clips = merge(own).clips
    its = rotation(clips, 0)
    tested = Counter(clip.extra["corpus"] for clip in its.of(clips, "test"))
    assert tested == {"ours": 2, "theirs": 2}


SIX = people("ffmmfm")


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        (SIX, {"fold": 5}, r"There is no rotation 5\. The 5 rotations are counted from 0"),
        (SIX, {"fold": -1}, r"There is no rotation -1"),
        (SIX, {"validation": 1.0}, r"validation share of 1\.0 would empty a part"),
        ([*SIX, clip(6)], {}, r"Clip 'c006' has no speaker, which a rotation needs\. Add it, or leave that clip out"),
        (SIX[:4], {}, r"rotation/0 of 5: the corpus has 4 speakers and needs 5\. Add some, or leave it out"),
        ([], {}, r"rotation/0 of 5: the corpus has 0 speakers"),
        ([*SIX, clip(6, "anna", corpus="tiny")], {"fold": 3}, r"/3 of 5: corpus 'tiny' has 1 speakers and needs 5"),
        (
            [clip(n, f"s{n % 5}", corpus="xy"[n // 5]) for n in range(10)],
            {},
            r"speaker 's0' is in corpus 'y' and in another\. Give each speaker a name of their own",
        ),
        (
            SIX,
            {"emotions": ["sad"]},
            r"rotation/0 of 5: no primary clip is sad\. Use another seed, fewer folds \(not",
        ),
    ],
)
def test_what_cannot_be_rotated_is_refused(clips, options, message):
    with pytest.raises(CorpusError, match=message):
        rotation(clips, **{"fold": 0, **options})


@pytest.mark.parametrize("part", ROTATED)
def test_an_emotion_that_any_part_would_lack_is_refused(part):
    its = rotation(SIX, 0)
    clips = [clip(n, c.speaker, c.sex, "" if its.parts[c.id] == part else "sad") for n, c in enumerate(SIX)]
    with pytest.raises(CorpusError, match=rf"no {part} clip is sad\."):
        rotation(clips, 0)
    assert rotation(clips, 0, emotions=[]).parts == its.parts


@pytest.mark.parametrize(("first", "second"), [("train", "primary"), ("adversary-validation", "validation")])
def test_a_file_holds_the_parts_of_a_split_or_of_a_rotation(first, second, tmp_path):
    (tmp_path / "s.csv").write_text(f"id,part\na,{first}\nb,test\nc,{second}\n")
    with pytest.raises(
        CorpusError,
        match=rf"line 4: part '{second}' is not known\. Use one of: train, .*; or in all lines one of: prim",
    ):
        read(tmp_path / "s.csv")


def test_a_split_has_its_own_parts_still():
    assert set(split(people("fm" * 10)).parts.values()) == set(PARTS)


def test_the_real_corpus(real):
    manifest = scan(real("crema-d")).only(["neutral", "happy", "sad", "angry"])
    clips = merge([manifest]).clips
    tested = []
    for fold in range(5):
        its = rotation(clips, fold, emotions=manifest.emotions)
        counts = {part: sexes_in(its, clips, part) for part in ROTATED}
        assert 14 <= counts["test"].total() <= 16  # of 77
        for part in ("primary", "adversary"):
            assert 29 <= (counts[part] + counts[f"{part}-validation"]).total() <= 32
            assert all(2 <= count <= 4 for count in counts[f"{part}-validation"].values())
            assert len(counts[f"{part}-validation"]) == 2
        tested += its.ids("test")
    assert sorted(tested) == [clip.id for clip in clips]


# --- by session


def dyads(sessions: int, corpus: str = "iemocap") -> list[Clip]:
    """A woman and a man in each session, two clips each."""
    return [
        Clip(f"{corpus}/{s}{sex}{n}", Path("x.wav"), f"{corpus}/{s}{sex}", sex, session=f"{corpus}/{s}",
             extra={"corpus": corpus})
        for s in range(sessions) for sex in ("female", "male") for n in range(2)
    ]  # fmt: skip


@given(st.integers(5, 9), st.integers(0, 9))
def test_sessions_stay_whole_and_are_tested_once(sessions, seed):
    clips = dyads(sessions)
    parts = [rotation(clips, fold, seed, validation=0.25, by_session=True).parts for fold in range(5)]
    for part in parts:
        assert {role(part[c.id]) for c in clips} == set(SHARES)
        for session in {c.session for c in clips}:
            assert len({role(part[c.id]) for c in clips if c.session == session}) == 1
        dealt = Counter(role(part[c.id]) for c in clips)
        assert all(abs(dealt[name] / 4 - share * sessions) < 1 for name, share in SHARES.items())
    for its in clips:
        assert Counter(role(part[its.id]) for part in parts) == {"test": 1, "primary": 2, "adversary": 2}


def test_validation_is_of_speakers_of_each_sex_whatever_their_session():
    its = rotation(dyads(5), 0, validation=0.25, by_session=True)
    assert sexes_in(its, dyads(5), "primary-validation") == {"female": 1, "male": 1}
    assert its.speaker_independent


@pytest.mark.parametrize("why", ["too few", "no session", "in two"])
def test_speakers_are_dealt_out_where_sessions_cannot_be(why):
    clips = dyads(4 if why == "too few" else 6)
    if why == "no session":
        clips[0] = replace(clips[0], session="")
    if why == "in two":
        clips[0] = replace(clips[0], session=clips[-1].session)
    assert rotation(clips, 1, by_session=True) == rotation(clips, 1)


def test_beside_a_corpus_of_sessions_another_is_dealt_out_by_speaker():
    clips = [*dyads(5), *people("fm" * 5, corpus="actors")]
    its, apart = rotation(clips, 2, by_session=True), rotation(clips, 2)
    actors = [c.id for c in clips if c.extra["corpus"] == "actors"]
    assert {role(its.parts[c]) for c in actors} == set(SHARES)
    assert [role(its.parts[c]) for c in actors] == [role(apart.parts[c]) for c in actors]
