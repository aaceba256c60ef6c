"""Flower's client and server with our mod and strategies: the same weights as the simulator, and who refuses what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

flwr = pytest.importorskip("flwr", reason="needs the extra federated")
pytest.importorskip("dp_accounting", reason="needs the extra federated")

from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict  # noqa: E402
from toy_federation import MODES, ROUNDS, Build, Seat, Serve, apart  # noqa: E402

from aclipse.deploy.federation import secure, wire  # noqa: E402
from aclipse.deploy.federation.client import app  # noqa: E402
from aclipse.deploy.federation.folder import client_file, prepare, read_server  # noqa: E402
from aclipse.deploy.federation.server import PromptGrid  # noqa: E402
from aclipse.errors import RecipeError, RunError  # noqa: E402
from aclipse.protections.user_level_dp.simulate import simulate  # noqa: E402


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("algorithm", ["fedavg", "fedsgd"])
def test_flower_and_the_simulator_agree(
    algorithm: str, mode: str, build: Build, seat: Seat, serve: Serve, tmp_path: Path
) -> None:
    federation = build(algorithm, mode, clients=6, share=0.5)
    folder, first = prepare(federation, tmp_path / "fed", reproducible=True), federation.weights
    output = serve(seat(folder, 6), folder)
    simulate([federation])
    assert apart(output, federation) < 1e-6
    assert (federation.weights - first).abs().max() > 1e-4


@pytest.mark.parametrize("mode", ["none", "paper", "local", "central"])
@pytest.mark.parametrize("algorithm", ["fedavg", "fedsgd"])
def test_secure_aggregation_agrees_within_what_it_quantises(
    algorithm: str, mode: str, build: Build, seat: Seat, serve: Serve, tmp_path: Path
) -> None:
    federation = build(algorithm, mode)
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    simulate([federation])
    output = serve(seat(folder, 4, secure=True), folder, secure=True)
    step = 2 * read_server(folder).span / 2 ** secure.bits(4)
    assert apart(output, federation) < 1e-6 + ROUNDS * 4 * 4 * step


def test_under_secure_aggregation_the_server_is_sent_no_update(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path
) -> None:
    federation = build("fedavg", "none")
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    table = seat(folder, 4, secure=True)
    serve(table, folder, secure=True)
    training = [reply for reply in table.seen if reply.metadata.message_type == "train"]
    assert len(training) == 4 * 4 * ROUNDS  # four messages a round and client
    masked: list[np.ndarray[Any, Any]] = []
    for reply in training:
        assert all(len(record) == 0 for record in reply.content.array_records.values())
        for record in reply.content.config_records.values():
            masked += [
                np.frombuffer(part, np.int64)[-federation.shape.size :] for part in record.get("masked_params", [])[1:]
            ]
    assert len(masked) == 4 * ROUNDS
    for numbers in masked:  # uniform: mean 2³¹, standard error of the mean 2³² / √(12 n)
        assert abs(numbers.mean() - 2**31) < 5 * 2**32 / (12 * len(numbers)) ** 0.5


def test_masks_depend_on_all_of_the_key() -> None:
    keys = [bytes(32), b"\1" + bytes(3) + b"\1" + bytes(27)]  # equal once folded to 32 bits
    first, second = (secure.mask(key, 2**32, [(1000,)])[0] for key in keys)
    assert (first != second).mean() > 0.99
    assert (secure.mask(keys[0], 2**32, [(1000,)])[0] == first).all()
    assert first.min() >= 0 and first.max() < 2**32 and abs(first.mean() / 2**31 - 1) < 0.1
    shapes = [part.shape for part in secure.mask(keys[0], 2**32, [(1,), (2, 3), ()])]
    assert shapes == [(1,), (2, 3), ()]


def test_another_flwr_is_refused_before_it_masks_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"math of this flwr masks in another way than 1\.41 does"):
        secure.strengthened("math")


def test_a_round_of_two_clients_hides_nobody() -> None:
    secure.check_rounds([(0, 1, 2), ()])
    with pytest.raises(RecipeError, match="round 1 has 2 clients, and secure aggregation needs 3 at least"):
        secure.check_rounds([(0, 1, 2), (0, 1)])


def train(table: Any, number: int, node: int = 1000, size: int = 0) -> Message:
    """What one client answers to a round's question."""
    question = wire.asking(np.zeros(size, np.float32), number, 0.25, node)
    vars(question.metadata)["_message_id"] = f"q{number}"
    return table.app(question, table.contexts[node])  # type: ignore[no-any-return]


def test_a_client_answers_a_round_once_and_no_more_than_was_promised(build: Build, seat: Seat, tmp_path: Path) -> None:
    federation = build("fedsgd", "local")
    table, size = seat(prepare(federation, tmp_path / "fed"), 4), federation.shape.size
    for number in range(ROUNDS - 1):
        train(table, number, size=size)
    with pytest.raises(RunError, match="c0 has answered 2 rounds, of 3 at most, and is asked for round 1 again"):
        train(table, 1, size=size)
    train(table, 2, size=size)
    with pytest.raises(RunError, match=r"c0 has answered 3 rounds, of 3 at most, and is asked for round 3\. Ask once"):
        train(table, 3, size=size)


