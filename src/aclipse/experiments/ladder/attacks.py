"""The rungs as jobs: who purifies, who learns from protected speech, and who undoes the protection."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.attackers.inversion import invert, train_inverter
from aclipse.attackers.purifiers import choose
from aclipse.experiments import guides
from aclipse.experiments.ladder.bench import Bench, spread
from aclipse.experiments.ladder.jobs import Load, Result, keep_network, lesson_spec, subject_spec
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.medium import SOUND, Medium
from aclipse.seeds import derive
from aclipse.training.batches import Speech, read_all
from aclipse.training.loop import Progress
from aclipse.training.recognition import Task, new_recognizer, train_recognizer

UNDONE = "undone"  # the purifier of whoever has the device: what a cloak has shifted is put back in its place
FEWEST = 300  # samples of an epoch: who has fewer clips goes through them several times


@dataclass(frozen=True)
class Purify:
    """Let the ignorant listeners hear a subject, each through the purifier that helps it most on validation clips."""

    subject: str
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.subject}/purifying"

    def spec(self, bench: Bench) -> dict[str, Any]:
        offered, count = _offered(bench, self.subject), bench.level.purifier_clips
        asked = {"purifiers": offered, "tried_on": count, "secrets": list(bench.tasks)}
        return {**subject_spec(bench, self.subject), **asked}

    def load(self, bench: Bench) -> Load:
        few = min(bench.level.purifier_clips, len(bench.speech["validation"]))
        tried = len(_offered(bench, self.subject)) * few
        clips, test = len(bench.picked(self.subject, "test")) + tried, len(bench.picked(self.subject, "test"))
        return {"purify": tried + 3 * test, **{f"read {name}": clips for name in bench.tasks}}

    def work(self, bench: Bench, folder: Path) -> Result:
        validation = bench.released(self.subject, "validation")
        few = validation.subset(spread(validation.clips, bench.level.purifier_clips))
        heard = {name: cleaned(bench, self.subject, few, name) for name in _offered(bench, self.subject)}
        found = {secret: self._chosen(bench, secret, heard) for secret in bench.tasks}
        test = bench.released(self.subject, "test")
        clear = {name: cleaned(bench, self.subject, test, name) for name in {best for best, _ in found.values()}}
        return {"outcomes": [self._outcome(bench, secret, found[secret], clear).as_json() for secret in found]}

    def _chosen(self, bench: Bench, secret: str, heard: dict[str, Speech]) -> tuple[str, dict[str, float]]:
        score = self._score(bench, secret, heard)
        best, tried = choose(bench.level.purifiers, score)
        if UNDONE in heard:
            tried[UNDONE] = score(UNDONE)
            best = max((best, UNDONE), key=lambda name: tried[name])
        return best, tried

    def _score(self, bench: Bench, secret: str, heard: dict[str, Speech]) -> Callable[[str], float]:
        task, network = bench.tasks[secret], bench.network(secret)

        def score(purifier: str) -> float:
            speech = task.clips(heard[purifier])
            return task.score([task.target(clip) for clip in speech.clips], read_all(network, speech))

        return score

    def _outcome(
        self, bench: Bench, secret: str, found: tuple[str, dict[str, float]], clear: dict[str, Speech]
    ) -> Outcome:
        task, (best, tried) = bench.tasks[secret], found
        readings, places = read_all(bench.network(secret), clear[best]), bench.picked(self.subject, "test")
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
        purifiers = _offered(bench, self.subject) if self.knowledge == "purified" else []
        asked = {**lesson_spec(bench, self.secret, self._loop(bench)), "purifiers": purifiers}
        return {**subject_spec(bench, self.subject), **asked}

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
        released = {part: bench.released(self.subject, part) for part in bench.speech}
        heard = {part: cleaned(bench, self.subject, speech, via) for part, speech in released.items()}
        train = task.clips(heard["train"].subset(range(min(self.clips, len(heard["train"])))))
        validation = task.clips(heard["validation"])
        if self.clips < len(validation):  # their labels are spent too
            validation = validation.subset(spread(validation.clips, self.clips))
        if self.knowledge == "shuffled":  # true labels that choose the epoch would be a lesson, too
            train, validation = shuffled(train, seed), shuffled(validation, seed)
        network, before = self._start(bench, task, validation)
        progress = train_recognizer(task, network, (tiled(train), validation), self._loop(bench), folder, seed)
        better = before is None or progress.best_score > before  # an attacker may also not retrain
        used = network if better else bench.network(self.secret)
        keep_network(folder, used)
        outcome = Outcome(
            self.subject, self.secret, task.judge, self.knowledge, read_all(used, heard["test"]),
            bench.picked(self.subject, "test"), None, via if self.knowledge == "purified" else "", len(train),
            _minutes(bench, train), self.seed, before, progress.best_score, progress.best_epoch, _curve(progress),
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
            named = {task.name: bench.medium.task(task) for task in guides.tasks(bench.recipe.evaluators)}
            fresh = named.get(self.secret, task)
            return new_recognizer(fresh, bench.speech["train"], derive(bench.seed, "attacker", self.seed)), None
        network = copy.deepcopy(bench.network(self.secret)).requires_grad_(True)
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
        return {**subject_spec(bench, self.subject), **asked}

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
        keep_network(folder, network)
        undone = invert(network, bench.released(self.subject, "test"))
        return {"outcomes": [self._outcome(bench, name, undone, protected[0], progress) for name in bench.tasks]}

    def _outcome(self, bench: Bench, secret: str, undone: Speech, train: Speech, progress: Progress) -> dict[str, Any]:
        task, network = bench.tasks[secret], bench.network(secret)
        enrolled = read_all(network, bench.original(self.subject, "test")) if secret == "speaker" else None
        places, first = bench.picked(self.subject, "test"), progress.history[0]["validation"]
        return Outcome(
            self.subject, secret, task.judge, "inverting", read_all(network, undone), places, enrolled, "", len(train),
            _minutes(bench, train), 0, first, progress.best_score, progress.best_epoch, _curve(progress),
        ).as_json()  # fmt: skip


def purified(speech: Speech, purifier: str, seed: int, medium: Medium = SOUND) -> Speech:
    """The same clips after a purifier."""
    if purifier == "none":
        return speech
    return speech.released(lambda signal, clip: medium.purify(signal, purifier, derive(seed, purifier, clip.id)))


def cleaned(bench: Bench, subject: str, speech: Speech, purifier: str) -> Speech:
    """What a subject has released after a purifier, after UNDONE too."""
    cloak = bench.subjects[subject].cloak
    if purifier == UNDONE and cloak is not None:
        return speech.released(lambda signal, clip: cloak.undone(signal))
    return purified(speech, purifier, bench.seed, bench.medium)


def _offered(bench: Bench, subject: str) -> list[str]:
    return [*bench.level.purifiers, *([] if bench.subjects[subject].cloak is None else [UNDONE])]


def tiled(speech: Speech) -> Speech:
    """The same clips, again and again until an epoch is worth its validation."""
    if not 0 < len(speech) < FEWEST:
        return speech
    return speech.subset([i % len(speech) for i in range(FEWEST)])


def shuffled(speech: Speech, seed: int) -> Speech:
    """Every recording with the labels of another one, drawn at random."""
    order = np.random.default_rng(derive(seed, "shuffled")).permutation(len(speech))
    return Speech([speech.clips[i] for i in order], [speech.wave(i) for i in range(len(speech))])


def _minutes(bench: Bench, speech: Speech) -> float:
    return sum(bench.medium.seconds(speech.wave(i)) for i in range(len(speech))) / 60


def _curve(progress: Progress) -> list[dict[str, float]]:
    wanted: Sequence[str] = ("epoch", "loss", "validation")
    return [{name: float(row[name]) for name in wanted if name in row} for row in progress.history]
