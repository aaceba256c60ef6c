"""What both engines share: a SuperLink behind TLS, the app that `flwr run` is given, and a run of it to its end."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aclipse.deploy.federation.credentials import Credentials
from aclipse.deploy.federation.crew import Crew, environment, free_port
from aclipse.errors import RunError

APP = {
    "project": {
        "name": "aclipse-federation",
        "version": "1.0.0",
        "description": "User-level private emotion recognition",
        "license": "Apache-2.0",
        "dependencies": [],  # aclipse is installed where client and server run; nothing is fetched while they do
    },
    "tool": {
        "flwr": {
            "app": {
                "publisher": "aclipse",
                "components": {
                    "serverapp": "aclipse.deploy.federation.server:app",
                    "clientapp": "aclipse.deploy.federation.client:app",
                },
            }
        }
    },
}


def write_app(folder: Path, config: Mapping[str, Any]) -> Path:
    """The folder that ``flwr run`` takes; it holds settings of the run, and neither data nor code."""
    import tomli_w

    made = json.loads(json.dumps(APP))
    made["tool"]["flwr"]["app"]["config"] = dict(config)
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(tomli_w.dumps(made), encoding="utf-8")
    return folder


class Site:
    """A SuperLink on this machine's loopback, its credentials, and the Flower home of whoever talks to it."""

    def __init__(self, crew: Crew, work: Path) -> None:
        self.crew, self.work = crew, work
        self.credentials = Credentials(work / "credentials")
        self.address = f"127.0.0.1:{free_port()}"

    def open(self, *flags: str, **variables: str) -> None:
        """Start the SuperLink and wait until it answers."""
        certificate, key = self.credentials.certificate("superlink")
        host, _, port = self.address.partition(":")
        files = ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
        files += ["--ssl-ca-certfile", str(self.credentials.authority)]
        command = ["flower-superlink", *files, "--host", host, "--port", port]
        command += ["--disable-runtime-dependency-installation", *flags]
        self.crew.start("superlink", command, environment(self.home("superlink"), **variables), stays=True)
        self.crew.wait(self._answers, "it answered", "superlink")
        self._write_connection()

    def home(self, name: str) -> Path:
        """A Flower home for one process."""
        found = self.work / "homes" / name
        found.mkdir(parents=True, exist_ok=True)
        return found

    def run(self, config: Mapping[str, Any], *flags: str) -> None:
        """Run the app to its end; raises RunError if it writes no output."""
        app = write_app(self.work / "app", config)
        command = ["flwr", "run", str(app), "here", "--stream", *flags]
        self.crew.start("run", command, environment(self.home("user")))
        self.crew.finish("run")
        if not Path(config["output"]).exists():
            raise self.crew.failure("the server wrote no weights", "run")

    def command(self, name: str, *command: str) -> None:
        """Start a ``flwr`` command that speaks to this SuperLink."""
        self.crew.start(name, ["flwr", *command], environment(self.home("user")))

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.credentials.authority))
        try:
            with urllib.request.urlopen(f"https://{self.address}/health", timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _write_connection(self) -> None:
        import tomli_w

        here = {"address": self.address, "root-certificates": str(self.credentials.authority)}
        text = tomli_w.dumps({"superlink": {"default": "here", "here": here}})
        (self.home("user") / "config.toml").write_text(text, encoding="utf-8")


def told(log: str) -> dict[str, Any]:
    """The JSON in what a ``flwr`` command wrote; raises RunError where there is none."""
    start, end = log.find("{"), log.rfind("}")
    try:
        found: dict[str, Any] = json.loads(log[start : end + 1])
    except json.JSONDecodeError as error:
        raise RunError(
            f"flwr did not answer in JSON: {log[:200]!r}. Install the version of aclipse[federated]."
        ) from error
    return found


def run_config(folder: Path, output: Path, secure: bool, timeout: float, nodes: Sequence[str] = ()) -> dict[str, Any]:
    """What the app's run is told."""
    return {
        "folder": str(folder),
        "output": str(output),
        "secure": secure,
        "timeout": float(timeout),
        "nodes": " ".join(nodes),  # Flower's identifiers do not fit into TOML's integers
    }


def clear(work: Path) -> None:
    """Delete keys and Flower's homes; logs and the app stay."""
    for name in ("credentials", "homes"):
        shutil.rmtree(work / name, ignore_errors=True)
