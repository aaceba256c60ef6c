"""One subject attacked: its federation overheard, what attackers who are ignorant or aware of it read, and emotion."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aclipse.atomic import read_table, write_text
from aclipse.attackers.updates.learning import READ_AT_ONCE, learn, learn_voices
from aclipse.contracts import Clip
from aclipse.experiments.ladder.outcome import Outcome, from_json
from aclipse.experiments.updates.leaks import ALL, Leaks, overheard
from aclipse.experiments.updates.shadow import aware_leaks, shadow_federations, shadow_leaks
from aclipse.experiments.updates.subjects import Subject, rows_of
from aclipse.experiments.updates.training import PART, Federated, promises
from aclipse.protections.user_level_dp.model import Shape, first_weights, read
from aclipse.protections.user_level_dp.settings import PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.records import file_hash
from aclipse.seeds import derive
from aclipse.training.batches import read_all

LAYER = "first"  # which tells most
DRAWS = 10  # of one update of each client
VOICES = 4  # updates of each client that are linked
MOST_VOICES = 800  # in all: the number of pairs is quadratic
ONE, EVERY, MODEL = "one-update", "all-updates", "federated"  # judges
COUNTS = {ONE: 1, EVERY: ALL}


@dataclass(frozen=True)
class Heard:
    """What one attacker read, and whose updates they were."""

    outcome: Outcome
    clips: list[Clip]


@dataclass(frozen=True)
class Found:
    """All that is known of a subject."""

    heard: list[Heard]
    promises: list[str]
    seconds: float


@dataclass
class Bench:
    """What every subject is tried on, and the attackers that all of them meet."""

    federated: Federated
    folder: Path  # RUN/audit
    secrets: tuple[str, ...]

    def __post_init__(self) -> None:
        self.recipe = self.federated.recipe
        self.seed = self.recipe.seed

    @cached_property
    def work(self) -> Path:
        """Where the work on one model, corpus and kind of attack lies."""
        asked = {"updates": self.recipe.updates.model_dump(mode="json"), "secrets": list(self.secrets)}
        known = [file_hash(self.federated.run.weights(PART)), self.federated.sides.split.hash, self.seed, asked]
        return self.folder / "work" / _digest(known)

    @cached_property
    def ignorant(self) -> dict[str, Any]:
        """Attackers who have learned from single clean updates, by secret."""
        open_one = Subject("identity", self.recipe.federation, PrivacySettings())
        return self.learned(shadow_leaks(self.shadow(open_one)), self.work / "ignorant")

    def shadow(self, subject: Subject) -> list[Federation]:
        """The adversary's own federations, under what a subject does to sound and to updates."""
        clips, recipe = self.federated.sides.shadow, self.recipe
        every = rows_of(self.federated, subject, self.folder / "sound")
        attacked = self.federated.federation(every, subject.federation, subject.privacy, self.seed)
        rows, seed = self.federated.of(clips, every), derive(self.seed, "shadow", subject.name)
        return shadow_federations(clips, rows, recipe.emotions, recipe.updates.shadow, attacked, seed)

    def learned(self, leaks: Leaks, folder: Path) -> dict[str, Any]:
        """An attacker of each secret."""
        speech, loop = leaks.of_layer(LAYER), self.recipe.updates.attack
        found: dict[str, Any] = {}
        for secret in self.secrets:
            seed = derive(self.seed, "attack", secret)
            own = folder / secret
            found[secret] = (
                learn_voices(speech, loop, own, seed) if secret == "speaker" else learn(speech, secret, loop, own, seed)
            )
        return found


def attacked(bench: Bench, subject: Subject) -> Callable[[float], Found]:
    """All attacks on one subject; what an earlier audit has done is read. Give the seconds that it took."""
    folder = bench.work / f"{subject.name}-{subject.fingerprint}"
    path = folder / "result.json"
    if path.is_file():
        facts = json.loads(path.read_text(encoding="utf-8"))
        found = Found([_heard(one) for one in facts["heard"]], facts["promises"], facts["seconds"])
        return lambda seconds: found
    heard, said = _attack(bench, subject, folder) if subject.sends else _nothing(bench)
    told = [Heard(replace(one.outcome, subject=subject.name), one.clips) for one in heard]

    def ended(seconds: float) -> Found:
        facts = {"heard": [_plain(one) for one in told], "promises": said, "seconds": seconds}
        write_text(path, json.dumps(facts))
        return Found(told, said, seconds)

    return ended


