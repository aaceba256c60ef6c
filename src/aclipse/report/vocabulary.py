"""The words of an audit: secrets, metrics, levels of knowledge, subjects; and figures as text."""

from __future__ import annotations

import math
from typing import NamedTuple

REFERENCES = ("identity", "silence")  # the two ends of the scale: shown in every table, never ranked
BOUND = "label-only"  # keeps the guiding recogniser's verdict by construction, and nothing else
BASELINES = (  # what anyone can do without training
    *("low-pass", "white-noise", "speech-noise", "mp3", "mcadams", "shuffle", "source-only", "vocoded", BOUND),
    *("pgd", "pgd-10", "pgd-100"),
)
LEVELS = ("ignorant", "transferred", "purifying", "retrained", "purified", "scratch", "inverting")
AVERAGED, DRAWS = "-averaged", 10  # the mean of so many releases: an attack, no protection
CONTROL = "shuffled"  # trained on shuffled labels: must end at guessing
TRAINED = ("retrained", "purified", "scratch")  # who learned from labelled protected speech
UTILITY_LEVELS = {"ignorant": "guiding", "transferred": "independent"}


class Metric(NamedTuple):
    """How a figure is written and read."""

    name: str
    unit: str  # "%" for rates, which are stored in [0, 1]
    digits: int
    better: int  # what a protection wants: +1 high, -1 low, 0 neither
    meaning: str


METRICS = {
    "uar": Metric("UAR", "%", 1, +1, "emotions read right: the mean over emotions of the share of clips read right"),
    "accuracy": Metric("accuracy", "%", 1, +1, "emotions read right: the share of all clips"),
    "wer": Metric("WER", "%", 1, +1, "word errors (wrong, missing or invented) per word said; can exceed 100 %"),
    "cer": Metric("CER", "%", 1, +1, "the same, counted in characters"),
    "words_missed": Metric("missed", "%", 1, +1, "share of the words said that were not heard, whatever was invented"),
    "entity_recall": Metric("entities", "%", 1, -1, "share of names, numbers, places and medical words recovered"),
    "sentence_accuracy": Metric(
        "accuracy", "%", 1, -1, "how often the right sentence is picked from a list of known sentences"
    ),
    "sentence_bits": Metric("bits", "", 2, -1, "at least so many bits about which known sentence was said get through"),
    "sex_uar": Metric("UAR", "%", 1, -1, "sexes told right: the mean of both sexes’ shares; 50 % is guessing"),
    "sensitive_uar": Metric("UAR", "%", 1, -1, "sensitive emotions told right: the mean over classes"),
    "eer": Metric(
        "EER", "%", 1, +1, "speaker verification at the threshold where both kinds of error are equally frequent;"
        " 50 % is guessing"
    ),
    "tar_at_1far": Metric("TAR@1%", "%", 1, -1, "same speaker recognised while 1 % of strangers are taken for them"),
    "linkability": Metric("linkability", "", 2, -1, "how far scores of one voice and of two lie apart, from 0 to 1"),
    "snr_db": Metric(
        "SNR", "dB", 1, +1, "energy of the original over that of the change; 0 dB: equal; empty: no change"
    ),
    "si_sdr_db": Metric("SI-SDR", "dB", 1, +1, "the same, but blind to a change of loudness"),
    "stoi": Metric("STOI", "", 2, 0, "predicted intelligibility to people: 1 is as clear as the original"),
    "pesq": Metric("PESQ", "", 2, +1, "predicted sound quality to people, from about 1 (bad) to 4.6 (untouched)"),
    "level_db": Metric("level", "dB", 1, 0, "change of loudness: negative is quieter; −120 dB: nothing is left"),
    "seconds": Metric("time", "s", 3, 0, "computing time of the protection for one utterance"),
}  # fmt: skip


class Secret(NamedTuple):
    """What a listener may be after, and the figure that decides."""

    name: str
    metric: str
    thing: str  # in a sentence
    listener: str
    axis: str
    better: str  # which end is private


