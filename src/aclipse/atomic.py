"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

LIVE = 3600.0  # seconds: a part that was written to since may be another process's


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path, of a file or a folder, that becomes ``path`` when the block ends well and else vanishes.

    Folders on the way are made.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "new" / "a.txt"
    >>> with replacing(place) as partial:
    ...     _ = partial.write_text("whole")
    >>> place.read_text(), [file.name for file in place.parent.iterdir()]
    ('whole', ['a.txt'])
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid4().hex}.part")  # a name of its own: the longest allowed one has no room to grow
    try:
        yield partial
        partial.replace(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete what killed processes have left half-written anywhere below a folder, and nobody has touched for long."""
    for left in list(folder.rglob(".*.part")):
        try:
            latest = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
        except FileNotFoundError:  # somebody is at work on it, or has just finished
            continue
        if time.time() - latest < LIVE:
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file."""
    with replacing(path) as partial:
        partial.write_text(content, encoding="utf-8")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of what `write_table` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a UTF-8 CSV file with a header; a column that a row lacks stays empty."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
