"""Tables of the replacement autoencoder's studies, from the rows of their CSV files alone."""

from __future__ import annotations

from collections.abc import Callable

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


def always(part: Rows, role: str) -> float:
    """F1 in % of who says of every clip that it is of one class; NaN where it is not told how many are.

    >>> counts = {"recall": "2", "f1": "4"}  # clips of that class, and of all
    >>> rows = [{"role": "sensitive", "metric": metric, "clips": clips} for metric, clips in counts.items()]
    >>> round(always(rows, "sensitive"), 1)
    66.7
    """
    found = {row["metric"]: number(row["clips"]) for row in part if row["role"] == role}
    own, every = (found.get(metric, float("nan")) for metric in ("recall", "f1"))
    return 200 * own / (own + every)


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


TEXTS: dict[str, Callable[[Rows], Rows]] = {
    "rae-table1": corpora, "rae-table3": as_the_paper, "rae-table4": sex, "rae-fig3": confusions,
}  # fmt: skip
