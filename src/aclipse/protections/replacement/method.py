"""The replacement autoencoder as a protection: vectors whose sensitive emotions have given way to neutral ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from aclipse.audio.functionals import functionals
from aclipse.contracts import Features, Release, Wave
from aclipse.errors import CorpusError, RunError
from aclipse.models.dense import DenseClassifier
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import Roles
from aclipse.training import checkpoint
from aclipse.training.projection import Projection, Ranges


class ReplacementSettings(Roles):
    """The training of the autoencoder; the numbers of the paper are in brackets."""

    embeddings: tuple[PositiveInt, ...] = Field((16, 32), strict=False, min_length=1)  # a, best on validation [16, 32]
    reversal: float = Field(0.5, ge=0)  # λ [0.5]
    weight: float = Field(0.1, ge=0, lt=1)  # α, of the head that hears sex; 0: without it [0 and 0.1]
    guide: float = Field(1.0, ge=0)  # weight of a classifier that must read the role that is meant [0]
    redraw: bool = True  # another neutral clip for each sensitive one in every epoch [not said; the original: one]
    same_sex: bool = False  # which is a voice of the same sex [not said]
    draw: bool = False  # what the device takes for sensitive, it replaces by a draw from what is neutral
    epochs: int = Field(100, ge=1)
    patience: int = Field(10, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)

    @property
    def roles(self) -> Roles:
        """The roles alone."""
        return Roles.model_validate(self.model_dump(include=set(Roles.model_fields)))


class Drawer:
    """What a device needs to draw replacements: a classifier of roles, and how neutral clips are encoded.

    A normal distribution, not clips: who has the device could look a clip up in what it has released. The seed of a
    draw is mixed with the vector that it replaces, which never leaves: who lacks the recording cannot draw again.
    """

    def __init__(self, gate: DenseClassifier, mean: Tensor, factor: Tensor) -> None:
        self.gate: Any = checkpoint.freeze(gate)
        self.mean, self.factor = mean, factor  # (a,), and (a, a), whose square is the covariance

    def __call__(self, vectors: Tensor, encoded: Tensor, seed: int) -> Tensor:
        """Each vector as encoded, or if it is taken for sensitive a draw, ``(count, a)``."""
        heard = self.gate.read(vectors[:, None], torch.ones(len(vectors)))
        found = encoded.clone()
        for place, role in enumerate(heard):
            if role == "sensitive":
                found[place] = self._drawn(vectors[place], seed)
        return found

    def _drawn(self, vector: Tensor, seed: int) -> Tensor:
        digest = hashlib.sha256(f"{seed} ".encode() + vector.numpy().tobytes()).digest()
        generator = np.random.default_rng(int.from_bytes(digest))  # all 256 bits: fewer could be searched through
        drawn = generator.standard_normal(len(self.mean), dtype=np.float32)
        return self.mean + self.factor @ torch.from_numpy(drawn)


def drawer_of(gate: DenseClassifier, encoded: Tensor) -> Drawer:
    """A drawer of what looks like some neutral clips as encoded, ``(clips, a)``.

    Raises CorpusError for fewer than two: all draws would be the same.
    """
    if len(encoded) < 2:
        raise CorpusError(
            f"{len(encoded)} neutral training clip is too few to draw replacements from. Give more, or leave draw off."
        )
    mean, centred = encoded.mean(0), (encoded - encoded.mean(0)).double()
    values, axes = torch.linalg.eigh(centred.T @ centred / (len(encoded) - 1))
    return Drawer(gate, mean, (axes * values.clamp(min=0).sqrt()).float().contiguous())


class Replacement:
    """A protection that releases one vector a recording, ``(1, components)``: sensitive emotions come out as neutral.

    Speakers are normalised over their own recordings, once enrolled; of anybody else the average training speaker's
    ranges stand in. A seed matters only where replacements are drawn.
    """

    releases = Release.FEATURES
    name = "replacement"

    def __init__(
        self, network: ReplacementNetwork, projection: Projection, roles: Roles, drawer: Drawer | None = None,
        speaker: Ranges | None = None,
    ) -> None:  # fmt: skip
        self.network: Any = checkpoint.freeze(network)
        self.projection, self.roles, self.drawer = projection, roles, drawer
        self.speaker = speaker  # the ranges of the device's only speaker, once enrolled

    def __repr__(self) -> str:
        """Names the weights, so that two look alike only if they release alike."""
        tensors, facts = self._state()
        digest = hashlib.sha256(repr(facts).encode())
        for tensor in (*tensors.values(), *(torch.from_numpy(end) for end in self.speaker or ())):
            digest.update(tensor.cpu().numpy().tobytes())
        return f"Replacement({digest.hexdigest()[:12]}, {self.roles!r})"

    def release(self, wave: Wave, seed: int = 0, ranges: Ranges | None = None) -> Features:
        """Protect one recording, ``(time,) -> (1, components)``, scaled by ``ranges``, else by those of this device."""
        rows = functionals(wave, self.projection.settings.kind)
        return self.replaced(self.projection.apply(rows, ranges or self.speaker or self.projection.range_for()), seed)

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Features]:
        """Protect a recording that arrives in blocks, once all are there, for functionals are of the whole."""
        yield self.release(np.concatenate([np.zeros(0, np.float32), *blocks]), seed)

    @torch.no_grad()
    def replaced(self, vectors: Features, seed: int = 0) -> Features:
        """What leaves the device of vectors that are there already, ``(count, components)`` in and out.

        Raises RunError for vectors of another size.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.projection.size:
            raise RunError(f"vectors {vectors.shape} do not have the {self.projection.size} numbers of this projection")
        place = next(self.network.parameters()).device
        given = torch.from_numpy(np.ascontiguousarray(vectors))
        encoded = self.network.encode(given.to(place)).cpu()
        if self.drawer:
            encoded = self.drawer(given, encoded, seed)
        found: Features = self.network.decode(encoded.to(place)).cpu().numpy()
        return found

    def functionals(self, released: Features) -> Features:
        """A release as functionals in their own units, named by ``projection.names``: the inverse of the components."""
        return self.projection.undo(released)

    def enrolled(self, recordings: Sequence[Wave]) -> Replacement:
        """The protection of a device whose one speaker has made these recordings, where speakers are normalised.

        Raises CorpusError for fewer than two.
        """
        if self.projection.settings.normalisation != "speaker":
            return self
        own = self.projection.enrolled(list(recordings))
        return Replacement(self.network, self.projection, self.roles, self.drawer, own)

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, facts = self.projection.state()
        parts: dict[str, Any] = {"network": self.network} | ({"gate": self.drawer.gate} if self.drawer else {})
        for part, module in parts.items():
            tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
            facts |= {part: module.settings}
        if self.drawer:
            tensors |= {"drawer.mean": self.drawer.mean, "drawer.factor": self.drawer.factor}
        return tensors, {**facts, "roles": self.roles.model_dump()}

    def save(self, path: Path) -> None:
        """Write everything that releases, the projection too, into one safetensors file with its settings as JSON."""
        checkpoint.save(path, *self._state())

    @classmethod
    def load(cls, path: Path) -> Replacement:
        """Read what `save` wrote.

        Raises RunError for anything else, and where functionals are computed by another version here; MissingExtra
        without the package that computes them.
        """
        tensors, facts = checkpoint.load(path)
        try:
            network = _restored(ReplacementNetwork, "network", tensors, facts)
            gate = _restored(DenseClassifier, "gate", tensors, facts) if "gate" in facts else None
            drawer = Drawer(gate, tensors["drawer.mean"], tensors["drawer.factor"]) if gate else None
            return cls(network, Projection.restore(tensors, facts), Roles(**facts["roles"]), drawer)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} does not hold a replacement autoencoder. Give that of a run.") from error
        except RuntimeError as error:  # RunError of the projection, too
            raise RunError(f"{path}: {error}") from error


def _restored(kind: Any, part: str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Any:
    module = kind(**facts[part])
    start = f"{part}."
    module.load_state_dict({n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)})
    return module
