"""The words that differ between sound and features, which are what may leave a device; and what each subject is."""

from __future__ import annotations

from dataclasses import dataclass, field

from aclipse.report.folder import RunFolder
from aclipse.report.vocabulary import AVERAGED, DRAWS, LISTENERS, METRICS, REFERENCES, metric_of

SUBJECTS = {
    "identity": "speech as it was recorded: what listeners make of it is the mark to compare with",
    "cascade": "the trained protection: one module obscures the words, a second wins emotion back",
    "low-pass": "everything above a cut-off frequency removed",
    "white-noise": "white noise added, as strong as the protection’s change",
    "speech-noise": "noise with the average spectrum of speech added, as strong as the protection’s change",
    "mp3": "MP3 at 8 kbit/s and back",
    "mcadams": "the McAdams coefficient: formants moved, as in voice anonymisation",
    "shuffle": "short pieces of sound in random order",
    "source-only": "pitch and energy kept, the spectral envelope averaged away",
    "label-only": "one fixed sound per emotion that a recogniser on the device found: an upper bound for the guiding"
    " recogniser, useless to any other judge",
    "pgd": "an adversarial change searched for each recording against the ignorant recogniser",
    "pgd-10": "the same change searched in 10 steps",
    "pgd-100": "the same change searched in 100 steps",
    "silence": "an empty recording: hides everything, keeps nothing",
    "cloak-sound": "another run’s protection: the noised features of Cloak, normalised by each speaker’s own"
    " scale, which its device keeps, and made to sound by that of the training speakers",
    "cloak-adaptive-sound": "the same, of Cloak with noise that depends on the segment",
}
_OF_FEATURES = {
    "identity": "features of speech as it was recorded: what listeners make of them is the mark to compare with",
    "cloak": "the trained protection: learned noise on normalised log-mel features, some of which it removes",
    "cloak-adaptive": "the trained protection: learned noise on normalised log-mel features, its size"
    " dependent on the segment",
    f"cloak{AVERAGED}": f"no protection but an attack on Cloak: the mean of {DRAWS} releases of each utterance, and of"
    " it the shift taken away that whoever has the device knows",
    f"cloak-adaptive{AVERAGED}": f"no protection but an attack on it: the mean of {DRAWS} releases of each utterance,"
    " and of it the shift taken away that whoever has the device knows",
    "cascade": "another run’s protection: features of the sound that the cascade would release",
    "low-pass": "features of sound with everything above a cut-off frequency removed",
    "white-noise": "white noise added to the features, as strong as the protection’s change",
    "silence": "features that are all zero: hide everything, keep nothing",
}


@dataclass(frozen=True)
class Medium:
    """How a report speaks of what leaves the device."""

    meant: str  # what the protection is meant to do
    nothing_left: str  # the headline of a protection that leaves nothing
    nearly_nothing: str  # the same as a remark; {change}
    loud: str  # a change stronger than the speech; {snr}
    written: str  # where a guided protection may write the class
    quality: str  # title of the section on quality
    against: str  # caption of its table
    cost: str  # what the page shows of it
    limit: str  # of what "hidden" says
    unmeasured: str  # secrets that nobody was after; {}
    measured: str  # the change on a terminal; {}
    listening: str  # how to listen and to look
    seen: str  # what the picture of a clip shows
    played: str  # what listeners got
    heard: str  # heading of the words that they made of it
    voices: dict[str, str]  # how a player is named → whose clips it plays; the protection's is named ""
    groups: dict[str, str] = field(default_factory=dict)  # headings of columns that are called otherwise
    subjects: dict[str, str] = field(default_factory=dict)
    listeners: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)

    def subject(self, name: str) -> str:
        """What a row of the tables is; "" for a stranger."""
        return self.subjects.get(name, "")

    def listener(self, level: str) -> str:
        """Who listens at a level of knowledge."""
        return self.listeners.get(level, LISTENERS[level])

    def meaning(self, metric: str) -> str:
        """What a figure says."""
        return self.metrics.get(metric, METRICS[metric].meaning if metric in METRICS else metric_of(metric).meaning)


