"""The replacement autoencoder on a device: one vector a recording, the same again, drawn only where that is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aclipse.audio.functionals import functionals, names
from aclipse.contracts import Clip, Features, Release, Wave
from aclipse.errors import CorpusError, RunError
from aclipse.models.dense import DenseClassifier
from aclipse.protections.replacement import method
from aclipse.protections.replacement.method import Drawer, Replacement, drawer_of
from aclipse.protections.replacement.network import ReplacementNetwork
from aclipse.protections.replacement.roles import ROLES, Roles
from aclipse.training import checkpoint
from aclipse.training.projection import Projection, ProjectionSettings, fit_projection, ranges_of

SIZE = 6


def sound(seed: int = 0, samples: int = 6000) -> Wave:
    rng = np.random.default_rng(seed)
    return (rng.uniform(0.02, 0.3) * rng.standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def rows() -> Features:
    """Functionals of two speakers, five recordings each."""
    return np.concatenate([functionals(sound(seed), "log-mel") for seed in range(100, 110)])


def projection(rows: Features, normalisation: str = "speaker") -> Projection:
    clips = [Clip(f"c{i}", Path(f"c{i}.wav"), f"s{i // 5}", extra={"corpus": "x"}) for i in range(len(rows))]
    settings = ProjectionSettings.model_validate(
        {"kind": "log-mel", "normalisation": normalisation, "components": SIZE}
    )
    return fit_projection(rows, clips, settings)


def gate() -> DenseClassifier:
    """Takes for sensitive whatever is positive in its first number, else for neutral."""
    classifier = DenseClassifier(ROLES, SIZE, widths=())
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.copy_(torch.tensor([0.0, -9.0, 0.0]))
        classifier.head.weight[ROLES.index("sensitive"), 0] = 1.0
    return classifier


def drawer() -> Drawer:
    return Drawer(gate(), torch.tensor([0.5, -0.5]), torch.tensor([[0.6, 0.0], [0.2, 0.3]]))


def some(count: int) -> Features:
    """Vectors of which the gate takes about half for sensitive."""
    return np.random.default_rng(0).standard_normal((count, SIZE)).astype(np.float32)


def protection(rows: Features, draws: bool = False, normalisation: str = "speaker") -> Replacement:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = ReplacementNetwork(SIZE, 2)
    return Replacement(network, projection(rows, normalisation), Roles(), drawer() if draws else None)


@pytest.mark.parametrize("draws", [False, True])
def test_a_release_is_one_vector_the_same_again_and_the_wave_stays(rows: Features, draws: bool) -> None:
    made, wave = protection(rows, draws), sound()
    untouched = wave.copy()
    found = made.release(wave, 3)
    assert (found.shape, found.dtype) == ((1, SIZE), np.dtype(np.float32))
    assert np.array_equal(found, made.release(wave, 3))
    assert np.array_equal(wave, untouched)
    assert made.releases is Release.FEATURES


def test_a_release_is_the_networks_of_the_projected_functionals(rows: Features) -> None:
    made, wave = protection(rows), sound()
    row = functionals(wave, "log-mel")
    expected = made.projection.apply(row, made.projection.range_for())
    torch.testing.assert_close(torch.from_numpy(made.release(wave)), made.network(torch.from_numpy(expected)))
    own = ranges_of(np.concatenate([row - 1, row + 3]))
    expected = made.projection.apply(row, own)
    torch.testing.assert_close(torch.from_numpy(made.release(wave, 0, own)), made.network(torch.from_numpy(expected)))


@pytest.mark.parametrize("samples", [0, 1, 399, 20_000])
def test_any_length_gives_one_finite_vector(rows: Features, samples: int) -> None:
    found = protection(rows).release(sound(samples=samples))
    assert found.shape == (1, SIZE)
    assert np.isfinite(found).all()


def test_blocks_equal_the_whole(rows: Features) -> None:
    made, wave = protection(rows, draws=True), sound()
    (found,) = made.release_blocks([wave[:100], wave[100:100], wave[100:]], 5)
    assert np.array_equal(found, made.release(wave, 5))
    (nothing,) = made.release_blocks([], 5)
    assert np.array_equal(nothing, made.release(np.zeros(0, np.float32), 5))


# --- what is drawn


def test_seeds_matter_only_where_something_is_drawn(rows: Features) -> None:
    vectors = np.abs(some(4))  # all taken for sensitive
    plain, drawing = protection(rows), protection(rows, draws=True)
    assert np.array_equal(plain.replaced(vectors, 0), plain.replaced(vectors, 1))
    assert np.array_equal(drawing.replaced(vectors, 0), drawing.replaced(vectors, 0))
    assert not np.isclose(drawing.replaced(vectors, 0), drawing.replaced(vectors, 1)).all(1).any()
    assert np.array_equal(drawing.replaced(-vectors, 0), drawing.replaced(-vectors, 1))


def test_exactly_what_the_gate_takes_for_sensitive_is_replaced(rows: Features) -> None:
    vectors = some(300)
    drawn, plain = protection(rows, draws=True).replaced(vectors, 7), protection(rows).replaced(vectors, 7)
    assert np.array_equal((drawn != plain).any(1), vectors[:, 0] > 0)
    assert len(np.unique(drawn, axis=0)) == len(drawn)  # what comes twice would tell that it was drawn


def test_of_what_is_replaced_nothing_but_chance_remains() -> None:
    vectors = torch.from_numpy(np.abs(some(5)))
    one, other = (drawer()(vectors, torch.full((5, 2), value), 0) for value in (0.0, 9.0))
    assert torch.equal(one, other)


def test_a_draw_is_of_its_vector_and_seed_never_of_its_company() -> None:
    made, vectors, embedded = drawer(), torch.from_numpy(some(20)), torch.randn(20, 2)
    state = torch.get_rng_state()
    whole = made(vectors, embedded, 3)
    alone = [made(vectors[i : i + 1], embedded[i : i + 1], 3) for i in range(20)]
    assert torch.equal(whole, torch.cat(alone))
    assert torch.equal(whole.flip(0), made(vectors.flip(0), embedded.flip(0), 3))
    assert torch.equal(torch.get_rng_state(), state)


def test_draws_have_the_mean_and_covariance_that_the_drawer_says() -> None:
    made, vectors = drawer(), torch.from_numpy(np.abs(some(4000)))
    found = made(vectors, torch.zeros(4000, 2), 0)
    torch.testing.assert_close(found.mean(0), made.mean, rtol=0, atol=5 * 0.6 / 4000**0.5)
    torch.testing.assert_close(torch.cov(found.T), made.factor @ made.factor.T, rtol=0, atol=0.04)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_a_drawer_is_as_the_encoded_clips_it_is_made_of(count: int) -> None:
    embedded = torch.randn(count, 4, generator=torch.Generator().manual_seed(5)) + 3
    made = drawer_of(gate(), embedded)
    torch.testing.assert_close(made.mean, embedded.mean(0))
    expected = np.cov(embedded.numpy().T)
    np.testing.assert_allclose((made.factor @ made.factor.T).numpy(), expected, atol=1e-5)


def test_one_neutral_clip_is_too_few_to_draw_from() -> None:
    with pytest.raises(CorpusError, match="1 neutral training clip is too few to draw replacements from"):
        drawer_of(gate(), torch.zeros(1, 4))


@pytest.mark.parametrize("seed", [0, 2**48, 2**63 + 1, 2**200])
def test_any_seed_draws(rows: Features, seed: int) -> None:
    assert protection(rows, draws=True).replaced(np.ones((1, SIZE), np.float32), seed).shape == (1, SIZE)


@pytest.mark.parametrize("draws", [False, True])
def test_of_no_vectors_none_are_released(rows: Features, draws: bool) -> None:
    assert protection(rows, draws).replaced(np.zeros((0, SIZE), np.float32)).shape == (0, SIZE)


@pytest.mark.parametrize("shape", [(1, SIZE - 1), (SIZE,), (1, 1, SIZE)])
def test_vectors_of_another_size_are_refused(rows: Features, shape: tuple[int, ...]) -> None:
    with pytest.raises(RunError, match=r"do not have the 6 numbers of this projection"):
        protection(rows).replaced(np.zeros(shape, np.float32))


def test_a_release_is_given_back_as_functionals(rows: Features) -> None:
    made = protection(rows, normalisation="training")
    found = made.functionals(made.release(sound()))
    assert found.shape == (1, len(made.projection.names)) == (1, len(names("log-mel")))
    assert np.array_equal(found, made.projection.undo(made.release(sound())))


# --- who is enrolled


def test_an_enrolled_speaker_is_ranged_by_own_recordings(rows: Features) -> None:
    made, waves = protection(rows), [sound(seed) for seed in (1, 2, 3)]
    own = made.enrolled(waves)
    expected = ranges_of(np.concatenate([functionals(wave, "log-mel") for wave in waves]))
    assert np.array_equal(own.release(waves[0]), made.release(waves[0], ranges=expected))
    assert not np.array_equal(own.release(waves[0]), made.release(waves[0]))
    assert made.speaker is None
    assert repr(own) != repr(made)
    assert repr(own) == repr(made.enrolled(waves)) != repr(made.enrolled(waves[:2]))


@pytest.mark.parametrize("normalisation", ["corpus", "training"])
def test_where_speakers_do_not_normalise_nobody_needs_to_enrol(rows: Features, normalisation: str) -> None:
    made = protection(rows, normalisation=normalisation)
    assert made.enrolled([]) is made


def test_one_recording_enrols_nobody(rows: Features) -> None:
    with pytest.raises(CorpusError, match="1 recording of a speaker has no range"):
        protection(rows).enrolled([sound()])


# --- saved and loaded


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("normalisation", ["speaker", "corpus", "training"])
def test_saved_and_loaded_it_releases_the_same(rows: Features, draws: bool, normalisation: str, tmp_path: Path) -> None:
    made = protection(rows, draws, normalisation)
    made.save(tmp_path / "weights.safetensors")
    again = Replacement.load(tmp_path / "weights.safetensors")
    assert repr(again) == repr(made)
    assert again.roles == made.roles
    assert (again.drawer is not None) == draws
    assert np.array_equal(again.replaced(some(9), 3), made.replaced(some(9), 3))
    assert np.array_equal(again.release(sound(), 3), made.release(sound(), 3))
    assert np.array_equal(again.enrolled([sound(1), sound(2)]).release(sound()),
                          made.enrolled([sound(1), sound(2)]).release(sound()))  # fmt: skip


def test_two_look_alike_only_if_they_release_alike(rows: Features) -> None:
    made = protection(rows)
    others = [protection(rows, draws=True), protection(rows, normalisation="corpus"), protection(rows[:8])]
    moved = protection(rows)
    moved.network.decoder[-1].bias.data[0] += 1e-3
    told = [repr(one) for one in (made, *others, moved)]
    assert len(set(told)) == len(told)
    assert repr(protection(rows)) == told[0]


def test_what_is_frozen_stays(rows: Features) -> None:
    made = protection(rows, draws=True)
    assert made.drawer is not None
    assert not any(p.requires_grad for p in (*made.network.parameters(), *made.drawer.gate.parameters()))
    assert not made.drawer.gate.training


def test_other_weights_are_refused(rows: Features, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    checkpoint.save_module(path, DenseClassifier(("a", "b"), 4))
    with pytest.raises(RunError, match="does not hold a replacement autoencoder"):
        Replacement.load(path)
    made = protection(rows)
    tensors, facts = made._state()
    for broken in (
        {"roles": {"neutral": ["sad"]}},
        {"network": {"size": SIZE, "depth": 3}},
        {"projection": {"kind": "mfcc"}},
    ):
        checkpoint.save(path, tensors, {**facts, **broken})
        with pytest.raises(RunError, match="does not hold a replacement autoencoder"):
            Replacement.load(path)
    without = {name: tensor for name, tensor in tensors.items() if name != "projection.mean"}
    checkpoint.save(path, without, facts)
    with pytest.raises(RunError, match="does not hold a replacement autoencoder"):
        Replacement.load(path)


def test_weights_of_another_size_are_refused(rows: Features, tmp_path: Path) -> None:
    tensors, facts = protection(rows)._state()
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, tensors, {**facts, "network": {"size": SIZE + 1, "embedding": 2}})
    with pytest.raises(RunError, match=r"weights\.safetensors: Error.*\s*size mismatch"):
        Replacement.load(path)


def test_functionals_of_another_version_are_refused(rows: Features, tmp_path: Path) -> None:
    tensors, facts = protection(rows)._state()
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, tensors, {**facts, "functionals": "log-mel statistics 0"})
    with pytest.raises(RunError, match=r"weights\.safetensors: fitted to functionals of log-mel statistics 0"):
        Replacement.load(path)


def test_weights_that_are_not_finite_are_refused(rows: Features, tmp_path: Path) -> None:
    made = protection(rows)
    made.network.decoder[-1].bias.data[0] = torch.nan
    made.save(tmp_path / "weights.safetensors")
    with pytest.raises(RunError, match=r"network\.decoder\.4\.bias holds NaN or infinite values"):
        Replacement.load(tmp_path / "weights.safetensors")


def test_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        Replacement.load(tmp_path / "weights.safetensors")


def test_functionals_are_computed_once_a_release(rows: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    made, calls = protection(rows, draws=True), []
    monkeypatch.setattr(method, "functionals", lambda wave, kind: calls.append(kind) or functionals(wave, kind))
    made.release(sound())
    assert calls == ["log-mel"]
