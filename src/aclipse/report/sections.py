"""The sections made of words and tables; each is empty where the run has nothing for it."""

from __future__ import annotations

from aclipse.report import beside, gauges, markup
from aclipse.report.comparison import aims, comparison_table
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import counting, findings, protector
from aclipse.report.medium import medium_of
from aclipse.report.plates import emotion_labels
from aclipse.report.remarks import remarks
from aclipse.report.tables import QUALITY, Column, Table, score_table
from aclipse.report.vocabulary import LEVELS, SECRETS, UTILITY, level_name, metric_of
from aclipse.report.wording import join, told

_AIMED = (
    "Of {} the best attacker’s figure is shown, too: a UAR is low where little gets through, an error rate (EER) high."
)
_BESIDE = (
    "The words below a name say what its row is; another protection has met the same attackers as the one judged here."
    " Rows without such words are clean speech and simple means."
)


def ladder(run: RunFolder) -> str:
    """What is hidden, from whom, and what is not: the main table."""
    found, notes, words = findings(run), remarks(run), medium_of(run)
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
    who = markup.terms((level, words.listener(level)) for level in LEVELS if level in known)
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
    table, words, kinds = comparison_table(run), medium_of(run), beside.kinds(run)
    aimed = join(SECRETS[name].thing for name in aims(run) if name not in words.secrets)
    guide = words.table.format(**told(run))
    meant = [(name, words.subject(name)) for name in table.rows if words.subject(name)]
    meant += [(metric_of(c.metric).name, words.meaning(c.metric)) for c in _once(table)]
    return markup.section(
        "table",
        "Side by side with other protections and simple means"
        if beside.OTHER in kinds.values()
        else "Side by side with simple means",
        markup.paragraph(
            " ".join(filter(None, (guide, _AIMED.format(aimed) if aimed else "", _BESIDE if kinds else "")))
        ),
        markup.score_table(
            table, "What listeners still read, and what it costs", protector(run.scores), kinds, words.groups
        ),
        note(run, table),
        markup.fold("Every secret at every level", "".join(_secret_tables(run))),
        markup.fold("What the words in this table mean", markup.terms(meant)),
    )


def emotion(run: RunFolder) -> str:
    """Emotion’s own ladder: guiding, independent and retrained judges."""
    table = score_table([s for s in run.scores if s.knowledge in _JUDGES], ["uar"], run.chance)
    levels = {column.knowledge for column in table.columns}
    if len(levels) < 2:
        return ""
    words = medium_of(run)
    text = words.survived.format(written=words.written)
    if "transferred" not in levels:
        text += " It was not heard here, so that is not known."
    return markup.section(
        "emotion",
        "Did emotion itself survive?",
        markup.paragraph(text),
        markup.score_table(
            table, "Emotions read right (UAR), by three kinds of judges", protector(run.scores), beside.kinds(run)
        ),
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
    """How far what is released has moved from the original, and what that takes to compute."""
    table, words = score_table(run.scores, QUALITY), medium_of(run)
    told = [(metric_of(column.metric).name, words.meaning(column.metric)) for column in _once(table)]
    shown = markup.score_table(table, words.against, protector(run.scores), beside.kinds(run))
    return markup.section(
        "quality",
        words.quality,
        shown,
        note(run, table) if shown else "",
        markup.terms(told) if told else "",
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
            tables.append(markup.score_table(table, caption, protector(run.scores), beside.kinds(run)))
    return [table for table in tables if table]


_JUDGES = ("ignorant", "transferred", "retrained")
_MORE = {
    "words": ("cer", "words_missed", "entity_recall"),
    "sentence": ("sentence_bits",),
    "speaker": ("tar_at_1far", "linkability"),
}
