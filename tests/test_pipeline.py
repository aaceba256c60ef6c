"""The whole path from Python, on tones: a corpus is read, a cascade trained, a recording protected, the run judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import brief

import aclipse


@pytest.mark.slow
def test_from_a_corpus_to_a_report(
    corpus_csv: Path, recipe_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief(monkeypatch)
    manifest = aclipse.read_manifest(str(corpus_csv))
    few = ['audit.baselines=["silence"]', 'audit.rungs=["retrained"]', "audit.shuffled=false"]
    recipe = aclipse.read_recipe(str(recipe_toml), ["cascade.epochs=2", *few])
    run = aclipse.train(recipe, manifest, str(tmp_path / "run"))
    assert run.folder == tmp_path / "run"

    cascade = aclipse.load_cascade(str(tmp_path / "run"))
    wave = aclipse.read_audio(manifest.clips[0].path)
    protected = cascade.release(wave)
    assert protected.shape == wave.shape and protected.dtype == np.float32 and np.isfinite(protected).all()
    assert np.abs(protected - wave).max() > 1e-3
    aclipse.write_audio(tmp_path / "protected.wav", protected)
    assert np.allclose(aclipse.read_audio(tmp_path / "protected.wav"), protected.clip(-1, 1), atol=2**-15)

    report = aclipse.protect([str(corpus_csv)], str(tmp_path / "protected"), cascade)
    assert len(report.done) == 48 and not report.failed

    scores = aclipse.audit(str(tmp_path / "run"))
    assert scores == tmp_path / "run" / "audit" / "scores.csv"
    page = aclipse.write_report(str(tmp_path / "run"))
    text = page.read_text("utf-8")
    assert page == tmp_path / "run" / "report" / "index.html"
    assert "tones" in text and run.facts["split"]["hash"] in text
