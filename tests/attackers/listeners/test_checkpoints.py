"""Checkpoints of transformers with random weights: alone as in a batch, classes by our names, no pickles, no code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from aclipse.attackers.listeners import checkpoints
from aclipse.attackers.listeners.checkpoints import checkpoint
from aclipse.errors import BackboneError, MissingExtra, RecipeError
from aclipse.models import selfsupervised, standins, text

transformers = pytest.importorskip("transformers")
SYMBOLS = {symbol: place for place, symbol in enumerate(selfsupervised.VOCABULARY)}
MARKS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>",
         "<|notimestamps|>")  # fmt: skip
Maker = Callable[[Path], None]


def loud(model: Any) -> Any:
    """Weights so large that different sounds are read differently."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


def wav2vec2_words(folder: Path) -> None:
    new = selfsupervised.new_words(str(standins.make(folder / "bare", width=16, layers=1)[0]), True)
    loud(new.model.lm_head)
    new.save(folder)


def wav2vec2_classes(*labels: str) -> Maker:
    def make(folder: Path) -> None:
        new = selfsupervised.new_emotion(str(standins.make(folder / "bare", width=16, layers=1)[0]), labels, True)
        loud(new.model.classifier)
        new.save(folder)

    return make


def sew_words(folder: Path) -> None:
    config = transformers.SEWConfig(
        vocab_size=len(SYMBOLS), pad_token_id=0, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, squeeze_factor=2, conv_dim=[16] * 3, conv_stride=[5, 8, 8], conv_kernel=[10, 8, 8],
        num_conv_pos_embeddings=15, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    loud(transformers.SEWForCTC(config)).save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps(SYMBOLS))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(vocabulary), unk_token="<pad>", bos_token=None, eos_token=None)
    transformers.Wav2Vec2Processor(transformers.Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)


def ast_classes(folder: Path) -> None:
    names = {0: "HAP", 1: "angry", 2: "Sadness"}
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_length=128,
        num_mel_bins=32, id2label=names, label2id={name: place for place, name in names.items()},
    )  # fmt: skip
    loud(transformers.ASTForAudioClassification(config)).save_pretrained(folder)
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=128).save_pretrained(folder)


def whisper(folder: Path, multilingual: bool = True) -> None:
    letters = {symbol: place for place, symbol in enumerate(["Ġ", *text.ALPHABET[1:]])}
    tokenizer = transformers.WhisperTokenizer(vocab=letters, merges=[])
    tokenizer.add_tokens([transformers.AddedToken(mark, special=True) for mark in MARKS])
    marks = dict(zip(MARKS, tokenizer.convert_tokens_to_ids(list(MARKS)), strict=True))
    end = marks["<|endoftext|>"]
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_target_positions=24,
        pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=marks["<|startoftranscript|>"],
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    model = loud(transformers.WhisperForConditionalGeneration(config))
    known = {"lang_to_id": {mark: marks[mark] for mark in MARKS[2:4]},
             "task_to_id": {mark.strip("<|>"): marks[mark] for mark in MARKS[4:6]}}  # fmt: skip
    model.generation_config = transformers.GenerationConfig(
        max_length=20, pad_token_id=end, bos_token_id=end, eos_token_id=end, is_multilingual=multilingual,
        decoder_start_token_id=marks["<|startoftranscript|>"], no_timestamps_token_id=marks["<|notimestamps|>"],
        **(known if multilingual else {}),
    )  # fmt: skip
    model.save_pretrained(folder)
    transformers.WhisperProcessor(transformers.WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)


