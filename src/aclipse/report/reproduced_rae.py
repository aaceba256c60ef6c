"""Tables of the replacement autoencoder's studies, from the rows of their CSV files alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from aclipse.report.reproduced_cloak import minus, number, score
from aclipse.report.reproduced_figures import Row, Rows, by

RAW, RAE, GRL, GUIDED, DRAWN, NOISE, NOTHING = "raw", "rae", "rae + grl", "guided", "drawn", "noise", "nothing"
METHODS = (RAW, RAE, GRL, GUIDED, DRAWN, NOISE, NOTHING)  # in the order of tables and figures
AS_THE_PAPER = {RAW: "X", RAE: "X′ without GRL", GRL: "X′ with GRL"}  # how the paper calls them
RISK, RETRAINED, REPLACED, AGAIN = "risk", "retrained", "replaced?", "again"
TELLERS = (REPLACED, AGAIN)  # who asks whether a recording was replaced: one that learns it, one that has the device
NEUTRAL, REQUIRED, SENSITIVE = "neutral", "required", "sensitive"
CLASSES = (NEUTRAL, REQUIRED, SENSITIVE)
CORPORA = ("iemocap", "ravdess", "crema")  # which the paper merges, by what their names hold


def one(rows: Rows, **asked: str) -> Row | None:
    """The row that agrees with what is asked; none where there is none, or none with a figure.

    >>> one([{"method": "raw", "value": "55.8"}], method="raw")
    {'method': 'raw', 'value': '55.8'}
    """
    found = (row for row in rows if asked.items() <= row.items() and np.isfinite(number(row["value"])))
    return next(found, None)


def f1(part: Rows, role: str, attacker: str = RISK) -> Row | None:
    """How well one class is read, of the rows of a scenario and method."""
    return one(part, attacker=attacker, role=role, metric="f1")


def ordered(rows: Rows) -> list[str]:
    """The methods that rows speak of, those that are known first."""
    found = [method for (method,) in by(rows, "method")]
    return [method for method in METHODS if method in found] + [name for name in found if name not in METHODS]


def cells(rows: Rows) -> dict[tuple[str, str], Rows]:
    """Rows by scenario and method, methods in their order."""
    found = by(rows, "scenario", "method")
    places = [(scenario, method) for (scenario,) in by(rows, "scenario") for method in ordered(rows)]
    return {place: found[place] for place in places if place in found}


def corpora(rows: Rows) -> Rows:
    """Table I: one row a corpus, recordings of each emotion and in brackets the paper's."""
    found, titles = [], [f"{emotion} (paper)" for (emotion,) in by(rows, "emotion")]
    for (corpus,), part in by(rows, "corpus").items():
        line = {"corpus": corpus} | dict.fromkeys(titles, "–")
        for row in part:
            line[f"{row['emotion']} (paper)"] = row["clips"] + f" ({row['paper']})" * bool(row["paper"])
        whole = next((row for row in part if row["emotion"] == "all"), {})
        found.append({**line, "speakers": whole.get("speakers", "–")})
    return found


def as_the_paper(rows: Rows) -> Rows:
    """Table III: one row a scenario and class, F1 and U as the paper's attacker reads them, the paper's and ours."""
    found = []
    known = [row for row in rows if row["role"] in CLASSES]
    methods = {method: name for method, name in AS_THE_PAPER.items() if method in ordered(rows)}
    for (scenario, role), part in by(known, "scenario", "role").items():
        line = {"required emotion": scenario, "class": role}
        for method, name in methods.items():
            for metric in ("f1", "u") if method != RAW else ("f1",):
                line |= _beside(f"{name} {metric.upper()}", part, method=method, attacker=RISK, metric=metric)
        found.append(line)
    return found


def _beside(title: str, rows: Rows, **asked: str) -> Row:
    """The paper's figure and ours, in two columns."""
    reported = next((row["paper"] for row in rows if asked.items() <= row.items() and row["paper"]), "")
    return {f"{title}, paper": reported, f"{title}, ours": score(one(rows, **asked))}


def attackers(rows: Rows) -> Rows:
    """One row a scenario and method: what the paper's attacker reads, and what one that retrains does."""
    found = []
    for (scenario, method), part in cells(rows).items():
        line = {"required emotion": scenario, "method": method, "SNR dB": _snr(part)}
        for role in CLASSES:
            line[f"{role} F1, {RISK}"] = score(one(part, attacker=RISK, role=role, metric="f1"))
        for role in (REQUIRED, SENSITIVE):
            line[f"{role} F1, {RETRAINED}"] = score(one(part, attacker=RETRAINED, role=role, metric="f1"))
        found.append({**line, f"UAR, {RETRAINED}": score(one(part, attacker=RETRAINED, role="all", metric="uar"))})
    return found


def _snr(part: Rows) -> str:
    found = (number(row["snr_db"]) for row in part)
    return next((minus(f"{snr:.1f}") for snr in found if np.isfinite(snr)), "–")


