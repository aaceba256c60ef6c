"""The sections made of words and tables; each is empty where the run has nothing for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aclipse.report import markup
from aclipse.report.folder import RunFolder, Score
from aclipse.report.plates import emotion_labels
from aclipse.report.tables import (
    METRICS,
    QUALITY,
    Table,
    format_interval,
    format_value,
    knowledge_name,
    main_table,
    metric_of,
    score_table,
)
from aclipse.report.verdicts import RULES, findings, protector
from aclipse.report.wording import remarks, tell

SUBJECTS = {
    "identity": "speech as it was recorded: what listeners make of it is the mark to compare with",
    "cascade": "the trained protection: one module obscures the words, a second wins emotion back",
    "low-pass": "everything above a cut-off frequency removed",
    "white-noise": "white noise added",
    "silence": "an empty recording: hides everything, keeps nothing",
}
LISTENERS = {
    "frozen": "a listener trained on clean speech and left as it is: an attacker who does not know of the protection",
    "retrained": "a listener trained again, on protected speech with its transcripts or labels: an attacker who adapts."
    " This is the figure to trust. Where that made it no better on validation clips, it is the frozen one",
}
LIMITS = (
    "“Hidden” means hidden from the listeners tried here. A larger recogniser, longer training or a person may hear"
    " more.",
    "Who is speaking is not measured here: assume that voice, sex and age remain audible.",
    "Whatever makes every listener fail looks private. Read error rates together with level and SNR.",
)
_GUIDE = (
    "A row is one way to treat speech, a column what a listener makes of it. UAR is the share of emotions read right:"
    " high is useful. WER is the share of words heard wrong: high is private. Frozen listeners know clean speech only."
)
_ADAPTS = " Retrained ones were trained again on what the row releases, as an attacker would who adapts."


def verdicts(run: RunFolder) -> str:
    """What is hidden, from whom, and what is not."""
    found, notes = findings(run.scores, run.chance), remarks(run.scores, run.chance)
    listed = "".join(markup.finding(finding, tell(finding)) for finding in found)
    legend = (
        '<p class="legend"><span><i class="dot"></i>protected speech and its 95 % interval</span>'
        '<span><i class="dash"></i>clean speech</span>'
        '<span>background: the verdict earned there (<a href="#methods">rules</a>)</span></p>'
    )
    aside = f'<aside class="remarks"><h3>Keep in mind</h3>{markup.bullets(notes)}</aside>' if notes else ""
    return markup.section(
        "findings",
        "What is hidden, and from whom",
        f'<ul class="findings">{listed}</ul>{legend}' if found else "",
        aside,
    )


def overview(run: RunFolder) -> str:
    """The main table: utility, privacy and quality of every subject."""
    table = main_table(run.scores, run.chance)
    words = [(name, text) for name, text in SUBJECTS.items() if name in table.rows]
    words += [(name, text) for name, text in LISTENERS.items() if any(c.knowledge == name for c in table.columns)]
    words += [(metric_of(name).name, METRICS[name].meaning) for name in dict.fromkeys(c.metric for c in table.columns)]
    return markup.section(
        "table",
        "Side by side with simple means",
        markup.paragraph(_GUIDE + (_ADAPTS if any(c.knowledge == "retrained" for c in table.columns) else "")),
        markup.score_table(table, "What listeners still read, and how far the sound has moved", protector(run.scores)),
        note(run, table),
        markup.fold("What the words in this table mean", markup.terms(words)),
    )


def recalls(run: RunFolder) -> str:
    """How well each single emotion is read, one table a listener."""
    own = [score for score in run.scores if score.metric.startswith("recall:") or score.metric in ("accuracy", "uar")]
    read = {score.metric.removeprefix("recall:") for score in own} - {"uar", "accuracy"}
    metrics = ["uar", "accuracy", *(f"recall:{label}" for label in emotion_labels(run, read))]
    tables = []
    listeners = dict.fromkeys((s.judge, s.knowledge) for s in own if s.metric.startswith("recall:"))
    for judge, knowledge in listeners:
        scores = [score for score in own if (score.judge, score.knowledge) == (judge, knowledge)]
        table = score_table(scores, metrics, run.chance)
        caption = f"Share of each emotion’s clips that the {knowledge} emotion recogniser ({judge}) reads right"
        tables += [markup.score_table(table, caption, protector(run.scores)), note(run, table)]
    return markup.section("recall", "Emotion by emotion", *tables)


def quality(run: RunFolder) -> str:
    """How far the sound has moved from the original."""
    table = score_table(run.scores, QUALITY)
    words = [(METRICS[name].name, METRICS[name].meaning) for name in dict.fromkeys(c.metric for c in table.columns)]
    shown = markup.score_table(table, "Protected audio against the original", protector(run.scores))
    return markup.section("quality", "Sound quality", shown, note(run, table) if shown else "", markup.terms(words))


def provenance(run: RunFolder) -> str:
    """Settings, hashes and environment: what it takes to make the same run again."""
    known = ("aclipse", "created", "seed", "corpus", "split", "weights", "environment")
    facts = {name: run.about[name] for name in known if name in run.about}
    recipe = flatten(run.about.get("recipe", {}))
    return markup.section(
        "settings",
        "Settings, hashes, environment",
        markup.plain_table(("setting", "value"), flatten(facts), "What it takes to make this run again"),
        markup.fold("Recipe, every setting", markup.plain_table(("setting", "value"), recipe, "Recipe")),
    )


def methods(run: RunFolder) -> str:
    """How the numbers were made and what they do not show."""
    texts = [
        "Intervals are 95 % intervals from a bootstrap over speakers: whole speakers are drawn again with replacement,"
        " because clips of one voice are no independent evidence. They cover the choice of test speakers, not another"
        " training with another seed.",
        "The word error rate is taken over the whole test set: all errors divided by all words said.",
        "A figure in bold is ahead of every other protection with intervals apart; clean speech and silence are the two"
        " ends of the scale and take no part. Where intervals overlap, nothing is ranked.",
        *_speakers(str(run.about.get("split", {}).get("name", ""))),
    ]
    columns = ("listener", "knowledge", "metrics", "clips")
    return markup.section(
        "methods",
        "How these numbers were made",
        markup.bullets(texts),
        markup.plain_table(columns, _judges(run.scores), "Who judged what"),
        "<h3>How a verdict is reached</h3>",
        markup.paragraph("Every verdict is taken at that end of the 95 % interval which is worse for the protection."),
        markup.terms((str(verdict), text) for verdict, text in RULES.items()),
        "<h3>What they do not show</h3>",
        markup.bullets(LIMITS),
        markup.fold(f"All {len(run.scores)} scores", _all_scores(run.scores)),
    )


def note(run: RunFolder, table: Table) -> str:
    """Where a table's figures come from: split, hash, clips, intervals."""
    split = run.about.get("split", {})
    names = table.splits or [str(split["name"])] if split.get("name") or table.splits else []
    digest = f" (hash {split['hash']})" if split.get("hash") and str(split["hash"]) not in "".join(names) else ""
    span = dict.fromkeys(str(count) for count in (*table.clips[:1], *table.clips[-1:]))
    clips = f", {'–'.join(span)} clips" if span else ""
    where = [f"Split: {', '.join(names)}{digest}{clips}."] if names else []
    intervals = ["Small figures: 95 % intervals."] if _any_interval(table) else ["No intervals available."]
    best = any(cell.best for cells in table.rows.values() for cell in cells)
    return markup.paragraph(" ".join(where + intervals + ["Bold: clearly ahead, intervals apart."] * best), "note")


