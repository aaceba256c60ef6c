"""Each study's numbers as one CSV table, the paper's beside ours; a figure is drawn from its table alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import read_table, write_table, write_text
from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.experiments.reproduction import paper, summary
from aclipse.experiments.reproduction.cells import reading, releaser
from aclipse.experiments.reproduction.plan import PUBLISHED, Cell, Plan, Variant
from aclipse.experiments.reproduction.summary import Rows
from aclipse.records import Run

Table = Iterator[dict[str, Any]]
EDGE_HZ = 2000  # the paper: energy above falls, below barely changes


def write(plan: Plan) -> None:
    """Write ROOT/NAME.csv of a study that has been carried out, and ROOT/NAME.json, what it was made with."""
    rows = list(TABLES[plan.name](plan))
    made_with = {
        "study": plan.study.title, "corpus": plan.manifest.name, "corpus hash": plan.manifest.hash,
        "weights": plan.backbones, "folds": plan.folds, "repeats": plan.repeats, "changed settings": plan.changes,
    }  # fmt: skip
    write_text(plan.root / f"{plan.name}.json", json.dumps(made_with, indent=2, default=list) + "\n")
    write_table(plan.root / f"{plan.name}.csv", list(rows[0]), rows)


def _table1(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        row, place = paper.BACKBONES[backbone], {"backbone": backbone, "split": _split(plan, backbone, kind)}
        clean, protected = (
            {"wa": row.clean_wa, "wer": row.clean_wer},
            {"wa": row.protected_wa, "wer": row.protected_wer},
        )
        reached = "{} of {}".format(*summary.kept_the_floor(_histories(plan, backbone, kind, PUBLISHED)))
        yield from _scores({**place, "method": "clean", "at the floor": ""}, [_clean(plan, backbone, kind)], clean)
        read = _read(plan, backbone, kind, backbone)
        yield from _scores({**place, "method": "Aclipse", "at the floor": reached}, read, protected)


def _transfer(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        for judge in plan.backbones:
            place = {"protected against": backbone, "split": _split(plan, backbone, kind), "read by": judge}
            yield from _scores(place, _read(plan, backbone, kind, judge), {})


def _fig3(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        weights = {variant: _setting(plan, backbone, kind, variant, "lambda_one") for variant in plan.study.variants}
        for variant, weight in sorted(weights.items(), key=lambda item: float(item[1])):
            place = {"backbone": backbone, "split": _split(plan, backbone, kind), "lambda_one": weight}
            for row in summary.curves(_histories(plan, backbone, kind, variant)):
                yield place | {name: round(value, 4) for name, value in row.items()}


def _fig4(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        weights = {v: _setting(plan, backbone, kind, v, "lambda_two") for v in plan.study.variants}
        named = sorted(weights.items(), key=lambda item: float(item[1]))
        series = {f"λ2 = {float(weight):g}": (variant, "2") for variant, weight in named}
        alone = {"stage 1 alone": (PUBLISHED, "1")}
        yield from _matched(plan, backbone, kind, {**alone, **series}, (named[-1][0], "2"), (PUBLISHED, "1"))


def _fig5(plan: Plan) -> Table:
    names = {"er": "SO frozen, ER tuned", "so": "ER frozen, SO tuned"}
    for backbone, kind in _backbones_and_kinds(plan):
        tuned = {_setting(plan, backbone, kind, v, "tuned"): (v, "2") for v in plan.study.variants}
        series = {names[module]: variant for module, variant in tuned.items()}
        yield from _matched(plan, backbone, kind, series, *series.values())


Series = tuple[Variant, str]  # a variant and one of its stages


def _matched(plan: Plan, backbone: str, kind: str, series: dict[str, Series], better: Series, worse: Series) -> Table:
    """WER of each series at equal accuracy, and how far the better one is ahead in the cells where both were."""
    found = {s: [summary.matched(h, s[1]) for h in _histories(plan, backbone, kind, s[0])] for s in series.values()}
    names = {s: name for name, s in series.items()}
    place = {"backbone": backbone, "split": _split(plan, backbone, kind)}
    pairs = zip(found[better], found[worse], strict=True)
    ahead = [100 * (one[bin][0] - other[bin][0]) for one, other in pairs for bin in one.keys() & other.keys()]
    difference = f"{names[better]} − {names[worse]}"
    yield {**place, "series": difference, "validation wa": "any", "paper": paper.AHEAD, **_spread(ahead), "test wa": ""}
    for bin in sorted({bin for cells in found.values() for cell in cells for bin in cell}):
        for name, s in series.items():
            there = [cell[bin] for cell in found[s] if bin in cell]
            accuracy = round(100 * float(np.mean([wa for _, wa in there])), 2) if there else ""
            percent = f"{100 * bin:.0f}–{100 * (bin + summary.BIN):.0f}"
            rates = _spread([100 * wer for wer, _ in there])
            yield {**place, "series": name, "validation wa": percent, "paper": "", **rates, "test wa": accuracy}


def _spread(rates: Sequence[float]) -> dict[str, Any]:
    if not rates:
        return {"test wer": "not reached", "std": "", "cells": 0}
    return {"test wer": round(float(np.mean(rates)), 2), "std": round(summary.spread(rates), 2), "cells": len(rates)}


def _fig6(plan: Plan) -> Table:
    """Energy change in each band over a fold's test clips; one clip is kept beside, before and after."""
    for backbone, kind in _backbones_and_kinds(plan):
        folder = plan.cell_folder(Cell(backbone, kind, 0, PUBLISHED, 0))
        release, clips = releaser(folder), {clip.id: clip for clip in plan.manifest.clips}
        tested = [clips[row["id"]] for row in read_table(folder / "clips.csv")]
        pairs = [(wave, release(wave, clip)) for clip in tested for wave in [files.read(clip.path)]]
        changes = np.array([_band_changes(*pair) for pair in pairs])
        _keep_example(plan.root / "fig6" / f"{backbone}-{kind}", pairs)
        for (band, said), values in zip((("below", "barely changes"), ("above", "falls")), changes.T, strict=True):
            yield {
                "backbone": backbone, "split": _split(plan, backbone, kind), "band": f"{band} {EDGE_HZ} Hz",
                "paper": said, "energy change dB": round(float(values.mean()), 2),
                "std over clips": round(summary.spread(values), 2), "clips": len(values),
            }  # fmt: skip


