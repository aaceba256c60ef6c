"""Result files in the layout of the VoicePrivacy 2024 Challenge (Tomashenko et al. 2024), for tools that read those.

Emotion (SER) and words (ASR) are judged by the ignorant recognisers, as the challenge does; ASV_eval is the ignorant
verifier (enrolled on original speech), ASV_eval^anon the one retrained on protected speech (semi-informed).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aclipse.atomic import write_text
from aclipse.report.folder import RunFolder
from aclipse.report.medium import medium_of
from aclipse.report.rows import Score, Slice

ORIGINAL = "identity"  # the subject that is clean speech
EMOTIONS = ("sad", "neutral", "angry", "happy")  # the challenge's four, in its order; others follow
GENDERS = {"f": "female", "m": "male"}
SPLIT = "test"

Figure = Score | Slice
Row = dict[str, Any]  # column → name, or percent as a float, NaN if unknown
Rows = list[Row]


def write(run: RunFolder, folder: Path) -> list[Path]:
    """Write ``results_<subject>.txt`` for every protection of an audit that was judged at all; gives their paths.

    All rates are in percent; what was not measured has no section. The same audit gives the same bytes. Of a run that
    releases no sound there is no file: the challenge, and every tool that reads its results, is about sound.
    """
    if not medium_of(run).sounds:
        return []
    paths = []
    for subject in dict.fromkeys(score.subject for score in run.scores):
        text = "" if subject == ORIGINAL else results(run, subject)
        if text:
            paths.append(folder / f"results_{subject}.txt")
            write_text(paths[-1], text)
    return paths


def results(run: RunFolder, subject: str) -> str:
    """One protection's result file; empty if neither emotion nor words nor speakers were judged."""
    sides = {"original": ORIGINAL, "anon": subject}
    frozen = {
        "SER results": layout(_judged(_emotion(run, sides)), decimals=4, means=True),
        "ASV_eval results": layout(_judged(_speakers(run, sides))),
        "ASR results": layout(_judged(_words(run, sides))),
    }
    informed = {"ASV_eval^anon results": layout(_informed(run, subject))}
    return "".join(_block(run, sections) for sections in (frozen, informed) if any(sections.values()))


def layout(rows: Rows, decimals: int = 3, means: bool = False) -> list[str]:
    """Numbered rows in right-aligned columns as ``pandas.DataFrame.to_string`` sets them; no lines for no rows.

    ``means`` adds the second line of a heading, which says that figures are means.

    >>> print(*layout([{"split": "dev", "asr": "original", "WER": 1.79}]), sep="\\n")
      split       asr    WER
    0   dev  original  1.790
    """
    index = [*[""] * (1 + means), *map(str, range(len(rows)))]
    columns = [[cell.ljust(len(index[-1])) for cell in index]]
    columns += [_column(name, [row[name] for row in rows], decimals, means) for name in (rows[0] if rows else ())]
    return [" ".join(line).rstrip() for line in zip(*columns, strict=True)] if rows else []


def _column(name: str, values: Sequence[str | float], decimals: int, means: bool) -> list[str]:
    """A heading of one or two cells and its values, of one width; numbers and values keep a space before them."""
    numeric = isinstance(values[0], float)
    head = [f" {name}" if numeric else name, " mean" if numeric else ""][: 1 + means]
    cells = [f" {value:.{decimals}f}".replace("nan", "NaN") if numeric else f" {value}" for value in values]
    width = max(map(len, (*head, *cells)))
    return [cell.rjust(width) for cell in (*head, *cells)]


def _judged(rows: Rows) -> Rows:
    """The rows if any is of the protection: clean speech alone says nothing of it."""
    return rows if any("anon" in row.values() for row in rows) else []


def _block(run: RunFolder, sections: dict[str, list[str]]) -> str:
    """The time, then each section that is not empty under its title."""
    told = ["\n".join((f"---- {title} ----", *lines)) for title, lines in sections.items() if lines]
    return "\n\n".join((f"---- Time: {_time(run)} ----", *told)) + "\n\n"


