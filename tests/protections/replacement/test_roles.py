"""Who stands in for whom: neutral clips for sensitive ones, all others for themselves; and roles that make sense."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.protections.replacement.method import ReplacementSettings
from aclipse.protections.replacement.roles import Roles, replacements

SEVERAL = Roles(neutral=("neutral", "calm"), required=("sad",), sensitive=("happy", "angry", "afraid"))
TOLD = st.tuples(
    st.sampled_from(("neutral", "calm", "sad", "happy", "angry", "afraid", "surprised", "")),
    st.sampled_from(("female", "male", "")),
    st.sampled_from(("crema-d", "ravdess", "")),
)


def clips(*told: tuple[str, str, str]) -> list[Clip]:
    return [
        Clip(f"c{number}", Path(f"c{number}.wav"), "", sex, emotion, extra={"corpus": corpus} if corpus else {})
        for number, (emotion, sex, corpus) in enumerate(told)
    ]


def corpus_of(clip: Clip) -> str:
    return clip.extra.get("corpus", "")


@given(told=st.lists(TOLD, max_size=40), seed=st.integers(0, 2**48), same_sex=st.booleans())
def test_sensitive_clips_become_neutral_ones_of_their_corpus_all_others_stay(
    told: list[tuple[str, str, str]], seed: int, same_sex: bool
) -> None:
    given_ = clips(*told)
    kinds = {(corpus_of(c), c.sex if same_sex else "") for c in given_ if SEVERAL.of(c.emotion) == "neutral"}
    wanted = {(corpus_of(c), c.sex if same_sex else "") for c in given_ if SEVERAL.of(c.emotion) == "sensitive"}
    assume(wanted <= kinds)
    found = replacements(given_, SEVERAL, seed, same_sex)
    assert len(found) == len(given_)
    for index, (clip, place) in enumerate(zip(given_, found, strict=True)):
        target = given_[place]
        if SEVERAL.of(clip.emotion) == "sensitive":
            assert SEVERAL.of(target.emotion) == "neutral"
            assert corpus_of(target) == corpus_of(clip)
            assert target.sex == clip.sex or not same_sex
        else:
            assert place == index
    assert found == replacements(given_, SEVERAL, seed, same_sex)


CROWD = clips(*[(emotion, sex, "") for emotion in ("neutral", "angry") for sex in ("female", "male")] * 50)


@given(seed=st.integers(0, 2**48))
def test_another_seed_draws_others(seed: int) -> None:
    assert replacements(CROWD, Roles(), seed) != replacements(CROWD, Roles(), seed + 1)


def test_every_neutral_clip_is_as_likely() -> None:
    crowd = clips(*[("neutral", "", "")] * 4, *[("angry", "", "")] * 4000)
    drawn = Counter(replacements(crowd, Roles(), 0)[4:])
    assert sorted(drawn) == [0, 1, 2, 3]
    assert sum((count - 1000) ** 2 / 1000 for count in drawn.values()) < 16.3  # chi square of 3: one in a thousand


def test_sex_matters_only_where_it_is_asked_for() -> None:
    found = {same: replacements(CROWD, Roles(), 0, same) for same in (False, True)}
    crossed = {
        same: sum(CROWD[i].sex != CROWD[place].sex for i, place in enumerate(places)) for same, places in found.items()
    }
    assert crossed[True] == 0
    assert 30 < crossed[False] < 70  # of 100 sensitive ones half


def test_a_clip_whose_emotion_has_no_role_takes_no_draw() -> None:
    without = [clip for clip in CROWD if clip.emotion != "angry"] + [CROWD[2]]
    bystander = replace(CROWD[0], id="x", emotion="surprised")
    first = replacements(without, Roles(), 5)
    assert replacements([bystander, *without], Roles(), 5) == [0, *(place + 1 for place in first)]


@pytest.mark.parametrize(
    ("told", "same_sex", "message"),
    [
        ([("angry", "", "")], False, r"stand in for 'c0'\. Give some"),
        ([("neutral", "", "ravdess"), ("angry", "", "crema-d")], False, "for 'c1' among those of crema-d"),
        ([("neutral", "male", ""), ("angry", "female", "")], True, "for 'c1' among those of female"),
        ([("neutral", "male", "a"), ("happy", "female", "a")], True, "for 'c1' among those of a female"),
    ],
)
def test_without_anybody_to_stand_in_it_is_refused(
    told: list[tuple[str, str, str]], same_sex: bool, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        replacements(clips(*told), Roles(), 0, same_sex)


def test_several_emotions_a_role() -> None:
    expected = {"calm": "neutral", "sad": "required", "afraid": "sensitive", "bored": "", "": ""}
    assert {emotion: SEVERAL.of(emotion) for emotion in expected} == expected
    assert SEVERAL.emotions == ("neutral", "calm", "sad", "happy", "angry", "afraid")
    assert Roles().emotions == ("neutral", "sad", "happy", "angry")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"required": ("happy",)}, "one role alone; 'happy' has not"),
        ({"neutral": ("sad", "angry")}, "one role alone; 'angry', 'sad' has not"),
        ({"required": ("sad", "sad")}, "'sad' has not"),
        ({"required": ("",)}, "'' has not"),
        ({"neutral": ()}, "at least 1 item"),
        ({"required": ()}, "at least 1 item"),
        ({"sensitive": ()}, "at least 1 item"),
        ({"required": "sad"}, "valid tuple"),
        ({"wanted": ("sad",)}, "Extra inputs"),
    ],
)
def test_roles_that_overlap_or_are_empty_are_refused(settings: dict[str, tuple[str, ...]], message: str) -> None:
    for kind in (Roles, ReplacementSettings):
        with pytest.raises(ValidationError, match=message):
            kind(**settings)


def test_settings_of_a_training_hold_its_roles() -> None:
    settings = ReplacementSettings(required=["angry"], sensitive=["sad"])
    assert settings.roles == Roles(required=("angry",), sensitive=("sad",))
    assert type(settings.roles) is Roles


@pytest.mark.parametrize(
    "settings",
    [{"weight": 1.0}, {"weight": -0.1}, {"reversal": -1.0}, {"embeddings": ()}, {"embeddings": (0,)}, {"guide": -1.0}],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        ReplacementSettings(**settings)
