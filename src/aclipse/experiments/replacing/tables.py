"""Each study's numbers as one CSV table, the paper's beside ours; a figure is drawn from its table alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aclipse.atomic import read_table, write_table, write_text
from aclipse.audio.functionals import version
from aclipse.experiments.replacing import paper
from aclipse.experiments.replacing.attackers import AGAIN, REPLACED, RETRAINED, RISK
from aclipse.experiments.replacing.needed import jobs_of
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.readings import Read
from aclipse.experiments.replacing.settings import DECIDED, RAW
from aclipse.experiments.replacing.summary import of_replaced, of_roles, of_sex
from aclipse.experiments.study.measures import Measure, Rows, cell, change, estimate, mean_snr, speakers_of
from aclipse.protections.replacement.roles import ROLES

Table = Iterator[dict[str, Any]]
Measures = Mapping[tuple[str, str], Measure]
READERS = (RISK, RETRAINED)  # of role and sex
NO_CHANGE = dict.fromkeys(("change", "change_low", "change_high"), "")


def write(plan: Plan) -> None:
    """Write OUTPUT/NAME.csv of a study that has been carried out, and OUTPUT/NAME.json, what it was made with."""
    rows = list(TABLES[plan.name](plan))
    s = plan.settings
    made_by = version(s.functionals.kind) if jobs_of(plan) else ""  # clips are counted without any
    made_with = {
        **plan.facts(), "the paper's corpora": list(paper.CORPORA), "functionals": s.functionals.kind,
        "functionals made by": made_by,
        "normalisation": s.functionals.normalisation, "components": s.functionals.components,
        "scenarios": {name: roles.model_dump() for name, roles in s.roles.items()}, "methods": list(s.methods),
        "risk": s.risk.model_dump(), "replacement": s.replacement.model_dump(exclude=DECIDED),
    }  # fmt: skip
    write_text(plan.output / f"{plan.name}.json", json.dumps(made_with, indent=2, ensure_ascii=False) + "\n")
    write_table(plan.output / f"{plan.name}.csv", list(rows[0]), rows)


def _table1(plan: Plan) -> Table:
    for corpus in plan.corpora:
        reported = paper.CLIPS.get(paper.corpus(corpus), {})
        for emotion in (*plan.settings.emotions, "all"):
            own = [
                clip for clip in plan.manifest.clips
                if clip.extra["corpus"] == corpus and emotion in (clip.emotion, "all")
            ]  # fmt: skip
            yield {
                "corpus": corpus, "emotion": emotion, "clips": len(own),
                "speakers": len({clip.speaker for clip in own}), "paper": reported.get(emotion, ""),
            }  # fmt: skip


def _table3(plan: Plan) -> Table:
    for scenario in plan.settings.roles:
        raw = _read(plan, scenario, RAW)
        as_they_are = {RISK: of_roles(raw[RISK], raw[RISK]), REPLACED: of_replaced(raw[REPLACED])}
        compared = {**as_they_are, RETRAINED: as_they_are[RISK], AGAIN: {}}
        for method in plan.settings.methods:
            for attacker, places in _read(plan, scenario, method).items():
                if attacker in READERS:
                    measures = of_roles(places, raw[RISK] if attacker == RISK else None)
                else:
                    measures = of_replaced(places)
                yield from _lines(plan, (scenario, method, attacker), places, measures, compared[attacker])


def _table4(plan: Plan) -> Table:
    for scenario in plan.settings.roles:
        raw = of_sex(_read(plan, scenario, RAW)[RISK])
        for method in plan.settings.methods:
            for attacker, places in _read(plan, scenario, method).items():
                if attacker in READERS:
                    for row in _lines(plan, (scenario, method, attacker), places, of_sex(places), raw):
                        row.pop("role")
                        yield row


def _fig3(plan: Plan) -> Table:
    for scenario in plan.settings.roles:
        for method in plan.settings.methods:
            for attacker, (first, *_) in _read(plan, scenario, method).items():
                for truth in ROLES if attacker in READERS else ():
                    heard = [row["read_role"] for row in first if row["role"] == truth]
                    for read in ROLES:
                        yield {
                            "scenario": scenario, "method": method, "attacker": attacker, "truth": truth, "read": read,
                            "share": cell(heard.count(read) / len(heard)), "clips": len(heard), "rotation": 0,
                            "split": plan.dealt(),
                        }  # fmt: skip


def _lines(
    plan: Plan, who: tuple[str, str, str], places: Sequence[Rows], measures: Measures, compared: Measures
) -> Table:
    """One row a measure, and how it differs from the same in vectors as they are."""
    scenario, method, attacker = who
    speakers, snr = speakers_of(places), mean_snr(places)
    known = plan.settings.roles[scenario] in paper.SCENARIOS and attacker == RISK
    for (role, metric), measure in measures.items():
        before = compared.get((role, metric)) if method != RAW else None
        yield {
            "scenario": scenario, "method": method, "attacker": attacker, "role": role, "metric": metric,
            **estimate(measure, speakers, plan.repeats),
            **(change(measure, before, speakers) if before else NO_CHANGE), "clips": measure.clips, "snr_db": snr,
            "chance": cell(measure.chance),
            "paper": paper.REPORTED.get((scenario, role, method, metric), "") if known else "", "split": plan.dealt(),
        }  # fmt: skip


def _read(plan: Plan, scenario: str, method: str) -> dict[str, list[Rows]]:
    """Attacker → its rows in every rotation and repeat."""
    places = [read_table(Read(place, scenario, method).result(plan)) for place in plan.places()]
    return {
        attacker: [[row for row in rows if row["attacker"] == attacker] for rows in places]
        for attacker in dict.fromkeys(row["attacker"] for row in places[0])
    }


TABLES: dict[str, Callable[[Plan], Table]] = {
    "rae-table1": _table1, "rae-table3": _table3, "rae-table4": _table4, "rae-fig3": _fig3,
}  # fmt: skip
