"""The convolutions on samples: normalisation, lengths and padding against transformers, and computing once for two."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aclipse.audio.signal import pad_stack
from aclipse.models.frontend import FrontEnd, compute_once, norm_of_true_frames, zero_mean_unit_variance
from aclipse.models.standins import CONFIGURATIONS, GROUP_NORM, LAYER_NORM

transformers = pytest.importorskip("transformers")

SIZES: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 16,
    "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
FAMILIES = {**CONFIGURATIONS, "wavlm-base": ("WavLM", GROUP_NORM), "wavlm-large": ("WavLM", LAYER_NORM)}


def recording(samples: int, seed: int = 0) -> Tensor:
    """Noise that comes and goes, so that frames differ."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * torch.sin(torch.arange(samples) / (900 + 100 * seed))


def stock(family: str = "Wav2Vec2", norms: dict[str, Any] = GROUP_NORM) -> Any:
    """A tiny model of transformers with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{family}Model")(getattr(transformers, f"{family}Config")(**SIZES, **norms))


def adopted(model: Any, normalize: bool = True) -> FrontEnd:
    return FrontEnd(copy.deepcopy(model.feature_extractor.conv_layers), model.config, normalize).eval()


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Any:
    return stock(*FAMILIES[request.param]).eval()


# --- normalisation


@settings(deadline=None, max_examples=20)
@given(
    lengths=st.lists(st.integers(400, 9000), min_size=1, max_size=4),
    gain=st.sampled_from([0.01, 1.0, 30.0]),
    offset=st.sampled_from([0.0, 0.1]),
)
def test_each_recording_is_normalised_as_by_the_feature_extractor(
    lengths: list[int], gain: float, offset: float
) -> None:
    waves = [gain * (recording(length, seed) + offset) for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves)
    extractor = transformers.Wav2Vec2FeatureExtractor
    padded = nn.functional.pad(batch, (0, 50))
    expected = extractor.zero_mean_unit_var_norm(
        list(padded.double().numpy()), (torch.arange(padded.shape[1]) < counts[:, None]).long().numpy()
    )
    found = zero_mean_unit_variance(nn.functional.pad(batch, (0, 50), value=0.7), counts)
    for row, count, mine, its in zip(waves, counts, found, expected, strict=True):
        torch.testing.assert_close(mine, torch.from_numpy(its).float(), rtol=1e-5, atol=1e-5)
        assert not mine[count:].any()
        alone = zero_mean_unit_variance(row[None], None)[0]
        torch.testing.assert_close(alone, mine[:count], rtol=1e-5, atol=1e-5)


def test_an_ordinary_recording_is_normalised_to_a_millionth() -> None:
    wave = recording(16_000)
    its = transformers.Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm([wave.numpy()], None)[0]
    for lengths in (None, torch.tensor([16_000])):
        mine = zero_mean_unit_variance(wave[None], lengths)[0]
        torch.testing.assert_close(mine, torch.from_numpy(its), rtol=0, atol=1e-6)


def test_silence_stays_silent_and_has_a_gradient() -> None:
    for lengths in (None, torch.tensor([300])):
        wave = torch.zeros(1, 500, requires_grad=True)
        found = zero_mean_unit_variance(wave, lengths)
        found[0, 7].backward()
        assert not found.any() and torch.isfinite(wave.grad).all() and wave.grad.any()


# --- frames


def test_frames_are_those_of_the_stock_encoder(model: Any) -> None:
    front = adopted(model)
    wave, lengths = recording(16_000)[None], torch.tensor([16_000])
    its = model.feature_extractor(zero_mean_unit_variance(wave, None))
    torch.testing.assert_close(front(wave), its, rtol=1e-5, atol=1e-6)
    assert front.frames(lengths).tolist() == [its.shape[-1]]
    torch.testing.assert_close(
        adopted(model, normalize=False)(wave), model.feature_extractor(wave), rtol=1e-5, atol=1e-6
    )


def test_weights_keep_their_names(model: Any) -> None:
    mine, its = adopted(model).state_dict(), model.feature_extractor.state_dict()
    assert list(mine) == list(its) and all(torch.equal(mine[name], its[name]) for name in its)


@settings(deadline=None, max_examples=50)
@given(lengths=st.lists(st.integers(400, 500_000), min_size=1, max_size=5))
def test_frames_are_counted_as_by_transformers(lengths: list[int]) -> None:
    model = MODELS["counting"]
    counts = torch.tensor(lengths)
    assert torch.equal(adopted(model).frames(counts), model._get_feat_extract_output_lengths(counts))


@settings(deadline=None, max_examples=50)
@given(frames=st.integers(1, 2000))
def test_samples_are_the_fewest_that_give_so_many_frames(frames: int) -> None:
    front = adopted(MODELS["counting"])
    fewest = front.samples(frames)
    assert front.frames(torch.tensor([fewest, max(fewest - 1, 1)])).tolist() == [frames, max(frames - 1, 1)]
    assert front.samples(1) == 400


MODELS = {"counting": stock()}


# --- padding


@settings(deadline=None, max_examples=5)
@given(lengths=st.lists(st.integers(400, 9000), min_size=2, max_size=4), extra=st.integers(0, 2000))
@torch.no_grad()
@pytest.mark.parametrize("normalize", [True, False])
def test_true_frames_do_not_depend_on_padding(model: Any, normalize: bool, lengths: list[int], extra: int) -> None:
    front = adopted(model, normalize)
    waves = [recording(length, seed) for seed, length in enumerate(lengths)]
    batch, counts = pad_stack(waves)
    padded = nn.functional.pad(batch, (0, extra), value=3.0)
    front.lengths = counts
    singly, together = front.singly(padded), front.together(padded, counts)  # on a CPU, on other devices
    front.lengths = None
    assert singly.shape == together.shape
    for place, (wave, count) in enumerate(zip(waves, front.frames(counts), strict=True)):
        alone = front.together(wave[None], None)[0]
        for found in (singly[place, :, :count], together[place, :, :count], front(wave[None])[0]):
            torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)


def test_group_normalisation_of_true_frames_is_that_of_each_recording() -> None:
    norm = nn.GroupNorm(4, 4)
    nn.init.normal_(norm.weight)
    x = torch.randn(3, 4, 10)
    found = norm_of_true_frames(x, norm, torch.tensor([10, 3, 7]))
    for row, mine, count in zip(x, found, (10, 3, 7), strict=True):
        true = row[:, :count]
        centred = (true - true.mean(-1, keepdim=True)) / (true.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
        expected = centred * norm.weight[:, None] + norm.bias[:, None]
        torch.testing.assert_close(mine[:, :count], expected)
        assert not mine[:, count:].any()
    assert torch.equal(norm_of_true_frames(x, norm, None), norm(x))


def test_a_front_end_says_what_it_depends_on() -> None:
    assert "grouped=True, normalize=False" in str(adopted(stock(), normalize=False))


# --- computing once


@pytest.fixture
def shared() -> FrontEnd:
    front = adopted(stock())
    compute_once(front)
    return front


@pytest.fixture
def calls(shared: FrontEnd) -> list[int]:
    """One entry for each time that the convolutions run."""
    counted: list[int] = []
    shared.conv_layers[0].conv.register_forward_hook(lambda *_: counted.append(1))  # type: ignore[union-attr]
    return counted


WAVE = recording(2000)[None]


def test_the_second_call_with_a_batch_costs_nothing_and_the_third_is_a_new_one(
    shared: FrontEnd, calls: list[int]
) -> None:
    first, second = shared(WAVE), shared(WAVE)
    assert first is second and len(calls) == 1
    assert torch.equal(shared(WAVE), first) and len(calls) == 2


def test_mixing_in_keeps_weights_and_names(shared: FrontEnd) -> None:
    plain = adopted(stock())
    assert str(shared) == str(plain) and list(shared.state_dict()) == list(plain.state_dict())
    assert torch.equal(shared(WAVE), plain(WAVE))
    kind = type(shared)
    compute_once(shared)
    assert type(shared) is kind
    assert str(kind) == str(FrontEnd)  # transformers looks up by it what a model can record


def in_place(front: FrontEnd, wave: Tensor) -> Tensor:
    wave += 0.01 * torch.arange(wave.shape[1]).sin()
    return wave


def other_weights(front: FrontEnd, wave: Tensor) -> Tensor:
    optimizer = torch.optim.Adam(front.parameters(), lr=0.1)
    for parameter in front.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return wave


def other_lengths(front: FrontEnd, wave: Tensor) -> Tensor:
    front.lengths = torch.tensor([1200])
    return wave


def training(front: FrontEnd, wave: Tensor) -> Tensor:
    front.train()
    return wave


CHANGES: dict[str, Callable[[FrontEnd, Tensor], Tensor]] = {
    "another tensor of the same samples": lambda front, wave: wave.clone(),
    "samples changed in place": in_place,
    "a tensor that now wants a gradient": lambda front, wave: wave.requires_grad_(),
    "other weights": other_weights,
    "other lengths": other_lengths,
    "training mode": training,
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_all_is_computed_anew(shared: FrontEnd, calls: list[int], change: str) -> None:
    wave = WAVE.clone()
    shared(wave)
    wave = CHANGES[change](shared, wave)
    found = shared(wave)
    assert len(calls) == 2
    fresh = copy.deepcopy(shared)
    torch.testing.assert_close(found, fresh(wave), rtol=0, atol=0)


def test_other_modes_are_other_results(shared: FrontEnd, calls: list[int]) -> None:
    wave = WAVE.clone().requires_grad_()
    with torch.no_grad():
        assert not shared(wave).requires_grad
    assert shared(wave).requires_grad and len(calls) == 2
    with torch.autocast("cpu", torch.bfloat16):
        assert shared(wave).dtype == torch.bfloat16 and len(calls) == 3


def test_more_is_not_found_in_less() -> None:
    """Classifiers of transformers ask their encoder for all hidden states too."""
    encoder: Any = stock().eval()
    encoder.feature_extractor = adopted(encoder)
    compute_once(encoder)
    assert encoder(WAVE).hidden_states is None
    every = encoder(WAVE, output_hidden_states=True)
    assert len(every.hidden_states) == 2
    assert encoder(WAVE) is every


def test_a_backward_pass_ends_the_memory(shared: FrontEnd, calls: list[int]) -> None:
    """The graph is used up by then: a second pass through it would be an error."""
    wave = WAVE.clone().requires_grad_()
    shared(wave).sum().backward()
    shared(wave).sum().backward()
    assert len(calls) == 2


def test_a_copy_remembers_nothing_and_computes_the_same(shared: FrontEnd, calls: list[int]) -> None:
    wave = WAVE.clone().requires_grad_()
    found = shared(wave)
    twin = copy.deepcopy(shared)
    with torch.no_grad():
        twin.conv_layers[0].conv.weight.zero_()  # type: ignore[union-attr, operator]
    assert shared(wave) is found and len(calls) == 1
    assert not torch.equal(twin(wave), found)
