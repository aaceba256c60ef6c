"""Findings as sentences: what is hidden, from whom, what is not, and what must be known beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, counting, findings, is_silent, protector
from aclipse.report.medium import medium_of
from aclipse.report.verdicts import SEVERITY, WER_WEAKENED, Verdict, speaker_verdict
from aclipse.report.vocabulary import AVERAGED, DRAWS, SECRETS, TRAINED, UTILITY

_NAMES = {"cascade": "The cascade", "cloak": "Cloak", "cloak-adaptive": "Adaptive Cloak"} | {
    "replacement": "The replacement autoencoder",
    "user-level-dp": "User-level differential privacy",
}
ROLES = ("neutral", "required", "sensitive")  # of emotions, for a protection that replaces some
_GUIDED = {"cascade": {"words": "against", UTILITY: "with"}} | {  # a cloak's adversaries are not among the listeners
    name: {UTILITY: "with"} for name in ("cloak", "cloak-adaptive")
}
LISTENER_OF = {  # by level
    "ignorant": "{a} {kind} that only knows clean speech",
    "transferred": "an independent {kind} of another family",
    "purifying": "{a} {kind} behind a cleaning step",
    "retrained": "{a} {kind} retrained on protected speech",
    "purified": "{a} {kind} retrained on cleaned protected speech",
    "scratch": "{a} {kind} trained from scratch on protected speech",
    "inverting": "{a} {kind} behind a network that learned to undo the protection",
}
_OF_UPDATES = {  # by judge and level: who has no recording, but what phones have learned from theirs
    ("one-update", "ignorant"): "an attacker with one update who learned from open ones",
    ("one-update", "retrained"): "an attacker with one update who learned from protected ones",
    ("all-updates", "ignorant"): "an attacker with all updates of a client who learned from open ones",
    ("all-updates", "retrained"): "an attacker with all updates of a client who learned from protected ones",
    ("federated", "retrained"): "the federated model",
}
_CROWDS = {  # several listeners of a level
    "ignorant": "listeners that only know clean speech",
    "transferred": "independent listeners of another family",
    "purifying": "listeners behind a cleaning step",
    "retrained": "listeners retrained on protected speech",
    "purified": "listeners retrained on cleaned protected speech",
    "scratch": "listeners trained from scratch on protected speech",
    "inverting": "listeners behind a network that learned to undo the protection",
}
_FOLLOWS = {  # what a verdict means
    Verdict.HIDDEN: "{thing} is hidden from it",
    Verdict.WEAKENED: "it is hindered, but something still gets through",
    Verdict.NOT_HIDDEN: "{thing} is not hidden from it",
    Verdict.KEPT: "emotion is kept",
    Verdict.REDUCED: "emotion can still be read, but is not shown to be kept",
    Verdict.LOST: "emotion is lost",
    Verdict.SILENT: "but hardly anything is left, so this is no protection",
}
_CLAIM = {  # of a protection, about things and whom, in this order
    Verdict.NOT_HIDDEN: "does not hide {things} from {whom}",
    Verdict.WEAKENED: "only blurs {things} for {whom}",
    Verdict.HIDDEN: "hides {things} from {whom}",
    Verdict.SILENT: "leaves hardly anything that could tell {things}",
    Verdict.NOT_SHOWN: "was not shown to hide {things}",
}
_EMOTION = {
    Verdict.KEPT: "Emotion is kept for {who}.",
    Verdict.REDUCED: "Emotion is harder to read for {who}.",
    Verdict.LOST: "Emotion is lost to {who}.",
    Verdict.SILENT: "Emotion is lost.",
    Verdict.NOT_SHOWN: "Whether emotion is kept was not shown.",
}


def headline(run: RunFolder) -> str:
    """The whole result in a sentence or two: what each secret's strongest listener gets, then emotion."""
    found = findings(run)
    decisive = counting(found)
    if not decisive:
        return "No listener was asked what it hears in protected speech."
    leaky = {Verdict.NOT_HIDDEN, Verdict.WEAKENED} & {f.verdict for f in decisive.values()}
    if is_silent(run.scores) and not leaky:
        return medium_of(run).nothing_left
    secrets = [finding for secret, finding in decisive.items() if secret != UTILITY]
    emotion = decisive.get(UTILITY)
    told = _EMOTION[emotion.verdict].format(who=listener(emotion)) if emotion else "Emotion was not measured."
    adapted = {finding.secret for finding in found if finding.score.knowledge in TRAINED and not finding.doubt}
    claims = _claims(named(protector(run.scores)), secrets, adapted)
    return " ".join(filter(None, (claims, _averaged(run, decisive), told)))


