"""From words, a voice and a delivery to samples."""

from __future__ import annotations

import numpy as np
import soxr

from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.corpora.synthetic.espeak import Espeak
from aclipse.corpora.synthetic.script import Line

LEVEL, LEVEL_SPREAD = -27.0, 5.0  # dB re full scale, RMS: distance to the microphone, no clue to an emotion
ROOM = -66.0  # dB re full scale: no recording is digitally silent
PEAK = 0.95
SPAN_SHARES = (-0.75, 0.25)  # of the span below and above the mean, as espeak-ng's sentences use it
PIVOT = 500.0  # Hz, where the tilt leaves the level alone


def utter(espeak: Espeak, line: Line, rng: np.random.Generator) -> Wave:
    """Speak a line; ``(time,)`` at 16 kHz, its peak below 1."""
    voice, delivery = line.voice, line.delivery
    warp = voice.tract / 100
    rate = voice.rate * np.exp(delivery.rate) / warp
    raw = espeak.speak(line.text, _voice_file(espeak, line), round(rate), round(delivery.pause))
    speech = soxr.resample(raw, espeak.sample_rate * warp, SAMPLE_RATE)
    margins = rng.integers(800, 4000, 2)  # 50 to 250 ms
    speech = np.pad(_trim(speech), margins)
    speech = _tilt(speech, voice.tilt + delivery.tilt)
    return _master(_breathe(speech, delivery.breath, rng), delivery.loudness, rng)


def _voice_file(espeak: Espeak, line: Line) -> str:
    voice, delivery = line.voice, line.delivery
    mean = voice.pitch * 2 ** (delivery.pitch / 12) * 100 / voice.tract
    low, high = (max(40, round(mean * 2 ** (share * delivery.span / 12))) for share in SPAN_SHARES)
    formants = [f"formant {number} {percent} 100 100" for number, percent in enumerate(voice.formants, 1)]
    lines = [
        espeak.accent(voice.accent),
        f"pitch {low} {high}",
        "flutter 0",
        "roughness 0",
        f"intonation {voice.tunes}",
    ]
    return "\n".join([*lines, *formants, ""])


def _trim(speech: Wave) -> Wave:
    loud = np.flatnonzero(np.abs(speech) > 1e-3)
    return speech[loud[0] : loud[-1] + 1]


def _tilt(speech: Wave, slope: float) -> Wave:
    size = 1 << len(speech).bit_length()  # a power of two: transforms of prime length are slow
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(frequency, 100.0) / PIVOT)
    tilted = np.fft.irfft(np.fft.rfft(speech, size) * 10 ** (slope * octaves / 20), size)
    return tilted[: len(speech)].astype(np.float32)


def _breathe(speech: Wave, level: float, rng: np.random.Generator) -> Wave:
    power = np.cumsum(np.pad(speech.astype(np.float64) ** 2, (161, 160)))
    envelope = np.sqrt((power[320:-1] - power[:-321]) / 320)  # over 20 ms
    noise = np.diff(rng.standard_normal(len(speech) + 1))  # rises by 6 dB an octave, as breath does
    return (speech + 10 ** (level / 20) * envelope * noise).astype(np.float32)


def _master(speech: Wave, loudness: float, rng: np.random.Generator) -> Wave:
    level = LEVEL + loudness + rng.uniform(-LEVEL_SPREAD, LEVEL_SPREAD)
    room = 10 ** (ROOM / 20) * rng.standard_normal(len(speech))
    heard = speech * 10 ** (level / 20) / np.sqrt(np.mean(speech**2)) + room
    return (heard * min(1.0, PEAK / np.abs(heard).max())).astype(np.float32)
