"""A federation on disk: what its server knows, and a file a client, which no other client's process is given.

``server.safetensors`` holds the first global model, the rules and who takes part when;
``clients/<place>/own.safetensors`` a client's features and labels, the rules, by which it makes sure of its own
privacy, and the seed of all that it draws.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from aclipse.atomic import replacing
from aclipse.errors import RunError
from aclipse.protections.user_level_dp.accounting import Guarantee, View
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.local import steps_of
from aclipse.protections.user_level_dp.mechanism import Mechanism
from aclipse.protections.user_level_dp.model import Shape
from aclipse.protections.user_level_dp.selection import Round, view
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation
from aclipse.seeds import derive
from aclipse.training import checkpoint

SERVER = "server.safetensors"
LOUDEST = 8.0  # deviations of its noise that a number sent stays within, in all likelihood
STEEPEST = 8.0  # a gradient's largest number where nothing clips it


@dataclass(frozen=True)
class Rules:
    """What server and clients have agreed on before the first round."""

    settings: FederationSettings
    privacy: PrivacySettings
    shape: Shape
    releases: int  # updates of a client, or models, that the promise is made for
    users: int
    promised: Guarantee | None  # so that no process looks for the noise again

    def new_mechanism(self) -> Mechanism:
        """The federation's mechanism as it was before the first round."""
        view = View(self.releases) if self.promised is None else self.promised.view
        return Mechanism(self.privacy, self.settings, self.shape, self.users, view, self.promised)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "settings": self.settings.model_dump(),
            "privacy": self.privacy.model_dump(),
            "shape": list(self.shape),
            "releases": self.releases,
            "users": self.users,
            "promised": None if self.promised is None else asdict(self.promised),
        }


@dataclass(frozen=True)
class Server:
    """What the server is given."""

    rules: Rules
    weights: Tensor  # (size,), of the first global model
    rounds: list[Round]
    seed: int  # of its noise
    span: float  # no number that a client sends is larger; secure aggregation quantises up to it
    heaviest: int  # recordings of the client that has most; 1 where they do not count


@dataclass(frozen=True)
class Own:
    """What one client is given."""

    rules: Rules
    client: Client
    place: int
    seed: int

    def seed_of(self, number: int) -> int:
        """The seed of all that this client draws in one round."""
        return derive(self.seed, "round", number, self.client.id)


def prepare(federation: Federation, folder: Path, *, reproducible: bool = False) -> Path:
    """Write a federation as it is now for `federate`; the folder appears whole or not at all.

    Clients and server draw from secret seeds of their own, for who knows a seed can take the noise away again. With
    ``reproducible`` they draw what `simulate` does, which is for experiments.

    Raises RunError where the folder is there already.
    """
    if folder.exists():
        raise RunError(f"{folder} is there already. Give the name of a new folder, or delete it.")
    seed = (lambda: federation.seed) if reproducible else (lambda: secrets.randbits(48))
    rules = _rules(federation)
    with replacing(folder) as partial:
        for place, client in enumerate(federation.clients):
            _write_client(client_file(partial, place), client, {**rules.facts(), "place": place, "seed": seed()})
        facts = {"rounds": federation.rounds, **_span(federation), "seed": seed()}
        checkpoint.save(partial / SERVER, {"weights": federation.weights}, {**rules.facts(), **facts})
    return folder


def client_file(folder: Path, place: int) -> Path:
    """Where a client's recordings lie."""
    return folder / "clients" / str(place) / "own.safetensors"


def read_server(folder: Path) -> Server:
    """What `prepare` wrote for the server; raises RunError for anything else."""
    tensors, facts = checkpoint.load(folder / SERVER)
    try:
        rounds = [tuple(chosen) for chosen in facts["rounds"]]
        own = {name: facts[name] for name in ("seed", "span", "heaviest")}
        return Server(_read_rules(facts), tensors["weights"], rounds, **own)
    except (KeyError, TypeError, ValidationError) as error:
        raise _strange(folder / SERVER) from error


def read_client(path: Path) -> Own:
    """What `prepare` wrote for a client; raises RunError for anything else."""
    tensors, facts = checkpoint.load(path)
    try:
        features, labels = tensors["features"], tensors["labels"]
        client = Client(facts["id"], "", "", features, labels, features[:0], labels[:0])
        return Own(_read_rules(facts), client, facts["place"], facts["seed"])
    except (KeyError, TypeError, ValidationError) as error:
        raise _strange(path) from error


def _write_client(path: Path, client: Client, facts: dict[str, Any]) -> None:
    """Without what the server's rounds do not ask for: speaker, sex and the recordings held out stay where they are."""
    path.parent.mkdir(parents=True)
    checkpoint.save(path, {"features": client.features, "labels": client.labels}, {"id": client.id, **facts})
    path.chmod(0o600)


def _rules(federation: Federation) -> Rules:
    seen = view(federation.rounds, federation.settings, federation.privacy)
    promised = federation.mechanism.guarantee
    rules = federation.settings, federation.privacy, federation.shape, seen.releases
    return Rules(*rules, len(federation.clients), promised)


def _span(federation: Federation) -> dict[str, float]:
    """How large numbers and weights get that a client sends."""
    settings, privacy, mechanism = federation.settings, federation.privacy, federation.mechanism
    counts = [len(client.labels) for client in federation.clients]
    if privacy.mode == "strict":
        span = mechanism.clip
    elif settings.algorithm == "fedsgd":
        span = mechanism.batch_clip or STEEPEST
    else:  # a step of Adam moves no weight by much more than its rate
        span = 2 * settings.learning_rate * max(steps_of(client, settings) for client in federation.clients)
    noise = mechanism.deviations(counts)
    span += LOUDEST * float(noise.max()) if noise is not None else 0.0
    return {"span": span, "heaviest": 1 if privacy.mode == "strict" else max(counts)}


def _read_rules(facts: dict[str, Any]) -> Rules:
    return Rules(
        FederationSettings(**facts["settings"]),
        PrivacySettings(**facts["privacy"]),
        Shape(*facts["shape"]),
        facts["releases"],
        facts["users"],
        _read_promise(facts["promised"]),
    )


def _read_promise(facts: dict[str, Any] | None) -> Guarantee | None:
    return None if facts is None else Guarantee(**{**facts, "view": View(**facts["view"])})


def _strange(path: Path) -> RunError:
    return RunError(f"{path} is no part of a prepared federation. Give a folder that `prepare` wrote.")


def as_row(array: Any) -> Tensor:
    """An array that came over the wire, ``(1, size)``."""
    return torch.from_numpy(array.copy()).float()[None]
