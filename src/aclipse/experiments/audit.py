"""What every attacker one would meet still gets, and what is left of emotion: for a run of ours or anybody's output."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aclipse.atomic import write_table, write_text
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder import cost, pool
from aclipse.experiments.ladder.bench import Bench, spread
from aclipse.experiments.ladder.jobs import Job, Retrain
from aclipse.experiments.ladder.outcome import Outcome
from aclipse.experiments.ladder.plan import plan
from aclipse.experiments.ladder.signals import available
from aclipse.experiments.ladder.subjects import Releaser, Seeded, Subject, baseline, build, clean_speech
from aclipse.experiments.levels import LEVELS, Level
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.recorded import Recorded
from aclipse.experiments.scores import (
    CLIP_COLUMNS,
    MAIN,
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    Hearing,
    Row,
    Sheet,
    corrected,
)  # fmt: skip
from aclipse.metrics import quality
from aclipse.records import file_hash
from aclipse.registry import PROTECTIONS
from aclipse.training import processes

log = logging.getLogger(__name__)

SNR_CLIPS = 60  # validation clips from which the SNR of a protection is taken, for noise of the same
COMPARED = ("ignorant", "retrained")  # levels at which systems are compared in pairs
ATTACKER_COLUMNS = [
    "subject", "secret", "judge", "knowledge", "via", "clips", "minutes", "epochs", "best_epoch", "seed", "before",
    "after", "seconds",
]  # fmt: skip
LEARNING_COLUMNS = ["subject", "secret", "judge", "knowledge", "clips", "seed", "epoch", "loss", "validation"]
BUDGET_COLUMNS = [
    "subject", "secret", "metric", "judge", "knowledge", "clips", "minutes", "seed", "value", "low", "high",
]  # fmt: skip
PURIFIER_COLUMNS = ["subject", "secret", "purifier", "validation", "chosen"]

OnDone = Callable[[str, float, float], None]


def audit(folder: Path | str, changes: Sequence[str] = (), threads: int = 1, on_done: OnDone | None = None) -> Path:
    """Judge the cascade of a finished run beside its baselines; gives the path of scores.csv.

    ``changes`` are overrides of the recipe's section ``audit``, such as ``audit.level=quick``. With several
    ``threads`` (0: all cores) attackers are trained side by side, each in a process of its own on one core; a script
    that asks for them needs ``if __name__ == "__main__":``. Scores are the same for any number of processes.
    ``on_done(job, seconds done, seconds in all)`` is called after each piece of work.

    Attackers that an earlier audit of the same protection has trained are kept. Raises RunError if the run is not
    finished.
    """
    prepared = runs.reopen(Path(folder), changes)
    weights = prepared.run.weights("cascade")
    release = Seeded(runs.load_cascade(weights), prepared.recipe.seed)
    return Audit(prepared, "cascade", release, file_hash(weights)).judge(threads, on_done)


def audit_folders(
    recipe: Recipe, manifest: Manifest, original: Path | str, protected: Path | str, output: Path | str,
    threads: int = 1, on_done: OnDone | None = None,
) -> Path:  # fmt: skip
    """Judge any protector by its output: recognisers are trained on the originals, attackers on the protected.

    Raises CorpusError where originals and protected files do not pair up.
    """
    name = Path(protected).resolve().name
    if name.partition("-1")[0] in PROTECTIONS or name in ("original", "clean"):
        raise CorpusError(f"{protected} is named like a row of the table, {name!r}. Rename the folder.")
    judged = runs.chosen(manifest, recipe.corpus.only).only(recipe.corpus.emotions)
    clips = [clip for clip in judged.clips if runs.is_complete(clip)]
    recorded = Recorded(Path(original), Path(protected), clips)
    recorded.check_lengths(clips)
    prepared = runs.prepare(recipe, manifest, Path(output), resume=True)
    return Audit(prepared, name, recorded, recorded.fingerprint).judge(threads, on_done)


def processes_of(threads: int, recipe: Recipe) -> int:
    """How many processes ``threads`` make: one each for compact recognisers on a CPU, else a single one."""
    compact = recipe.evaluators.backbone == "compact" and processes.device().type == "cpu"
    return (threads or os.cpu_count() or 1) if compact else 1


@dataclass(frozen=True)
class Opening:
    """What a process needs to open a bench of its own."""

    folder: Path
    recipe: Recipe
    subjects: dict[str, Subject]
    level: Level

    def __call__(self) -> Bench:
        """Read the run again."""
        prepared = replace(runs.reopen(self.folder), recipe=self.recipe)
        return Bench(prepared, self.subjects, self.folder / "audit", self.level)


class Audit:
    """Judges one release of one corpus beside its baselines."""

    def __init__(self, prepared: runs.Prepared, name: str, release: Releaser, fingerprint: str) -> None:
        if processes.count() > 1:
            raise RunError("an audit runs in one process. Start it without `accelerate launch`.")
        self.prepared, self.name, self.release, self.fingerprint = prepared, name, release, fingerprint
        self.seed, self.settings = prepared.recipe.seed, prepared.recipe.audit
        self.folder = prepared.run.folder / "audit"
        self.snr_db = self._snr()
        self._built: dict[str, Seeded] = {}

    def judge(self, threads: int = 1, on_done: OnDone | None = None) -> Path:
        """Climb the ladder and write the tables; gives the path of scores.csv."""
        started, bench = time.perf_counter(), self.bench(self.settings.effort)
        workers = processes_of(threads, self.prepared.recipe)
        jobs, units = plan(bench), dict[str, float]()
        costs = cost.seconds_of(jobs, bench, units)
        self._say_how_long(bench, units, workers)
        opening = Opening(self.prepared.run.folder, self.prepared.recipe, bench.subjects, bench.level)
        pool.run(jobs, bench, opening, workers, costs, on_done)
        write(bench, jobs, self.name)
        facts = {"level": self.settings.level, "seconds": round(time.perf_counter() - started, 1)}
        left_out = [*bench.left_out, *available()[1]]
        write_text(self.folder / "audit.json", json.dumps({**facts, "left_out": left_out}, indent=2))
        bench.forget()
        return self.folder / "scores.csv"

    def bench(self, level: Level) -> Bench:
        """What the jobs of a level work on."""
        own = Subject(self.name, self.release, self.fingerprint, level.rungs, level.attacker_clips, judged=True)
        trivial = [baseline(self._trivial(name), name, level) for name in level.baselines if name != "identity"]
        named = [own, clean_speech(level, self.seed), *trivial]
        return Bench(self.prepared, {subject.name: subject for subject in named}, self.folder, level)

    def _trivial(self, name: str) -> Seeded:
        if name not in self._built:  # label-only looks for its sounds for seconds
            self._built[name] = Seeded(build(name, self.snr_db, self.prepared.guides), self.seed)
        return self._built[name]

    def _snr(self) -> float:
        """The SNR of what is judged, so that noise of the same can stand beside it."""
        speech = self.prepared.speech["validation"]
        few = speech.subset(spread(speech.clips, SNR_CLIPS))
        released = few.released(self.release)
        snr = [quality.snr_db(few.wave(i), released.wave(i)) for i in range(len(few))]
        return float(np.mean(np.clip(snr, -100, 100)))  # an untouched recording has an infinite one

    def _say_how_long(self, bench: Bench, units: dict[str, float], workers: int) -> None:
        times = {}
        for name in LEVELS:
            own = bench if name == self.settings.level else self.bench(LEVELS[name])
            times[name] = sum(cost.seconds_of(plan(own), own, units).values()) / workers / 60
        asked = self.settings.level
        others = ", ".join(f"{name} {minutes:.0f}" for name, minutes in times.items() if name != asked)
        log.info(
            "audit of %s at level %s: about %.0f minutes in %d processes, less what is done already (%s)",
            self.name, asked, times[asked], workers, others,
        )  # fmt: skip


def write(bench: Bench, jobs: Sequence[Job], judged: str) -> None:
    """Every table of an audit, and clips to listen to, from what its jobs have left."""
    settings, folder = bench.settings, bench.folder
    split = bench.prepared.split
    sheet = Sheet(f"{split.name} [{split.hash}]", settings.draws, bench.seed)
    outcomes = [(job.name, outcome) for job in jobs for outcome in bench.outcomes(job.name)]
    told = hearings(bench, jobs)
    for subject in bench.subjects:
        _add_quality(sheet, bench, subject)
        for heard in told:
            if heard.outcome.subject == subject:
                sheet.add(heard)
    shown = [heard for heard in told if heard.outcome.subject in ("identity", judged)]
    write_table(folder / "clips.csv", CLIP_COLUMNS, sheet.marks)
    write_table(folder / "attackers.csv", ATTACKER_COLUMNS, _attackers(bench, outcomes))
    write_table(folder / "learning.csv", LEARNING_COLUMNS, _learning(outcomes))
    write_table(folder / "budget.csv", BUDGET_COLUMNS, _budget(bench, sheet, [o for _, o in outcomes], judged))
    write_table(folder / "purifiers.csv", PURIFIER_COLUMNS, _purifiers(outcomes))
    write_table(folder / "slices.csv", SLICE_COLUMNS, [row for heard in shown for row in sheet.slices(heard)])
    write_table(folder / "pairs.csv", PAIR_COLUMNS, corrected(_pairs(sheet, told, judged)))
    write_text(folder / "chance.json", json.dumps(_chance(bench)))
    write_table(folder / "scores.csv", SCORE_COLUMNS, sheet.scores)


def hearings(bench: Bench, jobs: Sequence[Job]) -> list[Hearing]:
    """What the tables tell: of several seeds the attacker that did best on validation clips, and no weaker budgets."""
    best: dict[tuple[str, ...], Outcome] = {}
    full = [job for job in jobs if not (isinstance(job, Retrain) and job.curve)]
    for outcome in (outcome for job in full for outcome in bench.outcomes(job.name)):
        place = (outcome.subject, outcome.secret, outcome.judge, outcome.knowledge)
        if place not in best or (outcome.after or 0) > (best[place].after or 0):
            best[place] = outcome
    return [_hearing(bench, outcome) for outcome in best.values()]


def _hearing(bench: Bench, outcome: Outcome) -> Hearing:
    """The clips that have the secret, and what was heard in them."""
    task, test = bench.tasks[outcome.secret], bench.speech["test"].clips
    places = range(len(test)) if outcome.picked is None else outcome.picked
    kept = [i for i, place in enumerate(places) if task.target(test[place])]
    enrolled = None if outcome.enrolled is None else [outcome.enrolled[i] for i in kept]
    cut = replace(outcome, readings=[outcome.readings[i] for i in kept], enrolled=enrolled)
    return Hearing(task, [test[places[i]] for i in kept], cut)


def _add_quality(sheet: Sheet, bench: Bench, subject: str) -> None:
    facts = bench.facts(f"{subject}/released")
    clips = {clip.id: clip for clip in bench.speech["test"].clips}
    sheet.add_quality(subject, [clips[id] for id in facts["quality"]], list(facts["quality"].values()))
    sheet.add_pace(subject, facts["seconds"])


def _attackers(bench: Bench, outcomes: Iterable[tuple[str, Outcome]]) -> list[Row]:
    return [
        {**_place(one), "via": one.via, "clips": one.clips, "minutes": round(one.minutes, 2), "seed": one.seed,
         "epochs": len(one.history), "best_epoch": one.best_epoch, "before": one.before, "after": one.after,
         "seconds": bench.facts(job)["wall"]}
        for job, one in outcomes if one.history
    ]  # fmt: skip


def _learning(outcomes: Iterable[tuple[str, Outcome]]) -> list[Row]:
    return [
        {**_place(one), "clips": one.clips, "seed": one.seed, **epoch} for _, one in outcomes for epoch in one.history
    ]


def _budget(bench: Bench, sheet: Sheet, outcomes: Iterable[Outcome], judged: str) -> list[Row]:
    rows = []
    for outcome in outcomes:
        if outcome.subject == judged and outcome.knowledge in ("ignorant", "retrained"):
            metric = MAIN[outcome.secret]
            figures = sheet.figures(_hearing(bench, outcome), metric)
            spent = {"clips": outcome.clips, "minutes": round(outcome.minutes, 3), "seed": outcome.seed}
            rows.append({**_place(outcome), "metric": metric, **spent, **figures})
    return sorted(rows, key=lambda row: (row["secret"], row["clips"], row["seed"]))


def _purifiers(outcomes: Iterable[tuple[str, Outcome]]) -> list[Row]:
    return [
        {"subject": one.subject, "secret": one.secret, "purifier": name, "validation": round(score, 6),
         "chosen": int(name == one.via)}
        for _, one in outcomes for name, score in one.tried.items()
    ]  # fmt: skip


def _pairs(sheet: Sheet, told: Sequence[Hearing], judged: str) -> list[Row]:
    """The judged release against every other one, for each listener that both have met."""
    own = {(h.task.name, h.outcome.judge, h.outcome.knowledge): h for h in told if h.outcome.subject == judged}
    rows = []
    for other in told:
        place = (other.task.name, other.outcome.judge, other.outcome.knowledge)
        if other.outcome.subject == judged or place[2] not in COMPARED or place[0] == "speaker" or place not in own:
            continue
        if [clip.id for clip in own[place].clips] == [clip.id for clip in other.clips]:
            rows.append(sheet.pair(own[place], other))
    return rows


def _place(outcome: Outcome) -> Row:
    return {name: getattr(outcome, name) for name in ("subject", "secret", "judge", "knowledge")}


def _chance(bench: Bench) -> dict[str, float]:
    clips = bench.speech["test"].clips
    known = {"eer": 0.5, "tar_at_1far": 0.01, "linkability": 0.0} if "speaker" in bench.tasks else {}
    for name, task in bench.tasks.items():
        said = Counter(task.target(clip) for clip in clips if task.target(clip))
        if name == "sentence":
            known |= {"sentence_accuracy": max(said.values()) / said.total(), "sentence_bits": 0.0}
        elif name not in ("words", "speaker"):
            known[MAIN[name]] = 1 / len(said)
    return known
