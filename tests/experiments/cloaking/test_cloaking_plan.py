"""What a cloak study is planned to be: its settings, its corpora, its places on disk, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.cloaking import paper
from aclipse.experiments.cloaking.jobs import Learn, Perturb, Suppress, settings_of
from aclipse.experiments.cloaking.plan import CLOAK, Plan, make_plan
from aclipse.experiments.cloaking.readings import Read
from aclipse.experiments.cloaking.settings import parse_settings
from aclipse.experiments.study.jobs import Place

Planned = Callable[..., Plan]

# --- settings


def test_the_defaults_are_the_papers_front_end_rates_and_weights() -> None:
    settings = parse_settings([])
    features, cloak = settings.features, settings.cloak
    assert (features.bands, features.analysis.width, features.analysis.fft) == (128, 800, 800)
    assert (features.segment, features.train_hop, features.test_hop) == (200, 100, 150)
    assert (cloak.sparsity, cloak.reversal, cloak.secrets, cloak.suppression) == (0.1, 0.1, ("sex",), 60.0)
    assert {0.0, 20.0, 40.0, 60.0} < set(settings.srs)
    assert settings.emotions == paper.EMOTIONS


def test_settings_are_changed_as_in_toml_and_rates_are_put_in_order() -> None:
    found = parse_settings(["cloak.epochs=3", "srs=[60, 0, 60]", "cloak.form=adaptive", "emotion.precision=bf16"])
    assert (found.cloak.epochs, found.srs, found.cloak.form, found.emotion.precision) == (
        3,
        (0, 60),
        "adaptive",
        "bf16",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("cloak.wings=2", r"cloak\.wings is not a setting\. Allowed here: .*suppression_epochs"),
        ("wings=2", r"wings is not a setting\. Allowed here: attackers, averaged"),
        ("cloak.epochs=0", "cloak.epochs = 0 is not allowed"),
        ("cloak.epochs=many", "cloak.epochs = 'many' is not allowed"),
        ("srs=[100]", "below 100"),
        ("attackers=[-1]", "from 0"),
        ("cloak.secrets=[]", "one or more of: sex, speaker"),
        ("cloak.secrets=['words']", "one or more of: sex, speaker"),
        ("features.train_hop=300", "leave frames out"),
        ("epochs", "write it as section.key=value"),
    ],
)
def test_a_setting_that_does_not_hold_is_refused(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_settings([change])


def test_a_value_is_no_section() -> None:
    with pytest.raises(RecipeError, match="seed is a value, not a section"):
        parse_settings(["seed=1", "seed.more=1"])


# --- the paper


def test_the_papers_segments_add_up() -> None:
    for name, counts in paper.SEGMENTS.items():
        assert sum(count for emotion, count in counts.items() if emotion != "all") == counts["all"], name


def test_what_the_paper_hides_is_what_its_text_says() -> None:
    assert paper.NOISED["clean", "sex"] - paper.NOISED["cloak + adversary", "sex"] == pytest.approx(31.0)
    assert paper.NOISED["clean", "emotion"] - paper.NOISED["cloak + adversary", "emotion"] == pytest.approx(1.5)


# --- corpora


def test_an_unknown_study_is_refused(spoken: Manifest, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no study 'cloak-fig9'.*cloak-table1"):
        make_plan("cloak-fig9", [spoken], tmp_path)


def test_corpora_are_merged_and_scripted_parts_left_out(
    spoken: Manifest, tmp_path: Path, small: tuple[str, ...]
) -> None:
    scripted = tuple(dataclasses.replace(clip, extra={"scenario": "scripted"}) for clip in spoken.clips[:10])
    other = Manifest("iemocap", scripted + spoken.clips[10:])
    plan = make_plan("cloak-table2", [spoken, other], tmp_path, (1, 1), small)
    assert plan.corpora == ["iemocap", "spoken"]
    assert [clip.extra["corpus"] for clip in plan.manifest.clips].count("iemocap") == 190
    assert len({clip.speaker for clip in plan.manifest.clips}) == 60


def test_clips_without_speaker_sex_or_one_of_the_emotions_are_left_out(
    spoken: Manifest, tmp_path: Path, small: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third, *rest = spoken.clips
    clips = dataclasses.replace(first, sex=""), dataclasses.replace(second, emotion="fearful"), third, *rest
    plan = make_plan("cloak-table2", [Manifest("m", clips)], tmp_path, (1, 1), small)
    assert len(plan.manifest.clips) == 198
    assert "1 of 199 clips left out: no speaker or no sex" in caplog.text


def test_a_corpus_without_anything_usable_is_refused(tmp_path: Path) -> None:
    nobody = Manifest("m", (Clip("a", tmp_path / "a.wav", speaker="ann", emotion="sad"),))
    with pytest.raises(CorpusError, match="a speaker, a sex and one of the emotions neutral, happy"):
        make_plan("cloak-table1", [nobody], tmp_path)


def test_too_few_speakers_are_an_error_before_anything_is_trained_but_can_be_counted(tmp_path: Path) -> None:
    clips = tuple(
        Clip(f"{s}-{e}", tmp_path / "x.wav", speaker=s, sex="male", emotion=e) for s in "abcd" for e in paper.EMOTIONS
    )
    with pytest.raises(CorpusError, match="has 4 speakers and needs 5"):
        make_plan("cloak-fig4", [Manifest("few", clips)], tmp_path / "new")
    assert len(make_plan("cloak-table1", [Manifest("few", clips)], tmp_path / "new").manifest.clips) == 16
    assert not (tmp_path / "new").exists()


# --- places


def folders(plan: Plan) -> dict[str, Path]:
    place = Place(0, 0)
    jobs = Learn(place, "emotion"), Perturb(place, CLOAK), Suppress(place, CLOAK, 60.0), Read(place, "sex", CLOAK, 60.0)
    return {type(job).__name__: job.folder(plan) for job in jobs}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("emotion.epochs=2", {"Learn", "Perturb", "Suppress", "Read"}),
        ("features.bands=24", {"Learn", "Perturb", "Suppress", "Read"}),
        ("seed=1", {"Learn", "Perturb", "Suppress", "Read"}),
        ("cloak.sparsity=1.0", {"Perturb", "Suppress", "Read"}),
        ("fine_tuned.epochs=2", {"Read"}),
        ("sex.epochs=2", {"Read"}),
        ("averaged=3", {"Read"}),
        ("cloak.suppression=40.0", set()),
        ("cloak.tracker=tensorboard", set()),
        ("emotion.tracker=tensorboard", set()),
        ("srs=[0, 20, 60]", set()),
    ],
)
def test_other_settings_have_another_place_where_they_matter(
    change: str, moved: set[str], planned: Planned, tmp_path: Path
) -> None:
    before, after = folders(planned("cloak-fig4", tmp_path)), folders(planned("cloak-fig4", tmp_path, change))
    assert {name for name in before if before[name] != after[name]} == moved


def test_other_corpora_have_another_place(
    spoken: Manifest, planned: Planned, small: tuple[str, ...], tmp_path: Path
) -> None:
    fewer = make_plan("cloak-fig4", [Manifest(spoken.name, spoken.clips[1:])], tmp_path, (1, 1), small)
    assert fewer.root != planned("cloak-fig4", tmp_path).root


def test_cloak_alone_has_no_adversary_whatever_the_secrets(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig4", tmp_path, "cloak.secrets=['sex', 'speaker']")
    assert settings_of(plan, "cloak").secrets == ()
    assert settings_of(plan, "cloak + adversary").secrets == ("sex", "speaker")


def test_rotations_and_repeats_make_places(planned: Planned, tmp_path: Path) -> None:
    plan = planned("cloak-fig4", tmp_path, size=(2, 3))
    assert plan.places() == [Place(rotation, repeat) for rotation in range(2) for repeat in range(3)]
    assert not set(plan.split(0).ids("test")) & set(plan.split(1).ids("test"))
