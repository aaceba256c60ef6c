"""IEMOCAP: ten actors in five sessions of two, improvising and playing scripts."""

from __future__ import annotations

import re
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_named, wrong_folder
from aclipse.corpora.manifest import Manifest

CITATION = (
    "Busso C, Bulut M, Lee CC, Kazemzadeh A, Mower E, Kim S, Chang JN, Lee S, Narayanan SS. IEMOCAP: interactive "
    "emotional dyadic motion capture database. Language Resources and Evaluation 42(4):335-359, 2008. "
    "doi:10.1007/s10579-008-9076-6"
)
LICENCE = "licence agreement with the University of Southern California; not to be passed on"

EMOTION = {
    "neu": "neutral",
    "hap": "happy",
    "exc": "excited",
    "sad": "sad",
    "ang": "angry",
    "fru": "frustrated",
    "fea": "fearful",
    "dis": "disgusted",
    "sur": "surprised",
    "oth": "other",
    "xxx": "",  # the listeners did not agree
}
_TURN = re.compile(r"Ses0([1-5])[FM]_((?:impro|script)\w+)_([FM])\w+")
_LABEL = re.compile(r"^\[[\d.]+ - [\d.]+\]\s+(\S+)\s+(\w+)", re.MULTILINE)
_LINE = re.compile(r"^(Ses\S+) \[[\d.-]+\]:[ \t]*(.*)$", re.MULTILINE)
_NOISE = re.compile(r"\[[A-Z ]+\]")  # [LAUGHTER], [BREATHING], … is heard but not said


def scan(root: Path | str) -> Manifest:
    """Read IEMOCAP's turns by the listeners' majority label, with excited merged into happy.

    The usual four classes are `.only(["neutral", "happy", "sad", "angry"])`: 5,531 turns. The unmerged label is in the
    column emotion_raw, improvised or scripted in the column scenario.
    Raises CorpusError for another folder.
    """
    root = Path(root)
    files = find_named(root, _TURN, "Session[1-5]/sentences/wav/*/*")
    if not files:
        expected = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav, Session1/dialog/ and so on"
        raise wrong_folder(root, "IEMOCAP", expected)
    labels = dict(_matches(root, "EmoEvaluation", _LABEL))
    words = dict(_matches(root, "transcriptions", _LINE))
    return Manifest("iemocap", tuple(_clip(path, name, labels, words) for path, name in files))


def _clip(path: Path, name: re.Match[str], labels: dict[str, str], words: dict[str, str]) -> Clip:
    # The first letter says who wore the markers in that dialogue; who speaks is the letter of the last token.
    session, dialogue, speaker = name.groups()
    raw = EMOTION.get(labels.get(path.stem, ""), "")
    scenario = "improvised" if dialogue.startswith("impro") else "scripted"
    return Clip(
        id=path.stem,
        path=path,
        speaker=f"Ses0{session}{speaker}",
        sex="female" if speaker == "F" else "male",
        emotion="happy" if raw == "excited" else raw,
        transcript=" ".join(_NOISE.sub(" ", words.get(path.stem, "")).split()),
        session=session,
        extra={"scenario": scenario} | ({"emotion_raw": raw} if raw else {}),
    )


def _matches(root: Path, folder: str, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    files = sorted(root.glob(f"Session[1-5]/dialog/{folder}/Ses*.txt"))
    return [pair for file in files for pair in pattern.findall(file.read_text("utf-8", errors="replace"))]
