"""What the rows of a Cloak study say, in sentences beside the paper's; no number is typed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aclipse.report.reproduced_cloak import (
    ADVERSARY,
    AS_THE_PAPER,
    CLEAN,
    CLOAK,
    INFORMED,
    NAMES,
    at,
    informed,
    learned,
    minus,
    number,
    pick,
    recalls,
    shown_level,
)
from aclipse.report.reproduced_figures import Row, Rows, by

ALL, NEARLY = 0.5, 5.0  # % of the clips that may be an exception, where "all" or "nearly all" are spoken of
DISPUTED = "500–2000 Hz"  # where the paper sees more suppressed with the adversary


def guessing(rows: Rows) -> list[str]:
    """What one gets without listening, on all corpora together."""
    whole = [row for row in rows if row["corpus"] == rows[0]["corpus"] and np.isfinite(number(row["chance"]))]
    told = [f"{row['task']} {NAMES.get(row['metric'], row['metric'])} {number(row['chance']):.1f}" for row in whole]
    return [f"Guessing ({rows[0]['corpus']}): {', '.join(told)}."] if told else []


def findings(rows: Rows) -> list[str]:
    """What each method costs and hides against clean features, and what attackers that adapt get back."""
    clean, told = at(rows, CLEAN), []
    for method in dict.fromkeys(row["method"] for row in rows if row["method"] != CLEAN):
        level = shown_level(at(rows, method))
        part = at(rows, method, level) if np.isfinite(level) else at(rows, method)
        place = f"{method} at SR {level:.0f} %" if np.isfinite(level) else method
        sentences = [
            _change(clean, part, "emotion"), _adapted(part), _change(clean, part, "sex"), _one_answer(part),
            _informed(part), _back(clean, part), _averaged(part),
        ]  # fmt: skip
        if any(sentences):
            told.append(f"\n**{place[0].upper()}{place[1:]}.** {' '.join(filter(None, sentences))}")
    return [*told, ""]


def _change(clean: Rows, part: Rows, task: str) -> str:
    """Points of UAR lost or gained against clean features, read as in the paper."""
    before, after = (pick(rows, task, AS_THE_PAPER[task]) for rows in (clean, part))
    if not before or not after:
        return ""
    lost = number(before["value"]) - number(after["value"])
    reported = number(before["paper"]) - number(after["paper"])
    theirs = f"; the paper: {minus(f'{-reported:+.1f}')}" if np.isfinite(reported) else ""
    reader = {"emotion": "The guide reads emotion", "sex": "An attacker that knows only clean features reads sex"}[task]
    sure = f", {_paired(after)}" if _paired(after) else ""
    how = f"{abs(lost):.1f} points of UAR {'worse' if lost > 0 else 'better'}" if round(lost, 1) else "as well"
    doubt = ", but this interval holds 0" if round(lost, 1) and _may_be_none(after) else ""
    return f"{reader} {how} ({_from_to(before, after)}{sure}{theirs}){doubt}."


def _adapted(part: Rows) -> str:
    """Emotion as whoever receives it would read it, knowing the device, or having learned from it."""
    words = {"informed": "by who has the device", "fine-tuned": "by who has learned from its releases"}
    found = {who: pick(part, "emotion", who) for who in words}
    told = [f"at {_value(row)} {words[who]}" for who, row in found.items() if row]
    return f"It is read {' and '.join(told)}." if told else ""


def _one_answer(part: Rows) -> str:
    """Whether who knows only clean features says the same of all clips; that is no proof that nothing is left."""
    found = {label: number(row["value"]) for label, row in recalls(part, "ignorant").items()}
    if len(found) < 2 or min(found.values()) > NEARLY or max(found.values()) < 100 - NEARLY:
        return ""
    often = max(found, key=lambda label: found[label])
    few = min(found.values()) <= ALL and found[often] >= 100 - ALL
    verdict = ": it is fooled, not blinded" if _reads(informed(part, "sex")) else ""
    return f"It says {often} of {'all' if few else 'nearly all'} clips{verdict}."


def _informed(part: Rows) -> str:
    """What who has the device reads of sex, learning nothing."""
    plain, moved = (pick(part, "sex", who) for who in INFORMED)
    if not plain:
        return ""
    more = f", and {_value(moved)} once its threshold is moved" if moved else ""
    return f"Who has the device and learns nothing reads {_value(plain)}{more}."


def _reads(row: Row | None) -> bool:
    """Whether someone does better than by guessing."""
    return row is not None and number(row["low"]) > number(row["chance"])


def _back(clean: Rows, part: Rows) -> str:
    """What the best retrained attacker on sex gets back of what was hidden from the paper's."""
    before, after, best = pick(clean, "sex", "ignorant"), pick(part, "sex", "ignorant"), learned(part, "sex")
    if not before or not after or not best:
        return "" if best else "No attacker on sex was retrained."
    lost, gained = (number(a["value"]) - number(after["value"]) for a in (before, best))
    who = f"The best retrained attacker ({best['attacker']}) reads {number(best['value']):.1f}"
    if round(lost, 1) <= 0:
        return f"{who}; nothing was hidden that it could get back."
    if round(gained, 1) <= 0:
        return f"{who}: it gets nothing back."
    share = f"all {lost:.1f} points" if gained >= lost else f"{gained:.1f} of these {lost:.1f} points"
    return f"{who}: it gets back {share}."


