"""Jobs shared out to processes: nobody is left behind when the process that shares them out is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from pathlib import Path
from aclipse.experiments.sharing import share_out

def nothing():
    pass

def work(folder):
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(600)

if __name__ == "__main__":
    submit = lambda pool, job: pool.submit(work, job)
    share_out([sys.argv[1]], lambda job, waiting: True, submit, 1, (nothing, ()), print)
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


def until(true: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.05)


@pytest.mark.slow
def test_a_kill_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "script.py"), str(tmp_path)])
    until(lambda: list(tmp_path.glob("*.pid")))
    worker = int(next(tmp_path.glob("*.pid")).stem)
    assert is_alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not is_alive(worker))
    assert not is_alive(worker)
