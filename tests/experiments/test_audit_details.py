"""What an audit does once, whom it asks for, and the names of the files it leaves to listen to."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
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
from aclipse.experiments.audit import SILENT_DB, Audit, Measure, audit_folders, available_measures, file_stem, measure
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
    auditor = object.__new__(Audit)  # keeping audio takes a folder and a number
    auditor.folder, auditor.settings = tmp_path / "audit", AuditSettings(listen=len(ids))
    waves = [np.array([(i + 1) / 8, -1 / 8] * 400, np.float32) for i in range(len(ids))]
    auditor._keep_audio("original", Speech([Clip(id, Path("x.wav"), "ann", emotion="sad") for id in ids], waves))
    shutil.copy(audited / "audit" / "scores.csv", tmp_path / "audit")
    found = read_run(tmp_path).listen["original"]
    assert {id: files.read(path)[0] * 8 for id, path in found.items()} == {id: i + 1 for i, id in enumerate(ids)}


# --- PESQ


def test_pesq_is_looked_for_once_an_audit(
    audited: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    judged = json.loads((audited / "audit" / "state.json").read_text("utf-8"))["judged"]
    auditor = Audit(runs.reopen(audited), judged)
    for _ in range(2):
        _, rows = auditor._quality(auditor.speech["test"])
        assert all(set(row) == {"snr_db", "si_sdr_db", "level_db", "stoi"} for row in rows)
    assert [record.message for record in caplog.records if "PESQ" in record.message] == [
        "PESQ is left out: pesq is not installed. Install it with: pip install 'aclipse[pesq]'"
    ]


def test_every_measure_is_taken_of_every_pair_and_levels_of_nothing_have_a_floor() -> None:
    wave, nothing = np.sin(np.arange(8000, dtype=np.float32)), np.zeros(8000, np.float32)
    kinds: dict[str, Measure] = {
        "snr_db": quality.snr_db,
        "si_sdr_db": quality.si_sdr_db,
        "level_db": quality.level_change_db,
    }
    assert measure(kinds, wave, nothing) == {"snr_db": 0, "si_sdr_db": SILENT_DB, "level_db": SILENT_DB}
    assert measure(kinds, wave, np.float32(0.5) * wave) == pytest.approx(
        {"snr_db": 20 * np.log10(2), "si_sdr_db": np.inf, "level_db": -20 * np.log10(2)}, abs=1e-5
    )
    assert {"snr_db", "si_sdr_db", "level_db", "stoi"} <= set(available_measures())


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
