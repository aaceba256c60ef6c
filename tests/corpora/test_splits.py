from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.corpora.crema_d import scan
from aclipse.corpora.splits import PARTS, Split, read, split, write
from aclipse.errors import CorpusError


def clip(number: int, speaker: str = "", sex: str = "", emotion: str = "", session: str = "") -> Clip:
    return Clip(f"c{number:03}", Path(f"{number}.wav"), speaker, sex, emotion, session=session)


@st.composite
def corpora(draw, min_speakers: int = 4) -> list[Clip]:
    """Speakers of both or unknown sex, one to five clips each."""
    speakers = draw(
        st.lists(
            st.tuples(st.sampled_from(["female", "male", ""]), st.integers(1, 5)), min_size=min_speakers, max_size=14
        )
    )
    said = [(f"s{n}", sex) for n, (sex, count) in enumerate(speakers) for _ in range(count)]
    return [clip(n, speaker, sex) for n, (speaker, sex) in enumerate(said)]


def speakers_of(its: Split, clips: list[Clip], part: str) -> set[str]:
    return {clip.speaker for clip in its.of(clips, part)}


@given(corpora(), st.integers(2, 4), st.integers(0, 9))
def test_the_tests_of_all_speaker_folds_are_disjoint_and_together_everything(clips, folds, seed):
    tested = [id for fold in range(folds) for id in split(clips, folds=folds, fold=fold, seed=seed).ids("test")]
    assert sorted(tested) == [clip.id for clip in clips]


@given(corpora(), st.integers(2, 4), st.floats(0.01, 0.99))
def test_no_speaker_is_in_two_parts_and_every_part_has_one(clips, folds, validation):
    its = split(clips, folds=folds, fold=folds - 1, validation=validation)
    train, watched, test = (speakers_of(its, clips, part) for part in PARTS)
    assert train and watched and test
    assert not (train & watched or train & test or watched & test)
    assert its.speaker_independent
    assert its.name == f"speaker-{folds}fold/{folds - 1} (seed 0)"


@given(corpora(), st.integers(2, 4))
def test_folds_are_even_in_speakers_and_in_sex(clips, folds):
    tests = [speakers_of(split(clips, folds=folds, fold=fold), clips, "test") for fold in range(folds)]
    sex_of = {clip.speaker: clip.sex for clip in clips}
    for wanted in ({"female"}, {"male"}, {""}, {"female", "male", ""}):
        counts = [sum(sex_of[speaker] in wanted for speaker in test) for test in tests]
        assert max(counts) - min(counts) <= 1


@given(st.lists(st.sampled_from(["happy", "sad"]), min_size=40, max_size=60), st.integers(2, 5))
def test_utterance_folds_are_disjoint_complete_and_even_in_emotion(emotions, folds):
    # eight more of each, as every part needs both
    emotions += ["happy", "sad"] * 8
    clips = [clip(n, f"s{n % 3}", emotion=emotion) for n, emotion in enumerate(emotions)]
    splits = [split(clips, "utterance-kfold", folds=folds, fold=fold) for fold in range(folds)]
    assert sorted(id for its in splits for id in its.ids("test")) == [clip.id for clip in clips]
    for emotion in ("happy", "sad"):
        counts = [sum(clip.emotion == emotion for clip in its.of(clips, "test")) for its in splits]
        assert max(counts) - min(counts) <= 1
    assert splits[1].name == f"utterance-{folds}fold/1 (seed 0, speaker-dependent)"
    assert not splits[1].speaker_independent


@given(corpora(), st.randoms(use_true_random=False))
def test_the_order_of_the_clips_does_not_matter(clips, rng):
    shuffled = rng.sample(clips, len(clips))
    assert split(shuffled, folds=2) == split(clips, folds=2)
    assert split(shuffled, folds=2).hash == split(clips, folds=2).hash


def test_a_seed_decides_and_another_decides_otherwise():
    clips = [clip(n, f"s{n}") for n in range(20)]
    hashes = {split(clips, seed=seed).hash for seed in range(10)}
    assert len(hashes) == 10
    assert split(clips, seed=3).hash == split(clips, seed=3).hash


