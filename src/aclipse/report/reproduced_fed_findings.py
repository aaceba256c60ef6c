"""What the rows of the federated studies say, in sentences; no figure of a result is typed."""

from __future__ import annotations

from collections.abc import Callable

from aclipse.report.reproduced_cloak import minus, number
from aclipse.report.reproduced_fed import (
    AWARE,
    CENTRAL,
    CONTROL,
    COUNTS,
    IGNORANT,
    LAYERS,
    LOCAL,
    NONE,
    SAME,
    TITLES,
    budget,
    change,
    emotion,
    label,
    leaks,
    of_sex,
    other_secrets,
    places,
    sex,
)
from aclipse.report.reproduced_fed_verdicts import (
    LEAST_READ,
    MOST_READ,
    asked_of_attackers,
    asked_of_mechanisms,
    first_count,
    is_asked,
    is_to_leak,
    leaking,
    reads,
    undefended,
)
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import one
from aclipse.report.reproduced_rae_words import guessing, value
from aclipse.report.reproduced_rae_words import reported as _reported

NAMES = {"fedavg": "FedAvg", "fedsgd": "FedSGD"}
UNPROMISED = " as the server sees them before its noise, of which nothing is promised"
_ITS_OWN = (CENTRAL, "local")
FROM = {"1": "one update on", "all": "all updates together"}


def utilities(rows: Rows) -> list[str]:
    """fed-utility: what learning apart costs against learning at one place."""
    told = []
    for (corpus, functionals), part in by(rows, "corpus", "functionals").items():
        whole = one(part, algorithm="central", metric="uar")
        found = {name: one(part, algorithm=algorithm, metric="uar") for algorithm, name in NAMES.items()}
        said = [f"{name} {value(row)}{guessing(row)}{_apart(row, whole)}" for name, row in found.items() if row]
        told += [f"\n**{corpus}, {functionals}.** Emotion is read with a UAR of: {'; '.join(said)}."] if said else []
    return [*told, ""]


def _apart(row: Row, whole: Row | None) -> str:
    """Against guessing and the same network trained at one place, and the paper's figure."""
    said = ", no better than guessing" * (not reads(row))
    said += minus(f", {number(row['value']) - number(whole['value']):+.1f} against central") if whole else ""
    return said + f", the paper: {row['paper']}" * bool(row["paper"])


def attacks(rows: Rows) -> list[str]:
    """fed-attack: what each attacker reads in one update, and whether the control reads nothing."""
    told = []
    for (corpus, functionals), own in by(rows, "corpus", "functionals").items():
        said = []
        for (algorithm,), part in by(own, "algorithm").items():
            sentences = [_layers(of_sex(part)), _control(of_sex(part)), _same(of_sex(part)), _others(part)]
            name = NAMES.get(algorithm, algorithm)
            said += [f"* *{name}*: {' '.join(filter(None, sentences))}"] if any(sentences) else []
        told += [f"\n**{corpus}, {functionals}.**\n", *said] if said else []
    return [*told, ""]


def _layers(part: Rows) -> str:
    first, rest = one(part, attacker=LAYERS[0]), [one(part, attacker=layer) for layer in LAYERS[1:]]
    said = []
    if first:
        asked = f" (asked: at least {LEAST_READ:.0f}; {leaking(first)})" * is_to_leak(first["corpus"])
        told = f"sex is read in the first layer of one update with UAR {value(first)}{guessing(first)}"
        said.append(f"{told}{_of_paper(first)}{asked}")
    more = [f"{row['attacker']} {value(row)}" + f" (the paper: {row['paper']})" * bool(row["paper"])
            for row in rest if row]  # fmt: skip
    said += [f"the others: {', '.join(more)}"] if more else []
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if said else ""


def _control(part: Rows) -> str:
    """Whether who learned from shuffled labels reads nothing, as it must."""
    row = one(part, attacker=CONTROL)
    if not row:
        return ""
    fine = "better than by guessing, so that something is wrong with the experiment" if reads(row) else "nothing"
    return f"Who learned from shuffled labels reads {fine} ({value(row)})."


def _same(part: Rows) -> str:
    row = one(part, attacker=SAME)
    return f"With shadow models of the same corpus it would be {value(row)}." if row else ""


def _others(part: Rows) -> str:
    """Other secrets, each with its chance."""
    said = []
    for row in part:
        if row not in of_sex(part) and row["attacker"] != CONTROL and number(row["value"]) == number(row["value"]):
            known = row["chance"] and number(row["low"]) == number(row["low"])  # without an interval nothing is judged
            how = "" if not known else ", better than that" if reads(row) else ", no better than that"
            title = TITLES.get(row["metric"], row["metric"])
            said.append(f"{row['attacker']} ({row['secret']}): {title} {value(row)}{guessing(row)}{how}")
    return f"Other secrets: {'; '.join(said)}." if said else ""


