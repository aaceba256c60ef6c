"""``python -m aclipse.deploy.federation FOLDER OUTPUT``: run a prepared federation from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aclipse.deploy.federation.engine import ENGINES, federate
from aclipse.errors import AclipseError


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and print where the weights are."""
    parser = argparse.ArgumentParser(prog="python -m aclipse.deploy.federation", description=__doc__)
    parser.add_argument("folder", type=Path, help="what `prepare` wrote")
    parser.add_argument("output", type=Path, help="the .safetensors file of the last weights")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--secure", action="store_true", help="secure aggregation: the server sees sums alone")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds, for all of it")
    given = parser.parse_args(arguments)
    try:
        print(federate(given.folder, given.output, engine=given.engine, secure=given.secure, timeout=given.timeout))
    except AclipseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
