"""Cloak as sound: what its features tell those who can only listen, and what the way through features alone costs."""

from __future__ import annotations

from collections.abc import Iterable

from aclipse.audio.segments import FeatureSettings, Scale, join, log_mel
from aclipse.audio.vocoder import mel_to_wave
from aclipse.contracts import Features, Wave
from aclipse.protections.baselines.base import Baseline
from aclipse.protections.cloak.method import Cloak


def sound_of(pieces: Features, settings: FeatureSettings, scale: Scale, samples: int, seed: int = 0) -> Wave:
    """A recording of so many samples from the segments that were released of it, ``(count · segment, bands)``.

    >>> import numpy as np
    >>> from aclipse.audio.segments import scale_of
    >>> released = np.zeros((200, 128), np.float32)
    >>> sound_of(released, FeatureSettings(), scale_of(released), samples=16000).shape
    (16000,)
    """
    joined = join(pieces, settings.segment, settings.test_hop)  # the mean of two draws of noise where segments overlap
    mel = scale.undo(joined[: settings.analysis.frames(samples)])  # what is past the end was padding
    return mel_to_wave(mel, settings, samples, seed)


class CloakSound(Baseline):
    """The features that `Cloak` releases, made to sound, so that words and voices in them can be listened for.

    What normalisation took away is the device's secret: listeners put the scale of the training corpus in its place, or
    where a cloak knows none, get the recording's own. The same seed draws the noise that `Cloak` draws.
    """

    name = "cloak-sound"

    def __init__(self, cloak: Cloak) -> None:
        self.cloak = cloak

    def release(self, wave: Wave, seed: int = 0, scale: Scale | None = None) -> Wave:
        """Protect one recording, ``(time,) -> (time,)``; ``scale`` is what normalises it, if it is known."""
        if not len(wave):
            return wave.copy()
        settings, released = self.cloak.features, self.cloak.release(wave, seed, scale)
        seen = self.cloak.corpus or scale or self.cloak.scale_for(log_mel(wave, settings))
        return sound_of(released, settings, seen, len(wave), seed)

    def enrolled(self, recordings: Iterable[Wave]) -> CloakSound:
        """The same on the device of a speaker who has made these recordings."""
        return CloakSound(self.cloak.enrolled(recordings))


class Vocoded(Baseline):
    """To features and back to sound without any noise: whatever it hides, no noise has hidden.

    >>> import numpy as np
    >>> Vocoded().release(np.zeros(100, np.float32)).shape
    (100,)
    """

    name = "vocoded"

    def __init__(self, settings: FeatureSettings | None = None) -> None:
        self.settings = settings or FeatureSettings()

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        return mel_to_wave(log_mel(wave, self.settings), self.settings, len(wave), seed)
