"""Backbones as the frozen recognisers of a run: trained, resumed, shared, copied, and read by stock transformers."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import brief, interrupt
from torch import Tensor

from aclipse.attackers.words import WORDS
from aclipse.corpora.manifest import Manifest
from aclipse.errors import BackboneError, RunError
from aclipse.evaluators.emotion import EMOTION
from aclipse.experiments import guides
from aclipse.experiments.audit import audit
from aclipse.experiments.ladder import attacks
from aclipse.experiments.recipe import EvaluatorSettings, Recipe, parse_recipe, read_recipe
from aclipse.experiments.run import Prepared, prepare, reopen, train
from aclipse.models import standins
from aclipse.models.selfsupervised import EmotionBackbone, WordsBackbone
from aclipse.records import Run, file_hash
from aclipse.training.batches import read_all

transformers = pytest.importorskip("transformers")

AUTO = {"emotion": "AutoModelForAudioClassification", "words": "AutoModelForCTC"}
FILES = {
    "emotion": {"config.json", "model.safetensors", "preprocessor_config.json", "facts.json"},
    "words": {"config.json", "model.safetensors", "preprocessor_config.json", "facts.json"}
    | {"vocab.json", "tokenizer_config.json"},
}
FRONT = "feature_extractor.conv_layers."
Asked = Callable[..., Recipe]


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny pretrained checkpoints, a folder for each."""
    folder = tmp_path_factory.mktemp("backbones")
    standins.make(folder, width=16, layers=1)
    return folder


@pytest.fixture(scope="module")
def asked(recipe_toml: Path, backbones: Path) -> Asked:
    """The tiny recipe with a backbone, two epochs long, and more settings."""
    short = ["evaluators.emotion.epochs=2", "evaluators.words.epochs=2"]
    return lambda *more, name="wav2vec2-base": read_recipe(
        recipe_toml, [f"evaluators.backbone={backbones / name}", *short, *more]
    )


