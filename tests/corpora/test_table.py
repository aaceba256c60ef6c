from __future__ import annotations

import pytest

from aclipse.corpora.table import read_rows, write_rows
from aclipse.errors import CorpusError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00\x01RIFF", r"t\.csv: is not a CSV file in UTF-8 .* Save it as CSV, UTF-8"),
        (b'id,path\n"a,b\n', r"t\.csv: is not a CSV file in UTF-8 \(unexpected end of data\)"),
        (b"", r"t\.csv, line 1: lacks the column id, path; it has: none"),
        (b"id;path\na;b\n", r"lacks the column id, path; it has: id;path\. Name the columns in the first line"),
        (b"id,path\na,b\nc,d,e\n", r"t\.csv, line 3: has more values than the header\. Put quotes around commas"),
    ],
)
def test_what_is_no_table_is_refused(content, message, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_rows(tmp_path / "t.csv", ("id", "path"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"t\.csv: cannot be read \(No such file or directory\)\. Check the path"):
        read_rows(tmp_path / "t.csv", ())


def test_reads_what_a_spreadsheet_saves(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfid,path\r\na,\r\n\r\nb\r\n")
    assert read_rows(tmp_path / "t.csv", ("id",)) == [(2, {"id": "a", "path": ""}), (4, {"id": "b", "path": ""})]


def test_a_failed_write_leaves_the_old_table_and_nothing_else(tmp_path):
    path = tmp_path / "t.csv"
    write_rows(path, ("id",), [{"id": "old"}])
    with pytest.raises(
        CorpusError, match=r"t\.csv: cannot be written \(.*surrogates not allowed\)\. Choose an existing"
    ):
        write_rows(path, ("id",), [{"id": "new"}, {"id": "\udcff"}])
    assert read_rows(path, ("id",)) == [(2, {"id": "old"})]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "no").touch()
    with pytest.raises(CorpusError, match=r"cannot be written \(.*exists.*\)\. Choose an existing folder"):
        write_rows(tmp_path / "no" / "t.csv", ("id",), [])
