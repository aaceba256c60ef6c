"""How training went: of the protection, whatever it releases, and of the recognisers that guided it."""

from __future__ import annotations

from aclipse.report import cloak, figures, markup, replacement
from aclipse.report.folder import RunFolder
from aclipse.report.plates import plate


def training(run: RunFolder) -> str:
    """How training went, on validation clips."""
    parts = [cloak.training(run), replacement.training(run)]
    if rows := run.history.get("cascade"):
        chosen = [str(i) for i, row in enumerate(rows, start=1) if row.get("chosen")]
        caption = (
            "Above: what the guiding recognisers make of validation clips after every epoch. Below: both losses and the"
            " SNR. The vertical line parts stage 1 (both modules learn to hide words) from stage 2 (the first is"
            " frozen, the second wins emotion back). Rings mark the chosen epoch: the one with the most words wrong"
            " among those that read emotion well enough."
        )
        alt = f"Word errors, emotion scores and losses over {len(rows)} epochs; chosen epoch: {', '.join(chosen)}."
        parts.append(plate(run, "training", figures.training_figure(rows), alt, caption))
    listeners = {part: rows for part, rows in run.history.items() if part in ("emotion", "words")}
    if figures.listener_curves(listeners):
        caption = "The frozen recognisers while they were trained on clean speech: scores on validation clips."
        alt = f"Validation scores per epoch of: {', '.join(listeners)} recogniser."
        parts.append(plate(run, "listeners", figures.listeners_figure(listeners), alt, caption))
    return markup.section("training", "How training went", *parts)
