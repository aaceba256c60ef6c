"""Shadow federations: what an adversary trains on speech of its own to learn how updates tell who sent them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from aclipse.contracts import Clip, Settings
from aclipse.errors import CorpusError
from aclipse.experiments.updates.leaks import Leaks, overheard, together
from aclipse.protections.user_level_dp.clients import CUT, Rows, partition
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.seeds import derive

MOST = 0.8  # share of a client's updates whose means are learned from
MEANS = 10  # of each client


class ShadowSettings(Settings):
    """What an adversary makes of its own speech."""

    models: int = Field(5, ge=2)  # federations, each without another fold of its speakers
    cut: int = Field(2, ge=1)  # clients that a speaker is cut into, where the paper says nothing of the corpus
    clients: int = Field(4, ge=1)  # least number that takes part in a round: more is more to learn from


def shadow_federations(
    clips: Sequence[Clip], rows: Rows, emotions: Sequence[str], shadow: ShadowSettings, attacked: Federation, seed: int
) -> list[Federation]:
    """Federations by the rules of the ``attacked`` one, from the same first model, on an adversary's speech.

    Their noise is that of the attacked one, which is no secret, though their own clients have more or less to say.
    Raises CorpusError for fewer speakers than models.
    """
    speakers = sorted({clip.speaker for clip in clips})
    if len(speakers) < shadow.models:
        raise CorpusError(
            f"{len(speakers)} speakers cannot be shared out to {shadow.models} shadow models. Give more speech to the "
            "adversary, or set shadow.models lower."
        )
    order = np.random.default_rng(derive(seed, "shadow")).permutation(speakers)
    every = []
    for number, left_out in enumerate(np.array_split(order, shadow.models)):
        own = [place for place, clip in enumerate(clips) if clip.speaker not in left_out]
        cut = {clips[place].extra.get("corpus", ""): shadow.cut for place in own} | CUT
        every.append(partition([clips[place] for place in own], rows[own], emotions, derive(seed, number), cut))
    share = min(1.0, max(attacked.settings.share, shadow.clients / min(map(len, every))))
    rules = attacked.settings.model_copy(update={"share": share})
    return [
        Federation(clients, len(emotions), rules, attacked.privacy, derive(seed, "shadow", number), attacked)
        for number, clients in enumerate(every)
    ]


def shadow_leaks(federations: Sequence[Federation]) -> Leaks:
    """All that shadow federations show, each update once: of clean ones what an ignorant attacker learns from."""
    return together([listener.leaks for listener in overheard(federations)])


def aware_leaks(clean: Sequence[Federation], alike: Sequence[Federation], seed: int) -> Leaks:
    """What an aware attacker learns from: single clean updates, and means of what it will meet, of most there are.

    Single updates under much noise teach nothing, and drown what can be learned.
    """
    means = [
        listener.leaks.averaged(_most(listener.leaks), MEANS, derive(seed, place))
        for place, listener in enumerate(overheard(alike))
    ]
    return together([shadow_leaks(clean), *means])


def _most(leaks: Leaks) -> int:
    """Most of what a client has sent: another part of it for each mean."""
    return max(1, int(MOST * len(leaks) / len({client.id for client in leaks.clients})))
