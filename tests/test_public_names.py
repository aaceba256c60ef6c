"""The public names, once: all there, no more, and nothing heavy loaded by asking for them."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import aclipse

NAMES = [
    "AclipseError",
    "Clip",
    "audit",
    "audit_folders",
    "load_cascade",
    "protect",
    "read_audio",
    "read_manifest",
    "read_recipe",
    "train",
    "write_audio",
    "write_report",
]


def test_the_public_names_are_these() -> None:
    assert aclipse.__all__ == NAMES
    assert dir(aclipse) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_what_it_says_and_is_documented(name: str) -> None:
    found = getattr(aclipse, name)
    assert inspect.isfunction(found) or inspect.isclass(found)
    assert found.__module__.startswith("aclipse.")
    assert inspect.getdoc(found)


def test_names_that_are_shorter_inside_lead_to_the_right_place() -> None:
    from aclipse.audio import files
    from aclipse.corpora import manifest

    assert (aclipse.read_audio, aclipse.write_audio) == (files.read, files.write)
    assert aclipse.read_manifest is manifest.read


def test_everything_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from aclipse import *", names)
    assert {name for name in names if not name.startswith("__")} == set(NAMES)


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(
        AttributeError, match=r"module 'aclipse' has no attribute 'encrypt'; it has: AclipseError, Clip"
    ):
        _ = aclipse.encrypt
    assert not hasattr(aclipse, "encrypt")
    with pytest.raises(ImportError, match="cannot import name 'encrypt'"):
        exec("from aclipse import encrypt")


def test_the_version_is_that_of_the_installed_package() -> None:
    assert aclipse.__version__ == version("aclipse")


def test_importing_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "matplotlib", "sklearn", "scipy", "numpy", "pydantic", "typer", "soundfile")
    code = f"import sys, aclipse; dir(aclipse); print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
