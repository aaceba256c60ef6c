"""What the rows of the replacement autoencoder's studies say, in sentences; no figure of a result is typed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import (
    AGAIN,
    DRAWN,
    GRL,
    GUIDED,
    NEUTRAL,
    NOISE,
    NOTHING,
    REPLACED,
    REQUIRED,
    RETRAINED,
    RISK,
    SENSITIVE,
    always,
    attackers,
    f1,
    membership,
    one,
    ordered,
)
from aclipse.report.reproduced_rae_verdicts import (
    GUESSED,
    LEAST_PRIVACY,
    MOST_LOST,
    MOST_SENSITIVE,
    asked_of_emotions,
    asked_of_sex,
    ends,
    hidden,
    judged,
    kept,
    met,
    private,
    tellers,
    tells,
    verdict,
)
from aclipse.report.reproduced_rae_words import change, guessing, moved, reported, value

TRIVIAL = {NOTHING: "every vector the mean", NOISE: "as strong as what guided changes"}
LEARNS, HAS_DEVICE = "who learns it from releases", "who has the device"
TOLD_BY = {REPLACED: LEARNS, AGAIN: HAS_DEVICE}
ONLY_FROM = {  # who tells, by whether some learn it and some have the device -> from whom it is hidden at all
    (True, False): "hidden only from who does not retrain",
    (True, True): "hidden only from who neither retrains nor has the device",
    (False, True): "hidden only from who does not have the device",
}


def recordings(rows: Rows) -> list[str]:
    """Table I: of which corpora there is less, or more, than the paper had."""
    told = []
    for row in rows:
        clips, reported = (number(row[column]) for column in ("clips", "paper"))
        if row["emotion"] == "all" and np.isfinite(reported) and clips != reported:
            told.append(f"{row['corpus']}: {clips:.0f} recordings, {100 * clips / reported:.0f} % of the paper's.")
    return told


def emotions(rows: Rows) -> list[str]:
    """Table III: what is hidden and what is left, from whom, in each scenario."""
    told = []
    for (scenario,), part in by(rows, "scenario").items():
        methods = by(part, "method")
        said = [
            f"* *{method}*: {' '.join(filter(None, (_read(own), _retrained(own), _told(own))))}"
            for method in (GRL, GUIDED) if (own := methods.get((method,), []))
        ]  # fmt: skip
        said += [*filter(None, (_drawing(part), *(_trivial(part, method) for method in TRIVIAL)))]
        told += [f"\n**{scenario[:1].upper()}{scenario[1:]} required.**\n", *said] if said else []
    return [*told, ""]


def _read(part: Rows) -> str:
    """What the paper's attacker reads, beside what was asked."""
    secret, wanted, said = f1(part, SENSITIVE), f1(part, REQUIRED), []
    if secret:
        said.append(f"sensitive emotions with F1 {value(secret)} (asked: at most {MOST_SENSITIVE:.0f}; {hidden(part)})")
    if wanted:
        verdict_on_it = f" (asked: at most {MOST_LOST:.0f} lost; {kept(part)})" if kept(part) else ""
        said.append(f"the required one with {value(wanted)}{change(wanted)}{verdict_on_it}")
    return f"The paper's attacker reads {' and '.join(said)}." if said else ""


def _retrained(part: Rows) -> str:
    """What is read back by an attacker that has learned from releases."""
    secret, every = f1(part, SENSITIVE, RETRAINED), one(part, attacker=RETRAINED, role="all", metric="uar")
    said = (
        [f"sensitive ones with F1 {value(secret)}{change(secret)}{guessing(secret, always(part, SENSITIVE))}"]
        if secret
        else []
    )
    said += [f"the three classes with a UAR of {value(every)}{guessing(every)}"] if every else []
    return f"One that retrains on releases reads {' and '.join(said)}." if said else "No attacker was retrained."


def _told(part: Rows) -> str:
    """Whether sensitive releases are told from neutral ones; what is hidden from one attacker alone is not hidden."""
    found = tellers(part)
    if not found:
        return "Nobody was asked whether a clip was replaced."
    said = f"Sensitive releases are told from neutral ones {_aucs(found)}"
    telling = [row["attacker"] for row in found if tells(row)]
    if not telling:
        return f"{said}: no better than by guessing."
    return f"{said}: {ONLY_FROM[REPLACED in telling, AGAIN in telling] if met(hidden(part)) else 'not hidden'}."


def _aucs(found: Rows) -> str:
    said = " and ".join(f"{value(row)} by {TOLD_BY[row['attacker']]}" for row in found)
    return f"with an AUC of {said} (guessing: {GUESSED:.0f})"


