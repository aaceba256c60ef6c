"""Speed and memory of `aclipse protect`: real-time factor on one core, and an hour-long file.

Run by `make bench`; writes its section of benchmarks/README.md.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from page import SPEED, machine, table, write_section

from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE
from aclipse.deploy.batch import protect
from aclipse.protections.cascade.method import Cascade
from aclipse.protections.cascade.modules import ModuleSettings
from aclipse.protections.cascade.network import CascadeNetwork, NetworkSettings


def cascade(form: str) -> Cascade:
    """An untrained cascade of one form: the same arithmetic as a trained one."""
    return Cascade(CascadeNetwork(NetworkSettings(module=ModuleSettings(form=form))))


def noise(seconds: float) -> np.ndarray:
    """Something to protect."""
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)


def real_time_factor(protection: Cascade, seconds: float, repeats: int = 5) -> float:
    """Median seconds of work a second of audio."""
    wave, times = noise(seconds), []
    protection.release(wave)
    for _ in range(repeats):
        start = time.perf_counter()
        protection.release(wave)
        times.append((time.perf_counter() - start) / seconds)
    return float(np.median(times))


def hour() -> tuple[float, float]:
    """Real-time factor, and peak memory of this process in MB, of an hour-long file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "hour.wav"
        files.write_blocks(source, (noise(60) for _ in range(60)))
        report = protect([source], Path(folder) / "out", cascade("strided"))
        assert not report.failed, report.failed
        return report.wall_seconds / 3600, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and write the section."""
    torch.set_num_threads(1)
    factor, memory = hour()
    rows = [
        ("an hour-long file, strided form", factor, f"{memory:.0f} MB peak"),
        ("a 3 s clip, strided form", real_time_factor(cascade("strided"), 3), ""),
        ("a 60 s recording, strided form", real_time_factor(cascade("strided"), 60), ""),
        ("a 3 s clip, literal stride-1 form", real_time_factor(cascade("samples"), 3, repeats=3), ""),
    ]
    lines = [
        "## `aclipse protect`",
        "",
        f"One thread; seconds of work a second of audio (real-time factor), median. {machine()}",
        "",
        *table(["what", "memory", "real-time factor"], [(name, note, f"{value:.4f}") for name, value, note in rows], 2),
        "",
        f"The literal form costs {rows[3][1] / rows[1][1]:.0f} times the strided one on the same clip.",
    ]
    write_section(SPEED, "protect", "make bench", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
