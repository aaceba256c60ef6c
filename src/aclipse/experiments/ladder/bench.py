"""What every job works on: the speech of a run, its recognisers, the subjects, and what earlier jobs have left."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from aclipse.atomic import replacing
from aclipse.attackers import listeners
from aclipse.attackers.attributes import SEX, sensitive
from aclipse.attackers.content import SENTENCE, closed_set
from aclipse.attackers.verification import SPEAKER
from aclipse.contracts import Clip, Reader, Release, Signal
from aclipse.errors import CorpusError, MissingExtra, RecipeError
from aclipse.experiments import guides
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.outcome import Outcome, from_json
from aclipse.experiments.ladder.subjects import FrontEnd, Subject
from aclipse.experiments.levels import PRIVATE, Level
from aclipse.records import file_hash
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech
from aclipse.training.recognition import RecognizerLoop, Task


@dataclass(frozen=True)
class Listener:
    """A reader that learned from clean speech, before it meets any protection."""

    task: Task
    judge: str
    knowledge: str  # ignorant: of the family that guided the protection; transferred: of another
    reader: Reader
    slow: bool = False


@dataclass
class Bench:
    """One process's view of an audit."""

    prepared: runs.Prepared
    subjects: dict[str, Subject]
    folder: Path  # RUN/audit
    level: Level
    left_out: list[str] = field(default_factory=list)  # what an audit would do and cannot here
    _released: dict[tuple[str, str], Speech] = field(default_factory=dict)
    _networks: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recipe, self.seed = self.prepared.recipe, self.prepared.recipe.seed
        self.settings = self.recipe.audit
        self.speech, self.medium = self.prepared.speech, self.prepared.medium

    @cached_property
    def fingerprint(self) -> str:
        """What every result depends on: the recognisers, the split and the seed."""
        weights = [file_hash(self.prepared.run.weights(name)) for name in self.medium.recognisers]
        return f"{' '.join(weights)} {self.prepared.split.hash} {self.seed}"

    # ------------------------------------------------------------------ what is asked

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """What is read in this corpus at this level, by name; emotion is the one that should survive."""
        found = {task.name: task for task in guides.judging(self.prepared.guides, self.recipe.evaluators)}
        train, wanted = self.speech["train"].clips, self.level.secrets
        if closed_set(train):
            found["sentence"] = SENTENCE
        labelled = [SEX, SPEAKER, *([sensitive(self.sensitive)] if self.sensitive else ())]
        found |= {task.name: task for task in labelled if self._can_be_told(task)}
        asked = {name: task for name, task in found.items() if name == "emotion" or name in wanted}
        return {name: self.medium.task(task) for name, task in asked.items()}

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The emotions that are secrets: those that the audit's settings name, else those that were to be hidden."""
        return self.settings.sensitive or self.medium.sensitive

    def _can_be_told(self, task: Task) -> bool:
        """Whether every part has two answers or more."""
        return all(len({task.target(clip) for clip in part.clips} - {""}) > 1 for part in self.speech.values())

    def network(self, task: str) -> Any:
        """The ignorant recogniser of a task: the run's own, or the one that the audit has trained by then."""
        if task not in self._networks:
            own = self.prepared.guides._asdict()
            self._networks[task] = own.get(task) or self.trained(f"clean/compact-{task}")
        return self._networks[task]

    def trained(self, job: str) -> Any:
        """The frozen network that a training job has left."""
        family, _, secret = job.removeprefix("clean/").partition("-")
        kind = self.medium.kind(family, secret)
        network, _ = checkpoint.load_module(self.place(job) / "weights.safetensors", kind)
        return checkpoint.freeze(network).to(processes.device())

    def loop(self, secret: str, scratch: bool = False) -> RecognizerLoop:
        """How an attacker on this secret learns."""
        own = self.recipe.evaluators if scratch and secret in self.medium.recognisers else self.settings
        loop: RecognizerLoop = getattr(own, "sentence" if secret == "sensitive" else secret)
        return loop

    # ------------------------------------------------------------------ who listens

    @cached_property
    def listeners(self) -> list[Listener]:
        """Every listener that learned from clean speech, in the order of the tables."""
        found = [Listener(task, task.judge, "ignorant", self.network(name)) for name, task in self.tasks.items()]
        for name in self.independents:
            judge = f"{self.medium.stranger}-{name}"
            found.append(Listener(self.tasks[name], judge, "transferred", self.trained(f"clean/{judge}")))
        return found + self.external

    @property
    def independents(self) -> list[str]:
        """The tasks for which the audit trains a recogniser of another architecture."""
        return [name for name in self.level.independent if name in self.tasks]

    @property
    def sources(self) -> list[str]:
        """Which listeners that others have trained are asked for, each once."""
        return list(dict.fromkeys((*self.settings.listeners, *self.settings.more_listeners)))

    @cached_property
    def external(self) -> list[Listener]:
        """Listeners that others have trained, but for those whose package is not there; `left_out` names these.

        There are none where features are released. Raises RecipeError or BackboneError for one that cannot be what was
        asked for.
        """
        said = sorted({SENTENCE.target(clip) for clip in self.speech["train"].clips} - {""})
        found = []
        for entry in self.sources if self.medium.releases is Release.WAVEFORM else ():
            secret, _, source = entry.partition("=")
            if not source or secret not in ("emotion", *PRIVATE):
                raise RecipeError(f"audit.listeners: {entry!r} is not SECRET=SOURCE, such as words=pocketsphinx")
            if secret not in self.tasks:
                continue
            try:
                judge, reader = listeners.listener(secret, source, said)
            except (MissingExtra, CorpusError) as missing:  # not installed; or no sentence that it could pronounce
                self.left_out.append(f"The listener {source} for {secret} is left out: {missing}")
                continue
            if isinstance(reader, nn.Module):
                reader.to(processes.device())
            slow = getattr(reader, "slow", False)
            if slow and not self.level.slow_clips:
                self.left_out.append(f"The listener {judge} is slow: it is asked from level standard on.")
                continue
            heard = [secret, "words"] if secret == "sentence" and "words" in self.tasks else [secret]
            found += [Listener(self.tasks[name], judge, "transferred", reader, slow) for name in heard]
        named = {one.judge: one.reader for one in found}
        twice = [one.judge for one in found if named[one.judge] is not one.reader]
        if twice:
            raise RecipeError(f"audit.listeners: two are called {twice[0]!r}. Rename the folder of one of them.")
        return found

    # ------------------------------------------------------------------ what is heard

    def released(self, name: str, part: str) -> Speech:
        """A subject's release of a part; of the training part those clips that its attackers may learn from."""
        if (name, part) not in self._released:
            if len(self._released) >= 6:  # a process works on one subject after the other
                self._released.clear()
            self._released[name, part] = self._load(name, part)
        return self._released[name, part]

    def original(self, name: str, part: str) -> Speech:
        """The clean recordings of the same clips."""
        return self.speech[part].subset(self.picked(name, part))

    def picked(self, name: str, part: str) -> list[int]:
        """Which clips of a part a subject protects: a few if it is costly, a random order of those to learn from."""
        subject, count = self.subjects[name], len(self.speech[part])
        if part == "train":
            order = np.random.default_rng(derive(self.seed, "attacker")).permutation(count)
            return [] if subject.costly else order[: subject.clips].tolist()
        if part == "validation":
            return [] if subject.costly else list(range(count))
        return spread(self.speech[part].clips, self.level.slow_clips) if subject.costly else list(range(count))

    def store(self, name: str, part: str, signals: Sequence[Signal]) -> None:
        """Keep a release end to end, as the medium packs it."""
        packed = [self.medium.packed(signal) for signal in signals] or [np.zeros(0, np.int16)]
        with replacing(self.place(f"{name}/released") / f"{part}.npy") as partial, partial.open("wb") as file:
            np.save(file, np.concatenate(packed))

    def forget(self) -> None:
        """Delete the releases: a gigabyte that can be made again."""
        for path in (self.folder / "work").glob("*/released/*.npy"):
            path.unlink()

    def pace(self, name: str) -> float:
        """Seconds that a subject's protection takes for an utterance, from its sound on, of a few test clips."""
        few = Speech(self.original(name, "test").clips[:2])
        for index in range(len(few)):
            few.wave(index)  # reading it is not counted
        release = self.subjects[name].release
        if isinstance(release, FrontEnd):
            for clip in few.clips:
                release.enrol(clip.speaker)  # which is done once, not for every utterance
        started = time.perf_counter()
        few.released(lambda wave, clip: release(self.medium.enter(wave, clip), clip))
        return (time.perf_counter() - started) / max(len(few), 1)

    def _load(self, name: str, part: str) -> Speech:
        path, original = self.place(f"{name}/released") / f"{part}.npy", self.original(name, part)
        if not path.exists():
            released = original.released(self.subjects[name].release)
            self.store(name, part, [released.wave(i) for i in range(len(released))])
        packed = np.load(path, mmap_mode="r")
        ends = np.cumsum([len(original.wave(i)) for i in range(len(original))])
        pieces = np.split(packed, ends[:-1])
        return Speech(original.clips, [self.medium.unpacked(piece) for piece in pieces[: len(original)]])

    # ------------------------------------------------------------------ what is kept

    def place(self, job: str) -> Path:
        """The folder of a job."""
        return self.folder / "work" / job

    def facts(self, job: str) -> dict[str, Any]:
        """What a finished job has left."""
        facts: dict[str, Any] = json.loads((self.place(job) / "result.json").read_text("utf-8"))
        return facts

    def outcomes(self, job: str) -> list[Outcome]:
        """What a finished job has heard."""
        return [from_json(outcome) for outcome in self.facts(job).get("outcomes", ())]


def spread(clips: Sequence[Clip], count: int) -> list[int]:
    """Indices of a few clips: emotions in turn, speakers as different as can be."""
    chosen: list[int] = []
    left = sorted(range(len(clips)), key=lambda i: derive(0, clips[i].id))
    while left and len(chosen) < count:
        emotions = Counter(clips[i].emotion for i in chosen)
        speakers = Counter(clips[i].speaker for i in chosen)
        best = min(left, key=lambda i: (emotions[clips[i].emotion], speakers[clips[i].speaker]))
        chosen.append(best)
        left.remove(best)
    return chosen
