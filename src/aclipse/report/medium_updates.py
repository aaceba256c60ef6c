"""The words of a report on updates: no recording leaves the phone, and what it has learned from them does."""

from __future__ import annotations

from aclipse.report.medium_base import Medium

_SOUND = "sound protected on each phone first, then a federation without noise"

UPDATES = Medium(
    meant="Phones learn together to read emotion. No recording leaves them, nor features of one, but updates of the"
    " shared model, and an update tells of whose speech it was made. {protection} changes updates so that the model"
    " still learns and nobody is recognised by them.",
    nothing_left="No update leaves: everything is hidden, and nothing is learned.",
    nearly_nothing="Hardly anything of an update is left{change}.",
    loud="The noise is stronger than the updates (SNR {snr} dB).",
    written="into the update",
    quality="Cost",
    against="Updates after protection against those before",
    cost="what it costs in emotion",
    limit="“Hidden” means hidden from the attackers of updates tried here, with the speech they had. More speech like"
    " that of those who take part, or another attacker, may tell more; only a guarantee speaks for attackers that"
    " nobody has tried.",
    unmeasured="Not measured here: {}. Assume that it can be read.",
    measured="SNR of updates {} dB",
    listening="",
    seen="",
    played="updates",
    heard="",
    voices={},
    unused=("cascade", "cloak", "features", "replacement", "functionals", "evaluators"),
    sounds=False,
    secrets=("sex", "speaker"),
    impossible=("words", "sentence", "sensitive"),
    table="A row is one way to treat what leaves the phones while they learn. UAR is the mean over classes of the share"
    " read right. Of emotion it is that of the model which was learned, on speakers who took no part: high is useful."
    " Of sex it is an attacker’s, who has updates and no recording: low is private. The best attacker is whoever got"
    " most among those that passed their own check and that every row has met.",
    survived="",
    notes=(
        "“Clean speech” on this page is the federation without a defence: the same phones, updates as they are.",
        "Attackers know the rules, the first model and the emotions, and learn from federations of their own speech."
        " One has a single update of each client, another all of them, averaged.",
    ),
    subjects={
        "identity": "the federation without a defence: what attackers make of its updates is the mark to compare with",
        "user-level-dp": "user-level differential privacy: updates are bounded and noise is added",
        "layered-noise": "noise shared out to layers by importance: our reading of GHDP, which guarantees nothing",
        "pruned": "the smallest numbers of an update are not sent: guarantees nothing",
        "representative": "who takes part is chosen for what they hold: our reading; guarantees nothing",
        "federated": "the federation of this run, which has no defence either",
        "cascade": f"another run’s protection, of sound: {_SOUND}",
        "cloak-sound": f"another run’s protection, its noised features made to sound: {_SOUND}",
        "low-pass": f"everything above a cut-off frequency removed: {_SOUND}",
        "white-noise": f"white noise as strong as the speech (SNR 0 dB): {_SOUND}",
        "silence": "no update leaves: hides everything, and the model stays as it began",
    },
    listeners={
        "ignorant": "learned from single updates of federations without a defence, on speech of its own: an attacker"
        " who does not know of the protection",
        "retrained": "learned from updates of federations under the same protection, one by one and averaged: an"
        " attacker who is aware of it. Of emotion: the model that was learned from protected updates",
    },
    metrics={"eer": "updates of two rounds linked to one speaker: share of errors where both kinds are as frequent"},
)