def membership(rows: Rows) -> Rows:
    """One row a scenario and method: how well one tells that a recording was replaced, as AUC; none if nobody asked."""
    found = []
    for (scenario, method), part in cells([row for row in rows if row["attacker"] in TELLERS]).items():
        line = {"required emotion": scenario, "method": method}
        for who in TELLERS:
            for metric, others in {"auc neutral": "neutral", "auc all": "all others"}.items():
                line[f"{who} against {others}"] = score(one(part, attacker=who, metric=metric))
        found.append(line)
    return found


def sex(rows: Rows) -> Rows:
    """Table IV: one row a scenario and method, leakage L and privacy P, the paper's and ours."""
    found = []
    for (scenario, method), part in cells(rows).items():
        line = {"required emotion": scenario, "method": method}
        for title, metric in {"L": "leakage", "P": "privacy"}.items():
            line |= _beside(title, part, attacker=RISK, metric=metric)
            line[f"{title}, {RETRAINED}"] = score(one(part, attacker=RETRAINED, metric=metric))
        found.append(line)
    return found


def confusions(rows: Rows) -> Rows:
    """Fig. 3: one row a scenario, method and true class; what share of it each attacker reads as each class."""
    found, readers = [], [attacker for (attacker,) in by(rows, "attacker")]
    for (scenario, method), part in cells(rows).items():
        for (truth,), row in by(part, "truth").items():
            line = {"required emotion": scenario, "method": method, "class": truth, "clips": row[0]["clips"]}
            line |= {f"read as {' / '.join(CLASSES)}, %, {who}": _shares(row, who) for who in readers}
            found.append(line)
    return found


def _shares(rows: Rows, attacker: str) -> str:
    found = {row["read"]: number(row["share"]) for row in rows if row["attacker"] == attacker}
    known = {role: f"{share:.0f}" for role, share in found.items() if np.isfinite(share)}
    return " / ".join(known.get(role, "–") for role in CLASSES)


def beside_the_paper(names: Sequence[str]) -> str:
    """How corpora differ from those that the paper merges, by their names; empty if they do not.

    >>> beside_the_paper(["CREMA-D", "ravdess"])
    ', which lacks iemocap of the paper: its columns are for orientation'
    >>> beside_the_paper(["crema-d", "ravdess", "iemocap"])
    ''
    """
    lacking = [known for known in CORPORA if not any(known in name.lower() for name in names)]
    strange = [name for name in names if not any(known in name.lower() for known in CORPORA)]
    if len(lacking) == len(CORPORA) or strange:
        return ", which is not the paper's: its columns are for orientation"
    return f", which lacks {', '.join(lacking)} of the paper: its columns are for orientation" if lacking else ""


_SCORES = "* In %: value ± deviation over rotations [95 % interval, a bootstrap over speakers]."
_METHODS = (
    "* Methods. raw: vectors as they are (X). rae and rae + grl: the paper's (X′), without and with gradient reversal. "
    "guided: ours, with reversal; what comes out is also to be read as the class that is meant, and each epoch has "
    "another neutral clip for a sensitive one. drawn: guided, and what the device takes for sensitive gives way to the "
    "release of a random neutral training clip. noise: white, changing vectors as much as guided. nothing: the mean "
    "vector."
)
_ATTACKERS = (
    "* Attackers. risk: the paper's, trained on raw vectors; neither it nor the transformation ever meets the other. "
    "retrained: the same kind, trained on releases of the same people."
)
_DATA = (
    "* Three sets without a common speaker: of the risk model, of the transformation, and the test, in rotation. "
    "Ranges and components are fitted to the first. Where vectors are normalised by speaker, a test speaker's ranges "
    "are of its own recordings, without labels.",
    "* CREMA-D and RAVDESS are acted, on few sentences; they do not tell how feelings of everyday life are read.",
)
NOTES = {
    "rae-table1": ("Recordings of each emotion, as intended by the speaker if acted; in brackets the paper's.",),
    "rae-table3": (
        _SCORES,
        "* F1: one class against the two others. U: of the clips of a class that the risk model reads right in raw "
        "vectors, the share it still reads right (eq. 4). SNR: of released vectors.",
        _METHODS,
        f"{_ATTACKERS} replaced?: trained on releases to tell sensitive clips from all others. again: has the device, "
        "and looks at how far a release moves when it goes through once more; it learns nothing. AUC: 50 is guessing.",
        "* Most clips are sensitive: who says so of every clip has a high F1, and reads nothing. Whether something is "
        "hidden from who retrains, the AUC against neutral clips tells.",
        *_DATA,
    ),
    "rae-table4": (
        _SCORES,
        "* L: accuracy of sex. P: 100 − UAR of sex; 50 is guessing, and what lies above is read the wrong way round.",
        _METHODS, _ATTACKERS, *_DATA,
    ),
    "rae-fig3": ("* One rotation, the first, as the paper shows one of its five.", _METHODS, _ATTACKERS, *_DATA),
}  # fmt: skip
TEXTS: dict[str, Callable[[Rows], Rows]] = {
    "rae-table1": corpora, "rae-table3": as_the_paper, "rae-table4": sex, "rae-fig3": confusions,
}  # fmt: skip
