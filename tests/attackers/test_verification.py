"""Recognising speakers as a task: whom it learns, and what validation wants."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.attackers.verification import SPEAKER
from aclipse.contracts import Clip

NEAR = [np.array(e, dtype=np.float32) for e in ([1, 0.1], [1, 0.2], [0.1, 1], [0.2, 1])]


def test_a_voice_is_a_secret_of_who_has_one() -> None:
    assert SPEAKER.role == "privacy" and SPEAKER.name == "speaker"
    assert SPEAKER.target(Clip("a", Path("a.wav"), speaker="ann")) == "ann"
    assert SPEAKER.target(Clip("a", Path("a.wav"))) == ""


def test_validation_wants_a_low_equal_error_rate() -> None:
    assert SPEAKER.score(["ann", "ann", "bob", "bob"], NEAR) == 0
    assert SPEAKER.score(["ann", "bob", "ann", "bob"], NEAR) == -0.5  # the nearest two are of two speakers
    assert SPEAKER.score(["ann", "ann", "bob", "bob"], [np.ones(2)] * 4) == pytest.approx(-0.5)


def test_one_clip_alone_is_neither_right_nor_wrong() -> None:
    assert SPEAKER.marks(Clip("a", Path("a.wav"), speaker="ann"), NEAR[0]) == {}


def test_the_embedder_learns_from_the_training_speakers() -> None:
    network = SPEAKER.build(["bob", "ann", "bob"])
    assert network.speakers == ("ann", "bob")
    read = network.eval().read(torch.randn(3, 8000), torch.tensor([8000, 4000, 400]))  # type: ignore[operator]
    assert [embedding.shape for embedding in read] == [(64,)] * 3


def test_another_process_can_take_it_over() -> None:
    assert pickle.loads(pickle.dumps(SPEAKER)) == SPEAKER
