"""A replacement autoencoder in use: by whose ranges, what is written, the table of a batch, and wrong weights."""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aclipse.audio import files
from aclipse.audio.functionals import functionals, names
from aclipse.corpora import manifest
from aclipse.corpora.manifest import Manifest
from aclipse.deploy import table
from aclipse.deploy.batch import ProtectReport, protect
from aclipse.deploy.features import maker_of, read_features
from aclipse.errors import AudioError, MissingExtra, RunError
from aclipse.protections.replacement.method import Replacement
from aclipse.seeds import derive
from aclipse.training import checkpoint

Build = Callable[..., Replacement]


class Unchanged(torch.nn.Module):
    """In the autoencoder's place: what is left is the projection."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.settings: dict[str, int] = {}

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.scale * vectors


def outputs(report: ProtectReport) -> list[Path]:
    assert not report.failed
    return [*report.done, *report.skipped]


def read(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Columns, names and numbers of a CSV table."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [row[0] for row in rows], np.array([row[1:] for row in rows], np.float32)


def by_name(folder: Path) -> dict[str, np.ndarray]:
    found = folder.rglob("*.safetensors")
    return {path.relative_to(folder).with_suffix("").as_posix(): read_features(path) for path in found}


# ---- by whose ranges


def test_a_speaker_is_scaled_by_all_their_recordings_and_anybody_as_an_average_one(
    build: Build, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    protection = build()
    report = protect([corpus], tmp_path / "out", protection, seed=7)
    clips = manifest.read(corpus).clips
    recordings = {clip.id: files.read(clip.path) for clip in clips}
    for clip in clips:
        own = [recordings[other.id] for other in clips if other.speaker == clip.speaker]
        ranges = protection.projection.enrolled(own) if clip.speaker in ("ann", "bob") else None
        expected = protection.release(recordings[clip.id], derive(7, clip.id), ranges)
        np.testing.assert_allclose(read_features(tmp_path / "out" / f"{clip.id}.safetensors"), expected, atol=1e-6)
    assert len(outputs(report)) == 7
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("2 of 7 recordings are of nobody known, or the only one of their speaker")
    assert "Give a manifest that names speakers" in warning


def test_enrolment_moves_a_vector_and_the_rest_of_the_batch_does_not(
    build: Build, corpus: Path, tmp_path: Path
) -> None:
    protection = build()
    protect([corpus], tmp_path / "all", protection)
    protect([tmp_path / "in"], tmp_path / "strangers", protection)  # a folder names nobody
    clips = manifest.read(corpus).clips
    manifest.write(Manifest("bob", tuple(clip for clip in clips if clip.speaker == "bob")), tmp_path / "bob.csv")
    protect([tmp_path / "bob.csv"], tmp_path / "bob", protection)
    everybody, strangers, bob = (by_name(tmp_path / name) for name in ("all", "strangers", "bob"))
    assert set(everybody) == set(strangers)
    assert {name for name in everybody if not np.allclose(everybody[name], strangers[name], atol=1e-4)} == {
        clip.id for clip in clips if clip.speaker in ("ann", "bob")
    }
    assert len(bob) == 2 and all(np.array_equal(bob[name], everybody[name]) for name in bob)


def test_who_has_one_recording_that_can_be_read_is_an_average_speaker_and_named(
    build: Build, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in" / "day 0" / "4.wav").write_bytes(b"RIFF")  # bob's second
    report = protect([corpus], tmp_path / "out", build())
    assert [path.name for path, _ in report.failed] == ["4.wav"]
    assert "speaker bob is taken for an average one: 1 recording of a speaker has no range" in caplog.text
    assert "speaker cat" not in caplog.text  # who was counted


@pytest.mark.parametrize("normalisation", ["training", "corpus"])
def test_where_speakers_are_not_normalised_there_is_nobody_to_warn_of(
    build: Build, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, normalisation: str
) -> None:
    protection = build(normalisation=normalisation)
    protect([corpus], tmp_path / "manifest", protection)
    protect([tmp_path / "in"], tmp_path / "folder", protection)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    known, unknown = by_name(tmp_path / "manifest"), by_name(tmp_path / "folder")
    assert all(np.array_equal(known[name], unknown[name]) for name in known)


def test_a_device_that_is_enrolled_already_serves_a_folder(
    build: Build, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ann = [files.read(clip.path) for clip in manifest.read(corpus).clips if clip.speaker == "ann"]
    device = build().enrolled(ann)
    protect([tmp_path / "in" / "day 0"], tmp_path / "out", device)
    assert not caplog.records
    np.testing.assert_allclose(read_features(tmp_path / "out" / "0.safetensors"), device.release(ann[0]), atol=1e-6)


# ---- what is written


def test_a_file_says_how_it_was_made_and_no_speakers_ranges(build: Build, corpus: Path, tmp_path: Path) -> None:
    protection = build()
    protect([corpus], tmp_path / "out", protection)
    tensors, facts = checkpoint.load(tmp_path / "out" / "day 0" / "0.safetensors")
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} == {
        "features": ((1, protection.projection.size), torch.float32)
    }
    assert set(facts) == {"maker", "projection", "functionals", "components"}
    assert facts["functionals"] == "log-mel statistics 1"
    assert facts["components"][:2] == ["component 1", "component 2"]
    assert len(facts["components"]) == protection.projection.size


def test_a_batch_that_was_cut_short_goes_on_and_its_table_is_the_same(
    build: Build, corpus: Path, tmp_path: Path
) -> None:
    protection, out = build(), tmp_path / "out"
    first = table.gather(outputs(protect([corpus], out, protection)), out, protection).read_bytes()
    lost = out / "day 1" / "3.safetensors"
    before = read_features(lost)
    lost.unlink()
    again = protect([corpus], out, protection)
    assert (again.done, len(again.skipped)) == ([lost], 6)
    np.testing.assert_array_equal(read_features(lost), before)
    assert table.gather(outputs(again), out, protection).read_bytes() == first
    assert not list(out.rglob(".*"))  # nothing half-written


def test_what_other_weights_or_ranges_have_made_is_told_apart(build: Build, corpus: Path, tmp_path: Path) -> None:
    protect([corpus], tmp_path / "out", build())
    clips = manifest.read(corpus).clips
    manifest.write(Manifest("fewer", clips[1:]), tmp_path / "fewer.csv")
    report = protect([tmp_path / "fewer.csv"], tmp_path / "out", build())
    assert [path.name for path, _ in report.failed] == ["1.wav", "2.wav"]  # ann has one less, and other ranges
    other = protect([corpus], tmp_path / "out", build(normalisation="training"))
    assert len(other.failed) == 7 and "made by another protection" in other.failed[0][1]
    makers = {clip.id: maker_of(tmp_path / "out" / f"{clip.id}.safetensors") for clip in clips}
    assert len(set(makers.values())) == 3  # ann's, bob's, anybody's


# ---- the table


def test_the_table_holds_the_vectors_in_the_order_of_names(build: Build, corpus: Path, tmp_path: Path) -> None:
    protection, out = build(), tmp_path / "out"
    report = protect([corpus], out, protection)
    assert table.gather(report.done, out, protection) == out / "features.csv"
    header, recordings, rows = read(out / "features.csv")
    assert header == ["name", *(f"component {number}" for number in range(1, protection.projection.size + 1))]
    assert recordings == sorted(f"day {number % 2}/{number}" for number in range(7))
    for name, row in zip(recordings, rows, strict=True):
        assert np.array_equal(read_features(out / f"{name}.safetensors")[0], row)  # to the last digit


def test_a_name_with_dots_keeps_them(build: Build, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text(f"id,path\ntake.v2,{tmp_path / 'in' / 'day 0' / '0.wav'}\n", "utf-8")
    report = protect([corpus], tmp_path / "out", build())
    assert read(table.gather(report.done, tmp_path / "out", build()))[1] == ["take.v2"]


def test_all_components_give_the_functionals_back(build: Build, corpus: Path, tmp_path: Path) -> None:
    protection, out = build(normalisation="training", network=Unchanged()), tmp_path / "out"
    assert protection.projection.size == 6  # as many as seven recordings have
    table.gather(protect([corpus], out, protection).done, out, protection, functionals=True)
    header, recordings, rows = read(out / "features.csv")
    assert header == ["name", *names("log-mel")]
    ranges = protection.projection.range_for()
    wide = np.maximum(ranges.high - ranges.low, 1e-3)
    for name, row in zip(recordings, rows, strict=True):
        expected = functionals(files.read(tmp_path / "in" / f"{name}.wav"), "log-mel")[0]
        assert np.abs((row - expected) / wide).max() < 1e-4


def test_functionals_stand_under_opensmiles_own_names(build: Build, corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("opensmile", reason="needs the extra opensmile")
    protection = build("egemaps")
    report = protect([corpus], tmp_path / "out", protection)
    header, _, rows = read(table.gather(report.done, tmp_path / "out", protection, functionals=True))
    assert header[1] == "F0semitoneFrom27.5Hz_sma3nz_amean"
    assert rows.shape == (7, 88)


@pytest.mark.parametrize("inverse", [False, True])
def test_parquet_holds_what_csv_does(
    build: Build, corpus: Path, tmp_path: Path, inverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    monkeypatch.setattr(table, "BLOCK", 3)  # more blocks than one
    protection, out = build(), tmp_path / "out"
    made = protect([corpus], out, protection).done
    header, recordings, rows = read(table.gather(made, out, protection, "csv", inverse))
    found = parquet.read_table(table.gather(made, out, protection, "parquet", inverse))
    assert found.column_names == header
    assert found.column("name").to_pylist() == recordings
    numbers = np.stack([column.to_numpy() for column in found.columns[1:]], axis=1)
    assert numbers.dtype == np.float32 and np.array_equal(numbers, rows)


def test_parquet_without_its_extra_is_refused_before_anything_is_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pyarrow is not installed\. Install it with: pip install 'aclipse\[parqu"):
        table.check([], tmp_path, "parquet")
    table.check([], tmp_path, "csv")


def test_a_table_never_replaces_an_input(tmp_path: Path) -> None:
    given = tmp_path / "features.csv"
    with pytest.raises(
        AudioError, match=r"features\.csv is an input, and where the table .* goes\. Give another folder"
    ):
        table.check([tmp_path / "a.wav", given], tmp_path, "csv")
    table.check([given], tmp_path / "out", "csv")


def test_a_damaged_output_is_named_and_the_table_of_before_stays(build: Build, corpus: Path, tmp_path: Path) -> None:
    protection, out = build(), tmp_path / "out"
    made = protect([corpus], out, protection).done
    before = table.gather(made, out, protection).read_bytes()
    made[3].write_bytes(b"")
    with pytest.raises(RunError, match=r"day 1/3\.safetensors: not weights saved by aclipse"):
        table.gather(made, out, protection)
    assert (out / "features.csv").read_bytes() == before
    assert not list(out.rglob(".*"))


# ---- weights


@pytest.fixture
def weights(build: Build, tmp_path: Path) -> Path:
    build().save(tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def changed(path: Path, **changes: Any) -> Path:
    tensors, facts = checkpoint.load(path)
    checkpoint.save(path, tensors, {**facts, **changes})
    return path


def test_weights_are_all_that_another_process_needs(build: Build, weights: Path, tmp_path: Path) -> None:
    wave = (0.1 * np.random.default_rng(1).standard_normal(12_000)).astype(np.float32)
    np.save(tmp_path / "wave.npy", wave)
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from aclipse.protections.replacement.method import Replacement;"
        "np.save('out.npy', Replacement.load(Path('weights.safetensors')).release(np.load('wave.npy')));"
        "sys.exit('a recipe was read' if 'aclipse.experiments' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), build().release(wave), atol=1e-6)


def test_weights_of_functionals_that_are_computed_otherwise_here_are_refused(weights: Path) -> None:
    with pytest.raises(
        RunError, match=r"weights.safetensors: fitted to functionals of log-mel statistics 0, but here is"
    ):
        Replacement.load(changed(weights, functionals="log-mel statistics 0"))


def test_weights_for_another_opensmile_are_refused(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("opensmile", reason="needs the extra opensmile")
    path = tmp_path / "weights.safetensors"
    build("egemaps").save(path)
    with pytest.raises(RunError, match=r"fitted to functionals of opensmile 1\.9 eGeMAPSv02, but here is opensmile"):
        Replacement.load(changed(path, functionals="opensmile 1.9 eGeMAPSv02"))


def test_weights_that_need_opensmile_say_how_to_get_it(
    build: Build, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = build().projection.settings.model_dump() | {"kind": "compare"}
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingExtra, match=r"opensmile is not installed.*pip install 'aclipse\[opensmile\]'"):
        Replacement.load(changed(weights, projection=settings))


@pytest.mark.parametrize("damage", ["cut off", "another's", "another size", "not finite"])
def test_damaged_weights_are_refused_by_name(weights: Path, damage: str) -> None:
    tensors, facts = checkpoint.load(weights)
    if damage == "cut off":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "another's":
        checkpoint.save(weights, tensors, {"noise": {}})
    elif damage == "another size":
        checkpoint.save(weights, tensors, {**facts, "network": {"size": 3, "embedding": 4}})
    else:
        checkpoint.save(weights, {**tensors, "projection.mean": tensors["projection.mean"] + np.nan}, facts)
    with pytest.raises(RunError, match=r"weights\.safetensors"):
        Replacement.load(weights)
