"""A run whose phones send updates: what is trained, what its folder holds, how it is judged and what it cannot do."""

from __future__ import annotations

import csv
import json
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import interrupt

from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError, RunError
from aclipse.experiments.audit import audit
from aclipse.experiments.frontier import Sweep, frontier
from aclipse.experiments.ladder.rivals import beside
from aclipse.experiments.recipe import Recipe, parse_recipe
from aclipse.experiments.run import find, load_protection, prepare, reopen, train
from aclipse.experiments.updates import training
from aclipse.experiments.updates.subjects import own_name, subjects
from aclipse.experiments.updates.training import divided, promises
from aclipse.experiments.updates.training import reopen as reopen_updates
from aclipse.protections.user_level_dp.settings import FederationSettings, PrivacySettings
from aclipse.records import Run
from aclipse.training import checkpoint

TINY = {
    "release": "updates",
    "split": {"folds": 3},
    "federation": {"rounds": 3, "share": 0.7, "batch_size": 8},
    "privacy": {"mode": "paper", "epsilon": 10.0},
    "updates": {"shadow": {"models": 2, "clients": 2}, "attack": {"epochs": 1}},
    "audit": {"level": "quick", "secrets": ["sex", "speaker"], "draws": 100},
}
STRICT = ["federation.share=1.0", "privacy.mode=strict", "privacy.delta=0.3", "privacy.clip=1.0"]


def asked(*changes: str) -> Recipe:
    return parse_recipe(deepcopy(TINY), "tiny", changes)


def twice(corpus: Manifest) -> Manifest:
    """A second corpus of other speakers, in which the adversary finds two of each sex."""
    own = [replace(clip, extra={"corpus": "tones"}) for clip in corpus.clips]
    other = [
        replace(clip, id=f"x/{clip.id}", speaker=f"x/{clip.speaker}", extra={"corpus": "others"})
        for clip in corpus.clips
    ]
    return Manifest("both", (*own, *other))


@pytest.fixture(scope="module")
def both(corpus: Manifest) -> Manifest:
    return twice(corpus)


