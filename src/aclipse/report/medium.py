"""The words that differ by what may leave a device: sound, features, one vector of a recording, or updates."""

from __future__ import annotations

from aclipse.report.folder import RunFolder
from aclipse.report.medium_base import OF_UPDATES, SUBJECTS, Medium
from aclipse.report.medium_updates import UPDATES
from aclipse.report.medium_vectors import VECTORS
from aclipse.report.vocabulary import AVERAGED, DRAWS, REFERENCES

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
    unused=("cloak", "features", "replacement", "functionals", *OF_UPDATES),
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
    unused=("cascade", "replacement", "functionals", *OF_UPDATES),
    sounds=False,
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


MEDIA = {"sound": SOUND, "features": FEATURES, "functionals": VECTORS, "updates": UPDATES}


def medium_of(run: RunFolder) -> Medium:
    """How a report on this run speaks."""
    return MEDIA.get(releases(run), SOUND)


def releases(run: RunFolder) -> str:
    """What leaves the device, as the recipe calls it: sound where it does not say."""
    return str(run.about.get("recipe", {}).get("release", "sound"))
