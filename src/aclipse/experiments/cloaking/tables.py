"""Each study's numbers as one CSV table, the paper's beside ours; a figure is drawn from its table alone."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from aclipse.atomic import read_table, replacing, write_table, write_text
from aclipse.audio.segments import centres, segments
from aclipse.experiments.cloaking import paper
from aclipse.experiments.cloaking.bench import Bench, open_store
from aclipse.experiments.cloaking.jobs import Suppress
from aclipse.experiments.cloaking.plan import METHODS, NOISE, Plan
from aclipse.experiments.cloaking.readings import TASKS, Read
from aclipse.experiments.cloaking.summary import Rows, changes, mean_snr, scores
from aclipse.experiments.study.jobs import Place
from aclipse.protections.cloak.method import Cloak

Table = Iterator[dict[str, Any]]
Map = npt.NDArray[np.float32]
CHANGE = ("change", "change_low", "change_high")  # points against clean features, paired
EXAMPLES = 64  # test segments over which σ is averaged where it depends on them
BANDS = {
    "under 500 Hz": (0.0, 500.0), "500–2000 Hz": (500.0, 2000.0), "over 2000 Hz": (2000.0, math.inf),
    "all": (0.0, math.inf),
}  # fmt: skip


def write(plan: Plan) -> None:
    """Write ROOT/NAME.csv of a study that has been carried out, and ROOT/NAME.json, what it was made with."""
    rows = list(TABLES[plan.name](plan))
    made_with = {
        **plan.facts(), "the paper's corpora": list(paper.CORPORA),
        "attackers that learn from φ": list(plan.settings.attackers), "averaged releases": plan.settings.averaged,
    }  # fmt: skip
    write_text(plan.output / f"{plan.name}.json", json.dumps(made_with, indent=2, ensure_ascii=False) + "\n")
    write_table(plan.output / f"{plan.name}.csv", list(rows[0]), rows)


def _table1(plan: Plan) -> Table:
    store, features = open_store(plan), plan.settings.features
    frames = {clip.id: len(store.features(clip)) for clip in plan.manifest.clips}
    for corpus in plan.corpora:
        reported = paper.SEGMENTS.get(paper.corpus(corpus), {})
        for emotion in (*plan.settings.emotions, "all"):
            counts = [
                frames[clip.id] for clip in plan.manifest.clips
                if clip.extra["corpus"] == corpus and emotion in (clip.emotion, "all")
            ]  # fmt: skip
            yield {
                "corpus": corpus, "emotion": emotion, "clips": len(counts),
                "segments": sum(segments(count, features.segment, features.train_hop) for count in counts),
                "test segments": sum(segments(count, features.segment, features.test_hop) for count in counts),
                "paper": reported.get(emotion, ""),
            }  # fmt: skip


def _table2(plan: Plan) -> Table:
    for corpus in ("all", *plan.corpora):
        for task in TASKS:
            repeats = _clips(plan, Read(Place(0, 0), task))
            own = [[row for row in rows if corpus in (row["corpus"], "all")] for rows in repeats]
            reported = paper.CLEAN.get((corpus if corpus == "all" else paper.corpus(corpus), task), {})
            sizes = {"clips": len(own[0]), "speakers": len({row["speaker"] for row in own[0]})}
            for row in scores(own):
                if row["metric"] in ("accuracy", "uar"):
                    values = {name: row[name] for name in ("metric", "value", "std", "low", "high")}
                    last = {"chance": row["chance"], "paper": reported.get(row["metric"], ""), "split": plan.dealt()}
                    yield {"corpus": corpus, "task": task, **values, **sizes, **last}


def _fig4(plan: Plan) -> Table:
    for task in TASKS:
        yield from _read(plan, Read(Place(0, 0), task))
    for method in (*METHODS, NOISE):
        for sr in plan.settings.srs:
            for task in TASKS:
                yield from _read(plan, Read(Place(0, 0), task, method, sr))


def _read(plan: Plan, job: Read) -> Table:
    """What each attacker reads of one release, over all rotations, and how that differs from clean features."""
    by_attacker: dict[tuple[str, str], list[Rows]] = defaultdict(list)
    for rows in _clips(plan, job):
        for who in dict.fromkeys((row["attacker"], row["draw"]) for row in rows):
            by_attacker[who].append([row for row in rows if (row["attacker"], row["draw"]) == who])
    clean = None if job.sr is None else _clips(plan, Read(job.place, job.task))
    for (attacker, draw), repeats in by_attacker.items():
        first = attacker in ("guide", "ignorant") and draw != "fixed" and job.sr in (None, paper.SR)
        reported = paper.NOISED.get((job.method, job.task), "") if first else ""
        sr, snr = "" if job.sr is None else f"{job.sr:g}", mean_snr(repeats)
        moved: dict[str, Any] = changes(repeats, clean) if clean else {}
        for row in scores(repeats):
            chance = row.pop("chance")
            yield {
                "method": job.method, "sr": sr, "task": job.task, "attacker": attacker, "draw": draw, **row,
                **moved.get(row["metric"], dict.fromkeys(CHANGE, "")), "clips": len(repeats[0]), "snr_db": snr,
                "chance": chance, "paper": reported if row["metric"] == "uar" else "", "split": plan.dealt(),
            }  # fmt: skip


def _fig5(plan: Plan) -> Table:
    hz, sr = centres(plan.settings.features), plan.settings.cloak.suppression
    folder = plan.output / plan.name
    _keep(folder / "hz.npy", hz)
    for place in plan.places():
        for method in METHODS:
            found = _map(plan, place, method, sr)
            if place == (0, 0):
                _keep(folder / f"{method.replace(' + ', '-')}.npy", found)
            for band, (low, high) in BANDS.items():
                inside = (low <= hz) & (hz < high)
                if inside.any():
                    sigma, kept = found[:, :, inside].mean((1, 2), dtype=np.float64)
                    yield {
                        "method": method, "sr": f"{sr:g}", "band": band, "sigma": round(float(sigma), 4),
                        "suppressed %": round(100 * float(1 - kept), 2), "rotation": place.rotation,
                    }  # fmt: skip


@torch.no_grad()
def _map(plan: Plan, place: Place, method: str, sr: float) -> Map:
    """σ and m, ``(2, segment, bands)``; where they depend on the segment, their mean over some test segments."""
    features, noise = plan.settings.features, Cloak.load(Suppress(place, method, sr).result(plan)).noise
    shape = -1, features.segment, features.bands
    pieces = torch.zeros(1, *shape[1:])
    if noise.settings.form == "adaptive":
        test = Bench(plan, place).speech("test")
        every = np.concatenate([test.wave(index) for index in range(min(len(test), EXAMPLES))])
        pieces = torch.from_numpy(every).reshape(shape)[:EXAMPLES]
    found = np.stack([each.reshape(shape).mean(0).numpy() for each in (noise.sigma(pieces), noise.mask(pieces))])
    return found.astype(np.float32)


def _keep(path: Path, array: Map) -> None:
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, array)


def _clips(plan: Plan, job: Read) -> list[Rows]:
    """Rows of each repeat, its rotations joined, of a job as it is in each."""
    found: list[Rows] = [[] for _ in range(plan.repeats)]
    for place in plan.places():
        found[place.repeat] += read_table(replace(job, place=place).result(plan))
    return found


TABLES: dict[str, Callable[[Plan], Table]] = {
    "cloak-table1": _table1, "cloak-table2": _table2, "cloak-fig4": _fig4, "cloak-fig5": _fig5,
}  # fmt: skip
