"""The emotion recogniser: guides a protection while it is fitted, and says afterwards whether emotion survived."""

from __future__ import annotations

from aclipse.metrics.classification import uar
from aclipse.models.compact import ClipClassifier
from aclipse.training.recognition import Task

EMOTION = Task(
    name="emotion",
    role="utility",
    judge="compact-emotion",
    target=lambda clip: clip.emotion,
    build=lambda targets: ClipClassifier(sorted(set(targets))),
    marks=lambda truth, read: {"emotion": (float(truth == read), 1.0)},
    score=uar,
)
