"""Every federated study whole, from the command to its table; that it resumes; and the laws of leaks and shadows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.atomic import read_table
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments import federating
from aclipse.experiments.federating import paper
from aclipse.experiments.federating.attackers import calibrated, shuffled
from aclipse.experiments.federating.jobs import Learn
from aclipse.experiments.federating.needed import jobs_of, missing
from aclipse.experiments.federating.plan import Plan, make_plan
from aclipse.experiments.federating.readings import CLEAN, Read
from aclipse.experiments.federating.settings import MECHANISMS, Variant, parse_settings
from aclipse.experiments.study.jobs import Place
from aclipse.experiments.updates.leaks import ALL, Leaks, overheard
from aclipse.experiments.updates.shadow import shadow_leaks
from aclipse.protections.user_level_dp.model import Shape

Planned = Callable[..., Plan]
HERE = Place(0, 0)


# --- whole


@pytest.mark.slow
def test_every_study_ends_with_its_table_what_it_was_made_with_and_a_page(finished: Path) -> None:
    for study in federating.STUDIES:
        assert read_table(finished / f"{study}.csv")
        facts = json.loads((finished / f"{study}.json").read_text("utf-8"))
        assert (facts["study"], facts["corpora"]) == (federating.STUDIES[study], ["others", "voices"])
        assert facts["federation"]["rounds"] == 12 and facts["functionals"] == "log-mel"
        assert (finished / f"{study}.md").stat().st_size > 100
    assert len(list(finished.glob("fed-????????/"))) == 1  # what is trained is shared


@pytest.mark.slow
def test_utility_is_beside_training_in_one_place_and_the_most_frequent_answer(finished: Path) -> None:
    rows = read_table(finished / "fed-utility.csv")
    assert [*dict.fromkeys(row["algorithm"] for row in rows)] == ["fedavg", "fedsgd", "central", "majority"]
    assert [*dict.fromkeys(row["metric"] for row in rows)] == [
        "uar", "accuracy", *(f"recall {emotion}" for emotion in paper.EMOTIONS),
    ]  # fmt: skip
    for row in rows:
        if row["algorithm"] == "majority":
            expected = {"uar": 25.0, "accuracy": float(row["chance"])}.get(row["metric"])
            assert expected is None or float(row["value"]) == pytest.approx(expected, abs=0.01)
        if row["algorithm"] == row["metric"] == "uar":
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"])


@pytest.mark.slow
def test_attacks_are_of_every_layer_and_every_secret(finished: Path) -> None:
    found = {
        (row["algorithm"], row["attacker"], row["secret"], row["metric"])
        for row in read_table(finished / "fed-attack.csv")
    }
    for algorithm in ("fedavg", "fedsgd"):
        sex = {(algorithm, attacker, "sex", "uar") for attacker in ("first", "second", "third", "fused", "shuffled")}
        others = {(algorithm, "linking", "speaker", metric) for metric in ("eer", "auc")}
        assert sex | others | {(algorithm, "member", "member", "auc")} <= found
    assert ("fedsgd", "inversion", "features", "cosine") in found
    assert ("fedavg", "inversion", "features", "cosine") not in found


@pytest.mark.slow
def test_the_grid_has_every_mechanism_attacker_and_number_of_updates(finished: Path) -> None:
    rows = read_table(finished / "fed-udp.csv")
    assert [*dict.fromkeys(row["mechanism"] for row in rows)] == [*MECHANISMS]
    sex = [row for row in rows if row["measure"] == "sex"]
    assert {(row["attacker"], row["n"]) for row in sex} == {(a, n) for a in ("ignorant", "aware") for n in ("1", "all")}
    emotion = [row for row in rows if row["measure"] == "emotion"]
    assert len(emotion) == len({(row["mechanism"], row["epsilon"]) for row in rows})
    assert all((row["change"] == "") == (row["mechanism"] == "none") for row in emotion)
    label = next(row for row in emotion if row["mechanism"] == "paper")
    assert float(label["honest"]) > 0 and label["delta"] == ""
    strict = {row["mechanism"]: row["view"] for row in rows if row["mechanism"].startswith("strict")}
    assert strict == {"strict-central": "central", "strict-local": "local"}
    assert all(row["snr_db"] == "" for row in sex if row["mechanism"] in ("none", "pruned", "dropout"))


@pytest.mark.slow
def test_what_is_promised_is_written_beside_the_grid(finished: Path) -> None:
    facts = json.loads((finished / "fed-udp.json").read_text("utf-8"))
    assert set(facts["guarantees"]) == {"voices: strict-central at 8", "voices: strict-local at 8"}
    assert any("unit: one client" in line for line in facts["guarantees"]["voices: strict-central at 8"])


@pytest.mark.slow
def test_a_finished_study_trains_nothing_again_and_repeats_its_table(
    finished: Path, carried_out: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished / "fed-udp.csv").read_bytes()
    monkeypatch.setattr(Learn, "work", None)
    monkeypatch.setattr(Read, "work", None)
    assert carried_out("fed-udp", finished) == 0
    assert (finished / "fed-udp.csv").read_bytes() == before


@pytest.mark.slow
def test_costs_are_of_what_is_left_and_nothing_is_written(planned: Planned, tmp_path: Path) -> None:
    plan = planned("fed-udp", tmp_path)
    rows = federating.costs(plan)
    assert [row.left for row in rows] == [len(plan.manifest.clips), *(
        sum(isinstance(job, kind) for job in jobs_of(plan)) for kind in (Learn, Read)
    )]  # fmt: skip
    assert all(row.seconds > 0 for row in rows) and not any(tmp_path.iterdir())


# --- plans


def test_a_study_needs_a_second_corpus(two: list[Manifest], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="second --corpus"):
        make_plan("fed-udp", two[:1], tmp_path)


def test_a_private_corpus_must_be_there(planned: Planned, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="private=mine"):
        planned("fed-udp", tmp_path, 'private=["mine"]')


@pytest.mark.parametrize(
    "change", ["mechanisms=['magic']", "federation.dropout=0.3", "epsilons=[0]", "delta=1", "leaked=[]"]
)
def test_settings_that_do_not_hold_are_refused(change: str) -> None:
    with pytest.raises(RecipeError):
        parse_settings([change])


def test_nobody_who_is_judged_takes_part_and_folds_cover_everybody(planned: Planned, tmp_path: Path) -> None:
    plan = planned("fed-udp", tmp_path, size=(5, 1))
    judged: list[str] = []
    for rotation in range(5):
        split = plan.split(rotation)
        parts = [{clip.speaker for clip in split.of(plan.manifest.clips, part)} for part in ("train", "test")]
        assert not parts[0] & parts[1]
        judged += parts[1]
    assert sorted(judged) == sorted({clip.speaker for clip in plan.manifest.clips})


def test_attackers_do_not_depend_on_the_fold_and_are_shared(planned: Planned, tmp_path: Path) -> None:
    plan = planned("fed-udp", tmp_path, size=(5, 1))
    jobs = jobs_of(plan)
    variants = plan.settings.variants
    assert sum(isinstance(job, Learn) for job in jobs) == 1 + len(variants)
    assert sum(isinstance(job, Read) for job in jobs) == 5 * len(variants)
    assert missing(plan) == jobs


def test_other_settings_have_another_place(planned: Planned, tmp_path: Path) -> None:
    job = Learn(HERE, "voices", "fedavg", Variant("strict-central", 8.0), aware=True)
    here, there = planned("fed-udp", tmp_path), planned("fed-udp", tmp_path, "delta=0.004")
    assert job.folder(here) != job.folder(there)
    clean = Learn(HERE, "voices", "fedavg", CLEAN)
    assert clean.folder(here) == clean.folder(there)


# --- leaks


def test_means_are_of_a_clients_own_updates(planned: Planned, tmp_path: Path) -> None:
    bench = planned("fed-udp", tmp_path).open(HERE)
    leaks = overheard([bench.private("voices", "fedavg", CLEAN)])[0].leaks
    whole = leaks.averaged(ALL, 5, 0)
    assert len(whole) == len({client.id for client in leaks.clients})
    for place, client in enumerate(whole.clients):
        own = [number for number, other in enumerate(leaks.clients) if other.id == client.id]
        torch.testing.assert_close(whole.updates[place], leaks.updates[own].float().mean(0))


def test_noise_of_a_mean_has_an_nth_of_the_variance() -> None:
    shape = Shape(8, 4)
    clients = [torch.nn.Identity()] * 40
    for client in clients:
        client.id, client.speaker, client.sex = "a", "a", "female"  # type: ignore[assignment]
    noise = torch.randn(40, shape.size, generator=torch.Generator().manual_seed(0))
    leaks = Leaks(shape, noise, clients, list(range(40)))  # type: ignore[arg-type]
    for count in (1, 4, 10):
        assert float(leaks.averaged(count, 20, 0).updates.var()) == pytest.approx(1 / count, rel=0.03)


def test_shadows_begin_where_the_private_federation_begins(planned: Planned, tmp_path: Path) -> None:
    bench = planned("fed-udp", tmp_path).open(HERE)
    private, shadows = bench.private("voices", "fedavg", CLEAN), bench.shadows("voices", "fedavg", CLEAN)
    assert all(torch.equal(one.weights, private.weights) for one in shadows)
    speakers = {client.speaker for one in shadows for client in one.clients}
    assert not speakers & {client.speaker for client in private.clients}
    assert len(shadow_leaks(shadows)) == sum(len(chosen) for one in shadows for chosen in one.rounds)


def test_in_the_central_view_a_client_is_what_was_summed_up_in_its_rounds(planned: Planned, tmp_path: Path) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra federated")
    bench = planned("fed-udp", tmp_path).open(HERE)
    released = []
    federation = bench.private("voices", "fedavg", Variant("strict-central", 8.0))
    leaks = overheard([federation], on_leak=lambda leak: released.append(leak.released))[0].leaks
    sums = torch.stack(released) * federation.mechanism.expected
    every = -sums / federation.settings.learning_rate
    centred = every - every.mean(0)
    for update, number in zip(leaks.updates, leaks.rounds, strict=True):
        assert float((update.float() - centred[number]).norm() / centred[number].norm()) < 2e-3  # half precision


def test_the_control_deals_sexes_anew_by_speaker(planned: Planned, tmp_path: Path) -> None:
    bench = planned("fed-udp", tmp_path).open(HERE)
    speech = overheard([bench.private("voices", "fedavg", CLEAN)])[0].leaks.of_layer("third")
    control = shuffled(speech, 0)
    assert sorted(c.sex for c in {c.speaker: c for c in control.clips}.values()) == sorted(
        c.sex for c in {c.speaker: c for c in speech.clips}.values()
    )
    assert len({(c.speaker, c.sex) for c in control.clips}) == len({c.speaker for c in speech.clips})
    assert np.array_equal(control.wave(0), speech.wave(0))


def test_published_numbers_are_those_of_the_fact_sheet() -> None:
    assert paper.utility("crema-d", "fedavg", "uar") == 66.38
    assert paper.attack("crema-d", "fedavg") == 81.98
    assert (paper.udp("crema-d", None), paper.udp("crema-d", 5.0)) == (66.3, 62.8)
    assert (paper.udp("iemocap", 50.0, 0), paper.udp("msp-improv", None, 1)) == (76.2, 86.7)
    assert paper.udp("ravdess", 5.0) == paper.attack("ravdess", "fedavg") == ""


def test_a_shadow_has_the_noise_of_the_federation_that_it_imitates(planned: Planned, tmp_path: Path) -> None:
    bench = planned("fed-udp", tmp_path).open(HERE)
    label = Variant("paper", 10.0)
    private, shadow = bench.private("voices", "fedavg", label), bench.shadows("voices", "fedavg", label)[0]
    counts = sorted(len(client.labels) for client in private.clients)
    assert shadow.count_of(shadow.clients[0]) == int(np.median(counts)) != len(shadow.clients[0].labels)


def test_threshold_and_scale_of_a_calibrated_attacker_need_no_labels() -> None:
    found = np.array([3.0, 5.0, 9.0])
    np.testing.assert_allclose(calibrated(found), [-2.0, 0.0, 4.0])


def test_nobody_taking_part_is_an_error(planned: Planned, tmp_path: Path) -> None:
    bench = planned("fed-udp", tmp_path).open(HERE)
    federation = bench.private("voices", "fedavg", CLEAN)
    federation.rounds = [() for _ in federation.rounds]
    with pytest.raises(CorpusError, match="nobody took part"):
        _ = overheard([federation])[0].leaks