def test_leave_one_session_out_tests_one_session_and_watches_other_speakers():
    clips = [clip(n, f"Ses0{n // 4}{'FM'[n % 2]}", session=str(n // 4)) for n in range(4, 24)]  # five sessions of two
    tested = []
    for fold in range(5):
        its = split(clips, "leave-one-session-out", fold=fold)
        assert its.name == f"leave-one-session-out/{fold + 1} (seed 0)"
        assert {clip.session for clip in its.of(clips, "test")} == {str(fold + 1)}
        assert len(speakers_of(its, clips, "validation")) == 1  # an eighth of the eight others
        assert its.speaker_independent
        tested += its.ids("test")
    assert sorted(tested) == [clip.id for clip in clips]


def test_speakers_who_come_to_several_sessions_are_admitted():
    clips = [clip(n, f"s{n % 3}", session=str(n % 2)) for n in range(12)]
    its = split(clips, "leave-one-session-out")
    assert not its.speaker_independent
    assert its.name == "leave-one-session-out/0 (seed 0, speaker-dependent)"


def test_clips_without_speakers_never_count_as_independent():
    assert not split([clip(n) for n in range(9)], "utterance-kfold", folds=3).speaker_independent


@pytest.mark.parametrize(("validation", "count"), [(0.125, 2), (0.01, 1), (0.5, 8), (0.99, 15)])
def test_validation_is_a_share_of_the_speakers_left_and_at_least_one(validation, count):
    clips = [clip(n, f"s{n}", ("female", "male")[n % 2]) for n in range(20)]  # 16 are left
    watched = split(clips, validation=validation).of(clips, "validation")
    assert len(watched) == count
    assert abs(sum(clip.sex == "male" for clip in watched) - count / 2) <= 0.5


def two_sessions(count: int = 8) -> list[Clip]:
    return [clip(n, f"s{n}", session=str(n % 2)) for n in range(count)]


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        (two_sessions(), {"kind": "random"}, r"There is no split 'random'\. Choose from: speaker-kfold, leave"),
        (
            two_sessions(),
            {"validation": 0.0},
            r"validation share of 0\.0 would empty a part\. Give one between 0 and 1",
        ),
        (two_sessions(), {"fold": 5}, r"There is no fold 5 of 5\. Use at least 2 folds, counted from 0"),
        (two_sessions(), {"fold": -1}, r"There is no fold -1 of 5"),
        (two_sessions(), {"folds": 1}, r"There is no fold 0 of 1"),
        (two_sessions(), {"folds": 9}, r"speaker-kfold: 8 to deal out are too few for 9 folds\. Use fewer folds"),
        ([clip(n, "anna") for n in range(9)], {}, r"1 to deal out are too few for 5 folds.*split by utterance-kfold"),
        (two_sessions(2), {"folds": 2}, r"speaker-2fold/0: 1 left beside the test part; .* Add speakers"),
        ([clip(1, "anna"), clip(2)], {}, r"Clip 'c002' has no speaker, which speaker-kfold needs\. Add it, or use"),
        (
            two_sessions(),
            {"kind": "leave-one-session-out", "fold": 2},
            r"no session 2\. The 2 sessions are counted from 0",
        ),
        (
            [clip(n, f"s{n}") for n in range(9)],
            {"kind": "leave-one-session-out"},
            r"needs two sessions or more and one for every clip; it found ''\. Fill the column session",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(clips, options, message):
    with pytest.raises(CorpusError, match=message):
        split(clips, **options)


def test_an_emotion_that_a_part_would_lack_is_refused():
    clips = [clip(n, f"s{n % 8}", emotion="happy") for n in range(40)] + [clip(40, "s0", emotion="sad")]
    with pytest.raises(
        CorpusError,
        match=r"speaker-5fold/0: no \w+ clip is sad\. Use another seed, .* \(corpus\.emotions of the recipe\)",
    ):
        split(clips)


def test_of_keeps_the_order_and_passes_over_strangers():
    its = Split("mine", {"c001": "train", "c002": "test", "c003": "train"}, True)
    assert its.ids("train") == ("c001", "c003")
    assert [clip.id for clip in its.of([clip(3), clip(9), clip(1)], "train")] == ["c003", "c001"]


@given(corpora())
def test_read_gives_back_what_was_written(tmp_path_factory, clips):
    path = tmp_path_factory.mktemp("splits") / "split.csv"
    its = split(clips, folds=2)
    write(its, path)
    assert read(path) == its
    assert read(path).hash == its.hash


def test_a_split_made_by_hand_is_named_after_its_file(tmp_path):
    (tmp_path / "official.csv").write_text("id,part\na,train\nb,test\n")
    assert read(tmp_path / "official.csv") == Split("official", {"a": "train", "b": "test"}, False)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,dev\n", r"s\.csv, line 2: part 'dev' is not known\. Use one of: train, validation, test"),
        ("a,test\na,train\n", r"s\.csv, line 3: the id 'a' has a part already\. Remove one"),
        ("", r"s\.csv: holds no clips\. Make it anew"),
    ],
)
def test_a_wrong_file_is_refused(rows, message, tmp_path):
    (tmp_path / "s.csv").write_text("id,part\n" + rows)
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "s.csv")


def test_the_real_corpus(real):
    clips = scan(real("crema-d")).only(["neutral", "happy", "sad", "angry"]).clips
    tests = []
    for fold in range(5):
        its = split(clips, fold=fold)
        assert its.speaker_independent
        sexes = Counter(sex for _, sex in {(clip.speaker, clip.sex) for clip in its.of(clips, "test")})
        assert 7 <= sexes["female"] <= 8 <= sexes["male"] <= 9  # of 36 and 41
        tests += its.ids("test")
    assert sorted(tests) == [clip.id for clip in clips]
