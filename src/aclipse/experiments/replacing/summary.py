"""From rows of single clips to measures of roles, of sex, and of what was replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from aclipse.experiments.replacing.attackers import OTHERS, is_asked
from aclipse.experiments.study.measures import (
    Array,
    Measure,
    Rows,
    accuracy,
    auc,
    confusions,
    on,
    ratio,
    recall,
    speakers_of,
    uar,
)
from aclipse.protections.replacement.roles import ROLES
from aclipse.protections.replacement.training import SEXES

ROLE_METRICS = ("f1", "u", "recall")
SEX_METRICS = ("leakage", "privacy", "uar")


def of_roles(places: Sequence[Rows], raw: Sequence[Rows] | None) -> dict[tuple[str, str], Measure]:
    """Role and metric → measure. ``raw``: what the risk model reads in the same vectors as they are, for U (eq. 4).

    F1 is of a role against the others, UAR of all three. A reader that draws roles evenly has the chance given.
    """
    speakers = speakers_of(places)
    read = confusions(places, speakers, "role", "read_role", ROLES)
    total = read.sum((0, 1))
    found: dict[tuple[str, str], Measure] = {}
    for place, role in enumerate(ROLES):
        count = int(total[place].sum())
        share = count / total.sum()
        chance = 2 * share / (1 + len(ROLES) * share)
        found[role, "f1"] = Measure(on(read, _f1(place)), int(total.sum()), chance)
        if raw is not None:
            kept = _kept(places, raw, speakers, role)
            found[role, "u"] = Measure(on(kept, _share), int(kept.sum((0, 1))[1]), float("nan"))
        found[role, "recall"] = Measure(on(read, recall(place)), count, 1 / len(ROLES))
    found["all", "uar"] = Measure(on(read, uar), int(total.sum()), 1 / len(ROLES))
    return found


def of_sex(places: Sequence[Rows]) -> dict[tuple[str, str], Measure]:
    """Leakage L, the accuracy; privacy P, 1 - UAR; and UAR (section V-C), all of the role "all"."""
    read = confusions(places, speakers_of(places), "sex", "read_sex", SEXES)
    total = read.sum((0, 1))
    often = float(total.sum(1).max() / total.sum())
    count = int(total.sum())
    return {
        ("all", "leakage"): Measure(on(read, accuracy), count, often),
        ("all", "privacy"): Measure(on(read, lambda cells: 1 - uar(cells)), count, 0.5),
        ("all", "uar"): Measure(on(read, uar), count, 0.5),
    }


def of_replaced(places: Sequence[Rows]) -> dict[tuple[str, str], Measure]:
    """How well odds of each question tell what was sensitive: from what is neutral, and from all else: AUC."""
    speakers = speakers_of(places)
    found: dict[tuple[str, str], Measure] = {}
    for question in OTHERS:
        judged = [[row for row in rows if is_asked(row["role"], question)] for rows in places]
        statistic = auc(judged, speakers, f"odds_{question}", lambda row: row["role"] == "sensitive")
        found["sensitive", f"auc {question}"] = Measure(statistic, sum(map(len, judged)), 0.5)
    return found


def _kept(places: Sequence[Rows], raw: Sequence[Rows], speakers: Sequence[str], role: str) -> Array:
    """How many clips of a role were read right, still are and were at all, ``(speakers, places, 2)``."""
    found = np.zeros((len(speakers), len(places), 2))
    for place, (rows, before) in enumerate(zip(places, raw, strict=True)):
        was_right = {row["id"] for row in before if row["role"] == row["read_role"] == role}
        for row in rows:
            if row["id"] in was_right:
                found[speakers.index(row["speaker"]), place] += (row["read_role"] == role, 1)
    return found


def _share(counts: Array) -> Array:
    return ratio(counts[..., 0], counts[..., 1])


def _f1(label: int) -> Callable[[Array], Array]:
    return lambda read: ratio(2 * read[..., label, label], read[..., label, :].sum(-1) + read[..., :, label].sum(-1))
