"""Tables of the Cloak studies, from the rows of their CSV files alone; and how one finds a figure in these rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from aclipse.report.reproduced_figures import Row, Rows, by, ours

CLEAN, CLOAK, ADVERSARY = "clean", "cloak", "cloak + adversary"
ASKED = 60.0  # % suppressed: where the paper states its figures
AS_THE_PAPER = {"emotion": "guide", "sex": "ignorant"}  # who reads; trained on clean features
RETRAINED = ("fine-tuned", "scratch", "averaged + fine-tuned")
INFORMED = ("informed", "informed + calibrated")  # who has the device, and learns nothing; the second one of sex alone
CORPORA = ("crema", "iemocap", "msp")  # which the paper merges, by what their names hold


def number(cell: str | None) -> float:
    """What a cell holds, NaN if that is no number.

    >>> number("65.8"), number("> 95"), number(None)
    (65.8, nan, nan)
    """
    try:
        return float(cell or "nan")
    except ValueError:
        return float("nan")


def minus(figure: str) -> str:
    """A number with a proper minus sign."""
    return figure.replace("-", "−")


def score(row: Row | None) -> str:
    """Value ± deviation over repeats [interval over speakers]; a dash where nothing was measured."""
    return ours({**row, "mean": row["value"]}) if row else "–"


def named(row: Row | None) -> str:
    """A score and whose it is; a dash where nothing was measured."""
    return f"{score(row)} ({row['attacker']})" if row else "–"


def pick(rows: Rows, task: str, attacker: str, draw: str = "", metric: str = "uar") -> Row | None:
    """The row of one attacker, noise drawn anew if that was tried and no draw is named; none without a figure."""
    asked = {"task": task, "attacker": attacker, "metric": metric} | ({"draw": draw} if draw else {})
    found = [row for row in rows if asked.items() <= row.items() and np.isfinite(number(row["value"]))]
    return min(found, key=lambda row: row["draw"] != "anew", default=None)


def learned(rows: Rows, task: str) -> Row | None:
    """Of those trained on released features, of sex the one that reads best, as an attacker would wish.

    Of emotion, which nobody attacks, the fine-tuned one, so that no figure is chosen on the clips that it is of.
    """
    return pick(rows, task, "fine-tuned") if task == "emotion" else _best(rows, task, RETRAINED)


def informed(rows: Rows, task: str) -> Row | None:
    """Of those who have the device, of sex the one that reads best."""
    return _best(rows, task, INFORMED)


def _best(rows: Rows, task: str, attackers: Sequence[str]) -> Row | None:
    found = [row for row in (pick(rows, task, attacker) for attacker in attackers) if row]
    return max(found, key=lambda row: number(row["value"]), default=None)


def levels(rows: Rows) -> list[float]:
    """The shares suppressed that rows speak of, in %."""
    return sorted({level for level in (number(row["sr"]) for row in rows) if np.isfinite(level)})


def shown_level(rows: Rows) -> float:
    """Where the paper states its figures, or else the highest share there is; NaN if there is none."""
    found = levels(rows)
    return ASKED if ASKED in found else max(found, default=float("nan"))


def at(rows: Rows, method: str, level: float | None = None) -> Rows:
    """Rows of one method, at one share suppressed if one is given."""
    return [row for row in rows if row["method"] == method and level in (None, number(row["sr"]))]


def corpora(rows: Rows) -> Rows:
    """Table 1: one row a corpus, segments of each emotion and in brackets the paper's."""
    found = []
    for (corpus,), part in by(rows, "corpus").items():
        line = {"corpus": corpus, "clips": "–"}
        for row in part:
            line[f"{row['emotion']} (paper)"] = row["segments"] + f" ({row['paper']})" * bool(row["paper"])
        whole = next((row for row in part if row["emotion"] == "all"), {})
        found.append({**line, "clips": whole.get("clips", "–"), "test segments": whole.get("test segments", "–")})
    return found


def clean_models(rows: Rows) -> Rows:
    """Table 2: one row a corpus, how emotion and sex are read, as the paper has it and as we do."""
    kinds = [*by(rows, "task", "metric")]
    found = []
    for (corpus,), part in by(rows, "corpus").items():
        line, cells = {"corpus": corpus}, by(part, "task", "metric")
        for task, metric in kinds:
            title, row = f"{task} {NAMES.get(metric, metric)}", next(iter(cells.get((task, metric), [])), None)
            line |= {f"{title}, paper": row["paper"] if row else "", f"{title}, ours": score(row)}
        found.append({**line, "clips": part[0]["clips"], "speakers": part[0]["speakers"]})
    return found


def sweep(rows: Rows) -> Rows:
    """Fig. 4: one row a method and share suppressed, with what each attacker reads."""
    return [_reading(method, sr, part) for (method, sr), part in by(rows, "method", "sr").items()]


