"""What a replacement autoencoder released of a batch as one table, a row a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aclipse.atomic import replacing, write_table
from aclipse.contracts import Features
from aclipse.deploy.features import components, read_features
from aclipse.errors import AudioError, MissingExtra
from aclipse.protections.replacement.method import Replacement

Kind = Literal["csv", "parquet"]
Blocks = Iterator[tuple[list[str], Features]]  # names of some recordings, and a row of each

NAME = "name"  # the column of the file's path inside the output, without suffix
BLOCK = 2048  # rows that are held at once: 52 MB of the largest set of functionals


def place(output: Path | str, kind: Kind) -> Path:
    """Where the table of an output folder is."""
    return Path(output) / f"features.{kind}"


def check(inputs: Iterable[Path | str], output: Path | str, kind: Kind) -> None:
    """Raise at once what would be a pity to hear when all is protected.

    That is MissingExtra for a Parquet file without pyarrow, and AudioError if an input lies where the table will be.
    """
    if kind == "parquet":
        _pyarrow()
    table = place(output, kind)
    if table.resolve() in [Path(given).resolve() for given in inputs]:
        raise AudioError(f"{table} is an input, and where the table of what is released goes. Give another folder.")


def gather(
    outputs: Iterable[Path], folder: Path | str, protection: Replacement, kind: Kind = "csv", functionals: bool = False
) -> Path:
    """Write the table of these outputs into their folder, atomically and in the order of their names.

    Its columns are ``name`` and the components, or functionals in their own units, as far as components and the ranges
    of anybody give them back (`Replacement.functionals`). Numbers are float32, in CSV with the digits
    that it takes to tell them apart.
    Raises RunError for an output that cannot be read, MissingExtra as `check` does.
    """
    projection, path = protection.projection, place(folder, kind)
    columns = list(projection.names) if functionals else components(projection.size)
    named = sorted((output.relative_to(folder).with_suffix("").as_posix(), output) for output in outputs)
    blocks = _blocks(named, protection if functionals else None)
    (_write_csv if kind == "csv" else _write_parquet)(path, columns, blocks)
    return path


def _blocks(named: Sequence[tuple[str, Path]], inverse: Replacement | None) -> Blocks:
    for start in range(0, len(named), BLOCK):
        part = named[start : start + BLOCK]
        rows = np.concatenate([read_features(path) for _, path in part])
        yield [name for name, _ in part], inverse.functionals(rows) if inverse else rows


def _write_csv(path: Path, columns: Sequence[str], blocks: Blocks) -> None:
    rows = (
        {NAME: name, **dict(zip(columns, row, strict=True))}
        for names, block in blocks
        for name, row in zip(names, block, strict=True)
    )
    write_table(path, [NAME, *columns], rows)


def _write_parquet(path: Path, columns: Sequence[str], blocks: Blocks) -> None:
    arrow, parquet = _pyarrow()
    schema = arrow.schema([(NAME, arrow.string()), *((column, arrow.float32()) for column in columns)])
    with replacing(path) as partial, parquet.ParquetWriter(partial, schema) as writer:
        for names, block in blocks:
            values = [arrow.array(names), *map(arrow.array, np.ascontiguousarray(block.T))]
            writer.write_table(arrow.Table.from_arrays(values, schema=schema))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet") from error
    return pyarrow, parquet