@pytest.fixture(scope="module")
def tuned(asked: Asked, corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run whose recognisers are fine-tuned; look, do not touch."""
    return prepare(asked(), corpus, tmp_path_factory.mktemp("tuned") / "run")


@pytest.fixture(scope="module")
def two_headed(asked: Asked, corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The same with one encoder for both; look, do not touch."""
    return prepare(asked("evaluators.shared_encoder=true"), corpus, tmp_path_factory.mktemp("two") / "run")


def hashes(folder: Path) -> dict[str, str]:
    return {part: file_hash(Run(folder).weights(part)) for part in AUTO}


def encoder(folder: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint below its head, as stock transformers finds them."""
    return transformers.AutoModel.from_pretrained(folder).state_dict()


def same(first: dict[str, Tensor], second: dict[str, Tensor], part: str = "") -> bool:
    names = [name for name in first if name.startswith(part)]
    assert names and first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in names)


# --- what is left on disk


@pytest.mark.parametrize("part", AUTO)
def test_stock_transformers_loads_and_reads_the_same(tuned: Prepared, part: str) -> None:
    folder, clip = tuned.run.folder / part, tuned.speech["test"].wave(0)
    assert {path.name for path in folder.iterdir()} == FILES[part] | {"history.csv"}
    model, found = getattr(transformers, AUTO[part]).from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    processor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**processor(clip, sampling_rate=16_000, return_tensors="pt")).logits
    mine = getattr(tuned.guides, part).logits(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))
    torch.testing.assert_close(mine, logits, rtol=1e-4, atol=1e-4)


def test_what_is_left_says_who_was_heard(tuned: Prepared) -> None:
    speakers = {part: {clip.speaker for clip in speech.clips} for part, speech in tuned.speech.items()}
    for part in AUTO:
        facts = json.loads((tuned.run.folder / part / "facts.json").read_text())
        assert set(facts["speakers"]) == speakers["train"] | speakers["validation"]
        assert not set(facts["speakers"]) & speakers["test"]
        assert facts["corpus"] == tuned.run.facts["corpus"] and facts["split"] == tuned.run.facts["split"]
    assert tuned.guides.emotion.labels == ("angry", "happy", "neutral", "sad")  # type: ignore[attr-defined]


def test_a_run_reopened_has_the_same_recognisers(tuned: Prepared) -> None:
    again = reopen(tuned.run.folder)
    for mine, theirs in zip(again.guides, tuned.guides, strict=True):
        assert same(mine.state_dict(), theirs.state_dict())  # type: ignore[attr-defined]
        assert not mine.training and not any(p.requires_grad for p in mine.parameters())  # type: ignore[attr-defined]
        assert read_all(mine, again.speech["test"]) == read_all(theirs, tuned.speech["test"])


def test_what_reads_is_named_after_its_backbone(asked: Asked, recipe: Recipe) -> None:
    assert [task.judge for task in guides.tasks(asked().evaluators)] == ["wav2vec2-base-emotion", "wav2vec2-base-words"]
    assert guides.tasks(recipe.evaluators) == (EMOTION, WORDS)
    hub = EvaluatorSettings(backbone="somebody/hubert-large")
    assert guides.tasks(hub)[0].judge == "hubert-large-emotion"


# --- kills and resumption

KILLS: dict[str, tuple[Any, str, int]] = {
    "in the second epoch of emotion": (EmotionBackbone, "loss", 5),
    "after emotion's weights are in their place": (Path, "rmdir", 1),
    "when words begin": (WordsBackbone, "loss", 1),
    "in the second epoch of words": (WordsBackbone, "loss", 8),
    "while words are saved": (WordsBackbone, "save", 1),
    "when the files of words are complete": (guides, "_move_in", 2),
}


@pytest.mark.parametrize("moment", KILLS)
def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(
    moment: str, tuned: Prepared, asked: Asked, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt(patched, *KILLS[moment])
        with pytest.raises(KeyboardInterrupt):
            prepare(asked(), corpus, folder)
    assert not (folder / "words" / "model.safetensors").exists()
    np.random.seed(7)  # SpecAugment draws from here
    torch.manual_seed(7)
    again = prepare(asked(), corpus, folder, resume=True)
    assert hashes(folder) == hashes(tuned.run.folder)
    assert len((folder / "words" / "history.csv").read_text().splitlines()) == 3
    assert all(map(same, (g.state_dict() for g in again.guides), (g.state_dict() for g in tuned.guides)))  # type: ignore[attr-defined]


def test_a_kill_while_files_are_moved_in_leaves_no_half_recogniser(
    tuned: Prepared, asked: Asked, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.replace

    def stopped(path: Path, target: Path) -> Path:
        if target == tmp_path / "run" / "words" / "model.safetensors":
            raise KeyboardInterrupt
        return original(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            prepare(asked(), corpus, tmp_path / "run")
    assert (tmp_path / "run" / "words" / "config.json").exists()
    with pytest.raises(RunError, match="has no words recogniser yet"):
        reopen(tmp_path / "run")
    prepare(asked(), corpus, tmp_path / "run", resume=True)
    assert hashes(tmp_path / "run") == hashes(tuned.run.folder)


@pytest.mark.parametrize("call", [2, 5])
def test_one_encoder_for_both_is_resumed_too(
    two_headed: Prepared, asked: Asked, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    recipe = asked("evaluators.shared_encoder=true")
    with monkeypatch.context() as patched:
        interrupt(patched, WordsBackbone, "loss", call)
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe, corpus, tmp_path / "run")
    np.random.seed(7)
    prepare(recipe, corpus, tmp_path / "run", resume=True)
    assert hashes(tmp_path / "run") == hashes(two_headed.run.folder)


def test_one_head_that_was_lost_is_trained_again(
    two_headed: Prepared, asked: Asked, corpus: Manifest, tmp_path: Path
) -> None:
    copied = shutil.copytree(two_headed.run.folder, tmp_path / "run")
    (copied / "words" / "model.safetensors").unlink()
    prepare(asked("evaluators.shared_encoder=true"), corpus, copied, resume=True)
    assert hashes(copied) == hashes(two_headed.run.folder)


# --- what is fine-tuned, what is shared


def test_a_frozen_front_end_stays_that_of_the_checkpoint_and_is_shared(
    tuned: Prepared, backbones: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pretrained = encoder(backbones / "wav2vec2-base")
    for part in AUTO:
        learned = encoder(tuned.run.folder / part)
        assert same(learned, pretrained, FRONT) and not same(learned, pretrained, "encoder.")
    with caplog.at_level(logging.INFO):
        loaded = guides.load(tuned.run)
    assert "the two recognisers share: front end" in caplog.text
    assert loaded.emotion.front is loaded.words.front  # type: ignore[attr-defined]


def test_a_free_front_end_learns_and_is_not_shared(
    asked: Asked, corpus: Manifest, tmp_path: Path, backbones: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = asked("evaluators.freeze_front_end=false", name="hubert-large")
    with caplog.at_level(logging.INFO):
        prepare(recipe, corpus, tmp_path / "run")
    pretrained = encoder(backbones / "hubert-large")
    assert not any(same(encoder(tmp_path / "run" / part), pretrained, FRONT) for part in AUTO)
    assert "the two recognisers share: nothing" in caplog.text


def test_a_shared_encoder_is_two_checkpoints_with_the_same_encoder(
    two_headed: Prepared, backbones: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emotion, words = (encoder(two_headed.run.folder / part) for part in AUTO)
    pretrained = encoder(backbones / "wav2vec2-base")
    assert same(emotion, words) and same(emotion, pretrained, FRONT) and not same(emotion, pretrained, "encoder.")
    with caplog.at_level(logging.INFO):
        guides.load(two_headed.run)
    assert "the two recognisers share: encoder" in caplog.text
    for part in AUTO:
        found = getattr(transformers, AUTO[part]).from_pretrained(
            two_headed.run.folder / part, output_loading_info=True
        )
        assert not found[1]["missing_keys"]


@pytest.mark.parametrize(
    "change", ["evaluators.shared_weight=5.0", "evaluators.emotion.augment=false", "evaluators.emotion.epochs=1"]
)
def test_the_settings_of_a_shared_encoder_count(
    two_headed: Prepared, asked: Asked, corpus: Manifest, tmp_path: Path, change: str
) -> None:
    prepare(asked("evaluators.shared_encoder=true", change), corpus, tmp_path / "run")
    rows = [(folder / "shared" / "history.csv").read_text() for folder in (two_headed.run.folder, tmp_path / "run")]
    losses = [[line.split(",")[:3] for line in text.splitlines()] for text in rows]
    assert losses[0] != losses[1]


# --- recognisers from elsewhere


def test_backbones_of_another_run_are_copied(asked: Asked, corpus: Manifest, tuned: Prepared, tmp_path: Path) -> None:
    source = tuned.run.folder
    prepared = prepare(asked(f"evaluators.source={source}"), corpus, tmp_path / "new")
    assert hashes(tmp_path / "new") == hashes(source)
    for part in AUTO:
        assert {path.name for path in (tmp_path / "new" / part).iterdir()} == FILES[part]
        for name in FILES[part]:
            assert (tmp_path / "new" / part / name).read_bytes() == (source / part / name).read_bytes()
    assert all(map(same, (g.state_dict() for g in prepared.guides), (g.state_dict() for g in tuned.guides)))  # type: ignore[attr-defined]


def test_backbones_that_know_the_test_speakers_are_refused(
    asked: Asked, corpus: Manifest, tuned: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"emotion recogniser of .* was trained on 2 of the test speakers \(\w+, \w+\)"):
        prepare(asked(f"evaluators.source={tuned.run.folder}", "split.fold=1"), corpus, tmp_path / "new")


def write_stock(folder: Path, backbone: Path) -> None:
    """Two fine-tuned checkpoints as transformers leaves them; the words one pickled, as the older ones are."""
    labels = dict(enumerate(["neu", "hap", "ang", "sad"]))
    symbols = ["<pad>", "<s>", "</s>", "<unk>", "|", "'", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    features = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False)
    emotion = transformers.AutoModelForAudioClassification.from_pretrained(backbone, num_labels=4, id2label=labels)
    emotion.save_pretrained(folder / "emotion")
    features.save_pretrained(folder / "emotion")
    words = transformers.AutoModelForCTC.from_pretrained(backbone, vocab_size=len(symbols))
    words.config.save_pretrained(folder / "words")
    torch.save(words.state_dict(), folder / "words" / "pytorch_model.bin")
    features.save_pretrained(folder / "words")
    (folder / "words" / "vocab.json").write_text(json.dumps({symbol: i for i, symbol in enumerate(symbols)}))


def test_stock_checkpoints_can_be_used_and_nobody_says_whom_they_heard(
    asked: Asked, corpus: Manifest, backbones: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_stock(tmp_path / "stock", backbones / "hubert-base")
    prepared = prepare(asked(f"evaluators.source={tmp_path / 'stock'}"), corpus, tmp_path / "new")
    for part in AUTO:
        assert f"nothing says whom the {part} recogniser of {tmp_path / 'stock'} was trained on" in caplog.text
        assert same(encoder(tmp_path / "new" / part), encoder(tmp_path / "stock" / part))
    assert prepared.guides.emotion.labels == ("neutral", "happy", "angry", "sad")  # type: ignore[attr-defined]
    assert prepared.guides.words.vocabulary[5:7] == ["'", "A"]  # type: ignore[attr-defined]
    again = reopen(tmp_path / "new")
    for mine, theirs in zip(again.guides, prepared.guides, strict=True):
        assert read_all(mine, again.speech["test"]) == read_all(theirs, again.speech["test"])


def test_a_backbone_that_is_not_there_is_named(recipe_toml: Path, corpus: Manifest, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_toml, [f"evaluators.backbone={tmp_path / 'none'}"])
    with pytest.raises(BackboneError, match=rf"^{tmp_path / 'none'} does not exist. Give a folder with config\.json"):
        prepare(recipe, corpus, tmp_path / "new")


# --- the whole


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wav2vec2-base", "hubert-large"])  # of either normalisation
def test_a_cascade_is_trained_and_audited_against_a_backbone(
    asked: Asked, corpus: Manifest, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief(monkeypatch)
    monkeypatch.setattr(attacks, "FEWEST", 24)
    run = train(asked(name=name), corpus, tmp_path / "run")
    before = hashes(run.folder)
    few = ['audit.baselines=["silence"]', 'audit.rungs=["retrained", "scratch"]', "audit.shuffled=false"]
    scores = [line.split(",") for line in audit(run.folder, few).read_text().splitlines()[1:]]
    assert hashes(run.folder) == before == {part: run.facts["weights"][part] for part in AUTO}
    assert {subject for subject, *_ in scores} == {"cascade", "identity", "silence"}
    found = {(judge, knowledge) for subject, _, secret, _, judge, knowledge, *_ in scores if secret == "words"}
    assert {knowledge for _, knowledge in found} == {"ignorant", "retrained", "scratch"}
    assert all(judge.endswith("-words") and not judge.startswith("compact") for judge, _ in found)
    assert (run.folder / "cascade" / "weights.safetensors").exists()


def test_a_backbone_that_is_not_there_is_an_error_before_anything_is_written(corpus: Manifest, tmp_path: Path) -> None:
    recipe = parse_recipe({"evaluators": {"backbone": str(tmp_path / "nothing")}}, "")
    with pytest.raises(BackboneError, match=r"nothing.*config\.json"):
        prepare(recipe, corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()
