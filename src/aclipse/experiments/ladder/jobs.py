"""What is done before anybody attacks: each job is plain data, works on a bench, and leaves its result in a folder."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aclipse.audio import files
from aclipse.experiments.ladder.bench import Bench, Listener, spread
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.ladder.subjects import FrontEnd
from aclipse.experiments.medium import SOUND, Medium
from aclipse.experiments.recorded import Recorded
from aclipse.models.selfsupervised import Backbone
from aclipse.training import checkpoint
from aclipse.training.batches import Speech, read_all
from aclipse.training.recognition import RecognizerLoop, new_recognizer, train_recognizer

DEAF_WER = 0.5  # a slow listener that errs more often on clean speech need not hear the rest

Result = dict[str, Any]
Load = dict[str, float]  # a kind of work and how many clips go through it


class Job(Protocol):
    """Something to be done once; its `spec` is all that its result depends on."""

    @property
    def name(self) -> str:
        """The job's folder below audit/work."""

    @property
    def after(self) -> tuple[str, ...]:
        """Jobs, those of them that are planned, that must be done before."""

    def spec(self, bench: Bench) -> dict[str, Any]:
        """What the result depends on, beside the run's recognisers and its split."""

    def load(self, bench: Bench) -> Load:
        """What there is to do."""

    def work(self, bench: Bench, folder: Path) -> Result:
        """Do it; what is left in ``folder`` by an interrupted attempt is gone on with."""


@dataclass(frozen=True)
class Clean:
    """Train a listener on clean speech: a compact one, or one of another architecture."""

    secret: str
    family: str = "compact"
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"clean/{self.family}-{self.secret}"

    def spec(self, bench: Bench) -> dict[str, Any]:
        return lesson_spec(bench, self.secret, self._loop(bench))

    def load(self, bench: Bench) -> Load:
        kind = "train" if self.family == "compact" else "train other"
        return {f"{kind} {self.secret}": self._loop(bench).epochs * len(bench.speech["train"])}

    def work(self, bench: Bench, folder: Path) -> Result:
        task, parts = bench.tasks[self.secret], (bench.speech["train"], bench.speech["validation"])
        network = self._build(bench)
        heard = task.clips(parts[0]), task.clips(parts[1])
        progress = train_recognizer(task, network, heard, self._loop(bench), folder, bench.seed)
        keep_network(folder, network)
        return {"validation": progress.best_score}

    def _loop(self, bench: Bench) -> Any:
        if self.family == "compact":
            return bench.loop(self.secret)
        own = f"independent_{self.secret}"
        return getattr(bench.settings, own if self.secret in ("emotion", "words") else self.secret)

    def _build(self, bench: Bench) -> Any:
        task, train = bench.tasks[self.secret], bench.speech["train"]
        if self.family == "compact":
            return new_recognizer(task, train, bench.seed)
        return new_recognizer(bench.medium.other(task), train, bench.seed)


