"""A dial on any protection that releases sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from aclipse.contracts import Protection, Wave
from aclipse.errors import AudioError, RecipeError


class Blend:
    """A protection of adjustable strength s, (1 - s) input + s protected; itself a protection.

    0 gives the input exactly, 1 the protection exactly. Raises RecipeError for a strength outside [0, 1].
    """

    def __init__(self, protection: Protection, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise RecipeError(
                f"A strength of {strength} is not allowed; choose one from 0 (the input) to 1 (full protection)."
            )
        self.protection, self.strength = protection, strength
        self.name, self.releases = f"{protection.name}@{strength:g}", protection.releases

    def __repr__(self) -> str:
        return f"Blend({self.protection!r}, {self.strength})"

    def release(self, wave: Wave, seed: int = 0) -> Wave:
        """Protect one recording, ``(time,)``."""
        return self._mix(wave, self.protection.release(wave, seed))

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        """Protect a recording that arrives in blocks, holding back no more input than the protection does."""
        held = np.zeros(0, np.float32)

        def watched() -> Iterator[Wave]:
            nonlocal held
            for block in blocks:
                held = np.concatenate([held, block])
                yield block

        for block in self.protection.release_blocks(watched(), seed):
            due, held = held[: len(block)], held[len(block) :]
            yield self._mix(due, block)

    def _mix(self, wave: Wave, protected: Wave) -> Wave:
        if len(wave) != len(protected):
            raise AudioError(
                f"{self.protection.name} gave {len(protected)} samples for {len(wave)}; it must keep them."
            )
        return np.float32(1 - self.strength) * wave + np.float32(self.strength) * protected
