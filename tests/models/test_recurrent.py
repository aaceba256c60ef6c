"""Recurrent recognisers: the contract of the compact ones, the auditory front end, LSTMs against packed ones."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aclipse.audio.signal import pad_stack
from aclipse.errors import CorpusError
from aclipse.models import text
from aclipse.models.recurrent import (
    FFT,
    SPAN,
    STRIDE,
    Cochleagram,
    RecurrentClassifier,
    RecurrentRecognizer,
    TwoWay,
    gammatone_filters,
    reverse,
    stack_frames,
)
from aclipse.training.checkpoint import freeze, load_module, save_module

LABELS = ("angry", "happy", "sad")


def recording(samples: int, seed: int = 0) -> Tensor:
    """Noise that comes and goes, so that frames differ."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * torch.sin(torch.arange(samples) / (900 + 100 * seed))


def seeded(build: type[nn.Module], *arguments: object, **options: object) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return build(*arguments, **options).eval()


def build(kind: type[nn.Module]) -> nn.Module:
    labels = (LABELS,) if kind is RecurrentClassifier else ()
    return seeded(kind, *labels, width=12)


@pytest.fixture(scope="module", params=[RecurrentClassifier, RecurrentRecognizer], ids=lambda kind: kind.__name__)
def recognizer(request: pytest.FixtureRequest) -> nn.Module:
    return build(request.param)


def targets(recognizer: nn.Module, count: int) -> list[str]:
    known = LABELS if isinstance(recognizer, RecurrentClassifier) else ("noon", "well well", "")
    return [known[i % len(known)] for i in range(count)]


def scores(recognizer: nn.Module, waves: Tensor, lengths: Tensor) -> list[Tensor]:
    """Each recording's own scores, free of padding."""
    out = recognizer(waves, lengths)
    return list(out) if isinstance(out, Tensor) else [row[:count] for row, count in zip(*out, strict=True)]


# --- the contract


@settings(deadline=None, max_examples=10)
@given(
    lengths=st.lists(st.integers(400, 24_000), min_size=2, max_size=5),
    extra=st.integers(0, 4000),
    order_seed=st.integers(0, 99),
)
@torch.no_grad()
def test_scores_are_free_of_batch_order_and_padding(
    recognizer: nn.Module, lengths: list[int], extra: int, order_seed: int
) -> None:
    waves = [recording(length, seed) for seed, length in enumerate(lengths)]
    order = torch.randperm(len(waves), generator=torch.Generator().manual_seed(order_seed)).tolist()
    batch, counts = pad_stack([waves[i] for i in order])
    batch = nn.functional.pad(batch, (0, extra), value=0.5)
    together, read = scores(recognizer, batch, counts), recognizer.read(batch, counts)
    goals = targets(recognizer, len(waves))
    losses = recognizer.loss(batch, counts, goals)
    for row, index in enumerate(order):
        alone = (waves[index][None], counts[row : row + 1])
        torch.testing.assert_close(together[row], scores(recognizer, *alone)[0], rtol=0, atol=1e-5)
        assert recognizer.read(*alone) == [read[row]]
        torch.testing.assert_close(losses[row], recognizer.loss(*alone, goals[row : row + 1])[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.01, 0.3, 50.0, -1.0])
def test_gain_and_polarity_do_not_matter(recognizer: nn.Module, gain: float) -> None:
    wave, length = recording(16_000)[None], torch.tensor([16_000])
    quiet, loud = scores(recognizer, wave, length)[0], scores(recognizer, gain * wave, length)[0]
    torch.testing.assert_close(loud, quiet, rtol=0, atol=1e-3)
    assert recognizer.read(gain * wave, length) == recognizer.read(wave, length)


def test_gradients_reach_the_waveform_and_no_frozen_weight(recognizer: nn.Module) -> None:
    freeze(recognizer)
    wave = recording(8000)[None].requires_grad_()
    recognizer.loss(wave, torch.tensor([6000]), targets(recognizer, 1)).sum().backward()
    assert torch.isfinite(wave.grad).all() and not wave.grad[0, 6000:].any()
    assert (wave.grad[0, :6000] != 0).float().mean() > 0.95
    assert all(parameter.grad is None for parameter in recognizer.parameters())


@pytest.mark.parametrize("samples", [1, 399, 400, 401])
def test_the_shortest_and_the_silent_are_read(recognizer: nn.Module, samples: int) -> None:
    for wave in (torch.zeros(1, samples), recording(samples)[None]):
        wave, length = wave.requires_grad_(), torch.tensor([samples])
        assert torch.isfinite(scores(recognizer, wave, length)[0]).all()
        assert len(recognizer.read(wave, length)) == 1
        recognizer.loss(wave, length, targets(recognizer, 1)).sum().backward()
        assert torch.isfinite(wave.grad).all()


