"""Stand-ins: the four configurations as published, the same weights for the same seed, files that stock reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from aclipse.errors import MissingExtra
from aclipse.models import standins

transformers = pytest.importorskip("transformers")

PUBLISHED = {  # family, norm of the front end, layer norm before attention, bias of the convolutions: of the real ones
    "wav2vec2-base": ("wav2vec2", "group", False, False),
    "wav2vec2-large": ("wav2vec2", "group", False, False),
    "hubert-base": ("hubert", "group", False, False),
    "hubert-large": ("hubert", "layer", True, True),
}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standins") / "new"
    places = standins.make(folder, width=16, layers=1)
    assert places == [folder / name for name in PUBLISHED]
    return folder


@pytest.mark.parametrize("name", PUBLISHED)
def test_stock_transformers_loads_each_in_its_published_form(made: Path, name: str) -> None:
    model, found = transformers.AutoModel.from_pretrained(made / name, output_loading_info=True)
    config: Any = model.config
    form = config.model_type, config.feat_extract_norm, config.do_stable_layer_norm, config.conv_bias
    assert form == PUBLISHED[name]
    assert not found["missing_keys"] and not found["unexpected_keys"]
    assert config.conv_kernel == [10, 3, 3, 3, 3, 2, 2] and config.conv_stride == [5, 2, 2, 2, 2, 2, 2]
    with torch.no_grad():
        hidden = model.eval()(torch.randn(1, 16_000)).last_hidden_state
    assert hidden.shape == (1, 49, config.hidden_size) and torch.isfinite(hidden).all()


def test_large_ones_are_larger(made: Path) -> None:
    sizes = {name: (made / name / "model.safetensors").stat().st_size for name in PUBLISHED}
    assert sizes["wav2vec2-large"] > 1.5 * sizes["wav2vec2-base"] and sizes["hubert-large"] > 1.5 * sizes["hubert-base"]
    assert max(sizes.values()) < 2**20


def test_the_same_seed_gives_the_same_files_and_another_seed_others(made: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    drawn = torch.get_rng_state()
    standins.make(tmp_path / "same", width=16, layers=1)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert content(tmp_path / "same") == content(made)
    standins.make(tmp_path / "other", width=16, layers=1, seed=1)
    ours, theirs = content(made), content(tmp_path / "other")
    assert all((ours[name] == theirs[name]) == name.endswith("config.json") for name in ours)
    names = [name for name in ours if name.endswith("model.safetensors")]
    assert len({ours[name] for name in names}) == len(PUBLISHED)


def test_what_is_there_is_left_as_it_is(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    standins.make(made, width=32, layers=2, seed=9)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"transformers is not installed\. .* pip install 'aclipse\[backbones\]'"):
        standins.make(tmp_path / "new")
    assert not (tmp_path / "new").exists()
