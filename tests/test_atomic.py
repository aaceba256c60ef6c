"""Files are whole or not there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aclipse.atomic import LIVE, replacing, sweep, write_table, write_text


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        1 / 0  # noqa: B018
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_the_longest_name_a_file_system_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    write_text(path, "whole")
    assert path.read_text() == "whole"


def test_a_table_fills_what_a_row_lacks_and_refuses_what_it_has_too_much(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, ["a", "b"], [{"a": 1}, {"a": "x,y", "b": 2}])
    assert path.read_bytes() == b'a,b\r\n1,\r\n"x,y",2\r\n'
    with pytest.raises(ValueError, match="extra"):
        write_table(path, ["a"], [{"extra": 1}])
    assert path.read_bytes() == b'a,b\r\n1,\r\n"x,y",2\r\n'


def test_sweeping_takes_old_parts_and_neither_live_ones_nor_other_files(tmp_path: Path) -> None:
    def left(name: str, age: float) -> Path:
        path = tmp_path / "deep" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
        return path

    old, live, whole = left(".a.part", 2 * LIVE), left(".b.part", LIVE / 2), left("whole.csv", 2 * LIVE)
    left(".c.part/weights", 2 * LIVE)
    busy = left(".d.part/weights", LIVE / 2)
    for folder in (".c.part", ".d.part"):
        os.utime(tmp_path / "deep" / folder, (time.time() - 2 * LIVE,) * 2)
    sweep(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {live, whole, busy}
    assert not old.exists() and not (tmp_path / "deep" / ".c.part").exists()
