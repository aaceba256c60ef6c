"""The sections made of words and tables; each is empty where the run has nothing for it."""

from __future__ import annotations

from aclipse.report import gauges, markup
from aclipse.report.comparison import comparison_table
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import counting, findings, protector
from aclipse.report.plates import emotion_labels
from aclipse.report.remarks import remarks
from aclipse.report.tables import QUALITY, Column, Table, score_table
from aclipse.report.vocabulary import LEVELS, LISTENERS, METRICS, SECRETS, UTILITY, level_name, metric_of

SUBJECTS = {
    "identity": "speech as it was recorded: what listeners make of it is the mark to compare with",
    "cascade": "the trained protection: one module obscures the words, a second wins emotion back",
    "low-pass": "everything above a cut-off frequency removed",
    "white-noise": "white noise added, as strong as the protection’s change",
    "speech-noise": "noise with the average spectrum of speech added, as strong as the protection’s change",
    "mp3": "MP3 at 8 kbit/s and back",
    "mcadams": "the McAdams coefficient: formants moved, as in voice anonymisation",
    "shuffle": "short pieces of sound in random order",
    "source-only": "pitch and energy kept, the spectral envelope averaged away",
    "label-only": "one fixed sound per emotion that a recogniser on the device found: an upper bound for the guiding"
    " recogniser, useless to any other judge",
    "pgd": "an adversarial change searched for each recording against the ignorant recogniser",
    "pgd-10": "the same change searched in 10 steps",
    "pgd-100": "the same change searched in 100 steps",
    "silence": "an empty recording: hides everything, keeps nothing",
}
_GUIDE = (
    "A row is one way to treat speech. UAR is the share of emotions read right: high is useful. WER is the share of"
    " words heard wrong: high is private; the best attacker is whichever listener got most words among those that"
    " passed their own check and that every row has met."
)


def ladder(run: RunFolder) -> str:
    """What is hidden, from whom, and what is not: the main table."""
    found, notes = findings(run), remarks(run)
    blocks = [
        gauges.block([finding for finding in found if finding.secret == secret], decisive)
        for secret, decisive in counting(found).items()
    ]
    legend = (
        '<p class="legend"><span>▸ the listener that counts: the worst for the protection that passed its own check'
        '</span><span><i class="dot"></i>protected speech and its 95 % interval</span>'
        '<span><i class="dash"></i>clean speech</span>'
        '<span>background: the verdict earned there (<a href="#methods">rules</a>)</span></p>'
    )
    known = dict.fromkeys(finding.score.knowledge for finding in found)
    who = markup.terms((level, LISTENERS[level]) for level in LEVELS if level in known)
    aside = f'<aside class="remarks"><h3>Keep in mind</h3>{markup.bullets(notes)}</aside>' if notes else ""
    return markup.section(
        "findings",
        "What is hidden, and from whom",
        "".join(blocks) + (legend if found else ""),
        aside,
        markup.fold("Who listened", who) if known else "",
    )


def overview(run: RunFolder) -> str:
    """Every subject beside the protector: in short, then each secret at every level."""
    table = comparison_table(run)
    words = [(name, text) for name, text in SUBJECTS.items() if name in table.rows]
    words += [(metric_of(c.metric).name, METRICS[c.metric].meaning) for c in _once(table)]
    return markup.section(
        "table",
        "Side by side with simple means",
        markup.paragraph(_GUIDE),
        markup.score_table(table, "What listeners still read, and what it costs", protector(run.scores)),
        note(run, table),
        markup.fold("Every secret at every level", "".join(_secret_tables(run))),
        markup.fold("What the words in this table mean", markup.terms(words)),
    )


def emotion(run: RunFolder) -> str:
    """Emotion’s own ladder: guiding, independent and retrained judges."""
    table = score_table([s for s in run.scores if s.knowledge in _JUDGES], ["uar"], run.chance)
    levels = {column.knowledge for column in table.columns}
    if len(levels) < 2:
        return ""
    told = (
        "A protection that was trained with a recogniser can simply write the class into the sound, where that"
        " recogniser finds it; one retrained on protected speech can learn to find it too. Only the independent judge,"
        " of another architecture and heard by nobody in training, shows that emotion itself survived."
    )
    if "transferred" not in levels:
        told += " It was not heard here, so that is not known."
    return markup.section(
        "emotion",
        "Did emotion itself survive?",
        markup.paragraph(told),
        markup.score_table(table, "Emotions read right (UAR), by three kinds of judges", protector(run.scores)),
        note(run, table),
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
        kind = level_name(knowledge, "utility")
        caption = f"Share of each emotion’s clips that the {kind} emotion recogniser ({judge}) reads right"
        tables += [markup.score_table(table, caption, protector(run.scores)), note(run, table)]
    folded = markup.fold("One table for each listener", "".join(tables))
    return markup.section("recall", "Emotion by emotion", folded if len(listeners) > 1 else "".join(tables))


def quality(run: RunFolder) -> str:
    """How far the sound has moved from the original, and what that takes to compute."""
    table = score_table(run.scores, QUALITY)
    words = [(metric_of(column.metric).name, METRICS[column.metric].meaning) for column in _once(table)]
    shown = markup.score_table(table, "Protected audio against the original", protector(run.scores))
    return markup.section(
        "quality",
        "Sound quality and cost",
        shown,
        note(run, table) if shown else "",
        markup.terms(words) if words else "",
    )


def note(run: RunFolder, table: Table) -> str:
    """Where a table's figures come from: split, hash, clips, intervals."""
    split = run.about.get("split", {})
    names = table.splits or [str(split["name"])] if split.get("name") or table.splits else []
    digest = f" (hash {split['hash']})" if split.get("hash") and str(split["hash"]) not in "".join(names) else ""
    span = dict.fromkeys(str(count) for count in (*table.clips[:1], *table.clips[-1:]))
    clips = f", {'–'.join(span)} clips" if span else ""
    where = [f"Split: {', '.join(names)}{digest}{clips}."] if names else []
    cells = [cell for cells in table.rows.values() for cell in cells]
    intervals = ["Small figures: 95 % intervals." if any(c.interval for c in cells) else "No intervals available."]
    best = ["Bold: clearly ahead, intervals apart."] if any(cell.best for cell in cells) else []
    return markup.paragraph(" ".join(where + intervals + best), "note")


def _once(table: Table) -> list[Column]:
    """One column for each metric."""
    return list({column.metric: column for column in table.columns}.values())


def _secret_tables(run: RunFolder) -> list[str]:
    """One table a metric of each secret, its columns the levels."""
    shown = [score for score in run.scores if score.knowledge in LEVELS]
    tables = []
    for secret in SECRETS.values():
        for metric in (secret.metric, *_MORE.get(secret.name, ())) if secret.name != UTILITY else ():
            table = score_table(shown, [metric], run.chance)
            caption = f"{secret.thing[0].upper()}{secret.thing[1:]}: {metric_of(metric).meaning}"
            tables.append(markup.score_table(table, caption, protector(run.scores)))
    return [table for table in tables if table]


_JUDGES = ("ignorant", "transferred", "retrained")
_MORE = {
    "words": ("cer", "words_missed", "entity_recall"),
    "sentence": ("sentence_bits",),
    "speaker": ("tar_at_1far", "linkability"),
}
