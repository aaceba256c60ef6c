"""The tables of an audit, from what its jobs have left."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aclipse.atomic import write_table, write_text
from aclipse.experiments.ladder.attacks import Retrain
from aclipse.experiments.ladder.bench import Bench, spread
from aclipse.experiments.ladder.jobs import Job
from aclipse.experiments.ladder.outcome import Outcome
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
)

ATTACKER_COLUMNS = [
    "subject", "secret", "judge", "knowledge", "via", "clips", "minutes", "epochs", "best_epoch", "seed", "before",
    "after", "seconds",
]  # fmt: skip
LEARNING_COLUMNS = ["subject", "secret", "judge", "knowledge", "clips", "seed", "epoch", "loss", "validation"]
BUDGET_COLUMNS = [
    "subject", "secret", "metric", "judge", "knowledge", "clips", "minutes", "seed", "value", "low", "high",
]  # fmt: skip
PURIFIER_COLUMNS = ["subject", "secret", "purifier", "validation", "chosen"]


MOST_VOICES = 800  # test clips whose pairs are tried: their number is quadratic


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
    for heard_before in (folder / "listen").iterdir() if (folder / "listen").exists() else ():
        if heard_before.name not in (*bench.subjects, "original"):
            shutil.rmtree(heard_before)
    write_table(folder / "scores.csv", SCORE_COLUMNS, sheet.scores)


def hearings(bench: Bench, jobs: Sequence[Job]) -> list[Hearing]:
    """What the tables tell: every outcome but those of other seeds and of weaker budgets."""
    full = [job for job in jobs if not (isinstance(job, Retrain) and job.curve)]
    told = (_hearing(bench, outcome) for job in full for outcome in bench.outcomes(job.name))
    return [heard for heard in told if heard.clips]


def _hearing(bench: Bench, outcome: Outcome) -> Hearing:
    """The clips that have the secret, and what was heard in them."""
    task, test = bench.tasks[outcome.secret], bench.speech["test"].clips
    places = range(len(test)) if outcome.picked is None else outcome.picked
    kept = [i for i, place in enumerate(places) if task.target(test[place])]
    if outcome.secret == "speaker" and len(kept) > MOST_VOICES:
        kept = [kept[i] for i in spread([test[places[i]] for i in kept], MOST_VOICES)]
    enrolled = None if outcome.enrolled is None else [outcome.enrolled[i] for i in kept]
    cut = replace(outcome, readings=[outcome.readings[i] for i in kept], enrolled=enrolled)
    return Hearing(task, [test[places[i]] for i in kept], cut)


def _add_quality(sheet: Sheet, bench: Bench, subject: str) -> None:
    facts = bench.facts(f"{subject}/released")
    clips = {clip.id: clip for clip in bench.speech["test"].clips}
    sheet.add_quality(subject, [clips[id] for id in facts["quality"]], list(facts["quality"].values()))
    if facts["seconds"] is not None:
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
            alike = replace(outcome, enrolled=None)  # voices are enrolled as the retrained enrol them: protected
            figures = sheet.figures(_hearing(bench, alike), metric)
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
    """The judged release against every other one, for each listener that both have met, on the clips of both."""
    own = {h.met: h for h in told if h.outcome.subject == judged}
    others = [h for h in told if h.outcome.subject != judged and h.met in own and h.task.name != "speaker"]
    rows = []
    for other in others:
        mine = own[other.met].only({clip.id for clip in other.clips})
        if mine.clips:
            rows.append(sheet.pair(mine, other.only({clip.id for clip in mine.clips})))
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
