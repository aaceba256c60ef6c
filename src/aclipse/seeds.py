"""Seeds derived from names, so that randomness is an argument and a resumed run repeats itself."""

from __future__ import annotations

import hashlib


def derive(seed: int, *names: object) -> int:
    """A seed for one use, from the run's seed and what it is used for; independent of order and history.

    >>> derive(0, "stage 1", 3) == derive(0, "stage 1", 3) != derive(0, "stage 1", 4)
    True
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
