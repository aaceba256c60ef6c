"""Recipes: what a file and --set may say, and what a wrong one is told."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aclipse.contracts import Settings
from aclipse.errors import RecipeError
from aclipse.experiments.recipe import Recipe, parse_recipe, read_recipe
from aclipse.registry import PROTECTIONS

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(content, "utf-8")
        return path

    return written


@pytest.fixture
def empty(write: Write) -> Path:
    return write("")


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for key, value in settings.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return pairs


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_recipe_of_the_repository_holds_what_it_says_and_defaults_elsewhere(path: Path) -> None:
    said = flat(tomllib.loads(path.read_text("utf-8")))
    read, default = flat(read_recipe(path).model_dump()), flat(Recipe().model_dump())
    assert {key: read[key] for key in said} == {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    assert {key: value for key, value in read.items() if key not in said} == {
        key: value for key, value in default.items() if key not in said
    }


def test_there_are_recipes() -> None:
    assert {"crema-d", "demo", "built-in"} <= {path.stem for path in RECIPES}


def test_an_empty_recipe_is_the_defaults(empty: Path) -> None:
    assert read_recipe(empty) == Recipe()


def test_the_defaults_are_those_that_a_run_can_use() -> None:
    recipe = Recipe()
    assert recipe.corpus.emotions == ("neutral", "happy", "sad", "angry")
    assert recipe.split.kind == "speaker-kfold"
    assert recipe.audit.level == "standard" and {"silence", "low-pass", "mp3"} <= set(recipe.audit.effort.baselines)
    assert recipe.evaluators.source == "train"
    assert recipe.evaluators.backbone == "compact" and not recipe.evaluators.shared_encoder
    assert recipe.corpus.only == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluators.words.epochs", 3),
        ("evaluators.emotion.epochs", 3),
        ("audit.words.epochs", 3),
        ("audit.sentence.batch_size", 4),
        ("cascade.network.module.channels", 8),
    ],
)
def test_a_setting_leaves_its_neighbours_at_their_defaults(empty: Path, key: str, value: int) -> None:
    """`evaluators.words` has a learning rate and a batch size of its own, which --set of another key must not undo."""
    expected = {**flat(Recipe().model_dump()), key: value}
    assert flat(read_recipe(empty, [f"{key}={value}"]).model_dump()) == expected


def test_a_run_can_read_its_own_recipe_back(empty: Path) -> None:
    recipe = read_recipe(empty, ["seed=3", "cascade.network.min_snr_db=5", 'corpus.emotions=["happy", "sad"]'])
    assert parse_recipe(recipe.model_dump(mode="json"), "run.json") == recipe


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("seed=7", "seed", 7),
        ("cascade.epochs=20", "cascade.epochs", 20),
        ("cascade.network.module.channels=16", "cascade.network.module.channels", 16),
        ("cascade.network.match_loudness=false", "cascade.network.match_loudness", False),
        ("cascade.stage_one_rate=1", "cascade.stage_one_rate", 1.0),  # a whole number is a number
        ("cascade.lambda_one=-1", "cascade.lambda_one", -1.0),
        ("cascade.loss=paper", "cascade.loss", "paper"),
        ('cascade.loss="paper"', "cascade.loss", "paper"),
        (" cascade.loss =paper", "cascade.loss", "paper"),
        ("split.kind=leave-one-session-out", "split.kind", "leave-one-session-out"),
        ("evaluators.source=../other runs/a=b", "evaluators.source", "../other runs/a=b"),
        ("evaluators.source=C:\\runs\\one", "evaluators.source", "C:\\runs\\one"),
        ('corpus.emotions=["happy", "sad"]', "corpus.emotions", ("happy", "sad")),
        ("audit.baselines=[]", "audit.baselines", ()),
        ("corpus.only.scenario=improvised", "corpus.only.scenario", "improvised"),
        ("evaluators.backbone=../checkpoints/hubert-base", "evaluators.backbone", "../checkpoints/hubert-base"),
        ("evaluators.emotion.precision=bf16", "evaluators.emotion.precision", "bf16"),
        ("evaluators.words.schedule=linear", "evaluators.words.schedule", "linear"),
        ("audit.words.augment=false", "audit.words.augment", False),
        ("audit.level=full", "audit.level", "full"),
        ('audit.rungs=["retrained", "inverting"]', "audit.rungs", ("retrained", "inverting")),
        ("audit.inverter.epochs=3", "audit.inverter.epochs", 3),
        ("audit.budgets=[30, 100]", "audit.budgets", (30, 100)),
        ("audit.listeners=[]", "audit.listeners", ()),
        ("cascade.tracker=tensorboard", "cascade.tracker", "tensorboard"),
        ("cascade.floor=0", "cascade.floor", 0.0),  # every epoch is good enough, which is not "no floor given"
        ("cascade.network.min_snr_db=-3.5", "cascade.network.min_snr_db", -3.5),
    ],
)
def test_set_takes_toml_values_and_bare_words(empty: Path, override: str, place: str, value: Any) -> None:
    found = flat(read_recipe(empty, [override]).model_dump())[place]
    assert found == value and type(found) is type(value)


def test_set_wins_over_the_file_and_a_later_one_over_an_earlier(write: Write) -> None:
    path = write("seed = 1\n[cascade]\nepochs = 5\nsubset = 7\n")
    recipe = read_recipe(path, ["cascade.epochs=6", "cascade.epochs=8"])
    assert (recipe.seed, recipe.cascade.epochs, recipe.cascade.subset) == (1, 8, 7)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cascade.epochs", r"--set cascade\.epochs: write it as section\.key=value, for example"),
        ("=3", r"--set =3: write it as section\.key=value"),
        ("", r"--set : write it as section\.key=value"),
        ("cascade.epoch=3", r"cascade\.epoch is not a setting\. Allowed here: .*\bepochs\b"),
        ("cascade.network.module.widths=3", r"network\.module\.widths is not a setting\. Allowed here: .*channels"),
        ("casade.epochs=3", r"casade is not a setting\. Allowed here: .*\bcascade\b"),
        ("epochs=3", r"epochs is not a setting\. Allowed here: .*\bseed\b"),
        ("seed.epochs=3", r"seed = \{'epochs': 3\} is not allowed: .*integer"),
        ("cascade=3", r"cascade = 3 is not allowed"),
        ("cascade.epochs=many", r"cascade\.epochs = 'many' is not allowed: .*integer"),
        ('cascade.epochs="20"', r"cascade\.epochs = '20' is not allowed: .*integer"),
        ("cascade.epochs=", r"cascade\.epochs = '' is not allowed: .*integer"),
        ("cascade.epochs=20.0", r"cascade\.epochs = 20\.0 is not allowed: .*integer"),
        ("cascade.epochs=true", r"cascade\.epochs = True is not allowed: .*integer"),
        ("cascade.network.match_loudness=1", r"match_loudness = 1 is not allowed: .*boolean"),
        ("cascade.network.match_loudness=no", r"match_loudness = 'no' is not allowed: .*boolean"),
        ("cascade.stage_one_rate=fast", r"stage_one_rate = 'fast' is not allowed: .*number"),
        ("evaluators.source=1", r"evaluators\.source = 1 is not allowed: .*string"),
        ("corpus.emotions=happy", r"corpus\.emotions = 'happy' is not allowed: .*tuple"),
        ("corpus.emotions=[1, 2]", r"corpus\.emotions\.0 = 1 is not allowed: .*string"),
        ('corpus.emotions=["happy"]', r"corpus\.emotions = .* is not allowed: .*at least 2"),
        ("cascade.epochs=1", r"cascade\.epochs = 1 is not allowed: .*greater than or equal to 2"),
        ("seed=-1", r"seed = -1 is not allowed: .*greater than or equal to 0"),
        ("split.folds=1", r"split\.folds = 1 is not allowed: .*greater than or equal to 2"),
        ("split.validation=1", r"split\.validation = 1 is not allowed: .*less than 1"),
        ("split.kind=random", r"split\.kind = 'random' is not allowed: .*'speaker-kfold'.*'utterance-kfold'"),
        ("audit.draws=10", r"audit\.draws = 10 is not allowed: .*greater than or equal to 100"),
        ("audit.level=deep", r"audit\.level = 'deep' is not allowed: .*'quick', 'standard' or 'full'"),
        ('audit.rungs=["ignorant"]', r"audit\.rungs\.0 = 'ignorant' is not allowed: .*'retrained'"),
        ('audit.secrets=["age"]', r"audit\.secrets\.0 = 'age' is not allowed: .*'speaker'"),
        ("audit.attacker_clips=0", r"audit\.attacker_clips = 0 is not allowed: .*greater than or equal to 1"),
        ("audit.seeds=0", r"audit\.seeds = 0 is not allowed: .*greater than or equal to 1"),
        ("audit.inverter.augment=true", r"audit\.inverter\.augment is not a setting\. Allowed here: .*epochs"),
        ("cascade.loss=papers", r"cascade\.loss = 'papers' is not allowed: .*'bounded' or 'paper'"),
        ("cascade.tuned=both", r"cascade\.tuned = 'both' is not allowed: .*'er' or 'so'"),
        ("cascade.floor=65", r"cascade\.floor = 65 is not allowed: .*less than or equal to 1"),
        ("cascade.precision=fp32", r"cascade\.precision = 'fp32' is not allowed: .*'no', 'bf16' or 'fp16'"),
        ("evaluators.words.patience=0", r"words\.patience = 0 is not allowed: .*greater than or equal to 1"),
        ("evaluators.words.accumulate=0", r"words\.accumulate = 0 is not allowed: .*greater than or equal to 1"),
        ("evaluators.words.warm_up=1", r"words\.warm_up = 1 is not allowed: .*less than 1"),
        ("evaluators.shared_weight=0", r"evaluators\.shared_weight = 0 is not allowed: .*greater than 0"),
        ("evaluators.shared_encoder=true", r"evaluators = .* is not allowed: .*shared_encoder needs a backbone"),
        ("corpus.only.session=1", r"corpus\.only\.session = 1 is not allowed: .*string"),
    ],
)
def test_a_wrong_set_is_refused_and_told_what_is_allowed(empty: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe(empty, [override])


def test_a_value_cannot_be_set_like_a_section(write: Write) -> None:
    with pytest.raises(RecipeError, match=r"--set seed\.a=1: seed is a value, not a section"):
        read_recipe(write("seed = 1"), ["seed.a=1"])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["cascade.lambda_one", "cascade.stage_one_rate", "cascade.network.min_snr_db"])
def test_a_number_that_is_not_finite_is_out_of_range(empty: Path, key: str, value: str) -> None:
    with pytest.raises(RecipeError, match=f"{key} = .* is not allowed"):
        read_recipe(empty, [f"{key}={value}"])


@pytest.mark.parametrize(("epochs", "first"), [(10, 10), (10, 12), (2, 2)])
def test_stage_one_must_leave_epochs_for_stage_two(empty: Path, epochs: int, first: int) -> None:
    """Found out before anything is trained, not when stage two begins."""
    with pytest.raises(RecipeError, match="stage_one_epochs"):
        read_recipe(empty, [f"cascade.epochs={epochs}", f"cascade.stage_one_epochs={first}"])


def test_two_heads_may_share_a_backbone(empty: Path) -> None:
    recipe = read_recipe(empty, ["evaluators.backbone=hubert-base", "evaluators.shared_encoder=true"])
    assert (recipe.evaluators.backbone, recipe.evaluators.shared_encoder) == ("hubert-base", True)


def test_every_trivial_protection_may_be_a_baseline(empty: Path) -> None:
    names = sorted(set(PROTECTIONS) - {"cascade"})
    recipe = read_recipe(empty, [f"audit.baselines={names!r}"])
    assert sorted(recipe.audit.effort.baselines) == names


def test_all_problems_are_told_at_once_each_with_the_file(write: Write) -> None:
    path = write("[cascade]\nepoch = 3\nsubset = 'all'\n")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    first, second = sorted(str(caught.value).splitlines())
    assert first.startswith(f"{path}: cascade.epoch is not a setting")
    assert second.startswith(f"{path}: cascade.subset = 'all' is not allowed")


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: cannot read this recipe \(No such file"):
        read_recipe(tmp_path / "none.toml")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read this recipe"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("content", ["seed = ", "[cascade\nepochs = 3", "seed = 1\nseed = 2", "epochs: 3"])
def test_broken_toml_is_named_with_its_place(write: Write, content: str) -> None:
    with pytest.raises(RecipeError, match=r"mine\.toml: not a TOML file \(.*\(at "):
        read_recipe(write(content))


def test_a_file_that_is_not_text_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00s")
    with pytest.raises(RecipeError, match=r"mine\.toml: not a TOML file"):
        read_recipe(tmp_path / "mine.toml")


def test_settings_cannot_be_changed_once_read(empty: Path) -> None:
    recipe: Settings = read_recipe(empty)
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 3  # type: ignore[attr-defined]
