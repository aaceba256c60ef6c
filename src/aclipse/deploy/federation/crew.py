"""Processes that are watched while they run and ended together, each with a log of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from aclipse.errors import RunError

LOOK = 0.1  # seconds between two looks at who is alive
GRACE = 10.0  # seconds that a process has to end well
TAIL = 15  # lines of a log that an error shows


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of a Flower process: its own home, nothing told to anybody about its use, and its commands on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    quiet = {
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as ray will behave by default
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",  # seconds; a round of small models would be waiting
        "PYTHONUNBUFFERED": "1",
    }
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}  # clients share the processor
    return {**os.environ, "PATH": path, "FLWR_HOME": str(home), **quiet, **threads, **more}


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Crew:
    """Named processes; leaving the block ends them, the last one first."""

    def __init__(self, logs: Path, deadline: float) -> None:
        self.logs, self.deadline = logs, deadline
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + GRACE
        for process in self.running.values():
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Begin a Flower command in the background."""
        full = [sys.executable, "-m", "aclipse.deploy.federation.held", *command]
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                full, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.logs
            )

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{name}.log"

    def finish(self, name: str) -> str:
        """Wait for one process to end, and give what it wrote; raises RunError as `wait` does, and if it failed."""
        process = self.running[name]
        self.wait(lambda: process.poll() is not None, f"{name} ends", but=name)
        del self.running[name]
        if process.returncode:
            raise self.failure(f"{name} ended with code {process.returncode}", name)
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def wait(self, happened: Callable[[], bool], what: str, but: str = "") -> None:
        """Until something has happened; raises RunError if a process other than ``but`` ends first, or time is up."""
        while not happened():
            for name, process in self.running.items():
                if name != but and process.poll() is not None:
                    raise self.failure(f"{name} ended with code {process.returncode} before {what}", name)
            if time.monotonic() > self.deadline:
                raise self.failure(f"time was up before {what}", but or next(reversed(self.running)))
            time.sleep(LOOK)

    def failure(self, what: str, name: str) -> RunError:
        """An error that shows the end of a log."""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        end = "\n".join(f"  {line}" for line in lines[-TAIL:])
        return RunError(
            f"The federation stopped: {what}. Its log ends with\n{end}\nMend that, or give more time; all logs are in "
            f"{self.logs}."
        )
