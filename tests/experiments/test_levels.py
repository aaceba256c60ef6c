"""What the levels of an audit mean, and how settings change them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.attackers.purifiers import FEATURE_PURIFIERS, PURIFIERS, fitting
from aclipse.experiments.levels import LEVELS, PRIVATE, AuditSettings, Level
from aclipse.registry import PROTECTIONS

ORDER = ("quick", "standard", "full")
TRAINED = {"cascade", "cloak", "cloak-adaptive", "replacement", "identity"}  # which are no simple means


def test_there_are_three_levels_and_standard_is_the_usual_one() -> None:
    assert tuple(LEVELS) == ORDER
    assert AuditSettings().effort == LEVELS["standard"]


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ORDER)))
def test_a_higher_level_tries_harder_in_every_respect(lower: str, higher: str) -> None:
    less, more = LEVELS[lower], LEVELS[higher]
    for name in Level.model_fields:
        own, other = getattr(less, name), getattr(more, name)
        if isinstance(own, tuple):
            assert set(own) <= set(other) or (name == "budgets" and len(own) <= len(other)), name
        else:
            assert own <= other, name


@pytest.mark.parametrize("name", ORDER)
def test_levels_name_what_there_is(name: str) -> None:
    level = LEVELS[name]
    for own in (PURIFIERS, FEATURE_PURIFIERS):
        assert len(fitting(level.purifiers, own)) > 2 and "none" in level.purifiers
    kinds = {"pgd" if baseline.startswith("pgd-") else baseline for baseline in level.baselines}
    assert kinds <= {*PROTECTIONS} - TRAINED
    assert {"silence", "low-pass", "white-noise"} <= kinds
    assert {*level.secrets} <= {*PRIVATE} and {*level.baseline_secrets} <= {*PRIVATE, "emotion"}
    assert {*level.baseline_rungs} <= {*level.rungs}
    assert list(level.budgets) == sorted(level.budgets) and all(b < level.attacker_clips for b in level.budgets)


def test_every_baseline_that_is_registered_is_tried_from_level_standard_on() -> None:
    for name in ("standard", "full"):
        tried = {baseline.partition("-1")[0] for baseline in LEVELS[name].baselines}
        assert tried == {*PROTECTIONS} - TRAINED - {"vocoded"}  # a control of a cloak's sound, asked for by name


@given(name=st.sampled_from(ORDER), clips=st.integers(1, 500), rungs=st.lists(st.sampled_from(LEVELS["full"].rungs)))
def test_what_is_given_beside_a_level_holds_and_nothing_else_changes(name: str, clips: int, rungs: list[str]) -> None:
    effort = AuditSettings(level=name, attacker_clips=clips, rungs=tuple(rungs), shuffled=False).effort  # type: ignore[arg-type]
    given = {"attacker_clips": clips, "rungs": tuple(rungs), "shuffled": False}
    assert effort == LEVELS[name].model_copy(update=given)
