"""The registry: every name leads to something that fits, and listing imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aclipse import registry
from aclipse.contracts import Release
from aclipse.errors import RecipeError

TABLES = {name: table for name, table in vars(registry).items() if name.isupper() and isinstance(table, dict)}
ENTRIES = [(name, entry) for name, table in TABLES.items() for entry in table]


def test_the_tables_are_there() -> None:
    assert {"CORPORA", "PROTECTIONS"} <= set(TABLES)
    simple = {
        "identity",
        "silence",
        "low-pass",
        "white-noise",
        "speech-noise",
        "mp3",
        "mcadams",
        "shuffle",
        "source-only",
        "vocoded",
    }
    assert {"cascade", "cloak", "cloak-adaptive", "replacement", "label-only", "pgd"} | simple == set(
        registry.PROTECTIONS
    )
    assert {"crema-d", "ravdess", "iemocap", "msp-improv", "librispeech", "folder"} <= set(registry.CORPORA)


@pytest.mark.parametrize(("table", "entry"), ENTRIES)
def test_every_name_leads_to_something_callable(table: str, entry: str) -> None:
    assert callable(registry.load(TABLES[table], entry))


@pytest.mark.parametrize("entry", registry.PROTECTIONS)
def test_a_protection_carries_the_name_it_is_listed_under(entry: str) -> None:
    kind = registry.load(registry.PROTECTIONS, entry)
    assert getattr(kind, "name", entry) == entry  # some say it once they are built
    assert isinstance(kind.releases, Release)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        RecipeError,
        match=r"'cloack' is not known here\. Choose one of: cascade, cloak, cloak-adaptive, identity, label-only, low",
    ):
        registry.load(registry.PROTECTIONS, "cloack")


def test_listing_imports_neither_torch_nor_any_plug_in() -> None:
    script = (
        "import sys, aclipse.registry as r; assert r.PROTECTIONS and r.CORPORA;"
        "heavy = {'torch', 'sklearn', 'matplotlib', 'soundfile', 'scipy'} & set(sys.modules);"
        "ours = {m for m in sys.modules if m.startswith('aclipse.')} - {'aclipse.registry', 'aclipse.errors'};"
        "sys.exit(f'{heavy} {ours}' if heavy or ours else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
