"""What "Cloak with adversarial training" reports, for the columns beside ours: sections 2 and 5.

Feng, Hashemi, Annavaram, Narayanan: Enhancing privacy through domain adaptive noise injection for speech emotion
recognition, ICASSP 2022. What it leaves open, and where text and code disagree, is in docs/cloak.md.
"""

from __future__ import annotations

CORPORA = ("iemocap", "crema-d", "msp-improv")  # merged; the first and the last without what was read from a script
EMOTIONS = ("neutral", "happy", "sad", "angry")
ROTATIONS = 5
SR = 60.0  # %, at which the text says what sex is worth, and at which Fig. 5 is drawn

SEGMENTS = {  # Table 1: of the training hop
    "iemocap": {"neutral": 4950, "happy": 3731, "sad": 3379, "angry": 1432, "all": 13492},
    "crema-d": {"neutral": 2726, "happy": 1593, "sad": 998, "angry": 1637, "all": 6954},
    "msp-improv": {"neutral": 7600, "happy": 4606, "sad": 4312, "angry": 2655, "all": 19173},
}
CLEAN = {  # Table 2, in %
    ("all", "emotion"): {"accuracy": 57.7, "uar": 58.9},
    ("all", "sex"): {"accuracy": 97.2, "uar": 96.8},
    ("iemocap", "emotion"): {"accuracy": 57.6, "uar": 59.7},
    ("iemocap", "sex"): {"accuracy": 96.3, "uar": 96.6},
    ("crema-d", "emotion"): {"accuracy": 69.8, "uar": 66.9},
    ("crema-d", "sex"): {"accuracy": 93.5, "uar": 93.8},
    ("msp-improv", "emotion"): {"accuracy": 45.8, "uar": 44.9},
    ("msp-improv", "sex"): {"accuracy": 99.6, "uar": 99.7},
}
NOISED = {  # Fig. 4 as far as the text of section 5.2 tells it: UAR in %; of sex in clean speech it says "> 95 %"
    ("clean", "emotion"): 57.5,
    ("clean", "sex"): 96.8,
    ("cloak", "emotion"): 56.3,
    ("cloak", "sex"): 73.0,
    ("cloak + adversary", "emotion"): 56.0,
    ("cloak + adversary", "sex"): 65.8,
}


def corpus(name: str) -> str:
    """The paper's name of a corpus, found in the name of a manifest; empty for any other.

    >>> corpus("CREMA-D-voted"), corpus("crema_d"), corpus("mine")
    ('crema-d', 'crema-d', '')
    """
    return next((known for known in CORPORA if known.split("-")[0] in name.lower()), "")
