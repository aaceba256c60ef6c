"""Each study's numbers as one CSV table, the paper's beside ours; a figure is drawn from its table alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import write_table
from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Wave
from aclipse.corpora import manifest as manifests
from aclipse.corpora import splits
from aclipse.experiments.reproduction import paper, summary
from aclipse.experiments.reproduction.cells import judged
from aclipse.experiments.reproduction.plan import PUBLISHED, Cell, Plan, Variant
from aclipse.experiments.reproduction.summary import Rows
from aclipse.experiments.run import load_cascade
from aclipse.records import Run

Table = Iterator[dict[str, Any]]
EDGE_HZ = 2000  # the paper: energy above falls, below barely changes


def write(plan: Plan) -> None:
    """Write ROOT/NAME.csv of a study that has been carried out."""
    rows = list(TABLES[plan.name](plan))
    write_table(plan.root / f"{plan.name}.csv", list(rows[0]), rows)


def _table1(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        row = paper.BACKBONES[backbone]
        reported = {"clean": {"wa": row.clean_wa, "wer": row.clean_wer}} | {
            "Aclipse": {"wa": row.protected_wa, "wer": row.protected_wer}
        }
        for method, repeats in (("clean", [_clean(plan, backbone, kind)]), ("Aclipse", _read(plan, backbone, kind))):
            yield from _scores(
                {"backbone": backbone, "split": _split(plan, backbone, kind), "method": method},
                repeats,
                reported[method],
            )


def _transfer(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        for judge in plan.backbones:
            repeats = _read(
                plan, backbone, kind, PUBLISHED, "clips.csv" if judge == backbone else judged(Path(), judge).name
            )
            place = {"protected against": backbone, "split": _split(plan, backbone, kind), "read by": judge}
            yield from _scores(place, repeats, {})


def _fig3(plan: Plan) -> Table:
    for backbone, kind in _backbones_and_kinds(plan):
        for variant in plan.study.variants:
            weight = variant.settings.get("lambda_one", 1.0)
            place = {"backbone": backbone, "split": _split(plan, backbone, kind), "lambda_one": weight}
            for row in summary.curves(_histories(plan, backbone, kind, variant)):
                yield place | {name: round(value, 4) for name, value in row.items()}


def _fig4(plan: Plan) -> Table:
    series = {f"λ2 = {v.settings.get('lambda_two', 1.0):g}": (v, "2") for v in plan.study.variants}
    return _matched(plan, {"stage 1 alone": (PUBLISHED, "1"), **series})


def _fig5(plan: Plan) -> Table:
    names = {"er": "SO frozen, ER tuned", "so": "ER frozen, SO tuned"}
    return _matched(plan, {names[v.settings.get("tuned", "er")]: (v, "2") for v in plan.study.variants})


def _matched(plan: Plan, series: dict[str, tuple[Variant, str]]) -> Table:
    """WER of each series at equal accuracy; a bin that it has no epoch in is said to be not reached."""
    for backbone, kind in _backbones_and_kinds(plan):
        found = {
            name: summary.matched(_histories(plan, backbone, kind, variant), stage)
            for name, (variant, stage) in series.items()
        }
        for place in sorted({place for bins in found.values() for place in bins}):
            for name, bins in found.items():
                wer, accuracy, cells = bins.get(place, ("not reached", "", 0))
                yield {
                    "backbone": backbone, "split": _split(plan, backbone, kind), "series": name,
                    "validation wa": f"{100 * place:.0f}–{100 * (place + summary.BIN):.0f}",
                    "wer": wer if isinstance(wer, str) else round(100 * wer, 2),
                    "wa": accuracy if isinstance(accuracy, str) else round(100 * accuracy, 2),
                    "cells": cells,
                }  # fmt: skip


def _fig6(plan: Plan) -> Table:
    """Energy change in each band over a fold's test clips; one clip is kept beside, before and after."""
    for backbone, kind in _backbones_and_kinds(plan):
        cell = Cell(backbone, kind, 0, PUBLISHED, 0)
        cascade = load_cascade(plan.cell_folder(cell) / "weights.safetensors")
        folder = plan.run_folder(backbone, kind, 0)
        ids = splits.read(folder / "split.csv").ids("test")
        clips = {clip.id: clip for clip in manifests.read(folder / "manifest.csv").clips}
        tested = [row["id"] for row in summary.read(plan.cell_folder(cell) / "clips.csv") if row["id"] in ids]
        pairs = [(wave, cascade.release(wave)) for wave in (files.read(clips[id].path) for id in tested)]
        changes = np.array([_band_changes(*pair) for pair in pairs])
        _keep_example(plan.root / "fig6" / f"{backbone}-{kind}", pairs)
        bands = (("below", "barely changes"), ("above", "falls"))
        for (band, said), values in zip(bands, changes.T, strict=True):
            yield {
                "backbone": backbone, "split": _split(plan, backbone, kind), "band": f"{band} {EDGE_HZ} Hz",
                "paper": said, "energy change dB": round(float(values.mean()), 2),
                "std": round(float(values.std()), 2), "clips": len(values),
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
        for method, repeats in (("clean", [_clean(plan, backbone, kind)]), ("Aclipse", _read(plan, backbone, kind))):
            labels, shares = summary.confusion(repeats)
            for label, row in zip(labels, shares, strict=True):
                for read, share in zip(labels, row, strict=True):
                    reported = paper.ANGER_RECALL if (method, label, read) == ("clean", "angry", "angry") else ""
                    yield {
                        "backbone": backbone, "split": _split(plan, backbone, kind), "method": method, "emotion": label,
                        "read as": read, "paper": reported, "share": round(100 * share, 2),
                    }  # fmt: skip


def _scores(place: dict[str, Any], repeats: Sequence[Rows], reported: dict[str, float]) -> Table:
    for metric, estimate in summary.estimates(repeats).items():
        scale = 1 if metric == "snr_db" else 100
        ours = {name: round(scale * value, 2) for name, value in estimate.row().items()}
        sizes = {"repeats": len(repeats), "clips": len(repeats[0])}
        yield {**place, "metric": metric, "paper": reported.get(metric, ""), **ours, **sizes}


def _backbones_and_kinds(plan: Plan) -> list[tuple[str, str]]:
    return [(backbone, kind) for backbone in plan.backbones for kind in plan.kinds]


def _clean(plan: Plan, backbone: str, kind: str) -> Rows:
    places = [plan.run_folder(backbone, kind, fold) for fold in range(plan.folds)]
    return [row for place in places for row in summary.read(place / "clean.csv")]


def _read(plan: Plan, backbone: str, kind: str, variant: Variant = PUBLISHED, name: str = "clips.csv") -> list[Rows]:
    """Rows of each repeat, its folds joined."""
    return [
        [
            row
            for fold in range(plan.folds)
            for row in summary.read(plan.cell_folder(Cell(backbone, kind, fold, variant, repeat)) / name)
        ]
        for repeat in range(plan.repeats)
    ]


def _histories(plan: Plan, backbone: str, kind: str, variant: Variant) -> list[Rows]:
    cells = [Cell(backbone, kind, fold, variant, r) for fold in range(plan.folds) for r in range(plan.repeats)]
    return [summary.read(plan.cell_folder(cell) / "history.csv") for cell in cells]


def _split(plan: Plan, backbone: str, kind: str) -> str:
    """The split's kind, whether its speakers are shared, and the hashes of its folds."""
    facts = [Run(plan.run_folder(backbone, kind, fold)).facts["split"] for fold in range(plan.folds)]
    dependent = ", speaker-dependent" if "speaker-dependent" in facts[0]["name"] else ""
    return f"{kind}{dependent} [{' '.join(fact['hash'] for fact in facts)}]"


TABLES: dict[str, Callable[[Plan], Table]] = {
    "table1": _table1, "fig3": _fig3, "fig4": _fig4, "fig5": _fig5, "fig6": _fig6, "fig7": _fig7, "transfer": _transfer,
}  # fmt: skip
