"""The error tree, as its docstring draws it, and that each error is what Python programmers expect of it."""

from __future__ import annotations

import inspect
import re

import pytest

from aclipse import errors
from aclipse.errors import AclipseError, MissingExtra

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_an_aclipse_error_with_a_sentence(kind: type) -> None:
    assert issubclass(kind, AclipseError) and kind.__doc__.strip().endswith(".")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("AudioError", ValueError),
        ("UnreadableAudio", errors.AudioError),
        ("UnusableAudio", errors.AudioError),
        ("CorpusError", ValueError),
        ("RecipeError", ValueError),
        ("BackboneError", ValueError),
        ("RunError", RuntimeError),
        ("MissingExtra", ImportError),
    ],
)
def test_each_can_be_caught_as_its_python_kin(name: str, base: type) -> None:
    assert issubclass(getattr(errors, name), base)


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = re.findall(r"^([│ ]*)(?:[├└]── )?(\w+)(?: \((\w+)\))?", errors.__doc__.split("\n\n")[1], re.MULTILINE)
    assert sorted(name for _, name, _ in drawn) == sorted(kind.__name__ for kind in KINDS)
    parents: list[str] = []
    for indent, name, kin in drawn:
        depth = 0 if name == "AclipseError" else 1 + len(indent) // 4
        parents[depth:] = [name]
        if depth:
            assert issubclass(getattr(errors, name), getattr(errors, parents[depth - 1]))
        if kin:
            assert kin in {base.__name__ for base in getattr(errors, name).__mro__}


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(ImportError, match=r"pesq is not installed\. Install it with: pip install 'aclipse\[pesq\]'"):
        raise MissingExtra("pesq", "pesq")
