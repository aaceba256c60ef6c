"""A federation, a table around which its clients sit, and Flower's server at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_federation import EMOTIONS, INPUTS, MODES, ROUNDS, Build, Seat, Serve, Table

from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.protections.user_level_dp.simulate import Federation


@pytest.fixture
def build() -> Build:
    """A federation of so many clients, each with more recordings than the one before."""

    def built(algorithm: str, mode: str, clients: int = 4, share: float = 1.0, seed: int = 5) -> Federation:
        drawn = torch.Generator().manual_seed(0)
        own = []
        for place in range(clients):
            count = 22 + 9 * place  # one batch, and more
            features = torch.randn(count, INPUTS, generator=drawn)
            labels = torch.randint(EMOTIONS, (count,), generator=drawn)
            own.append(Client(f"c{place}", f"s{place}", "female", features[3:], labels[3:], features[:3], labels[:3]))
        settings = FederationSettings(algorithm=algorithm, rounds=ROUNDS, share=share)  # type: ignore[arg-type]
        return Federation(own, EMOTIONS, settings, PrivacySettings(**MODES[mode]), seed)

    return built


@pytest.fixture
def seat(monkeypatch: pytest.MonkeyPatch) -> Seat:
    """A table for the clients of a prepared folder."""
    from flwr.supercore.task_identity import TaskIdentity

    for name in ("_task_id", "_run_id", "_node_id"):  # as in a process of Flower's; a message says who it is from
        monkeypatch.setattr(TaskIdentity, name, 1)

    def seated(folder: Path, users: int, secure: bool = False, node: Mapping[str, Any] = {}) -> Table:
        from flwr.app import Context, RecordDict

        from aclipse.deploy.federation.client import app

        run = {"folder": str(folder), "secure": secure}
        # node → place, in no order
        places = {1000 + (users - place) % users: place for place in range(users)}
        contexts = {
            number: Context(1, number, {"partition-id": place, **node}, RecordDict(), dict(run))  # type: ignore[arg-type]
            for number, place in places.items()
        }
        return Table(app, contexts)

    return seated


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Run Flower's server around a table to its end."""

    def served(table: Any, folder: Path, secure: bool = False, nodes: Sequence[int] = (), timeout: float = 5.0) -> Path:
        from flwr.app import Context, RecordDict

        from aclipse.deploy.federation.server import app

        output = tmp_path / f"{folder.name}-{secure}.safetensors"
        config = {
            "folder": str(folder), "output": str(output), "secure": secure, "timeout": timeout,
            "nodes": " ".join(map(str, nodes)),
        }  # fmt: skip
        app(table, Context(1, 0, {}, RecordDict(), config))  # type: ignore[arg-type]
        return output

    return served