MAKERS: dict[str, tuple[Maker, str]] = {
    "wav2vec2-ctc": (wav2vec2_words, "words"),
    "sew-ctc": (sew_words, "words"),
    "whisper": (whisper, "words"),
    "wav2vec2-classes": (wav2vec2_classes("ang", "hap", "neu"), "emotion"),
    "wav2vec2-sexes": (wav2vec2_classes("Female", "Male"), "sex"),
    "ast-classes": (ast_classes, "emotion"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function from a name in MAKERS to the folder of its checkpoint; look, do not touch."""
    places: dict[str, Path] = {}

    def find(name: str) -> str:
        if name not in places:
            places[name] = tmp_path_factory.mktemp(name)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                MAKERS[name][0](places[name])
        return str(places[name])

    return find


@pytest.fixture(scope="module")
def sounds() -> list[Tensor]:
    """Tones and noises between 0.2 and 3 s."""
    source = torch.Generator().manual_seed(0)
    tones = [
        0.5 * torch.sin(pitch * torch.arange(size)) for pitch, size in ((0.05, 48_000), (0.3, 3200), (1.1, 20_000))
    ]
    return tones + [0.2 * torch.randn(size, generator=source) for size in (16_000, 41_234)]


def alone(reader: Any, sound: Tensor) -> str:
    with torch.no_grad():
        (read,) = reader.read(sound[None], torch.tensor([len(sound)]))
    return read


@pytest.mark.parametrize("name", MAKERS)
def test_a_batch_is_read_as_its_recordings_alone(name: str, made: Callable[[str], str], sounds: list[Tensor]) -> None:
    reader = checkpoint(made(name), MAKERS[name][1])
    padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True, padding_value=0.4)
    with torch.no_grad():
        together = reader.read(padded, torch.tensor([len(sound) for sound in sounds]))
    assert together == [alone(reader, sound) for sound in sounds]
    assert len(set(together)) > 1  # it does listen
    assert alone(checkpoint(made(name), MAKERS[name][1]), sounds[0]) == together[0]  # as in another process
    if MAKERS[name][1] == "words":
        assert together == [text.normalize(read) for read in together]
    assert getattr(reader, "slow", False) is (name == "whisper")


def test_ctc_agrees_with_the_recipe_of_transformers(made: Callable[[str], str], sounds: list[Tensor]) -> None:
    folder = made("sew-ctc")
    model = transformers.AutoModelForCTC.from_pretrained(folder).eval()
    scaled = (sounds[3] - sounds[3].mean()) / torch.sqrt(sounds[3].var(correction=0) + 1e-7)
    with torch.no_grad():
        best = model(scaled[None]).logits[0].argmax(-1)
    symbols = [selfsupervised.VOCABULARY[place] for place in torch.unique_consecutive(best).tolist()]
    expected = "".join(symbols).replace("<pad>", "").replace("|", " ")
    assert alone(checkpoint(folder, "words"), sounds[3]) == text.normalize(expected)


def test_classes_get_our_names(made: Callable[[str], str], sounds: list[Tensor]) -> None:
    assert checkpoint(made("wav2vec2-classes"), "emotion").labels == ("angry", "happy", "neutral")
    assert checkpoint(made("wav2vec2-sexes"), "sex").labels == ("female", "male")
    reader = checkpoint(made("ast-classes"), "emotion")
    assert reader.labels == ["happy", "angry", "sad"]
    features = transformers.ASTFeatureExtractor.from_pretrained(made("ast-classes"))
    with torch.no_grad():
        logits = reader.model(**features(sounds[0].numpy(), sampling_rate=16_000, return_tensors="pt")).logits
    assert alone(reader, sounds[0]) == reader.labels[int(logits.argmax())]


def test_whisper_is_asked_for_english(made: Callable[[str], str], sounds: list[Tensor], tmp_path: Path) -> None:
    reader = checkpoint(made("whisper"), "words")
    assert reader.options == {"language": "en", "task": "transcribe"}
    english = [alone(reader, sound) for sound in sounds]
    reader.options = {"language": "de", "task": "transcribe"}
    assert [alone(reader, sound) for sound in sounds] != english
    whisper(tmp_path, multilingual=False)  # such as whisper-tiny.en, which refuses to be told a language
    only = checkpoint(str(tmp_path), "words")
    assert only.options == {} and isinstance(alone(only, sounds[0]), str)


def test_whisper_reads_on_after_30_seconds(made: Callable[[str], str], sounds: list[Tensor]) -> None:
    reader = checkpoint(made("whisper"), "words")
    first, rest = torch.randn(480_000, generator=torch.Generator().manual_seed(1)), sounds[0]
    assert alone(reader, torch.cat([first, rest])) == f"{alone(reader, first)} {alone(reader, rest)}"


def test_unknown_classes_are_refused_with_both_lists(tmp_path: Path) -> None:
    wav2vec2_classes("angry", "LABEL_1")(tmp_path)
    message = r"its classes are \['angry', 'LABEL_1'\], and \['LABEL_1'\] do not name one emotion of \['neutral',"
    with pytest.raises(BackboneError, match=message):
        checkpoint(str(tmp_path), "emotion")
    with pytest.raises(BackboneError, match=r"do not name one sex of \['female', 'male'\]"):
        checkpoint(str(tmp_path), "sex")


@pytest.mark.parametrize(
    ("name", "secret", "message"),
    [
        ("ast-classes", "words", r"is a 'audio-spectrogram-transformer', which writes no words\. Give a CTC or a Whis"),
        ("wav2vec2-classes", "words", r"has no weights for lm_head"),
        ("wav2vec2-ctc", "emotion", r"has no weights for classifier"),
    ],
)
def test_a_checkpoint_for_something_else_is_refused(
    name: str, secret: str, message: str, made: Callable[[str], str]
) -> None:
    with pytest.raises(BackboneError, match=message):
        checkpoint(made(name), secret)


def test_what_classifies_no_audio_is_refused(tmp_path: Path) -> None:
    transformers.BertModel(
        transformers.BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                                intermediate_size=8)
    ).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(BackboneError, match="is a 'bert', which classifies no audio"):
        checkpoint(str(tmp_path), "emotion")


def test_pickles_and_code_are_refused(tmp_path: Path) -> None:
    wav2vec2_words(tmp_path)
    weights = tmp_path / "model.safetensors"
    torch.save(dict(selfsupervised.load(selfsupervised.WordsBackbone, str(tmp_path)).model.state_dict()),
               tmp_path / "pytorch_model.bin")  # fmt: skip
    weights.unlink()
    with pytest.raises(BackboneError, match=r"has no model\.safetensors.*pickles are not read"):
        checkpoint(str(tmp_path), "words")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}))
    with pytest.raises(BackboneError, match=r"is a 'mine', which transformers knows only by code in the checkpoint"):
        checkpoint(str(tmp_path), "words")


def test_without_its_processor(made: Callable[[str], str], tmp_path: Path) -> None:
    source = Path(made("sew-ctc"))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    with pytest.raises(BackboneError, match=r"lacks what goes with its weights .* Add its preprocessor_config"):
        checkpoint(str(tmp_path), "words")


def test_other_secrets_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"no checkpoint reads 'speaker'\. Choose from: words, emotion, sex"):
        checkpoint("some/model", "speaker")


def test_without_transformers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"aclipse\[backbones\]"):
        checkpoint(str(tmp_path), "words")


def test_a_reader_says_what_it_hears() -> None:
    reader = checkpoints._Alone(torch.nn.Identity(), None)
    with pytest.raises(NotImplementedError):
        reader.read(torch.zeros(1, 400), torch.tensor([400]))
