"""Who reads leaked updates: several networks that learned from the same shadows, whose mean answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aclipse.attackers.updates.fusion import chances, log_odds
from aclipse.attackers.updates.learning import FORMS, UpdateLoop, learn
from aclipse.contracts import Clip
from aclipse.experiments.updates.leaks import Leaks
from aclipse.protections.user_level_dp.model import LAYERS
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech

VERSION = 1  # counted up when attackers are others, so that old readings are not taken for theirs
SEXES = ("female", "male")  # odds are of the second

Odds = npt.NDArray[np.float64]


def learned(speech: Speech, loop: UpdateLoop, count: int, folder: Path, seed: int, control: bool = False) -> None:
    """Train ``count`` networks to read sex in a layer of updates, and write each into ``folder``.

    As a ``control``, each from labels that were dealt anew.
    """
    for number in range(count):
        own, lot = folder / str(number), derive(seed, number)
        network = learn(shuffled(speech, lot) if control else speech, "sex", loop, own, lot)
        if processes.is_main():
            checkpoint.save_module(own / "weights.safetensors", network)


def shuffled(speech: Speech, seed: int) -> Speech:
    """The same updates with speakers' sexes dealt anew: who learns from them must end at chance."""
    sexes = {clip.speaker: clip.sex for clip in speech.clips}
    dealt = dict(zip(sexes, np.random.default_rng(seed).permutation([*sexes.values()]).tolist(), strict=True))
    clips = [Clip(c.id, c.path, c.speaker, dealt[c.speaker], extra=c.extra) for c in speech.clips]
    return Speech(clips, [speech.wave(place) for place in range(len(speech))])


def opened(folder: Path, loop: UpdateLoop, count: int) -> list[Any]:
    """The networks that `learned` has written."""
    kind: Any = FORMS[loop.form]
    paths = [folder / str(number) / "weights.safetensors" for number in range(count)]
    networks = [checkpoint.load_module(path, kind)[0] for path in paths]
    return [checkpoint.freeze(network.to(processes.device())) for network in networks]


def odds(networks: Sequence[Any], speech: Speech) -> Odds:
    """Log-odds of the second sex for each update, the mean over networks."""
    found: Odds = np.mean([log_odds(chances(network, speech)) for network in networks], axis=0)
    return found


def calibrated(found: Odds) -> Odds:
    """Odds less their median: who knows that about half of the clients are of each sex needs no other threshold."""
    return found - np.median(found)


def pooled(networks: Sequence[Any], leaks: Leaks, count: int, draws: int, seed: int) -> Odds:
    """Odds of an attacker who reads the mean of several updates, and each of them, and trusts both alike; calibrated.

    Single ones tell more where there is no noise, their mean where there is much.
    """
    each = odds(networks, leaks.of_layer("first"))
    apart = np.array([each[some].mean() for some in leaks.draws(count, draws, seed)])
    mean = odds(networks, leaks.averaged(count, draws, seed).of_layer("first"))
    return calibrated(_standard(mean) + _standard(apart))


def _standard(found: Odds) -> Odds:
    standard: Odds = (found - found.mean()) / max(float(found.std()), 1e-9)
    return standard


def fused_odds(layers: dict[str, Sequence[Any]], leaks: Leaks) -> Odds:
    """The paper's fusion: probabilities of the layers' attackers, weighted by how many weights each layer has."""
    sizes = np.array([rows * columns for rows, columns in leaks.shape.layers], float)
    told = [1 / (1 + np.exp(-odds(layers[layer], leaks.of_layer(layer)))) for layer in LAYERS]
    chance = np.clip(np.tensordot(sizes / sizes.sum(), np.stack(told), 1), 1e-9, 1 - 1e-9)
    found: Odds = np.log(chance / (1 - chance))
    return found
