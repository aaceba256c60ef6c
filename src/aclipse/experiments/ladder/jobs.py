"""The rungs as jobs: each is plain data, does its work on a bench, and leaves its result in a folder of its own."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aclipse.attackers.inversion import invert, train_inverter
from aclipse.attackers.purifiers import choose, purify
from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE
from aclipse.experiments import guides
from aclipse.experiments.ladder.bench import Bench, Listener, spread
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.ladder.signals import measured
from aclipse.experiments.ladder.subjects import Seeded
from aclipse.models.recurrent import RecurrentClassifier, RecurrentRecognizer
from aclipse.models.selfsupervised import Backbone
from aclipse.seeds import derive
from aclipse.training import checkpoint
from aclipse.training.batches import Speech, read_all
from aclipse.training.loop import Progress
from aclipse.training.recognition import RecognizerLoop, Task, new_recognizer, train_recognizer

DEAF_WER = 0.5  # a slow listener that errs more often on clean speech need not hear the rest
FEWEST = 300  # samples of an epoch: who has fewer clips goes through them several times

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
        return _lesson(bench, self.secret, self._loop(bench))

    def load(self, bench: Bench) -> Load:
        kind = "train" if self.family == "compact" else "train recurrent"
        return {f"{kind} {self.secret}": self._loop(bench).epochs * len(bench.speech["train"])}

    def work(self, bench: Bench, folder: Path) -> Result:
        task, parts = bench.tasks[self.secret], (bench.speech["train"], bench.speech["validation"])
        network = self._build(bench)
        heard = task.clips(parts[0]), task.clips(parts[1])
        progress = train_recognizer(task, network, heard, self._loop(bench), folder, bench.seed)
        _keep(folder, network)
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
        return new_recognizer(recurrent(task), train, bench.seed)


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
        return {**_subject(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        clips = sum(len(bench.picked(self.subject, part)) for part in bench.speech)
        measures = 0 if bench.subjects[self.subject].clean else bench.settings.quality_clips
        return {f"release {self.subject}": clips, "measure": measures}

    def work(self, bench: Bench, folder: Path) -> Result:
        for part in bench.speech:
            bench.released(self.subject, part)
        original, protected = bench.original(self.subject, "test"), bench.released(self.subject, "test")
        chosen = spread(original.clips, bench.settings.quality_clips)
        rows = {original.clips[i].id: measured(original.wave(i), protected.wave(i)) for i in chosen}
        keep_audio(bench, self.subject, protected)
        if bench.subjects[self.subject].clean:
            keep_audio(bench, "original", original)
        computed = isinstance(bench.subjects[self.subject].release, Seeded)  # else files are only read
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
        return {**_subject(bench, self.subject), **asked, "others": others, "sources": bench.sources}

    def load(self, bench: Bench) -> Load:
        clips, slow = len(bench.picked(self.subject, "test")), bench.level.slow_clips
        own = {f"read {name}": float(clips) for name in bench.tasks}
        other = {f"read recurrent {name}": float(clips) for name in bench.independents}
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


@dataclass(frozen=True)
class Purify:
    """Let the ignorant listeners hear a subject, each through the purifier that helps it most on validation clips."""

    subject: str
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/purifying"

    def spec(self, bench: Bench) -> dict[str, Any]:
        level = bench.level
        asked = {"purifiers": list(level.purifiers), "tried_on": level.purifier_clips, "secrets": list(bench.tasks)}
        return {**_subject(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        tried = len(bench.level.purifiers) * min(bench.level.purifier_clips, len(bench.speech["validation"]))
        clips, test = len(bench.picked(self.subject, "test")) + tried, len(bench.picked(self.subject, "test"))
        return {"purify": tried + 3 * test, **{f"read {name}": clips for name in bench.tasks}}

    def work(self, bench: Bench, folder: Path) -> Result:
        validation = bench.released(self.subject, "validation")
        few = validation.subset(spread(validation.clips, bench.level.purifier_clips))
        heard = {name: purified(few, name, bench.seed) for name in bench.level.purifiers}
        found = {secret: choose(list(heard), self._score(bench, secret, heard)) for secret in bench.tasks}
        test = bench.released(self.subject, "test")
        clear = {name: purified(test, name, bench.seed) for name in {best for best, _ in found.values()}}
        return {"outcomes": [self._outcome(bench, secret, found[secret], clear).as_json() for secret in found]}

    def _score(self, bench: Bench, secret: str, heard: dict[str, Speech]) -> Callable[[str], float]:
        task, network = bench.tasks[secret], bench.networks[secret]

        def score(purifier: str) -> float:
            speech = task.clips(heard[purifier])
            return task.score([task.target(clip) for clip in speech.clips], read_all(network, speech))

        return score

    def _outcome(
        self, bench: Bench, secret: str, found: tuple[str, dict[str, float]], clear: dict[str, Speech]
    ) -> Outcome:
        task, (best, tried) = bench.tasks[secret], found
        readings, places = read_all(bench.networks[secret], clear[best]), bench.picked(self.subject, "test")
        return Outcome(
            self.subject, secret, task.judge, "purifying", readings, places, None, best, tried=tried,
            before=tried.get("none"), after=tried[best],
        )  # fmt: skip


@dataclass(frozen=True)
class Retrain:
    """An attacker that learns from protected speech with labels, and what it then hears."""

    subject: str
    secret: str
    knowledge: str  # retrained (from the ignorant weights), scratch (from random ones), purified, or shuffled labels
    clips: int
    seed: int = 0
    curve: bool = False  # a point of leak against budget: another seed or fewer clips than the attacker of the tables
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.secret}-{self.knowledge}-{self.clips}-{self.seed}"

    def spec(self, bench: Bench) -> dict[str, Any]:
        purifiers = bench.level.purifiers if self.knowledge == "purified" else ()
        asked = {**_lesson(bench, self.secret, self._loop(bench)), "purifiers": list(purifiers)}
        return {**_subject(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        validation, test = len(bench.speech["validation"]), len(bench.picked(self.subject, "test"))
        loop = self._loop(bench)
        samples = loop.epochs * max(min(self.clips, len(bench.speech["train"])), FEWEST)
        work = {f"train {self.secret}": samples, f"read {self.secret}": loop.epochs * validation + test}
        extra = self.clips + validation + test if self.knowledge == "purified" else 0
        return {**work, "purify": extra}

    def work(self, bench: Bench, folder: Path) -> Result:
        task, seed = bench.tasks[self.secret], derive(bench.seed, "attacker", self.seed)
        via = self._purifier(bench)
        heard = {part: purified(bench.released(self.subject, part), via, bench.seed) for part in bench.speech}
        train = task.clips(heard["train"].subset(range(min(self.clips, len(heard["train"])))))
        validation = task.clips(heard["validation"])
        if self.clips < len(validation):  # their labels are spent too
            validation = validation.subset(spread(validation.clips, self.clips))
        if self.knowledge == "shuffled":  # true labels that choose the epoch would be a lesson, too
            train, validation = shuffled(train, seed), shuffled(validation, seed)
        network, before = self._start(bench, task, validation)
        progress = train_recognizer(task, network, (tiled(train), validation), self._loop(bench), folder, seed)
        better = before is None or progress.best_score > before  # an attacker may also not retrain
        used = network if better else bench.networks[self.secret]
        _keep(folder, used)
        outcome = Outcome(
            self.subject, self.secret, task.judge, self.knowledge, read_all(used, heard["test"]),
            bench.picked(self.subject, "test"), None, via if self.knowledge == "purified" else "", len(train),
            _minutes(train), self.seed, before, progress.best_score, progress.best_epoch, _curve(progress),
        )  # fmt: skip
        return {"outcomes": [outcome.as_json()]}

    def _loop(self, bench: Bench) -> Any:
        return bench.loop(self.secret, self.knowledge in ("scratch", "shuffled"))

    def _purifier(self, bench: Bench) -> str:
        if self.knowledge != "purified":
            return "none"
        heard = bench.outcomes(Purify(self.subject).name)
        tried = next(outcome.tried for outcome in heard if outcome.secret == self.secret)
        return max((name for name in tried if name != "none"), key=lambda name: tried[name], default="none")

    def _start(self, bench: Bench, task: Task, validation: Speech) -> tuple[Any, float | None]:
        """The network to begin with, and how well it already does; None for random weights."""
        if self.knowledge in ("scratch", "shuffled"):
            fresh = {task.name: task for task in guides.tasks(bench.recipe.evaluators)}.get(self.secret, task)
            return new_recognizer(fresh, bench.speech["train"], derive(bench.seed, "attacker", self.seed)), None
        network = copy.deepcopy(bench.networks[self.secret]).requires_grad_(True)
        truth = [task.target(clip) for clip in validation.clips]
        return network, task.score(truth, read_all(network, validation))


@dataclass(frozen=True)
class Invert:
    """Train a network on pairs to undo the protection; the ignorant listeners then hear what it makes."""

    subject: str
    clips: int
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/inverting-{self.clips}"

    def spec(self, bench: Bench) -> dict[str, Any]:
        asked = {"loop": bench.settings.inverter.model_dump(), "secrets": list(bench.tasks)}
        return {**_subject(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        test, clips = len(bench.picked(self.subject, "test")), len(bench.picked(self.subject, "train"))
        reads = {f"read {name}": float(test) for name in bench.tasks}
        return {"train inverter": bench.settings.inverter.epochs * min(clips, self.clips), **reads}

    def work(self, bench: Bench, folder: Path) -> Result:
        count = min(self.clips, len(bench.picked(self.subject, "train")))
        pairs = [
            [speech(self.subject, part).subset(range(count)) if part == "train" else speech(self.subject, part)
             for part in ("train", "validation")]
            for speech in (bench.released, bench.original)
        ]  # fmt: skip
        protected, original = ((pair[0], pair[1]) for pair in pairs)
        network, progress = train_inverter(protected, original, bench.settings.inverter, folder, bench.seed)
        _keep(folder, network)
        undone = invert(network, bench.released(self.subject, "test"))
        return {"outcomes": [self._outcome(bench, name, undone, protected[0], progress) for name in bench.tasks]}

    def _outcome(self, bench: Bench, secret: str, undone: Speech, train: Speech, progress: Progress) -> dict[str, Any]:
        task, network = bench.tasks[secret], bench.networks[secret]
        enrolled = read_all(network, bench.original(self.subject, "test")) if secret == "speaker" else None
        places, first = bench.picked(self.subject, "test"), progress.history[0]["validation"]
        return Outcome(
            self.subject, secret, task.judge, "inverting", read_all(network, undone), places, enrolled, "", len(train),
            _minutes(train), 0, first, progress.best_score, progress.best_epoch, _curve(progress),
        ).as_json()  # fmt: skip


def keep_audio(bench: Bench, name: str, speech: Speech) -> None:
    """Leave a few clips to listen to, the same ones of every subject."""
    folder = bench.folder / "listen" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index in spread(speech.clips, bench.settings.listen):
        files.write(folder / f"{file_stem(speech.clips[index].id)}.wav", speech.wave(index))


def file_stem(clip: str) -> str:
    """The name of a clip's file: its id, what no file system takes percent-encoded; `urllib.parse.unquote` undoes it.

    >>> file_stem("1001_IEO_ANG_HI"), file_stem("ann/sad 50%")
    ('1001_IEO_ANG_HI', 'ann%2Fsad 50%25')
    """
    return re.sub(r'[%/\\:*?"<>|\x00-\x1f]', lambda sign: f"%{ord(sign[0]):02X}", clip)


def purified(speech: Speech, purifier: str, seed: int) -> Speech:
    """The same clips after a purifier."""
    if purifier == "none":
        return speech
    return speech.released(lambda wave, clip: purify(wave, purifier, derive(seed, purifier, clip.id)))


def tiled(speech: Speech) -> Speech:
    """The same clips, again and again until an epoch is worth its validation."""
    if not 0 < len(speech) < FEWEST:
        return speech
    return speech.subset([i % len(speech) for i in range(FEWEST)])


def shuffled(speech: Speech, seed: int) -> Speech:
    """Every recording with the labels of another one, drawn at random."""
    order = np.random.default_rng(derive(seed, "shuffled")).permutation(len(speech))
    return Speech([speech.clips[i] for i in order], [speech.wave(i) for i in range(len(speech))])


def recurrent(task: Task) -> Task:
    """The same task for a network that guided nobody."""
    if task.name == "words":
        return replace(task, build=lambda targets: RecurrentRecognizer())
    return replace(task, build=lambda targets: RecurrentClassifier(sorted(set(targets) - {""})))


def _subject(bench: Bench, name: str) -> dict[str, Any]:
    subject = bench.subjects[name]
    few = bench.level.slow_clips if subject.costly else None
    return {"subject": subject.fingerprint, "clips": subject.clips, "few": few}


def _lesson(bench: Bench, secret: str, loop: RecognizerLoop) -> dict[str, Any]:
    """What is learned, and how."""
    return {"loop": loop.model_dump(), "sensitive": list(bench.settings.sensitive) if secret == "sensitive" else []}


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


def _keep(folder: Path, network: Any) -> None:
    """Leave the attacker's weights, and not the training state, which is four times as large."""
    if not isinstance(network, Backbone):  # half a gigabyte each
        checkpoint.save_module(folder / "weights.safetensors", network)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _minutes(speech: Speech) -> float:
    return sum(len(speech.wave(i)) for i in range(len(speech))) / SAMPLE_RATE / 60


def _curve(progress: Progress) -> list[dict[str, float]]:
    wanted: Sequence[str] = ("epoch", "loss", "validation")
    return [{name: float(row[name]) for name in wanted if name in row} for row in progress.history]
