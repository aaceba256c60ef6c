"""One run = one folder: what was asked, on which data, with which seeds, and what came out.

``run.json`` settings, versions, hashes · ``split.csv`` who was in which part · ``emotion/ words/ cascade/`` weights and
``history.csv`` · ``audit/`` scores, per-clip marks, clips to listen to · ``report/`` the page. Where features are
released: ``cloak/`` in place of ``cascade/``, and ``features/``, what is computed of the recordings
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aclipse.atomic import write_text
from aclipse.errors import RunError


@dataclass(frozen=True)
class Run:
    """Paths and facts of a run folder."""

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The content of run.json.

        Raises RunError if the folder holds no run.
        """
        path = self.folder / "run.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{self.folder} is not a run: it has no run.json. Make one with: aclipse train") from error
        except ValueError as error:  # not UTF-8, or not JSON
            raise RunError(f"{path} is damaged ({error}). Delete the folder and train again.") from error
        if not isinstance(facts, dict):
            raise RunError(f"{path} is damaged (no facts in it). Delete the folder and train again.")
        return facts

    def note(self, **facts: Any) -> None:
        """Add facts to run.json, atomically."""
        path = self.folder / "run.json"
        known = self.facts if path.exists() else {}
        write_text(path, json.dumps({**known, **facts}, indent=2, ensure_ascii=False) + "\n")

    def weights(self, part: str) -> Path:
        """Where the weights of ``emotion``, ``words``, ``cascade``, ``cloak`` are; transformers has its own name."""
        stock = self.folder / part / "model.safetensors"
        return stock if stock.exists() else self.folder / part / "weights.safetensors"


def environment(threads: int) -> dict[str, Any]:
    """What the run was made with."""
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": threads,
    }


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def file_hash(path: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:  # weights may be larger than memory
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
