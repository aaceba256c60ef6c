"""Settings that contradict each other, or promise what cannot be, are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "paper"}, "mode = paper needs an epsilon above 0"),
        ({"mode": "strict", "epsilon": 1.0}, "needs a delta: at most 1 / users, and there is no default"),
        ({"mode": "paper", "epsilon": 1.0, "delta": 0.5}, "delta is of mode = strict"),
        ({"mode": "strict", "epsilon": 0.0, "delta": 0.01}, "greater than 0"),
        ({"mode": "strict", "epsilon": -8.0, "delta": 0.01}, "greater than 0"),
        ({"mode": "strict", "epsilon": 8.0, "delta": 1.0}, "less than 1"),
        ({"mode": "strict", "epsilon": 8.0, "delta": 0.0}, "greater than 0"),
        ({"mode": "strict", "epsilon": float("inf"), "delta": 0.1}, "finite"),
        ({"mode": "strict", "epsilon": 8.0, "delta": 0.01, "place": "local", "quantile": 0.5}, "place = central"),
        ({"quantile": 0.5}, "needs mode = strict"),
        ({"mode": "strict", "epsilon": 8.0, "delta": 0.01, "clip": 0.0}, "greater than 0"),
        ({"pruned": 1.0}, "less than 1"),
        ({"noise": 1.0}, "Extra inputs"),
    ],
)
def test_privacy_that_cannot_be_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PrivacySettings.model_validate(given)


@pytest.mark.parametrize("given", [{"rounds": 0}, {"share": 0.0}, {"share": 1.1}, {"batch_size": 0}, {"dropout": 1.0}])
def test_federations_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"greater|less"):
        FederationSettings.model_validate(given)


def test_the_defaults_are_those_of_the_papers_code() -> None:
    one = FederationSettings()
    assert (one.rounds, one.share, one.batch_size, one.local_epochs) == (200, 0.1, 20, 1)
    assert (one.learning_rate, one.weight_decay, one.server_rate, one.dropout) == (5e-4, 1e-4, 0.05, 0.2)
    assert PrivacySettings().clip == 0.25 and PrivacySettings().delta is None
