"""The contract of every importer in the registry, on a miniature of its corpus."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib import import_module

import pytest

from aclipse.corpora.manifest import EMOTIONS, SEXES, Manifest, read, write
from aclipse.errors import CorpusError
from aclipse.registry import CORPORA, load


@pytest.fixture(params=sorted(CORPORA))
def corpus(request) -> str:
    return request.param


@pytest.fixture
def manifest(corpus, miniature) -> Manifest:
    return load(CORPORA, corpus)(miniature(corpus))


def test_is_named_as_in_the_registry(corpus, manifest):
    assert manifest.name == corpus


def test_ids_are_unique_and_sorted(manifest):
    ids = [clip.id for clip in manifest.clips]
    assert ids == sorted(set(ids))
    assert len(ids) >= 2


def test_files_exist_under_absolute_paths(manifest):
    assert all(clip.path.is_absolute() and clip.path.is_file() for clip in manifest.clips)


def test_labels_are_canonical(manifest):
    assert all(clip.speaker for clip in manifest.clips)
    assert {clip.emotion for clip in manifest.clips} <= {*EMOTIONS, ""}
    assert {clip.sex for clip in manifest.clips} <= {*SEXES, ""}


def test_the_same_folder_gives_the_same_manifest(corpus, manifest, tmp_path):
    again = load(CORPORA, corpus)(str(tmp_path / corpus))
    assert again == manifest
    assert [clip.extra for clip in again.clips] == [clip.extra for clip in manifest.clips]


def test_survives_being_written_and_read(corpus, manifest, tmp_path):
    path = tmp_path / f"{corpus}.csv"
    write(manifest, path)
    back = read(path)
    assert back == manifest
    assert back.hash == manifest.hash
    assert [clip.extra for clip in back.clips] == [clip.extra for clip in manifest.clips]


@pytest.mark.parametrize("found", ["no such folder", "an empty folder", r"1\.txt, 2\.txt, 3\.txt, 4\.txt, 5\.txt, …"])
def test_another_folder_is_refused_with_the_layout_expected(corpus, found, tmp_path):
    root = tmp_path / "elsewhere"
    if found != "no such folder":
        root.mkdir()
    if "1" in found:
        for n in range(1, 7):
            (root / f"{n}.txt").touch()
    with pytest.raises(CorpusError, match=rf"elsewhere does not look like .*Expected inside it: .+ Found: {found}\."):
        load(CORPORA, corpus)(root)


def test_cites_its_source_and_licence(corpus):
    module = import_module(CORPORA[corpus].partition(":")[0])
    if corpus == "folder":
        assert module.CITATION == module.LICENCE == ""  # the user's own recordings
    else:
        assert "doi:10." in module.CITATION
        assert len(module.LICENCE) > 5


def test_files_with_other_names_are_passed_over_and_logged(miniature, caplog):
    with caplog.at_level(logging.INFO):
        load(CORPORA, "ravdess")(miniature("ravdess"))
    assert "passed over 2 recordings with other names" in caplog.text


def test_importing_a_corpus_loads_no_torch():
    modules = {target.partition(":")[0] for target in CORPORA.values()}
    modules |= {f"aclipse.corpora.{name}" for name in ("manifest", "merge", "splits", "check")}
    code = f"import sys, {', '.join(sorted(modules))}; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
