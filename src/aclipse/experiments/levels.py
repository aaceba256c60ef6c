"""How hard an audit tries: what each level climbs, and the settings that may change it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aclipse.contracts import Settings
from aclipse.training.loop import LoopSettings
from aclipse.training.recognition import RecognizerLoop

Rung = Literal["purifying", "retrained", "purified", "scratch", "inverting"]
LevelName = Literal["quick", "standard", "full"]
PRIVATE = ("words", "sentence", "sex", "speaker", "sensitive")  # the secrets an audit knows, in the order of its tables


class EmotionLoop(RecognizerLoop):
    """From random weights."""

    epochs: int = Field(30, ge=1)
    learning_rate: float = Field(1.5e-3, gt=0)


class WordsLoop(RecognizerLoop):
    """From random weights."""

    epochs: int = Field(14, ge=1)
    batch_size: int = Field(8, ge=1)
    learning_rate: float = Field(1.5e-3, gt=0)


class RetrainLoop(RecognizerLoop):
    """From the weights of a recogniser of clean speech."""

    epochs: int = Field(5, ge=1)
    learning_rate: float = Field(5e-4, gt=0)


class ClosedLoop(RecognizerLoop):
    """From random weights, and again from those."""

    epochs: int = Field(8, ge=1)


class IndependentEmotionLoop(RecognizerLoop):
    """Of another architecture, from random weights."""

    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(2e-3, gt=0)


class IndependentWordsLoop(IndependentEmotionLoop):
    """Of another architecture, from random weights."""

    epochs: int = Field(18, ge=1)
    batch_size: int = Field(8, ge=1)


class SpeakerLoop(RecognizerLoop):
    """From random weights, and again from those; a change of speed would make another voice of it."""

    epochs: int = Field(6, ge=1)
    augment: bool = False


class InverterLoop(LoopSettings):
    """Of the network that undoes a protection."""

    epochs: int = Field(8, ge=1)
    learning_rate: float = Field(2e-3, gt=0)


class Level(Settings):
    """What an audit of some level does."""

    secrets: tuple[str, ...] = Field(PRIVATE, strict=False)
    baselines: tuple[str, ...] = Field(strict=False)  # besides clean speech, which every audit needs
    rungs: tuple[Rung, ...] = Field(strict=False)  # climbed for the protection and for clean speech
    baseline_rungs: tuple[Rung, ...] = Field(strict=False)
    baseline_secrets: tuple[str, ...] = Field(strict=False)  # on which they are climbed
    purifiers: tuple[str, ...] = Field(strict=False)
    purifier_clips: int = Field(ge=1)  # validation clips by which the best purifier is chosen
    attacker_clips: int = Field(ge=1)  # protected clips with labels that an attacker learns from, of every subject
    budgets: tuple[int, ...] = Field(strict=False)  # clips of weaker attackers, for leak against budget
    seeds: int = Field(ge=1)  # retrainings against the protection; tables show the first, as of every other subject
    slow_clips: int = Field(ge=0)  # test clips for slow listeners and for costly protections; 0: do without
    independent: tuple[Literal["emotion", "words", "sentence", "sex"], ...] = Field(strict=False)
    shuffled: bool  # whether the control that learns from shuffled labels is trained


_QUICK = ("silence", "low-pass", "white-noise")
_ALL = (
    *_QUICK,
    "speech-noise", "mp3", "mcadams", "shuffle", "source-only",  # signal processing
    "label-only", "pgd-10", "pgd-100",  # with a recogniser on the device
)  # fmt: skip
_PURIFIERS = (  # each medium takes its own
    "none", "low-pass-4k", "high-pass-300", "resample-8k", "requantise-8bit", "mp3-32", "opus-16", "gsm",
    "spectral-subtraction", "shift",  # of sound
    "overlaps", "median-3x3", "smooth-50ms", "smooth-bands",  # of features
)  # fmt: skip
_CONTENT: tuple[str, ...] = ("words", "sentence", "emotion")
_RUNGS: tuple[Rung, ...] = ("purifying", "retrained", "purified", "scratch", "inverting")
LEVELS = {
    "quick": Level(
        secrets=("words", "sentence", "sex"),
        baselines=_QUICK,
        rungs=("purifying", "retrained"),
        baseline_rungs=("retrained",),
        baseline_secrets=("words", "emotion"),
        purifiers=("none", "low-pass-4k", "mp3-32", "spectral-subtraction", "overlaps", "median-3x3"),
        purifier_clips=30,
        attacker_clips=300,
        budgets=(),
        seeds=1,
        slow_clips=0,
        independent=("emotion",),
        shuffled=False,
    ),
    "standard": Level(
        baselines=_ALL,
        rungs=_RUNGS,
        baseline_rungs=("purifying", "retrained"),
        baseline_secrets=_CONTENT,
        purifiers=_PURIFIERS,
        purifier_clips=40,
        attacker_clips=700,
        budgets=(30, 100, 300),
        seeds=2,
        slow_clips=60,
        independent=("emotion",),
        shuffled=True,
    ),
    "full": Level(
        baselines=_ALL,
        rungs=_RUNGS,
        baseline_rungs=_RUNGS,
        baseline_secrets=(*PRIVATE, "emotion"),
        purifiers=(*_PURIFIERS, "low-pass-2k", "wiener", "median"),
        purifier_clips=200,
        attacker_clips=100_000,
        budgets=(10, 30, 100, 300, 1000),
        seeds=3,
        slow_clips=400,
        independent=("emotion", "words", "sentence", "sex"),
        shuffled=True,
    ),
}


class AuditSettings(Settings):
    """How a protection is judged; what is not given is as the level says."""

    level: LevelName = "standard"
    secrets: tuple[Literal["words", "sentence", "sex", "speaker", "sensitive"], ...] | None = Field(None, strict=False)
    baselines: tuple[str, ...] | None = Field(None, strict=False)
    rungs: tuple[Rung, ...] | None = Field(None, strict=False)
    baseline_rungs: tuple[Rung, ...] | None = Field(None, strict=False)
    baseline_secrets: tuple[Literal["words", "sentence", "sex", "speaker", "sensitive", "emotion"], ...] | None = Field(
        None, strict=False
    )
    purifiers: tuple[str, ...] | None = Field(None, strict=False, min_length=1)
    purifier_clips: int | None = Field(None, ge=1)
    attacker_clips: int | None = Field(None, ge=1)
    budgets: tuple[int, ...] | None = Field(None, strict=False)
    seeds: int | None = Field(None, ge=1)
    slow_clips: int | None = Field(None, ge=0)
    independent: tuple[Literal["emotion", "words", "sentence", "sex"], ...] | None = Field(None, strict=False)
    shuffled: bool | None = None
    beside: tuple[str, ...] = Field((), strict=False)  # folders of other runs on the same split, for the same tables
    sensitive: tuple[str, ...] = Field((), strict=False)  # emotions that are secrets here, if any
    listeners: tuple[str, ...] = Field(("words=pocketsphinx", "sentence=pocketsphinx"), strict=False)  # SECRET=SOURCE
    more_listeners: tuple[str, ...] = Field((), strict=False)  # beside them
    emotion: RetrainLoop = RetrainLoop()
    words: RetrainLoop = RetrainLoop()
    sentence: ClosedLoop = ClosedLoop()
    sex: ClosedLoop = ClosedLoop()
    speaker: SpeakerLoop = SpeakerLoop()
    independent_emotion: IndependentEmotionLoop = IndependentEmotionLoop()
    independent_words: IndependentWordsLoop = IndependentWordsLoop()
    inverter: InverterLoop = InverterLoop()
    quality_clips: int = Field(120, ge=1)  # test clips whose STOI, PESQ, … are computed: 0.1 s each
    draws: int = Field(1000, ge=100)  # bootstrap
    listen: int = Field(6, ge=0)  # test clips kept as audio for the report

    @property
    def effort(self) -> Level:
        """The level, changed by what is given beside it."""
        given = {name: getattr(self, name) for name in Level.model_fields}
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return LEVELS[self.level].model_copy(update=chosen)
