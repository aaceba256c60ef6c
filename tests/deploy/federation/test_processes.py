"""Processes under watch, credentials, and the errors that come before any process."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip("flwr", reason="needs the extra federated")
pytest.importorskip("dp_accounting", reason="needs the extra federated")

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from toy_federation import Build

from aclipse.deploy.federation import engine, site
from aclipse.deploy.federation.__main__ import main
from aclipse.deploy.federation.credentials import Credentials
from aclipse.deploy.federation.crew import Crew, environment, free_port
from aclipse.deploy.federation.engine import federate
from aclipse.deploy.federation.folder import prepare
from aclipse.errors import MissingExtra, RecipeError, RunError

STAYING = ["flower-superlink", "--insecure", "--simulation", "--isolation", "process", "--port"]


def crew(folder: Path, seconds: float = 60.0) -> Crew:
    return Crew(folder / "logs", time.monotonic() + seconds)


def test_certificates_are_of_one_authority_and_this_machine(tmp_path: Path) -> None:
    made = Credentials(tmp_path / "c")
    certificate, key = made.certificate("superlink")
    authority, own = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (made.authority, certificate))
    own.verify_directly_issued_by(authority)
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ssl.create_default_context(cafile=str(made.authority)).load_cert_chain(certificate, key)
    private, public = made.pair("client-0")
    pair = load_ssh_private_key(private.read_bytes(), None)
    assert pair.public_key() == load_ssh_public_key(public.read_bytes())  # type: ignore[union-attr]
    for secret in (key, private, made.folder):
        assert secret.stat().st_mode & 0o077 == 0
    other = x509.load_pem_x509_certificate(Credentials(tmp_path / "d").authority.read_bytes())
    with pytest.raises(InvalidSignature):
        own.verify_directly_issued_by(other)


def test_flower_keeps_to_its_own_home_and_tells_nobody(tmp_path: Path) -> None:
    found = environment(tmp_path, EXTRA="1")
    assert found["FLWR_HOME"] == str(tmp_path) and found["EXTRA"] == "1"
    off = ("FLWR_TELEMETRY_ENABLED", "RAY_USAGE_STATS_ENABLED")
    assert [found[name] for name in off] == ["0", "0"] and found["FLWR_DISABLE_UPDATE_CHECK"] == "1"
    assert found["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_process_that_should_stay_and_ends_is_told_of_with_its_log(tmp_path: Path) -> None:
    with crew(tmp_path) as some:
        some.start("node", ["flower-supernode", "--no-such-flag"], environment(tmp_path), stays=True)
        with pytest.raises(
            RunError, match=r"(?s)node ended with code 2 before it answered.*--no-such-flag.*logs are in"
        ):
            some.wait(lambda: False, "it answered", "node")


def test_a_command_that_fails_is_told_of_with_its_log(tmp_path: Path) -> None:
    with crew(tmp_path) as some:
        some.start("list", ["flwr", "no-such-command"], environment(tmp_path))
        with pytest.raises(RunError, match=r"(?s)list ended with code 2\. .*No such command"):
            some.finish("list")


def test_time_runs_out_and_everybody_ends(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="time was up before it answered"), crew(tmp_path, 1.0) as some:
        some.start("superlink", [*STAYING, str(free_port())], environment(tmp_path), stays=True)
        some.wait(lambda: False, "it answered", "superlink")
    assert some.running["superlink"].poll() is not None


def test_who_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    code = (
        "import time, pathlib; from aclipse.deploy.federation.crew import *\n"
        f"crew = Crew(pathlib.Path({str(tmp_path)!r}), time.monotonic() + 60)\n"
        f"crew.start('superlink', {[*STAYING, str(free_port())]}, environment(crew.logs))\n"
        "print(crew.running['superlink'].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = psutil.Process(int(starter.stdout.readline()))
        time.sleep(1)
        os.kill(starter.pid, signal.SIGKILL)
    child.wait(timeout=20)


def test_the_app_holds_no_data_and_no_code(tmp_path: Path) -> None:
    config = site.run_config(tmp_path / "fed", tmp_path / 'a "b".safetensors', True, 5, ["17", "18446744073709551615"])
    app = site.write_app(tmp_path / "app", config)
    assert [path.name for path in app.rglob("*")] == ["pyproject.toml"]
    from flwr.cli.config_utils import load_and_validate

    read, warnings = load_and_validate(app / "pyproject.toml")
    assert read["tool"]["flwr"]["app"]["config"] == config and warnings == []


def test_an_answer_without_json_is_an_error() -> None:
    assert site.told('noise {"node-id": 3}\n') == {"node-id": 3}
    with pytest.raises(RunError, match="flwr did not answer in JSON: 'nothing'"):
        site.told("nothing")


def test_what_cannot_run_is_refused_before_anything_starts(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = prepare(build("fedavg", "none", share=0.5), tmp_path / "fed"), tmp_path / "new" / "w.safetensors"
    with pytest.raises(RecipeError, match="engine = 'carrier pigeon' is none of simulation, processes"):
        federate(folder, output, engine="carrier pigeon")
    with pytest.raises(RecipeError, match="round 0 has 2 clients, and secure aggregation needs 3"):
        federate(folder, output, secure=True)
    adaptive = prepare(build("fedavg", "adaptive"), tmp_path / "adaptive")
    with pytest.raises(RecipeError, match="quantile follows the norm of each client's update"):
        federate(adaptive, output, secure=True)
    with pytest.raises(RunError, match=r"fed is there already\. Give another one"):
        federate(folder, output, work=folder)
    with pytest.raises(RunError, match=r"server\.safetensors: no such file"):
        federate(tmp_path, output)
    assert not output.parent.exists()
    for package in ("flwr", "ray"):
        monkeypatch.setattr(engine, "find_spec", lambda name, missing=package: None if name == missing else True)
        with pytest.raises(MissingExtra, match=rf"{package} is not installed.*aclipse\[federated\]"):
            federate(folder, output)


def test_the_command_prints_where_the_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), str(tmp_path / "w")]) == 1
    assert "no such file" in capsys.readouterr().err
    called = {}

    def noted(folder: Path, output: Path, **options: object) -> Path:
        called.update(options)
        return output

    monkeypatch.setattr("aclipse.deploy.federation.__main__.federate", noted)
    assert main([str(tmp_path), "w", "--engine", "processes", "--secure", "--timeout", "9"]) == 0
    assert capsys.readouterr().out == "w\n"
    assert json.dumps(called) == '{"engine": "processes", "secure": true, "timeout": 9.0}'
