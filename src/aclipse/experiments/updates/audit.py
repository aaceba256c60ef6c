"""The audit of a federation: who reads what in its updates, beside others, in the tables that every audit writes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aclipse.atomic import write_table, write_text
from aclipse.attackers.attributes import SEX
from aclipse.attackers.verification import SPEAKER
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments.ladder.tables import (
    ATTACKER_COLUMNS,
    BUDGET_COLUMNS,
    LEARNING_COLUMNS,
    PURIFIER_COLUMNS,
)
from aclipse.experiments.scores import (
    CLIP_COLUMNS,
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    Hearing,
    Row,
    Sheet,
    corrected,
)
from aclipse.experiments.sharing import OnDone
from aclipse.experiments.updates.attacks import Bench, Found, attacked
from aclipse.experiments.updates.subjects import BASELINES, subjects
from aclipse.experiments.updates.training import Federated, reopen

log = logging.getLogger(__name__)

TASKS = {task.name: task for task in (EMOTION, SEX, SPEAKER)}
TELLABLE = ("sex", "speaker")  # of whom sends an update
WORDLESS = "Words, sentences and sound: an update holds none of them that anybody here reads."
ONE_LAYER = (
    "Attackers read the first layer of an update, which tells most; single layers, other numbers of updates and the "
    "paper’s own attacker are compared by `aclipse reproduce fed-attack` and `fed-udp`."
)
ONE_SEED = "Every attacker is trained once: other seeds of it, budgets and shuffled labels are not tried."


def audit(folder: Path, changes: Sequence[str] = (), on_done: OnDone | None = None) -> Path:
    """Judge what the updates of a finished run tell; gives the path of scores.csv.

    What an earlier audit has done is kept. Raises RunError for a run that is not finished, and one beside it that
    cannot become updates.
    """
    federated, started = reopen(folder, changes), time.perf_counter()
    level = federated.recipe.audit.effort
    secrets, left_out = _secrets(federated, level.secrets)
    bench, rows = Bench(federated, folder / "audit", secrets), subjects(federated, level.baselines)
    found: dict[str, Found] = {}
    for number, subject in enumerate(rows, start=1):
        log.info("audit of the updates of %s", subject.name)
        begun = time.perf_counter()
        found[subject.name] = attacked(bench, subject)(round(time.perf_counter() - begun, 1))
        if on_done:
            on_done(subject.name, float(number), float(len(rows)))
    _write(federated, bench, found)
    settings = federated.recipe.audit
    effort = {"level": settings.level, "effort": level.model_dump(mode="json")}
    work = round(sum(one.seconds for one in found.values()), 1)
    times = {"seconds": round(time.perf_counter() - started, 1), "work_seconds": work}
    beyond = [name for name in level.baselines if name not in (*BASELINES, "identity")]
    left_out += [f"Simple means that work on sound alone are left out: {', '.join(beyond)}."] if beyond else []
    told = {"left_out": left_out, "promises": {name: one.promises for name, one in found.items()}}
    write_text(folder / "audit" / "audit.json", json.dumps({**effort, **times, **told}, indent=2))
    return folder / "audit" / "scores.csv"


def _secrets(federated: Federated, asked: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """What can be told at all, and why the rest cannot."""
    kept, left_out = [name for name in TELLABLE if name in asked], [WORDLESS, ONE_LAYER, ONE_SEED]
    clips = federated.sides.shadow
    sexes = {sex: len({clip.speaker for clip in clips if clip.sex == sex}) for sex in {c.sex for c in clips} - {""}}
    if len(sexes) < 2 or min(sexes.values()) < 2:
        left_out.append("Nobody is after sex: the adversary’s speech has not two speakers of each.")
        kept = [name for name in kept if name != "sex"]
    return tuple(kept), left_out


def _write(federated: Federated, bench: Bench, found: dict[str, Found]) -> None:
    folder, split = bench.folder, federated.sides.split
    sheet = Sheet(f"{split.name} [{split.hash}]", federated.recipe.audit.draws, bench.seed)
    told = [Hearing(TASKS[h.outcome.secret], h.clips, h.outcome) for one in found.values() for h in one.heard]
    judged = next(iter(found))
    for heard in told:
        sheet.add(heard)
    shown = [heard for heard in told if heard.outcome.subject in ("identity", judged)]
    write_table(folder / "clips.csv", CLIP_COLUMNS, sheet.marks)
    write_table(folder / "attackers.csv", ATTACKER_COLUMNS, _attackers(found))
    write_table(folder / "learning.csv", LEARNING_COLUMNS, _learning(told))
    write_table(folder / "budget.csv", BUDGET_COLUMNS, [])
    write_table(folder / "purifiers.csv", PURIFIER_COLUMNS, [])
    write_table(folder / "slices.csv", SLICE_COLUMNS, [row for heard in shown for row in sheet.slices(heard)])
    write_table(folder / "pairs.csv", PAIR_COLUMNS, corrected(_pairs(sheet, told, judged)))
    emotions = len({clip.emotion for clip in federated.sides.of("test")})
    chance = {"uar": 1 / emotions, "sex_uar": 0.5, "eer": 0.5, "tar_at_1far": 0.01, "linkability": 0.0}
    write_text(folder / "chance.json", json.dumps(chance))
    write_table(folder / "scores.csv", SCORE_COLUMNS, sheet.scores)


def _attackers(found: dict[str, Found]) -> list[Row]:
    return [
        {**_place(heard.outcome), "via": "", "clips": "", "minutes": "", "epochs": len(heard.outcome.history),
         "best_epoch": heard.outcome.best_epoch, "seed": 0, "before": None, "after": heard.outcome.after,
         "seconds": one.seconds}
        for one in found.values() for heard in one.heard if heard.outcome.history
    ]  # fmt: skip


def _learning(told: Sequence[Hearing]) -> list[Row]:
    columns = ("epoch", "loss", "validation")
    return [
        {**_place(heard.outcome), "clips": "", "seed": 0, **{name: row.get(name, "") for name in columns}}
        for heard in told
        for row in heard.outcome.history
    ]


def _pairs(sheet: Sheet, told: Sequence[Hearing], judged: str) -> list[Row]:
    """The judged release against every other one, for each attacker that both have met, on what both have sent."""
    own = {heard.met: heard for heard in told if heard.outcome.subject == judged}
    rows = []
    for other in told:
        if other.outcome.subject == judged or other.met not in own or other.task.name == "speaker":
            continue
        mine = own[other.met].only({clip.id for clip in other.clips})
        theirs = other.only({clip.id for clip in mine.clips})
        if mine.clips:
            rows.append(sheet.pair(mine, theirs))
    return rows


def _place(outcome: Any) -> Row:
    return {name: getattr(outcome, name) for name in ("subject", "secret", "judge", "knowledge")}
