"""Federations by Flower's own simulation, and as processes over TLS, against our simulator."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="needs the extra federated")
pytest.importorskip("ray", reason="needs the extra federated")
pytest.importorskip("dp_accounting", reason="needs the extra federated")

from toy_federation import Build, apart

from aclipse.deploy.federation import processes
from aclipse.deploy.federation.crew import Crew
from aclipse.deploy.federation.engine import federate
from aclipse.deploy.federation.folder import client_file, prepare
from aclipse.deploy.federation.site import Site
from aclipse.errors import RunError
from aclipse.protections.user_level_dp.simulate import simulate

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("algorithm", "mode", "secure"),
    [("fedavg", "none", False), ("fedsgd", "local", False), ("fedavg", "central", True)],
)
def test_flowers_simulation_gives_the_weights_of_ours(
    algorithm: str, mode: str, secure: bool, build: Build, tmp_path: Path
) -> None:
    federation = build(algorithm, mode)
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    output = federate(folder, tmp_path / "flower.safetensors", secure=secure, timeout=500)
    simulate([federation])
    assert apart(output, federation) < 1e-5
    assert {path.name for path in (tmp_path / "flower-work").iterdir()} == {"app", "logs"}  # no keys are left


def test_processes_over_tls_give_the_weights_of_ours(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SuperLink and a SuperNode a client; beside them one whose key nobody has registered, which is turned away."""
    federation = build("fedsgd", "paper", clients=3)
    folder = prepare(federation, tmp_path / "fed", reproducible=True)
    run, turned_away = Site.run, list[str]()

    def run_beside_a_stranger(self: Site, *given: object) -> None:
        key, _ = self.credentials.pair("stranger")
        stranger = processes.start_node(self, 9, key, client_file(folder, 0), secure=False)
        with pytest.raises(RunError, match="client-9 ended with code") as refused:
            self.crew.wait(lambda: False, "it was let in", stranger)
        turned_away.append(str(refused.value))
        self.crew.staying.remove(stranger)
        run(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Site, "run", run_beside_a_stranger)
    output = federate(folder, tmp_path / "flower.safetensors", engine="processes", timeout=500)
    simulate([federation])
    assert apart(output, federation) < 1e-5
    assert len(turned_away) == 1 and "Failed to activate SuperNode" in turned_away[0]
    logs = (tmp_path / "flower-work" / "logs" / "superlink.log").read_text(encoding="utf-8")
    assert "Uvicorn running on https://127.0.0.1" in logs
    assert logs.count("Activated node_id") == 3 and "No SuperNode found with the given public key" in logs


def test_a_run_that_fails_shows_why(build: Build, tmp_path: Path) -> None:
    folder = prepare(build("fedavg", "none", clients=3), tmp_path / "fed")
    client_file(folder, 1).unlink()
    with pytest.raises(RunError, match=r"(?s)the server wrote no weights.*own\.safetensors: no such file"):
        federate(folder, tmp_path / "flower.safetensors", timeout=500)
    assert not (tmp_path / "flower.safetensors").exists()


def test_a_node_speaks_to_nobody_without_the_right_certificate(tmp_path: Path) -> None:
    """A SuperNode that trusts another authority does not give itself up to this SuperLink."""
    with Crew(tmp_path / "logs", time.monotonic() + 60) as crew:
        site = Site(crew, tmp_path / "site")
        site.open("--enable-supernode-auth")
        other = Site(crew, tmp_path / "other")
        other.address = site.address
        key, public = other.credentials.pair("client-0")
        processes.registered(site, [public])
        processes.start_node(other, 0, key, tmp_path / "none", secure=False)
        end = time.monotonic() + 8
        while time.monotonic() < end and crew.running["client-0"].poll() is None:
            time.sleep(0.2)
        assert "Activated" not in crew.log("superlink").read_text(encoding="utf-8")
