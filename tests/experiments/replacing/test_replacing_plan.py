"""What a study of the replacement autoencoder is planned to be: its settings, corpora, jobs, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.replacing import jobs, paper, readings
from aclipse.experiments.replacing.estimate import KINDS, costs, job_seconds
from aclipse.experiments.replacing.jobs import Learn, Replace
from aclipse.experiments.replacing.needed import jobs_of, missing
from aclipse.experiments.replacing.plan import Plan, make_plan
from aclipse.experiments.replacing.readings import Read
from aclipse.experiments.replacing.settings import METHODS, parse_settings
from aclipse.experiments.study.jobs import Place
from aclipse.protections.replacement.roles import replacements
from aclipse.protections.replacement.training import SEXES

Planned = Callable[..., Plan]
HERE = Place(0, 0)

# --- settings


def test_the_defaults_are_the_papers_scenarios_and_layers() -> None:
    s = parse_settings([])
    assert list(s.roles) == ["happy", "sad", "angry"]
    assert s.roles["angry"].sensitive == ("sad", "happy")
    assert s.emotions == ("neutral", "happy", "sad", "angry")
    assert (s.functionals.kind, s.functionals.components) == ("compare", 256)
    assert {width for widths in s.risk.widths for width in widths} == {128, 256}
    assert (s.risk.schedule, s.risk.warm_up, s.methods) == ("constant", 0.0, METHODS)


def test_methods_decide_what_an_autoencoder_learns_and_scenarios_which_emotions() -> None:
    s = parse_settings(["replacement.epochs=7"])
    paper_s, ours, drawn = (s.trained("sad", method) for method in ("rae + grl", "guided", "drawn"))
    assert (paper_s.weight, paper_s.guide, paper_s.redraw, paper_s.draw) == (0.1, 0.0, False, False)
    assert s.trained("sad", "rae").weight == 0
    assert (ours.guide, ours.redraw, ours.draw, ours.epochs) == (1.0, True, False, 7)
    assert drawn == ours.model_copy(update={"draw": True})
    assert ours.required == ("sad",) and ours.roles == s.roles["sad"]


def test_scenarios_of_ones_own_bring_their_emotions() -> None:
    s = parse_settings(['scenarios=[{required=["sad", "calm"], sensitive=["angry"]}]', "methods=['guided']"])
    assert list(s.roles) == ["sad+calm"]
    assert s.emotions == ("neutral", "sad", "calm", "angry")
    assert s.methods == ("raw", "guided")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("wings=2", r"wings is not a setting\. Allowed here: functionals, methods"),
        ('scenarios=[{needed=["sad"]}]', r"scenarios\.0\.needed is not a setting\. Allowed here: neutral, required"),
        ('scenarios=[{required=["sad"]}, {required=["sad"]}]', "each must require something else"),
        ('scenarios=[{required=["happy"]}]', "each emotion has one role alone"),
        ("scenarios=[]", "at least 1 item"),
        ("methods=['magic']", "methods are some of: raw, rae, rae \\+ grl, guided"),
        ("replacement.weight=0.3", "weight cannot be set here"),
        ('replacement.required=["sad"]', "required cannot be set here"),
        ("risk.widths=[[256, 0]]", "greater than 0"),
    ],
)
def test_a_setting_that_does_not_hold_is_refused(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_settings([change])


# --- the paper


def test_the_papers_counts_add_up() -> None:
    for counts in paper.CLIPS.values():
        assert sum(count for emotion, count in counts.items() if emotion != "all") == counts["all"]
    assert sum(counts["all"] for counts in paper.CLIPS.values()) == 10_062


def test_the_papers_cells_are_where_its_tables_have_them() -> None:
    assert len(paper.REPORTED) == 9 * 5 + 3 * 6
    assert paper.REPORTED["sad", "required", "rae + grl", "u"] == 84.2
    assert paper.REPORTED["angry", "sensitive", "rae", "f1"] == 22.9
    assert paper.REPORTED["happy", "all", "rae", "privacy"] == 41.8
    assert paper.REPORTED["angry", "all", "raw", "leakage"] == 69.4


# --- corpora


def test_an_unknown_study_is_refused(voices: Manifest, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no study 'rae-fig9'.*rae-table1"):
        make_plan("rae-fig9", [voices], tmp_path)


def test_clips_without_a_role_are_left_out(voices: Manifest, tmp_path: Path, small: tuple[str, ...]) -> None:
    calm = dataclasses.replace(voices.clips[0], emotion="calm")
    plan = make_plan("rae-table1", [Manifest("m", (calm, *voices.clips[1:]))], tmp_path, (1, 1), small)
    assert len(plan.manifest.clips) == 199
    with pytest.raises(CorpusError, match="a speaker, a sex and one of the emotions neutral, happy"):
        make_plan("rae-table1", [Manifest("m", (calm,))], tmp_path)


def people(sessions: int) -> list[Clip]:
    """Two speakers a session, as in IEMOCAP, each with every emotion."""
    return [
        Clip(f"{s}{sex}{e}", Path("x.wav"), f"{s}{sex}", sex, e, session=f"s{s}", extra={"corpus": "iemocap"})
        for s in range(sessions) for sex in SEXES for e in paper.EMOTIONS
    ]  # fmt: skip


def test_of_iemocap_two_sessions_each_are_learned_from_and_one_is_tested(tmp_path: Path) -> None:
    plan = make_plan("rae-table3", [Manifest("iemocap", tuple(people(5)))], tmp_path)
    for rotation in range(5):
        parts = {part: plan.split(rotation).of(plan.manifest.clips, part) for part in ("primary", "adversary", "test")}
        assert len({clip.session for clip in parts["test"]}) == 1
        assert {clip.sex for clip in parts["test"]} == {"female", "male"}


def test_too_few_speakers_are_an_error_before_anything_is_trained_but_can_be_counted(tmp_path: Path) -> None:
    few = Manifest("few", tuple(people(2)))
    with pytest.raises(CorpusError, match="has 4 speakers and needs 5"):
        make_plan("rae-table4", [few], tmp_path / "new")
    assert len(make_plan("rae-table1", [few], tmp_path / "new").manifest.clips) == 16
    assert not (tmp_path / "new").exists()


# --- jobs


def test_each_study_needs_no_more_than_its_numbers(planned: Planned, tmp_path: Path) -> None:
    counted = {
        study: [sum(isinstance(job, kind) for job in jobs_of(planned(study, tmp_path, size=(2, 1)))) for kind in KINDS]
        for study in ("rae-table1", "rae-table3", "rae-table4", "rae-fig3")
    }
    assert counted == {
        "rae-table1": [0, 0, 0],
        "rae-table3": [6, 24, 42],  # of two rotations and three scenarios: four autoencoders, seven methods
        "rae-table4": [6, 24, 42],
        "rae-fig3": [3, 12, 21],  # of one rotation
    }


def test_jobs_come_after_what_they_build_on_and_what_is_there_is_not_done_again(
    planned: Planned, tmp_path: Path
) -> None:
    plan = planned("rae-fig3", tmp_path)
    found = jobs_of(plan)
    for number, job in enumerate(found):
        assert set(job.after) <= set(found[:number])
    done = [Read(HERE, name, method) for name in plan.settings.roles for method in METHODS if method != "drawn"]
    for job in done:
        job.result(plan).parent.mkdir(parents=True, exist_ok=True)
        job.result(plan).touch()
    left = [title for job in missing(plan) if (title := job.title).startswith("sad")]
    assert left == ["sad: learn the risk model", "sad: train guided", "sad: train drawn", "sad: read drawn"]
    assert set(job_seconds(plan, missing(plan))) == set(missing(plan))


def test_only_readings_after_learning_cost_and_nothing_is_written(planned: Planned, tmp_path: Path) -> None:
    plan = planned("rae-table3", tmp_path / "new")
    rows = {cost.kind: cost for cost in costs(plan)}
    assert rows["clips to make functionals of"].left == 200
    assert [rows[kind].left for kind in KINDS.values()] == [3, 12, 21]
    assert all(cost.seconds > 0 and cost.there == 0 for cost in rows.values())
    seconds = job_seconds(plan, [Read(HERE, "sad", "raw"), Read(HERE, "sad", "rae"), Replace(HERE, "sad", "drawn")])
    first, second, third = seconds.values()
    networks = 2 + 2 + 2  # replaced? of two questions; role and sex at once in two sizes, and each alone
    assert second == pytest.approx(networks / 2 * first) and third == 0
    assert [cost.left for cost in costs(planned("rae-table1", tmp_path / "new"))] == [0, 0, 0, 0]
    assert not (tmp_path / "new").exists()


# --- places


def folders(plan: Plan) -> dict[str, Path]:
    found = [Learn(HERE, "sad"), *(Replace(HERE, "sad", method) for method in ("rae", "guided", "drawn"))]
    found += [Read(HERE, "sad", method) for method in ("raw", "guided", "noise")]  # type: ignore[list-item]
    return {job.title.removeprefix("sad: "): job.folder(plan) for job in found}


ALL = {"learn the risk model", "train rae", "train guided", "train drawn", "read raw", "read guided", "read noise"}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("seed=1", ALL),
        ("functionals.components=8", ALL),
        ("functionals.normalisation=training", ALL),
        ('scenarios=[{required=["sad"], sensitive=["angry", "happy"]}]', ALL),
        ("risk.epochs=2", {"learn the risk model", "read raw", "read guided", "read noise"}),
        ("replacement.epochs=4", ALL - {"learn the risk model", "read raw"}),
        ("risk.tracker=tensorboard", set()),
        ("methods=['guided']", set()),
        ('scenarios=[{required=["sad"], sensitive=["happy", "angry"]}]', set()),
    ],
)
def test_other_settings_have_another_place_where_they_matter(
    change: str, moved: set[str], planned: Planned, tmp_path: Path
) -> None:
    before, after = folders(planned("rae-table3", tmp_path)), folders(planned("rae-table3", tmp_path, change))
    assert {name for name in before if before[name] != after[name]} == moved


def test_other_functionals_or_attackers_have_another_place(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned("rae-table3", tmp_path)
    before = folders(plan)
    with monkeypatch.context() as patch:
        patch.setattr(readings, "VERSION", readings.VERSION + 1)
        after = folders(plan)
        assert {name for name in ALL if before[name] != after[name]} == {"read raw", "read guided", "read noise"}
    monkeypatch.setattr(jobs, "version", lambda kind: f"another {kind}")
    assert {name for name, folder in folders(plan).items() if before[name] != folder} == ALL


def test_each_job_has_a_place_of_its_own(planned: Planned, tmp_path: Path) -> None:
    plan = planned("rae-table3", tmp_path, size=(2, 2))
    results = [job.result(plan) for job in jobs_of(plan)]
    assert len(results) == len(set(results)) == 4 * 36
    assert plan.root.name.startswith("rae-")


# --- what is learned


@given(st.integers(0, 99))
def test_targets_of_sensitive_clips_are_neutral_ones_of_their_corpus_and_all_others_are_their_own(seed: int) -> None:
    clips = [*people(3), *(dataclasses.replace(clip, extra={"corpus": "other"}) for clip in people(2))]
    for roles in paper.SCENARIOS:
        for index, target in enumerate(replacements(clips, roles, seed)):
            if clips[index].emotion in roles.sensitive:
                assert clips[target].emotion == "neutral"
                assert clips[target].extra == clips[index].extra
            else:
                assert target == index
