"""The benchmark of both engines, with Flower's part played by our simulator."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import federation as benchmark

from aclipse.deploy.federation.folder import SERVER
from aclipse.training import checkpoint


def test_the_table_has_both_engines_and_their_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def played(folder: Path, output: Path, **_: object) -> Path:
        tensors, _ = checkpoint.load(folder / SERVER)
        checkpoint.save(output, tensors, {"seconds": 3.0})
        return output

    monkeypatch.setattr(benchmark, "federate", played)
    monkeypatch.setattr(benchmark.torch, "set_num_threads", lambda _: None)
    page = tmp_path / "README.md"
    benchmark.main(["--clients", "4", "--rounds", "2", "--share", "0.5", "--inputs", "3", "--page", str(page)])
    lines = [line.split(" | ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| fed")]
    assert [line[0] for line in lines] == ["| fedavg"] * 2 + ["| fedsgd"] * 2
    assert [line[3] for line in lines[::2]] == ["3.0", "3.0"]
    assert float(lines[0][6].rstrip(" |")) > 1e-5  # those weights never moved
    assert "4 clients of 60 recordings with 3 inputs, 2 rounds of a share of 0.5" in capsys.readouterr().out


def test_ratios_are_of_rounds_and_of_everything() -> None:
    flower, ours = benchmark.rows("fedavg", benchmark.Taken(60.0, 20.0, 0.5, 1e-7), trained=100)
    assert flower[2:] == ["60.0", "20.0", "5.0", "40 (120 with start and end)", "1.0e-07"]
    assert ours[2:] == ["0.50", "0.50", "200", "1", ""]