@pytest.fixture(scope="module")
def federated(both: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "updates"
    train(asked(), both, folder)
    return folder


def rows(path: Path, **wanted: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


# --- trained


def test_a_run_keeps_the_global_model_and_says_what_is_promised(federated: Path) -> None:
    facts, weights = Run(federated).facts, Run(federated).weights("federated")
    tensors, said = checkpoint.load(weights)
    assert tensors["weights"].shape == (said["numbers"],) and said == facts["federated"]
    assert facts["weights"].keys() == {"federated"} and facts["federated"]["clients"] == 3
    assert facts["federated"]["view"] == "local" and "promises nothing" in facts["federated"]["guarantee"][0]
    assert facts["federated"]["shadow"] == "6 speakers of others"


def test_who_takes_part_is_of_the_first_corpus_or_of_the_one_named(both: Manifest) -> None:
    sides = divided(both, asked())
    assert {clip.extra["corpus"] for clip in sides.private} == {"tones"}
    assert {clip.extra["corpus"] for clip in sides.shadow} == {"others"}
    assert {clip.extra["corpus"] for clip in divided(both, asked("updates.private=others")).private} == {"others"}
    with pytest.raises(RecipeError, match="there is no corpus 'third'"):
        divided(both, asked("updates.private=third"))


def test_of_one_corpus_alone_the_adversary_has_who_does_not_take_part(corpus: Manifest, tmp_path: Path) -> None:
    sides = divided(corpus, asked())
    speakers = {clip.speaker for clip in sides.shadow}
    assert speakers and not speakers & {clip.speaker for clip in sides.of("train")}
    run = train(asked(), corpus, tmp_path / "run")
    assert "same corpus" in run.facts["federated"]["shadow"]


def test_a_killed_training_is_done_again_to_the_same_weights(
    federated: Path, both: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, training, "overheard", 1)
        with pytest.raises(KeyboardInterrupt):
            train(asked(), both, tmp_path / "run")
    assert not (tmp_path / "run" / "federated").exists()
    with pytest.raises(RunError, match="no federated model yet"):
        audit(tmp_path / "run")
    with pytest.raises(RunError, match="already holds a run"):
        train(asked(), both, tmp_path / "run")
    train(asked(), both, tmp_path / "run", resume=True)
    assert Run(tmp_path / "run").facts["weights"] == Run(federated).facts["weights"]


def test_strict_privacy_keeps_the_last_model_and_states_its_guarantee(both: Manifest, tmp_path: Path) -> None:
    pytest.importorskip("dp_accounting", reason="ε is accounted for by dp-accounting (extra federated)")
    run = train(asked(*STRICT), both, tmp_path / "run")
    facts = run.facts["federated"]
    assert facts["chosen"] == "last" and facts["view"] == "central"
    assert facts["guarantee"][0].startswith("ε = 10 at δ = 0.3")
    federation = training.reopen(tmp_path / "run")
    rules = federation.recipe
    (listener,) = training.overheard(
        [federation.federation(federation.rows, rules.federation, rules.privacy, rules.seed)], choose=True
    )
    weights = checkpoint.load(run.weights("federated"))[0]["weights"]
    assert weights.equal(listener.federation.weights) and weights.equal(listener.kept)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (["federation.share=1.0", "privacy.mode=strict", "privacy.delta=0.5"], RecipeError, "δ = 0.5 with 3 users"),
        (["privacy.mode=strict"], RecipeError, "strict needs a delta"),
        (["split.kind=utterance-kfold"], RecipeError, "speakers who have taken part"),
        (['corpus.emotions=["calm", "sad"]'], CorpusError, "calm"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    both: Manifest, tmp_path: Path, changes: list[str], error: type[Exception], message: str
) -> None:
    pytest.importorskip("dp_accounting", reason="ε is accounted for by dp-accounting (extra federated)")
    with pytest.raises(error, match=message):
        train(asked(*changes), both, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_is_promised_without_noise(federated: Path) -> None:
    found = reopen_updates(federated)
    federation = found.federation(found.rows, found.recipe.federation, PrivacySettings(), 0)
    assert promises(federation) == [training.NOTHING]


# --- what it cannot do


def test_no_recording_can_be_protected_with_it_nor_swept(federated: Path) -> None:
    for refused in (load_protection, find, reopen, lambda run: frontier([run], Sweep([0.5], [], []))):
        with pytest.raises(RunError, match="what leaves a phone there is an update of training"):
            refused(federated)
    with pytest.raises(RunError, match="is an update of training"):
        load_protection(federated / "federated" / "weights.safetensors")


def test_it_has_no_recognisers(both: Manifest, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recognisers to train first"):
        prepare(asked(), both, tmp_path / "run")


def test_it_cannot_stand_beside_sound(federated: Path, trained: Path) -> None:
    prepared = reopen(trained, [f'audit.beside=["{federated}"]'])
    with pytest.raises(RunError, match="is an update of training"):
        beside(prepared, [])


# --- judged


@pytest.fixture(scope="module")
def judged(federated: Path) -> Path:
    audit(federated)
    return federated


def test_the_audit_writes_the_tables_of_every_audit(judged: Path) -> None:
    folder = judged / "audit"
    scores = rows(folder / "scores.csv")
    assert list(dict.fromkeys(row["subject"] for row in scores)) == [
        "user-level-dp", "identity", "silence", "low-pass", "white-noise",
    ]  # fmt: skip
    met = {(row["secret"], row["judge"], row["knowledge"]) for row in scores if row["subject"] == "user-level-dp"}
    assert met == {
        ("emotion", "federated", "retrained"),
        *(("sex", judge, level) for judge in ("one-update", "all-updates") for level in ("ignorant", "retrained")),
        *(("speaker", "one-update", level) for level in ("ignorant", "retrained")),
    }
    for name in ("clips", "attackers", "learning", "pairs", "slices", "budget", "purifiers"):
        assert (folder / f"{name}.csv").is_file()
    said = json.loads((folder / "audit.json").read_text("utf-8"))
    assert set(said["promises"]) == {row["subject"] for row in scores} and said["left_out"]
    assert rows(folder / "pairs.csv", other="identity", metric="uar") and not (folder / "listen").exists()


def test_where_nothing_leaves_nothing_is_told(judged: Path) -> None:
    silent = rows(judged / "audit" / "scores.csv", subject="silence", metric="sex_uar")
    assert len(silent) == 4 and all(float(row["value"]) == 0.5 for row in silent)
    (linked, _) = rows(judged / "audit" / "scores.csv", subject="silence", metric="eer")
    assert float(linked["value"]) == pytest.approx(0.5)


def test_what_an_audit_has_done_is_kept_and_gives_the_same(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aclipse.experiments.updates import attacks

    before = (judged / "audit" / "scores.csv").read_bytes()
    monkeypatch.setattr(attacks, "_attack", lambda *given: pytest.fail("it is there"))
    audit(judged)
    assert (judged / "audit" / "scores.csv").read_bytes() == before


def test_the_same_audit_elsewhere_gives_the_same_scores(judged: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(judged, tmp_path / "again", ignore=shutil.ignore_patterns("audit"))
    audit(folder)
    assert (folder / "audit" / "scores.csv").read_bytes() == (judged / "audit" / "scores.csv").read_bytes()


def test_another_mechanism_stands_beside_and_sound_of_the_same_speakers_may_not_have_learned_from_the_test(
    federated: Path, both: Manifest, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("dp_accounting", reason="ε is accounted for by dp-accounting (extra federated)")
    train(asked(*STRICT), both, tmp_path / "strict")
    found = reopen_updates(federated, [f'audit.beside=["{tmp_path / "strict"}"]'])
    names = [one.name for one in subjects(found, ())]
    assert names == ["user-level-dp", "identity", "user-level-dp strict"]
    found = reopen_updates(federated, [f'audit.beside=["{trained}"]'])
    if Run(trained).facts["split"]["hash"] != found.sides.split.hash:
        with pytest.raises(RunError, match="has learned from recordings that are tested"):
            subjects(found, ())
    else:
        assert [one.name for one in subjects(found, ())][-1] == "cascade"


def test_vectors_cannot_become_updates(federated: Path, corpus: Manifest, tmp_path: Path) -> None:
    settings = {"release": "functionals", "split": {"folds": 3}, "functionals": {"kind": "log-mel", "components": 8}}
    quick = {"replacement": {"epochs": 1, "embeddings": [4]}, "evaluators": {"emotion": {"epochs": 1}}}
    train(parse_recipe(settings | quick, "vectors"), corpus, tmp_path / "vectors")
    found = reopen_updates(federated, [f'audit.beside=["{tmp_path / "vectors"}"]'])
    with pytest.raises(RunError, match="releases one vector of a recording, which is no sound"):
        subjects(found, ())


def test_a_mechanism_has_its_name() -> None:
    plain = FederationSettings()
    assert own_name(plain, PrivacySettings()) == "federated"
    assert own_name(plain, PrivacySettings(pruned=0.5)) == "pruned"
    assert own_name(plain, PrivacySettings(mode="layered", epsilon=5.0)) == "layered-noise"
    assert own_name(FederationSettings(selection="representative"), PrivacySettings()) == "representative"
