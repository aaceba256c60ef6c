"""The SO and ER modules: identity when new, aligned, of the same length, blind to padding."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from aclipse.audio.signal import mask_of
from aclipse.protections.cascade.modules import (
    KERNEL,
    STRIDE,
    Block,
    ChannelAttention,
    ModuleSettings,
    SampleModule,
    StridedModule,
    build,
    fourier_kernels,
    reach,
)

FORMS = ["strided", "samples"]


def module_of(form: str, trained: bool = True, **changes: object) -> nn.Module:
    """A small module; ``trained`` gives the zero-initialised head random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build(ModuleSettings(form=form, channels=8, **{"attention_seconds": 0.2, **changes})).eval()
        for parameter in module.head.parameters() if trained else ():
            nn.init.normal_(parameter, std=0.1)
    return module.requires_grad_(False)


MODULES = {form: module_of(form) for form in FORMS}


def noise(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def alone(module: nn.Module, wave: Tensor) -> Tensor:
    return module(wave, torch.ones_like(wave))


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=10)
@given(samples=st.integers(1, 5000))
def test_a_new_module_is_exactly_the_identity(form: str, samples: int) -> None:
    assert torch.equal(alone(module_of(form, trained=False), noise(samples)), noise(samples))


def test_a_new_module_can_learn() -> None:
    for form in FORMS:
        module = module_of(form, trained=False).requires_grad_(True)
        alone(module, noise(2000)).square().sum().backward()
        assert module.head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=15)
@given(samples=st.integers(400, 20_000))
def test_any_length_is_kept(form: str, samples: int) -> None:
    out = alone(MODULES[form], noise(samples))
    assert out.shape == (1, samples) and torch.isfinite(out).all()
    assert (out - noise(samples)).abs().max() > 1e-3  # it does change something


