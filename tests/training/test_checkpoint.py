"""Weights on disk: what is written comes back to the bit; everything else is refused with a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aclipse.errors import RunError
from aclipse.models.compact import CharacterRecognizer, ClipClassifier
from aclipse.training import checkpoint


@settings(deadline=None, max_examples=20)
@given(
    shapes=st.dictionaries(st.text("abc.", min_size=1), st.lists(st.integers(0, 4), max_size=3), max_size=4),
    facts=st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())),
)
def test_what_is_saved_comes_back(tmp_path_factory: pytest.TempPathFactory, shapes: dict, facts: dict) -> None:
    path = tmp_path_factory.mktemp("round") / "trip.safetensors"
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    checkpoint.save(path, tensors, facts)
    again, read = checkpoint.load(path)
    assert again.keys() == tensors.keys() and all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert repr(read) == repr(facts)  # repr: NaN is not equal to itself


def test_shared_strided_and_differentiable_tensors_are_saved(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    tensors = {"weight": weight, "same": weight, "turned": weight.T, "count": torch.tensor(3)}
    checkpoint.save(tmp_path / "new" / "file", tensors, {})
    again, _ = checkpoint.load(tmp_path / "new" / "file")
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert again["count"].dtype == torch.long and again["count"].shape == ()


def test_the_file_is_json_and_raw_numbers_without_pickle(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    checkpoint.save(path, {"w": torch.tensor([1.5, -2.0])}, {"settings": {"width": 3}})
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert json.loads(header["__metadata__"]["facts"]) == {"settings": {"width": 3}}
    assert header["w"]["dtype"] == "F32" and data[8 + size :] == b"\x00\x00\xc0\x3f\x00\x00\x00\xc0"


def test_saving_replaces_the_file_whole_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.safetensors"
    checkpoint.save(path, {"w": torch.ones(1)}, {"epoch": 1})
    checkpoint.save(path, {"w": torch.zeros(1)}, {"epoch": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["file.safetensors"]

    def killed(tensors: object, target: Path, metadata: object) -> None:
        Path(target).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"w": torch.ones(9)}, {"epoch": 3})
    assert checkpoint.load(path)[1] == {"epoch": 2}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(RunError, match=r"weights\.safetensors cannot be written .*Free some space or mend the perm"):
        checkpoint.save(tmp_path / "taken" / "weights.safetensors", {"w": torch.ones(1)}, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.safetensors: no such file\. Train first"):
        checkpoint.load(tmp_path / "gone.safetensors")


def _truncated(path: Path) -> None:
    checkpoint.save(path, {"w": torch.randn(100)}, {})
    path.write_bytes(path.read_bytes()[:-50])


def _foreign(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, path)


BAD: dict[str, Callable[[Path], object]] = {
    "truncated": _truncated,
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("these are no weights " * 9),
    "folder": lambda path: path.mkdir(),
    "pickle": lambda path: torch.save({"w": torch.ones(1)}, path),
    "not written by aclipse": _foreign,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    BAD[kind](tmp_path / "bad.safetensors")
    with pytest.raises(RunError, match=r"bad\.safetensors: not weights saved by aclipse .*Delete it and train again"):
        checkpoint.load(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    checkpoint.save(tmp_path / "f", {"fine": torch.ones(2), "layer.bias": torch.tensor([0.0, value])}, {})
    with pytest.raises(RunError, match=r"layer\.bias holds NaN or infinite values\. Delete the file and train again"):
        checkpoint.load(tmp_path / "f")


def test_an_optimizer_goes_on_as_if_never_stopped() -> None:
    def steps(network: nn.Linear, optimizer: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            optimizer.zero_grad()
            network(torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    straight, stopped = nn.Linear(3, 2), nn.Linear(3, 2)
    stopped.load_state_dict(straight.state_dict())
    one, two = (torch.optim.Adam(network.parameters(), lr=0.1) for network in (straight, stopped))
    steps(straight, one, range(6))
    steps(stopped, two, range(3))
    packed = {name: tensor.clone() for name, tensor in checkpoint.pack_optimizer(two).items()}
    fresh = torch.optim.Adam(stopped.parameters(), lr=0.1)
    checkpoint.unpack_optimizer(fresh, packed)
    steps(stopped, fresh, range(3, 6))
    assert torch.equal(stopped.weight, straight.weight) and torch.equal(stopped.bias, straight.bias)


def test_a_new_optimizer_packs_to_nothing_and_unpacks() -> None:
    optimizer = torch.optim.Adam(nn.Linear(1, 1).parameters())
    assert checkpoint.pack_optimizer(optimizer) == {}
    checkpoint.unpack_optimizer(optimizer, {})
    assert optimizer.state_dict()["state"] == {}


def test_a_module_comes_back_in_eval_mode_with_its_facts(tmp_path: Path) -> None:
    classifier = ClipClassifier(("a", "b"), width=8).train()
    checkpoint.save_module(tmp_path / "m", classifier, split="crema-d", epochs=3)
    again, facts = checkpoint.load_module(tmp_path / "m", ClipClassifier)
    assert not again.training and again.labels == ("a", "b")
    assert facts == {"settings": classifier.settings, "split": "crema-d", "epochs": 3}
    for name, tensor in classifier.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_the_wrong_kind_of_module_is_refused(tmp_path: Path) -> None:
    checkpoint.save_module(tmp_path / "m", ClipClassifier(("a", "b"), width=8))
    with pytest.raises(RunError, match=r"does not hold a CharacterRecognizer\. Give the file that its training wrote"):
        checkpoint.load_module(tmp_path / "m", CharacterRecognizer)
    checkpoint.save(tmp_path / "n", ClipClassifier(("a",), width=8).state_dict(), {"settings": {"labels": ["a", "b"]}})
    with pytest.raises(RunError, match="does not hold a ClipClassifier"):
        checkpoint.load_module(tmp_path / "n", ClipClassifier)
    checkpoint.save(tmp_path / "o", {}, {})
    with pytest.raises(RunError, match="does not hold a ClipClassifier"):
        checkpoint.load_module(tmp_path / "o", ClipClassifier)


def test_freezing_stops_weights_and_dropout_but_not_the_input() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9)).train()
    frozen = checkpoint.freeze(network)
    x = torch.ones(1, 2, requires_grad=True)
    frozen(x).sum().backward()
    assert frozen is network and not network.training
    torch.testing.assert_close(x.grad, network[0].weight.sum(0, keepdim=True))
    assert all(not p.requires_grad and p.grad is None for p in network.parameters())
