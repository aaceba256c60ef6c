"""The federation as processes that share nothing but a TLS connection: a SuperLink, and a SuperNode a client."""

from __future__ import annotations

import json
from pathlib import Path

from aclipse.deploy.federation.crew import Crew, environment, free_port
from aclipse.deploy.federation.folder import client_file, read_server
from aclipse.deploy.federation.site import Site, run_config, told


def deployed(crew: Crew, folder: Path, output: Path, secure: bool, work: Path, timeout: float) -> None:
    """Register a key for each client, start its SuperNode with its own file alone, and run all rounds."""
    site, users = Site(crew, work), read_server(folder).rules.users
    site.open("--enable-supernode-auth")
    keys = [site.credentials.pair(f"client-{place}") for place in range(users)]
    nodes = registered(site, [public for _, public in keys])
    for place, (private, _) in enumerate(keys):
        start_node(site, place, private, client_file(folder, place), secure)
    site.run(run_config(folder, output, secure, timeout, nodes))


def registered(site: Site, keys: list[Path]) -> list[str]:
    """Tell the SuperLink which keys it may let in; gives the node that each becomes."""
    names = [f"register-{key.stem}" for key in keys]
    for name, key in zip(names, keys, strict=True):
        site.command(name, "supernode", "register", str(key), "here", "--format", "json")
    return [str(told(site.crew.finish(name))["node-id"]) for name in names]


def start_node(site: Site, place: int, key: Path, data: Path, secure: bool) -> str:
    """A SuperNode that shows a key and reads one client's file; what it says to its own app goes through TLS, too."""
    name = f"client-{place}"
    certificate, secret = site.credentials.certificate(f"{name}-tls")
    authority = str(site.credentials.authority)
    config = {"partition-id": str(place), "own": json.dumps(str(data)), "secure": json.dumps(secure)}
    command = ["flower-supernode", "--superlink", site.address, "--root-certificates", authority]
    command += ["--auth-supernode-private-key", str(key), "--host", "127.0.0.1", "--port", str(free_port())]
    command += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(secret), "--ssl-ca-certfile", authority]
    command += ["--node-config", " ".join(f"{name}={value}" for name, value in config.items())]
    site.crew.start(name, command, environment(site.home(name)), stays=True)
    return name
