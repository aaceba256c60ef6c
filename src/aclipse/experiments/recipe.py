"""A recipe: TOML that holds only what differs from the defaults, read into typed settings."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from aclipse.audio.segments import FeatureSettings
from aclipse.contracts import Settings
from aclipse.errors import RecipeError
from aclipse.experiments.levels import AuditSettings, EmotionLoop, Level, WordsLoop
from aclipse.experiments.overrides import parse
from aclipse.experiments.updates.settings import UpdateSettings
from aclipse.protections.cascade.method import CascadeSettings
from aclipse.protections.cloak.method import CloakSettings
from aclipse.protections.replacement.method import ReplacementSettings
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.training.projection import ProjectionSettings


class CorpusSettings(Settings):
    """Which clips of the corpus count."""

    emotions: tuple[str, ...] = Field(("neutral", "happy", "sad", "angry"), strict=False, min_length=2)
    only: dict[str, str] = Field(
        default_factory=dict
    )  # a manifest's columns and the value each must have, such as scenario = "improvised"


class SplitSettings(Settings):
    """Who is trained on, who chooses the checkpoint, who is judged."""

    kind: Literal["speaker-kfold", "leave-one-session-out", "utterance-kfold"] = "speaker-kfold"
    folds: int = Field(5, ge=2)
    fold: int = Field(0, ge=0)
    validation: float = Field(0.125, gt=0, lt=1)


class EvaluatorSettings(Settings):
    """The frozen recognisers."""

    source: str = "train"  # train them; "built-in": those of the package; or a folder with emotion/ and words/ in it
    backbone: str = "compact"  # from random weights; or a wav2vec 2.0, HuBERT or WavLM checkpoint: hub id or folder
    freeze_front_end: bool = True  # of a backbone: its convolutions stay as pretrained, and both recognisers share them
    shared_encoder: bool = False  # of a backbone: one encoder with two heads, trained by the settings under `emotion`
    shared_weight: float = Field(0.1, gt=0)  # of CTC beside cross-entropy, for the shared encoder
    emotion: EmotionLoop = EmotionLoop()
    words: WordsLoop = WordsLoop()

    @model_validator(mode="after")
    def _two_heads_need_a_backbone(self) -> EvaluatorSettings:
        if self.shared_encoder and self.backbone == "compact":
            raise ValueError("shared_encoder needs a backbone; the compact recognisers have nothing to share")
        return self


class Recipe(Settings):
    """Everything that a run depends on, beside its corpus."""

    seed: int = Field(0, ge=0)
    release: Literal["waveform", "features", "functionals", "updates"] = "waveform"
    # by the cascade, the cloak, replacement, or user-level differential privacy
    corpus: CorpusSettings = CorpusSettings()
    split: SplitSettings = SplitSettings()
    evaluators: EvaluatorSettings = EvaluatorSettings()
    features: FeatureSettings = FeatureSettings()  # that are released
    functionals: ProjectionSettings = ProjectionSettings()  # or these, as one vector of a recording
    cascade: CascadeSettings = CascadeSettings()
    cloak: CloakSettings = CloakSettings()
    replacement: ReplacementSettings = ReplacementSettings()
    federation: FederationSettings = FederationSettings()
    privacy: PrivacySettings = PrivacySettings()
    updates: UpdateSettings = UpdateSettings()  # whose leave, and who attacks them
    audit: AuditSettings = AuditSettings()

    @model_validator(mode="after")
    def _features_have_readers(self) -> Recipe:
        own = self.evaluators
        if self.release in ("features", "functionals") and (own.backbone != "compact" or own.source == "built-in"):
            raise ValueError(
                f"what is published reads sound alone: with release = {self.release}, evaluators.backbone must be "
                "compact and evaluators.source train or the folder of a run that releases the same"
            )
        by_speaker = self.release == "functionals" and self.functionals.normalisation == "speaker"
        if by_speaker and self.split.kind == "utterance-kfold":
            raise ValueError(
                "utterance-kfold tests clips of training speakers, whose ranges would hold them: choose another "
                "split.kind, or functionals.normalisation = training"
            )
        if self.release == "updates" and self.split.kind == "utterance-kfold":
            raise ValueError("utterance-kfold tests speakers who have taken part: choose another split.kind")
        return self

    @property
    def emotions(self) -> tuple[str, ...]:
        """Of the clips that are learned from and judged."""
        return self.replacement.roles.emotions if self.release == "functionals" else self.corpus.emotions


def read_recipe(path: Path | str, overrides: Sequence[str] | None = None) -> Recipe:
    """Read a recipe and apply ``section.key=value`` overrides; a value is written as in TOML, or is a bare word.

    Raises RecipeError for a missing or broken file, an unknown key, a wrong type or a value out of range.
    """
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read this recipe ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not a TOML file ({error}).") from error
    return parse_recipe(settings, str(path), overrides or [])


def parse_recipe(settings: dict[str, Any], source: str, overrides: Sequence[str] = ()) -> Recipe:
    """Apply overrides, check settings and fill in defaults; raises RecipeError naming ``source``.

    Another ``audit.level`` takes the place of what was set for the level that the settings were written for.
    """
    if any(override.startswith("audit.level=") for override in overrides):
        audit = {name: value for name, value in settings.get("audit", {}).items() if name not in Level.model_fields}
        settings = {**settings, "audit": audit}
    return parse(Recipe, settings, overrides, source)
