"""What attackers read in what a method releases of the test part, one row for each clip and attacker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from aclipse.atomic import write_table
from aclipse.experiments.replacing.attackers import (
    AGAIN,
    OTHERS,
    READ_AT_ONCE,
    REPLACED,
    RETRAINED,
    RISK,
    VERSION,
    asked,
    farther,
    is_asked,
    moved_again,
    read_each,
    train_readers,
    train_replaced,
)
from aclipse.experiments.replacing.bench import Bench
from aclipse.experiments.replacing.jobs import Learn, Replace
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.releases import Release, all_alike, as_it_is, through, with_noise
from aclipse.experiments.replacing.settings import GUIDED, NOISE, RAW, TRAINED
from aclipse.experiments.study.jobs import Job, Place
from aclipse.metrics.quality import snr_db
from aclipse.protections.replacement.roles import Roles
from aclipse.seeds import derive
from aclipse.training import processes
from aclipse.training.batches import Speech, read_all

COLUMNS = [
    "id", "corpus", "speaker", "emotion", "sex", "scenario", "method", "attacker", "role", "read_role", "read_sex",
    *(f"odds_{question}" for question in OTHERS), "snr_db",
]  # fmt: skip


class Reading(NamedTuple):
    """What one attacker reads in the test part: role and sex of each clip, or how much it takes it for replaced.

    Odds are of each question that is asked of sensitive clips, against neutral ones or all.
    """

    attacker: str
    labels: list[dict[str, str]] | None = None
    odds: dict[str, list[float]] | None = None


@dataclass(frozen=True)
class Read:
    """Release the adversary and test parts by one method, and let every attacker read the latter."""

    place: Place
    scenario: str
    method: str

    @property
    def after(self) -> tuple[Job, ...]:
        learn = Learn(self.place, self.scenario)
        return (learn, *self._trained)

    @property
    def _trained(self) -> tuple[Replace, ...]:
        method = GUIDED if self.method == NOISE else self.method
        return (Replace(self.place, self.scenario, method),) if method in TRAINED else ()

    @property
    def title(self) -> str:
        return f"{self.scenario}: read {self.method}"

    def folder(self, plan: Plan) -> Path:
        risk, *trained = (job.folder(plan) for job in self.after)
        by = f"read-{VERSION}"
        return trained[0] / f"{self.method}-{by}-{risk.name}" if trained else risk / f"{self.method}-{by}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "clips.csv"

    def work(self, bench: Bench) -> None:
        crowd = Crowd(self, bench)
        rows = [row for reading in crowd.readings() for row in self._rows(bench, crowd, reading)]
        if processes.is_main():
            write_table(self.result(bench.plan), COLUMNS, rows)

    def release(self, bench: Bench) -> Release:
        """What the method makes of a vector."""
        seed = derive(bench.seed, "release", self.scenario)
        paths = [job.result(bench.plan) for job in self._trained]
        if not paths:
            return as_it_is if self.method == RAW else all_alike(bench)
        return with_noise(bench, paths[0], seed) if self.method == NOISE else through(paths[0], seed)

    def once_more(self, bench: Bench) -> Release:
        """The autoencoder as somebody else has it, whose draws are others."""
        return through(self._trained[0].result(bench.plan), derive(bench.seed, "again", self.scenario))

    def _rows(self, bench: Bench, crowd: Crowd, reading: Reading) -> Iterator[dict[str, Any]]:
        for index, clip in enumerate(crowd.clean.clips):
            moved = snr_db(crowd.clean.wave(index).ravel(), crowd.released["test"].wave(index).ravel())
            labels = reading.labels[index] if reading.labels else {}
            role = crowd.roles.of(clip.emotion)
            told = (reading.odds or {}).items()
            odds = {question: repr(own[index]) for question, own in told if is_asked(role, question)}
            yield {
                "id": clip.id, "corpus": clip.extra["corpus"], "speaker": clip.speaker, "emotion": clip.emotion,
                "sex": clip.sex, "scenario": self.scenario, "method": self.method, "attacker": reading.attacker,
                "role": role, "read_role": labels.get("role", ""), "read_sex": labels.get("sex", ""),
                **{f"odds_{question}": odds.get(question, "") for question in OTHERS}, "snr_db": round(moved, 3),
            }  # fmt: skip


class Crowd:
    """All attackers of one method."""

    def __init__(self, job: Read, bench: Bench) -> None:
        self.job, self.bench = job, bench
        self.roles: Roles = bench.settings.roles[job.scenario]
        self.clean = bench.speech("test")
        release = job.release(bench)
        self.released: dict[str, Speech] = {
            part: bench.speech(part).released(release) for part in ("adversary", "adversary-validation", "test")
        }
        self.risk: Any = bench.risk_model(job.after[0].result(bench.plan))

    def readings(self) -> Iterator[Reading]:
        """Attackers one after the other."""
        test = self.released["test"]
        yield Reading(RISK, read_all(self.risk, test, READ_AT_ONCE))
        if self.job.method != RAW:  # from vectors as they are the risk model has learned already
            folder, seed = self._start(RETRAINED)
            readers = train_readers(self.roles, self._parts, self.bench.settings.risk, folder, seed)
            yield Reading(RETRAINED, read_each(readers, test))
        yield Reading(REPLACED, odds={question: self._replaced(question) for question in OTHERS})
        if self.job.method in TRAINED:
            yield Reading(AGAIN, odds=self._again())

    @property
    def _parts(self) -> tuple[Speech, Speech]:
        return self.released["adversary"], self.released["adversary-validation"]

    def _start(self, attacker: str) -> tuple[Path, int]:
        """Folder and seed of one that learns."""
        folder = self.job.folder(self.bench.plan) / attacker.removesuffix("?")
        return folder, derive(self.bench.seed, attacker, self.job.scenario)

    def _replaced(self, question: str) -> list[float]:
        """A network for each question, or it would learn what is not asked, too; as large as the risk model."""
        learned, validation = (asked(self.roles, part, question) for part in self._parts)
        folder, seed = self._start(REPLACED)
        loop, widths = self.bench.settings.risk, self.risk.settings["widths"]
        reader = train_replaced(self.roles, (learned, validation), loop, widths, folder / question, seed)
        return read_all(reader, self.released["test"], READ_AT_ONCE)

    def _again(self) -> dict[str, list[float]]:
        """Farther is replaced or nearer, whichever it is of validation clips, to which no component was fitted."""
        release, (_, own) = self.job.once_more(self.bench), self._parts
        known, found = moved_again(release, own), moved_again(release, self.released["test"])
        signs = {question: farther(known, self.roles, own.clips, question) for question in OTHERS}
        return {question: [sign * moved for moved in found] for question, sign in signs.items()}
