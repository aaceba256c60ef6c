"""How a figure of the replacement autoencoder's studies is said in a sentence."""

from __future__ import annotations

import numpy as np

from aclipse.report.reproduced_cloak import minus, number, score
from aclipse.report.reproduced_figures import Row


def value(row: Row) -> str:
    """Value and interval."""
    return score({**row, "std": ""})


def change(row: Row) -> str:
    """Points against raw vectors, paired, and their interval; empty where none is known."""
    if not np.isfinite(number(row.get("change"))):
        return ""
    low, high = (number(row.get(name)) for name in ("change_low", "change_high"))
    sure = f" ({low:+.1f} to {high:+.1f})" if np.isfinite(low) else ""
    return minus(f", {number(row['change']):+.1f}{sure} against raw vectors")


def guessing(row: Row, constant: float = float("nan")) -> str:
    """What one gets without listening: by drawing lots, and by always saying the same if that is told.

    >>> guessing({"chance": "40"}, 68.42), guessing({"chance": ""})
    (' (guessing: 40.0; saying so of every clip: 68.4)', '')
    """
    found = {"guessing": number(row.get("chance")), "saying so of every clip": constant}
    said = [f"{how}: {figure:.1f}" for how, figure in found.items() if np.isfinite(figure)]
    return f" ({'; '.join(said)})" if said else ""


def reported(row: Row) -> str:
    """The paper's figure, where it has one."""
    return f"; the paper: {row['paper']}" if row["paper"] else ""


def moved(what: str, old: Row, new: Row) -> str:
    """From one figure to another, and by how much.

    >>> moved("the AUC", {"value": "80"}, {"value": "55"})
    'lowers the AUC by 25.0 (80.0 → 55.0)'
    """
    points = round(number(new["value"]) - number(old["value"]), 1)
    if not points:
        return f"leaves {what} at {value(new)}"
    return f"{'raises' if points > 0 else 'lowers'} {what} by {abs(points):.1f} ({value(old)} → {value(new)})"
