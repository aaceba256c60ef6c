"""One function that runs a prepared federation by Flower, in a simulation or as processes, to the last weights."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

from aclipse.errors import MissingExtra, RecipeError, RunError

ENGINES = ("simulation", "processes")


def federate(
    folder: Path, output: Path, *, engine: str = "simulation", secure: bool = False, timeout: float = 600.0,
    work: Path | None = None,
) -> Path:  # fmt: skip
    """Run what `aclipse.deploy.federation.folder.prepare` wrote, and give the file of the last global weights.

    ``simulation`` runs clients as actors on this machine's processors; ``processes`` a SuperLink and, for each client,
    a SuperNode with its own key, over TLS on the loopback. With ``secure`` the server sees sums alone. Logs are kept in
    ``work``, by default beside the output; keys are deleted in the end. ``timeout`` is in seconds, for all of it.

    Raises RecipeError for an unknown engine, privacy that secure aggregation cannot have, or rounds too small for it;
    RunError for an output or work folder that is there already, and where a process fails or time is up; MissingExtra
    without flwr, or for a simulation ray.
    """
    folder, output = Path(folder).absolute(), Path(output).absolute()
    work = Path(work).absolute() if work else output.with_name(f"{output.stem}-work")
    _check(folder, engine, secure)
    for place in (output, work):
        if place.exists():
            raise RunError(f"{place} is there already. Give another one, or delete it.")
    from aclipse.deploy.federation.crew import Crew
    from aclipse.deploy.federation.processes import deployed
    from aclipse.deploy.federation.simulation import simulated
    from aclipse.deploy.federation.site import clear

    run = simulated if engine == "simulation" else deployed
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Crew(work / "logs", time.monotonic() + timeout) as crew:
            run(crew, folder, output, secure, work, timeout)
    finally:
        clear(work)
    return output


def _check(folder: Path, engine: str, secure: bool) -> None:
    if engine not in ENGINES:
        raise RecipeError(f"engine = {engine!r} is none of {', '.join(ENGINES)}. Choose one of them.")
    for package in ("flwr", *(["ray"] if engine == "simulation" else [])):
        if find_spec(package) is None:
            raise MissingExtra(package, "federated")
    from aclipse.deploy.federation.folder import read_server

    server = read_server(folder)
    if secure:
        from aclipse.deploy.federation.secure import check_rounds

        check_rounds(server.rounds)
        if server.rules.privacy.quantile is not None:
            raise RecipeError(
                "quantile follows the norm of each client's update, and secure aggregation shows none of them. "
                "Give a fixed clip, or leave secure out."
            )
