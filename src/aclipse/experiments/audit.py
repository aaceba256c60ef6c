"""What every attacker one would meet still gets, and what is left of emotion: for a run of ours or anybody's output."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import write_text
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.bench import Bench, spread
from aclipse.experiments.ladder.climb import climb, on_one_core
from aclipse.experiments.ladder.jobs import Job
from aclipse.experiments.ladder.rivals import averaged, beside
from aclipse.experiments.ladder.subjects import Releaser, Rival, Subject, baseline, clean_speech
from aclipse.experiments.ladder.tables import write
from aclipse.experiments.levels import LEVELS, Level
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.recorded import Recorded
from aclipse.experiments.sharing import OnDone
from aclipse.metrics import quality
from aclipse.records import file_hash
from aclipse.registry import PROTECTIONS
from aclipse.training import processes

log = logging.getLogger(__name__)

SNR_CLIPS = 60  # validation clips from which the SNR of a protection is taken, for noise of the same


def audit(folder: Path | str, changes: Sequence[str] = (), threads: int = 1, on_done: OnDone | None = None) -> Path:
    """Judge the protection of a finished run beside its baselines; gives the path of scores.csv.

    ``changes`` are overrides of the recipe's section ``audit``, such as ``audit.level=quick``. With several
    ``threads`` (0: all cores) attackers are trained side by side, each in a process of its own on one core; a script
    that asks for them needs ``if __name__ == "__main__":``. Scores are the same for any number of processes.
    ``on_done(job, seconds done, seconds in all)`` is called after each piece of work.

    Attackers that an earlier audit of the same protection has trained are kept. Raises RunError if the run is not
    finished, or one beside it is of another split.
    """
    if runs.release_of(Path(folder)) == "updates":
        from aclipse.experiments.updates.audit import audit as audit_updates  # all that updates need, few runs do

        return audit_updates(Path(folder), changes, on_done)
    runs.find(Path(folder), changes)  # first: of what is no run, or not finished, nothing is computed
    protection = runs.load_protection(folder)
    prepared = runs.reopen(Path(folder), changes)
    weights = prepared.run.weights(prepared.medium.protection)
    mark, release = file_hash(weights), prepared.medium.seeded(protection, prepared.recipe.seed)
    rivals = averaged(prepared, protection, mark)
    return Audit(prepared, protection.name, release, mark, rivals).judge(threads, on_done)


def audit_folders(
    recipe: Recipe, manifest: Manifest, original: Path | str, protected: Path | str, output: Path | str,
    threads: int = 1, on_done: OnDone | None = None,
) -> Path:  # fmt: skip
    """Judge any protector by its output: recognisers are trained on the originals, attackers on the protected.

    Raises CorpusError where originals and protected files do not pair up, RecipeError if features are to be released.
    """
    if recipe.release != "waveform":
        raise RecipeError("folders hold sound: audit them with a recipe whose release is waveform")
    name = Path(protected).resolve().name
    if name in (*PROTECTIONS, "original", "clean") or re.fullmatch(r"pgd-\d+", name):
        raise CorpusError(f"{protected} is named like a row of the table, {name!r}. Rename the folder.")
    judged = runs.chosen(manifest, recipe.corpus.only).only(recipe.corpus.emotions)
    clips = [clip for clip in judged.clips if runs.is_complete(clip)]
    recorded = Recorded(Path(original), Path(protected), clips)
    recorded.check_lengths(clips)
    prepared = runs.prepare(recipe, manifest, Path(output), resume=True)
    return Audit(prepared, name, recorded, recorded.fingerprint).judge(threads, on_done)


class Audit:
    """Judges one release of one corpus beside its baselines and, under equal attackers, its rivals."""

    def __init__(
        self, prepared: runs.Prepared, name: str, release: Releaser, fingerprint: str, rivals: Sequence[Rival] = ()
    ) -> None:
        if processes.count() > 1:
            raise RunError("an audit runs in one process. Start it without `accelerate launch`.")
        self.prepared, self.name, self.release, self.fingerprint = prepared, name, release, fingerprint
        self.seed, self.settings, self.medium = prepared.recipe.seed, prepared.recipe.audit, prepared.medium
        self.rivals = [*rivals, *beside(prepared, [name, *(rival.name for rival in rivals)])]
        self.folder = prepared.run.folder / "audit"
        self._built: dict[str, Any] = {}

    def judge(self, threads: int = 1, on_done: OnDone | None = None) -> Path:
        """Climb the ladder and write the tables; gives the path of scores.csv."""
        log.info("audit of %s at level %s", self.name, self.settings.level)
        with on_one_core(threads, self.prepared.recipe):
            bench, started = self.bench(self.settings.effort), time.perf_counter()
            others = [(name, self.bench(level)) for name, level in LEVELS.items() if name != self.settings.level]
            jobs = climb(bench, threads, on_done, others)
            write(bench, jobs, self.name)
        self._note(bench, jobs, time.perf_counter() - started)
        bench.forget()
        return self.folder / "scores.csv"

    def bench(self, level: Level) -> Bench:
        """What the jobs of a level work on."""
        level = self.medium.able(level)
        own = Subject(self.name, self.release, self.fingerprint, level.rungs, level.attacker_clips, judged=True)
        rivals = [Subject(*rival, level.rungs, level.attacker_clips) for rival in self.rivals]
        trivial = [baseline(self._trivial(name), name, level) for name in level.baselines if name != "identity"]
        named = [own, clean_speech(level, self.seed, self.medium.quantized), *rivals, *trivial]
        return Bench(self.prepared, {subject.name: subject for subject in named}, self.folder, level)

    def _trivial(self, name: str) -> Any:
        if name not in self._built:  # label-only looks for its sounds for seconds
            self._built[name] = self.medium.trivial(name, self.snr_db, self.prepared.guides, self.seed)
        return self._built[name]

    @cached_property
    def snr_db(self) -> float:
        """The SNR of what is judged, so that noise of the same can stand beside it."""
        speech = self.prepared.speech["validation"]
        few = speech.subset(spread(speech.clips, SNR_CLIPS))
        released = few.released(self.release)
        snr = [quality.snr_db(few.wave(i).ravel(), released.wave(i).ravel()) for i in range(len(few))]
        return float(np.mean(np.clip(snr, -100, 100)))  # an untouched recording has an infinite one

    def _note(self, bench: Bench, jobs: Sequence[Job], seconds: float) -> None:
        work = sum(bench.facts(job.name)["wall"] for job in jobs)
        effort = {"level": self.settings.level, "effort": bench.level.model_dump(mode="json")}
        times = {"seconds": round(seconds, 1), "work_seconds": round(work, 1)}  # of this call; of all that is told
        left_out = {"left_out": [*bench.left_out, *self.medium.left_out(self.settings)]}
        write_text(self.folder / "audit.json", json.dumps({**effort, **times, **left_out}, indent=2))