@torch.no_grad()
def test_settings_rebuild_the_same_network(recognizer: nn.Module, tmp_path) -> None:
    save_module(tmp_path / "model.safetensors", recognizer, seed=3)
    again, facts = load_module(tmp_path / "model.safetensors", type(recognizer))
    wave, length = recording(9000)[None], torch.tensor([9000])
    assert facts["seed"] == 3 and again.settings == recognizer.settings and not again.training
    assert torch.equal(scores(again, wave, length)[0], scores(recognizer, wave, length)[0])


@torch.no_grad()
def test_the_classifiers_loss_is_cross_entropy() -> None:
    classifier = build(RecurrentClassifier)
    waves, lengths = pad_stack([recording(5000, 1), recording(9000, 2)])
    logits = classifier(waves, lengths)
    expected = [-(row - row.logsumexp(0))[index] for row, index in zip(logits, (2, 0), strict=True)]
    torch.testing.assert_close(classifier.loss(waves, lengths, ["sad", "angry"]), torch.stack(expected))
    assert classifier.read(waves, lengths) == [LABELS[row.argmax()] for row in logits]


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(
        CorpusError, match=r"\['bored'\] are not among \['angry', 'happy', 'sad'\]\. Leave those clips out"
    ):
        build(RecurrentClassifier).loss(torch.zeros(2, 400), torch.tensor([400, 400]), ["sad", "bored"])


@torch.no_grad()
def test_the_character_loss_is_ctc_summed_over_characters() -> None:
    recognizer = build(RecurrentRecognizer)
    waves, lengths = pad_stack([recording(16_000, 1), recording(9_000, 2)])
    log_probs, frames = recognizer(waves, lengths)
    assert frames.tolist() == [52, 30]  # two of 20 ms for each begun 40 ms
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(log_probs.shape[:2]))
    said = ["Well, well!", "it's noon"]
    losses = recognizer.loss(waves, lengths, said)
    for row, sentence in enumerate(said):
        goal, count = text.encode([sentence])
        ctc = nn.CTCLoss(blank=text.BLANK, reduction="sum")
        torch.testing.assert_close(losses[row], ctc(log_probs[row, : frames[row]], goal, frames[row], count[0]))
    assert recognizer.read(waves, lengths) == text.greedy_decode(log_probs, frames)


def test_a_transcript_too_long_for_its_frames_costs_nothing() -> None:
    recognizer = build(RecurrentRecognizer)
    waves, lengths = pad_stack([recording(800), recording(16_000)])
    losses = recognizer.loss(waves, lengths, ["far too long for fifty milliseconds", "noon"])
    assert losses[0].item() == 0.0 and losses[1].item() > 0


def tones(*frequencies: float) -> Tensor:
    """0.25 s of each frequency."""
    time = torch.arange(4000) / 16_000
    return torch.cat([torch.sin(2 * math.pi * f * time) for f in frequencies])


