"""The paper's tables and figures: what is planned, how numbers are made of cells, and every command run whole."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import EMOTIONS, SENTENCES, voice

from aclipse import cli
from aclipse.contracts import SAMPLE_RATE
from aclipse.corpora import iemocap, manifest, synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.errors import BackboneError, RecipeError, RunError
from aclipse.experiments import reproduction
from aclipse.experiments.recipe import parse_recipe, read_recipe
from aclipse.experiments.reproduction import cells, paper, summary, tables
from aclipse.experiments.reproduction.plan import PUBLISHED, STUDIES, Cell, make_plan
from aclipse.models import standins

RECIPES = Path(__file__).parents[2] / "recipes"
SHORT = {"neutral": "neu", "happy": "exc", "sad": "sad", "angry": "ang"}
TINY = (
    "evaluators.emotion.epochs=1", "evaluators.words.epochs=1", "evaluators.emotion.batch_size=8",
    "evaluators.words.batch_size=8", "cascade.epochs=2", "cascade.subset=8", "cascade.batch_size=4",
    "cascade.network.module.form=strided", "cascade.network.module.channels=8", "cascade.network.module.dilations=[1]",
)  # fmt: skip


@pytest.fixture(scope="session")
def iemocap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IEMOCAP's own layout, with tones for speech: five sessions of two speakers, every emotion and sentence once."""
    root = tmp_path_factory.mktemp("iemocap")
    for session in range(1, 6):
        rated, spoken = ["% header", ""], []
        for letter in "FM":
            said = [(emotion, sentence) for emotion in EMOTIONS for sentence in SENTENCES]
            for number, (emotion, sentence) in enumerate(said):
                turn = f"Ses0{session}F_impro01_{letter}{number:03}"
                path = root / f"Session{session}" / "sentences" / "wav" / f"Ses0{session}F_impro01" / f"{turn}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, voice("ann" if letter == "F" else "dan", emotion, sentence), SAMPLE_RATE)
                rated.append(f"[6.2901 - 8.2357]\t{turn}\t{SHORT[emotion]}\t[2.5000, 2.5000, 2.5000]")
                spoken.append(f"{turn} [006.2901-008.2357]: {sentence}")
        for folder, lines in (("EmoEvaluation", rated), ("transcriptions", spoken)):
            place = root / f"Session{session}" / "dialog" / folder / f"Ses0{session}F_impro01.txt"
            place.parent.mkdir(parents=True)
            place.write_text("\n".join(lines) + "\n", "utf-8")
    return root


@pytest.fixture(scope="session")
def mini_iemocap(iemocap_folder: Path) -> Manifest:
    return iemocap.scan(iemocap_folder)


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """NAME=FOLDER of four stand-ins."""
    return [f"{path.name}={path}" for path in standins.make(tmp_path_factory.mktemp("stand-ins"), width=16, layers=1)]


# --- what is planned


def test_table_one_is_four_backbones_two_splits_five_folds_and_five_repeats(mini_iemocap: Manifest) -> None:
    plan = make_plan("table1", mini_iemocap, Path("nowhere"))
    assert Counter((cell.backbone, cell.kind) for cell in plan.cells()) == {
        (name, kind): 25 for name in paper.BACKBONES for kind in ("utterance-kfold", "leave-one-session-out")
    }


def test_without_sessions_the_honest_split_is_by_speaker(corpus: Manifest) -> None:
    clips = tuple(dataclasses.replace(clip, session="") for clip in corpus.clips)
    assert make_plan("fig7", Manifest("m", clips), Path()).kinds == ("utterance-kfold", "speaker-kfold")


