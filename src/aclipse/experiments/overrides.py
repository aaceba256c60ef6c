"""The one way of changing settings from outside: ``section.key=value``, checked and explained."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from aclipse.contracts import Settings
from aclipse.errors import RecipeError

Kind = TypeVar("Kind", bound=Settings)


def parse(kind: type[Kind], given: dict[str, Any], overrides: Sequence[str], source: str) -> Kind:
    """Settings of a kind: those given, changed by overrides, and defaults; a value is as in TOML, or a bare word.

    Raises RecipeError naming ``source`` for an unknown key, a wrong type or a value out of range.

    >>> class Loop(Settings):
    ...     epochs: int = 1
    >>> parse(Loop, {}, ["epochs=3"], "here").epochs
    3
    """
    for override in overrides:
        _override(given, override)
    try:
        return kind(**given)
    except ValidationError as error:
        raise RecipeError("\n".join(f"{source}: {_explain(problem, kind)}" for problem in error.errors())) from error


def _override(settings: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"--set {override}: write it as section.key=value, for example cascade.epochs=20")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *sections, last = key.strip().split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise RecipeError(f"--set {override}: {section} is a value, not a section")
    settings[last] = parsed


def _explain(problem: Any, kind: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{place} = {problem['input']!r} is not allowed: {problem['msg'].lower()}"
    for section in problem["loc"][:-1]:
        kind = get_args(kind)[0] if isinstance(section, int) else kind.model_fields[section].annotation
    return f"{place} is not a setting. Allowed here: {', '.join(sorted(kind.model_fields))}"