def tell(finding: Finding) -> str:
    """One finding as a sentence with its figures, or why there is none.

    >>> from aclipse.report.rows import Score
    >>> clean = Score("identity", "privacy", "wer", "listener", "ignorant", value=0.06)
    >>> score = Score("cascade", "privacy", "wer", "listener", "retrained", 0.15, 0.12, 0.18)
    >>> tell(Finding("words", Verdict.NOT_HIDDEN, score, clean, None, True))  # doctest: +ELLIPSIS
    'A recogniser retrained on protected speech gets only 15 % of words wrong (95 % interval 12–18 %; clean speech...'
    """
    name = listener(finding)
    if finding.verdict is Verdict.NOT_SHOWN:
        return f"{_upper(name)} shows nothing: {finding.doubt}."
    follows = _STRANGERS if _eased(finding) else _FOLLOWS[finding.verdict].format(thing=SECRETS[finding.secret].thing)
    for several in ("words", "emotions"):
        follows = follows.replace(f"{several} is", f"{several} are")
    return f"{_upper(name)} {_reading(finding)} ({_context(finding)}): {follows}."


def listener(finding: Finding) -> str:
    """Who listened, in words; "trained against" is claimed only of the single ignorant recogniser that guided it."""
    kind, score = SECRETS[finding.secret].listener, finding.score
    if named := _OF_UPDATES.get((score.judge, score.knowledge)):
        return named
    guided = _GUIDED.get(score.subject, {})
    if score.knowledge == "ignorant" and finding.alone and finding.secret in guided:
        return f"the {kind} it was trained {guided[finding.secret]}"
    named = "" if finding.alone else f" ({score.judge})"
    named += f" ({score.via})" if score.via else ""
    article = "an" if kind[0] in "aeiou" else "a"
    return LISTENER_OF.get(score.knowledge, f"the {score.knowledge} {{kind}}").format(a=article, kind=kind) + named


def told(run: RunFolder) -> dict[str, str]:
    """What the words of a medium leave open: what a protection is called, and what was asked of it.

    >>> from pathlib import Path
    >>> asked = {"replacement": {"required": ["sad"], "sensitive": ["happy", "angry"]}}
    >>> told(RunFolder(Path("run"), [], about={"recipe": asked}))["sensitive"]
    'happy or angry'
    """
    recipe = run.about.get("recipe", {})
    replaced, secrets = recipe.get("replacement", {}), recipe.get("cloak", {}).get("secrets", [])
    roles = {role: join(replaced.get(role, [])).replace(" and ", " or ") or role for role in ROLES}
    return {
        "protection": named(protector(run.scores)) if run.scores else "",
        "secrets": join(SECRETS[name].thing for name in secrets if name in SECRETS) or "much else",
        "sex": "; the speaker’s sex is meant to be hidden, too" if replaced.get("weight") else "",
        **roles,
    }


def named(subject: str) -> str:
    """A protection as the subject of a sentence.

    >>> named("cascade"), named("vendor")
    ('The cascade', '“vendor”')
    """
    return _NAMES.get(subject, f"“{subject}”")


def percent(value: float) -> str:
    """A rate in whole per cent, as written in sentences."""
    return f"{value * 100:.0f} %"


def join(names: Iterable[str]) -> str:
    """Names with commas and an "and", each once.

    >>> join(["a", "b", "c", "a"])
    'a, b and c'
    """
    once = list(dict.fromkeys(names))
    return " and ".join(part for part in (", ".join(once[:-1]), *once[-1:]) if part)


