"""What encrypted updates cost: seconds and bytes a client, for every 100,000 numbers of an update.

    python benchmarks/encryption.py [--numbers 100000] [--clients 8] [--repeats 3] [--page PAGE]

Pruned updates are those of SEFL: a mask that all clients share, and what it keeps is encrypted. Paillier is measured
on a few ciphertexts and multiplied out. Processor time, one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from page import SPEED, machine, table, write_section

from aclipse.protections.user_level_dp.encryption import Adder, Decryptor
from aclipse.protections.user_level_dp.pruning import pruned

HEADINGS = ["scheme", "pruned", "encrypt, s", "add, s", "decrypt, s", "MB sent", "times float32", "largest error"]
SHARES = (0.0, 0.5, 0.9)  # of the numbers, that are not sent
KEY = 2048  # bits of Paillier, and of one plaintext
SLOT, FRACTION = 48, 2**32  # bits of one number in it, and what a number 1 is; 2**15 is left for sums
TRIED = 4  # ciphertexts of Paillier that are computed; of pure Python one takes a good part of a second
Result = TypeVar("Result")


def seconds(compute: Callable[[], Result], repeats: int = 1) -> tuple[float, Result]:
    """Processor time, median, and what was computed."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        result = compute()
        taken.append(time.process_time() - start)
    return float(np.median(taken)), result


def ckks(updates: torch.Tensor, repeats: int) -> list[float]:
    """Seconds a client to encrypt, to add, to decrypt; bytes; largest error of the mean."""
    clients = Decryptor()
    server, count = Adder(clients.public), len(updates)
    encrypting, _ = seconds(lambda: clients.encrypt(updates[0], count), repeats)
    sent = [clients.encrypt(update, count) for update in updates]
    adding, total = seconds(lambda: server.add(sent), repeats)
    decrypting, found = seconds(lambda: clients.decrypt(total, 0), repeats)
    error = (found.double() / count - updates.double().mean(0)).abs().max()
    return [encrypting, adding / count, decrypting, sum(map(len, sent[0])), float(error)]


def packed(numbers: Sequence[float]) -> int:
    """Several numbers as digits of one integer, in fixed point; a negative digit borrows from the next.

    >>> unpacked(packed([1.5, -0.25]) + packed([1.0, -1.0]), 2)
    [2.5, -1.25]
    """
    return sum(round(number * FRACTION) << SLOT * place for place, number in enumerate(numbers))


def unpacked(total: int, count: int) -> list[float]:
    """The numbers of `packed`, or of a sum of some."""
    found = []
    for _ in range(count):
        digit = (total + (1 << SLOT - 1)) % (1 << SLOT) - (1 << SLOT - 1)
        found.append(digit / FRACTION)
        total = (total - digit) >> SLOT
    return found


def paillier(updates: torch.Tensor) -> list[float]:
    """The same as of `ckks`."""
    from phe import paillier as scheme

    public, private = scheme.generate_paillier_keypair(n_length=KEY)
    slots = KEY // SLOT - 1
    parts = -(-updates.shape[1] // slots)
    tried = [updates[0, place * slots :][:slots].tolist() for place in range(min(TRIED, parts))]
    encrypting, sent = seconds(lambda: [public.raw_encrypt(packed(part) % public.n) for part in tried])
    adding, total = seconds(lambda: [one * one % public.nsquare for one in sent])
    decrypting, found = seconds(lambda: [private.raw_decrypt(one) for one in total])
    signed = [one - public.n if one > public.n // 2 else one for one in found]
    read = [unpacked(one, len(part)) for one, part in zip(signed, tried, strict=True)]
    error = float(np.abs(np.concatenate(read) / 2 - np.concatenate(tried)).max())  # of the sum with itself
    return [*(part / len(tried) * parts for part in (encrypting, adding, decrypting)), parts * KEY / 4, error]


def rows(numbers: int, clients: int, repeats: int) -> Iterator[list[str]]:
    """What was measured, a line for each scheme and share."""
    updates = 0.01 * torch.randn(clients, numbers, generator=torch.Generator().manual_seed(0))
    schemes = {"CKKS (tenseal)": lambda given: ckks(given, repeats)}
    if importlib.util.find_spec("phe"):
        schemes[f"Paillier, {KEY} bits, {KEY // SLOT - 1} packed (phe)"] = paillier
    for scheme, measure in schemes.items():
        for share in SHARES:
            kept = pruned(updates.mean(0, keepdim=True), share)[0] != 0
            *times, size, error = measure(updates[:, kept])
            times = [taken / numbers * 100_000 for taken in times]
            more = f"{size / (4 * numbers):.1f}"
            sent = f"{size / numbers / 10:.2f}"
            yield [scheme, f"{share:.0%}", *(f"{taken:.3g}" for taken in times), sent, more, f"{error:.0e}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the section where a page is given."""
    parser = argparse.ArgumentParser(description="What encrypted updates cost.")
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--page", type=Path, default=SPEED, help="where the section is written")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lines = section(given.numbers, given.clients, given.repeats)
    write_section(given.page, "encryption", "make bench", lines)
    print("\n".join(lines))


def section(numbers: int, clients: int, repeats: int) -> list[str]:
    """What the page says."""
    return [
        "## Encrypted updates",
        "",
        f"For 100,000 numbers of an update, a client, measured on {numbers:,} and {clients} clients; *times float32*: "
        "bytes sent over those of the whole update unencrypted; *pruned*: share of the numbers that are left out by a "
        f"mask all clients share; error of the mean. Processor time, one thread. {machine()}",
        "",
        *table(HEADINGS, rows(numbers, clients, repeats)),
    ]


if __name__ == "__main__":
    main()