def _band_changes(original: Wave, protected: Wave) -> tuple[float, float]:
    """Energy below and above EDGE_HZ after protection over that before, in dB.

    >>> tone = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype(np.float32)
    >>> round(_band_changes(tone, tone / 2)[0], 1)
    -6.0
    """
    edge = EDGE_HZ * len(original) // SAMPLE_RATE
    before, after = (np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2 + 1e-9 for wave in (original, protected))
    ratios = after[:edge].sum() / before[:edge].sum(), after[edge:].sum() / before[edge:].sum()
    below, above = (float(10 * np.log10(ratio)) for ratio in ratios)
    return below, above


def _keep_example(folder: Path, pairs: Sequence[tuple[Wave, Wave]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    middle = sorted(pairs, key=lambda pair: len(pair[0]))[len(pairs) // 2]
    for name, wave in zip(("original", "protected"), middle, strict=True):
        files.write(folder / f"{name}.wav", wave)


def _fig7(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        place = {"backbone": backbone, "split": _split(plan, backbone, kind)}
        methods = {"clean": [_clean(plan, backbone, kind)], "Aclipse": _read(plan, backbone, kind, backbone)}
        for method, repeats in methods.items():
            for (emotion, read), share in summary.confusion(repeats).items():
                reported = paper.ANGER_RECALL if (method, emotion, read) == ("clean", "angry", "angry") else ""
                cell = {"method": method, "emotion": emotion, "read as": read, "paper": reported}
                yield {**place, **cell, **share.row(scale=100)}


def _scores(place: dict[str, Any], repeats: Sequence[Rows], reported: dict[str, float]) -> Table:
    for metric, estimate in summary.estimates(repeats).items():
        ours, sizes = (
            estimate.row(1 if metric == "snr_db" else 100),
            {"repeats": len(repeats), "clips": len(repeats[0])},
        )
        yield {**place, "metric": metric, "paper": reported.get(metric, ""), **ours, **sizes}


def _backbones_and_kinds(plan: Plan) -> list[tuple[str, str]]:
    return [(backbone, kind) for backbone in plan.backbones for kind in plan.kinds]


def _clean(plan: Plan, backbone: str, kind: str) -> Rows:
    places = [plan.run_folder(backbone, kind, fold) for fold in range(plan.folds)]
    return [row for place in places for row in read_table(place / "clean.csv")]


def _read(plan: Plan, backbone: str, kind: str, judge: str) -> list[Rows]:
    """How a backbone's recognisers read the published cascades of one: rows of each repeat, its folds joined."""
    repeats = []
    for repeat in range(plan.repeats):
        cells = [Cell(backbone, kind, fold, PUBLISHED, repeat) for fold in range(plan.folds)]
        repeats.append([row for cell in cells for row in read_table(plan.cell_folder(cell) / reading(cell, judge))])
    return repeats


def _setting(plan: Plan, backbone: str, kind: str, variant: Variant, name: str) -> Any:
    return getattr(plan.cascade(Cell(backbone, kind, 0, variant, 0)), name)


def _histories(plan: Plan, backbone: str, kind: str, variant: Variant) -> list[Rows]:
    cells = [Cell(backbone, kind, fold, variant, r) for fold in range(plan.folds) for r in range(plan.repeats)]
    return [read_table(plan.cell_folder(cell) / "history.csv") for cell in cells]


def _split(plan: Plan, backbone: str, kind: str) -> str:
    """The split's kind, whether its speakers are shared, and the hashes of its folds."""
    facts = [Run(plan.run_folder(backbone, kind, fold)).facts["split"] for fold in range(plan.folds)]
    dependent = ", speaker-dependent" if "speaker-dependent" in facts[0]["name"] else ""
    return f"{kind}{dependent} [{' '.join(fact['hash'] for fact in facts)}]"


TABLES: dict[str, Callable[[Plan], Table]] = {
    "table1": _table1, "fig3": _fig3, "fig4": _fig4, "fig5": _fig5, "fig6": _fig6, "fig7": _fig7, "transfer": _transfer,
}  # fmt: skip
