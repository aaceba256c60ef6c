"""MSP-IMPROV: twelve actors in six sessions of two improvise towards twenty fixed sentences in four emotions."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_file, find_named, wrong_folder
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError

CITATION = (
    "Busso C, Parthasarathy S, Burmania A, AbdelWahab M, Sadoughi N, Mower Provost E. MSP-IMPROV: An acted corpus of "
    "dyadic interactions to study emotion perception. IEEE Transactions on Affective Computing 8(1):67-80, 2017. "
    "doi:10.1109/TAFFC.2016.2515617"
)
LICENCE = "academic licence agreement with the University of Texas at Dallas; not to be passed on"

EMOTION = {"A": "angry", "H": "happy", "S": "sad", "N": "neutral", "O": "other", "X": ""}  # X: no agreement
TYPES = {
    "S": "other turns, improvised",
    "T": "target sentence, improvised",
    "R": "target sentence, read",
    "P": "natural",
}
# sentence and emotion asked for, speaker (letter: sex, number: session), type, who is addressed and the turn
_NAME = re.compile(r"MSP-IMPROV-S(\d\d)([AHSN])-([FM]0[1-6])-([PRST])-\w+")
_CONSENSUS = re.compile(r"^UTD-(IMPROV-\S+?)\.avi;\s*([A-Z])\s*;", re.MULTILINE)
_log = logging.getLogger(__name__)


def scan(root: Path | str, types: str = "ST") -> Manifest:
    """Read MSP-IMPROV by the listeners' consensus label; `types` are the letters of `TYPES` to keep.

    Raises CorpusError for another folder, a missing evaluation file or an unknown type.
    """
    root = Path(root)
    if not types or set(types) - set(TYPES):
        allowed = "; ".join(f"{letter} {meaning}" for letter, meaning in TYPES.items())
        raise CorpusError(f"MSP-IMPROV has no types {types!r}. Give one or more letters of: {allowed}.")
    files = [(path, name) for path, name in find_named(root, _NAME) if name[4] in types]
    if not files:
        raise wrong_folder(
            root, f"MSP-IMPROV with turns of type {types}", "session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav"
        )
    labels, words = _labels(root), _transcripts(root)
    if unlabelled := sum(path.stem not in labels for path, _ in files):
        _log.warning("%d of %d turns are not in the evaluation file: emotion unknown", unlabelled, len(files))
    return Manifest("msp-improv", tuple(_clip(path, name, labels, words) for path, name in files))


def _clip(path: Path, name: re.Match[str], labels: dict[str, str], words: dict[str, str]) -> Clip:
    sentence, asked, speaker, kind = name.groups()
    return Clip(
        id=path.stem,
        path=path,
        speaker=speaker,
        sex="female" if speaker.startswith("F") else "male",
        emotion=EMOTION.get(labels.get(path.stem, "X"), ""),
        transcript=words.get(path.stem, ""),
        session=speaker[-1],
        extra={"scenario": kind, "sentence": sentence, "emotion_intended": EMOTION[asked]},
    )


def _labels(root: Path) -> dict[str, str]:
    table = find_file(root, "Evalution.txt", "Evaluation.txt")  # the corpus spells it the first way
    if table is None:
        raise CorpusError(f"{root} lacks MSP-IMPROV's Evalution.txt, which holds the labels. Put it into that folder.")
    text = table.read_text("utf-8", errors="replace")
    return {f"MSP-{turn}": letter for turn, letter in _CONSENSUS.findall(text)}


def _transcripts(root: Path) -> dict[str, str]:
    files = sorted(root.glob("**/All_human_transcriptions/**/MSP-IMPROV-*.txt"))
    return {file.stem: " ".join(file.read_text("utf-8", errors="replace").split()) for file in files}