def _attack(bench: Bench, subject: Subject, folder: Path) -> tuple[list[Heard], list[str]]:
    federated, recipe = bench.federated, bench.recipe
    rows = rows_of(federated, subject, bench.folder / "sound")
    federation = federated.federation(rows, subject.federation, subject.privacy, recipe.seed)
    (listener,) = overheard([federation], choose=True)
    leaks, found = listener.leaks, [_emotion(federated, federation, rows, listener.kept)]
    open_one = replace(subject, privacy=PrivacySettings())
    lessons = aware_leaks(bench.shadow(open_one), bench.shadow(subject), bench.seed)
    aware = bench.learned(lessons, folder)
    for knowledge, attackers in (("ignorant", bench.ignorant), ("retrained", aware)):
        learned = folder if knowledge == "retrained" else bench.work / "ignorant"
        for secret, attacker in attackers.items():
            for judge in (ONE,) if secret == "speaker" else COUNTS:
                found.append(_read(bench, leaks, attacker, Outcome("", secret, judge, knowledge, []), learned / secret))
    return found, promises(federation)


def _read(bench: Bench, leaks: Leaks, attacker: Any, asked: Outcome, lessons: Path) -> Heard:
    draws = DRAWS
    if asked.secret == "speaker":
        draws = max(2, min(VOICES, MOST_VOICES // len({client.id for client in leaks.clients})))
    speech = leaks.averaged(COUNTS[asked.judge], draws, bench.seed).of_layer(LAYER)
    order = sorted(range(len(speech)), key=lambda place: speech.clips[place].id)
    speech = speech.subset(order)
    history = [{name: float(cell) for name, cell in row.items() if cell} for row in read_table(lessons / "history.csv")]
    best = int(np.argmax([row["validation"] for row in history]))
    outcome = replace(
        asked, readings=read_all(attacker, speech, READ_AT_ONCE), history=history, best_epoch=best,
        after=history[best]["validation"],
    )  # fmt: skip
    return Heard(outcome, [_clip(clip) for clip in speech.clips])


def _emotion(federated: Federated, federation: Federation, rows: Any, weights: Any) -> Heard:
    """What the model that was learned reads in the test part, in sound treated as the clients’ was."""
    test, emotions = federated.sides.of("test"), federated.recipe.emotions
    told = read(weights, federation.shape, torch.from_numpy(federated.of(test, rows)))
    readings = [emotions[int(place)] for place in told]
    return Heard(Outcome("", "emotion", MODEL, "retrained", readings), test)


def _nothing(bench: Bench) -> tuple[list[Heard], list[str]]:
    """Nobody sends anything: the model stays as it began, and attackers guess."""
    federated = bench.federated
    rules, rows = bench.recipe.federation, federated.rows
    clients = federated.clients(rows)
    shape = Shape(rows.shape[1], len(bench.recipe.emotions))
    test = federated.sides.of("test")
    told = read(first_weights(shape, rules.start), shape, torch.from_numpy(federated.of(test, rows)))
    readings = [bench.recipe.emotions[int(place)] for place in told]
    found = [Heard(Outcome("", "emotion", MODEL, "retrained", readings), test)]
    guesses: dict[str, Any] = {"sex": min(client.sex for client in clients), "speaker": np.ones(4) / 2}
    for knowledge in ("ignorant", "retrained"):
        for secret in bench.secrets:
            for judge in (ONE,) if secret == "speaker" else COUNTS:
                draws = 1 if judge == EVERY else VOICES if secret == "speaker" else DRAWS
                clips = [Clip(f"{c.id}@{draw}", Path(), c.speaker, c.sex) for c in clients for draw in range(draws)]
                clips.sort(key=lambda clip: clip.id)
                found.append(Heard(Outcome("", secret, judge, knowledge, [guesses[secret]] * len(clips)), clips))
    return found, ["Nothing leaves, so that nothing can be told, and nothing is learned."]


def _clip(clip: Clip) -> Clip:
    return Clip(clip.id, Path(), clip.speaker, clip.sex)


def _plain(heard: Heard) -> dict[str, Any]:
    clips = [[clip.id, str(clip.path), clip.speaker, clip.sex, clip.emotion, clip.extra] for clip in heard.clips]
    return {"outcome": heard.outcome.as_json(), "clips": clips}


def _heard(facts: dict[str, Any]) -> Heard:
    clips = [
        Clip(id, Path(path), speaker, sex, emotion, extra=extra)
        for id, path, speaker, sex, emotion, extra in facts["clips"]
    ]
    return Heard(from_json(facts["outcome"]), clips)


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
