"""What a reader must know beside the findings: silence, brute force, attackers not tried, cheaper rivals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aclipse.report import beside, replacement
from aclipse.report.comparison import rivals
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, findings, is_silent, protector, quality
from aclipse.report.medium import medium_of
from aclipse.report.vocabulary import BOUND, SECRETS, TRAINED, UTILITY, format_value, level_name
from aclipse.report.wording import join, percent, told

LOUD_CHANGE_DB = 0.0  # SNR at which the change is as strong as the speech


def remarks(run: RunFolder) -> list[str]:
    """What a reader must know beside the findings: silence, brute force, attackers not tried, cheaper rivals."""
    found = findings(run)
    asked = told(run)
    notes = [*replacement.hidden(run), *(text.format(**asked) for text in medium_of(run).notes)]
    notes += [*_sound_remarks(run), *_attacker_remarks(run, found)]
    if any(None in (finding.score.low, finding.score.high) for finding in found):
        notes.append("Figures without an interval were judged by their bare value; those verdicts are less safe.")
    notes += beside.sentences(run)
    notes += cheaper(run)
    if any(score.subject == BOUND for score in run.scores):
        notes.append(
            f"“{BOUND}” is the bound: it plays one fixed sound per class that a recogniser on the device found. No"
            " protection can do better for the guiding recogniser, and to any other judge it is useless."
        )
    return notes + [f"{str(text).rstrip('.')}." for text in run.audit.get("left_out", [])]


def _sound_remarks(run: RunFolder) -> list[str]:
    notes, name, words = [], protector(run.scores), medium_of(run)
    if is_silent(run.scores):
        level = quality(run.scores, name, "level_db")
        change = "" if level is None else f" (level {format_value('level_db', level)} dB)"
        notes.append(words.nearly_nothing.format(change=change))
    snr = quality(run.scores, name, "snr_db")
    if snr is not None and math.isfinite(snr) and snr < LOUD_CHANGE_DB:
        notes.append(words.loud.format(snr=format_value("snr_db", snr)))
    return notes


def _attacker_remarks(run: RunFolder, found: Sequence[Finding]) -> list[str]:
    secrets = dict.fromkeys(finding.secret for finding in found if finding.secret != UTILITY)
    trained = {finding.secret for finding in found if finding.score.knowledge in TRAINED}
    notes = []
    if secrets and not trained.intersection(secrets):
        notes.append("No attacker was retrained on protected speech: how a determined one fares is not known.")
    elif missing := [SECRETS[secret].thing for secret in secrets if secret not in trained]:
        notes.append(f"No attacker was retrained on protected speech for {join(missing)}: how one fares is not known.")
    emotion = [finding for finding in found if finding.secret == UTILITY]
    shown = any(f.score.knowledge == "transferred" and not f.doubt for f in emotion)
    if emotion and medium_of(run).survived and not shown:
        notes.append(
            "No independent judge of emotion was heard: a protection trained with a recogniser can write the class"
            f" {medium_of(run).written}, so the guiding recogniser alone does not show that emotion survived."
        )
    return notes


def cheaper(run: RunFolder) -> list[str]:
    """One sentence on all trivial baselines that do about as well, if there are any."""
    found = rivals(run)
    if not found:
        return []
    main, _, emotion, _ = (finding.score for finding in found[0])
    secret = SECRETS[found[0][0].secret]
    axis = "words wrong" if secret.name == "words" else secret.axis.removesuffix(" (UAR)")
    theirs = [
        f"“{its.score.subject}” ({percent(its.score.value)} of {axis}, emotion read right in {percent(e.score.value)})"
        for _, its, _, e in found
    ]
    several = "Trivial baselines are" if len(found) > 1 else "A trivial baseline is"
    return [
        f"{several} not clearly worse: {join(theirs)}. Here it is {percent(main.value)} and"
        f" {percent(emotion.value)}, for the strongest attacker on {secret.thing.removeprefix('the ')} and the"
        f" {level_name(emotion.knowledge, emotion.role)} judge of emotion."
    ]
