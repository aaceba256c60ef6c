"""One suite over every registered protection: a new member is tested before its author writes a test."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aclipse.audio.functionals import size
from aclipse.audio.segments import FeatureSettings, segments
from aclipse.contracts import Clip, Protection, Release, Wave
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.registry import PROTECTIONS, load
from aclipse.training import checkpoint


def _cascade(kind: type) -> Protection:
    """A small cascade whose modules have random weights, so that it is far from the identity."""
    from aclipse.protections.cascade.modules import ModuleSettings
    from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings

    module = ModuleSettings(channels=8, dilations=(1,), attention_seconds=0.2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CascadeNetwork(NetworkSettings(module=module))
        for part in (network.so, network.er):
            nn.init.normal_(part.head.weight, std=0.3)
    return kind(network)


def _cloak(kind: type, form: Literal["universal", "adaptive"] = "universal") -> Protection:
    """A small cloak whose noise differs from element to element, half of them suppressed."""
    from aclipse.protections.cloak.noise import Noise, NoiseSettings

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        noise = Noise(NoiseSettings(form=form, segment=FEATURES.segment, bands=FEATURES.bands))
        nn.init.normal_(noise.rho)
        nn.init.normal_(noise.mu)
        noise.suppress(50)
    return kind(noise, FEATURES)


def _replacement(kind: type) -> Protection:
    """A small replacement autoencoder with random weights, on the functionals that need no extra."""
    from aclipse.protections.replacement.network import ReplacementNetwork
    from aclipse.protections.replacement.roles import Roles
    from aclipse.training.projection import ProjectionSettings, fit_projection

    rows = np.random.default_rng(0).standard_normal((2 * COMPONENTS, size("log-mel"))).astype(np.float32)
    clips = [Clip(str(number), Path("none"), speaker=str(number % 2)) for number in range(len(rows))]
    projection = fit_projection(rows, clips, ProjectionSettings(kind="log-mel", components=COMPONENTS))
    return kind(_drawn(lambda: ReplacementNetwork(COMPONENTS, 4)), projection, Roles())


def _label_only(kind: type) -> Protection:
    recognizer = checkpoint.freeze(_drawn(lambda: ClipClassifier(("calm", "loud"), width=8)))
    recognizer.head[1].weight.mul_(50)  # sure of itself, as a trained one is: its sounds are found in a few steps
    return kind(recognizer)


def _pgd(kind: type) -> Protection:
    return kind(checkpoint.freeze(_drawn(lambda: CharacterRecognizer(width=8))), snr_db=5.0, steps=2)


def _drawn(build: Callable[[], nn.Module]) -> nn.Module:
    """A recogniser with random weights, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


BUILD: dict[str, Callable[[type], Protection]] = {  # all others are built with their defaults
    "cascade": _cascade,
    "cloak": _cloak,
    "cloak-adaptive": lambda kind: _cloak(kind, "adaptive"),
    "replacement": _replacement,
    "label-only": _label_only,
    "pgd": _pgd,
}
COMPONENTS = 8  # of the replacement autoencoder's vectors
FEATURES = FeatureSettings(segment=20, train_hop=10, test_hop=15, bands=16)
WAVE = (0.1 * np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
SHORT = {"one sample": WAVE[:1], "400 samples": WAVE[:400], "silence": np.zeros(3000, np.float32), "nothing": WAVE[:0]}


def shape(protection: Protection, samples: int) -> tuple[int, ...]:
    """Of the release of so many samples."""
    if protection.releases is Release.WAVEFORM:
        return (samples,)
    if protection.name == "replacement":
        return (1, COMPONENTS)
    count = segments(FEATURES.analysis.frames(samples), FEATURES.segment, FEATURES.test_hop)
    return (count * FEATURES.segment, FEATURES.bands)


@pytest.fixture(scope="module", params=PROTECTIONS)
def protection(request: pytest.FixtureRequest) -> Protection:
    kind = load(PROTECTIONS, request.param)
    return BUILD.get(request.param, lambda kind: kind())(kind)


def test_it_says_its_name_and_what_it_releases(protection: Protection, request: pytest.FixtureRequest) -> None:
    assert protection.name == request.node.callspec.params["protection"]
    assert protection.releases in set(Release)


def test_the_same_seed_gives_the_same_release(protection: Protection) -> None:
    first = protection.release(WAVE, seed=5)
    protection.release(WAVE, seed=6)  # nothing is remembered between calls
    assert np.array_equal(protection.release(WAVE, seed=5), first)


def test_the_global_random_state_is_neither_read_nor_touched(protection: Protection) -> None:
    torch.manual_seed(1)
    first, expected = protection.release(WAVE), torch.rand(1)
    torch.manual_seed(1)
    torch.rand(1)
    assert np.array_equal(protection.release(WAVE), first)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), expected)


def test_the_input_is_untouched(protection: Protection) -> None:
    wave = WAVE.copy()
    wave.flags.writeable = False
    out = protection.release(wave)
    out += 1.0  # the release is the caller's own
    assert np.array_equal(wave, WAVE)


@settings(deadline=None, max_examples=10)
@given(samples=st.integers(1, 20_000))
def test_length_is_kept_and_numbers_are_finite_float32(protection: Protection, samples: int) -> None:
    out = protection.release(WAVE[:samples])
    assert out.shape == shape(protection, samples) and out.dtype == np.float32 and np.isfinite(out).all()


@pytest.mark.parametrize("case", SHORT)
def test_the_shortest_and_the_silent_work(protection: Protection, case: str) -> None:
    out = protection.release(SHORT[case])
    assert out.shape == shape(protection, len(SHORT[case])) and out.dtype == np.float32 and np.isfinite(out).all()


def test_silence_stays_silent(protection: Protection) -> None:
    if protection.releases is not Release.WAVEFORM:
        pytest.skip("features of silence are noised as any others")
    assert np.abs(protection.release(np.zeros(8000, np.float32))).max() <= 1e-4


@settings(deadline=None, max_examples=10)
@given(samples=st.integers(0, 20_000), places=st.lists(st.integers(0, 20_000), max_size=5))
def test_blocks_equal_the_whole(protection: Protection, samples: int, places: list[int]) -> None:
    wave = WAVE[:samples]
    blocks: list[Wave] = np.split(wave, sorted(place for place in places if place <= samples))
    found = list(protection.release_blocks(iter(blocks), seed=3))
    out = np.concatenate(found) if found else wave[:0]
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, protection.release(wave, seed=3), rtol=0, atol=1e-5)


def test_an_empty_stream_gives_what_an_empty_recording_does(protection: Protection) -> None:
    assert sum(len(block) for block in protection.release_blocks(iter([]))) == shape(protection, 0)[0]


def test_a_worker_process_gets_the_same(protection: Protection) -> None:
    sent = pickle.loads(pickle.dumps(protection))
    assert repr(sent) == repr(protection) and len(repr(protection)) < 2000  # it names a job that can be resumed
    assert np.array_equal(sent.release(WAVE, seed=4), protection.release(WAVE, seed=4))
