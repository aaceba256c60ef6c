"""Each study's numbers as one CSV table, the published figures beside ours; a figure is drawn from its table alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from aclipse.atomic import read_table, write_table, write_text
from aclipse.audio.functionals import version
from aclipse.experiments.federating import paper
from aclipse.experiments.federating.attackers import SEXES
from aclipse.experiments.federating.needed import ALGORITHMS, wanted
from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.promises import guarantees, honest
from aclipse.experiments.federating.readings import CENTRALLY, Read, senders
from aclipse.experiments.federating.settings import CENTRAL, CLEAN, NONE, PAPER, Variant
from aclipse.experiments.study.measures import (
    Array,
    Measure,
    Row,
    Rows,
    accuracy,
    auc,
    cell,
    change,
    confusions,
    estimate,
    mean_snr,
    on,
    recall,
    speakers_of,
    uar,
)
from aclipse.experiments.updates.leaks import ALL, DROWNED

Table = Iterator[dict[str, Any]]
NO_CHANGE = dict.fromkeys(("change", "change_low", "change_high"), "")


def write(plan: Plan) -> None:
    """Write OUTPUT/NAME.csv of a study that has been carried out, and OUTPUT/NAME.json, what it was made with."""
    rows = list(TABLES[plan.name](plan))
    s = plan.settings
    made_with = {
        **plan.facts(), "the paper's corpora": list(paper.CORPORA), "private": list(plan.private),
        "functionals": s.functionals.kind, "functionals made by": version(s.functionals.kind),
        "federation": s.federation.model_dump(), "shadow": s.shadow.model_dump(), "attack": s.attack.model_dump(),
        "networks": s.networks, "draws": s.draws, "delta": s.delta, "strict_clip": s.strict_clip, "pruned": s.pruned,
        "dropout": s.dropout, "guarantees": guarantees(plan) if plan.name == "fed-udp" else {},
    }  # fmt: skip
    write_text(plan.output / f"{plan.name}.json", json.dumps(made_with, indent=2, ensure_ascii=False) + "\n")
    write_table(plan.output / f"{plan.name}.csv", list(rows[0]), rows)


def _utility(plan: Plan) -> Table:
    for corpus in plan.private:
        for algorithm in (*ALGORITHMS, CENTRALLY):
            places = _read(plan, corpus, algorithm, CLEAN, "emotion")
            yield from _emotions(plan, corpus, algorithm, places)
        often = [[row | {"read": _most(rows)} for row in rows] for rows in places]
        yield from _emotions(plan, corpus, "majority", often)


def _emotions(plan: Plan, corpus: str, algorithm: str, places: Sequence[Rows]) -> Table:
    speakers = speakers_of(places)
    read = confusions(places, speakers, "truth", "read", paper.EMOTIONS)
    measures: dict[str, Callable[[Array], Array]] = {"uar": uar, "accuracy": accuracy}
    measures |= {f"recall {emotion}": recall(label) for label, emotion in enumerate(paper.EMOTIONS)}
    clips, total = sum(map(len, places)) // plan.repeats, read.sum((0, 1))
    for metric, statistic in measures.items():
        chance = float(total.sum(1).max() / total.sum()) if metric == "accuracy" else 1 / len(paper.EMOTIONS)
        measure = Measure(on(read, statistic), clips, chance)
        yield {
            "corpus": corpus, "functionals": plan.settings.functionals.kind, "algorithm": algorithm, "mechanism": NONE,
            "metric": metric, **estimate(measure, speakers, plan.repeats), "clips": clips, "chance": cell(chance),
            "paper": paper.utility(corpus, algorithm, metric), "split": plan.dealt(),
        }  # fmt: skip


def _attack(plan: Plan) -> Table:
    for corpus in plan.private:
        for algorithm in ALGORITHMS:
            every = _read(plan, corpus, algorithm, CLEAN, "layers")
            for attacker in dict.fromkeys(row["attacker"] for rows in every for row in rows):
                places = [[row for row in rows if row["attacker"] == attacker] for rows in every]
                for secret, metric, values in _told(plan, attacker, places):
                    reported = paper.attack(corpus, algorithm) if attacker == "first" else ""
                    yield {
                        "corpus": corpus, "shadow": "+".join(one for one in plan.corpora if one != corpus),
                        "functionals": plan.settings.functionals.kind, "algorithm": algorithm, "attacker": attacker,
                        "secret": secret, "n": 1, "metric": metric, **values, "paper": reported,
                        "split": plan.dealt(),
                    }  # fmt: skip


def _told(plan: Plan, attacker: str, places: Sequence[Rows]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Secret, metric, and the cells of one attacker's numbers; of guessing, too, where features are looked for."""
    kind = places[0][0]["kind"]
    counts = {"clients": sum(map(senders, places)) // plan.repeats, "updates": sum(map(len, places)) // plan.repeats}
    if kind == "speaker":
        for metric in ("eer", "auc"):
            each = [float(row["odds"]) for rows in places for row in rows if row["id"] == metric]
            yield kind, metric, {**_plain(each), "clients": "", "updates": "", "chance": 50.0}
    elif kind == "features":
        each = [float(row["odds"]) for rows in places for row in rows]
        yield kind, "cosine", {**_plain(each), **counts, "chance": ""}
    else:
        yes, metric = ("yes", "auc") if kind == "member" else (SEXES[1], "uar")
        speakers = speakers_of(places)
        if metric == "auc":
            statistic = auc(places, speakers, "odds", lambda row: row["truth"] == yes)
        else:
            statistic = on(confusions(places, speakers, "truth", "read", SEXES), uar)
        measure = Measure(statistic, counts["updates"], 0.5)
        yield kind, metric, {**estimate(measure, speakers, plan.repeats), **counts, "chance": 50.0}


def _plain(each: Sequence[float]) -> dict[str, Any]:
    """A mean without an interval: of what is not one speaker's."""
    deviation = float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")
    return {"value": cell(float(np.mean(each))), "std": cell(deviation), "low": "", "high": ""}


def _udp(plan: Plan) -> Table:
    s = plan.settings
    for corpus in plan.private:
        before = _measure(_of_kind(_read(plan, corpus, "fedavg", CLEAN, "leaked"), "emotion"), paper.EMOTIONS)
        for variant in s.variants:
            every = _read(plan, corpus, "fedavg", variant, "leaked")
            yield _line(plan, corpus, variant, _of_kind(every, "emotion"), before=before)
            sex = _of_kind(every, "sex")
            for knowledge in ("ignorant", "aware"):
                for count in s.leaked:
                    asked = [
                        [row for row in rows if row["knowledge"] == knowledge and row["n"] == str(count)]
                        for rows in sex
                    ]
                    yield _line(plan, corpus, variant, asked, knowledge, count)


def _line(
    plan: Plan, corpus: str, variant: Variant, places: Sequence[Rows], knowledge: str = "", count: int | None = None,
    before: Measure | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One number of fed-udp: of emotion, or of sex by an attacker with so many updates."""
    s, speakers = plan.settings, speakers_of(places)
    measure = _measure(places, paper.EMOTIONS if count is None else SEXES)
    central, local = honest(plan, corpus, variant)
    known = variant.mechanism in (NONE, PAPER) and knowledge != "aware"
    moved = change(measure, before, speakers) if before and variant != CLEAN else NO_CHANGE
    return {
        "corpus": corpus, "mechanism": variant.mechanism, "epsilon": "" if variant.epsilon is None else variant.epsilon,
        "delta": s.delta if s.privacy(variant).mode == "strict" else "", "honest": central, "honest_local": local,
        "view": "central" if variant.mechanism == CENTRAL else "local",
        "measure": "emotion" if count is None else "sex", "attacker": knowledge,
        "n": "" if count is None else "all" if count == ALL else count, "metric": "uar",
        **estimate(measure, speakers, plan.repeats), **moved,
        "snr_db": _snr(places) if count == 1 else "",
        "clients": "" if count is None else sum(map(senders, places)) // len(places), "chance": cell(measure.chance),
        "paper": paper.udp(corpus, variant.epsilon, count) if known else "", "split": plan.dealt(),
    }  # fmt: skip


def _snr(places: Sequence[Rows]) -> float | str:
    """Mean over folds in dB; empty without noise, and where signal could not be told from it."""
    found = mean_snr(places)
    return found if isinstance(found, float) and found >= 10 * np.log10(DROWNED) else ""


def _measure(places: Sequence[Rows], labels: Sequence[str]) -> Measure:
    read = confusions(places, speakers_of(places), "truth", "read", labels)
    return Measure(on(read, uar), int(read.sum()), 1 / len(labels))


def _of_kind(places: Sequence[Rows], kind: str) -> list[Rows]:
    return [[row for row in rows if row["kind"] == kind] for rows in places]


def _most(rows: Sequence[Row]) -> str:
    """The emotion that most clips of the judged speakers have: the best that one answer can do."""
    truth = [row["truth"] for row in rows]
    return max(paper.EMOTIONS, key=truth.count)


def _read(plan: Plan, corpus: str, algorithm: str, variant: Variant, question: str) -> list[Rows]:
    """The rows of every fold and repeat."""
    mine = [
        job for job in wanted(plan)
        if (job.corpus, job.algorithm, job.variant, job.question) == (corpus, algorithm, variant, question)
    ]  # fmt: skip
    return [_table(job, plan) for job in mine]


def _table(job: Read, plan: Plan) -> Rows:
    return list(read_table(job.result(plan)))


TABLES: dict[str, Callable[[Plan], Table]] = {"fed-utility": _utility, "fed-attack": _attack, "fed-udp": _udp}
