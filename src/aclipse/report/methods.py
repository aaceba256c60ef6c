"""How a run was made and its numbers with it, and what they do not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aclipse.report import markup
from aclipse.report.folder import RunFolder
from aclipse.report.medium import medium_of
from aclipse.report.rows import Score
from aclipse.report.verdicts import RULES
from aclipse.report.vocabulary import SECRETS, format_interval, format_value, level_name, metric_of
from aclipse.report.wording import join

_WER = "The word error rate is taken over the whole test set: all errors divided by all words said."
LIMIT = "Whatever makes every listener fail looks private. Read error rates together with level and SNR."


def provenance(run: RunFolder) -> str:
    """Settings, hashes and environment: what it takes to make the same run again."""
    known = ("aclipse", "created", "seed", "corpus", "split", "weights", "environment")
    facts = {name: run.about[name] for name in known if name in run.about}
    recipe = run.about.get("recipe", {}).items()
    recipe = flatten({name: own for name, own in recipe if name not in medium_of(run).unused})
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
        *([_WER] if any(score.metric == "wer" for score in run.scores) else []),
        "A figure in bold is ahead of every other protection with intervals apart; clean speech and silence are the two"
        " ends of the scale and take no part, nor does a mean of several releases. Where intervals overlap,"
        " nothing is ranked.",
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
        markup.bullets([medium_of(run).limit, LIMIT, *_unmeasured(run)]),
        markup.fold(f"All {len(run.scores)} scores", _all_scores(run.scores)),
    )


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


def _unmeasured(run: RunFolder) -> list[str]:
    metrics = {score.metric for score in run.scores}
    words = medium_of(run)
    asked = (secret for secret in SECRETS.values() if secret.name not in words.impossible)
    things = [secret.thing for secret in asked if secret.metric not in metrics]
    return [words.unmeasured.format(join(things))] if things else []


def _speakers(split: str) -> list[str]:
    """What a split's name promises about its speakers; nothing if it promises nothing."""
    if "speaker-dependent" in split:
        return ["Speakers of the test clips were heard in training too, which flatters every listener."]
    known = split.startswith(("speaker", "leave-one-session-out"))
    return ["No speaker of the test clips was heard in training."] if known else []


def _judges(scores: list[Score]) -> Iterator[tuple[str, str, str, str]]:
    for judge, knowledge in dict.fromkeys((score.judge, score.knowledge) for score in scores):
        own = [score for score in scores if (score.judge, score.knowledge) == (judge, knowledge)]
        metrics = ", ".join(dict.fromkeys(metric_of(score.metric).name for score in own))
        clips = " or ".join(dict.fromkeys(str(score.n) for score in own if score.n is not None))
        yield judge, level_name(knowledge), metrics, clips


def _all_scores(scores: list[Score]) -> str:
    rows = [
        (
            score.subject,
            score.metric,
            score.judge,
            level_name(score.knowledge),
            f"{format_value(score.metric, score.value)} {metric_of(score.metric).unit}".strip(),
            format_interval(score.metric, score.low, score.high),
            "" if score.n is None else str(score.n),
        )
        for score in scores
    ]
    headings = ("subject", "metric", "listener", "knowledge", "value", "95 % interval", "clips")
    return markup.plain_table(headings, rows, "As in audit/scores.csv")
