"""The sections made of figures; each is empty where the run has nothing for it, and saves what it draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aclipse.report import figures, markup
from aclipse.report.comparison import secrets
from aclipse.report.drawing import save_figure
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.rows import ClipScore
from aclipse.report.vocabulary import SECRETS, metric_of
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


def plane(run: RunFolder) -> str:
    """Privacy against utility, all subjects: of the main secret, then of the others that are compared."""
    drawn = (_plane(run, secret) for secret in secrets(run))
    return markup.section("plane", "Privacy against utility", *drawn)


def _plane(run: RunFolder, secret: str) -> str:
    points = figures.plane_points(run, secret)
    if not points:
        return ""
    metric = metric_of(SECRETS[secret].metric).name
    figure = "{} of words wrong" if secret == "words" else f"{secret} {metric} {{}}"
    told = [
        f"{name}, {kind}: {figure.format(percent(hidden.value))}, UAR {percent(emotion.value)}"
        for (name, kind), (hidden, emotion) in points.items()
    ]
    passing = (
        "the fewer words get through" if secret == "words" else f"the less gets through of {SECRETS[secret].thing}"
    )
    caption = (
        f"Each mark is one way to treat speech: the further right, {passing}; the higher, the better"
        " emotion is read by the judge that counts (the independent one where there is one). Filled: the ignorant"
        f" {'word recogniser' if secret == 'words' else SECRETS[secret].listener}. Hollow: the best attacker. The"
        " dotted line is what an attacker gains by trying harder. Bars: 95 % intervals."
    )
    name = "privacy-utility" if secret == "words" else f"privacy-utility-{secret}"
    return plate(run, name, figures.plane_figure(run, secret), "; ".join(told) + ".", caption)


def emotion_labels(run: RunFolder, seen: set[str]) -> list[str]:
    """The labels seen, in the corpus's order; those that it does not name come last."""
    named = [str(label) for label in run.about.get("corpus", {}).get("emotions", [])]
    return [label for label in named if label in seen] + sorted(seen - set(named))


def _emotion_clips(run: RunFolder, subject: str, knowledge: str) -> list[ClipScore]:
    """One judge's readings of a subject: the first judge's, if there are several."""
    own = [c for c in run.clips if (c.metric, c.subject, c.knowledge) == ("emotion", subject, knowledge)]
    return [clip for clip in own if clip.judge == own[0].judge]