@settings(deadline=None, max_examples=15)
@given(samples=st.integers(1, 20_000))
def test_analysis_and_synthesis_reconstruct_perfectly(samples: int) -> None:
    module = module_of("strided", trained=False)
    module.head.bias[: module.head.out_channels // 2] = 1.0  # gain 1: x + synthesis(analysis(x))
    torch.testing.assert_close(alone(module, noise(samples)), 2 * noise(samples), rtol=0, atol=1e-4)


def test_fourier_kernels_are_windowed_cosines_and_sines() -> None:
    kernels = fourier_kernels()[:, 0]
    assert kernels.shape == (KERNEL + 2, KERNEL)
    time = torch.arange(KERNEL)
    window = torch.sin(math.pi * (time + 0.5) / KERNEL)
    for frequency in (0, 1, 40, KERNEL // 2):
        scale = math.sqrt((1 if frequency in (0, KERNEL // 2) else 2) / KERNEL)
        for row, wave in ((frequency, torch.cos), (KERNEL // 2 + 1 + frequency, torch.sin)):
            expected = scale * window * wave(2 * math.pi * frequency * time / KERNEL)
            torch.testing.assert_close(kernels[row], expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kill", [(25, 161), (0, 40)])
def test_gains_filter_without_delay(kill: tuple[int, int]) -> None:
    """Removing bins of 50 Hz each (here all above 1250 Hz, or all below 2000) leaves the rest where it was."""
    module = module_of("strided", trained=False)
    bins = KERNEL // 2 + 1
    module.head.bias[kill[0] : kill[1]] = -1.0
    module.head.bias[bins + kill[0] : bins + kill[1]] = -1.0
    wave = noise(16_000)
    out = alone(module, wave)
    spectrum = torch.fft.rfft(wave).conj() * torch.fft.rfft(out)
    assert torch.fft.irfft(spectrum).argmax().item() == 0  # cross-correlation peaks at lag 0
    power = (torch.fft.rfft(out).abs().square() / torch.fft.rfft(wave).abs().square().mean())[0]  # one bin a hertz
    killed, kept = power[kill[0] * 50 + 200 : kill[1] * 50 - 300], power[[700 if kill[0] else 4000]]
    assert 10 * killed.mean().log10() < -25 and kept.isfinite().all()
    left = power[:900] if kill[0] else power[2500:]
    assert abs(10 * left.mean().log10()) < 1


def test_the_literal_form_sees_36_samples_to_either_side() -> None:
    module = module_of("samples")
    for block in module.blocks:  # a constant gate leaves the convolutions alone
        for parameter in block.attention.parameters():
            nn.init.zeros_(parameter)
    wave = noise(2000).requires_grad_()
    (alone(module, wave) - wave)[0, 1000].backward()
    touched = wave.grad[0].nonzero()[:, 0].tolist()
    assert min(touched) == 1000 - 36 and max(touched) == 1000 + 36


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        ("samples", {}),
        ("strided", {}),
        ("strided", {"dilations": (1,)}),
        ("strided", {"kernel": 3, "dilations": (2, 3)}),
    ],
)
@pytest.mark.parametrize("position", [13_000, 13_079])
def test_no_sample_depends_on_what_lies_beyond_reach(form: str, changes: dict, position: int) -> None:
    settings_ = ModuleSettings(form=form, channels=8, attention_seconds=0.1, **changes)
    module = module_of(form, attention_seconds=0.1, **changes)
    wave = noise(26_000).requires_grad_()
    alone(module, wave)[0, position].backward()
    touched = (wave.grad[0].abs() > 1e-9 * wave.grad.abs().max()).nonzero()[:, 0]  # beyond rounding
    limit = reach(settings_)
    assert (touched - position).abs().max() <= limit
    assert (touched - position).abs().max() > 0.4 * limit  # nor is the promise idle


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=10)
@given(
    lengths=st.lists(st.integers(1, 6000), min_size=2, max_size=3),
    extra=st.integers(0, 700),
)
def test_a_recording_is_free_of_its_batch_and_padding(form: str, lengths: list[int], extra: int) -> None:
    size = max(lengths) + extra
    mask = mask_of(torch.tensor(lengths), size)
    batch = torch.cat([noise(size, seed) for seed in range(len(lengths))]) * mask
    together = MODULES[form](batch, mask)
    for row, length in enumerate(lengths):
        expected = alone(MODULES[form], batch[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1, :length], expected, rtol=0, atol=1e-5)


def attention_of(channels: int = 4, window: int = 50) -> ChannelAttention:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ChannelAttention(channels, 2, window).requires_grad_(False)


@settings(deadline=None, max_examples=25)
@given(scale=st.floats(0.01, 20), time=st.integers(1, 60), seed=st.integers(0, 99))
def test_the_gate_lies_between_0_and_1(scale: float, time: int, seed: int) -> None:
    x = scale * torch.randn(1, 4, time, generator=torch.Generator().manual_seed(seed)).abs().clamp(min=0.1)
    gate = attention_of()(x, torch.ones(1, time)) / x
    assert (gate >= 0).all() and (gate <= 1).all()


def test_a_short_utterance_is_pooled_whole() -> None:
    attention = attention_of(window=50)
    x = torch.randn(1, 4, 25, generator=torch.Generator().manual_seed(1))
    squeeze, _, excite = attention.gate
    mean = x[0].mean(1)
    hidden = torch.relu(squeeze.weight[:, :, 0] @ mean + squeeze.bias)
    gate = torch.sigmoid(excite.weight[:, :, 0] @ hidden + excite.bias)
    torch.testing.assert_close(attention(x, torch.ones(1, 25))[0], x[0] * gate[:, None])


def test_attention_ignores_padding() -> None:
    attention, x = attention_of(), torch.randn(1, 4, 40, generator=torch.Generator().manual_seed(1))
    mask = mask_of(torch.tensor([15]), 40)
    loud = torch.where(mask[:, None] > 0, x, 1e3)
    expected = attention(x[..., :15], mask[:, :15])
    torch.testing.assert_close(attention(loud, mask)[..., :15], expected)


def test_a_block_leaves_positions_past_the_end_at_zero() -> None:
    block = Block((4, 6), 5, 2, (2, 10), 0.0)
    mask = mask_of(torch.tensor([7, 20]), 20)
    out = block(torch.randn(2, 4, 20) * mask[:, None], mask)
    assert out.shape == (2, 6, 20) and (out >= 0).all()
    assert not out[0, :, 7:].any() and out[1].any()


@pytest.mark.parametrize("form", FORMS)
def test_dropout_acts_in_training_only(form: str) -> None:
    module = module_of(form, dropout=0.5)
    wave = noise(3000)
    assert torch.equal(alone(module, wave), alone(module, wave))
    module.train()
    assert not torch.equal(alone(module, wave), alone(module, wave))


def test_an_even_kernel_is_refused_with_a_reason() -> None:
    with pytest.raises(ValidationError, match="kernel = 6 has no middle; give an odd number"):
        ModuleSettings(kernel=6)


def test_each_option_shapes_the_module() -> None:
    assert isinstance(build(ModuleSettings()), StridedModule)
    assert isinstance(build(ModuleSettings(form="samples")), SampleModule)
    module = build(ModuleSettings(channels=16, kernel=3, dilations=(1, 3), reduction=4, attention_seconds=1.5))
    assert [block.convolution.dilation for block in module.blocks] == [(1,), (3,)]
    assert {block.convolution.kernel_size for block in module.blocks} == {(3,)}
    assert module.blocks[0].attention.gate[0].out_channels == 16 // 4
    assert module.blocks[0].attention.window == 1.5 * 16_000 / STRIDE


@pytest.mark.parametrize("dilations", [(1,) * 12, (2,)])
def test_every_dilation_becomes_a_block(dilations: tuple[int, ...]) -> None:
    assert len(build(ModuleSettings(channels=8, dilations=dilations)).blocks) == len(dilations)


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "literal"},
        {"channels": 4},
        {"kernel": 0},
        {"kernel": 4},  # an even kernel would shift or shorten the frames
        {"dilations": ()},
        {"dilations": (0,)},
        {"reduction": 0},
        {"attention_seconds": 0.0},
        {"dropout": 1.0},
        {"width": 3},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ModuleSettings(**wrong)
