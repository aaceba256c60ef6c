"""The small run folder as that of a cloak: features leave the device, and rivals stand beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from toy_run import SCORE_HEADER, columns, example_scores, name_of, table, toy, write, write_run

from aclipse.audio.segments import FeatureSettings
from aclipse.contracts import Clip
from aclipse.corpora import manifest, splits
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.report.folder import RunFolder
from aclipse.report.rows import Score
from aclipse.training.features import FeatureStore

FEATURES = FeatureSettings(bands=16, segment=20, train_hop=10, test_hop=15)
CLOAK = {
    "mode": "corrected", "form": "universal", "secrets": ["sex"], "suppression": 60.0, "sparsity": 0.1,
    "reversal": 0.1, "fixed": False,
}  # fmt: skip
ABOUT: dict[str, Any] = {"recipe": {"release": "features", "seed": 3, "cloak": CLOAK}}
PERTURBATION = """epoch,cross_entropy,sex,sparsity,uar,sigma,seconds
0,0.6,0.7,6.8,0.8,0.04,4
1,0.5,0.6,5.8,0.7,0.07,4
"""
SUPPRESSION = """epoch,cross_entropy,sex,uar,sigma,seconds
0,0.7,0.65,0.6,0.07,4
"""


def cloaked(**gaps: float) -> list[Score]:
    """The toy's scores as those of a cloak; beside it what averaging makes of it, and a cascade, each a gap away."""
    own = [replace(s, subject=name_of(s.subject, "cloak")) for s in example_scores() if s.metric != "stoi"]
    judged = [s for s in own if s.subject == "cloak"]
    others = {"cloak-averaged": gaps.get("averaged", 0.0), "cascade": gaps.get("cascade", 0.0)}
    return own + [moved(s, name, gap) for name, gap in others.items() for s in judged]


def moved(s: Score, name: str, gap: float) -> Score:
    """The same score of another subject, so much higher; what is measured of the signal stays."""
    shift = 0.0 if s.role == "quality" else gap
    low, high = (None if end is None else end + shift for end in (s.low, s.high))
    return replace(s, subject=name, value=s.value + shift, low=low, high=high)


def toy_cloak(**gaps: float) -> RunFolder:
    """A run on features of nothing but scores."""
    return toy(cloaked(**gaps), about=ABOUT)


def write_features_run(folder: Path, changes: dict[str, Any] | None = None, **features: Any) -> Path:
    """Write what a finished and audited run on features holds: its cloak, both histories, what it computed."""
    write_run(folder, subject="cloak")
    settings, asked = FEATURES.model_copy(update=features), {**CLOAK, **(changes or {})}
    about = json.loads((folder / "run.json").read_text("utf-8"))
    about["recipe"] = {**ABOUT["recipe"], "cloak": asked, "features": settings.model_dump(mode="json")}
    write(folder / "run.json", json.dumps(about))
    table(folder / "audit" / "scores.csv", SCORE_HEADER, [[s.subject, *columns(s)] for s in cloaked()])
    shutil.rmtree(folder / "cascade")
    (folder / "audit" / "frontier.csv").unlink()
    write(folder / "cloak" / "perturbation" / "history.csv", PERTURBATION)
    if asked["suppression"]:
        write(folder / "cloak" / "suppression" / "history.csv", SUPPRESSION)
    fitted(settings, asked).save(folder / "cloak" / "weights.safetensors")
    _recordings(folder, settings)
    return folder


def fitted(settings: FeatureSettings, asked: dict[str, Any]) -> Cloak:
    """A cloak that has learned nothing, of the form and with the share suppressed that are asked for."""
    noise = Noise(NoiseSettings(segment=settings.segment, bands=settings.bands, form=asked["form"]))
    noise.suppress(asked["suppression"])
    return Cloak(noise, settings, asked["fixed"])


def _recordings(folder: Path, settings: FeatureSettings) -> None:
    """The clips to listen to are all that the run has ever heard."""
    listen = folder / "audit" / "listen"
    shutil.copytree(listen / "original", listen / "identity")
    clips = tuple(Clip(path.stem, path, speaker="anna") for path in sorted((listen / "original").iterdir()))
    manifest.write(manifest.Manifest("toy", clips), folder / "manifest.csv")
    splits.write(splits.Split("given", {clip.id: "train" for clip in clips}, False), folder / "split.csv")
    FeatureStore(manifest.read(folder / "manifest.csv").clips, settings, folder / "features")