def _claims(subject: str, secrets: Sequence[Finding], adapted: set[str]) -> str:
    if not secrets:
        return "What was said was not measured."
    groups: dict[tuple[Verdict, str], list[Finding]] = {}
    for finding in secrets:
        groups.setdefault((finding.verdict, _crowd_key(finding, adapted)), []).append(finding)
    parts = []
    for verdict, key in sorted(groups, key=lambda group: list(_CLAIM).index(group[0])):
        own = groups[verdict, key]
        things = join(SECRETS[finding.secret].thing for finding in own)
        whom = _EVERYONE[key] if verdict is Verdict.HIDDEN else _crowd(own)
        parts.append(_CLAIM[verdict].format(things=things.replace(" and ", _OR[verdict]), whom=whom))
    return f"{subject} {'; it '.join(parts)}."


def _averaged(run: RunFolder, decisive: dict[str, Finding]) -> str:
    """Of which secrets the mean of several releases, its shift taken away, gives away more than one does."""
    found = findings(run, protector(run.scores) + AVERAGED)
    worse = [
        finding
        for secret, finding in counting(found).items()
        if secret in decisive and secret != UTILITY and _severer(finding.verdict, decisive[secret].verdict)
    ]
    return _claims(f"The mean of {DRAWS} releases, with the device at hand,", worse, set()) if worse else ""


def _severer(verdict: Verdict, other: Verdict) -> bool:
    return SEVERITY.index(verdict) < SEVERITY.index(other)


def _crowd_key(finding: Finding, adapted: set[str]) -> str:
    """What claims of one verdict are told apart by: who listens, or for what is hidden, whether anyone adapted."""
    if finding.verdict is Verdict.HIDDEN:
        return "adapted" if finding.secret in adapted else "unadapted"
    return finding.score.knowledge if finding.verdict in (Verdict.NOT_HIDDEN, Verdict.WEAKENED) else ""


_EVERYONE = {"adapted": "every listener tried", "unadapted": "every listener tried, none of which adapted"}
_OR = {verdict: " or " if verdict is Verdict.NOT_HIDDEN else " and " for verdict in Verdict}


def _crowd(group: Sequence[Finding]) -> str:
    """Those of one level that a claim is about: the only one in full, several by what they know."""
    level = group[0].score.knowledge
    return listener(group[0]) if len(group) == 1 else _CROWDS.get(level, f"{level} listeners")


def _eased(finding: Finding) -> bool:
    """Whether a speaker counts as weakened although the equal error rate alone would say hidden."""
    if finding.secret != "speaker" or finding.verdict is not Verdict.WEAKENED or finding.clean is None:
        return False
    return speaker_verdict(finding.score, finding.clean, finding.chance) is Verdict.HIDDEN


_STRANGERS = "this alone would pass, but it still recognises speakers while letting in only 1 % of strangers"


def _reading(finding: Finding) -> str:
    value = finding.score.value
    only = "only " if value < WER_WEAKENED else ""
    return {
        "words": f"gets {only}{percent(value)} of words wrong"
        if value <= 1
        else "makes more mistakes than there are words",
        "sentence": f"tells which of the known sentences was said in {percent(value)} of clips",
        "sex": f"tells the speaker’s sex in {percent(value)} of cases",
        "speaker": f"confuses speakers at an equal error rate of {percent(value)}",
        "sensitive": f"tells sensitive emotions in {percent(value)} of cases",
        "emotion": f"reads emotion right in {percent(value)} of cases",
    }[finding.secret]


def _context(finding: Finding) -> str:
    score = finding.score
    parts = ["UAR"] if score.metric.endswith("uar") else []
    if finding.secret == "words" and score.value > 1:
        parts.append(f"WER {percent(score.value)}")
    if score.low is not None and score.high is not None:
        parts.append(f"95 % interval {score.low * 100:.0f}–{percent(score.high)}")
    if finding.clean is not None:
        parts.append(f"clean speech {percent(finding.clean.value)}")
    if finding.chance is not None:
        parts.append(f"guessing {percent(finding.chance)}")
    return "; ".join(parts or ["no interval"])


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
