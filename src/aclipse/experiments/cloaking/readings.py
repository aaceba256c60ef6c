"""How emotion or sex is read in what is released of the test part, one row for each clip and attacker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import write_table
from aclipse.contracts import Clip, Features
from aclipse.experiments.cloaking.attackers import FIRST, Attack, Gain, Reading
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.jobs import Learn, Suppress
from aclipse.experiments.cloaking.plan import ADVERSARIAL, CLEAN, METHODS, NOISE, Plan
from aclipse.experiments.ladder.subjects import WhiteFeatures
from aclipse.experiments.study.jobs import Job, Place, digest
from aclipse.metrics.quality import snr_db
from aclipse.protections.cloak.method import Cloak, rounded
from aclipse.seeds import derive
from aclipse.training import processes
from aclipse.training.batches import Speech, read_all

COLUMNS = [
    "id", "corpus", "speaker", "emotion", "sex", "task", "attacker", "draw", "truth", "read", "snr_db",
]  # fmt: skip
TASKS = ("emotion", "sex")


@dataclass(frozen=True)
class Read:
    """Read emotion or sex in what is released of the test part: clean, after φ, or with as much white noise as φ's."""

    place: Place
    task: str
    method: str = CLEAN
    sr: float | None = None

    @property
    def after(self) -> tuple[Job, ...]:
        first = Learn(self.place, self.task)
        return (first,) if self.sr is None else (first, Suppress(self.place, self._cloak, self.sr))

    @property
    def title(self) -> str:
        return f"{self.method}{'' if self.sr is None else f' at {self.sr:g} %'}: read {self.task}"

    @property
    def _cloak(self) -> str:
        return ADVERSARIAL if self.method == NOISE else self.method

    def folder(self, plan: Plan) -> Path:
        first, *suppressed = (job.folder(plan) for job in self.after)
        if not suppressed:
            return first
        s = plan.settings
        depends = (s.fine_tuned, s.scratch) if self.learns(plan) else ()
        white = "white-" if self.method == NOISE else ""
        return suppressed[0] / f"{white}{self.task}-{digest(depends, first.name, str(s.averaged))}"

    def learns(self, plan: Plan) -> bool:
        """Whether some attackers learn from φ."""
        return self.method in METHODS and self.sr in plan.settings.attackers

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "clips.csv"

    def work(self, bench: Bench) -> None:
        readings, gains = self._readings(bench)
        rows = [row for reading in readings for row in self._rows(bench, reading)]
        if not processes.is_main():
            return
        if gains:
            write_table(self.folder(bench.plan) / "attackers.csv", Gain._fields, (gain._asdict() for gain in gains))
        write_table(self.result(bench.plan), COLUMNS, rows)

    def _readings(self, bench: Bench) -> tuple[Sequence[Reading], Sequence[Gain]]:
        reader, test = bench.reader(self.after[0].folder(bench.plan)), bench.speech("test")
        if self.sr is None:
            return [Reading(FIRST[self.task], "", test, read_all(reader, test))], ()
        kept = Cloak.load(self.after[1].result(bench.plan))
        cloak = Cloak(kept.noise, kept.features)  # drawn anew, whatever it was trained to be
        if self.method == NOISE:
            noisy = _as_much_white_noise(cloak, test, bench.seed)
            return [Reading(FIRST[self.task], "anew", noisy, read_all(reader, noisy))], ()
        attack = Attack(bench, cloak, self.task, reader, self.folder(bench.plan))
        return list(attack.readings(self.learns(bench.plan))), attack.gains

    def _rows(self, bench: Bench, reading: Reading) -> Iterator[dict[str, Any]]:
        clean, target = bench.speech("test"), bench.task(self.task).target
        for index, clip in enumerate(clean.clips):
            moved = snr_db(clean.wave(index).ravel(), reading.released.wave(index).ravel())
            yield {
                "id": clip.id, "corpus": clip.extra["corpus"], "speaker": clip.speaker, "emotion": clip.emotion,
                "sex": clip.sex, "task": self.task, "attacker": reading.attacker, "draw": reading.draw,
                "truth": target(clip), "read": reading.readings[index], "snr_db": round(moved, 3),
            }  # fmt: skip


def _as_much_white_noise(cloak: Cloak, test: Speech, seed: int) -> Speech:
    """White noise by which each clip has the SNR that φ leaves it, and nothing is learned."""

    def release(signal: Features, clip: Clip) -> Features:
        moved = cloak.noised(signal, derive(seed, "release", clip.id))
        ratio = snr_db(signal.ravel(), moved.ravel())
        if not np.isfinite(ratio):  # features that φ did not change, or all zero
            return moved
        return rounded(WhiteFeatures(ratio).release(signal, derive(seed, "white", clip.id)))

    return test.released(release)