def flatten(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and their values.

    >>> list(flatten({"cascade": {"epochs": 20}, "emotions": ["happy", "sad"]}))
    [('cascade.epochs', '20'), ('emotions', 'happy, sad')]
    """
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _speakers(split: str) -> list[str]:
    """What a split's name promises about its speakers; nothing if it promises nothing."""
    if "speaker-dependent" in split:
        return ["Speakers of the test clips were heard in training too, which flatters every listener."]
    known = split.startswith(("speaker", "leave-one-session-out"))
    return ["No speaker of the test clips was heard in training."] if known else []


def _any_interval(table: Table) -> bool:
    return any(cell.interval for cells in table.rows.values() for cell in cells)


def _judges(scores: list[Score]) -> Iterator[tuple[str, str, str, str]]:
    for judge, knowledge in dict.fromkeys((score.judge, score.knowledge) for score in scores):
        own = [score for score in scores if (score.judge, score.knowledge) == (judge, knowledge)]
        metrics = ", ".join(dict.fromkeys(metric_of(score.metric).name for score in own))
        clips = " or ".join(dict.fromkeys(str(score.n) for score in own if score.n is not None))
        yield judge, knowledge_name(knowledge), metrics, clips


def _all_scores(scores: list[Score]) -> str:
    rows = [
        (
            score.subject,
            score.metric,
            score.judge,
            knowledge_name(score.knowledge),
            f"{format_value(score.metric, score.value)} {metric_of(score.metric).unit}".strip(),
            format_interval(score.metric, score.low, score.high),
            "" if score.n is None else str(score.n),
        )
        for score in scores
    ]
    headings = ("subject", "metric", "listener", "knowledge", "value", "95 % interval", "clips")
    return markup.plain_table(headings, rows, "As in audit/scores.csv")
