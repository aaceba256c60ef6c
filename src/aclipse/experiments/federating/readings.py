"""What is read in one private federation: emotion by its model, and by attackers what its updates tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from aclipse.atomic import write_table
from aclipse.contracts import Clip
from aclipse.experiments.federating import others, paper
from aclipse.experiments.federating.attackers import SEXES, VERSION, Odds, calibrated, fused_odds, odds, opened, pooled
from aclipse.experiments.federating.bench import Bench
from aclipse.experiments.federating.jobs import Learn
from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.settings import CLEAN, Variant
from aclipse.experiments.study.jobs import Job, Place, digest
from aclipse.experiments.updates.leaks import Leaks, Listener, overheard
from aclipse.protections.user_level_dp.clients import partition
from aclipse.protections.user_level_dp.model import LAYERS, read
from aclipse.protections.user_level_dp.simulate import Federation, Leak
from aclipse.training import processes

COLUMNS = [
    "kind", "id", "speaker", "sex", "attacker", "knowledge", "n", "truth", "read", "odds", "snr_db",
]  # fmt: skip
Question = Literal["emotion", "layers", "leaked"]  # of fed-utility, fed-attack and fed-udp
ALONE = 1  # updates that fed-attack reads at once
CENTRALLY = "central"  # in place of an algorithm: one client that has everybody's clips


@dataclass(frozen=True)
class Read:
    """Train one private federation, listen to it, and let attackers and its own model read."""

    place: Place
    corpus: str
    algorithm: str
    variant: Variant
    question: Question

    @property
    def after(self) -> tuple[Job, ...]:
        return tuple(job for _, job in self.attackers)

    @property
    def attackers(self) -> list[tuple[tuple[str, str], Learn]]:
        """Attacker and knowledge, and who trains it."""
        place = Place(0, self.place.repeat)
        if self.question == "layers":
            layers = [
                ((layer, "ignorant"), Learn(place, self.corpus, self.algorithm, CLEAN, layer)) for layer in LAYERS
            ]
            control = Learn(place, self.corpus, self.algorithm, CLEAN, control=True)
            return [*layers, (("shuffled", "ignorant"), control)]
        if self.question == "leaked":
            ignorant = Learn(place, self.corpus, self.algorithm, CLEAN)
            aware = Learn(place, self.corpus, self.algorithm, self.variant, aware=True)
            return [(("first", "ignorant"), ignorant), (("first", "aware"), aware)]
        return []

    @property
    def title(self) -> str:
        return f"{self.corpus}: {self.algorithm}, {self.variant}: read {self.question}"

    def folder(self, plan: Plan) -> Path:
        s = plan.settings
        depends: list[Any] = [s.functionals]
        if self.algorithm == CENTRALLY:
            depends.append(s.federation)
        else:
            depends += [s.rules(self.algorithm, self.variant), s.privacy(self.variant)]
        trained = [job.folder(plan).name for job in self.after]
        names = digest(depends, str(VERSION), str(s.leaked), str(s.draws), *trained)
        label = str(self.variant).replace(" ", "-")
        return plan.place_folder(self.place) / self.corpus / f"{self.question}-{self.algorithm}-{label}-{names}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "readings.csv"

    def work(self, bench: Bench) -> None:
        rows = [dict.fromkeys(COLUMNS, "") | row for row in Crowd(self, bench).rows()]
        if processes.is_main():
            write_table(self.result(bench.plan), COLUMNS, rows)


class Crowd:
    """The federation of one job, and all who read it."""

    def __init__(self, job: Read, bench: Bench) -> None:
        self.job, self.bench, self.settings = job, bench, bench.settings
        self.networks: dict[tuple[str, str], Any] = {
            who: opened(learn.folder(bench.plan), self.settings.attack, self.settings.networks)
            for who, learn in job.attackers
        }
        self.heard: list[Leak] = []

    def rows(self) -> Iterator[dict[str, Any]]:
        """All readings."""
        federation = self.federation
        listener = overheard([federation], choose=True, on_leak=self._hear)[0]
        if self.job.question != "layers":
            yield from self._emotions(federation, listener)
        if self.job.question == "leaked":
            yield from self._leaked(listener)
        if self.job.question == "layers":
            yield from self._layers(listener.leaks)
            yield from self._others(federation, listener.leaks)

    @property
    def federation(self) -> Federation:
        """Of this job; the central one is a federation of one client that has all clips, for as many of its steps."""
        job, seed = self.job, self.bench.seed
        if job.algorithm != CENTRALLY:
            return self.bench.private(job.corpus, job.algorithm, job.variant)
        clips, rows = self.bench.part(job.corpus, "train")
        same = [Clip(clip.id, clip.path, "everybody", emotion=clip.emotion) for clip in clips]
        everybody = partition(same, rows, paper.EMOTIONS, seed)
        rules = self.settings.federation.model_copy(update={"rounds": max(1, self.settings.federation.rounds // 10)})
        return Federation(everybody, len(paper.EMOTIONS), rules, seed=seed)

    @cached_property
    def _test(self) -> tuple[list[Clip], torch.Tensor]:
        clips, rows = self.bench.part(self.job.corpus, "test")
        return clips, torch.from_numpy(rows)

    def _hear(self, leak: Leak) -> None:
        if self.job.question == "layers" and leak.chosen:  # of what clients sent, the first round's is enough
            self.heard.append(leak._replace(sent=leak.sent[:0]) if self.heard else leak)

    def _emotions(self, federation: Federation, listener: Listener) -> Iterator[dict[str, Any]]:
        clips, features = self._test
        told = read(listener.kept, federation.shape, features.to(listener.kept.device)).tolist()
        for clip, label in zip(clips, told, strict=True):
            yield {
                "kind": "emotion", "id": clip.id, "speaker": clip.speaker, "sex": clip.sex, "truth": clip.emotion,
                "read": paper.EMOTIONS[label],
            }  # fmt: skip

    def _leaked(self, listener: Listener) -> Iterator[dict[str, Any]]:
        leaks, snr = listener.leaks, listener.snr_db
        for count in self.settings.leaked:
            some = leaks.averaged(count, self.settings.draws, self.bench.seed)
            speech = some.of_layer("first")
            yield from _of_sex(some, "first", "ignorant", count, odds(self.networks["first", "ignorant"], speech), snr)
            aware = pooled(self.networks["first", "aware"], leaks, count, self.settings.draws, self.bench.seed)
            yield from _of_sex(some, "first", "aware", count, aware, snr)

    def _layers(self, leaks: Leaks) -> Iterator[dict[str, Any]]:
        some = leaks.averaged(ALONE, self.settings.draws, self.bench.seed)
        for (attacker, knowledge), networks in self.networks.items():
            layer = "first" if attacker == "shuffled" else attacker
            yield from _of_sex(some, attacker, knowledge, ALONE, odds(networks, some.of_layer(layer)))
        layers = {attacker: networks for (attacker, _), networks in self.networks.items()}
        first = calibrated(odds(layers["first"], some.of_layer("first")))
        yield from _of_sex(some, "calibrated", "ignorant", ALONE, first)
        yield from _of_sex(some, "fused", "ignorant", ALONE, fused_odds(layers, some))

    def _others(self, federation: Federation, leaks: Leaks) -> Iterator[dict[str, Any]]:
        seed = self.bench.seed
        strangers = partition(*self.bench.part(self.job.corpus, "test"), paper.EMOTIONS, seed)
        device = federation.weights.device
        yield from others.linking(leaks, seed)
        yield from others.membership(federation, [one.to(device) for one in strangers], self.heard, seed)
        if federation.settings.algorithm == "fedsgd":
            yield from others.inversion(federation, self.heard[0], seed)


def _of_sex(
    leaks: Leaks, attacker: str, knowledge: str, count: int, found: Odds, snr: float = np.inf
) -> Iterator[dict[str, Any]]:
    for client, number, value in zip(leaks.clients, leaks.rounds, found, strict=True):
        yield {
            "kind": "sex", "id": f"{client.id}@{number}", "speaker": client.speaker, "sex": client.sex,
            "attacker": attacker, "knowledge": knowledge, "n": count, "truth": client.sex,
            "read": SEXES[int(value > 0)], "odds": f"{value:.4f}", "snr_db": round(snr, 2),
        }  # fmt: skip


def senders(rows: Sequence[dict[str, str]]) -> int:
    """How many clients sent the updates of some rows."""
    return len({row["id"].partition("@")[0] for row in rows})
