"""Names of all plug-ins and where they live, as strings, so that listing them imports nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aclipse.errors import RecipeError

CORPORA = {
    "crema-d": "aclipse.corpora.crema_d:scan",
    "ravdess": "aclipse.corpora.ravdess:scan",
    "iemocap": "aclipse.corpora.iemocap:scan",
    "msp-improv": "aclipse.corpora.msp_improv:scan",
    "librispeech": "aclipse.corpora.librispeech:scan",
    "folder": "aclipse.corpora.folder:scan",
}
PROTECTIONS = {
    "cascade": "aclipse.protections.cascade.method:Cascade",
    "cloak": "aclipse.protections.cloak.method:Cloak",
    "cloak-adaptive": "aclipse.protections.cloak.method:Cloak",  # with noise that depends on the segment
    "vocoded": "aclipse.protections.cloak.sound:Vocoded",  # to features and back: what a vocoder alone hides
    "replacement": "aclipse.protections.replacement.method:Replacement",
    "identity": "aclipse.protections.baselines:Identity",
    "silence": "aclipse.protections.baselines:Silence",
    "low-pass": "aclipse.protections.baselines:LowPass",
    "white-noise": "aclipse.protections.baselines:WhiteNoise",
    "speech-noise": "aclipse.protections.baselines:SpeechNoise",
    "mp3": "aclipse.protections.baselines:Mp3",
    "mcadams": "aclipse.protections.baselines:McAdams",
    "shuffle": "aclipse.protections.baselines:ChunkShuffle",
    "source-only": "aclipse.protections.baselines:SourceOnly",
    "label-only": "aclipse.protections.baselines:LabelOnly",
    "pgd": "aclipse.protections.baselines:PGD",
}


def load(table: dict[str, str], name: str) -> Any:
    """Import a plug-in by name.

    Raises RecipeError for a name that is not in the table.

    >>> load(PROTECTIONS, "identity").__name__
    'Identity'
    """
    if name not in table:
        raise RecipeError(f"{name!r} is not known here. Choose one of: {', '.join(sorted(table))}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
