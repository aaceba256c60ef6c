"""Fused by hand: layers weigh as much as they have weights; nothing depends on batches or on the order of updates."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aclipse.attackers.updates.fusion import ChanceReader, chances, fused, log_odds, read_fused
from aclipse.attackers.updates.networks import PaperClassifier, RowsClassifier
from aclipse.contracts import Clip
from aclipse.errors import CorpusError
from aclipse.metrics.classification import auc
from aclipse.models.dense import LogOdds
from aclipse.training.batches import Speech, read_all
from aclipse.training.checkpoint import load_module, save_module

SEXES = ("female", "male")
SHAPES = ((64, 65), (8, 65), (3, 9))  # of signals: 4096, 512 and 24 weights
COUNT = 11


def layer(shape: tuple[int, int], seed: int = 0) -> Speech:
    drawn = np.random.default_rng(seed)
    clips = [Clip(f"ann@{number}", Path()) for number in range(COUNT)]
    return Speech(clips, [drawn.standard_normal(shape).astype(np.float32) for _ in clips])


@pytest.fixture
def attackers() -> list[Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        first = PaperClassifier(SEXES, SHAPES[0])
        made: list[Any] = [first, *(RowsClassifier(SEXES, shape) for shape in SHAPES[1:])]
    return [one.eval() for one in made]


@pytest.fixture
def layers() -> list[Speech]:
    return [layer(shape, seed) for seed, shape in enumerate(SHAPES)]


def test_fused_by_hand(attackers: list[Any], layers: list[Speech]) -> None:
    expected = np.zeros((COUNT, 2))
    for one, speech, weights in zip(attackers, layers, (4096, 512, 24), strict=True):
        logits = one(torch.stack([torch.from_numpy(speech.wave(i)) for i in range(COUNT)]), torch.ones(COUNT))
        odds = np.exp(logits.detach().double().numpy())
        expected += weights / 4632 * odds / odds.sum(1, keepdims=True)
    found = read_fused(attackers, layers)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found.sum(1), 1)


def test_the_papers_shares_are_weights_without_biases() -> None:
    """988 features: 256·988, 128·256 and 4·128 weights, as the paper's code counts them."""
    sides = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])]
    found = fused(sides, [(256, 989), (128, 257), (4, 129)])
    assert found[0, 0] == pytest.approx(252928 / (252928 + 32768 + 512), rel=1e-12)


@pytest.mark.parametrize("size", [1, 3, 64])
def test_scores_are_the_same_for_any_batch_size(size: int, attackers: list[Any], layers: list[Speech]) -> None:
    np.testing.assert_allclose(read_fused(attackers, layers, size), read_fused(attackers, layers), rtol=1e-5)


def test_the_order_of_updates_changes_nothing(attackers: list[Any], layers: list[Speech]) -> None:
    order = np.random.default_rng(1).permutation(COUNT)
    turned = read_fused(attackers, [speech.subset(order.tolist()) for speech in layers])
    np.testing.assert_allclose(turned, read_fused(attackers, layers)[order], rtol=1e-5)


def test_the_order_of_layers_changes_nothing(attackers: list[Any], layers: list[Speech]) -> None:
    np.testing.assert_allclose(read_fused(attackers[::-1], layers[::-1]), read_fused(attackers, layers), rtol=1e-12)


def test_one_layer_fused_is_itself(attackers: list[Any], layers: list[Speech]) -> None:
    np.testing.assert_allclose(read_fused(attackers[:1], layers[:1]), chances(attackers[0], layers[0]))


def test_saved_and_loaded_attackers_say_the_same(attackers: list[Any], layers: list[Speech], tmp_path: Path) -> None:
    again = []
    for number, one in enumerate(attackers):
        save_module(tmp_path / str(number), one)
        again.append(load_module(tmp_path / str(number), type(one))[0])
    assert np.array_equal(read_fused(again, layers), read_fused(attackers, layers))


def test_odds_are_the_difference_of_logits_and_order_as_probabilities_do(
    attackers: list[Any], layers: list[Speech]
) -> None:
    found = chances(attackers[1], layers[1])
    odds = log_odds(found)
    assert odds.tolist() == pytest.approx(read_all(LogOdds(attackers[1]), layers[1]), abs=1e-5)
    members = [number % 2 == 0 for number in range(COUNT)]
    assert auc(odds.tolist(), members) == auc(found[:, 1].tolist(), members)


def test_odds_stay_finite() -> None:
    assert log_odds(np.array([[1.0, 0.0], [0.25, 0.75]])).tolist() == pytest.approx([12 * -math.log(10), math.log(3)])


def test_a_reader_gives_a_row_a_recording(attackers: list[Any]) -> None:
    found = ChanceReader(attackers[2]).read(torch.randn(4, *SHAPES[2]), torch.ones(4))
    assert [row.shape for row in found] == [(2,)] * 4
    assert chances(attackers[2], Speech([], [])).shape == (0, 2)


@pytest.mark.parametrize(
    ("parts", "shapes"),
    [
        ([], []),
        ([np.ones((2, 2))], []),
        ([np.ones((2, 2)), np.ones((3, 2))], [(2, 3), (2, 3)]),
        ([np.ones((2, 2)), np.ones((2, 3))], [(2, 3), (2, 3)]),
    ],
)
def test_layers_that_do_not_fit_are_not_fused(parts: list[np.ndarray], shapes: list[tuple[int, int]]) -> None:
    with pytest.raises(CorpusError, match=rf"{len(parts)} layers' probabilities .* and {len(shapes)} layers' shapes"):
        fused(parts, shapes)


def test_attackers_that_do_not_fit_are_not_fused(attackers: list[Any], layers: list[Speech]) -> None:
    turned = [layers[0].subset(range(COUNT)[::-1]), *layers[1:]]
    other = RowsClassifier(("male", "female"), SHAPES[0]).eval()
    for some, given in ((attackers[:2], layers), (attackers, turned), ([other, *attackers[1:]], layers), ([], [])):
        with pytest.raises(CorpusError, match=f"{len(some)} attackers and {len(given)} layers to fuse must be"):
            read_fused(some, given)


def test_odds_of_other_than_two_labels_are_refused() -> None:
    for shape in ((2, 3), (2,)):
        with pytest.raises(CorpusError, match="odds are of two labels"):
            log_odds(np.ones(shape))
