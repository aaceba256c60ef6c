"""Sums that nobody but the clients can read: right to a few millionths, and refused where they would not be."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

from aclipse.errors import MissingExtra, RecipeError
from aclipse.protections.user_level_dp.encryption import DEGREE, FLOOD, LARGEST, Adder, Decryptor, encrypted_mean

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))


def updates(count: int, size: int, scale: float = 0.05) -> torch.Tensor:
    return scale * torch.randn(count, size, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def clients() -> Decryptor:
    pytest.importorskip("tenseal", reason="tenseal is not installed (extra: encryption)")
    return Decryptor()


@pytest.mark.parametrize("size", [1, DEGREE // 2, DEGREE // 2 + 1, 5000])
def test_the_mean_of_encrypted_updates(clients: Decryptor, size: int) -> None:
    given = updates(12, size)
    found = encrypted_mean(given, seed=1)
    assert found.shape == (size,)
    assert (found.double() - given.double().mean(0)).abs().max() < 6 * FLOOD / 12 + 1e-7


def test_the_error_of_a_sum_is_the_noise_that_covers_it(clients: Decryptor) -> None:
    given = updates(3, 20_000)
    total = clients.encrypt(given[0], 3), *(clients.encrypt(update, 3) for update in given[1:])
    error = clients.decrypt(Adder(clients.public).add(total)).double() - given.double().sum(0)
    assert float(error.std()) == pytest.approx(FLOOD, rel=0.05)
    again = clients.decrypt(Adder(clients.public).add(total)).double() - given.double().sum(0)
    assert torch.corrcoef(torch.stack([error, again]))[0, 1].abs() < 0.05  # scheme's own errors are next to none


def test_the_server_cannot_read_and_says_so(clients: Decryptor) -> None:
    server = Adder(clients.public)
    assert clients.reads and not server.reads
    with pytest.raises(ValueError, match="secret"):
        server._vector(clients.encrypt(torch.ones(5))[0]).decrypt()


def test_a_stranger_with_another_key_reads_nothing(clients: Decryptor) -> None:
    sent = clients.encrypt(torch.ones(500))
    assert (Decryptor().decrypt(sent)[:500] - 1).abs().median() > 1


def test_one_number_encrypted_twice_looks_different(clients: Decryptor) -> None:
    assert clients.encrypt(torch.ones(5)) != clients.encrypt(torch.ones(5))


def test_another_client_with_the_key_reads_the_sum(clients: Decryptor) -> None:
    other = Decryptor(clients.secret)
    total = Adder(clients.public).add([clients.encrypt(torch.ones(5), 2), other.encrypt(torch.ones(5), 2)])
    torch.testing.assert_close(other.decrypt(total), torch.full((5,), 2.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_up_to_the_largest_add_up(clients: Decryptor, sign: int) -> None:
    given = torch.full((4, 3000), sign * LARGEST / 4 * 0.999)
    torch.testing.assert_close(encrypted_mean(given), given[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("number", [LARGEST / 4, math.inf, math.nan])
def test_numbers_that_would_overflow_are_refused(clients: Decryptor, number: float) -> None:
    with pytest.raises(RecipeError, match=r"in each of 4 updates could add up to more than 2048.*Clip"):
        clients.encrypt(torch.tensor([0.0, number]), 4)


def test_updates_of_unlike_sizes_do_not_add_up(clients: Decryptor) -> None:
    server = Adder(clients.public)
    for sizes in ((5, 5000), ()):
        with pytest.raises(RecipeError, match=f"{len(sizes)} encrypted updates of unlike sizes"):
            server.add([clients.encrypt(torch.ones(size)) for size in sizes])


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)
    with pytest.raises(MissingExtra, match=r"tenseal is not installed.*aclipse\[encryption\]"):
        Decryptor()


# --- the benchmark


def test_its_cost_is_measured(
    clients: Decryptor, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import encryption

    monkeypatch.setattr(encryption, "KEY", 256)  # no safe key, but quick
    page, threads = tmp_path / "README.md", torch.get_num_threads()
    encryption.main(["--numbers", "3000", "--clients", "2", "--repeats", "1", "--page", str(page)])
    torch.set_num_threads(threads)
    text = page.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(("| CKKS", "| Paillier"))]
    assert text.startswith("<!-- encryption: begin (written by `make bench`) -->")
    assert [row[1] for row in rows[:3]] == ["0%", "50%", "90%"]
    assert all(float(row[7]) < 1e-5 for row in rows)
    sent = [float(row[5]) for row in rows[:3]]
    assert sent[0] > sent[1] >= sent[2] > 0
    assert "## Encrypted updates" in capsys.readouterr().out


def test_packed_numbers_add_up_digit_by_digit() -> None:
    import encryption

    given = updates(7, 9, 100.0).tolist()
    found = encryption.unpacked(sum(map(encryption.packed, given)), 9)
    assert found == pytest.approx(torch.tensor(given).double().sum(0).tolist(), abs=1e-8)