def learn(recognizer: nn.Module, goals: list[str], waves: list[Tensor], steps: int) -> list[str]:
    batch, lengths = pad_stack(waves)
    optimizer = torch.optim.Adam(recognizer.parameters(), lr=1e-2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(steps):
            optimizer.zero_grad()
            recognizer.train().loss(batch, lengths, goals).mean().backward()
            optimizer.step()
    with torch.no_grad():
        return recognizer.eval().read(batch, lengths)


def test_the_classifier_learns_four_tones() -> None:
    goals = ["sad", "happy", "sad", "happy"]
    waves = [tones(300), tones(1500), tones(350), tones(1700)]
    assert learn(build(RecurrentClassifier), goals, waves, 20) == goals


def test_the_recognizer_learns_the_order_of_tones() -> None:
    goals = ["ab", "ba"]
    recognizer = seeded(RecurrentRecognizer, width=24, layers=1, dropout=0.0)
    assert learn(recognizer, goals, [tones(300, 300, 1500, 1500), tones(1500, 1500, 300, 300)], 60) == goals


# --- the parts


@pytest.mark.parametrize("bands", [24, 40, 64])
def test_gammatone_filters_peak_in_order_and_weigh_one(bands: int) -> None:
    filters = gammatone_filters(bands)
    assert filters.shape == (FFT // 2 + 1, bands) and (filters >= 0).all()
    torch.testing.assert_close(filters.sum(0), torch.ones(bands))
    peaks = filters.argmax(0)
    assert (peaks.diff() >= 0).all() and peaks[0] * 16_000 / FFT < 130 and peaks[-1] * 16_000 / FFT > 6900


def test_a_gammatone_filter_is_three_decibels_down_at_half_its_bandwidth() -> None:
    # 4 kHz has an ERB of 24.7 (1 + 0.00437 · 4000) = 456.5 Hz (Glasberg & Moore 1990); a fourth-order gammatone of
    # b = 1.019 ERB is 3 dB wide over 2 b sqrt(2 ** (1 / 4) - 1) = 0.887 ERB = 405 Hz: 13 bins of 31.25 Hz.
    gains = gammatone_filters(400)
    at_4_khz = gains[:, gains.argmax(0) == round(4000 / 31.25)][:, 0]
    assert int((at_4_khz >= at_4_khz.max() / 2).sum()) == pytest.approx(405 / 31.25, abs=1.1)


@pytest.mark.parametrize("frequency", [200.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_the_band_that_is_tuned_to_it(frequency: float) -> None:
    time = torch.arange(16_000) / 16_000
    _, colour, _ = Cochleagram(40)(torch.sin(2 * math.pi * frequency * time)[None], torch.tensor([16_000]))
    loudest = colour[0, :40].argmax()
    peak = gammatone_filters(40)[:, loudest].argmax() * 16_000 / FFT
    assert peak == pytest.approx(frequency, rel=0.15)


@torch.no_grad()
def test_bands_have_zero_mean_and_unit_variance_over_true_frames() -> None:
    waves, lengths = pad_stack([recording(16_000, 1), recording(9_000, 2)])
    features, colour, frames = Cochleagram(40)(waves, lengths)
    assert features.shape == (2, 40, 101) and colour.shape == (2, 80) and frames.tolist() == [101, 57]
    assert not features[1, :, 57:].any()
    for row, count in zip(features, frames, strict=True):
        torch.testing.assert_close(row[:, :count].mean(1), torch.zeros(40), rtol=0, atol=1e-4)
        assert (row[:, :count].var(1) > 0.8).all() and (row[:, :count].var(1) < 1.03).all()
    torch.testing.assert_close(colour[:, :40].mean(1), torch.zeros(2), rtol=0, atol=1e-5)


@given(count=st.integers(1, 40), padding=st.integers(0, 9))
def test_stacked_frames_are_those_around_each_step(count: int, padding: int) -> None:
    x = torch.zeros(1, 2, count + padding)
    x[..., :count] = 1 + torch.arange(2 * count).reshape(1, 2, count)
    stacked, steps = stack_frames(x, torch.tensor([count]))
    assert steps.item() == math.ceil(count / STRIDE) <= stacked.shape[1]
    for step in range(steps.item()):
        wanted = [
            [x[0, band, place] if 0 <= place < count else 0.0 for place in range(step * STRIDE - 2, step * STRIDE + 6)]
            for band in range(2)
        ]
        assert len(wanted[0]) == SPAN
        assert torch.equal(stacked[0, step].reshape(2, SPAN), torch.tensor(wanted))


@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_turning_around_twice_changes_nothing(counts: list[int]) -> None:
    steps = torch.tensor(counts)
    x = torch.randn(len(counts), 12, 3)
    turned = reverse(x, steps)
    for row, count in enumerate(counts):
        assert torch.equal(turned[row, :count], x[row, :count].flip(0)) and torch.equal(
            turned[row, count:], x[row, count:]
        )
    assert torch.equal(reverse(turned, steps), x)


@torch.no_grad()
def test_two_way_is_a_packed_bidirectional_lstm() -> None:
    layer = seeded(TwoWay, 5, 0.3)
    packed = nn.LSTM(10, 5, batch_first=True, bidirectional=True)
    for one_way, suffix in ((layer.ahead, ""), (layer.back, "_reverse")):
        for name, weight in one_way.named_parameters():
            getattr(packed, name + suffix).copy_(weight)
    x, steps = torch.randn(3, 7, 10), torch.tensor([7, 3, 1])
    entering = pack_padded_sequence(layer.norm(x), steps, batch_first=True)
    expected, _ = pad_packed_sequence(packed(entering)[0], batch_first=True)
    found = layer(x, steps) - x
    for row, count in enumerate(steps):
        torch.testing.assert_close(found[row, :count], expected[row, :count], rtol=0, atol=1e-5)


@torch.no_grad()
def test_lstms_stay_where_cudnn_gives_gradients_and_read_the_same() -> None:
    layer = freeze(build(RecurrentRecognizer)).layers[0]
    assert layer.ahead.training and layer.back.training and not layer.training and not layer.dropout.training
    x, steps = torch.randn(2, 6, 24), torch.tensor([6, 4])
    found = layer(x, steps)
    layer.ahead.eval(), layer.back.eval()
    assert torch.equal(layer(x, steps), found)
