"""The inverting attacker undoes what can be undone, goes on after a kill and repeats itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import interrupt

from aclipse.attackers import inversion
from aclipse.attackers.inversion import PIECE, distance, invert, log_mel_distance, train_inverter
from aclipse.audio.features import LogMel
from aclipse.contracts import SAMPLE_RATE, Clip, Wave
from aclipse.errors import CorpusError
from aclipse.models.inverter import Inverter
from aclipse.training.batches import Speech
from aclipse.training.loop import LoopSettings, Progress

SETTINGS = LoopSettings(epochs=3, batch_size=4, learning_rate=2e-3)


def sound(seed: int) -> Wave:
    """Noise in four bands that swell and fade, each at its own pace: half a second and a bit."""
    random = np.random.default_rng(seed)
    samples = int(random.integers(8000, 10_000))
    time, hertz = np.arange(samples) / SAMPLE_RATE, np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    wave = np.zeros(samples)
    for low in (0, 1000, 2000, 4000):
        spectrum = np.fft.rfft(random.standard_normal(samples)) * ((hertz >= low) & (hertz < 2 * low + 1000))
        swell = np.sin(np.pi * random.uniform(2, 5) * time + random.uniform(0, np.pi))
        wave += np.fft.irfft(spectrum, samples) * swell**2 / (1 + low / 1000)
    return (0.1 * wave).astype(np.float32)


def corpus(first: int, count: int) -> Speech:
    clips = [Clip(f"clip-{seed}", Path("x.wav")) for seed in range(first, first + count)]
    return Speech(clips, [sound(seed) for seed in range(first, first + count)])


ORIGINAL = corpus(0, 16), corpus(100, 6)


def filtered(wave: Wave, clip: Clip) -> Wave:
    """A fixed filter, inverted polarity, a gain of 0.3, 40 samples late."""
    return np.pad(np.convolve(wave, [-0.3, 0.24, -0.1, 0.03]), (40, 0))[: len(wave)].astype(np.float32)


def squeezed(wave: Wave, clip: Clip) -> Wave:
    """Loud samples far less loud, quiet ones louder: no fixed filter undoes it."""
    return (np.sign(wave) * np.abs(wave) ** 0.4).astype(np.float32)


def released(release: Callable[[Wave, Clip], Wave]) -> tuple[Speech, Speech]:
    return ORIGINAL[0].released(release), ORIGINAL[1].released(release)


def assert_same(one: tuple[Inverter, Progress], two: tuple[Inverter, Progress]) -> None:
    for name, tensor in one[0].state_dict().items():
        assert torch.equal(tensor, two[0].state_dict()[name]), name
    assert [row["loss"] for row in one[1].history] == [row["loss"] for row in two[1].history]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inverter, Progress]:
    """Three epochs without a break."""
    return train_inverter(released(filtered), ORIGINAL, SETTINGS, tmp_path_factory.mktemp("straight"), seed=1)


def test_a_mild_reversible_protection_is_undone(straight: tuple[Inverter, Progress]) -> None:
    network, progress = straight
    unseen = corpus(200, 6)
    protected = unseen.released(filtered)
    found = invert(network, protected)
    assert distance(found, unseen) < 0.3 * distance(protected, unseen)
    for index in range(len(unseen)):
        wanted = unseen.wave(index)[600:-600]  # what was shifted out of a recording does not come back
        error = found.wave(index)[600:-600] - wanted
        assert np.mean(error**2) < 0.1 * np.mean(wanted**2)  # polarity, level and time too, which log-mels do not show
    assert progress.best_score == max(row["validation"] for row in progress.history)
    assert progress.best_score == pytest.approx(-distance(invert(network, released(filtered)[1]), ORIGINAL[1]))


def test_what_depends_on_the_sound_is_learned(tmp_path: Path) -> None:
    protected = released(squeezed)
    settings = SETTINGS.model_copy(update={"epochs": 12})
    network, progress = train_inverter(protected, ORIGINAL, settings, tmp_path, seed=0)
    assert -progress.best_score < 0.7 * distance(protected[1], ORIGINAL[1])
    assert distance(invert(network, protected[1]), ORIGINAL[1]) == pytest.approx(-progress.best_score)


@pytest.mark.parametrize("call", [2, 7, 12])  # of 12 steps: in the first epoch, the second and at the very end
def test_a_killed_training_goes_on_to_the_same_weights(
    call: int, straight: tuple[Inverter, Progress], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        interrupt(patched, inversion, "_level_error", call)
        train_inverter(released(filtered), ORIGINAL, SETTINGS, tmp_path, seed=1)
    assert_same(train_inverter(released(filtered), ORIGINAL, SETTINGS, tmp_path, seed=1), straight)


def test_the_seed_decides(straight: tuple[Inverter, Progress], tmp_path: Path) -> None:
    other, _ = train_inverter(released(filtered), ORIGINAL, SETTINGS, tmp_path, seed=2)
    assert not torch.equal(other.stem.convolution.weight, straight[0].stem.convolution.weight)


def test_pairs_meet_by_id_whatever_the_order(straight: tuple[Inverter, Progress], tmp_path: Path) -> None:
    shuffled = [speech.subset(range(len(speech))[::-1]) for speech in ORIGINAL]
    again = train_inverter(released(filtered), (shuffled[0], shuffled[1]), SETTINGS, tmp_path, seed=1)
    assert_same(again, straight)


def prepared(release: Callable[[Wave, Clip], Wave]) -> Inverter:
    """The network before its first step."""
    train, validation = released(release)
    return inversion._prepared((train, ORIGINAL[0]), (validation, ORIGINAL[1]), seed=0)


def without_phase(wave: Wave, clip: Clip) -> Wave:
    """Every frequency as loud as before and at a random time."""
    spectrum, random = np.fft.rfft(wave), np.random.default_rng(len(wave))
    return np.fft.irfft(spectrum * np.exp(2j * np.pi * random.random(len(spectrum))), len(wave)).astype(np.float32)


def test_a_filter_that_does_not_help_is_left_out() -> None:
    impulse = Inverter(4).filter
    assert torch.equal(prepared(without_phase).filter, impulse)  # no filter knows where each frequency went
    assert not torch.equal(prepared(filtered).filter, impulse)


def test_a_filter_does_not_mute() -> None:
    def late(wave: Wave, clip: Clip) -> Wave:  # beyond the filter's reach: in least squares nothing is best
        return np.roll(wave, 4000)

    found = invert(prepared(late), released(late)[1])
    for index in range(len(found)):
        assert 0.5 < np.std(found.wave(index)) / np.std(ORIGINAL[1].wave(index)) < 2


@pytest.mark.parametrize("size", [1, 2, 16])
def test_an_inverted_recording_is_as_long_whatever_the_batch(size: int, straight: tuple[Inverter, Progress]) -> None:
    protected = released(filtered)[1]
    found, expected = invert(straight[0], protected, size), invert(straight[0], protected)
    assert found.clips == protected.clips
    for index in range(len(protected)):
        assert found.wave(index).dtype == np.float32 and found.wave(index).shape == protected.wave(index).shape
        np.testing.assert_allclose(found.wave(index), expected.wave(index), atol=1e-5)


def test_an_inverted_recording_stays_within_full_scale() -> None:
    loud = Speech([Clip("a", Path("x.wav"))], [np.full(1000, 1.5, np.float32)])
    assert invert(Inverter(4), loud).wave(0).max() == 1


def test_the_distance_is_the_mean_difference_of_log_mels_and_blind_to_level() -> None:
    one, two = ORIGINAL[1], released(squeezed)[1]
    mel = LogMel()
    expected = []
    for index in range(len(one)):
        length = torch.tensor([len(one.wave(index))])
        (a, _), (b, _) = (mel(torch.from_numpy(speech.wave(index))[None], length) for speech in (one, two))
        expected.append((a - b).abs().mean().item())
    assert distance(one, two) == pytest.approx(np.mean(expected), rel=1e-4) == pytest.approx(distance(two, one, 1))
    assert distance(one, one) == 0
    louder = one.released(lambda wave, clip: 3 * wave)
    assert distance(one, louder) < 1e-4


def test_the_distance_of_a_clip_does_not_depend_on_padding() -> None:
    waves, other = torch.randn(2, 3000), torch.randn(2, 3000)
    lengths = torch.tensor([3000, 1700])
    together = log_mel_distance(LogMel(), waves, other, lengths)
    alone = log_mel_distance(LogMel(), waves[1:, :1700], other[1:, :1700], lengths[1:])
    torch.testing.assert_close(together[1:], alone)


def test_pieces_are_the_same_of_both_and_new_each_time() -> None:
    long = Speech([Clip("a", Path("x.wav"))], [np.arange(3 * PIECE, dtype=np.float32)])
    random = np.random.default_rng(0)
    first, second = (inversion._pieces((long, long.released(lambda w, c: -w)), random) for _ in range(2))
    assert len(first[0].wave(0)) == PIECE
    np.testing.assert_array_equal(first[0].wave(0), -first[1].wave(0))
    assert first[0].wave(0)[0] != second[0].wave(0)[0]
    short = inversion._pieces((ORIGINAL[0], ORIGINAL[0]), random)[0]
    np.testing.assert_array_equal(short.wave(3), ORIGINAL[0].wave(3))


def test_pairs_that_do_not_match_are_refused(tmp_path: Path) -> None:
    protected = released(filtered)
    with pytest.raises(CorpusError, match=r"clip-0 has no original among 6 clips"):
        train_inverter(protected, (ORIGINAL[1], ORIGINAL[1]), SETTINGS, tmp_path, 0)
    cut = ORIGINAL[0].released(lambda wave, clip: wave[:-1])
    with pytest.raises(CorpusError, match=r"clip-0 has \d+ samples protected and \d+ in the original.*equally long"):
        train_inverter((cut, protected[1]), ORIGINAL, SETTINGS, tmp_path, 0)
