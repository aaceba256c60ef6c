"""Several corpora as one, and the part of a corpus in which nobody reads from a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aclipse.contracts import Clip
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError


def merge(manifests: Sequence[Manifest]) -> Manifest:
    """One manifest of several corpora: each clip's column corpus says which, and stands before id, speaker and session.

    Of one manifest alone the ids stay. A column corpus that is there already is kept: merged manifests merge again.
    Raises CorpusError if two manifests hold a corpus of the same name, or if none is given.

    >>> from pathlib import Path
    >>> both = merge([Manifest(name, (Clip("1", Path("1.wav"), speaker="anna"),)) for name in ("ours", "theirs")])
    >>> both.name, both.clips[1].id, both.clips[1].speaker, both.clips[1].extra
    ('ours+theirs', 'theirs/1', 'theirs/anna', {'corpus': 'theirs'})
    """
    held: dict[str, str] = {}  # corpus → manifest
    for manifest in manifests:
        corpora = sorted({_corpus(clip, manifest) for clip in manifest.clips})
        for corpus in corpora:
            if corpus in held:
                raise CorpusError(
                    f"Manifests {held[corpus]!r} and {manifest.name!r} both hold a corpus named {corpus!r}. "
                    "Corpora are told apart by name: give each once, or rename one of the files."
                )
        held |= dict.fromkeys(corpora, manifest.name)
    named = _inside if len(manifests) > 1 else _marked
    clips = tuple(named(clip, _corpus(clip, manifest)) for manifest in manifests for clip in manifest.clips)
    return Manifest("+".join(manifest.name for manifest in manifests), clips)


def improvised(manifest: Manifest) -> Manifest:
    """Leave out what was not improvised: IEMOCAP's scripted turns, MSP-IMPROV's read and natural ones.

    Cloak with adversarial training, sections 2.1 and 2.3. They are known by the columns of their importers, whatever
    the file is called; clips of other corpora stay.
    Raises CorpusError if nothing is left.
    """
    clips = tuple(clip for clip in manifest.clips if not _is_scripted(clip))
    if not clips:
        raise CorpusError(
            f"Nothing in manifest {manifest.name!r} is improvised. "
            "Import the corpus with its improvised turns, or use it as it is."
        )
    return replace(manifest, clips=clips)


def _corpus(clip: Clip, manifest: Manifest) -> str:
    return clip.extra.get("corpus", manifest.name)


def _marked(clip: Clip, corpus: str) -> Clip:
    return replace(clip, extra={**clip.extra, "corpus": corpus})


def _inside(clip: Clip, corpus: str) -> Clip:
    def inside(name: str) -> str:
        return f"{corpus}/{name}" if name else ""  # what is unknown stays so

    told = {**clip.extra, "corpus": corpus}
    return replace(clip, id=inside(clip.id), speaker=inside(clip.speaker), session=inside(clip.session), extra=told)


def _is_scripted(clip: Clip) -> bool:
    scenario = clip.extra.get("scenario", "")
    of_msp_improv = "emotion_intended" in clip.extra
    return scenario == "scripted" or (of_msp_improv and scenario in ("R", "P"))