def _averaged(part: Rows) -> str:
    """What is heard in the mean of many releases of one utterance, by how noise is drawn."""
    words = {"anew": "with noise drawn anew", "fixed": "with one fixed draw"}
    found = {draw: pick(part, "sex", "averaged", draw) for draw in words}
    told = [f"{number(row['value']):.1f} {words[draw]}" for draw, row in found.items() if row]
    return f"In the mean of repeated releases who knows only clean features reads {' and '.join(told)}." if told else ""


def _may_be_none(after: Row) -> bool:
    """Whether the interval of the paired difference holds 0."""
    return number(after.get("change_low")) <= 0 <= number(after.get("change_high"))


def _paired(row: Row) -> str:
    """The interval of the change against clean features, on the same clips."""
    low, high = (number(row.get(name)) for name in ("change_low", "change_high"))
    return minus(f"change {low:+.1f} to {high:+.1f}") if np.isfinite(low) else ""


def _value(row: Row) -> str:
    change = _paired(row)
    return f"{number(row['value']):.1f}" + (f" ({change})" if change else "")


def _from_to(before: Row, after: Row) -> str:
    return f"{number(before['value']):.1f} → {number(after['value']):.1f}"


def disputed(rows: Rows) -> list[str]:
    """The paper's sentence on Fig. 5 beside what the rows say."""
    level, said = shown_level(rows), f"The paper: with the adversary more is suppressed in {DISPUTED}."
    pairs = [
        tuple(_share(part, method, level) for method in (CLOAK, ADVERSARY))
        for part in by([row for row in rows if row["band"] == DISPUTED], "rotation").values()
    ]
    known = np.array([pair for pair in pairs if np.isfinite(pair).all()])
    if not len(known):
        return [f"{said} Here one of the two was not measured."]
    without, with_it = known.mean(axis=0)
    verdict = "so it is here" if with_it > without else "not so here"
    count = f", in {int((known[:, 1] > known[:, 0]).sum())} of {len(known)} rotations" if len(known) > 1 else ""
    return [f"{said} At SR {level:.0f} % {verdict}: {with_it:.1f} % with it, {without:.1f} % without{count}."]


def _share(rows: Rows, method: str, level: float) -> float:
    found = [number(row["suppressed %"]) for row in at(rows, method, level)]
    return float(np.mean(found)) if found else float("nan")


FINDINGS: dict[str, Callable[[Rows], list[str]]] = {
    "cloak-table2": guessing, "cloak-fig4": findings, "cloak-fig5": disputed,
}  # fmt: skip
