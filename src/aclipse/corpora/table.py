"""CSV files: read with the line numbers an error needs, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aclipse.atomic import write_table
from aclipse.errors import CorpusError

Row = dict[str, str]


def read_rows(path: Path, required: Sequence[str]) -> list[tuple[int, Row]]:
    """Read a CSV file in UTF-8 as (line number, row) pairs.

    Raises CorpusError if it cannot be read, is no CSV, lacks a required column or has a row longer than its header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a byte-order mark in front
            reader = csv.DictReader(file, strict=True, restval="")
            rows = [(reader.line_num, row) for row in reader]
            columns = list(reader.fieldnames or ())
    except OSError as problem:
        raise CorpusError(f"{path}: cannot be read ({problem.strerror}). Check the path.") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise CorpusError(f"{path}: is not a CSV file in UTF-8 ({problem}). Save it as CSV, UTF-8.") from None
    missing = [column for column in required if column not in columns]
    if missing:
        raise CorpusError(
            f"{path}, line 1: lacks the column {', '.join(missing)}; it has: {', '.join(columns) or 'none'}. "
            "Name the columns in the first line, separated by commas."
        )
    for line, row in rows:
        if None in row:  # where DictReader puts values that have no column
            raise CorpusError(f"{path}, line {line}: has more values than the header. Put quotes around commas.")
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a CSV file in UTF-8; a reader never sees half of it.

    Raises CorpusError if it cannot be written.
    """
    try:
        write_table(path, columns, rows)
    except (OSError, UnicodeEncodeError) as problem:
        raise CorpusError(
            f"{path}: cannot be written ({problem}). Choose an existing folder that is writable and has space."
        ) from None
