"""RAVDESS, speech: 24 actors say two sentences in eight emotions."""

from __future__ import annotations

import re
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_named, wrong_folder
from aclipse.corpora.manifest import Manifest

CITATION = (
    "Livingstone SR, Russo FA. The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
    "PLoS ONE 13(5): e0196391, 2018. doi:10.1371/journal.pone.0196391"
)
LICENCE = "CC BY-NC-SA 4.0 (non-commercial, share alike)"

EMOTION = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgusted",
    "08": "surprised",
}
INTENSITY = {"01": "normal", "02": "strong"}
STATEMENT = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
# modality 03 is audio only, channel 01 is speech; then emotion, intensity, statement, repetition, actor
_NAME = re.compile(r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")


def scan(root: Path | str) -> Manifest:
    """Read RAVDESS's audio-only speech; song and video are passed over.

    Raises CorpusError for another folder.
    """
    root = Path(root)
    files = find_named(root, _NAME)
    if not files:
        raise wrong_folder(root, "RAVDESS (speech)", "Actor_01/03-01-01-01-01-01-01.wav (or .flac) and so on")
    return Manifest("ravdess", tuple(_clip(path, name) for path, name in files))


def _clip(path: Path, name: re.Match[str]) -> Clip:
    emotion, intensity, statement, repetition, actor = name.groups()
    return Clip(
        id=path.stem,
        path=path,
        speaker=actor,
        sex="male" if int(actor) % 2 else "female",
        emotion=EMOTION[emotion],
        transcript=STATEMENT[statement],
        extra={"intensity": INTENSITY[intensity], "statement": statement, "repetition": repetition},
    )