def test_a_strict_client_tells_nothing_of_how_much_it_has(build: Build, seat: Seat, tmp_path: Path) -> None:
    weights = {}
    for mode in ("none", "local", "central"):
        federation = build("fedsgd", mode)
        table = seat(prepare(federation, tmp_path / mode), 4)
        weights[mode] = wire.answered(train(table, 0, size=federation.shape.size))[1]
    assert weights == {"none": 19, "local": 1, "central": 1}


def test_what_a_client_sends_is_private_by_its_own_rules(build: Build, seat: Seat, tmp_path: Path) -> None:
    federation = build("fedsgd", "central")
    weights = np.random.default_rng(0).normal(size=federation.shape.size).astype(np.float32)
    question = wire.asking(weights, 0, 1e6, 1000)  # the server names a lax norm
    table = seat(prepare(federation, tmp_path / "fed"), 4)
    update, _ = wire.answered(table.app(question, table.contexts[1000]))
    assert np.linalg.norm(update) == pytest.approx(0.25, rel=1e-5)


def test_a_client_told_to_mask_refuses_to_send_anything_else(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path
) -> None:
    folder = prepare(build("fedavg", "none"), tmp_path / "fed")
    table = seat(folder, 4, node={"secure": True})  # its own configuration comes before the run's
    with pytest.raises(RunError, match="asks for an update that is not masked; this client sends masked ones only"):
        serve(table, folder)


def test_an_update_that_the_quantisation_would_cut_is_refused(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aclipse.deploy.federation.folder.STEEPEST", 1e-6)
    folder = prepare(build("fedsgd", "none"), tmp_path / "fed")
    with pytest.raises(RunError, match=r"An update of 0\.\d+ does not fit into 1e-06"):
        serve(seat(folder, 4, secure=True), folder, secure=True)


def test_a_secure_round_without_an_end_is_an_error(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(build("fedsgd", "none"), tmp_path / "fed")
    workflow = secure.strengthened(secure.SERVER).SecAggPlusWorkflow
    monkeypatch.setattr(workflow, "share_keys_stage", lambda *_: False)
    with pytest.raises(RunError, match="Secure aggregation broke off, as too few clients went on to its end"):
        serve(seat(folder, 4, secure=True), folder, secure=True)


def test_the_file_that_the_node_names_comes_before_what_the_run_says(build: Build, tmp_path: Path) -> None:
    from aclipse.deploy.federation.privacy import own_of

    folder = prepare(build("fedavg", "none"), tmp_path / "fed")
    node: dict[str, Any] = {"partition-id": 1, "own": str(client_file(folder, 2))}
    context = Context(1, 1, node, RecordDict(), {"folder": "elsewhere"})
    assert own_of(context).client.id == "c2"
    with pytest.raises(RunError, match=r"own\.safetensors: no such file"):
        own_of(Context(1, 1, {"partition-id": 1}, RecordDict(), {"folder": "elsewhere"}))


def test_clients_are_found_by_what_they_say_or_by_what_was_registered(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path
) -> None:
    federation = build("fedsgd", "none")
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    table = seat(folder, 4)
    asked = PromptGrid(table, 1.0).find(4, "")  # type: ignore[arg-type]
    assert [table.contexts[node].node_config["partition-id"] for node in asked] == [0, 1, 2, 3]
    serve(table, folder, nodes=asked)
    simulate([federation])
    assert apart(tmp_path / "fed-False.safetensors", federation) < 1e-6
    with pytest.raises(RunError, match=r"4 of 5 clients came within 0\.1 s"):
        PromptGrid(table, 0.1).find(5, "")  # type: ignore[arg-type]
    for context in table.contexts.values():
        context.node_config["partition-id"] = 1
    with pytest.raises(RunError, match=r"The clients say they are \[1, 1, 1, 1\], not each one of 4"):
        PromptGrid(table, 1.0).find(4, "")  # type: ignore[arg-type]


def test_a_client_that_fails_or_stays_silent_ends_the_run(
    build: Build, seat: Seat, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(build("fedavg", "none"), tmp_path / "fed")
    table = seat(folder, 4)
    client_file(folder, 3).write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"The client on node \d+ failed: RunError: .*not weights saved by aclipse"):
        serve(table, folder)
    monkeypatch.setattr(table, "pull_messages", lambda _: [])
    with pytest.raises(RunError, match=r"4 of 4 clients did not answer within 0\.1 s"):
        serve(table, folder, timeout=0.1)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_client_is_asked_nothing_about_the_model(build: Build, seat: Seat, serve: Serve, tmp_path: Path) -> None:
    drawn = (build("fedavg", "central", clients=3, share=0.5, seed=seed) for seed in range(100))
    federation = next(one for one in drawn if () in one.rounds)  # drawn by coins: it still releases noise
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    table = seat(folder, 3)
    output = serve(table, folder)
    simulate([federation])
    assert apart(output, federation) < 1e-6
    kinds = [reply.metadata.message_type for reply in table.seen]
    assert set(kinds) <= {"query", "train"} and kinds.count("train") == sum(map(len, federation.rounds))


def test_what_is_not_training_passes_both_mods(build: Build, seat: Seat, tmp_path: Path) -> None:
    table = seat(prepare(build("fedavg", "local"), tmp_path / "fed"), 4, secure=True)
    question = Message(RecordDict({"x": ConfigRecord({}), "y": MetricRecord({})}), 1000, "query")
    reply = app(question, table.contexts[1000])
    assert reply.content.metric_records[wire.LEARNED][wire.PLACE] == 0
    assert torch.get_default_dtype() is torch.float32
