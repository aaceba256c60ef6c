"""The stratified subset: exact size, fair shares, no repetition, the same for a seed."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aclipse.protections.cascade.sampling import quotas, stratified_subset

COUNTS = st.dictionaries(st.sampled_from(["angry", "happy", "neutral", "sad"]), st.integers(1, 300), min_size=1)


@given(counts=COUNTS, share=st.floats(0, 1))
def test_quotas_sum_exactly_and_are_proportional_within_one(counts: dict[str, int], share: float) -> None:
    total = sum(counts.values())
    size = int(share * total)
    given_out = quotas(counts, size)
    assert sum(given_out.values()) == size and given_out.keys() == counts.keys()
    for label, count in counts.items():
        assert abs(given_out[label] - size * count / total) < 1 and 0 <= given_out[label] <= count


def test_the_papers_subset_of_iemocap() -> None:
    counts = {"neutral": 1708, "happy": 1636, "angry": 1103, "sad": 1084}  # facts: 5531 utterances
    assert quotas(counts, 400) == {"neutral": 124, "happy": 118, "angry": 80, "sad": 78}


@given(labels=st.lists(st.sampled_from("ahns"), min_size=1, max_size=200), size=st.integers(1, 250), seed=st.integers())
def test_a_subset_has_its_size_its_shares_and_no_repetition(labels: list[str], size: int, seed: int) -> None:
    chosen = stratified_subset(labels, size, seed)
    assert chosen == sorted(set(chosen)) == stratified_subset(labels, size, seed)
    assert len(chosen) == min(size, len(labels)) and set(chosen) <= set(range(len(labels)))
    if size < len(labels):
        assert Counter(labels[i] for i in chosen) == Counter(quotas(Counter(labels), size))


def test_another_seed_draws_others_and_in_the_end_everyone() -> None:
    labels = ["happy"] * 30 + ["sad"] * 10
    draws = [stratified_subset(labels, 8, seed) for seed in range(60)]
    assert draws[0] != draws[1]
    assert set().union(*draws) == set(range(40))
