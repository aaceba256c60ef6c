"""How an emotion is spoken: published rules as numbers, with enough spread that the emotions overlap.

Against neutral speech, anger is faster, higher, wider in pitch, louder and brighter (flat spectrum, tense voice);
happiness is faster, much higher, widest in pitch, somewhat louder and brighter; sadness is slower, lower, narrow,
soft, dull and breathy, with more pauses. These directions are those of

- Murray & Arnott, JASA 93(2), 1993 (a review); Speech Communication 16, 1995 (rules for a formant synthesiser),
- Burkhardt & Sendlmeier, ISCA Workshop on Speech and Emotion, 2000 (formant synthesis judged by listeners),
- Juslin & Laukka, Psychological Bulletin 129(5), 2003 (a review of 104 studies of vocal expression),
- Banse & Scherer, JPSP 70(3), 1996 (spectral energy of hot anger and of sadness);

the sizes are ours, set so that a listener who knew these rules and the speaker would be right in about 97 of 100.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EMOTIONS = ("neutral", "happy", "sad", "angry")
CUES = ("rate", "pitch", "span", "tilt", "loudness", "breath", "pause")

CENTRES = {  # one row an emotion, one column a cue
    "neutral": (0.00, 0.0, 9.0, 0.0, 0.0, -30.0, 0.5),
    "happy": (0.12, 7.0, 15.0, 1.5, 2.0, -27.0, 0.3),
    "sad": (-0.17, -2.0, 5.5, -1.9, -3.0, -22.0, 2.5),
    "angry": (0.17, 4.5, 13.0, 3.7, 4.0, -32.0, 0.0),
}
SPREAD = (0.065, 1.8, 2.0, 0.75, 2.0, 3.0, 1.0)  # standard deviation of each cue, whatever the emotion
HABIT = 0.3  # of the variance is a speaker's way with an emotion, the rest changes with each utterance


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken, against the speaker's neutral voice.

    ``rate`` in natural-log units, ``pitch`` in semitones, ``span`` of the pitch in semitones, spectral ``tilt`` in dB
    an octave, ``loudness`` in dB, ``breath`` noise in dB against the voice, ``pause`` between words in 10 ms.
    """

    rate: float
    pitch: float
    span: float
    tilt: float
    loudness: float
    breath: float
    pause: float


def deliver(emotion: str, habit: np.random.Generator, rng: np.random.Generator) -> Delivery:
    """Draw a delivery: the emotion's centre, the speaker's habit and chance.

    ``habit`` is opened afresh for each utterance from the speaker and the emotion, so that it always draws the same.
    """
    spread = np.array(SPREAD)
    own = HABIT**0.5 * spread * habit.standard_normal(len(CUES))
    now = (1 - HABIT) ** 0.5 * spread * rng.standard_normal(len(CUES))
    drawn = dict(zip(CUES, (CENTRES[emotion] + own + now).tolist(), strict=True))
    drawn["span"], drawn["pause"] = max(drawn["span"], 1.0), max(drawn["pause"], 0.0)
    return Delivery(**drawn)
