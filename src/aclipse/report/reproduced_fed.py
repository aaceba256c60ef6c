"""Tables of the federated studies, from the rows of their CSV files alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from aclipse.report.reproduced_cloak import minus, number, score
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import one

NONE, PAPER, CENTRAL, LOCAL = "none", "paper", "strict-central", "strict-local"
MECHANISMS = (NONE, PAPER, CENTRAL, LOCAL, "layered", "pruned", "representative", "dropout")  # in the order of tables
ALGORITHMS = ("fedavg", "fedsgd", "central", "majority")
LAYERS = ("first", "second", "third", "fused")
CONTROL, SAME = "shuffled", "same corpus"
ATTACKERS = IGNORANT, AWARE = ("ignorant", "aware")
COUNTS = ("1", "3", "5", "10", "all")  # of leaked updates
TITLES = {"uar": "UAR", "auc": "AUC", "eer": "EER"}
Place = tuple[str, str, str]  # corpus, mechanism, label of ε


def ordered(found: Sequence[str], known: Sequence[str]) -> list[str]:
    """What was found, what is known first and in its order.

    >>> ordered(["mine", "aware", "ignorant"], ATTACKERS)
    ['ignorant', 'aware', 'mine']
    """
    return sorted(dict.fromkeys(found), key=lambda name: known.index(name) if name in known else len(known))


def budget(cell: str | None) -> str:
    """An ε or δ as it is written; a dash where there is none.

    >>> budget("8.0"), budget("3127.4"), budget("0.010989"), budget("inf"), budget("")
    ('8', '3127', '0.011', '∞', '–')
    """
    found = number(cell)
    if np.isnan(found):
        return "–"
    return "∞" if np.isinf(found) else f"{found:.0f}" if found >= 100 else f"{found:.3g}"


def label(mechanism: str, epsilon: str) -> str:
    """A mechanism and the label of its ε, if it has one.

    >>> label("paper", "10"), label("pruned", "")
    ('paper, ε 10', 'pruned')
    """
    return mechanism + f", ε {budget(epsilon)}" * (budget(epsilon) != "–")


def utility(rows: Rows) -> Rows:
    """fed-utility: one row a corpus, kind of features and algorithm, each metric as the paper has it and as we do."""
    metrics = [metric for (metric,) in by(rows, "metric")]
    reported, found = {row["metric"] for row in rows if row["paper"]}, []
    for (corpus, functionals), own in by(rows, "corpus", "functionals").items():
        for algorithm in ordered([row["algorithm"] for row in own], ALGORITHMS):
            part = [row for row in own if row["algorithm"] == algorithm]
            line = {"corpus": corpus, "functionals": functionals, "algorithm": algorithm}
            for metric in metrics:
                line |= _beside(TITLES.get(metric, metric), part, metric in reported, metric=metric)
            found.append({**line, "clips": part[0]["clips"]})
    return found


def _beside(title: str, rows: Rows, reported: bool, **asked: str) -> Row:
    """The paper's figure, if it has any of that kind, and ours."""
    theirs = next((row["paper"] for row in rows if asked.items() <= row.items() and row["paper"]), "")
    return ({f"{title}, paper": theirs} if reported else {}) | {f"{title}, ours": score(one(rows, **asked))}


def of_sex(rows: Rows) -> Rows:
    """The UAR of sex among the rows of fed-attack."""
    return [row for row in rows if (row["secret"], row["metric"]) == ("sex", "uar")]


def layers(rows: Rows) -> Rows:
    """fed-attack: one row a corpus and algorithm, sex as each layer's attacker reads it."""
    rows = of_sex(rows)
    attackers = ordered([row["attacker"] for row in rows], LAYERS)
    reported, found = {row["attacker"] for row in rows if row["paper"]}, []
    for place, part in by(rows, "corpus", "functionals", "algorithm", "n").items():
        learned = next((row["shadow"] for row in part if row["attacker"] != SAME), part[0]["shadow"])
        names = ("corpus", "functionals", "algorithm", "updates averaged")
        line = dict(zip(names, place, strict=True)) | {"learned from": learned}
        for attacker in attackers:
            line |= _beside(attacker, part, attacker in reported, attacker=attacker)
        found.append(line | {"guessing": _first(part, "chance"), "clients": part[0]["clients"]})
    return found


def other_secrets(rows: Rows) -> dict[str, Rows]:
    """fed-attack: who is linked, who is a member, which features come back; a table if anybody asked."""
    found = [
        {
            "corpus": row["corpus"], "algorithm": row["algorithm"], "attacker": row["attacker"],
            "secret": row["secret"], "metric": TITLES.get(row["metric"], row["metric"]), "ours": score(row),
            "guessing": _first([row], "chance"), "clients": row["clients"], "updates": row["updates"],
        }
        for row in rows if row not in of_sex(rows)
    ]  # fmt: skip
    return {"Other secrets": found} if found else {}


