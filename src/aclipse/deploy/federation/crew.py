"""Processes that are watched while they run and ended together, each with a log of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped]

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
        self.staying: set[str] = set()
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        everybody = [psutil.Process(one.pid) for one in self.running.values() if one.poll() is None]
        everybody += [child for one in everybody for child in one.children(recursive=True)]  # they are detached
        _each(everybody, psutil.Process.terminate)
        _, left = psutil.wait_procs(everybody, GRACE)
        _each(left, psutil.Process.kill)
        for process in self.running.values():
            process.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], *, stays: bool = False) -> None:
        """Begin a Flower command in the background; one that ``stays`` has failed as soon as it ends."""
        full = [sys.executable, "-m", "aclipse.deploy.federation.held", *command]
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                full, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.logs
            )
        if stays:
            self.staying.add(name)

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{name}.log"

    def finish(self, name: str) -> str:
        """Wait for one process to end, and give what it wrote; raises RunError as `wait` does, and if it failed."""
        process = self.running[name]
        self.wait(lambda: process.poll() is not None, f"{name} was done", name)
        del self.running[name]
        if process.returncode:
            raise self.failure(f"{name} ended with code {process.returncode}", name)
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def wait(self, happened: Callable[[], bool], what: str, of: str) -> None:
        """Until something has happened that a process does; raises RunError if one that stays ends, or time is up."""
        while not happened():
            for name in sorted(self.staying):
                if (code := self.running[name].poll()) is not None:
                    raise self.failure(f"{name} ended with code {code} before {what}", name)
            if time.monotonic() > self.deadline:
                raise self.failure(f"time was up before {what}", of)
            time.sleep(LOOK)

    def failure(self, what: str, name: str) -> RunError:
        """An error that shows the end of a log."""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        end = "\n".join(f"  {line}" for line in lines[-TAIL:])
        return RunError(
            f"The federation stopped: {what}. Its log ends with\n{end}\nMend that, or give more time; all logs are in "
            f"{self.logs}."
        )


def _each(processes: Sequence[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)
