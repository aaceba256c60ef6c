"""Whether the replacement autoencoder keeps what was asked of it, from the rows of its studies."""

from __future__ import annotations

import numpy as np

from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_figures import Row, Rows
from aclipse.report.reproduced_rae import (
    DRAWN,
    GRL,
    GUIDED,
    RAE,
    REQUIRED,
    RETRAINED,
    RISK,
    SENSITIVE,
    TELLERS,
    cells,
    f1,
    one,
)

MOST_SENSITIVE, MOST_LOST, LEAST_PRIVACY = 20.0, 6.0, 43.0  # %, asked where the paper's attacker reads
GUESSED = 50.0  # %, AUC and P of who tosses a coin
JUDGED = (RAE, GRL, GUIDED, DRAWN)


def verdict(row: Row | None, limit: float, sign: int = 1, column: str = "") -> str:
    """Whether a figure is at most what is asked, or at least with sign −1, and whether its interval leaves it open.

    ``column`` starts the names of the columns meant, if not the score's own; empty where nothing was measured.

    >>> verdict({"value": "12", "low": "9", "high": "21"}, 20.0), verdict({"value": "42", "low": "41"}, 43.0, sign=-1)
    ('met, but not for certain', 'missed')
    """
    middle, *ends = (column, f"{column}_low", f"{column}_high") if column else ("value", "low", "high")
    found = sign * number(row.get(middle)) if row else float("nan")
    if not row or not np.isfinite(found):
        return ""
    known = [sign * number(row.get(end)) for end in ends]
    if round(found, 1) <= sign * limit:
        return "met" + ", but not for certain" * any(end > sign * limit for end in known)
    return "missed" + ", but not for certain" * any(end <= sign * limit for end in known)


def met(said: str) -> bool | None:
    """Whether a verdict is that what was asked is met; None where there is none."""
    return said.startswith("met") if said else None


def ends(row: Row) -> tuple[float, float]:
    """The interval of a figure; without one, the figure itself.

    >>> ends({"value": "55", "low": "52", "high": "58"}), ends({"value": "55"})
    ((52.0, 58.0), (55.0, 55.0))
    """
    low, high = (number(row.get(end)) for end in ("low", "high"))
    return (low, high) if np.isfinite([low, high]).all() else (number(row["value"]), number(row["value"]))


def hidden(part: Rows) -> str:
    """Whether the paper's attacker reads sensitive emotions as badly as asked."""
    return verdict(f1(part, SENSITIVE), MOST_SENSITIVE)


def kept(part: Rows) -> str:
    """Whether it reads the required one as well as asked."""
    return verdict(f1(part, REQUIRED), -MOST_LOST, sign=-1, column="change")


def private(part: Rows, attacker: str = RISK) -> str:
    """Whether an attacker reads sex as badly as asked."""
    return verdict(one(part, attacker=attacker, metric="privacy"), LEAST_PRIVACY, sign=-1)


def tellers(part: Rows) -> Rows:
    """Who was asked whether clips were replaced: the rows against neutral clips."""
    found = (one(part, attacker=who, metric="auc neutral") for who in TELLERS)
    return [row for row in found if row]


def tells(row: Row) -> bool:
    """Whether all of an AUC's interval is above guessing; below tells nothing, as which way to tell was learned."""
    return ends(row)[0] > GUESSED


def asked_of_emotions(rows: Rows) -> Rows:
    """One row a method: in how many scenarios it keeps what is asked, and in how many somebody tells all the same."""
    return [
        {
            "method": method,
            f"sensitive F1 at most {MOST_SENSITIVE:.0f}, {RISK}": _count([met(hidden(part)) for part in parts]),
            f"required F1 at most {MOST_LOST:.0f} below raw, {RISK}": _count([met(kept(part)) for part in parts]),
            "yet somebody tells sensitive from neutral": _count(
                [any(map(tells, found)) if (found := tellers(part)) else None for part in parts]
            ),
        }
        for method, parts in judged(rows).items()
    ]


def asked_of_sex(rows: Rows) -> Rows:
    """One row a method: in how many scenarios it keeps P, as each attacker reads it."""
    title = f"P at least {LEAST_PRIVACY:.0f}"
    return [
        {"method": method}
        | {f"{title}, {who}": _count([met(private(part, who)) for part in parts]) for who in (RISK, RETRAINED)}
        for method, parts in judged(rows).items()
    ]


def judged(rows: Rows) -> dict[str, list[Rows]]:
    """Of each method that is an autoencoder, the rows of each scenario."""
    found: dict[str, list[Rows]] = {}
    for (_, method), part in cells(rows).items():
        if method in JUDGED:
            found.setdefault(method, []).append(part)
    return found


def _count(found: list[bool | None]) -> str:
    known = [each for each in found if each is not None]
    return f"{sum(known)} of {len(known)} scenarios" if known else "–"