def places(rows: Rows) -> dict[Place, Rows]:
    """Rows of fed-udp by corpus, mechanism and label: mechanisms in their order, the most generous ε first."""

    def rank(place: Place) -> tuple[int, int, float]:
        corpus, mechanism, epsilon = place
        known = MECHANISMS.index(mechanism) if mechanism in MECHANISMS else len(MECHANISMS)
        return corpora.index(corpus), known, -np.nan_to_num(number(epsilon), nan=np.inf)

    corpora = [corpus for (corpus,) in by(rows, "corpus")]
    found: dict[Place, Rows] = {}
    for row in rows:
        found.setdefault((row["corpus"], row["mechanism"], row["epsilon"]), []).append(row)
    return {place: found[place] for place in sorted(found, key=rank)}


def emotion(part: Rows) -> Row | None:
    """How well emotion is read, of the rows of one place."""
    return one(part, measure="emotion", metric="uar")


def sex(part: Rows, attacker: str, count: str, view: str = "") -> Row | None:
    """How well an attacker reads sex from so many updates, in one view if one is given."""
    asked = {"measure": "sex", "metric": "uar", "attacker": attacker, "n": count} | ({"view": view} if view else {})
    return one(part, **asked)


def change(row: Row | None) -> str:
    """Points of emotion against no mechanism, and their interval; empty where none is known.

    >>> change({"change": "-4.21", "change_low": "-6", "change_high": "-2.5"})
    '−4.2 (−6.0 to −2.5)'
    """
    if not row or not np.isfinite(number(row.get("change"))):
        return ""
    low, high = (number(row.get(f"change_{end}")) for end in ("low", "high"))
    return minus(f"{number(row['change']):+.1f}" + (f" ({low:+.1f} to {high:+.1f})" if np.isfinite(low) else ""))


def costs(rows: Rows) -> Rows:
    """fed-udp: one row a mechanism and label, its honest ε and what emotion costs."""
    found, reported = [], any(row["paper"] for row in rows if row["measure"] == "emotion")
    for (corpus, mechanism, epsilon), part in places(rows).items():
        line = {
            "corpus": corpus, "mechanism": mechanism, "ε": budget(epsilon),
            "honest ε, released": _budget(part, "honest"), "honest ε, one update": _budget(part, "honest_local"),
            "δ": _budget(part, "delta"), "SNR dB": _first(part, "snr_db"),
        }  # fmt: skip
        line |= _beside("emotion UAR", part, reported, measure="emotion", metric="uar")
        attacked = [row for row in part if row["measure"] == "sex"]
        found.append(line | {"against none": change(emotion(part)) or "–", "clients": _first(attacked, "clients", 0)})
    return found


def leaks(rows: Rows) -> dict[str, Rows]:
    """fed-udp: a table a corpus, sex read from ever more updates, by who is ignorant and who is aware."""
    return {
        f"UAR of sex from leaked updates: {corpus}": found
        for (corpus,), part in by(rows, "corpus").items()
        if (found := _leaks([row for row in part if row["measure"] == "sex"]))
    }


def _leaks(rows: Rows) -> Rows:
    counts = ordered([row["n"] for row in rows], COUNTS)
    attackers = ordered([row["attacker"] for row in rows], ATTACKERS)
    reported, found = {row["n"] for row in rows if row["paper"]}, []
    for (_, mechanism, epsilon), whole in places(rows).items():
        for (view,), part in by(whole, "view").items():
            line = {"mechanism": mechanism, "ε": budget(epsilon), "honest ε": _budget(part, "honest"), "view": view}
            for count in counts:
                theirs = next((row["paper"] for row in part if row["n"] == count and row["paper"]), "")
                line |= {f"n = {count}, paper": theirs} if count in reported else {}
                line |= {f"n = {count}, {attacker}": score(sex(part, attacker, count)) for attacker in attackers}
            found.append(line)
    return found


def _first(part: Rows, column: str, digits: int = 1) -> str:
    """The first figure of a column; a dash where there is none."""
    found = (number(row[column]) for row in part)
    return next((minus(f"{value:.{digits}f}") for value in found if np.isfinite(value)), "–")


def _budget(part: Rows, column: str) -> str:
    return next((budget(row[column]) for row in part if budget(row[column]) != "–"), "–")


TEXTS: dict[str, Callable[[Rows], Rows]] = {"fed-utility": utility, "fed-attack": layers, "fed-udp": costs}
