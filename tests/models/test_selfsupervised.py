"""Backbones: batch invariance, stock transformers as reference, frozen means frozen, sharing changes nothing."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from aclipse.audio.signal import pad_stack
from aclipse.errors import BackboneError, CorpusError, MissingExtra
from aclipse.models import standins, text
from aclipse.models.compact import ClipClassifier
from aclipse.models.selfsupervised import (
    Backbone,
    EmotionBackbone,
    WordsBackbone,
    load,
    new_emotion,
    new_words,
    share,
)
from aclipse.training.checkpoint import freeze

transformers = pytest.importorskip("transformers")

LABELS = ("angry", "happy", "neutral", "sad")
SAID = ("noon", "it's a well", "")
NAMES = (*standins.CONFIGURATIONS, "wavlm")
CHARACTERS = "ETAONIHSRDLUMWCFGYPBVK'XJQZ"  # as wav2vec2-base-960h orders them
UPPER_CASE = {symbol: i for i, symbol in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *CHARACTERS])}


def recording(samples: int, seed: int = 0) -> Tensor:
    """Noise that comes and goes, so that frames differ."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * torch.sin(torch.arange(samples) / (900 + 100 * seed))


def batch_of(*lengths: int) -> tuple[Tensor, Tensor]:
    return pad_stack([recording(length, seed) for seed, length in enumerate(lengths)])


def loud_head(model: Any) -> None:
    """Random weights so large that no two recordings look alike."""
    torch.manual_seed(2)
    for name, parameter in model.named_parameters():
        if not name.startswith(model.base_model_prefix):
            nn.init.normal_(parameter, std=1.0)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pretrained stand-ins: the four configurations of the paper and a WavLM."""
    folder = tmp_path_factory.mktemp("checkpoints")
    standins.make(folder, width=16, layers=1)
    config = transformers.WavLMConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=16, conv_dim=[16] * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, classifier_proj_size=16,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.WavLMModel(config).save_pretrained(folder / "wavlm")
    return folder


@pytest.fixture(scope="module")
def build(checkpoints: Path) -> Callable[..., Any]:
    """A recogniser in eval mode, the same whenever it is asked for."""
    made: dict[tuple[type, str], Backbone] = {}

    def built(kind: type, name: str = "wav2vec2-base") -> Any:
        if (kind, name) not in made:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                source = str(checkpoints / name)
                new = new_words(source, True) if kind is WordsBackbone else new_emotion(source, LABELS, True)
                loud_head(new.model)
            made[kind, name] = new.eval()
        return copy.deepcopy(made[kind, name])

    return built


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=[EmotionBackbone, WordsBackbone], ids=["emotion", "words"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def recognizer(build: Callable[..., Any], kind: Any, name: str) -> Any:
    return build(kind, name)


@pytest.fixture(scope="module")
def saved(recognizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    recognizer.save(folder)
    return folder


def targets(recognizer: Any, count: int) -> list[str]:
    known = LABELS if isinstance(recognizer, EmotionBackbone) else SAID
    return [known[i % len(known)] for i in range(count)]


def scores(recognizer: Any, waves: Tensor, lengths: Tensor) -> list[Tensor]:
    """Each recording's own scores, free of padding."""
    out = recognizer(waves, lengths)
    return list(out) if isinstance(out, Tensor) else [row[:count] for row, count in zip(*out, strict=True)]