def mechanisms(rows: Rows) -> list[str]:
    """fed-udp: of each mechanism and label what it promises, costs, and hides from whom."""
    told, corpora = [], by(rows, "corpus")
    for (corpus,), own in corpora.items():
        said = [
            f"* *{label(mechanism, epsilon)}*{_promise(mechanism, part)}: {' '.join(found)}"
            for (_, mechanism, epsilon), part in places(own).items()
            if (found := [*filter(None, (_emotion(part), *_views(mechanism, epsilon, part)))])
        ]
        told += [f"\n**{corpus}.**\n", *said] if said else []
    return [*told, ""]


def _promise(mechanism: str, part: Rows) -> str:
    """What ε of a label is worth, told beside it; a strict one is its own."""
    found = {name: next((row[name] for row in part if budget(row[name]) != "–"), "") for name in _HONEST}
    at = f" at δ = {budget(found['delta'])}" if found["delta"] else ""
    if mechanism in (CENTRAL, LOCAL):
        return f" ({'released models' if mechanism == CENTRAL else 'updates as sent'}{at})" if at else ""
    worth = [f"{budget(found[name])} for who sees {what}" for name, what in _SEEN.items() if found[name]]
    return f" (honestly ε = {' and '.join(worth)}{at})" if worth else ""


_SEEN = {"honest": "released models", "honest_local": "one update"}
_HONEST = (*_SEEN, "delta")


def _emotion(part: Rows) -> str:
    row = emotion(part)
    moved = f", {change(row)} against no mechanism" if change(row) else ""
    return f"emotion UAR {value(row)}{moved}{_of_paper(row)}." if row else ""


def _of_paper(row: Row) -> str:
    return f" (the paper: {row['paper']})" if row["paper"] else ""


def _views(mechanism: str, epsilon: str, part: Rows) -> list[str]:
    """What is read of sex, one sentence a view."""
    said = []
    for (view,), seen in by([row for row in part if row["measure"] == "sex"], "view").items():
        known = [text for count in ("1", "all") if (text := _from(seen, count))]
        if known:
            where = {"central": "released models"}.get(view, "updates") + UNPROMISED * ((mechanism, view) == _ITS_OWN)
            said.append(f"Sex in {where}: {', '.join(known)}; {_verdict(mechanism, epsilon, view, seen)}.")
    return said


def _from(seen: Rows, count: str) -> str:
    """From so many updates: by either attacker."""
    found = {attacker: sex(seen, attacker, count) for attacker in (IGNORANT, AWARE)}
    said = [f"{value(row)} ({attacker}{_reported(row)})" for attacker, row in found.items() if row]
    return f"from {'one' if count == '1' else count} {', '.join(said)}" if said else ""


def _verdict(mechanism: str, epsilon: str, view: str, seen: Rows) -> str:
    """Whether it is hidden from whom, and what was asked of it."""
    asked = ""
    if mechanism == NONE and is_to_leak(seen[0]["corpus"]):
        asked = f" (asked of one: at least {LEAST_READ:.0f}; {leaking(undefended(seen))})"
    elif is_asked(mechanism, epsilon) and view == "central":
        asked = f" (asked of all, aware: at most {MOST_READ:.0f}; judged in the table)"
    plain, prepared = (first_count(seen, attacker) for attacker in (IGNORANT, AWARE))
    if not plain and not prepared:
        return f"nobody asked reads it better than by guessing{asked}"
    if not plain and any(row["attacker"] == IGNORANT for row in seen):
        return f"hidden only from who does not prepare: who does reads it from {_count(prepared)}{asked}"
    first = min(filter(None, (plain, prepared)), key=COUNTS.index)
    return f"read from {_count(first)}{asked}"


def _count(count: str) -> str:
    return FROM.get(count, f"{count} updates on")


FINDINGS: dict[str, Callable[[Rows], list[str]]] = {
    "fed-utility": utilities, "fed-attack": attacks, "fed-udp": mechanisms,
}  # fmt: skip


def _attacked(rows: Rows) -> dict[str, Rows]:
    return other_secrets(rows) | {"What was asked": asked_of_attackers(rows)}


def _protected(rows: Rows) -> dict[str, Rows]:
    return leaks(rows) | {"What was asked": asked_of_mechanisms(rows)}


FURTHER: dict[str, Callable[[Rows], dict[str, Rows]]] = {"fed-attack": _attacked, "fed-udp": _protected}
