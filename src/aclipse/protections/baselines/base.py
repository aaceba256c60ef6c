"""What all baselines share: they see the whole recording at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from aclipse.contracts import Release, Wave


class Baseline(ABC):
    """A protection that sees the whole recording at once, in blocks or not."""

    releases = Release.WAVEFORM

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"

    @abstractmethod
    def release(self, wave: Wave, seed: int = 0) -> Wave:
        """Protect one recording, ``(time,) -> (time,)``."""

    def release_blocks(self, blocks: Iterable[Wave], seed: int = 0) -> Iterator[Wave]:
        """Protect a recording that arrives in blocks, once all are there."""
        yield self.release(np.concatenate([np.zeros(0, np.float32), *blocks]), seed)