def input_gradient(recognizers: list[Any], waves: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
    """Each recogniser's losses and the gradient of their sum."""
    waves = waves.clone().requires_grad_()
    losses = [one.loss(waves, lengths, targets(one, len(waves))) for one in recognizers]
    torch.stack(losses).sum().backward()
    return losses, waves.grad


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# --- a score is that of the recording alone


@settings(deadline=None, max_examples=4)
@given(
    lengths=st.lists(st.integers(400, 12_000), min_size=2, max_size=4),
    exact=st.booleans(),
    extra=st.integers(0, 3000),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_scores_are_free_of_batch_order_and_padding(
    recognizer: Any, lengths: list[int], exact: bool, extra: int, seed: int
) -> None:
    lengths = [lengths[0]] * len(lengths) if exact else lengths
    waves = [recording(length, seed) for seed, length in enumerate(lengths)]
    order = torch.randperm(len(waves), generator=torch.Generator().manual_seed(seed)).tolist()
    batch, counts = pad_stack([waves[i] for i in order])
    batch = nn.functional.pad(batch, (0, extra), value=0.5)
    for row, count in zip(batch, counts, strict=True):
        row[count:] = recording(len(row), 7)[count:]  # whatever lies past the end
    together, read = scores(recognizer, batch, counts), recognizer.read(batch, counts)
    goals = targets(recognizer, len(waves))
    losses = recognizer.loss(batch, counts, goals)
    for row, index in enumerate(order):
        alone = waves[index][None], counts[row : row + 1]
        torch.testing.assert_close(together[row], scores(recognizer, *alone)[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(losses[row], recognizer.loss(*alone, goals[row : row + 1])[0], rtol=1e-4, atol=1e-4)
        assert recognizer.read(*alone) == [read[row]]


@torch.no_grad()
def test_recordings_are_told_apart(recognizer: Any) -> None:
    """Else the law above would say little."""
    first, second = scores(recognizer, *batch_of(9000, 9000))
    assert (first - second).abs().max() > 0.05


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.01, 50.0])
def test_gain_does_not_matter(recognizer: Any, gain: float) -> None:
    waves, lengths = batch_of(9000)
    torch.testing.assert_close(
        scores(recognizer, gain * waves, lengths)[0], scores(recognizer, waves, lengths)[0], rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("lengths", [(400,), (1, 399), (400, 1600), (1600, 400, 8000)], ids=str)
def test_the_shortest_work_with_and_without_spec_augment(recognizer: Any, lengths: tuple[int, ...], mode: str) -> None:
    trained = copy.deepcopy(recognizer).train(mode == "train").requires_grad_(True)
    for masks in (1, 2):
        trained.model.config.mask_time_min_masks = masks  # as of wav2vec2-base
        losses, gradient = input_gradient([trained], *batch_of(*lengths))
        assert torch.isfinite(losses[0]).all() and torch.isfinite(gradient).all()


@torch.no_grad()
def test_less_than_a_frame_is_heard_with_silence_behind_it(recognizer: Any) -> None:
    padded, silence = nn.functional.pad(recording(300), (0, 500)), torch.tensor([300])
    alone = scores(recognizer, recording(300)[None], silence)[0]
    torch.testing.assert_close(scores(recognizer, padded[None], silence)[0], alone, rtol=1e-4, atol=1e-5)
    if isinstance(recognizer, WordsBackbone):
        assert len(alone) == 1


# --- stock transformers as the reference


@torch.no_grad()
@pytest.mark.parametrize("samples", [400, 9000])
def test_stock_transformers_reads_what_we_save(recognizer: Any, saved: Path, samples: int) -> None:
    model = getattr(transformers, recognizer.AUTO).from_pretrained(saved)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(saved)
    wave = recording(samples)
    inputs = extractor(wave.numpy(), sampling_rate=16_000, return_tensors="pt")
    logits = model(**inputs).logits
    mine = recognizer.logits(wave[None], torch.tensor([samples]))
    torch.testing.assert_close(mine, logits, rtol=1e-4, atol=1e-4)
    heard = recognizer.read(wave[None], torch.tensor([samples]))
    if isinstance(recognizer, EmotionBackbone):
        assert heard == [model.config.id2label[logits.argmax().item()]]
    else:
        said = transformers.AutoProcessor.from_pretrained(saved).batch_decode(logits.argmax(-1))
        assert heard == [" ".join(said[0].split())] and (samples < 9000 or len(heard[0]) > 5)


def test_the_losses_are_those_of_stock_transformers(recognizer: Any, saved: Path) -> None:
    options = {} if isinstance(recognizer, EmotionBackbone) else {"ctc_loss_reduction": "sum"}
    model = getattr(transformers, recognizer.AUTO).from_pretrained(saved, **options)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(saved)
    wave, length = recording(9000), torch.tensor([9000])
    inputs = extractor(wave.numpy(), sampling_rate=16_000, return_tensors="pt")
    if isinstance(recognizer, EmotionBackbone):
        target, labels = "happy", torch.tensor([1])
    else:
        target = "it's a well"
        labels = transformers.AutoTokenizer.from_pretrained(saved)(target, return_tensors="pt").input_ids
    expected = model(**inputs, labels=labels).loss
    torch.testing.assert_close(recognizer.loss(wave[None], length, [target])[0], expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_losses_are_those_of_torch(recognizer: Any) -> None:
    waves, lengths = batch_of(9000, 5000)
    found = recognizer.loss(waves, lengths, targets(recognizer, 2))
    logits = recognizer.logits(waves, lengths)
    if isinstance(recognizer, EmotionBackbone):
        expected = nn.CrossEntropyLoss(reduction="none")(logits, torch.tensor([0, 1]))
    else:
        log_probs, frames = recognizer(waves, lengths)
        torch.testing.assert_close(log_probs, logits.log_softmax(-1))
        ctc = nn.CTCLoss(reduction="sum")
        goals = [torch.tensor([recognizer.vocabulary.index(c) for c in s.replace(" ", "|")]) for s in SAID[:2]]
        expected = torch.stack(
            [
                ctc(row[:count], goal, count, torch.tensor(len(goal)))
                for row, count, goal in zip(log_probs, frames, goals, strict=True)
            ]
        )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_saved_recogniser_comes_back_bit_for_bit(recognizer: Any, saved: Path, tmp_path: Path) -> None:
    again = load(type(recognizer), str(saved))
    assert same(again.state_dict(), recognizer.state_dict()) and not again.training
    assert again.front.normalize == recognizer.front.normalize
    waves, lengths = batch_of(9000, 4000)
    assert torch.equal(again.logits(waves, lengths), recognizer.logits(waves, lengths))
    assert again.read(waves, lengths) == recognizer.read(waves, lengths)
    again.save(tmp_path)
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_files_say_what_stock_needs_to_know(build: Callable[..., Any], tmp_path: Path) -> None:
    build(WordsBackbone, "hubert-large").save(tmp_path)
    features = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert features["do_normalize"] and features["return_attention_mask"] and features["sampling_rate"] == 16_000
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    assert vocabulary["<pad>"] == 0 and vocabulary["|"] == 1 and len(vocabulary) == 29
    build(EmotionBackbone, "hubert-base").save(tmp_path / "base")
    features = json.loads((tmp_path / "base" / "preprocessor_config.json").read_text())
    assert not features["return_attention_mask"]  # group normalisation: stock models are not to be given one


# --- checkpoints that transformers alone has written


@pytest.fixture
def stock(checkpoints: Path, tmp_path: Path) -> Callable[..., Any]:
    """A fine-tuned model of transformers and the folder that it and its processor are saved in."""

    def made(auto: str, name: str = "hubert-base", vocabulary: dict[str, int] = UPPER_CASE, **extractor: Any) -> Any:
        changes: dict[str, Any] = {"vocab_size": len(vocabulary)}
        if auto == "AutoModelForAudioClassification":
            changes = {"num_labels": 4, "id2label": dict(enumerate(["neu", "hap", "ang", "SADNESS"]))}
        with torch.random.fork_rng(devices=[]):
            model = getattr(transformers, auto).from_pretrained(checkpoints / name, **changes).eval()
            loud_head(model)
        model.save_pretrained(tmp_path)
        options = {"do_normalize": True, "return_attention_mask": False, **extractor}
        processor = transformers.Wav2Vec2FeatureExtractor(**options)
        if auto == "AutoModelForCTC":
            (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
            tokenizer = transformers.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
            processor = transformers.Wav2Vec2Processor(processor, tokenizer)
        processor.save_pretrained(tmp_path)
        return model, processor, tmp_path

    return made


@torch.no_grad()
@pytest.mark.parametrize("normalize", [True, False])
def test_a_stock_emotion_checkpoint_is_read(stock: Callable[..., Any], normalize: bool) -> None:
    model, processor, folder = stock("AutoModelForAudioClassification", do_normalize=normalize)
    recognizer = load(EmotionBackbone, str(folder))
    assert recognizer.labels == ("neutral", "happy", "angry", "sad")
    wave = 0.2 + recording(9000)
    logits = model(**processor(wave.numpy(), sampling_rate=16_000, return_tensors="pt")).logits
    torch.testing.assert_close(recognizer.logits(wave[None], torch.tensor([9000])), logits, rtol=1e-4, atol=1e-4)
    expected = -logits.log_softmax(-1)[0, 3]
    torch.testing.assert_close(recognizer.loss(wave[None], torch.tensor([9000]), ["sad"])[0], expected)
    recognizer.save(folder / "again")
    again = load(EmotionBackbone, str(folder / "again"))
    assert again.front.normalize is normalize and again.model.config.id2label[3] == "SADNESS"


def test_the_settings_of_a_processor_count_where_there_is_no_file_of_the_extractor_alone(
    stock: Callable[..., Any],
) -> None:
    """transformers 5 writes one file for both halves of a processor."""
    _, _, folder = stock("AutoModelForAudioClassification", do_normalize=False)
    alone = folder / "preprocessor_config.json"
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": json.loads(alone.read_text())}))
    alone.unlink()
    assert load(EmotionBackbone, str(folder)).front.normalize is False


@torch.no_grad()
def test_a_stock_words_checkpoint_of_upper_case_letters_is_read(stock: Callable[..., Any]) -> None:
    model, processor, folder = stock("AutoModelForCTC")
    model.lm_head.bias[1:4] = -100.0  # no <s>, </s> or <unk>: the stock decoder would spell them out
    model.save_pretrained(folder)
    recognizer = load(WordsBackbone, str(folder))
    wave, length = recording(16_000), torch.tensor([16_000])
    inputs = processor(audio=wave.numpy(), sampling_rate=16_000, return_tensors="pt")
    logits = model(**inputs).logits
    said = processor.batch_decode(logits.argmax(-1))[0]
    assert said == said.upper() and len(said) > 10
    assert recognizer.read(wave[None], length) == [text.normalize(said)]
    labels = processor.tokenizer("IT'S A WELL", return_tensors="pt").input_ids
    expected = model(**inputs, labels=labels).loss
    torch.testing.assert_close(recognizer.loss(wave[None], length, ["It's a well!"])[0], expected)
    recognizer.save(folder / "again")
    again = transformers.AutoProcessor.from_pretrained(folder / "again")
    assert " ".join(again.batch_decode(logits.argmax(-1))[0].split()) == " ".join(said.split())


@torch.no_grad()
@pytest.mark.parametrize("symbol", ["<s>", "</s>", "<unk>", "<pad>", "|"])
def test_symbols_that_are_no_letters_are_not_spelled_out(stock: Callable[..., Any], symbol: str) -> None:
    model, _, folder = stock("AutoModelForCTC")
    model.lm_head.bias[UPPER_CASE[symbol]] = 100.0
    model.save_pretrained(folder)
    assert load(WordsBackbone, str(folder)).read(*batch_of(9000)) == [""]


@torch.no_grad()
def test_letters_of_both_cases_are_the_same_letters(stock: Callable[..., Any]) -> None:
    both = [*UPPER_CASE, *CHARACTERS.replace("'", "").lower()]
    model, _, folder = stock("AutoModelForCTC", vocabulary={symbol: i for i, symbol in enumerate(both)})
    for letter in ("B", "b"):
        model.lm_head.bias.zero_()[both.index(letter)] = 100.0
        model.save_pretrained(folder)
        assert load(WordsBackbone, str(folder)).read(*batch_of(9000)) == ["b"]


@torch.no_grad()
def test_a_checkpoint_of_older_days_is_read(stock: Callable[..., Any]) -> None:
    """Half precision, pickled, the positional convolution's weights under their first names, no vector for masks."""
    model, _, folder = stock("AutoModelForAudioClassification")
    renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    old = {}
    for key, tensor in model.half().state_dict().items():
        new = key
        for now, then in renamed.items():
            new = new.replace(now, then)
        old[new] = tensor
    del old["hubert.masked_spec_embed"]
    assert any(key.endswith("weight_g") for key in old)
    (folder / "model.safetensors").unlink()
    torch.save(old, folder / "pytorch_model.bin")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    recognizer = load(EmotionBackbone, str(folder))
    assert {tensor.dtype for tensor in recognizer.state_dict().values()} == {torch.float32}
    waves, lengths = batch_of(9000)
    stock_logits = model.float()((waves - waves.mean()) / (waves.var(correction=0) + 1e-7).sqrt()).logits
    torch.testing.assert_close(recognizer.logits(waves, lengths), stock_logits, rtol=1e-3, atol=1e-3)


def test_fine_tuning_goes_on_with_the_characters_that_a_checkpoint_brings(stock: Callable[..., Any]) -> None:
    model, _, folder = stock("AutoModelForCTC")
    recognizer = new_words(str(folder), False)
    assert recognizer.vocabulary == list(UPPER_CASE)
    assert torch.equal(recognizer.model.lm_head.weight, model.lm_head.weight)


def test_a_pretrained_encoder_may_bring_a_vocabulary_without_a_head(checkpoints: Path, tmp_path: Path) -> None:
    """So does wav2vec2-base."""
    transformers.AutoModel.from_pretrained(checkpoints / "wav2vec2-base").save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(UPPER_CASE))
    recognizer = new_words(str(tmp_path), False)
    assert recognizer.vocabulary == list(UPPER_CASE) and recognizer.model.lm_head.out_features == 32


def test_a_head_of_other_labels_is_replaced(stock: Callable[..., Any]) -> None:
    model, _, folder = stock("AutoModelForAudioClassification")
    recognizer = new_emotion(str(folder), ("happy", "sad"), False)
    assert recognizer.labels == ("happy", "sad")
    base = state(recognizer.model.base_model)
    assert same({name: base[name] for name in model.base_model.state_dict()}, model.base_model.state_dict())


# --- gradients; frozen means frozen


def test_the_gradient_reaches_every_true_sample_and_no_frozen_weight(recognizer: Any) -> None:
    frozen = freeze(copy.deepcopy(recognizer))
    before = state(frozen)
    waves, lengths = nn.functional.pad(recording(8000)[None], (0, 2000), value=0.3), torch.tensor([8000])
    _, gradient = input_gradient([frozen], waves, lengths)
    assert torch.isfinite(gradient).all() and (gradient[0, :8000] != 0).all() and not gradient[0, 8000:].any()
    _, alone = input_gradient([frozen], waves[:, :8000], lengths)
    torch.testing.assert_close(gradient[:, :8000], alone, rtol=1e-3, atol=1e-4 * alone.abs().max().item())
    assert all(parameter.grad is None for parameter in frozen.parameters())
    assert same(state(frozen), before)


@torch.no_grad()
def test_reading_is_deterministic_and_learning_is_not(recognizer: Any) -> None:
    waves, lengths = batch_of(9000, 6000)
    drawn = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = recognizer.logits(waves, lengths)
    assert torch.equal(torch.get_rng_state(), drawn[0]) and (np.random.get_state()[1] == drawn[1]).all()
    torch.manual_seed(5)
    assert torch.equal(recognizer.logits(waves, lengths), first)
    learner = copy.deepcopy(recognizer).train()
    assert not torch.equal(learner.logits(waves, lengths), learner.logits(waves, lengths))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_front_end_does_not_learn_and_a_free_one_does(checkpoints: Path, kind: Any, frozen: bool) -> None:
    source = str(checkpoints / "wav2vec2-base")
    new = new_words(source, frozen) if kind is WordsBackbone else new_emotion(source, LABELS, frozen)
    new.loss(*batch_of(5000, 9000), targets(new, 2)).sum().backward()
    assert all((parameter.grad is None) == frozen for parameter in new.front.parameters())
    assert all(parameter.grad is not None for parameter in new.model.base_model.encoder.parameters())


def test_mixed_precision_gives_nearly_the_same_losses(checkpoints: Path, kind: Any, name: str) -> None:
    """With heads as they are when fine-tuning begins."""
    torch.manual_seed(0)
    source = str(checkpoints / name)
    recognizer = (new_words(source, True) if kind is WordsBackbone else new_emotion(source, LABELS, True)).eval()
    (exact,), gradient = input_gradient([recognizer], *batch_of(9000, 5000))
    with torch.autocast("cpu", torch.bfloat16):
        (mixed,), rough = input_gradient([recognizer], *batch_of(9000, 5000))
    assert mixed.dtype == torch.float32 and not torch.equal(mixed, exact)
    torch.testing.assert_close(mixed, exact, rtol=0.02, atol=0.02)
    assert torch.cosine_similarity(gradient.flatten(), rough.flatten(), dim=0) > 0.8


# --- two recognisers that share


def pair(build: Callable[..., Any], name: str, what: str) -> list[Any]:
    """Recognisers that have so much in common."""
    emotion, words = build(EmotionBackbone, name), build(WordsBackbone, name)
    torch.manual_seed(3)
    if what != "encoder":
        nn.init.normal_(words.model.base_model.feature_projection.projection.weight)
    if what == "nothing":
        nn.init.normal_(words.front.conv_layers[6].conv.weight)
    return [freeze(emotion), freeze(words)]


def count_convolutions(*recognizers: Any) -> list[int]:
    """One entry for each recording that a front end computes."""
    calls: list[int] = []
    for layer in {one.front.conv_layers[0].conv for one in recognizers}:
        layer.register_forward_hook(lambda layer, inputs, _: calls.extend([1] * len(inputs[0])))
    return calls


@pytest.mark.parametrize("lengths", [(6000, 6000), (6000, 3000)], ids=["exact", "padded"])
@pytest.mark.parametrize(("what", "runs"), [("encoder", 1), ("front end", 1), ("nothing", 2)])
def test_sharing_saves_work_and_changes_nothing(
    build: Callable[..., Any], name: str, what: str, runs: int, lengths: tuple[int, ...]
) -> None:
    alone, together = pair(build, name, what), pair(build, name, what)
    assert share(*together) == what
    calls = count_convolutions(*together)
    expected, its_gradient = input_gradient(alone, *batch_of(*lengths))
    found, gradient = input_gradient(together, *batch_of(*lengths))
    assert len(calls) == runs * len(lengths)
    assert all(map(torch.equal, found, expected))
    torch.testing.assert_close(gradient, its_gradient, rtol=1e-4, atol=1e-5 * its_gradient.abs().max().item())
    assert [one.read(*batch_of(*lengths)) for one in together] == [one.read(*batch_of(*lengths)) for one in alone]
    assert all(same(one.state_dict(), other.state_dict()) for one, other in zip(together, alone, strict=True))
    assert share(*together) == what  # once more is no harm


def test_only_what_is_equal_is_shared(build: Callable[..., Any]) -> None:
    emotion = build(EmotionBackbone)
    raw = build(WordsBackbone)
    raw.front.normalize = False
    for other in (build(WordsBackbone, "wav2vec2-large"), build(WordsBackbone, "hubert-base"), raw):
        assert share(emotion, other) == "nothing" and other.front is not emotion.front
    assert share(emotion, ClipClassifier(LABELS, width=8)) == share(ClipClassifier(LABELS, width=8), raw) == "nothing"


@pytest.mark.parametrize("what", ["encoder", "front end"])
def test_shared_recognisers_are_saved_as_unshared_ones(build: Callable[..., Any], tmp_path: Path, what: str) -> None:
    alone, together = pair(build, "hubert-large", what), pair(build, "hubert-large", what)
    share(*together)
    for place, recognizers in (("alone", alone), ("together", together)):
        for recognizer in recognizers:
            (tmp_path / place / recognizer.AUTO).mkdir(parents=True)
            recognizer.save(tmp_path / place / recognizer.AUTO)
    for path in (tmp_path / "alone").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "together" / path.relative_to(tmp_path / "alone")).read_bytes(), path


@pytest.mark.parametrize("what", ["encoder", "front end"])
def test_shared_recognisers_may_be_called_in_any_way(build: Callable[..., Any], what: str) -> None:
    """The same tensor read without gradients, then used for a loss, for one backward pass after another."""
    alone, (emotion, words) = pair(build, "wav2vec2-base", what), pair(build, "wav2vec2-base", what)
    share(emotion, words)
    lengths = torch.tensor([6000, 5000])

    def gradients(emotion: Any, words: Any) -> Tensor:
        waves = batch_of(6000, 5000)[0].requires_grad_()
        with torch.no_grad():
            emotion.read(waves, lengths)
        words.loss(waves, lengths, ["noon", "noon"]).sum().backward()
        emotion.loss(waves, lengths, ["sad", "sad"]).sum().backward()
        emotion.loss(waves, lengths, ["sad", "sad"]).sum().backward()
        words.loss(waves, lengths - 1500, ["noon", "noon"]).sum().backward()
        return waves.grad

    expected = gradients(*alone)
    torch.testing.assert_close(gradients(emotion, words), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("first", [0, 1])
def test_a_head_on_all_layers_finds_them(build: Callable[..., Any], first: int) -> None:
    both = pair(build, "wav2vec2-large", "encoder")
    both[0].model.config.use_weighted_layer_sum = True
    both[0].model.layer_weights = nn.Parameter(torch.ones(3) / 3, requires_grad=False)
    order = [both[first], both[1 - first]]
    expected = [one.logits(*batch_of(5000)) for one in order]
    assert share(*both) == "encoder"
    waves, lengths = batch_of(5000)
    assert all(map(torch.equal, [one.logits(waves, lengths) for one in order], expected))


@pytest.mark.parametrize("what", ["encoder", "front end"])
def test_a_copy_of_a_shared_and_used_recogniser_can_be_retrained(build: Callable[..., Any], what: str) -> None:
    emotion, words = pair(build, "hubert-base", what)
    share(emotion, words)
    waves, lengths = batch_of(6000, 5000)
    waves.requires_grad_()
    goals = targets(words, 2)
    kept = emotion.loss(waves, lengths, ["sad", "sad"])  # its graph is alive while the copy is made
    before = state(emotion), state(words)
    retrained = copy.deepcopy(words).requires_grad_(True)
    optimizer = torch.optim.Adam(retrained.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = retrained.loss(waves, lengths, goals).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[3] < losses[0]
    assert same(state(emotion), before[0]) and same(state(words), before[1])
    waves.grad = None
    (kept.sum() + words.loss(waves, lengths, goals).sum()).backward()
    assert waves.grad.any() and all(parameter.grad is None for parameter in words.parameters())


@pytest.mark.parametrize("seconds", [0.025, 0.5], ids=["padded for masks", "long enough"])
def test_two_heads_on_one_encoder_learn_from_one_pass(build: Callable[..., Any], seconds: float) -> None:
    """With SpecAugment, dropout and layer drop: both heads see the same draw."""
    emotion, words = (one.requires_grad_(True).train() for one in pair(build, "wav2vec2-base", "encoder"))
    share(emotion, words)
    calls = count_convolutions(emotion, words)
    losses, _ = input_gradient([emotion, words], *batch_of(round(16_000 * seconds), round(16_000 * seconds)))
    assert torch.isfinite(torch.stack(losses)).all()
    assert len(calls) == (2 if seconds == 0.5 else 4)
    assert all(parameter.grad is not None for parameter in emotion.model.base_model.encoder.layers.parameters())


# --- what cannot be used


def test_an_unknown_label_is_refused(build: Callable[..., Any]) -> None:
    with pytest.raises(CorpusError, match=r"\['bored'\] are not among \['angry', .*\]\. Leave those clips out"):
        build(EmotionBackbone).loss(*batch_of(400, 400), ["sad", "bored"])


def test_a_transcript_too_long_for_its_frames_costs_nothing(build: Callable[..., Any]) -> None:
    words = build(WordsBackbone)
    losses, gradient = input_gradient([words], *batch_of(9000))
    assert losses[0] > 0 and gradient.any()
    waves, lengths = batch_of(800, 9000)
    waves.requires_grad_()
    losses = words.loss(waves, lengths, ["far too long for fifty milliseconds", "noon"])
    losses.sum().backward()
    assert losses[0] == 0 and torch.isfinite(waves.grad).all() and not waves.grad[0].any() and waves.grad[1].any()


def either(source: str) -> list[Callable[[], Any]]:
    """Every way to open a checkpoint."""
    fresh = [lambda: new_emotion(source, LABELS, True), lambda: new_words(source, True)]
    return [*fresh, lambda: load(EmotionBackbone, source), lambda: load(WordsBackbone, source)]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # read when the hub's package was imported


@pytest.mark.parametrize("way", range(4))
@pytest.mark.parametrize("source", ["somebody/no-such-wav2vec2", "no/such/folder", "/no/such/folder"])
def test_a_checkpoint_that_cannot_be_had_is_named(offline: None, source: str, way: int) -> None:
    with pytest.raises(BackboneError, match=rf"^{source} (cannot be had \(.*\)|does not exist)\. Give a folder with"):
        either(source)[way]()


def spoil(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)


SPOILS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds nothing that transformers can read"),
    "weights cut off": (lambda folder: spoil(folder, "model.safetensors", "cut"), "holds nothing that transformers"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "holds nothing that transformers can read"),
    "a broken configuration": (lambda folder: spoil(folder, "config.json", "{"), "holds nothing that transformers"),
    "weights of another kind": (
        lambda folder: spoil(
            folder, "config.json", (folder / "config.json").read_text().replace('"hubert"', '"wav2vec2"')
        ),
        r"has no weights for wav2vec2\.encoder.*, which an .* needs\. Give a checkpoint that was pretrained",
    ),
    "weights of another size": (
        lambda folder: spoil(folder, "config.json", (folder / "config.json").read_text().replace(": 48,", ": 40,")),
        r"(has no weights for hubert\.encoder.*, which an|holds nothing that transformers can read)",
    ),
    "a broken preprocessor file": (
        lambda folder: spoil(folder, "preprocessor_config.json", "{"),
        "holds nothing that transformers can read",
    ),
}


@pytest.mark.parametrize("way", range(4))
@pytest.mark.parametrize("flaw", SPOILS)
def test_a_damaged_checkpoint_is_named(stock: Callable[..., Any], offline: None, flaw: str, way: int) -> None:
    _, _, folder = stock(["AutoModelForAudioClassification", "AutoModelForCTC"][way % 2])
    spoil_it, message = SPOILS[flaw]
    spoil_it(folder)
    with pytest.raises(BackboneError, match=f"{folder.name} {message}"):
        either(str(folder))[way]()


@pytest.mark.parametrize("way", [2, 3])
def test_an_encoder_without_a_head_is_not_fine_tuned(checkpoints: Path, way: int) -> None:
    with pytest.raises(BackboneError, match=r"wav2vec2-base has no weights for \w+\.bias, \w+\.weight, which an Auto"):
        either(str(checkpoints / "wav2vec2-base"))[way]()


def test_characters_without_a_vocabulary_mean_nothing(stock: Callable[..., Any]) -> None:
    _, _, folder = stock("AutoModelForCTC")
    (folder / "vocab.json").unlink()
    with pytest.raises(BackboneError, match=r"has no vocab\.json, so nothing says which output is which character"):
        load(WordsBackbone, str(folder))


def test_a_vocabulary_without_the_letters_is_refused(stock: Callable[..., Any]) -> None:
    greek = {symbol.replace("Q", "Ω").replace("|", " "): index for symbol, index in UPPER_CASE.items()}
    _, _, folder = stock("AutoModelForCTC", vocabulary=greek)
    with pytest.raises(BackboneError, match=r"vocabulary lacks \[' ', 'q'\]\. Give a checkpoint for English"):
        load(WordsBackbone, str(folder))


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_length=32
    )
    transformers.ASTForAudioClassification(config).save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match=r"audio-spectrogram-transformer does not begin like wav2vec 2\.0"):
        load(EmotionBackbone, str(tmp_path))


@pytest.mark.parametrize("way", range(4))
def test_without_transformers_the_extra_is_named(checkpoints: Path, monkeypatch: pytest.MonkeyPatch, way: int) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"transformers is not installed\. .* pip install 'aclipse\[backbones\]'"):
        either(str(checkpoints / "wav2vec2-base"))[way]()