SOUND = Medium(
    meant="A recording tells two things at once: what was said and how the speaker felt. {protection} is meant to"
    " change the sound so that the feeling can still be read but the words cannot.",
    nothing_left="The protected audio is all but silent: it hides everything because hardly anything is left.",
    nearly_nothing="The protected audio is nearly silent{change}. High error rates come from that, not from the"
    " method.",
    loud="The change is stronger than the speech itself (SNR {snr} dB): expect it to sound heavily distorted, and"
    " compare it with white noise of the same strength.",
    written="into the sound",
    quality="Sound quality and cost",
    against="Protected audio against the original",
    cost="what it cost in sound",
    limit="“Hidden” means hidden from the listeners tried here. A larger recogniser, longer training or a person may"
    " hear more.",
    unmeasured="Not measured here: {}. Assume that they remain audible.",
    measured="SNR {} dB",
    listening="A few test clips. Underlined: heard wrong, or never said; […]: missed. In the pictures, time runs to the"
    " right and pitch upwards; bright is loud. Both pictures of a clip share one scale.",
    seen="Spectrograms of this clip before and after protection, one above the other.",
    played="played",
    heard="words heard",
    voices={"original": "original", "protected": ""},
    subjects=SUBJECTS,
)
FEATURES = Medium(
    meant="A recording tells how the speaker felt, and what was said and by whom. {protection} lets no sound leave the"
    " device, only features of it, with noise that is meant to leave the feeling readable and to hide {secrets}.",
    nothing_left="The released features are all but empty: they hide everything because hardly anything is left.",
    nearly_nothing="The released features are nearly empty{change}. High error rates come from that, not from the"
    " method.",
    loud="The change is stronger than the features themselves (SNR {snr} dB, in the space of normalised features):"
    " compare it with white noise of the same strength.",
    written="into the features",
    quality="How far features are moved, and the cost",
    against="Released features against those of the original",
    groups={"quality": "Change and cost"},
    cost="how far it moved the features",
    limit="“Hidden” means hidden from the readers of features tried here. A larger one, longer training, or somebody"
    " who makes the features sound may learn more.",
    unmeasured="Not measured here: {}. Assume that they can still be read.",
    measured="SNR of features {} dB",
    listening="A few test clips. No sound leaves the device, so what is played of the features was made here: turned"
    " back into sound by an approximation. Where normalisation took away a scale that stays on the device, that of the"
    " training speakers stands in for it, so that all voices come near one; and some of the roughness comes from the"
    " way back, as the original’s own features let you hear. The tables show what readers of the features got, not what"
    " can be heard here; underlined: read wrong, or never said; […]: missed. In the pictures, normalised log-mel"
    " features as they leave the device: time runs to the right, frequency upwards; both pictures of a clip share one"
    " colour scale.",
    seen="Normalised log-mel features of this clip, original above and as released below.",
    played="features",
    heard="words read",
    voices={
        "the recording": "original",
        "its features, made to sound": "identity",
        "released features, made to sound": "",
    },
    subjects={**{name: text for name, text in SUBJECTS.items() if name in REFERENCES}, **_OF_FEATURES},
    listeners={
        "ignorant": "trained on features of clean speech and left as it is: an attacker who does not know of the"
        " protection. The emotion recogniser that steered the noise is of this kind (“guiding”); of the adversaries"
        " that the noise was trained against none is among the listeners",
        "transferred": "trained on features of clean speech too, but of another architecture; for emotion it guided"
        " nobody (“independent”)",
        "purifying": "the ignorant one, behind the best of several cleaning steps of features (the mean where segments"
        " overlap, median and moving average over neighbouring frames and bands; of Cloak also “undone”, which knows"
        " the device and takes away what its noise adds to every segment alike)",
        "retrained": "the ignorant one, trained on with released features and their transcripts or labels: an attacker"
        " who adapts",
        "purified": "retrained on released features after the best cleaning step",
        "scratch": "trained on released features with labels, from random weights",
    },
    metrics={
        "snr_db": "in the space of normalised features: energy of the original features over that of their change;"
        " 0 dB: equal; empty: no change. It compares with no SNR of sound",
        "level_db": "change of the features’ root mean square; −120 dB: nothing is left. It is no loudness",
        "seconds": "computing time for one utterance, from its sound to the features that leave the device",
    },
)


def medium_of(run: RunFolder) -> Medium:
    """How a report on this run speaks."""
    return FEATURES if releases_features(run) else SOUND


def releases_features(run: RunFolder) -> bool:
    """Whether features leave the device, and no sound."""
    return bool(run.about.get("recipe", {}).get("release") == "features")