def _drawing(part: Rows) -> str:
    """What drawing replacements does to the AUC of *guided*, and what it costs."""
    before, after = ([row for row in part if row["method"] == method] for method in (GUIDED, DRAWN))
    pairs: dict[str, tuple[Row | None, Row | None]] = {
        f"the AUC of {TOLD_BY[old['attacker']]}": (old, one(tellers(after), attacker=old["attacker"]))
        for old in tellers(before)
    }
    pairs |= {f"F1 of the {role} class": (f1(before, role), f1(after, role)) for role in (REQUIRED, SENSITIVE)}
    said = [moved(what, old, new) for what, (old, new) in pairs.items() if old and new]
    return f"* *{DRAWN}*, against *{GUIDED}*, {', '.join(said)}.{_still(after)}" if said else ""


def _still(part: Rows) -> str:
    """Who tells even so."""
    telling = [TOLD_BY[row["attacker"]] for row in tellers(part) if tells(row)]
    if telling:
        return f" Sensitive releases are still told from neutral ones by {' and '.join(telling)}."
    return " Nobody asked tells better than by guessing." if tellers(part) else ""


def _trivial(part: Rows, method: str) -> str:
    """What is reached without any training."""
    own = [row for row in part if row["method"] == method]
    found = {SENSITIVE: (f1(own, SENSITIVE), hidden(own)), REQUIRED: (f1(own, REQUIRED), kept(own))}
    said = [f"{role} F1 {value(row)}" + f" ({how})" * bool(how) for role, (row, how) in found.items() if row]
    said += [f"told {_aucs(tellers(own))}"] if tellers(own) else []
    return f"* *{method}*, {TRIVIAL[method]}: {', '.join(said)}." if said else ""


def sexes(rows: Rows) -> list[str]:
    """Table IV: whether sex is hidden from the paper's attacker, and from one that retrains."""
    told = []
    for method, parts in judged(rows).items():
        said = [f"* {part[0]['scenario']} required: {found}" for part in parts if (found := _privacy(part))]
        told += [f"\n**{method[:1].upper()}{method[1:]}** (asked: P at least {LEAST_PRIVACY:.0f}).\n", *said] * bool(
            said
        )
    return [*told, ""]


def _privacy(part: Rows) -> str:
    """P as the paper's attacker leaves it and as one that retrains does; what is hidden from one is not hidden."""
    plain, again = (one(part, attacker=who, metric="privacy") for who in (RISK, RETRAINED))
    said = [f"P {value(plain)} from the paper's attacker{_how(plain)}"] if plain else []
    said += [f"P {value(again)} from one that retrains{_how(again)}"] if again else []
    if not said:
        return ""
    fooled = met(private(part)) and again is not None and ends(again)[1] < GUESSED
    verdict_on_both = ": hidden only from who does not retrain" if fooled else "" if again else "; nobody retrained"
    return f"{', '.join(said)}{verdict_on_both}."


def _how(row: Row) -> str:
    """The verdict on P; what is read the wrong way round is no privacy."""
    in_reverse = ", but who turns its answers round reads it" * (ends(row)[0] > GUESSED)
    return f" ({verdict(row, LEAST_PRIVACY, sign=-1)}{in_reverse}{reported(row)})"


def read_as(rows: Rows) -> list[str]:
    """Fig. 3: what share of sensitive clips each attacker takes for neutral ones."""
    told, names = [], {RISK: "the paper's attacker", RETRAINED: "one that retrains"}
    chosen = [row for row in rows if (row["truth"], row["read"]) == (SENSITIVE, NEUTRAL)]
    for (scenario, attacker), part in by(chosen, "scenario", "attacker").items():
        shares = {method: number(part_of[0]["share"]) for (method,), part_of in by(part, "method").items()}
        said = [f"{method} {shares[method]:.0f} %" for method in ordered(part) if np.isfinite(shares[method])]
        who = f"* {scenario} required: {names.get(attacker, attacker)} takes sensitive clips for neutral ones"
        told += [f"{who}: {', '.join(said)}."] if said else []
    return ["", *told, ""]


FINDINGS: dict[str, Callable[[Rows], list[str]]] = {
    "rae-table1": recordings, "rae-table3": emotions, "rae-table4": sexes, "rae-fig3": read_as,
}  # fmt: skip
FURTHER: dict[str, dict[str, Callable[[Rows], Rows]]] = {  # tables below the first
    "rae-table3": {
        "What attackers read": attackers,
        "Who tells that a clip was replaced (AUC)": membership,
        "What was asked": asked_of_emotions,
    },
    "rae-table4": {"What was asked": asked_of_sex},
}
