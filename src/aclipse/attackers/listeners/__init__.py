"""Listeners that others have trained: what they hear owes nothing to our corpora, networks or seeds.

Read `sphinx` (PocketSphinx), `checkpoints` (transformers, with `labels`) and `published` (two small models in a
folder, behind the front end in `mel`). All are readers: frozen, and blind to batches and padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aclipse.attackers.listeners import checkpoints, published, sphinx
from aclipse.contracts import Reader
from aclipse.errors import RecipeError

__all__ = ["listener"]
POCKETSPHINX = "pocketsphinx"
_CHECKPOINT = "the hub id or the folder of a checkpoint of transformers"
_ALLOWED = {
    "words": f"{POCKETSPHINX}, or {_CHECKPOINT} (CTC, Whisper)",
    "sentence": POCKETSPHINX,
    "sex": f"a folder with {published.SEX_FILE}, or {_CHECKPOINT} (audio classification)",
    "speaker": f"a folder with {published.SPEAKER_FILE}",
    "emotion": f"{_CHECKPOINT} (audio classification)",
}


def listener(secret: str, source: str, sentences: Sequence[str] = ()) -> tuple[str, Reader]:
    """A listener for a secret and its name in tables; ``sentences`` are those that a grammar shall know.

    ``source`` is "pocketsphinx", a hub id, or a folder, which says by its files what it is. A reader whose attribute
    ``slow`` is true takes about as long as the speech.

    Raises RecipeError where no listener for ``secret`` comes from ``source``, BackboneError for a folder or hub id
    that cannot be used, CorpusError for sentences that cannot be pronounced, MissingExtra where a package is missing.
    """
    if secret not in _ALLOWED:
        raise RecipeError(f"nobody listens for {secret!r}. Choose from: {', '.join(_ALLOWED)}.")
    kind, name = _kind(source), Path(source).absolute().name
    match secret, kind:
        case "words", "pocketsphinx":
            return POCKETSPHINX, sphinx.open_words()
        case "sentence", "pocketsphinx":
            return f"{POCKETSPHINX}-grammar", sphinx.grammar(sentences)
        case "sex", published.SEX_FILE:
            return name, published.sex(source)
        case "speaker", published.SPEAKER_FILE:
            return name, published.speaker(source)
        case "words" | "sex" | "emotion", "checkpoint":
            return name, checkpoints.checkpoint(source, secret)
    raise RecipeError(f"{source} cannot listen for {secret}. Give {_ALLOWED[secret]}.")


def _kind(source: str) -> str:
    """What a source is, by its name or its files; a hub id and a folder that is not there count as a checkpoint."""
    if source == POCKETSPHINX:
        return POCKETSPHINX
    files = (published.SEX_FILE, published.SPEAKER_FILE, "config.json")
    found = [name for name in files if (Path(source) / name).is_file()]
    if not found and Path(source).exists():
        raise RecipeError(f"{source} holds none of {', '.join(files)}. Give a folder with one of them.")
    return found[0] if found and found[0] != "config.json" else "checkpoint"
