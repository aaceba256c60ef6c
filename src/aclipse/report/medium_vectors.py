"""The words of a report on vectors of functionals: one for a recording, and nothing that could be listened to."""

from __future__ import annotations

from aclipse.report.medium_base import OF_UPDATES, Medium

REPLACEMENT = "the trained protection: an autoencoder out of which sensitive emotions come as neutral ones"

VECTORS = Medium(
    meant="A recording tells how the speaker felt, and much besides. {protection} lets no sound leave the device, only"
    " one vector of numbers for each recording. Of these, {required} ones are meant to stay what they are, and"
    " {sensitive} ones to come out as {neutral} ones would{sex}.",
    nothing_left="The released vectors are all but empty: they hide everything because hardly anything is left.",
    nearly_nothing="The released vectors are nearly empty{change}. High error rates come from that, not from the"
    " method.",
    loud="The change is stronger than the vectors themselves (SNR {snr} dB, in the space of vectors): compare it with"
    " white noise of the same strength.",
    written="into the vector",
    quality="How far vectors are moved, and the cost",
    against="Released vectors against those of the original",
    cost="how far it moved the vectors",
    limit="“Hidden” means hidden from the readers of single vectors tried here. A larger one, longer training,"
    " releases of recordings to which the autoencoder was not fitted (theirs were), or several vectors of one speaker"
    " may tell more.",
    unmeasured="Not measured here: {}. Assume that it can still be read.",
    measured="SNR of vectors {} dB",
    listening="",
    seen="",
    played="vector",
    heard="",
    voices={},
    unused=("cascade", "cloak", "features", *OF_UPDATES),
    sounds=False,
    secrets=("sensitive", "sex", "sentence", "speaker"),
    impossible=("words",),
    table="A row is one way to treat speech before its vector leaves. UAR is the mean over classes of the share read"
    " right. Where emotion is kept, high is useful: it is told whether a recording is {required} or anything else."
    " Where secrets are hidden, low is private: which sensitive emotion it is, if any ({sensitive}); the speaker’s sex;"
    " and, where it was asked, which of a few known sentences was said. The best attacker is whichever listener got"
    " most among those that passed their own check and that every row has met; a row that was not attacked by all of"
    " them stays empty.",
    survived="A protection that was trained with a classifier can simply write the class {written}, where that"
    " classifier finds it; an attacker retrained on releases can learn to find it too. The judge called “guiding”"
    " guided nobody here: it is another classifier of the build that steered the autoencoder, where one did."
    " Only the independent one, linear and heard by nobody in training, shows that emotion itself survived.",
    notes=(
        "“Emotion” means here whether a recording is {required} or anything else: an app that uses such vectors is told"
        " nothing more. “Sensitive emotions” asks whether it is {sensitive}, or none of these.",
        "Whether a recording was replaced is a question of its own: a vector that can be told for a replacement says"
        " that the feeling was a sensitive one. No listener on this page asks it; “aclipse reproduce rae-table3” does.",
    ),
    groups={"quality": "Change and cost"},
    subjects={
        "identity": "vectors of speech as it was recorded: what listeners make of them is the mark to compare with",
        "replacement": REPLACEMENT,
        "cascade": "another run’s protection: vectors of the sound that the cascade would release",
        "cloak-sound": "another run’s protection: vectors of the noised features of Cloak, made to sound",
        "cloak-adaptive-sound": "the same, of Cloak with noise that depends on the segment",
        "low-pass": "vectors of sound with everything above a cut-off frequency removed",
        "white-noise": "white noise added to the vectors, as strong as the protection’s change",
        "silence": "vectors of zeros, which are the mean of the training clips: hide everything, keep nothing",
    },
    listeners={
        "ignorant": "trained on vectors of clean speech and left as it is: an attacker who does not know of the"
        " protection, or does not care to learn. The emotion recogniser of this kind is called “guiding”, as elsewhere,"
        " but steered nothing here",
        "transferred": "trained on vectors of clean speech too, but linear; for emotion it is called “independent”",
        "retrained": "the ignorant one, trained on with released vectors and their labels: an attacker who adapts",
        "scratch": "trained on released vectors with labels, from random weights",
    },
    metrics={
        "snr_db": "in the space of vectors: energy of the original vector over that of its change; 0 dB: equal; empty:"
        " no change. A changed emotion is meant to be a great change. It compares with no SNR of sound",
        "level_db": "change of the vectors’ root mean square: negative is nearer to the mean of all speech; −120 dB:"
        " nothing is left. It is no loudness",
        "seconds": "computing time for one utterance, from its sound to the vector that leaves the device",
        "sensitive_uar": "sensitive emotions told right: the mean over each and “none of them” of the share read right",
    },
)
