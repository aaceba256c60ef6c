"""What each mechanism of a study promises, in numbers: the honest ε beside the paper's labels, and sentences."""

from __future__ import annotations

from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.settings import CENTRAL, PAPER, STRICT, Variant
from aclipse.experiments.study.jobs import Place
from aclipse.protections.user_level_dp.accounting import View, epsilon_of, paper_multiplier
from aclipse.protections.user_level_dp.simulate import Federation


def honest(plan: Plan, corpus: str, variant: Variant) -> tuple[float | str, float | str]:
    """ε of all rounds in the central view, and of one update that is seen, at δ = the study's; empty for no promise.

    Of a paper label as if the sensitivity that it assumes were true, which it is not: clipping gradients before Adam
    does not bound an update.
    """
    s = plan.settings
    if variant.epsilon is None or variant.mechanism not in (PAPER, *STRICT):
        return "", ""
    rules = s.federation
    if variant.mechanism == PAPER:
        noise = paper_multiplier(variant.epsilon, rules.share, rules.rounds)
        return _epsilon(noise, s.delta, View(rules.rounds, rules.share)), _epsilon(noise, s.delta, View(1))
    if variant.mechanism == CENTRAL:
        return round(variant.epsilon, 2), ""
    federation = _federation(plan, corpus, variant)
    assert federation.mechanism.guarantee
    noise = federation.mechanism.guarantee.noise_multiplier
    return "", _epsilon(noise, s.delta, View(1))


def guarantees(plan: Plan) -> dict[str, list[str]]:
    """What strict mechanisms promise, in sentences, by corpus, mechanism and ε."""
    found = {}
    for corpus in plan.private:
        for variant in plan.settings.variants:
            if variant.mechanism in STRICT:
                guarantee = _federation(plan, corpus, variant).mechanism.guarantee
                assert guarantee
                found[f"{corpus}: {variant}"] = guarantee.lines
    return found


def _epsilon(noise: float, delta: float, view: View) -> float:
    return round(epsilon_of(noise, delta, view), 2)


def _federation(plan: Plan, corpus: str, variant: Variant) -> Federation:
    return plan.open(Place(0, 0)).private(corpus, "fedavg", variant)
