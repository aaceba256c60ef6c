"""The sections made of figures; each is empty where the run has nothing for it, and saves what it draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aclipse.report import figures, markup
from aclipse.report.drawing import save_figure
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.rows import ClipScore
from aclipse.report.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plate(run: RunFolder, name: str, figure: Figure, alt: str, caption: str) -> str:
    """Save a figure as PNG and PDF and put it in the page."""
    return markup.picture(save_figure(figure, figures_folder(run), name), alt, caption)


def figures_folder(run: RunFolder) -> Path:
    """Where a run's figures are written."""
    return run.path / "report" / "figures"


def confusions(run: RunFolder) -> str:
    """Which emotion is taken for which, before and after."""
    own = protector(run.scores)
    kinds = {
        ("identity", "ignorant"): "original",
        (own, "ignorant"): "protected",
        (own, "transferred"): "protected, independent",
        (own, "retrained"): "protected, retrained",
    }
    clips = {title: _emotion_clips(run, *kind) for kind, title in kinds.items()}
    seen = {label for each in clips.values() for clip in each for label in (clip.reference, clip.prediction)}
    labels = emotion_labels(run, seen)
    counts = {title: figures.confusion(members, labels) for title, members in clips.items() if members}
    if not counts:
        return ""
    right = {title: matrix.diagonal() / matrix.sum(1).clip(min=1) for title, matrix in counts.items()}
    told = [
        f"{title}: " + ", ".join(f"{label} {percent(share)}" for label, share in zip(labels, shares, strict=True))
        for title, shares in right.items()
    ]
    alt = f"Confusion matrices. Share of each emotion read right – {'; '.join(told)}."
    caption = (
        "Of the clips meant as one emotion (row), the per cent read as each emotion (column). A dark diagonal is good;"
        " a dark column is an emotion that others are mistaken for."
    )
    if "protected, retrained" in counts:
        caption += " “Retrained”: the emotion recogniser was trained again on protected speech."
    if "protected, independent" in counts:
        caption += " “Independent”: another recogniser, which guided nobody."
    drawn = plate(run, "confusion", figures.confusion_figure(counts, labels), alt, caption)
    return markup.section("confusion", "Which emotion is taken for which", drawn)


def training(run: RunFolder) -> str:
    """How training went, on validation clips."""
    parts = []
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
        caption = "Guiding recognisers while they were trained on clean speech: scores on validation clips."
        alt = f"Validation scores per epoch of: {', '.join(listeners)} recogniser."
        parts.append(plate(run, "listeners", figures.listeners_figure(listeners), alt, caption))
    return markup.section("training", "How training went", *parts)


def plane(run: RunFolder) -> str:
    """Privacy against utility, all subjects."""
    points = figures.plane_points(run)
    if not points:
        return ""
    told = [
        f"{name}, {kind}: {percent(words.value)} of words wrong, UAR {percent(emotion.value)}"
        for (name, kind), (words, emotion) in points.items()
    ]
    caption = (
        "Each mark is one way to treat speech: the further right, the fewer words get through; the higher, the better"
        " emotion is read by the judge that counts (the independent one where there is one). Filled: the ignorant word"
        " recogniser. Hollow: the best attacker. The dotted line is what an attacker gains by trying harder. Bars:"
        " 95 % intervals."
    )
    drawn = figures.plane_figure(run)
    title = "Privacy against utility"
    return markup.section("plane", title, plate(run, "privacy-utility", drawn, "; ".join(told) + ".", caption))


def emotion_labels(run: RunFolder, seen: set[str]) -> list[str]:
    """The labels seen, in the corpus's order; those that it does not name come last."""
    named = [str(label) for label in run.about.get("corpus", {}).get("emotions", [])]
    return [label for label in named if label in seen] + sorted(seen - set(named))


def _emotion_clips(run: RunFolder, subject: str, knowledge: str) -> list[ClipScore]:
    """One judge's readings of a subject: the first judge's, if there are several."""
    own = [c for c in run.clips if (c.metric, c.subject, c.knowledge) == ("emotion", subject, knowledge)]
    return [clip for clip in own if clip.judge == own[0].judge]
