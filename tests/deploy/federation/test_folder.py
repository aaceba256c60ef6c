"""What is written for the server, and what for each client alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("dp_accounting", reason="needs the extra federated")

from toy_federation import Build

from aclipse.deploy.federation.folder import SERVER, client_file, prepare, read_client, read_server
from aclipse.errors import RunError
from aclipse.training import checkpoint


def test_what_was_prepared_is_read_again(build: Build, tmp_path: Path) -> None:
    federation = build("fedavg", "adaptive")
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    server = read_server(folder)
    assert server.rounds == federation.rounds and server.rules.users == 4 and server.seed == federation.seed
    assert torch.equal(server.weights, federation.weights)
    for place, client in enumerate(federation.clients):
        own = read_client(client_file(folder, place))
        assert (own.client.id, own.place, own.rules) == (client.id, place, server.rules)
        assert torch.equal(own.client.features, client.features) and torch.equal(own.client.labels, client.labels)
        assert own.seed_of(2) == federation.seed_of(2, client.id)
        assert client_file(folder, place).stat().st_mode & 0o077 == 0
    mechanism = server.rules.new_mechanism()
    numbers = {name: value for name, value in vars(federation.mechanism).items() if isinstance(value, int | float)}
    assert numbers.items() <= vars(mechanism).items() and mechanism.noise_multiplier > 0
    assert (mechanism.central, mechanism.expected) == (True, federation.mechanism.expected)


def test_nothing_of_a_client_lies_elsewhere(build: Build, tmp_path: Path) -> None:
    folder = prepare(build("fedavg", "none"), tmp_path / "fed")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {SERVER, *(f"clients/{place}/own.safetensors" for place in range(4))}
    tensors, facts = checkpoint.load(folder / SERVER)
    assert set(tensors) == {"weights"} and not {"counts", "ids", "labels"} & set(facts)
    for place in range(4):
        tensors, facts = checkpoint.load(client_file(folder, place))
        assert set(tensors) == {"features", "labels"} and not {"speaker", "sex", "rounds"} & set(facts)


def test_seeds_are_secret_unless_they_are_to_be_repeated(build: Build, tmp_path: Path) -> None:
    federation = build("fedavg", "local")
    seeds = set()
    for name in ("one", "two"):
        folder = prepare(federation, tmp_path / name)
        seeds |= {read_server(folder).seed, *(read_client(client_file(folder, place)).seed for place in range(4))}
    assert len(seeds) == 10 and federation.seed not in seeds


def test_no_number_that_a_client_sends_is_too_large_to_quantise(build: Build, tmp_path: Path) -> None:
    spans = {}
    for algorithm in ("fedavg", "fedsgd"):
        for mode in ("none", "paper", "local", "central"):
            server = read_server(prepare(build(algorithm, mode), tmp_path / f"{algorithm}-{mode}"))
            spans[algorithm, mode] = server.span
            assert server.heaviest == (1 if mode in ("local", "central") else 46)
    assert spans["fedavg", "none"] == pytest.approx(2 * 5e-4 * 3)  # three batches
    assert spans["fedsgd", "none"] == 8.0
    assert spans["fedavg", "central"] == spans["fedsgd", "central"] == 0.25
    assert spans["fedsgd", "paper"] > 0.25 and spans["fedavg", "local"] > 8 * 0.25


def test_a_folder_is_not_written_over(build: Build, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is there already\. Give the name of a new folder"):
        prepare(build("fedavg", "none"), tmp_path)


def test_a_file_of_something_else_is_refused(build: Build, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        read_server(tmp_path)
    checkpoint.save(tmp_path / SERVER, {"weights": torch.zeros(1)}, {"rounds": []})
    with pytest.raises(RunError, match=r"server\.safetensors is no part of a prepared federation"):
        read_server(tmp_path)
    with pytest.raises(RunError, match=r"is no part of a prepared federation\. Give a folder that `prepare` wrote"):
        read_client(tmp_path / SERVER)
    folder = prepare(build("fedavg", "none"), tmp_path / "fed")
    tensors, facts = checkpoint.load(folder / SERVER)
    checkpoint.save(folder / SERVER, tensors, {**facts, "settings": {"rounds": 0}})
    with pytest.raises(RunError, match="is no part of a prepared federation"):
        read_server(folder)
