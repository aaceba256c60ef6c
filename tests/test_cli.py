"""Every command: what it does, prints and ends with; errors are one message and status 1, never a traceback."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from aclipse import cli, registry
from aclipse.audio import functionals
from aclipse.audio.segments import FeatureSettings
from aclipse.contracts import SAMPLE_RATE, Clip
from aclipse.corpora import manifest as manifests
from aclipse.corpora import synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.deploy.features import read_features
from aclipse.errors import MissingExtra
from aclipse.experiments import audit as audits
from aclipse.experiments import frontier as frontiers
from aclipse.experiments import run as runs
from aclipse.experiments.recipe import Recipe
from aclipse.protections.cascade.method import Cascade
from aclipse.protections.cascade.modules import ModuleSettings
from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings
from aclipse.protections.cloak.method import Cloak
from aclipse.protections.cloak.noise import Noise, NoiseSettings
from aclipse.protections.replacement.method import Replacement
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import Roles
from aclipse.records import Run
from aclipse.training import checkpoint
from aclipse.training.projection import ProjectionSettings, fit_projection

COMMANDS = (
    "corpus import", "corpus synthesize", "corpus merge", "corpus check", "train", "protect", "audit", "frontier",
    "report",
)  # fmt: skip
HEAVY = (
    "torch", "accelerate", "transformers", "matplotlib", "sklearn", "scipy", "pydantic", "jiwer", "pystoi", "numpy",
    "soundfile",
)  # fmt: skip


class Done(NamedTuple):
    status: int
    out: str
    err: str


Aclipse = Callable[..., Done]


@pytest.fixture
def aclipse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Aclipse:
    """Run the command line in this process; what is returned is what a shell would see."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["aclipse", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def fails(aclipse: Aclipse) -> Aclipse:
    """Run a command that is refused and give its message."""

    def call(*words: object, status: int = 1) -> Done:
        done = aclipse(*words)
        assert done.status == status, done
        assert done.out.strip() == "" and "Traceback" not in done.err
        assert status == 2 or done.err.startswith("error ")
        return done

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A cascade that was never trained: the identity."""
    module = ModuleSettings(channels=8, dilations=(1,))
    Cascade(CascadeNetwork(NetworkSettings(module=module))).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A recording of half a second."""
    return tone(tmp_path / "in" / "talk.wav")


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def tone(path: Path, rate: int = SAMPLE_RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(np.arange(rate // 2) / 9), rate)
    return path


def samples(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120)


# --- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(aclipse: Aclipse, command: str) -> None:
    done = aclipse(*command.split(), "--help")
    assert done.status == 0
    assert f"aclipse {command}" in done.out and "--help" in done.out


def test_help_lists_the_commands(aclipse: Aclipse) -> None:
    listed = aclipse("--help").out + aclipse("corpus", "--help").out
    assert all(command.split()[-1] in listed for command in COMMANDS)


@pytest.mark.parametrize("words", [(), ("corpus",)])
def test_no_command_is_a_question_for_help(aclipse: Aclipse, words: tuple[str, ...]) -> None:
    done = aclipse(*words)
    assert done.status == 2 and "Usage" in done.out + done.err


def test_help_loads_nothing_heavy_and_comes_at_once() -> None:
    code = f"""
import sys
sys.argv = ["aclipse", "--help"]
from aclipse.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print("loaded:", [name for name in {HEAVY} if name in sys.modules])
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = python("-c", code)
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert "loaded: []" in done.stdout, done
    assert took < 2.0  # 0.3 s on an idle machine; the promise of half a second is measured by hand


def test_the_installed_command_is_this_one() -> None:
    (script,) = [point for point in entry_points(group="console_scripts") if point.name == "aclipse"]
    assert script.value == "aclipse.cli:main"


def test_the_package_runs_as_a_module_and_ends_with_the_right_status(tmp_path: Path) -> None:
    done = python("-m", "aclipse", "corpus", "check", str(tmp_path / "none.csv"))
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error ") and "none.csv: cannot be read (No such file or directory). Check the path." in line


# --- corpus


def test_a_folder_becomes_a_manifest(aclipse: Aclipse, tmp_path: Path) -> None:
    for name in ("anna/one.wav", "bert/two.flac"):
        tone(tmp_path / "speech" / name)
    (tmp_path / "labels.csv").write_text("file,label,text\nanna/one.wav,anger,Go home.\n", "utf-8")
    done = aclipse("corpus", "import", "folder", tmp_path / "speech", "-o", tmp_path / "all.csv")
    assert done == (0, f"2 clips → {tmp_path / 'all.csv'}\n", "")
    assert [clip.speaker for clip in manifests.read(tmp_path / "all.csv").clips] == ["anna", "bert"]
    some = ("--csv", tmp_path / "labels.csv", "--output", tmp_path / "some.csv")
    assert aclipse("corpus", "import", "folder", tmp_path / "speech", *some).status == 0
    (clip,) = manifests.read(tmp_path / "some.csv").clips
    assert (clip.emotion, clip.transcript, clip.path) == ("angry", "Go home.", tmp_path / "speech/anna/one.wav")


def test_options_reach_the_importer(
    aclipse: Aclipse, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def scan(path: Path, labels: str = "intended") -> Manifest:
        asked.append((path, labels))
        return corpus

    monkeypatch.setattr(registry, "load", lambda table, name: scan)
    place = (tmp_path, "-o", tmp_path / "out.csv")
    aclipse("corpus", "import", "crema-d", *place, "--labels", "voted")
    aclipse("corpus", "import", "crema-d", *place, "--labels", "intended")
    aclipse("corpus", "import", "ravdess", *place)
    assert asked == [(tmp_path, "voted"), (tmp_path, "intended"), (tmp_path, "intended")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nonsense",), "'nonsense' is not one of .*crema-d.*folder"),
        (("ravdess", "--labels", "voted"), "ravdess does not take --labels"),
        (("crema-d", "--csv", "x.csv"), "crema-d does not take --csv"),
        (("librispeech", "--labels", "voice", "--csv", "x.csv"), "librispeech does not take --labels or --csv"),
        (("crema-d", "--labels", "heard"), "'heard' is not one of .*intended.*voted"),
    ],
)
def test_what_an_importer_does_not_take_is_named(
    fails: Aclipse, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    corpus, *options = words
    done = fails("corpus", "import", corpus, tmp_path, "-o", tmp_path / "out.csv", *options, status=2)
    assert re.search(message, " ".join(done.err.replace("│", " ").split()))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("corpus", list(registry.CORPORA))
def test_a_folder_that_holds_another_corpus_is_refused(fails: Aclipse, tmp_path: Path, corpus: str) -> None:
    (tmp_path / "empty").mkdir()
    done = fails("corpus", "import", corpus, tmp_path / "empty", "-o", tmp_path / "out.csv")
    assert str(tmp_path / "empty") in done.err
    assert not (tmp_path / "out.csv").exists()


def test_a_manifest_that_cannot_be_written_is_named(fails: Aclipse, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = fails("corpus", "import", "folder", talk.parent, "-o", tmp_path / "file" / "out.csv")
    assert str(tmp_path / "file") in done.err


def test_importing_a_corpus_loads_no_torch(talk: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.argv = ["aclipse", "corpus", "import", "folder", {str(talk.parent)!r}, "-o", {str(tmp_path / "out.csv")!r}]
from aclipse.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print("loaded:", [name for name in ("torch", "matplotlib", "sklearn", "scipy") if name in sys.modules])
"""
    assert "loaded: []" in python("-c", code).stdout
    assert (tmp_path / "out.csv").exists()


def test_a_sound_corpus_is_described(aclipse: Aclipse, corpus_csv: Path) -> None:
    done = aclipse("corpus", "check", corpus_csv)
    assert done.status == 0
    for line in ("clips          48", "6 (3 female, 3 male)", "12 neutral", "2 different transcripts", "0 error"):
        assert line in done.out


def test_what_is_wrong_with_a_corpus_is_listed_file_by_file(aclipse: Aclipse, corpus: Manifest, tmp_path: Path) -> None:
    lost = tuple(replace(clip, path=tmp_path / clip.path.name) for clip in corpus.clips)
    manifests.write(Manifest("lost", lost), tmp_path / "lost.csv")
    short, long = (aclipse("corpus", "check", tmp_path / "lost.csv", *more) for more in ((), ("--all",)))
    assert short.status == long.status == 1
    assert short.out.count("no such file") == 10 and "and 38 more; see them with --all" in short.out
    assert all(f"error    {clip.id}  " in long.out for clip in corpus.clips)


def test_speaking_a_corpus_needs_its_extra(fails: Aclipse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Manifest:
        raise MissingExtra("espeakng-loader", "synthetic")

    monkeypatch.setattr(synthetic, "make", missing)
    done = fails("corpus", "synthesize", tmp_path / "speech", "-o", tmp_path / "out.csv")
    assert "pip install 'aclipse[synthetic]'" in done.err  # brackets are markup to rich


def test_speaking_a_corpus_asks_for_as_many_clips_as_told(
    aclipse: Aclipse, corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def make(folder: Path, clips: int, seed: int, progress: Callable[[int, int], None]) -> Manifest:
        asked.append((folder, clips, seed))
        progress(1, clips)
        return corpus

    monkeypatch.setattr(synthetic, "make", make)
    place = ("-o", tmp_path / "out.csv")
    done = aclipse("corpus", "synthesize", tmp_path / "speech", *place, "--clips", 48, "--seed", 3)
    assert asked == [(tmp_path / "speech", 48, 3)]
    assert done.status == 0 and f"48 clips → {tmp_path / 'out.csv'}" in done.out
    assert manifests.read(tmp_path / "out.csv").hash == corpus.hash
    assert aclipse("corpus", "synthesize", tmp_path, *place, "--clips", 0).status == 2


def test_corpora_become_one_that_still_knows_them(aclipse: Aclipse, corpus_csv: Path, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        shutil.copy(corpus_csv, tmp_path / f"{name}.csv")
    both = tmp_path / "both.csv"
    done = aclipse("corpus", "merge", tmp_path / "ours.csv", tmp_path / "theirs.csv", "-o", both)
    assert done == (0, f"96 clips of ours, theirs → {both}\n", "")
    merged, clips = manifests.read(both).clips, manifests.read(corpus_csv).clips
    assert [clip.extra["corpus"] for clip in merged] == 48 * ["ours"] + 48 * ["theirs"]
    assert [(clip.id, clip.speaker, clip.session, clip.path, clip.emotion) for clip in merged[48:]] == [
        (f"theirs/{clip.id}", f"theirs/{clip.speaker}", f"theirs/{clip.session}", clip.path, clip.emotion)
        for clip in clips
    ]


def test_a_corpus_cannot_be_merged_with_itself(fails: Aclipse, corpus_csv: Path, tmp_path: Path) -> None:
    done = fails("corpus", "merge", corpus_csv, corpus_csv, "-o", tmp_path / "both.csv")
    assert "Manifests 'tones' and 'tones' both hold a corpus named 'tones'" in done.err
    assert not (tmp_path / "both.csv").exists()
    assert "manifest" in fails("corpus", "merge", "-o", tmp_path / "both.csv", status=2).err.lower()


def test_a_merged_corpus_does_not_take_the_place_of_one_of_its_parts(
    fails: Aclipse, corpus_csv: Path, tmp_path: Path
) -> None:
    one, other = (shutil.copy(corpus_csv, tmp_path / name) for name in ("one.csv", "other.csv"))
    before = one.read_bytes()
    assert "is one of the manifests to be merged" in fails("corpus", "merge", one, other, "-o", one, status=2).err
    assert one.read_bytes() == before


# --- train


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Do not train: note what is asked for."""
    calls: list[tuple[Any, ...]] = []
    for name in ("train", "prepare"):
        monkeypatch.setattr(runs, name, lambda *words, name=name: calls.append((name, *words)))
    return calls


def test_several_corpora_are_trained_on_as_one(
    aclipse: Aclipse, recipe_toml: Path, corpus_csv: Path, asked: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    other = shutil.copy(corpus_csv, corpus_csv.parent / "others.csv")
    aclipse("train", recipe_toml, "--corpus", corpus_csv, "--corpus", other, "-o", tmp_path / "run")
    ((_, _, corpus, *_),) = asked
    assert corpus.name == "tones+others" and len(corpus.clips) == 96


def test_training_writes_a_run_and_says_what_to_do_next(
    aclipse: Aclipse, fails: Aclipse, recipe_toml: Path, corpus_csv: Path, trained: Path, tmp_path: Path
) -> None:
    command = ("train", recipe_toml, "--corpus", corpus_csv, "-o", tmp_path / "run", "--set")
    done = aclipse(*command, f"evaluators.source={trained}")
    assert done.status == 0
    assert f"trained → {tmp_path / 'run'}. Next: aclipse audit {tmp_path / 'run'}" in done.out
    made = Run(tmp_path / "run")
    assert made.weights("cascade").exists() and made.facts["recipe"]["evaluators"]["source"] == str(trained)
    again = fails(*command, f"evaluators.source={trained}")
    assert "already holds a run. Go on with --resume, or give another folder with --output." in again.err
    assert aclipse(*command, f"evaluators.source={trained}", "--resume").status == 0
    other = fails(*command, "seed=1", "--resume")
    assert "holds a run of another recipe and seed. Give another --output." in other.err


def test_the_run_is_named_after_the_recipe_and_settings_may_be_changed(
    aclipse: Aclipse, asked: list[tuple[Any, ...]], recipe_toml: Path, corpus_csv: Path
) -> None:
    command = ("train", recipe_toml, "--corpus", corpus_csv)
    aclipse(*command, "--set", "cascade.epochs=20", "--set", "seed=3")
    aclipse(*command, "--resume", "-o", "elsewhere")
    aclipse(*command, "--only-recognisers")
    (name, recipe, manifest, folder, resume), second, third = asked
    assert (name, folder, resume) == ("train", Path("runs/tiny"), False)
    assert (recipe.cascade.epochs, recipe.seed, recipe.cascade.subset) == (20, 3, 16)
    assert manifest.name == "tones"
    assert second[0] == "train" and second[3:] == (Path("elsewhere"), True)
    assert third[0] == "prepare" and third[3:] == (Path("runs/tiny"), False)


BAD_SETTINGS = {
    "cascade.epoch=3": "cascade.epoch is not a setting. Allowed here: ",
    "cascade.epochs=many": "cascade.epochs = 'many' is not allowed: ",
    "cascade.epochs=1": "cascade.epochs = 1 is not allowed: ",
    "cascade.epochs": "--set cascade.epochs: write it as section.key=value, for example cascade.epochs=20",
    "corpus.emotions=[1]": "is not allowed: ",
    "split.kind=random": "split.kind = 'random' is not allowed: ",
    'corpus.emotions=["calm", "sad"]': "No clip of 'tones' is calm. Choose from what it has: neutral, happy, sad",
    "split.folds=7": "too few for 7 folds",
    "evaluators.source=nowhere": "nowhere/emotion/weights.safetensors: no such file",
}


@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_a_bad_setting_is_told_what_is_allowed(
    fails: Aclipse, recipe_toml: Path, corpus_csv: Path, tmp_path: Path, setting: str
) -> None:
    done = fails("train", recipe_toml, "--corpus", corpus_csv, "-o", tmp_path / "run", "--set", setting)
    assert BAD_SETTINGS[setting] in done.err


BAD_MANIFESTS = {
    "id,path\n": "holds no recordings",
    "id,speaker\na,ann\n": "lacks the column path",
    "id,path\na,a.wav\na,b.wav\n": "line 3: the id 'a' of ",
    "id,path,emotion\na,a.wav,furious\n": "line 2: emotion 'furious' is not known. Use one of: neutral, calm, happy",
    "id,path,sex\na,a.wav,f\n": "line 2: sex 'f' is not known. Use one of: female, male",
    "id,path\n,a.wav\n": "line 2: the id is empty",
    "id,path\na,\n": "line 2: the path is empty",
    "id,path\na,b,c\n": "line 2: has more values than the header",
    "id,path\na,a.wav\n": "has a transcript and a speaker. Fill the manifest's columns",
    "id,path,speaker,transcript\na,a.wav,ann,\n": "has a transcript and a speaker. Fill the manifest's columns",
    "id,path,speaker,transcript\na,a.wav,ann,Go.\n": "is neutral or happy or sad or angry. Choose from what it has: no",
}


@pytest.mark.parametrize("content", BAD_MANIFESTS)
def test_a_bad_manifest_is_named_with_the_line(fails: Aclipse, recipe_toml: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.csv").write_text(content, "utf-8")
    done = fails("train", recipe_toml, "--corpus", tmp_path / "mine.csv", "-o", tmp_path / "run")
    assert BAD_MANIFESTS[content] in done.err and "mine" in done.err


def test_a_missing_recipe_or_manifest_is_named(
    fails: Aclipse, recipe_toml: Path, corpus_csv: Path, tmp_path: Path
) -> None:
    none = tmp_path / "none"
    assert f"{none}: cannot read this recipe (No such file" in fails("train", none, "--corpus", corpus_csv).err
    assert f"{none}: cannot be read (No such file" in fails("train", recipe_toml, "--corpus", none).err
    assert "--corpus" in fails("train", recipe_toml, status=2).err


def test_a_run_that_cannot_be_written_is_named(
    fails: Aclipse, recipe_toml: Path, corpus_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = fails("train", recipe_toml, "--corpus", corpus_csv, "-o", tmp_path / "file" / "run")
    assert str(tmp_path / "file" / "run") in done.err and "Not a directory" in done.err


def test_a_full_disk_is_an_error_like_any_other(
    fails: Aclipse, recipe_toml: Path, corpus_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, os.strerror(28), str(self))

    monkeypatch.setattr(Path, "write_text", full)
    done = fails("train", recipe_toml, "--corpus", corpus_csv, "-o", tmp_path / "run")
    assert "No space left on device" in done.err and str(tmp_path / "run") in done.err
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == []


def test_an_interruption_shows_no_traceback(
    aclipse: Aclipse, recipe_toml: Path, corpus_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", stopped)
    done = aclipse("train", recipe_toml, "--corpus", corpus_csv)
    assert done.status not in (0, 2) and "Traceback" not in done.out + done.err


def test_threads_are_set_where_asked_for(
    aclipse: Aclipse, asked: list[tuple[Any, ...]], threads: int, recipe_toml: Path, corpus_csv: Path
) -> None:
    command = ("train", recipe_toml, "--corpus", corpus_csv)
    aclipse(*command)
    assert torch.get_num_threads() == threads
    aclipse(*command, "--threads", 1)
    assert torch.get_num_threads() == 1
    assert aclipse(*command, "--threads", -1).status == 2
    assert len(asked) == 2


# --- protect


@pytest.fixture
def cloak(tmp_path: Path) -> Path:
    """A cloak that was never trained."""
    Cloak(Noise(NoiseSettings()), FeatureSettings()).save(tmp_path / "cloak.safetensors")
    return tmp_path / "cloak.safetensors"


def test_a_cloak_writes_features_or_their_sound(aclipse: Aclipse, cloak: Path, talk: Path, tmp_path: Path) -> None:
    assert aclipse("protect", talk, "-o", tmp_path / "out", "--model", cloak).status == 0
    assert read_features(tmp_path / "out" / "talk.safetensors").shape == (200, 128)
    assert aclipse("protect", talk, "-o", tmp_path / "out", "--model", cloak, "--as-sound").status == 0
    assert len(samples(tmp_path / "out" / "talk.wav")) == len(samples(talk))


@pytest.mark.parametrize("options", [("--strength", "0.5"), ("--keep-rate",)])
def test_features_know_neither_strength_nor_rate(
    fails: Aclipse, cloak: Path, talk: Path, options: tuple[str, ...]
) -> None:
    done = fails("protect", talk, "-o", "out", "--model", cloak, *options, status=2)
    assert "this model releases features" in " ".join(done.err.split())


def test_a_cascade_releases_sound_anyway(fails: Aclipse, model: Path, talk: Path) -> None:
    done = fails("protect", talk, "-o", "out", "--model", model, "--as-sound", status=2)
    assert "--as-sound is for a cloak" in " ".join(done.err.split())


@pytest.fixture
def replacement(tmp_path: Path) -> Path:
    """A replacement autoencoder that was never trained, of functionals that need no extra."""
    rows = np.random.default_rng(0).normal(size=(8, functionals.size("log-mel"))).astype(np.float32)
    clips = [Clip(str(number), Path("none"), speaker=str(number % 2)) for number in range(8)]
    projection = fit_projection(rows, clips, ProjectionSettings(kind="log-mel", components=5))
    Replacement(ReplacementNetwork(projection.size, 4), projection, Roles()).save(tmp_path / "replacement.safetensors")
    return tmp_path / "replacement.safetensors"


def test_a_replacement_autoencoder_writes_vectors_and_their_table(
    aclipse: Aclipse, replacement: Path, corpus_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("protect", corpus_csv, "-o", out, "--model", replacement)
    done = aclipse(*command)
    assert done.status == 0 and f"table → {out / 'features.csv'}" in done.out
    header, first = [line.split(",") for line in (out / "features.csv").read_text("utf-8").splitlines()[:2]]
    assert header == ["name", *(f"component {number}" for number in range(1, 6))]
    assert first[0] == "ann-angry-0"
    assert np.array_equal(read_features(out / "ann-angry-0.safetensors")[0], np.array(first[1:], np.float32))
    again = aclipse(*command, "--table", "csv", "--functionals")
    assert "0 protected, 48 already there" in again.out
    table = (out / "features.csv").read_text("utf-8").splitlines()
    assert len(table) == 49 and table[0] == ",".join(["name", *functionals.names("log-mel")])


def test_parquet_needs_its_extra_before_anything_is_protected(
    fails: Aclipse, replacement: Path, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = fails("protect", talk, "-o", tmp_path / "out", "--model", replacement, "--table", "parquet")
    assert "pyarrow is not installed. Install it with: pip install 'aclipse[parquet]'" in done.err
    assert not (tmp_path / "out").exists()


def test_there_is_no_table_of_nothing(
    aclipse: Aclipse, replacement: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    done = aclipse("protect", tmp_path / "talk.wav", "-o", tmp_path / "out", "--model", replacement)
    assert done.status == 1 and "table →" not in done.out and not (tmp_path / "out").exists()
    assert "1 of 1 recordings are of nobody known" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strength", "0.5"), "this model releases features: it knows no --strength"),
        (("--keep-rate",), "this model releases features: it knows no --strength, and no --keep-rate"),
        (("--as-sound",), "--as-sound is for a cloak; this model releases one vector a recording, which has no sound"),
        (("--table", "excel"), "'excel' is not one of 'csv', 'parquet'"),
    ],
)
def test_a_vector_knows_neither_strength_nor_sound(
    fails: Aclipse, replacement: Path, talk: Path, options: tuple[str, ...], message: str
) -> None:
    done = fails("protect", talk, "-o", "out", "--model", replacement, *options, status=2)
    assert message in " ".join(done.err.replace("│", " ").split())


def test_vectors_of_functionals_that_are_not_these_are_refused(fails: Aclipse, replacement: Path, talk: Path) -> None:
    tensors, facts = checkpoint.load(replacement)
    checkpoint.save(replacement, tensors, {**facts, "functionals": "log-mel statistics 0"})
    done = fails("protect", talk, "-o", "out", "--model", replacement)
    assert f"{replacement}: fitted to functionals of log-mel statistics 0, but here is log-mel statistics 1" in done.err


@pytest.mark.parametrize("options", [("--table", "csv"), ("--functionals",)])
def test_only_a_replacement_autoencoder_has_a_table(
    fails: Aclipse, model: Path, cloak: Path, talk: Path, options: tuple[str, ...]
) -> None:
    for other in (model, cloak):
        done = fails("protect", talk, "-o", "out", "--model", other, *options, status=2)
        assert "--table and --functionals are for a replacement autoencoder" in " ".join(done.err.split())


def test_a_recording_is_protected_at_its_length(aclipse: Aclipse, model: Path, talk: Path, tmp_path: Path) -> None:
    done = aclipse("protect", talk, "-o", tmp_path / "out", "--model", model)
    assert done.status == 0
    assert "1 protected, 0 already there, 0 s of audio in" in done.out or "1 protected, 0 already there" in done.out
    assert np.abs(samples(tmp_path / "out" / "talk.wav").astype(int) - samples(talk)).max() <= 1


def test_strength_goes_from_the_input_to_the_cascade(
    aclipse: Aclipse, trained: Path, corpus: Manifest, tmp_path: Path
) -> None:
    clip = corpus.clips[0]
    for strength in ("0", "0.5", "1"):
        command = ("protect", clip.path, "-o", tmp_path / strength, "--model", trained, "--strength", strength)
        assert aclipse(*command).status == 0
    none, half, full = (samples(tmp_path / s / f"{clip.id}.wav").astype(int) for s in ("0", "0.5", "1"))
    assert np.array_equal(none, samples(clip.path))
    assert np.abs(full - none).max() > 10
    assert np.abs(half - (none + full) / 2).max() <= 1.5
    released = runs.load_cascade(trained).release(soundfile.read(clip.path, dtype="float32")[0])
    assert np.abs(full - released * 2**15).max() <= 1


def test_folders_are_mirrored_and_manifests_give_ids(
    aclipse: Aclipse, model: Path, corpus_csv: Path, corpus: Manifest, tmp_path: Path
) -> None:
    speech = corpus_csv.parent / "speech"
    assert aclipse("protect", speech, "-o", tmp_path / "tree", "--model", model).status == 0
    assert (tmp_path / "tree" / "ann" / "ann-sad-0.wav").exists()
    assert aclipse("protect", corpus_csv, "-o", tmp_path / "flat", "--model", model).status == 0
    assert {path.stem for path in (tmp_path / "flat").glob("*.wav")} == {clip.id for clip in corpus.clips}


def test_what_is_there_is_left_unless_told_otherwise(aclipse: Aclipse, model: Path, talk: Path, tmp_path: Path) -> None:
    command = ("protect", talk, "-o", tmp_path / "out", "--model", model)
    target = tmp_path / "out" / "talk.wav"
    aclipse(*command)
    before = target.stat().st_ino
    assert "0 protected, 1 already there" in aclipse(*command).out
    assert target.stat().st_ino == before
    assert "1 protected, 0 already there" in aclipse(*command, "--overwrite").out
    assert target.stat().st_ino != before


@pytest.mark.parametrize("foreign", ["another strength", "something else"])
def test_what_something_else_has_made_is_not_taken_for_done(
    aclipse: Aclipse, model: Path, talk: Path, tmp_path: Path, foreign: str
) -> None:
    command = ("protect", talk, "-o", tmp_path / "out", "--model", model, "--strength")
    target = tmp_path / "out" / "talk.wav"
    aclipse(*command, 1)
    if foreign == "something else":
        target.write_bytes(b"mine")
    before = target.read_bytes()
    done = aclipse(*command, 0.5 if foreign == "another strength" else 1)
    assert done.status == 1
    assert f"failed {talk}: {target} is there already, made by another protection, strength or seed" in done.out
    assert target.read_bytes() == before
    assert aclipse(*command, 0.5, "--overwrite").status == 0
    assert len(samples(target)) == SAMPLE_RATE // 2


@pytest.mark.parametrize(("options", "rate"), [((), 16_000), (("--keep-rate",), 44_100)])
def test_the_rate_is_16_khz_or_the_inputs(
    aclipse: Aclipse, model: Path, tmp_path: Path, options: tuple[str, ...], rate: int
) -> None:
    tone(tmp_path / "in" / "music.flac", 44_100)
    aclipse("protect", tmp_path / "in", "-o", tmp_path / "out", "--model", model, *options)
    info = soundfile.info(tmp_path / "out" / "music.wav")
    assert (info.samplerate, info.frames, info.channels) == (rate, rate // 2, 1)


def test_a_folder_goes_on_after_a_failure_and_lists_it(
    aclipse: Aclipse, model: Path, talk: Path, tmp_path: Path
) -> None:
    (talk.parent / "broken [1].wav").write_bytes(b"not audio")
    tone(talk.parent / "zweite 声.wav")
    done = aclipse("protect", talk.parent, "-o", tmp_path / "out", "--model", model)
    assert done.status == 1 and "Traceback" not in done.err
    assert "2 protected, 0 already there" in done.out
    assert f"failed {talk.parent / 'broken [1].wav'}: " in done.out and "is damaged or not audio" in done.out
    assert {path.name for path in (tmp_path / "out").glob("*.wav")} == {"talk.wav", "zweite 声.wav"}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("none.wav",), 1, "none.wav"),
        (("--strength", "1.5"), 2, "--strength"),
        (("--strength", "nan"), 2, "--strength"),
        (("--model", "nowhere"), 1, "nowhere/cascade/weights.safetensors: no such file. Train first"),
        (("--model", "text.safetensors"), 1, "text.safetensors: not weights saved by aclipse"),
        (("-o", "in"), 1, "Choose a folder apart from all inputs"),
    ],
)
def test_what_cannot_be_protected_is_told_why(
    aclipse: Aclipse, model: Path, talk: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(model.parent)
    (model.parent / "text.safetensors").write_text("not weights")
    given = () if words[0].endswith(".wav") else (talk,)
    done = aclipse("protect", "-o", "out", "--model", model, *given, *words)
    assert done.status == status and "Traceback" not in done.err
    assert message in " ".join((done.out + done.err).split())
    assert not list(Path().glob("out/*.wav"))


def test_protecting_nothing_is_a_usage_error(fails: Aclipse, model: Path) -> None:
    assert "inputs" in fails("protect", "-o", "out", "--model", model, status=2).err.lower()


# --- audit and report


@pytest.fixture
def copied(audited: Path, tmp_path: Path) -> Path:
    return shutil.copytree(audited, tmp_path / "copy", ignore=shutil.ignore_patterns("report", "stage-*"))


def test_an_audit_prints_its_table_and_where_the_scores_are(
    aclipse: Aclipse, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "audit", lambda *_: None)
    done = aclipse("audit", audited)
    assert done.status == 0
    assert all(subject in done.out for subject in ("cascade", "identity", "silence", "low-pass", "white-noise"))
    assert all(word in done.out for word in ("UAR", "WER", "SNR", "words", "sentence", "retrained", "verdict"))
    assert f"scores → {audited / 'audit' / 'scores.csv'}. Next: aclipse report {audited}" in done.out


def test_anybodys_folder_is_audited_beside_its_originals(
    aclipse: Aclipse, audited: Path, corpus_csv: Path, recipe_toml: Path, recipe: Recipe, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked = []

    def judge(*words: Any) -> None:
        asked.append(words)
        shutil.copytree(audited / "audit", words[4] / "audit", ignore=shutil.ignore_patterns("work"))

    monkeypatch.setattr(audits, "audit_folders", judge)
    monkeypatch.chdir(tmp_path)
    folders = ("--original", "speech", "--protected", "their/out", "--manifest", corpus_csv)
    assert aclipse("audit", *folders).status == 0
    assert aclipse("audit", *folders, "--recipe", recipe_toml, "-o", "mine").status == 0
    (settings, manifest, *places, _, _), (other, _, _, _, mine, _, _) = asked
    assert settings == Recipe() and other == recipe
    assert manifest.name == "tones"
    assert places == [Path("speech"), Path("their/out"), Path("runs/audit-out")]
    assert mine == Path("mine")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--original", "a"),
        ("--original", "a", "--protected", "b"),
        ("run", "--original", "a"),
        ("run", "--original", "a", "--protected", "b", "--manifest", "c"),
        ("run", "--output", "other"),  # the audit of a run lies in the run
        ("run", "--recipe", "mine.toml"),  # and has its settings from there
    ],
)
def test_half_an_audit_is_a_usage_error(fails: Aclipse, words: tuple[str, ...]) -> None:
    done = fails("audit", *words, status=2)
    assert "give a run" in done.err or "run" in done.err


def test_an_audits_settings_may_be_changed(
    aclipse: Aclipse, fails: Aclipse, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(audits, "audit", lambda *words: asked.append(words[:3]))
    assert aclipse("audit", audited, "--set", "audit.draws=200", "--set", "audit.listen=1").status == 0
    assert aclipse("audit", audited, "--level", "full", "--listener", "sex=mine", "--threads", 3).status == 0
    assert asked == [
        (audited, ["audit.draws=200", "audit.listen=1"], 0),
        (audited, ["audit.level=full", 'audit.more_listeners=["sex=mine"]'], 3),
    ]
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "200")
    done = fails("audit", audited, "--set", "cascade.epochs=3")
    assert "after training, only settings of the section audit can be changed" in done.err


def test_a_frontier_is_asked_for_with_what_is_swept(
    aclipse: Aclipse, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def sweep(*words: Any) -> Path:
        asked.append(words[:4])
        return audited / "frontier.csv"

    monkeypatch.setattr(frontiers, "frontier", sweep)
    done = aclipse("frontier", audited, "--strengths", "0.5,1", "--snr", "3", "--cutoff", "", "--level", "quick")
    assert aclipse("frontier", audited, "--snr", "loud").status == 2
    assert done.status == 0 and f"frontier → {audited / 'frontier.csv'}" in done.out
    assert asked == [([audited], frontiers.Sweep([0.5, 1.0], [3.0], []), ["audit.level=quick"], 0)]


def test_an_audit_of_what_is_not_there_is_refused(fails: Aclipse, corpus_csv: Path, tmp_path: Path) -> None:
    done = fails("audit", tmp_path)
    assert f"{tmp_path} is not a run: it has no run.json. Make one with: aclipse train" in done.err
    folders = ("--original", tmp_path / "none", "--protected", tmp_path, "--manifest", corpus_csv)
    done = fails("audit", *folders, "-o", tmp_path / "out")
    assert f"{tmp_path / 'none'}: no such folder" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_report_is_one_page_and_its_path_is_printed(aclipse: Aclipse, copied: Path) -> None:
    done = aclipse("report", copied)
    page = copied / "report" / "index.html"
    assert done.status == 0 and f"report → {page}\n" in done.out
    assert "<html" in page.read_text("utf-8")


def test_a_report_of_no_audit_is_refused(fails: Aclipse, tmp_path: Path) -> None:
    assert "Run `aclipse audit` on this run first" in fails("report", tmp_path).err
    assert "is not a folder" in fails("report", tmp_path / "none").err


# --- what is printed can be used


@pytest.mark.parametrize("name", ["[red] calls.csv", "a" * 120 + ".csv", "[/b].csv"])
def test_paths_are_printed_as_they_are(aclipse: Aclipse, talk: Path, monkeypatch: Any, name: str) -> None:
    """Neither taken for markup nor broken into lines, so that they can be copied or read by a script."""
    monkeypatch.chdir(talk.parents[1])
    monkeypatch.setenv("COLUMNS", "80")
    done = aclipse("corpus", "import", "folder", "in", "-o", name)
    assert done == (0, f"1 clips → {name}\n", "")


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
def test_of_several_processes_one_speaks(
    aclipse: Aclipse, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str, lines: int
) -> None:
    monkeypatch.setenv("RANK", rank)
    done = aclipse("corpus", "import", "folder", talk.parent, "-o", tmp_path / "out.csv")
    assert done == (0, f"1 clips → {tmp_path / 'out.csv'}\n" * lines, "")


def test_errors_are_printed_as_they_are(fails: Aclipse, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "[bold] with a long name [/bold] to be broken at every place.csv"
    done = fails("corpus", "check", path)
    assert done.err == f"error {path}: cannot be read (No such file or directory). Check the path.\n"