SECRETS = {
    secret.name: secret
    for secret in (
        Secret("words", "wer", "the words", "recogniser", "words wrong", "high = private"),
        Secret("sentence", "sentence_accuracy", "which known sentence was said", "sentence classifier",
               "sentences told", "low = private"),
        Secret("sex", "sex_uar", "the speaker’s sex", "sex classifier", "sexes told (UAR)", "low = private"),
        Secret("speaker", "eer", "who is speaking", "speaker verifier", "verification errors (EER)", "50 % = private"),
        Secret("sensitive", "sensitive_uar", "sensitive emotions", "classifier of sensitive emotions",
               "sensitive emotions told (UAR)", "low = private"),
        Secret("emotion", "uar", "emotion", "emotion recogniser", "emotions read (UAR)", "high = useful"),
    )
}  # fmt: skip
UTILITY = "emotion"

LISTENERS = {
    "ignorant": "trained on clean speech and left as it is: an attacker who does not know of the protection. A sex or"
    " emotion recogniser that guided the protection’s training is of this kind (“guiding”)",
    "transferred": "trained on clean speech too, but of another family than the recogniser that the protection was"
    " made against; for emotion it guided nobody (“independent”)",
    "purifying": "the ignorant one, behind the best of several cleaning steps (filters, codecs, denoising, shifts)",
    "retrained": "the ignorant one, trained on with protected speech and its transcripts or labels: an attacker who"
    " adapts",
    "purified": "retrained on protected speech after the best cleaning step",
    "scratch": "trained on labelled protected speech from random weights",
    "inverting": "the ignorant one, behind a network that learned to undo the protection from pairs",
    CONTROL: "a control: trained on labels that were shuffled, so it must end at guessing",
}


def metric_of(name: str) -> Metric:
    """How a metric is written; a recall is named after its label, an unknown metric after itself.

    >>> metric_of("recall:happy").name
    'happy'
    """
    if name.startswith("recall:"):
        label = name.removeprefix("recall:")
        return Metric(label, "%", 1, +1, f"share of {label} clips read as {label}")
    return METRICS.get(name, Metric(name, "", 3, 0, ""))


def titled(metric: str) -> str:
    """A metric and its unit.

    >>> titled("wer"), titled("stoi")
    ('WER %', 'STOI')
    """
    return f"{metric_of(metric).name} {metric_of(metric).unit}".strip()


def level_name(knowledge: str, role: str = "privacy") -> str:
    """A level of knowledge as written in headings; "none" is not worth a word.

    >>> level_name("ignorant"), level_name("ignorant", "utility"), level_name("none")
    ('ignorant', 'guiding', '')
    """
    named = UTILITY_LEVELS.get(knowledge, knowledge) if role == "utility" else knowledge
    return "" if knowledge == "none" else named


def level_rank(knowledge: str) -> int:
    """Where a level stands in every table; unknown ones come last."""
    return LEVELS.index(knowledge) if knowledge in LEVELS else len(LEVELS)


def subject_rank(name: str) -> int:
    """Where a subject stands in every table: clean speech, protections, baselines, silence."""
    order = ("identity", "", *BASELINES, "silence")
    return order.index(name) if name in order else 1


def format_value(metric: str, value: float | None) -> str:
    """A figure as text in its metric's unit and digits, without the unit; "" if there is none.

    >>> format_value("wer", 0.7142), format_value("snr_db", -3.04), format_value("stoi", None)
    ('71.4', '−3.0', '')
    """
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    kind = metric_of(metric)
    text = f"{value * 100 if kind.unit == '%' else value:.{kind.digits}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def format_interval(metric: str, low: float | None, high: float | None) -> str:
    """Both ends of an interval as text, or "" if one is missing.

    >>> format_interval("wer", 0.66, 0.76), format_interval("snr_db", -3.5, 1)
    ('66.0–76.0', '−3.5 to 1.0')
    """
    if low is None or high is None:
        return ""
    joint = " to " if low < 0 else "–"
    return joint.join((format_value(metric, low), format_value(metric, high)))