@pytest.mark.parametrize("name", ["fig3", "fig4", "fig5"])
def test_ablations_are_on_one_backbone_and_have_the_published_cascade_first(name: str, mini_iemocap: Manifest) -> None:
    cells = list(make_plan(name, mini_iemocap, Path(), size=(1, 1)).cells())
    assert {cell.backbone for cell in cells} == {"wav2vec2-base"}
    assert cells[0].variant == PUBLISHED
    assert len({cell.variant.name for cell in cells}) == {"fig3": 4, "fig4": 4, "fig5": 2}[name]


def test_the_paper_grid_of_weights_is_covered() -> None:
    for name, setting in (("fig3", "lambda_one"), ("fig4", "lambda_two")):
        assert sorted(v.settings.get(setting, 1.0) for v in STUDIES[name].variants) == [0.001, 0.01, 0.1, 1.0]


@pytest.mark.parametrize("name", paper.BACKBONES)
def test_the_recipe_of_a_backbone_is_what_reproduce_trains(name: str) -> None:
    assert read_recipe(RECIPES / f"iemocap-{name}.toml") == parse_recipe(paper.protocol(name), "")


def test_the_protocol_is_the_printed_one() -> None:
    recipe = parse_recipe(paper.protocol("wav2vec2-large"), "")
    fine_tuning, cascade = recipe.evaluators.words, recipe.cascade
    assert (fine_tuning.epochs, fine_tuning.batch_size, fine_tuning.learning_rate) == (50, 2, 1e-5)
    assert (cascade.epochs, cascade.subset, cascade.redraw) == (100, 400, 5)
    assert (cascade.stage_one_rate, cascade.stage_two_rate, cascade.lambda_one, cascade.lambda_two) == (
        2e-4,
        1e-5,
        1,
        1,
    )


