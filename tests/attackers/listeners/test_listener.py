"""The one door: a source is told by its name or its files, and what cannot be heard is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aclipse.attackers.listeners import checkpoints, listener, published, sphinx
from aclipse.errors import BackboneError, RecipeError


def test_pocketsphinx_by_name() -> None:
    pytest.importorskip("pocketsphinx")
    judge, reader = listener("words", "pocketsphinx", ["go home"])
    assert judge == "pocketsphinx" and isinstance(reader, sphinx.SphinxReader) and reader.slow
    judge, reader = listener("sentence", "pocketsphinx", ["Go home!"])
    assert judge == "pocketsphinx-grammar" and isinstance(reader, sphinx.SphinxReader)
    assert list(reader.sentences) == ["go home"]


@pytest.mark.parametrize(("secret", "name"), [("sex", published.SEX_FILE), ("speaker", published.SPEAKER_FILE)])
def test_a_folder_is_told_by_its_files(secret: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    np.savez(tmp_path / "model" / name)
    monkeypatch.setattr(published, secret, lambda folder: f"read from {folder}")
    assert listener(secret, str(tmp_path / "model")) == ("model", f"read from {tmp_path / 'model'}")


@pytest.mark.parametrize("secret", ["words", "sex", "emotion"])
def test_a_hub_id_and_a_folder_with_a_configuration_are_checkpoints(
    secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "checkpoint", lambda source, secret: f"{secret} of {source}")
    assert listener(secret, "some/whisper-tiny.en") == ("whisper-tiny.en", f"{secret} of some/whisper-tiny.en")
    (tmp_path / "config.json").write_text("{}")
    assert listener(secret, str(tmp_path))[0] == tmp_path.name


@pytest.mark.parametrize(
    ("secret", "source", "message"),
    [
        (
            "colour",
            "pocketsphinx",
            r"nobody listens for 'colour'\. Choose from: words, sentence, sex, speaker, emotion",
        ),
        ("sex", "pocketsphinx", r"pocketsphinx cannot listen for sex\. Give a folder with gender_mlp\.npz, or the hub"),
        ("emotion", "pocketsphinx", r"cannot listen for emotion\. Give the hub id or the folder of a checkpoint"),
        ("sentence", "some/whisper", r"some/whisper cannot listen for sentence\. Give pocketsphinx"),
        ("speaker", "some/wavlm", r"some/wavlm cannot listen for speaker\. Give a folder with speaker_bilstm\.npz"),
    ],
)
def test_what_cannot_be_heard_is_refused(secret: str, source: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        listener(secret, source, ["go home"])


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"holds none of gender_mlp\.npz, speaker_bilstm\.npz, config\.json"):
        listener("sex", str(tmp_path))
    np.savez(tmp_path / published.SEX_FILE)
    with pytest.raises(RecipeError, match=r"cannot listen for words\. Give pocketsphinx, or the hub id"):
        listener("words", str(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(BackboneError, match="does not exist"):
        listener("words", str(tmp_path / "nowhere"))
