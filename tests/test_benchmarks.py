"""The benchmarks, tiny: what they compare is equal where it should be, and differs in what it says; never in times."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import measuring
import page
import results
import steps
import toy_rae
import training_step
from material import Size, like_iemocap, recognizers
from toy_replacement import beside, write_vectors_run
from toy_run import write_run

from aclipse.contracts import SAMPLE_RATE
from aclipse.models.standins import CONFIGURATIONS
from aclipse.training.batches import Speech

SIZE = Size(clips=4, batch=2, width=16, layers=1)
BUILDS = training_step.STEPS | training_step.ABLATIONS
SAME = [name for name in BUILDS if name not in (training_step.PLAIN, training_step.FLOOR, training_step.MODULES)]


@pytest.fixture(scope="module")
def speech() -> Speech:
    """Four clips of at most 2.5 s."""
    found = like_iemocap(SIZE.clips, seed=1)
    return Speech(found.clips, [found.wave(i)[: 16_000 + 8_000 * i + 37 * i] for i in range(SIZE.clips)])


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield recognizers(tmp_path_factory.mktemp("bench"), name, SIZE)
    steps.guides.cache_clear()


def build(label: str, folder: Path, speech: Speech) -> steps.Step:
    return BUILDS[label](folder, speech, SIZE)


# --- what is measured on


def test_lengths_are_like_those_of_iemocap_and_drawn_once() -> None:
    speech = like_iemocap(2000)
    seconds = [len(speech.wave(i)) / SAMPLE_RATE for i in range(2000)]
    assert min(seconds) >= 0.6 and max(seconds) <= 15 and 4.2 < sum(seconds) / 2000 < 4.5
    words = sum(len(clip.transcript.split()) for clip in speech.clips)
    assert 2.8 < words / sum(seconds) < 3.0
    assert len(like_iemocap(3).wave(2)) == len(speech.wave(2))


# --- steps


def test_ours_in_a_batch_is_the_plain_loop_on_single_recordings(name: str, folder: Path, speech: Speech) -> None:
    apart = measuring.differences(folder, speech, SIZE)
    loss, gradient = apart["ours"]
    assert loss < 1e-5 and gradient < 1e-4
    loss, gradient = apart["plain loop"]
    if name == "hubert-large":  # the only one whose padded batches are right
        assert loss < 1e-5 and gradient < 1e-4
    else:
        assert gradient > 1e-3


def test_no_change_changes_the_result(folder: Path, speech: Speech) -> None:
    found = {label: measuring.gradients(build(label, folder, speech), [[0, 1, 3]]) for label in SAME}
    loss, gradient = found[training_step.OURS]
    assert gradient.norm() > 0
    for its_loss, its_gradient in found.values():
        assert its_loss == pytest.approx(loss, rel=1e-5)
        assert (its_gradient - gradient).norm() < 1e-4 * gradient.norm()


def test_every_step_takes_every_clip_once(folder: Path, speech: Speech) -> None:
    for label in BUILDS:
        step = build(label, folder, speech)
        for seed in (0, 1):
            assert sorted(i for batch in step.batches(seed) for i in batch) == list(range(len(speech)))


TRAINABLE, TWICE = "gradients of the recognisers' parameters too", "front end computed by each recogniser"


def convolved(label: str, folder: Path, speech: Speech) -> list[tuple[int, ...]]:
    """Recordings and samples of each call of the first convolution, in the step of two clips."""
    step, seen = build(label, folder, speech), list[tuple[int, ...]]()
    options: dict[str, dict[str, bool]] = {TRAINABLE: {"frozen": False}, TWICE: {"shared": False}}
    pair: Any = steps.guides(folder, **options.get(label, {}))
    hooks = [
        layer.register_forward_hook(lambda _, x, __: seen.append(tuple(x[0].shape[::2])))
        for layer in {recognizer.front.conv_layers[0].conv for recognizer in pair}
    ]
    measuring.gradients(step, [[0, 1]])
    for hook in hooks:
        hook.remove()
    learned = any(parameter.grad is not None for recognizer in pair for parameter in recognizer.parameters())
    assert learned is (label == TRAINABLE)
    return seen


def test_each_change_is_the_one_that_its_name_says(folder: Path, speech: Speech) -> None:
    true = [len(speech.wave(0)), len(speech.wave(1))]
    sizes = {label: convolved(label, folder, speech) for label in SAME}
    gridded = [(1, 16_000), (1, 32_000)]
    assert sizes["ours"] == sizes[TRAINABLE] == sizes["front end: one recording at a time"] == gridded
    assert sizes[TWICE] == 2 * gridded
    assert sizes["front end: one recording at a time, at its very length"] == [(1, length) for length in true]
    assert sizes["front end: padded batch, norms one recording at a time"] == [(2, max(true))]
    assert sizes["front end: padded batch, masked norms"] == [(2, max(true))]
    step = build("whole step: one recording at a time (exact-length buckets)", folder, speech)
    assert all(len(batch) == 1 for batch in step.batches(0))


def test_the_floor_pads_nothing_and_has_as_much_speech(folder: Path, speech: Speech) -> None:
    step = build(training_step.FLOOR, folder, speech)
    for batch in step.batches(0):
        assert len({len(step.speech.wave(i)) for i in batch}) == 1
    total = sum(len(speech.wave(i)) for i in range(len(speech)))
    assert abs(sum(len(step.speech.wave(i)) for i in range(len(speech))) - total) <= len(speech)


def test_the_plain_loop_learns_gradients_that_nobody_needs(folder: Path, speech: Speech) -> None:
    stock: Any = steps.stock(folder)
    steps.stage_one(stock, speech, SIZE).gradient([0, 1])
    assert all(p.grad is not None for p in stock.words.model.lm_head.parameters())


# --- measuring


class Noted:
    """A step that only says when it ran."""

    def __init__(self, name: str, log: list[Any]) -> None:
        self.name, self.log = name, log

    def epoch(self, seed: int) -> None:
        self.log.append((self.name, seed))


def test_steps_run_by_turns_with_the_same_draws() -> None:
    log: list[Any] = []
    taken = measuring.interleaved({name: Noted(name, log) for name in "ab"}, 2)  # type: ignore[misc]
    assert log == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert all(len(times) == 2 and min(times) >= 0 for times in taken.values())


def test_ratios_are_those_of_paired_epochs() -> None:
    found = training_step.Found({"a": [2.0, 8.0, 30.0], "b": [1.0, 2.0, 3.0]}, {})
    assert found.ratio("a", "b") == 4.0 and found.ratio("b", "b") == 1.0
    assert found.spread("a", "b") == "4.00 (2.00–10.00)"


def test_only_changes_that_apply_are_tried() -> None:
    grouped, layered = (training_step.chosen(name, compiled=True) for name in ("wav2vec2-base", "hubert-large"))
    assert set(grouped) - set(layered) == {"front end: padded batch, masked norms"}
    assert "encoders through torch.compile" in layered
    assert "front end: one recording at a time" not in grouped  # that is ours
    assert len(grouped) == len(BUILDS)  # one less, one more


# --- pages


def test_the_command_writes_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training_step, "peak_of_its_own", measuring.peak)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    threads, place = torch.get_num_threads(), tmp_path / "README.md"
    place.write_text("# Speed\n", encoding="utf-8")
    tiny = ["--backbone", "hubert-large", "--clips", "3", "--batch", "2", "--width", "16", "--layers", "1"]
    training_step.main([*tiny, "--repeats", "1", "--device", "cpu", "--page", str(place)])
    torch.set_num_threads(threads)
    text = place.read_text(encoding="utf-8")
    assert text.startswith(
        "# Speed\n\n<!-- training step: begin (written by `make bench`) -->\n\n## A training step on a CPU"
    )
    rows = {line.split(" | ")[1]: line.split(" | ") for line in text.splitlines() if line.startswith("| hubert-large")}
    assert set(training_step.STEPS) <= set(rows)
    assert rows["plain loop"][5] == "1.00 (1.00–1.00)" and rows["floor"][6].startswith("100 %")
    assert float(rows["ours"][2]) > 0 and float(rows["ours"][4]) >= 0
    assert "3 clips of noise" in text and "precision no" in text
    assert [text.count(f"| {name} | ") for name in CONFIGURATIONS] == [2, 2, 2, 6]
    assert text.split("## A training step")[1].strip().splitlines()[-2] in capsys.readouterr().out


def test_a_section_is_replaced_and_the_rest_is_left(tmp_path: Path) -> None:
    place = tmp_path / "page.md"
    page.write_section(place, "one", "make one", ["1"])
    page.write_section(place, "two", "make two", ["2"])
    page.write_section(place, "one", "make one", ["3", "4"])
    once = place.read_text()
    page.write_section(place, "one", "make one", ["3", "4"])
    assert place.read_text() == once
    assert once == (
        "<!-- one: begin (written by `make one`) -->\n\n3\n4\n<!-- one: end -->\n\n"
        "<!-- two: begin (written by `make two`) -->\n\n2\n<!-- two: end -->\n"
    )


def test_a_table_has_words_on_the_left() -> None:
    assert page.table(["a", "b"], [["x", "1"]]) == ["| a | b |", "|---|---:|", "| x | 1 |"]


def test_the_readme_shows_the_ladder_and_the_subjects_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    results.main([str(write_run(tmp_path / "run"))])
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "<!-- results: begin (written by `make results`) -->" and lines[-1] == "<!-- results: end -->"
    assert lines[2] == (
        "**toy** (8 clips, 4 speakers; split speaker-5fold/0 (seed 0) [5ab91c03d2e7]; 8 test clips; 95 % intervals "
        "over speakers). What listeners get from *cascade*:"
    )
    ladder = lines[lines.index("| secret | listener | clean | protected | verdict |") :]
    assert ladder[2] == "| words, WER % | ignorant | 6.0 | 90.0 [87.0–93.0] | hidden |"
    assert ladder[3] == "| words, WER % | transferred | 60.0 | not shown | not shown |"
    assert ladder[5] == "| words, WER % | **retrained** | 5.0 | 15.0 [12.0–18.0] | **not hidden** |"
    assert "*Not shown*: words transferred: it fails on clean speech too." in lines
    (cascade,) = [line for line in lines if line.startswith("| cascade |")]
    assert cascade.startswith("| cascade | 64.0 [61.0–67.0] | 55.0 [52.0–58.0] | 66.0 [63.0–69.0] | 90.0 [87.0–93.0] |")
    assert [line.count("|") for line in lines if line.startswith(("| subject", "| chance"))] == [9, 9]


def test_the_readme_shows_what_a_replacement_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    results.main([str(write_vectors_run(tmp_path / "run", beside()))])
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "<!-- replacement results: begin (written by `make results`) -->"
    assert lines[-1] == "<!-- replacement results: end -->"
    assert lines[2] == (
        "**toy**, required: sad, sensitive: happy, angry (split speaker-5fold/0 (seed 0) [5ab91c03d2e7]; level quick; "
        "UAR %, of sentences accuracy %; 95 % intervals over speakers):"
    )
    assert lines[4] == (
        "| subject | emotion, guiding | emotion, independent | emotion, retrained | sensitive, ignorant | "
        "sensitive, retrained | sex, ignorant | sex, retrained | sentence, retrained | SNR dB |"
    )
    rows = {line.split(" | ")[0].removeprefix("| "): line.rstrip(" |").split(" | ")[1:] for line in lines[6:15]}
    assert list(rows)[:5] == ["identity", "replacement", "cascade", "cloak-sound", "replacement rae-sad-drawn"]
    assert rows["replacement"][3:5] == ["33.3 [33.3–33.3]", "71.0 [68.0–74.0]"]
    assert rows["replacement"][5:] == ["57.0 [54.0–60.0]", "60.0 [57.0–63.0]", "55.0 [52.0–58.0]", "1.4 [1.4–1.4]"]
    assert rows["chance"] == ["50.0", "50.0", "50.0", "33.3", "33.3", "50.0", "50.0", "8.0"]
    said = [line for line in lines if line.startswith("* ")]
    assert "UAR of 33 % (81 % before, 33 % by guessing)" in said[0] and "UAR of 71 %" in said[1]
    assert sum("another protection that met the same attackers" in line for line in said) == 3


def test_the_readme_shows_the_replacement_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    emotions = toy_rae.write(tmp_path, "rae-table3", toy_rae.emotions(["sad"]))
    results.main([str(emotions)])
    assert not (tmp_path / "README.md").exists()  # one table alone is half of it
    results.main([str(emotions), str(toy_rae.write(tmp_path, "rae-table4", toy_rae.sexes(["sad"])))])
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[2] == (
        "**crema-d, ravdess** (%; 95 % intervals over speakers; 2 of 5 rotations, rotation (seed 0); "
        "`aclipse reproduce rae-table3`, and likewise `rae-table4`; AUC: sensitive releases against neutral ones; of "
        "it and of P 50 is guessing; who calls every clip sensitive has an F1 of 69):"
    )
    methods = [line.split(" | ")[1] for line in lines if line.startswith("| sad")]
    assert methods == ["raw", "rae + grl", "guided", "drawn"]
    (grl,) = [line for line in lines if line.startswith("| sad | rae + grl")]
    assert grl == (
        "| sad | rae + grl | 58.0 [55.0–61.0] (58.4) | 12.0 [9.0–15.0] (2.2) | 72.0 [69.0–75.0] | 85.0 [82.0–88.0] | "
        "72.0 [69.0–75.0] | 44.0 [41.0–47.0] (44.0) | 20.0 [17.0–23.0] |"
    )
    assert lines[-1] == "<!-- replacement results: end -->" and lines[-2].startswith("| sad | drawn")


def test_the_readme_has_one_section_for_a_run_and_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "README", tmp_path / "README.md")
    missing = toy_rae.write(tmp_path, "rae-table3", toy_rae.emotions(["sad"], ["guided"]), ["crema-d"])
    about = json.loads(missing.with_suffix(".json").read_text(encoding="utf-8"))
    missing.with_suffix(".json").write_text(json.dumps({**about, "the paper's corpora": ["iemocap", "crema-d"]}))
    paths = [missing, toy_rae.write(tmp_path, "rae-table4", []), write_vectors_run(tmp_path / "run")]
    results.main([str(path) for path in paths])
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.count("replacement results: begin") == 1
    assert text.index("| sad | guided |") < text.index("| replacement | 81.0")
    assert "the paper’s figures are of iemocap, too" in text and "calls every clip" not in text
    assert "| 70.0 [67.0–73.0] | – | – |" in text  # nobody read sex
