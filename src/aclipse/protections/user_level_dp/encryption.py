"""Sums of updates that the server never sees one by one: additively homomorphic encryption by CKKS.

The clients share a secret key; the server has what it needs to add ciphertexts, and no more. SEFL (Mohammadi et al.
2023) encrypts with Paillier after gradient pruning; we take CKKS by TenSEAL, which packs 2048 numbers into one
ciphertext and is hundreds of times faster (`benchmarks/encryption.py`); sums are exact to a few `FLOOD`.

Encryption changes nothing of what the aggregate tells: an attack on released updates succeeds as before, and noise is
needed besides. What CKKS decrypts carries traces of the key (Li and Micciancio 2021), which matters once a sum goes to
somebody who has seen ciphertexts. So `Decryptor.decrypt` adds noise a thousand times as large; that is less than
proofs ask for, and noise of differential privacy, where there is some, is larger still.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from aclipse.errors import MissingExtra, RecipeError

DEGREE = 4096  # of the ring; half of it are numbers in one ciphertext
MODULI = [54, 54]  # bits; 109 together is the most that keeps 128 bits of security at this degree
SCALE = 2.0**40  # a number 1 in plaintext
LARGEST = 2.0**11  # of a sum: half of what is left of 54 bits beside the scale and the sign
FLOOD = 1e-6  # deviation of the noise that covers what decryption leaves of the key, errors of about 1e-9

Encrypted = tuple[bytes, ...]  # one update, or a sum of some: a ciphertext for every 2048 numbers


class Adder:
    """What the server holds: it adds, and cannot read.

    Raises MissingExtra without tenseal.
    """

    def __init__(self, public: bytes) -> None:
        self._package = _tenseal()
        self._context = self._package.context_from(public)
        self.reads = self._context.has_secret_key()

    def add(self, updates: Sequence[Encrypted]) -> Encrypted:
        """The sum of encrypted updates.

        Raises RecipeError where they are not of one size, or none.
        """
        if len({len(update) for update in updates}) != 1:
            raise RecipeError(
                f"{len(updates)} encrypted updates of unlike sizes do not add up. Give some, of one model."
            )
        return tuple(self._sum(parts) for parts in zip(*updates, strict=True))

    def _sum(self, parts: Sequence[bytes]) -> bytes:
        total = self._vector(parts[0])
        for part in parts[1:]:
            total += self._vector(part)
        return bytes(total.serialize())

    def _vector(self, part: bytes) -> Any:
        return self._package.ckks_vector_from(self._context, part)


class Decryptor(Adder):
    """What the clients hold: they encrypt, and read sums; a new key where no secret is given.

    Raises MissingExtra without tenseal.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        super().__init__(secret or _new_key())

    @property
    def public(self) -> bytes:
        """For the server: everything but the key."""
        return bytes(self._context.serialize(save_secret_key=False))

    @property
    def secret(self) -> bytes:
        """For the clients."""
        return bytes(self._context.serialize(save_secret_key=True))

    def encrypt(self, update: Tensor, clients: int = 1) -> Encrypted:
        """One update ``(size,)``, which goes into a sum of so many clients at most.

        Raises RecipeError for numbers that are not finite, or too large to be added up.
        """
        most = float(update.abs().max())
        if not most * clients < LARGEST:
            raise RecipeError(
                f"a number of {most:g} in each of {clients} updates could add up to more than {LARGEST:g}, "
                "which is all that a ciphertext holds. Clip the updates first."
            )
        parts = update.double().cpu().split(DEGREE // 2)
        return tuple(bytes(self._package.ckks_vector(self._context, part.tolist()).serialize()) for part in parts)

    def decrypt(self, total: Encrypted, seed: int | None = None) -> Tensor:
        """What a sum holds, ``(size,)``, under noise of deviation `FLOOD`, which nobody can repeat without a seed."""
        found = torch.tensor([number for part in total for number in self._vector(part).decrypt()])
        drawn = torch.Generator().manual_seed(secrets.randbits(63) if seed is None else seed)
        return found + FLOOD * torch.randn(found.shape, generator=drawn)


def encrypted_mean(updates: Tensor, seed: int | None = None) -> Tensor:
    """The mean of updates ``(clients, size) -> (size,)`` as a server computes it without reading one.

    Raises MissingExtra without tenseal, RecipeError for no update and for numbers too large to be added up.
    """
    clients = Decryptor()
    server = Adder(clients.public)
    total = server.add([clients.encrypt(update, len(updates)) for update in updates])
    return clients.decrypt(total, seed) / len(updates)


def _tenseal() -> Any:
    try:
        import tenseal
    except ImportError as error:
        raise MissingExtra("tenseal", "encryption") from error
    return tenseal


def _new_key() -> bytes:
    package = _tenseal()
    made = package.context(package.SCHEME_TYPE.CKKS, DEGREE, coeff_mod_bit_sizes=MODULI)
    made.global_scale = SCALE
    return bytes(made.serialize(save_secret_key=True))