def test_the_table_of_the_paper_says_what_its_text_says() -> None:
    """WER about 41 points up and WA less than 8.4 down for wav2vec2-base."""
    row = paper.BACKBONES["wav2vec2-base"]
    assert (row.protected_wer - row.clean_wer, row.clean_wa - row.protected_wa) == pytest.approx((40.67, 8.32))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "fig9"}, "no study 'fig9'.*table1"),
        ({"backbones": ["whisper"]}, "NAME=WEIGHTS.*hubert-large"),
        ({"kinds": ["random"]}, "split.kind = 'random' is not allowed"),
        ({"changes": ["cascade.wings=2"]}, "cascade.wings is not a setting"),
    ],
)
def test_a_plan_that_cannot_be_is_an_error_before_anything_is_trained(
    asked: dict[str, object], message: str, mini_iemocap: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        make_plan(**{"name": "table1", "manifest": mini_iemocap, "root": tmp_path / "new", **asked})  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_missing_weights_are_an_error_that_says_what_to_give(mini_iemocap: Manifest, tmp_path: Path) -> None:
    plan = make_plan("fig7", mini_iemocap, tmp_path / "r", ["wav2vec2-base=" + str(tmp_path)], size=(1, 1))
    with pytest.raises(BackboneError, match=r"config\.json and model\.safetensors"):
        reproduction.reproduce(plan)


def test_on_an_honest_split_the_pick_may_lose_what_the_papers_lost() -> None:
    """An absolute floor of the paper's split would leave nothing of the method there (facts: 71.7 % clean)."""
    paper_like, honest = (
        parse_recipe(paper.protocol("wav2vec2-base", kind=kind), "").cascade
        for kind in ("utterance-kfold", "leave-one-session-out")
    )
    assert (paper_like.floor, honest.floor, honest.floor_drop) == (0.70, None, 0.0832)


def test_both_readings_of_a_hundred_epochs() -> None:
    total, each = (
        parse_recipe(paper.protocol("hubert-base"), "", changes).cascade for changes in ([], ["cascade.epochs=200"])
    )
    assert (total.epochs // 2, each.epochs // 2) == (50, 100)


def test_what_fig_three_never_reads_is_not_trained(mini_iemocap: Manifest) -> None:
    plan = make_plan("fig3", mini_iemocap, Path())
    epochs = {cell.variant.name: plan.cascade(cell).epochs for cell in plan.cells()}
    assert epochs == {"published": 100, "lambda_one-0.001": 51, "lambda_one-0.01": 51, "lambda_one-0.1": 51}


def test_a_cascade_of_other_settings_has_another_place_and_a_tracker_makes_none_other(mini_iemocap: Manifest) -> None:
    folders = [
        plan.cell_folder(next(plan.cells()))
        for changes in ([], ["cascade.lambda_two=0.5"], ["cascade.tracker=tensorboard"])
        for plan in [make_plan("table1", mini_iemocap, Path(), changes=changes)]
    ]
    assert folders[0] != folders[1]
    assert folders[0] == folders[2]


# --- how numbers are made


def clip(id: str, speaker: str, emotion: str, felt: str, edits: int, snr: float = 5.0) -> dict[str, str]:
    row = {"id": id, "speaker": speaker, "emotion": emotion, "felt": felt, "edits": str(edits), "words": "4"}
    return row | {"snr_db": str(snr)}


def test_estimates_are_means_and_deviations_over_repeats() -> None:
    first = [clip("1", "a", "sad", "sad", 2), clip("2", "a", "sad", "happy", 2), clip("3", "b", "happy", "happy", 0)]
    second = [clip("3", "b", "happy", "happy", 4), clip("1", "a", "sad", "sad", 4), clip("2", "a", "sad", "sad", 4)]
    found = summary.estimates([first, second])
    wa, wer, uar = (2 / 3, 1.0), (4 / 12, 1.0), (0.75, 1.0)
    for name, values in (("wa", wa), ("wer", wer), ("uar", uar)):
        assert found[name].mean == pytest.approx(np.mean(values))
        assert found[name].std == pytest.approx(np.std(values, ddof=1))
        assert found[name].low <= found[name].mean <= found[name].high
    assert np.isnan(summary.estimates([first])["wa"].std)


def test_confusion_shares_sum_to_one_in_each_row_that_occurs() -> None:
    first = [clip("1", "a", "sad", "angry", 0), clip("2", "b", "sad", "sad", 0), clip("3", "b", "happy", "sad", 0)]
    second = [clip("1", "a", "sad", "sad", 0), clip("2", "b", "sad", "sad", 0), clip("3", "b", "happy", "sad", 0)]
    found = summary.confusion([first, second])
    means = {cell: estimate.mean for cell, estimate in found.items()}
    assert means == {
        ("happy", "angry"): 0.0, ("happy", "happy"): 0.0, ("happy", "sad"): 1.0,
        ("sad", "angry"): 0.25, ("sad", "happy"): 0.0, ("sad", "sad"): 0.75,
    }  # fmt: skip
    assert found["sad", "sad"].std == pytest.approx(np.std([0.5, 1.0], ddof=1))
    assert found["sad", "sad"].low <= 0.75 <= found["sad", "sad"].high


def epoch(stage: int, accuracy: float, wer: float, test_wer: float) -> dict[str, str]:
    row = {"stage": stage, "accuracy": accuracy, "wer": wer, "test_wer": test_wer, "test_accuracy": 0.5}
    return {name: str(value) for name, value in row.items()}


def test_matched_accuracy_chooses_on_validation_and_reports_the_test_part() -> None:
    history = [epoch(2, 0.70, 0.5, 0.9), epoch(2, 0.71, 0.6, 0.4), epoch(2, 0.60, 0.9, 0.8), epoch(1, 0.70, 2.0, 2.0)]
    assert summary.matched(history, "2") == {0.6: (0.8, 0.5), 0.7: (0.4, 0.5)}
    assert summary.matched([epoch(1, 1.0, 0.1, 0.2)], "1") == {0.98: (0.2, 0.5)}  # the last bin holds its upper end


def test_only_the_chosen_epochs_are_held_against_the_floor() -> None:
    rows = [{"chosen": "0", "accuracy": "0.1", "floor": "0.7"}, {"chosen": "1", "accuracy": "0.7", "floor": "0.7"}]
    assert summary.kept_the_floor([rows, [{"chosen": "1", "accuracy": "0.69", "floor": "0.7"}]]) == (1, 2)


def test_curves_average_the_same_epoch_of_stage_one() -> None:
    def row(number: int, stage: int, value: float) -> dict[str, str]:
        return {"epoch": str(number), "stage": str(stage), **dict.fromkeys(summary.CURVES, str(value))}

    found = summary.curves([[row(0, 1, 1.0), row(1, 2, 9.0)], [row(0, 1, 3.0)]])
    assert len(found) == 1
    assert (found[0]["wer"], found[0]["wer std"], found[0]["epoch"]) == (2.0, pytest.approx(np.sqrt(2)), 0)


# --- every command, whole


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["aclipse", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, words


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A little of the synthetic corpus."""
    return synthetic.make(tmp_path_factory.mktemp("synthetic") / "speech", clips=72)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["mini_iemocap", "spoken"])
def test_every_study_ends_with_its_table_and_figure(
    source: str, backbones: list[str], tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.write(request.getfixturevalue(source), tmp_path / "corpus.csv")
    given = ["--corpus", str(tmp_path / "corpus.csv"), "--output", str(tmp_path / "out"), "--repeats", "1"]
    folds = "2" if source == "mini_iemocap" else "1"
    changes = [word for change in (*TINY, "split.validation=0.2") for word in ("--set", change)]
    for study in STUDIES:
        few = backbones[:1] if STUDIES[study].ablation else backbones[:: 3 if source == "spoken" else 1]
        chosen = [word for backbone in few for word in ("--backbone", backbone)]
        run(["reproduce", study, *given, "--folds", folds, *chosen, *changes], monkeypatch)
        rows = read(tmp_path / "out" / f"{study}.csv")
        assert "Settings unlike the paper's protocol: evaluators.emotion.epochs=1" in (
            tmp_path / "out" / f"{study}.md"
        ).read_text("utf-8")
        honest = "leave-one-session-out" if source == "mini_iemocap" else "speaker-kfold"
        assert {row["split"].split(" [")[0] for row in rows} == {"utterance-kfold, speaker-dependent", honest}
        assert (tmp_path / "out" / f"{study}.md").stat().st_size > 100
        if study != "table1":
            assert [path for path in (tmp_path / "out").glob(f"{study}*.png") if path.stat().st_size > 5000]
    table = read(tmp_path / "out" / "table1.csv")
    reported = {(row["backbone"], row["method"]): float(row["paper"]) for row in table if row["metric"] == "wer"}
    assert reported["hubert-large", "Aclipse"] == 53.21
    assert all(float(row["low"]) <= float(row["mean"]) <= float(row["high"]) for row in table if row["low"] != "nan")


def figure_five(mini_iemocap: Manifest, backbones: list[str], root: Path) -> reproduction.Plan:
    return make_plan("fig5", mini_iemocap, root, backbones[:1], ["leave-one-session-out"], (1, 1), TINY)


@pytest.mark.slow
def test_an_interrupted_study_goes_on_where_it_stopped_and_ends_the_same(
    mini_iemocap: Manifest, backbones: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reproduction.reproduce(figure_five(mini_iemocap, backbones, tmp_path / "whole"))
    plan = figure_five(mini_iemocap, backbones, tmp_path / "cut")
    train, calls = cells._train, []

    def killed(plan: reproduction.Plan, cell: Cell, prepared: object) -> None:
        calls.append(cell.variant.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        train(plan, cell, prepared)  # type: ignore[arg-type]

    monkeypatch.setattr(cells, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        reproduction.reproduce(plan)
    assert not (plan.root / "fig5.csv").exists()
    assert (reproduction.costs(plan)[0].recognisers, reproduction.costs(plan)[0].trained) == (0, 1)
    resumed = reproduction.reproduce(plan)
    assert calls == ["published", "tuned-so", "tuned-so"]
    assert resumed.read_text() == whole.read_text()
    done = reproduction.costs(plan)[0]
    assert (done.recognisers, done.cascades, done.trained, done.seconds) == (0, 0, 2, 0.0)


@pytest.mark.slow
def test_a_finished_study_is_not_taken_for_one_of_other_recognisers_or_another_corpus(
    mini_iemocap: Manifest, backbones: list[str], tmp_path: Path
) -> None:
    plan = figure_five(mini_iemocap, backbones, tmp_path)
    reproduction.reproduce(plan)
    fewer = Manifest("fewer", tuple(clip for clip in mini_iemocap.clips if clip.id != mini_iemocap.clips[0].id))
    for other, what in (
        (dataclasses.replace(plan, changes=[*TINY, "evaluators.words.epochs=3"]), "recipe"),
        (dataclasses.replace(plan, manifest=fewer), "corpus"),
    ):
        for act in (reproduction.reproduce, reproduction.costs):
            with pytest.raises(RunError, match=f"another {what}.*--output"):
                act(other)


def test_weights_that_a_later_row_lacks_are_an_error_before_the_first_is_trained(
    mini_iemocap: Manifest, backbones: list[str], tmp_path: Path
) -> None:
    chosen = [backbones[0], f"hubert-base={tmp_path / 'nothing'}"]
    with pytest.raises(BackboneError, match="nothing does not exist"):
        reproduction.reproduce(make_plan("table1", mini_iemocap, tmp_path / "out", chosen, changes=TINY))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_labels_are_the_weights_that_were_used(mini_iemocap: Manifest, backbones: list[str], tmp_path: Path) -> None:
    changes = [*TINY, "cascade.lambda_two=0.5"]
    plan = make_plan("fig4", mini_iemocap, tmp_path, backbones[:1], ["leave-one-session-out"], (1, 1), changes)
    series = {row["series"] for row in read(reproduction.reproduce(plan))}
    assert {"λ2 = 0.001", "λ2 = 0.01", "λ2 = 0.1", "λ2 = 0.5", "stage 1 alone"} < series
    assert "λ2 = 1" not in series


@pytest.mark.slow
def test_stage_one_is_shared_and_the_other_module_is_tuned(
    mini_iemocap: Manifest, backbones: list[str], tmp_path: Path
) -> None:
    plan = figure_five(mini_iemocap, backbones, tmp_path)
    reproduction.reproduce(plan)
    published, tuned_so = (plan.cell_folder(cell) for cell in plan.cells())
    stages = [(folder / "stage-1" / "history.csv").read_text() for folder in (published, tuned_so)]
    assert stages[0] == stages[1]
    assert (published / "weights.safetensors").read_bytes() != (tuned_so / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_a_dry_run_counts_and_writes_nothing(
    mini_iemocap: Manifest, backbones: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    manifest.write(mini_iemocap, tmp_path / "corpus.csv")
    words = ["reproduce", "table1", "--corpus", str(tmp_path / "corpus.csv"), "--output", str(tmp_path / "out")]
    changes = [word for change in TINY for word in ("--set", change)]
    chosen = [word for backbone in backbones for word in ("--backbone", backbone)]
    run([*words, *chosen, *changes, "--dry-run"], monkeypatch)
    out = capsys.readouterr().out
    assert out.count("20 ") >= 4  # recognisers: two kinds of split, five folds, two each
    assert "hours in one process" in out
    assert not (tmp_path / "out").exists()


def test_energy_below_and_above_the_edge() -> None:
    time = np.arange(16000) / 16000
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (500, 5000))
    below, above = tables._band_changes(low + high, low + high / 10)
    assert (below, above) == pytest.approx((0.0, -20.0), abs=0.1)
