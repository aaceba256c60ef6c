"""The frontier: how much emotion survives against how much is hidden, as the change of speech grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aclipse.atomic import write_table
from aclipse.contracts import Protection, Release
from aclipse.errors import RecipeError, RunError
from aclipse.experiments import run as runs
from aclipse.experiments.ladder.bench import Bench
from aclipse.experiments.ladder.climb import climb, on_one_core
from aclipse.experiments.ladder.subjects import Seeded, Subject, clean_speech
from aclipse.experiments.ladder.tables import hearings
from aclipse.experiments.levels import Level
from aclipse.experiments.medium import Medium
from aclipse.experiments.scores import MAIN, Hearing, Row, Sheet
from aclipse.experiments.sharing import OnDone
from aclipse.protections.baselines import LowPass, WhiteNoise
from aclipse.protections.blend import Blend
from aclipse.records import Run, file_hash

COLUMNS = ["subject", "method", "knob", "setting", "metric", "judge", "knowledge", "value", "low", "high", "n"]


@dataclass(frozen=True)
class Sweep:
    """What is varied, and the values it takes."""

    strengths: Sequence[float]  # of each run's protection
    snrs: Sequence[float]  # dB, of white noise
    cutoffs: Sequence[float]  # Hz, of low-pass filters


@dataclass(frozen=True)
class Point:
    """One setting of one method."""

    method: str
    knob: str
    setting: float
    protection: Protection
    fingerprint: str

    @property
    def name(self) -> str:
        """The point as a subject of an audit."""
        return f"{self.method}@{self.setting:g}"


def frontier(
    folders: Sequence[Path | str], sweep: Sweep, changes: Sequence[str] = (), threads: int = 1,
    on_done: OnDone | None = None,
) -> Path:  # fmt: skip
    """Judge every point of a sweep with ignorant, transferred and retrained listeners; gives the path of frontier.csv.

    All runs must share corpus, split and recognisers, and release sound; the table lies in the first one's audit.
    Raises RunError if they do not, RecipeError for a setting out of range.
    """
    prepared = runs.reopen(Path(folders[0]), changes)
    if prepared.medium.releases is not Release.WAVEFORM:
        raise RunError(
            f"{folders[0]} releases no sound, and what it releases has no strength to be swept. Train it again with "
            "other settings, such as cloak.suppression or replacement.weight, each into a folder of its own, and audit "
            "one with the others in audit.beside."
        )
    points = _named(_points([Path(folder) for folder in folders], sweep))
    bench = _bench(prepared, points)
    with on_one_core(threads, prepared.recipe):
        jobs = climb(bench, threads, on_done)
    sheet = Sheet("", prepared.recipe.audit.draws, prepared.recipe.seed)
    write_table(bench.folder / "frontier.csv", COLUMNS, [_row(sheet, h, points) for h in hearings(bench, jobs)])
    bench.forget()
    return bench.folder / "frontier.csv"


def _named(points: Iterable[Point]) -> dict[str, Point]:
    points = list(points)
    if not points:
        raise RecipeError("there is nothing to sweep. Give strengths, SNRs or cut-offs.")
    found = {point.name: point for point in points}
    if len(found) < len(points):
        raise RecipeError(
            "two points have one name. Give each value once, and runs whose folders are named differently."
        )
    return found


def _bench(prepared: runs.Prepared, points: dict[str, Point]) -> Bench:
    seed, effort = prepared.recipe.seed, prepared.recipe.audit.effort
    level = effort.model_copy(update={"rungs": ("retrained",), "shuffled": False})
    clean = clean_speech(level, seed)
    subjects = {clean.name: clean, **{name: _subject(point, level, seed) for name, point in points.items()}}
    return Bench(prepared, subjects, prepared.run.folder / "audit", level)


def _subject(point: Point, level: Level, seed: int) -> Subject:
    return Subject(
        point.name, Seeded(point.protection, seed), point.fingerprint, level.rungs, level.attacker_clips,
        secrets=level.baseline_secrets,
    )  # fmt: skip


def _points(folders: Sequence[Path], sweep: Sweep) -> Iterable[Point]:
    first = Run(folders[0])
    for folder in folders:
        own = Run(folder)
        same = [own.facts[key] == first.facts[key] for key in ("corpus", "split")]
        weights = [file_hash(own.weights(part)) == file_hash(first.weights(part)) for part in Medium.recognisers]
        if not all(same + weights):
            raise RunError(f"{folder} has another corpus, split or recognisers than {folders[0]}. Sweep it alone.")
        cascade, mark = runs.load_cascade(folder), file_hash(own.weights("cascade"))
        method = "cascade" if len(folders) == 1 else f"cascade {folder.resolve().name}"
        for strength in sweep.strengths:
            yield Point(method, "strength", strength, Blend(cascade, strength), f"{mark} {strength:g}")
    for snr in sweep.snrs:
        yield Point("white-noise", "snr_db", snr, WhiteNoise(snr), f"white-noise {snr:g}")
    for cutoff in sweep.cutoffs:
        yield Point("low-pass", "cutoff", cutoff, LowPass(cutoff), f"low-pass {cutoff:g}")


def _row(sheet: Sheet, heard: Hearing, points: dict[str, Point]) -> Row:
    metric, said = MAIN[heard.task.name], heard.outcome
    point = points.get(said.subject)
    place = {"subject": said.subject, "method": point.method if point else said.subject}
    knob = {"knob": point.knob if point else "", "setting": point.setting if point else ""}
    judged = {"metric": metric, "judge": said.judge, "knowledge": said.knowledge}
    return {**place, **knob, **judged, **sheet.figures(heard, metric), "n": len(heard.clips)}
