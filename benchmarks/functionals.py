"""Speed of extracting functionals with one thread and with two, as multiples of real time.

    python benchmarks/functionals.py [--repeats 3] [RECORDING ...]

Takes noise where no recordings are given. Other work on the same machine slows the clock: seconds of processor time
tell what it would be alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from page import machine, table

from aclipse.audio import files
from aclipse.audio.functionals import KINDS, OPENSMILE, FunctionalSettings, functionals, size, version
from aclipse.contracts import SAMPLE_RATE, Clip
from aclipse.training.functionals import functionals_of

THREADS = (1, 2)


def noise(folder: Path, count: int = 24, seconds: float = 3.0) -> list[Path]:
    """Recordings of noise."""
    generator = np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(count)]
    for path in paths:
        files.write(path, 0.1 * generator.standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32))
    return paths


def extract(clips: Sequence[Clip], kind: str, threads: int) -> tuple[float, float]:
    """Seconds by the clock and of processor time, reading the files and keeping what is computed included."""
    settings = FunctionalSettings.model_validate({"kind": kind})
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), time.process_time()
        functionals_of(clips, settings, Path(folder), threads=threads)
        return time.perf_counter() - start, time.process_time() - used


def kinds() -> list[str]:
    """Those that can be computed here."""
    return [kind for kind in KINDS if kind not in OPENSMILE or importlib.util.find_spec("opensmile")]


def rows(paths: Sequence[Path], repeats: int) -> Iterator[list[str]]:
    """What was measured, a line for each kind and number of threads; the medians of turns."""
    clips = [Clip(str(number), path) for number, path in enumerate(paths)]
    seconds = sum(len(files.read(path)) for path in paths) / SAMPLE_RATE
    for kind in kinds():
        functionals(files.read(paths[0]), kind)  # what loads once is loaded
        turns = [[extract(clips, kind, threads) for threads in THREADS] for _ in range(repeats)]
        for threads, (clock, used) in zip(THREADS, np.median(turns, axis=0), strict=True):
            yield [version(kind), f"{size(kind):,}", str(threads), f"{seconds / clock:.0f}", f"{seconds / used:.0f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed of extracting functionals.")
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    headings = ["functionals", "numbers", "threads", "× real time", "× real time a core"]
    with tempfile.TemporaryDirectory() as folder:
        paths = given.recordings or noise(Path(folder))
        print("\n".join([machine(), "", *table(headings, rows(paths, given.repeats))]))


if __name__ == "__main__":
    main()
