"""Runs a Flower command until it ends or whoever started it has gone: ``python -m ….held flower-superlink …``.

A killed parent cannot end its children; so they watch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from importlib.metadata import entry_points

WATCHED = 0.5  # seconds between two looks


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCHED)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the console script named first, with the arguments behind it."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    (command,) = entry_points(group="console_scripts", name=sys.argv[0])
    command.load()()


if __name__ == "__main__":
    main()
