"""What an audit of folders asks for, signal measures, and the names of the files that are left to listen to."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.audio import files
from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError
from aclipse.experiments import audit as audits
from aclipse.experiments import run as runs
from aclipse.experiments.audit import audit_folders
from aclipse.experiments.ladder import climb, signals
from aclipse.experiments.ladder.climb import processes_of
from aclipse.experiments.ladder.jobs import file_stem, keep_audio
from aclipse.experiments.ladder.signals import SILENT_DB, available, measured
from aclipse.experiments.recipe import AuditSettings, Recipe, read_recipe
from aclipse.metrics import quality
from aclipse.report.folder import read_run
from aclipse.training.batches import Speech

# --- clips to listen to


@given(st.text(), st.text())
def test_a_file_name_can_be_turned_back_into_the_id_of_its_clip(first: str, second: str) -> None:
    assert unquote(file_stem(first)) == first
    assert (file_stem(first) == file_stem(second)) == (first == second)
    assert not set(file_stem(first)) & set('/\\:*?"<>|\0\n')


@pytest.mark.parametrize("name", ["1001_IEO_ANG_HI", "Ses01F_impro01_F000", "f06-0007", "größe 声.2"])
def test_a_plain_id_is_the_name_of_its_file(name: str) -> None:
    assert file_stem(name) == name


def test_clips_whose_ids_differ_in_a_slash_keep_files_of_their_own(audited: Path, tmp_path: Path) -> None:
    ids = ["a/b", "a_b", "a%2Fb", "a\\b"]
    bench: Any = SimpleNamespace(folder=tmp_path / "audit", settings=AuditSettings(listen=len(ids)))
    waves = [np.array([(i + 1) / 8, -1 / 8] * 400, np.float32) for i in range(len(ids))]
    speech = Speech([Clip(id, Path("x.wav"), "ann", emotion="sad") for id in ids], waves)
    keep_audio(bench, "original", speech)
    keep_audio(bench, "original", speech)  # an audit done again replaces them
    shutil.copy(audited / "audit" / "scores.csv", tmp_path / "audit")
    found = read_run(tmp_path).listen["original"]
    assert {id: files.read(path)[0] * 8 for id, path in found.items()} == {id: i + 1 for i, id in enumerate(ids)}


# --- signal measures


@pytest.fixture
def without_pesq(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "pesq", None)
    signals.available.cache_clear()
    yield
    signals.available.cache_clear()


@pytest.mark.usefixtures("without_pesq")
def test_without_its_package_pesq_is_left_out_and_said_to_be() -> None:
    kinds, left_out = available()
    assert set(kinds) == {"snr_db", "si_sdr_db", "level_db", "stoi"}
    assert left_out == ("PESQ is left out: pesq is not installed. Install it with: pip install 'aclipse[pesq]'",)


def test_every_measure_is_taken_of_every_pair_and_levels_of_nothing_have_a_floor() -> None:
    wave, nothing = np.sin(np.arange(16000, dtype=np.float32)), np.zeros(16000, np.float32)
    muted, halved = measured(wave, nothing), measured(wave, np.float32(0.5) * wave)
    assert set(muted) == set(halved) == set(available()[0]) >= {"snr_db", "si_sdr_db", "level_db", "stoi"}
    assert (muted["snr_db"], muted["si_sdr_db"], muted["level_db"]) == (0, SILENT_DB, SILENT_DB)
    assert halved["level_db"] == pytest.approx(-20 * np.log10(2), abs=1e-5)
    assert halved["snr_db"] == pytest.approx(20 * np.log10(2), abs=1e-5)
    assert halved["si_sdr_db"] == quality.si_sdr_db(wave, np.float32(0.5) * wave) > 100


# --- how many processes


@pytest.mark.parametrize(
    ("threads", "backbone", "count"), [(1, "compact", 1), (3, "compact", 3), (0, "compact", 7), (3, "hubert-base", 1)]
)
def test_compact_attackers_are_trained_side_by_side(
    threads: int, backbone: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(7)), raising=False)
    monkeypatch.setattr(climb.processes, "device", lambda: SimpleNamespace(type="cpu"))
    recipe = Recipe().model_copy(update={"evaluators": Recipe().evaluators.model_copy(update={"backbone": backbone})})
    assert processes_of(threads, recipe) == count


def test_an_accelerator_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climb.processes, "device", lambda: SimpleNamespace(type="cuda"))
    assert processes_of(4, Recipe()) == 1


# --- anybody's folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit of folders that stops where training would begin."""
    monkeypatch.setattr(runs.guides, "obtain", lambda *_: None)
    monkeypatch.setattr(audits, "Audit", MagicMock())


@pytest.mark.usefixtures("asked")
def test_clips_that_cannot_be_used_are_counted_in_one_warning(
    recipe: Recipe, corpus: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    speech = corpus.clips[0].path.parents[1]
    protected = shutil.copytree(speech, tmp_path / "mine")
    silent = tuple(replace(c, transcript="") if c.id == "ann-sad-0" else c for c in corpus.clips)
    audit_folders(recipe, replace(corpus, clips=silent), speech, protected, tmp_path / "judged")
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["1 of 48 clips left out: no transcript or no speaker"]


@pytest.mark.usefixtures("asked")
def test_only_clips_that_a_recipe_asks_for_need_a_counterpart(
    recipe_toml: Path, corpus: Manifest, tmp_path: Path
) -> None:
    speech = corpus.clips[0].path.parents[1]
    women = ("ann", "bea", "cat")
    for name in women:
        shutil.copytree(speech / name, tmp_path / "mine" / name)
    recipe = read_recipe(recipe_toml, ['corpus.only={sex="female"}'])
    audit_folders(recipe, corpus, speech, tmp_path / "mine", tmp_path / "judged")
    shutil.rmtree(tmp_path / "mine" / "bea")
    with pytest.raises(CorpusError, match="mine has no counterpart of 8 of 24 originals"):
        audit_folders(recipe, corpus, speech, tmp_path / "mine", tmp_path / "again")
