"""Speed of federated learning by Flower's simulation and in one batched computation: the same clients, rounds, weights.

    python benchmarks/federation.py [--clients 40] [--rounds 20] [--share 0.25] [--inputs 390] [--page PAGE]

Elapsed time: Flower's actors share the processors, and ours has one thread. Both must end with the same weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from page import SPEED, machine, table, write_section

from aclipse.deploy.federation.engine import federate
from aclipse.deploy.federation.folder import prepare
from aclipse.protections.user_level_dp.clients import Client
from aclipse.protections.user_level_dp.settings import FederationSettings
from aclipse.protections.user_level_dp.simulate import Federation, simulate
from aclipse.training import checkpoint

HEADINGS = ["algorithm", "engine", "all, s", "rounds, s", "clients a second", "times as long as ours", "weights apart"]
EMOTIONS = 4
RECORDINGS = 60  # of a client


@dataclass(frozen=True)
class Taken:
    """What one algorithm took."""

    flower: float  # seconds from start to weights
    rounds: float  # of them without what comes before the first round and after the last
    ours: float
    apart: float  # the largest difference of two weights


def clients(count: int, inputs: int) -> list[Client]:
    """Noise with labels, as many recordings for each."""
    drawn, found = torch.Generator().manual_seed(0), list[Client]()
    for number in range(count):
        features = torch.randn(RECORDINGS, inputs, generator=drawn)
        labels = torch.randint(EMOTIONS, (RECORDINGS,), generator=drawn)
        found.append(Client(f"c{number}", f"s{number}", "", features, labels, features[:0], labels[:0]))
    return found


def measure(own: Sequence[Client], settings: FederationSettings) -> Taken:
    """Both engines, one after the other."""
    with tempfile.TemporaryDirectory() as place:
        federation = Federation(own, EMOTIONS, settings)
        folder, start = prepare(federation, Path(place) / "federation", reproducible=True), time.perf_counter()
        output = federate(folder, Path(place) / "weights.safetensors", timeout=3600)
        flower = time.perf_counter() - start
        simulate([Federation(own, EMOTIONS, settings)])  # what loads once is loaded
        start = time.perf_counter()
        simulate([federation])
        ours = time.perf_counter() - start
        tensors, facts = checkpoint.load(output)
    return Taken(flower, facts["seconds"], ours, float((tensors["weights"] - federation.weights).abs().max()))


def rows(algorithm: str, taken: Taken, trained: int) -> list[list[str]]:
    """A line an engine; ``trained`` are clients over all rounds."""
    ratios = f"{taken.rounds / taken.ours:.0f} ({taken.flower / taken.ours:.0f} with start and end)"
    flower = [f"{taken.flower:.1f}", f"{taken.rounds:.1f}", f"{trained / taken.rounds:.1f}", ratios]
    ours = [f"{taken.ours:.2f}", f"{taken.ours:.2f}", f"{trained / taken.ours:.0f}", "1", ""]
    return [[algorithm, "Flower's simulation", *flower, f"{taken.apart:.1e}"], [algorithm, "ours", *ours]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(description="Federated learning by Flower's simulation and by ours.")
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--inputs", type=int, default=390)
    parser.add_argument("--page", type=Path, default=SPEED)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    own, lines = clients(given.clients, given.inputs), list[list[str]]()
    for algorithm in ("fedavg", "fedsgd"):
        settings = FederationSettings(algorithm=algorithm, rounds=given.rounds, share=given.share)
        lines += rows(algorithm, measure(own, settings), given.rounds * max(1, int(given.share * given.clients)))
    section = [
        "## A federation by Flower and by ours",
        "",
        f"{given.clients} clients of {RECORDINGS} recordings with {given.inputs} inputs, {given.rounds} rounds of a "
        f"share of {given.share:g}; elapsed time. Flower's simulation has an actor a processor. {machine()}",
        "",
        *table(HEADINGS, lines, words=2),
    ]
    write_section(given.page, "federation", "python benchmarks/federation.py", section)
    print("\n".join(section))


if __name__ == "__main__":
    main()
