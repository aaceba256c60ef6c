"""Shadow federations: what an adversary trains on speech of its own to learn how updates tell who sent them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from aclipse.contracts import Clip, Settings
from aclipse.errors import CorpusError
from aclipse.experiments.federating.leaks import ALL, Leaks, overheard, together
from aclipse.protections.user_level_dp.clients import CUT, Rows, partition
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.seeds import derive


class ShadowSettings(Settings):
    """What an adversary makes of its own speech."""

    models: int = Field(5, ge=2)  # federations, each without another fold of its speakers
    cut: int = Field(2, ge=1)  # clients that a speaker is cut into, where the paper says nothing of the corpus
    clients: int = Field(4, ge=1)  # least number that takes part in a round: more is more to learn from


def shadow_federations(
    clips: Sequence[Clip], rows: Rows, emotions: Sequence[str], shadow: ShadowSettings,
    settings: FederationSettings, privacy: PrivacySettings, seed: int,
) -> list[Federation]:  # fmt: skip
    """Federations by the rules of the attacked one, from the same first model, on an adversary's speech.

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
    share = min(1.0, max(settings.share, shadow.clients / min(map(len, every))))
    rules = settings.model_copy(update={"share": share})
    return [
        Federation(clients, len(emotions), rules, privacy, derive(seed, "shadow", number))
        for number, clients in enumerate(every)
    ]


def shadow_leaks(federations: Sequence[Federation], counts: Sequence[int] = (1,), seed: int = 0) -> Leaks:
    """All that shadow federations show, each update once; for other ``counts``, means of so many of a client's as well.

    An aware attacker learns from means as it will meet them: as many of each count as there are updates, shared out.
    """
    every = [
        _of(listener.leaks, count, len(counts), derive(seed, place))
        for place, listener in enumerate(overheard(federations))
        for count in counts
    ]
    return together(every)


def _of(heard: Leaks, count: int, kinds: int, seed: int) -> Leaks:
    if count == 1 and kinds == 1:
        return heard
    senders = len({client.id for client in heard.clients})
    draws = max(1, len(heard) // (kinds * senders))
    if count == ALL or draws == 1:  # one mean of everything is little to learn from: of most of it, several times
        most = max(1, int(0.8 * len(heard) / senders))
        return heard.averaged(most if count == ALL else count, draws, seed)
    return heard.averaged(count, draws, seed)
