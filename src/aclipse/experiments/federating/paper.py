"""What the code published with the federated paper reports, for the columns beside ours (usc-sail/fed-ser-leakage).

User-level differential privacy in federated speech emotion recognition; each corpus is attacked from the two others.
What it leaves open, and where text and code disagree, is in docs/federated.md. All figures are in %.
"""

from __future__ import annotations

EMOTIONS = ("neutral", "happy", "sad", "angry")
CORPORA = ("iemocap", "crema-d", "msp-improv")
EPSILONS = (50.0, 25.0, 10.0, 5.0)
LEAKED = (1, 3, 5, 10, 0)  # updates of a client that are averaged; 0: all there are

UTILITY = {  # README: corpus, algorithm -> accuracy and UAR with emobase functionals
    ("iemocap", "fedsgd"): (62.94, 61.62), ("iemocap", "fedavg"): (61.22, 61.25),
    ("crema-d", "fedsgd"): (69.81, 64.24), ("crema-d", "fedavg"): (71.26, 66.38),
    ("msp-improv", "fedsgd"): (54.17, 47.23), ("msp-improv", "fedavg"): (54.37, 47.67),
}  # fmt: skip
ATTACK = {  # README: corpus, algorithm -> UAR of sex from the first layer, emobase
    ("iemocap", "fedsgd"): 89.33, ("iemocap", "fedavg"): 87.45,
    ("crema-d", "fedsgd"): 73.87, ("crema-d", "fedavg"): 81.98,
    ("msp-improv", "fedsgd"): 91.36, ("msp-improv", "fedavg"): 82.86,
}  # fmt: skip
UDP_UTILITY = {  # corpus -> emotion UAR without, at ε = 50, 25, 10 and 5, emobase, FedAvg
    "iemocap": (61.3, 60.1, 60.8, 57.9, 53.4),
    "crema-d": (66.3, 63.1, 64.6, 64.7, 62.8),
    "msp-improv": (47.0, 47.3, 47.2, 44.8, 43.6),
}
UDP_ATTACK = {  # corpus -> rows as above, columns n = 1, 3, 5, 10, all; mean of five kinds of features
    "iemocap": (
        (85.5, 85.4, 84.5, 83.4, 82.8), (56.7, 61.8, 66.2, 71.7, 76.2), (51.7, 53.2, 55.0, 58.3, 63.8),
        (50.5, 50.6, 50.6, 51.0, 52.1), (49.7, 49.9, 50.8, 50.8, 52.2),
    ),
    "crema-d": (
        (78.2, 75.4, 74.5, 73.4, 73.1), (65.5, 73.8, 74.6, 74.3, 74.3), (54.3, 60.5, 65.0, 72.0, 73.2),
        (51.1, 51.4, 52.5, 54.4, 59.8), (50.1, 50.3, 50.4, 50.4, 50.9),
    ),
    "msp-improv": (
        (86.7, 82.7, 80.6, 78.6, 77.8), (57.5, 63.9, 68.4, 75.4, 78.5), (51.4, 54.2, 56.4, 60.6, 67.0),
        (49.8, 49.8, 49.9, 50.5, 52.1), (50.1, 50.0, 50.2, 50.0, 50.7),
    ),
}  # fmt: skip


def corpus(name: str) -> str:
    """The paper's name of a corpus, found in the name of one; empty for any other.

    >>> corpus("CREMA-D-voted"), corpus("ravdess")
    ('crema-d', '')
    """
    return next((known for known in CORPORA if known in name.lower()), "")


def utility(name: str, algorithm: str, metric: str) -> float | str:
    """Emotion without a defence; empty where nothing is reported."""
    found = UTILITY.get((corpus(name), algorithm))
    return found[("accuracy", "uar").index(metric)] if found and metric in ("accuracy", "uar") else ""


def attack(name: str, algorithm: str) -> float | str:
    """UAR of sex from one update's first layer without a defence."""
    return ATTACK.get((corpus(name), algorithm), "")


def udp(name: str, epsilon: float | None, leaked: int | None = None) -> float | str:
    """UAR under the paper's mechanism: of emotion, or of sex from so many ``leaked`` updates; ε None: without it.

    >>> udp("crema-d", 25.0), udp("crema-d", 25.0, 10), udp("crema-d", 8.0)
    (64.6, 72.0, '')
    """
    rows = (None, *EPSILONS)
    known = corpus(name)
    if not known or epsilon not in rows or leaked not in (None, *LEAKED):
        return ""
    row = rows.index(epsilon)
    return UDP_UTILITY[known][row] if leaked is None else UDP_ATTACK[known][row][LEAKED.index(leaked)]
