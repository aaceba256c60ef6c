"""The federation in Flower's simulation: clients as actors of Ray, one a processor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from aclipse.deploy.federation.crew import Crew
from aclipse.deploy.federation.folder import read_server
from aclipse.deploy.federation.site import Site, run_config


def simulated(crew: Crew, folder: Path, output: Path, secure: bool, work: Path, timeout: float) -> None:
    """Run all rounds; every client's file is read by whichever actor plays it."""
    site, users = Site(crew, work), read_server(folder).rules.users
    with tempfile.TemporaryDirectory(prefix="ray-") as short:  # a socket's path has room for 107 letters
        site.open("--simulation", RAY_TMPDIR=short)
        size = f"num-supernodes={users} client-resources-num-cpus=1 init-args-num-cpus={os.cpu_count() or 1}"
        site.run(run_config(folder, output, secure, timeout), "--federation-config", size)
