"""The inverting network: the identity at first, deaf to padding, as long as its input; and the best fixed filter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aclipse.audio.signal import pad_stack
from aclipse.contracts import Wave
from aclipse.models.inverter import REACH, Inverter, best_filter, convolve


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def learned(width: int = 8, seed: int = 0) -> Inverter:
    """A network whose filter and mask are far from the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Inverter(width).eval()
        torch.nn.init.normal_(network.head.weight, std=0.3)
        torch.nn.init.normal_(network.head.bias, std=0.5)
        network.filter.copy_(torch.randn(2 * REACH + 1) * torch.hann_window(2 * REACH + 1) / 16)
    return network


@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=3), extra=st.integers(0, 700))
def test_a_new_network_changes_nothing(lengths: list[int], extra: int) -> None:
    waves, counts = pad_stack([noise(length, length) for length in lengths])
    waves = torch.nn.functional.pad(waves, (0, extra))
    torch.testing.assert_close(Inverter(4)(waves, counts), waves, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.integers(1, 3000), min_size=2, max_size=4), extra=st.integers(0, 700))
def test_a_recording_alone_equals_itself_in_any_batch(lengths: list[int], extra: int) -> None:
    network, waves = learned(), [noise(length, seed) for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves)
    batch = torch.nn.functional.pad(batch, (0, extra), value=9.0)  # what lies past the end must not matter
    for order in (list(range(len(waves))), list(range(len(waves)))[::-1]):
        together = network(batch[order], counts[order])
        assert together.shape == batch.shape
        for row, index in enumerate(order):
            alone = network(waves[index][None], counts[index : index + 1])[0]
            torch.testing.assert_close(together[row, : lengths[index]], alone, rtol=0, atol=1e-5)
            assert not together[row, lengths[index] :].any()


def test_what_a_network_learned_is_not_the_identity() -> None:
    waves, lengths = noise(4000)[None], torch.tensor([4000])
    assert (learned()(waves, lengths) - waves).abs().mean() > 0.01  # so that the test above means something


@pytest.mark.parametrize("gain", [1e-3, 1e3])
def test_a_louder_recording_comes_back_louder_and_otherwise_the_same(gain: float) -> None:
    waves, lengths, network = noise(4000)[None], torch.tensor([4000]), learned()
    torch.testing.assert_close(network(gain * waves, lengths) / gain, network(waves, lengths), rtol=0, atol=1e-4)


def test_silence_stays_silence_and_gives_finite_gradients() -> None:
    waves = torch.zeros(2, 900, requires_grad=True)
    network = learned()
    found = network(waves, torch.tensor([900, 400]))
    assert not found.any()
    found.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in (waves, *network.parameters()))


def test_every_weight_learns_once_the_head_has_moved() -> None:
    network = learned()
    network(noise(4000)[None], torch.tensor([4000])).square().sum().backward()
    assert all(p.grad.any() for p in network.parameters())


def test_settings_and_weights_make_the_same_network_again() -> None:
    network = learned(width=12)
    again = Inverter(**network.settings)
    again.load_state_dict(network.state_dict())
    waves, lengths = noise(2000)[None], torch.tensor([2000])
    torch.testing.assert_close(again(waves, lengths), network(waves, lengths), rtol=0, atol=0)
    assert network.settings == {"width": 12} and "filter" in network.state_dict()


@settings(deadline=None, max_examples=20)
@given(samples=st.integers(1, 3000), reach=st.integers(0, 60))
def test_convolving_equals_numpy(samples: int, reach: int) -> None:
    wave, response = noise(samples), noise(2 * reach + 1, 1)
    found = convolve(wave[None], response)[0, :samples].numpy()
    expected = np.convolve(wave.double().numpy(), response.double().numpy())[reach : reach + samples]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def pair(response: np.ndarray, shift: int, samples: int = 9000, seed: int = 0) -> tuple[Wave, Wave]:
    """A recording after a filter and a delay, and the recording."""
    wave = noise(samples, seed).numpy()
    return np.pad(np.convolve(wave, response), (shift, 0))[:samples].astype(np.float32), wave


@pytest.mark.parametrize("shift", [0, 40, 160])
def test_the_best_filter_undoes_filter_polarity_gain_and_shift(shift: int) -> None:
    pairs = [pair(np.array([-0.3, 0.15, -0.05]), shift, seed=seed) for seed in range(4)]
    given, wanted = pair(np.array([-0.3, 0.15, -0.05]), shift, seed=9)
    found = convolve(torch.from_numpy(given)[None], best_filter(pairs))[0, :9000].numpy()
    kept = slice(600, -600)  # what was shifted out of a recording does not come back
    assert np.mean((found - wanted)[kept] ** 2) < 1e-3 * np.mean(wanted[kept] ** 2)


def test_the_best_filter_equals_a_least_squares_fit() -> None:
    reach, (given, wanted) = 5, pair(np.array([0.5, 0.4]), 2, 500)
    given = given + noise(500, 3).numpy()
    columns = [np.pad(given, (reach + k, 2 * reach - k + reach))[: 500 + 2 * reach] for k in range(-reach, reach + 1)]
    expected = np.linalg.lstsq(np.stack(columns, 1), np.pad(wanted, reach), rcond=None)[0]
    np.testing.assert_allclose(best_filter([(given, wanted)], reach).numpy(), expected, atol=1e-4)


def test_recordings_count_alike_however_loud() -> None:
    quiet, loud = pair(np.array([1.0]), 0, seed=1), pair(np.array([-1.0]), 0, seed=2)
    found = best_filter([quiet, (100 * loud[0], 100 * loud[1])], reach=1)
    assert abs(found[1]) < 0.1  # one says leave it, the other says turn it round


def test_silence_asks_for_no_filter() -> None:
    silence, wave = np.zeros(500, np.float32), noise(500).numpy()
    assert best_filter([(silence, wave), (silence, silence)], 3).tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert torch.isfinite(best_filter([(wave, silence)], 3)).all()
