"""What the replacement autoencoder's paper reports, for the columns beside ours: sections II, VI and VII.

Feng, Narayanan: Privacy and utility preserving data transformation for speech emotion recognition, ACII 2021. What it
leaves open, and where text and tables disagree, is in docs/replacement.md.
"""

from __future__ import annotations

from aclipse.protections.replacement.roles import Roles

CORPORA = ("iemocap", "crema-d", "ravdess")  # merged
EMOTIONS = ("neutral", "happy", "sad", "angry")
VALIDATION = 0.25  # share of the speakers of each training set
SCENARIOS = (
    Roles(required=("happy",), sensitive=("sad", "angry")),
    Roles(required=("sad",), sensitive=("happy", "angry")),
    Roles(required=("angry",), sensitive=("sad", "happy")),
)

CLIPS = {  # Table I
    "iemocap": {"neutral": 1708, "happy": 1103, "sad": 1084, "angry": 595, "all": 4490},
    "crema-d": {"neutral": 1087, "happy": 1271, "sad": 1271, "angry": 1271, "all": 4900},
    "ravdess": {"neutral": 96, "happy": 192, "sad": 192, "angry": 192, "all": 672},
}
ROLES = {  # Table III, in %: scenario, role -> F1 of X, then F1 and U of X' without GRL, F1 and U of X' with it
    ("happy", "neutral"): (55.8, 47.7, 89.0, 47.0, 89.0),
    ("happy", "required"): (44.7, 41.9, 60.9, 39.3, 56.7),
    ("happy", "sensitive"): (69.5, 12.8, 8.8, 10.3, 6.7),
    ("sad", "neutral"): (56.0, 43.0, 81.0, 41.2, 75.3),
    ("sad", "required"): (64.8, 61.0, 82.3, 58.4, 84.2),
    ("sad", "sensitive"): (78.5, 3.6, 1.8, 2.2, 1.2),
    ("angry", "neutral"): (52.0, 50.0, 83.9, 49.7, 83.8),
    ("angry", "required"): (69.5, 66.7, 82.9, 66.6, 81.1),
    ("angry", "sensitive"): (66.3, 22.9, 19.2, 16.9, 13.1),
}
SEX = {  # Table IV, in %: scenario -> L and P of X, of X' without GRL, of X' with it
    "happy": (70.0, 29.6, 58.1, 41.8, 56.2, 43.8),
    "sad": (69.7, 30.0, 56.0, 43.4, 55.9, 44.0),
    "angry": (69.4, 30.5, 57.5, 42.1, 56.5, 43.4),
}
_ROLE_CELLS = (("raw", "f1"), ("rae", "f1"), ("rae", "u"), ("rae + grl", "f1"), ("rae + grl", "u"))
_SEX_CELLS = tuple((method, metric) for method in ("raw", "rae", "rae + grl") for metric in ("leakage", "privacy"))
# (scenario, role, method, metric) -> %; a reading of sex is of all roles
REPORTED = {
    (*place, *cell): value
    for place, values in ROLES.items()
    for cell, value in zip(_ROLE_CELLS, values, strict=True)
} | {
    (scenario, "all", *cell): value
    for scenario, values in SEX.items()
    for cell, value in zip(_SEX_CELLS, values, strict=True)
}  # fmt: skip


def corpus(name: str) -> str:
    """The paper's name of a corpus, found in the name of a manifest; empty for any other.

    >>> corpus("CREMA-D-voted"), corpus("ravdess"), corpus("mine")
    ('crema-d', 'ravdess', '')
    """
    return next((known for known in CORPORA if known.split("-")[0] in name.lower()), "")
