"""Speech that still tells how someone feels, and no longer what they said.

>>> import aclipse
>>> sorted(aclipse.__all__)[:3]
['AclipseError', 'Clip', 'audit']
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# name → module; imported when first used, so that `import aclipse` and `aclipse --help` load no torch
_PUBLIC = {
    "AclipseError": "aclipse.errors",
    "Clip": "aclipse.contracts",
    "audit": "aclipse.experiments.audit",
    "audit_folders": "aclipse.experiments.audit",
    "load_cascade": "aclipse.experiments.run",
    "protect": "aclipse.deploy.batch",
    "read_audio": "aclipse.audio.files:read",
    "read_manifest": "aclipse.corpora.manifest:read",
    "read_recipe": "aclipse.experiments.recipe",
    "train": "aclipse.experiments.run",
    "write_audio": "aclipse.audio.files:write",
    "write_report": "aclipse.report.html",
}
__all__ = sorted(_PUBLIC)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'aclipse' has no attribute {name!r}; it has: {', '.join(__all__)}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
