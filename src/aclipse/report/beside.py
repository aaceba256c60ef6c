"""Other protections beside the judged one, under equal attackers: what kind each row is, and who is ahead of whom."""

from __future__ import annotations

from aclipse.report.comparison import best_attacker, emotions, subjects
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import Finding, protector
from aclipse.report.tables import clearly_above
from aclipse.report.vocabulary import AVERAGED, BASELINES, DRAWS, REFERENCES, SECRETS, UTILITY, metric_of
from aclipse.report.wording import join, named, percent

JUDGED, OTHER, MEAN = "judged here", "another protection", f"mean of {DRAWS} releases"


def kinds(run: RunFolder) -> dict[str, str]:
    """What every row is that is no simple means: the judged protection, another one, or the mean of its releases.

    Nothing where the judged protection stands alone, as nobody can take anything else for it.
    """
    own = protector(run.scores)
    trivial = (*REFERENCES, *BASELINES)
    found = {
        name: JUDGED if name == own else MEAN if name == own + AVERAGED else OTHER
        for name in subjects(run)
        if name not in trivial
    }
    return found if len(found) > 1 else {}


def sentences(run: RunFolder) -> list[str]:
    """One sentence on each of them: where its figures and those of the judged protection lie clearly apart."""
    own, found = protector(run.scores), []
    for name, kind in kinds(run).items():
        met = _met(run, own, name)
        if met and kind == OTHER:
            found.append(_rival(own, name, met))
        if met and kind == MEAN:
            found.append(f"{_FIXED if _is_fixed(run) else _ANEW} {_mean(own, name, met)}")
    return found


def _met(run: RunFolder, own: str, other: str) -> dict[str, tuple[Finding, Finding]]:
    """Secret → both findings, each of the strongest of the same attackers; emotion by the judge that counts."""
    found = {}
    for secret in SECRETS:
        strongest = (best_attacker(run, own, secret), best_attacker(run, other, secret))
        mine, theirs = emotions(run, other) if secret == UTILITY else strongest
        if mine and theirs and not theirs.doubt:
            found[secret] = (mine, theirs)
    return found


def _rival(own: str, other: str, met: dict[str, tuple[Finding, Finding]]) -> str:
    parts = [
        f"“{own}” is ahead on {join(_figures(met, ahead))}" if (ahead := _where(met, +1)) else "",
        f"“{other}” is ahead on {join(_figures(met, behind))}" if (behind := _where(met, -1)) else "",
        f"neither is clearly ahead on {join(_figures(met, level))}" if (level := _where(met, 0)) else "",
    ]
    return (
        f"Beside “{other}”, another protection that met the same attackers (figures: “{own}” against “{other}”, for"
        f" the strongest attacker of each): {'; '.join(filter(None, parts))}."
    )


def _mean(own: str, other: str, met: dict[str, tuple[Finding, Finding]]) -> str:
    """What an attacker gains by averaging; in emotion nobody attacks."""
    attacked = {secret: pair for secret, pair in met.items() if secret != UTILITY}
    if not attacked:
        return f"What the mean of {DRAWS} releases of an utterance (“{other}”) tells was not measured."
    more, rest = _where(attacked, +1), [secret for secret in attacked if secret not in _where(attacked, +1)]
    parts = [
        f"tells clearly more of {join(_figures(attacked, more))}" if more else "",
        f"is not shown to tell more of {join(_figures(attacked, rest))}" if rest else "",
    ]
    return (
        f"The mean of {DRAWS} releases of each utterance, its known shift taken away (“{other}”),"
        f" {'; it '.join(filter(None, parts))} (figures: one release of {named(own)} against that mean, for the"
        " strongest attacker of each)."
    )


_ANEW = "Noise that is drawn anew for each release can be averaged away."
_FIXED = (
    "Here one draw serves an utterance however often it is released, so that averaging has nothing to work on; but what"
    " is added to every segment alike can still be taken away."
)


def _is_fixed(run: RunFolder) -> bool:
    return bool(run.about.get("recipe", {}).get("cloak", {}).get("fixed"))


def _where(met: dict[str, tuple[Finding, Finding]], wanted: int) -> list[str]:
    return [secret for secret, pair in met.items() if _ahead(*pair) == wanted]


def _ahead(mine: Finding, theirs: Finding) -> int:
    """Who is better off with intervals apart: +1 the judged one, -1 the other, 0 nobody."""
    better = metric_of(mine.score.metric).better
    above = clearly_above(mine.score, theirs.score) - clearly_above(theirs.score, mine.score)
    return above * better


def _figures(met: dict[str, tuple[Finding, Finding]], secrets: list[str]) -> list[str]:
    return [
        f"{SECRETS[secret].thing} ({metric_of(mine.score.metric).name} {percent(mine.score.value)} against"
        f" {percent(theirs.score.value)})"
        for secret, (mine, theirs) in met.items()
        if secret in secrets
    ]
