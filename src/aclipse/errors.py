"""Every error aclipse raises on purpose.

AclipseError
├── AudioError (ValueError)       a recording cannot be used
│   ├── UnreadableAudio           missing, truncated, not audio, no permission
│   └── UnusableAudio             empty, too short, silent, NaN or infinite
├── CorpusError (ValueError)      a corpus, a manifest or a split is wrong
├── RecipeError (ValueError)      a setting is unknown, of the wrong type or out of range
├── BackboneError (ValueError)    a pretrained checkpoint is missing or does not fit
├── RunError (RuntimeError)       a run folder is missing, unfinished or belongs to something else
└── MissingExtra (ImportError)    an optional dependency is not installed

Each message says what was given, what is allowed and what to do.
"""

from __future__ import annotations


class AclipseError(Exception):
    """Base of all errors raised on purpose; the command line prints it without a traceback."""


class AudioError(AclipseError, ValueError):
    """A recording cannot be used."""


class UnreadableAudio(AudioError):
    """A file is missing, truncated, forbidden or holds no audio."""


class UnusableAudio(AudioError):
    """A recording was read but is empty, too short, silent or not finite."""


class CorpusError(AclipseError, ValueError):
    """A corpus, a manifest or a split is wrong."""


class RecipeError(AclipseError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class BackboneError(AclipseError, ValueError):
    """A pretrained checkpoint is missing or does not fit."""


class RunError(AclipseError, RuntimeError):
    """A run folder is missing, unfinished or belongs to other settings."""


class MissingExtra(AclipseError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Install it with: pip install 'aclipse[{extra}]'")
        self.needed = package, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return MissingExtra, self.needed  # it may come from another process