@dataclass(frozen=True)
class Release:
    """Protect the clips that listeners hear and attackers learn from; measure what became of the sound."""

    subject: str
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/released"

    def spec(self, bench: Bench) -> dict[str, Any]:
        settings = bench.settings
        asked = {"measured": settings.quality_clips, "listen": settings.listen}
        return {**subject_spec(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        clips = sum(len(bench.picked(self.subject, part)) for part in bench.speech)
        subject = bench.subjects[self.subject]
        clips += subject.release.enrolment if isinstance(subject.release, FrontEnd) else 0
        measures = 0 if subject.clean else bench.settings.quality_clips
        return {f"release {self.subject}": clips, "measure": measures}

    def work(self, bench: Bench, folder: Path) -> Result:
        for part in bench.speech:
            bench.released(self.subject, part)
        subject, medium = bench.subjects[self.subject], bench.medium
        original, protected = bench.original(self.subject, "test"), bench.released(self.subject, "test")
        chosen = spread(original.clips, bench.settings.quality_clips)
        rows = {original.clips[i].id: medium.measured(original.wave(i), protected.wave(i)) for i in chosen}
        if medium.sounds:
            keep_audio(bench, self.subject, protected, medium)
        if subject.clean and medium.sounds:
            keep_audio(bench, "original", Speech(original.clips))
        computed = not isinstance(subject.release, Recorded)  # else files are only read
        return {"quality": rows, "seconds": bench.pace(self.subject) if computed else None}


@dataclass(frozen=True)
class Listen:
    """Let everybody who learned from clean speech hear a subject: ignorant and transferred listeners."""

    subject: str
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/listen"

    def spec(self, bench: Bench) -> dict[str, Any]:
        others = [[one.task.name, one.judge] for one in bench.external]
        asked = {"secrets": list(bench.tasks), "independent": bench.independents, "slow": bench.level.slow_clips}
        return {**subject_spec(bench, self.subject), **asked, "others": others, "sources": bench.sources}

    def load(self, bench: Bench) -> Load:
        clips, slow = len(bench.picked(self.subject, "test")), bench.level.slow_clips
        own = {f"read {name}": float(clips) for name in bench.tasks}
        other = {f"read other {name}": float(clips) for name in bench.independents}
        return own | other | {f"read {one.judge}": min(slow, clips) if one.slow else clips for one in bench.external}

    def work(self, bench: Bench, folder: Path) -> Result:
        deaf = set() if bench.subjects[self.subject].clean else _deaf(bench)
        heard = [one for one in bench.listeners if one.judge not in deaf]
        by_reader = {id(one.reader): one for one in heard}  # a grammar's transcript tells sentence and words
        read = {reader: self._read(bench, one) for reader, one in by_reader.items()}
        return {"outcomes": [self._outcome(bench, one, read[id(one.reader)]).as_json() for one in heard]}

    def _chosen(self, bench: Bench, one: Listener) -> list[int]:
        clips = bench.original(self.subject, "test").clips
        return spread(clips, bench.level.slow_clips) if one.slow else list(range(len(clips)))

    def _read(self, bench: Bench, one: Listener) -> list[Any]:
        return read_all(one.reader, bench.released(self.subject, "test").subset(self._chosen(bench, one)))

    def _outcome(self, bench: Bench, one: Listener, readings: list[Any]) -> Outcome:
        clean, chosen = bench.original(self.subject, "test"), self._chosen(bench, one)
        enrolled = read_all(one.reader, clean.subset(chosen)) if one.task.name == "speaker" else None
        places = [bench.picked(self.subject, "test")[i] for i in chosen]
        return Outcome(self.subject, one.task.name, one.judge, one.knowledge, readings, places, enrolled)


def keep_audio(bench: Bench, name: str, speech: Speech, medium: Medium = SOUND) -> None:
    """Leave a few clips to listen to, the same ones of every subject."""
    folder = bench.folder / "listen" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index in spread(speech.clips, bench.settings.listen):
        clip = speech.clips[index]
        files.write(folder / f"{file_stem(clip.id)}.wav", medium.sound(speech.wave(index), clip))


def file_stem(clip: str) -> str:
    """The name of a clip's file: its id, what no file system takes percent-encoded; `urllib.parse.unquote` undoes it.

    >>> file_stem("1001_IEO_ANG_HI"), file_stem("ann/sad 50%")
    ('1001_IEO_ANG_HI', 'ann%2Fsad 50%25')
    """
    return re.sub(r'[%/\\:*?"<>|\x00-\x1f]', lambda sign: f"%{ord(sign[0]):02X}", clip)


def subject_spec(bench: Bench, name: str) -> dict[str, Any]:
    """What is released, and of which clips."""
    subject = bench.subjects[name]
    few = bench.level.slow_clips if subject.costly else None
    return {"subject": subject.fingerprint, "clips": subject.clips, "few": few}


def lesson_spec(bench: Bench, secret: str, loop: RecognizerLoop) -> dict[str, Any]:
    """What is learned, and how."""
    return {"loop": loop.model_dump(), "sensitive": list(bench.sensitive) if secret == "sensitive" else []}


def _deaf(bench: Bench) -> set[str]:
    """Slow listeners to words that fail on clean speech."""
    found = set()
    for outcome in bench.outcomes("identity/listen"):
        slow = any(one.slow and one.judge == outcome.judge for one in bench.listeners)
        if slow and outcome.secret == "words":
            task, clips = bench.tasks["words"], [bench.speech["test"].clips[i] for i in outcome.picked or ()]
            if -task.score([task.target(clip) for clip in clips], outcome.readings) > DEAF_WER:
                found.add(outcome.judge)
    return found


def keep_network(folder: Path, network: Any) -> None:
    """Leave the attacker's weights, and not the training state, which is four times as large."""
    if not isinstance(network, Backbone):  # half a gigabyte each
        checkpoint.save_module(folder / "weights.safetensors", network)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