def _emotion(run: RunFolder, sides: dict[str, str]) -> Rows:
    rows: Rows = []
    for name, subject in sides.items():
        uar = _score(run, subject, "uar", "ignorant")
        if uar:
            recalls = {label: _score(run, subject, f"recall:{label}", "ignorant") for label in _labels(run.scores)}
            shares = {f"ACC_{label[:3]}": _percent(recall) for label, recall in recalls.items()}
            rows.append({**_place(run), "ser": name, "UAR": _percent(uar), **shares})
    return rows


def _labels(scores: Sequence[Score]) -> list[str]:
    """The emotions that were told apart, the challenge's first."""
    found = {score.metric.removeprefix("recall:") for score in scores if score.metric.startswith("recall:")}
    return [label for label in EMOTIONS if label in found] + sorted(found.difference(EMOTIONS))


def _words(run: RunFolder, sides: dict[str, str]) -> Rows:
    found = {name: _score(run, subject, "wer", "ignorant") for name, subject in sides.items()}
    return [{**_place(run), "asr": name, "WER": _percent(score)} for name, score in found.items() if score]


def _speakers(run: RunFolder, sides: dict[str, str]) -> Rows:
    """Verification by a verifier that knows clean speech, enrolled on it."""
    rows = [
        _verified(run, gender, "original", trial, figure)
        for trial, subject in sides.items()
        for gender, figure in _genders(run, subject, "ignorant").items()
    ]
    return sorted(rows, key=lambda row: row["gender"])  # stable: originals stay first


def _informed(run: RunFolder, subject: str) -> Rows:
    """Verification by a verifier retrained on protected speech, enrolled on it too."""
    found = _genders(run, subject, "retrained")
    return [_verified(run, gender, "anon", "anon", figure) for gender, figure in found.items()]


def _verified(run: RunFolder, gender: str, enrollment: str, trial: str, figure: Figure) -> Row:
    who = {**_place(run), "gender": gender, "enrollment": enrollment, "trial": trial}
    ends = {"EER-ci_lower": _share(figure.low), "EER-ci_upper": _share(figure.high)}
    return {**who, "EER": _percent(figure), **ends}


def _genders(run: RunFolder, subject: str, knowledge: str) -> dict[str, Figure]:
    """The error rate of each gender, or of all where the audit has no slices by sex."""
    whole = _score(run, subject, "eer", knowledge)
    if whole is None:
        return {}
    wanted = (subject, "eer", whole.judge, knowledge, "sex")
    slices = {s.group: s for s in run.slices if (s.subject, s.metric, s.judge, s.knowledge, s.by) == wanted}
    found: dict[str, Figure] = {short: slices[sex] for short, sex in GENDERS.items() if sex in slices}
    return found or {"all": whole}


def _score(run: RunFolder, subject: str, metric: str, knowledge: str) -> Score | None:
    """A figure of the judge that comes first in the audit: the same one for original and protected speech."""
    rows = [s for s in run.scores if (s.metric, s.knowledge) == (metric, knowledge)]
    return next((s for s in rows if s.subject == subject and s.judge == rows[0].judge), None)


def _percent(figure: Figure | None) -> float:
    return _share(figure.value if figure else None)


def _share(value: float | None) -> float:
    return float("nan") if value is None else 100 * value


def _place(run: RunFolder) -> dict[str, str]:
    corpus = str(run.about.get("corpus", {}).get("name", "")).split()  # no space may be in it: columns are told by them
    return {"dataset": "_".join(corpus) or "corpus", "split": SPLIT}


def _time(run: RunFolder) -> str:
    """When the run was made, as the challenge writes it: day-month-year_hour:minute."""
    created = run.about.get("created")
    return datetime.fromisoformat(created).strftime("%d-%m-%y_%H:%M") if created else "unknown"
