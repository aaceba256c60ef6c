"""A dial between the input and a protection: its ends, what lies between, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Release, Wave
from aclipse.errors import AudioError, RecipeError
from aclipse.protections.blend import Blend


class Gain:
    """Scales a recording, holding back a few samples as a protection with look-ahead does."""

    releases = Release.WAVEFORM

    def __init__(self, gain: float = 0.5, delay: int = 0) -> None:
        self.name, self.gain, self.delay = "gain", np.float32(gain), delay

    def __repr__(self) -> str:
        return f"Gain({self.gain})"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return self.gain * wave

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        held = np.zeros(0, np.float32)
        for block in blocks:
            held = np.concatenate([held, self.gain * block])
            ready = max(0, len(held) - self.delay)
            yield held[:ready]
            held = held[ready:]
        yield held


class Lengthening(Gain):
    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        for block in blocks:
            yield np.pad(block, 2)


def speech(frames: int) -> Wave:
    return np.random.default_rng(0).uniform(-0.5, 0.5, frames).astype(np.float32)


@given(
    strength=st.floats(0, 1),
    delay=st.integers(0, 300),
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=8),
)
def test_a_blend_is_the_same_in_blocks_and_moves_straight_to_the_protection(
    strength: float, delay: int, sizes: list[int]
) -> None:
    wave = speech(sum(sizes))
    blend = Blend(Gain(-0.5, delay), strength)
    whole = blend.release(wave)
    pieces = list(blend.release_blocks(np.split(wave, np.cumsum(sizes)[:-1])))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_allclose(whole, wave * (1 - 1.5 * strength), atol=1e-6)
    assert whole.dtype == np.float32


def test_a_blend_at_full_strength_is_the_protection_exactly() -> None:
    wave = speech(100)
    blend = Blend(Gain(0.3), 1)
    np.testing.assert_array_equal(blend.release(wave), np.float32(0.3) * wave)
    assert (blend.name, blend.releases) == ("gain@1", Release.WAVEFORM)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(RecipeError, match=rf"strength of {strength} is not allowed; choose one from 0 .* to 1"):
        Blend(Gain(), strength)


def test_a_blend_refuses_a_protection_that_changes_the_length() -> None:
    with pytest.raises(AudioError, match="gain gave 9 samples for 5; it must keep them"):
        list(Blend(Lengthening(), 0.5).release_blocks([speech(5)]))


def test_a_blend_refuses_a_length_in_one_piece_as_well() -> None:
    class Cutting(Gain):
        def release(self, wave: Wave, seed: int = 0) -> Wave:
            return wave[:-1]

    with pytest.raises(AudioError, match="gain gave 4 samples for 5; it must keep them"):
        Blend(Cutting(), 0.5).release(speech(5))


def test_blends_of_other_strengths_or_protections_are_told_apart() -> None:
    made = [Blend(Gain(0.5), 0.5), Blend(Gain(0.5), 0.25), Blend(Gain(0.3), 0.5)]
    assert len({repr(blend) for blend in made}) == 3  # `protect` knows its own work by it
