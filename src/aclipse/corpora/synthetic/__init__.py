"""Emotional speech made on the spot with espeak-ng: thirty voices, four emotions, sentences worth hiding.

For demonstrations and tests: small, free and the same everywhere. What it shows of a protection holds for synthetic
speech; real corpora decide. Read `content` (what is said), `prosody` (how, by published rules), `voices` (who),
`script` (who says what), `sound` (the samples).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from aclipse.audio import files
from aclipse.contracts import Clip
from aclipse.corpora import manifest
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.synthetic.content import transcript_of
from aclipse.corpora.synthetic.espeak import Espeak, open_espeak
from aclipse.corpora.synthetic.script import Line, Stream, source, write_script
from aclipse.corpora.synthetic.sound import utter
from aclipse.errors import CorpusError
from aclipse.metrics.entities import SEPARATOR

VERSION = 3  # raise it whenever the same seed gives other speech
Progress = Callable[[int, int], None]  # clips spoken so far, clips in all


def make(folder: Path, clips: int = 1200, seed: int = 0, progress: Progress | None = None) -> Manifest:
    """Speak a corpus into ``folder``, or return the one that is already there with the same settings.

    A seed's clip ``i`` is the same however many clips follow it. Sexes and emotions are in balance, emotion does not
    depend on what is said, and no sentence comes twice: a speaker-disjoint split shares words but no sentence.
    16 kHz mono FLAC; ``manifest.csv`` is written last and marks the corpus as complete. Its column ``entities`` holds
    the names, numbers, medical words and places of each sentence; a corpus made before there was one is given it.

    Raises CorpusError for a folder that holds something else or an impossible number, MissingExtra without
    espeakng-loader.
    """
    if clips < 1 or seed < 0:
        raise CorpusError(f"clips is {clips} and seed is {seed}. Choose clips from 1 and seed from 0")
    table = folder / "manifest.csv"
    try:
        if not _claim(folder, {"clips": clips, "seed": seed, "version": VERSION}):
            return _tagged(table, clips, seed)
    except OSError as problem:
        raise CorpusError(f"{folder} cannot be used ({problem.strerror}). Choose a folder that is writable") from None
    spoken = []
    with open_espeak() as espeak:
        for line in write_script(clips, seed):
            spoken.append(_record(espeak, line, folder / "audio", seed))
            if progress:
                progress(len(spoken), clips)
    corpus = Manifest("synthetic", tuple(spoken))
    manifest.write(corpus, table)
    return corpus


def _claim(folder: Path, settings: dict[str, int]) -> bool:
    """Prepare the folder and say whether anything is left to do in it."""
    marker, table, wanted = folder / "synthetic.json", folder / "manifest.csv", json.dumps(settings)
    if marker.is_file():
        if marker.read_text(encoding="utf-8") == wanted and table.is_file():
            return False
    elif folder.exists() and any(folder.iterdir()):
        raise CorpusError(f"{folder} holds something else. Choose an empty or a new folder for the synthetic corpus")
    table.unlink(missing_ok=True)
    for stale in folder.glob("audio/[fm][0-9][0-9]-*.flac"):
        stale.unlink()
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    marker.write_text(wanted, encoding="utf-8")
    return True


def _record(espeak: Espeak, line: Line, folder: Path, seed: int) -> Clip:
    path = folder / f"{line.id}.flac"
    files.write(path, utter(espeak, line, source(seed, Stream.SOUND, line.index)))
    how = {cue: f"{value:.3f}" for cue, value in asdict(line.delivery).items()}
    return Clip(
        line.id,
        path,
        speaker=line.voice.speaker,
        sex=line.voice.sex,
        emotion=line.emotion,
        transcript=transcript_of(line.text),
        extra={"accent": line.voice.accent, **how, **_entities(line)},
    )


def _entities(line: Line) -> dict[str, str]:
    return {"entities": SEPARATOR.join(line.entities)} if line.entities else {}  # an empty cell is read as none


def _tagged(table: Path, clips: int, seed: int) -> Manifest:
    """A finished corpus with the tags of its script, on disk too."""
    corpus = manifest.read(table)
    tags = {line.id: _entities(line) for line in write_script(clips, seed)}
    if all(clip.extra.get("entities") == tags.get(clip.id, {}).get("entities") for clip in corpus.clips):
        return corpus
    corpus = replace(corpus, clips=tuple(replace(c, extra={**c.extra, **tags.get(c.id, {})}) for c in corpus.clips))
    manifest.write(corpus, table)
    return corpus