def _reading(method: str, sr: str, part: Rows) -> Row:
    line = {"method": method, "SR %": _level(method, sr)}
    for task, attacker in AS_THE_PAPER.items():
        plain, best = pick(part, task, attacker), learned(part, task)
        line[f"{task} UAR, paper"] = plain["paper"] if plain else ""
        line[f"{task} UAR, {attacker}"] = score(plain)
        line |= {f"{task} UAR, {who}": score(pick(part, task, who)) for who in INFORMED[: 1 + (task == "sex")]}
        line[f"{task} UAR, {LEARNED[task]}"] = named(best) if task == "sex" else score(best)
    for draw in ("anew", "fixed"):
        line[f"sex UAR, averaged, drawn {draw}"] = score(pick(part, "sex", "averaged", draw))
    snr = next((row["snr_db"] for row in part if np.isfinite(number(row["snr_db"]))), "")
    return line | {"sex recalls, ignorant": _recalls(part), "SNR dB": minus(f"{number(snr):.1f}") if snr else "–"}


def _recalls(part: Rows) -> str:
    """Of each sex, read by the attacker that knows clean features: a one-sided reader shows here."""
    return ", ".join(f"{label} {number(row['value']):.0f}" for label, row in recalls(part, "ignorant").items()) or "–"


def recalls(part: Rows, attacker: str) -> dict[str, Row]:
    """The row of each sex, as one attacker reads it; those that were measured."""
    labels = [row["metric"].partition(" ")[2] for row in part if row["metric"].startswith("recall ")]
    found = {label: pick(part, "sex", attacker, metric=f"recall {label}") for label in dict.fromkeys(labels)}
    return {label: row for label, row in found.items() if row}


def _level(method: str, sr: str) -> str:
    return f"{number(sr):g}" if method != CLEAN and np.isfinite(number(sr)) else "–"


def noise_map(rows: Rows) -> Rows:
    """Fig. 5: one row a method and share suppressed, share suppressed and mean σ in each band, over rotations."""
    found = []
    for (method, sr), part in by(rows, "method", "sr").items():
        line = {"method": method, "SR %": _level(method, sr)}
        for (band,), rotations in by(part, "band").items():
            share, sigma = (_spread(rotations, column) for column in ("suppressed %", "sigma"))
            line |= {f"suppressed %, {band}": share, f"mean σ, {band}": sigma}
        found.append({**line, "rotations": str(len(by(part, "rotation")))})
    return found


def _spread(rows: Rows, column: str) -> str:
    """Mean over rotations, ± deviation where there are several."""
    values = np.array([value for value in (number(row[column]) for row in rows) if np.isfinite(value)])
    form = ".2g" if column == "sigma" else ".1f"
    spread = f" ± {values.std(ddof=1):{form}}" if len(values) > 1 else ""
    return f"{values.mean():{form}}{spread}" if len(values) else "–"


def are_all_corpora(names: Sequence[str]) -> bool:
    """Whether these are the paper's three corpora and no other, by their names.

    >>> are_all_corpora(["CREMA-D-voted", "iemocap", "msp-improv"]), are_all_corpora(["crema-d"])
    (True, False)
    """
    return len(names) == len(CORPORA) and all(any(known in name.lower() for name in names) for known in CORPORA)


LEARNED = {"emotion": "fine-tuned", "sex": "best retrained"}  # what `learned` gives, as tables call it
NAMES = {"accuracy": "accuracy %", "uar": "UAR %"}
_SCORES = "Value ± deviation over repeats [95 % interval over speakers]."
TEXTS: dict[str, Callable[[Rows], Rows]] = {
    "cloak-table1": corpora, "cloak-table2": clean_models, "cloak-fig4": sweep, "cloak-fig5": noise_map,
}  # fmt: skip
NOTES = {
    "cloak-table1": (
        "Segments as cut for training, each emotion's; in brackets the paper's. Test segments overlap less.",
    ),
    "cloak-table2": (_SCORES, "Read on clean features of speakers that neither model was trained on."),
    "cloak-fig4": (
        f"UAR and recalls in %. {_SCORES} SR: share of the features suppressed; 0 is noise alone.",
        "Change: against clean features, the 95 % interval of the difference on the same clips, over speakers.",
        f"Method noise: white, each clip at the SNR that {ADVERSARY} leaves it. SNR: of features, after normalisation.",
        "Guide and ignorant attacker were trained on clean features, as in the paper. Informed: the same reader, by "
        "someone who has the device and takes (y − μ) ∘ m of what it releases, learning nothing; calibrated: its "
        "threshold moved, without labels, until both sexes are equally frequent among validation clips. Fine-tuned: "
        "went on learning from released features. Best retrained, of sex: of those trained on released features "
        f"({', '.join(RETRAINED)}) the one that reads the test clips best, the most that such attackers can get.",
    ),
    "cloak-fig5": ("Mean over rotations, ± deviation where there are several.",),
}
SETTINGS = {"cloak-fig4": ("averaged releases",)}  # what a reader must know of those it was made with
