"""CREMA-D: 91 actors say 12 sentences in six emotions; what listeners heard is on record beside what was meant."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora.layout import find_file, find_named, wrong_folder
from aclipse.corpora.manifest import Manifest, relabel
from aclipse.corpora.table import read_rows
from aclipse.errors import CorpusError

CITATION = (
    "Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R. CREMA-D: Crowd-sourced Emotional Multimodal Actors "
    "Dataset. IEEE Transactions on Affective Computing 5(4):377-390, 2014. doi:10.1109/TAFFC.2014.2336244"
)
LICENCE = "Open Database License (ODbL) 1.0; contents under the Database Contents License (DbCL) 1.0"

SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
INTENDED = {"ANG": "angry", "DIS": "disgusted", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
VOTED = {"A": "angry", "D": "disgusted", "F": "fearful", "H": "happy", "N": "neutral", "S": "sad"}
LABELS = {"intended": "emotion_intended", "voted": "emotion_voted", "voice": "emotion_voice_voted"}
# Three recordings stand under two names each, with different emotions: which one was played is not known.
TWINS = (
    "1006_TIE_HAP_XX",
    "1006_TIE_NEU_XX",
    "1013_WSI_DIS_XX",
    "1013_WSI_SAD_XX",
    "1017_IWW_ANG_XX",
    "1017_IWW_FEA_XX",
)
UNUSABLE = dict.fromkeys(TWINS, "one recording under two emotions") | {"1076_MTI_SAD_XX": "silent"}
_NAME = re.compile(rf"(\d{{4}})_({'|'.join(SENTENCES)})_({'|'.join(INTENDED)})_(LO|MD|HI|XX?)")
_log = logging.getLogger(__name__)


def scan(root: Path | str, labels: str = "intended") -> Manifest:
    """Read CREMA-D, labelled by what was `intended`, `voted` (voice and face) or voted on the `voice` alone.

    A vote counts when one emotion wins it; after a tie the emotion is unknown.
    Raises CorpusError for another folder, other labels, or votes without summaryTable.csv.
    """
    root = Path(root)
    if labels not in LABELS:
        raise CorpusError(f"CREMA-D has no {labels!r} labels. Choose from: {', '.join(LABELS)}.")
    sexes, votes = _sexes(root), _votes(root)
    if labels != "intended" and not votes:
        raise CorpusError(f"{root}: {labels!r} labels need CREMA-D's summaryTable.csv. Put it into that folder.")
    files = find_named(root / "AudioWAV", _NAME, "*")
    if not files:
        raise wrong_folder(root, "CREMA-D", "AudioWAV/1001_DFA_ANG_XX.wav (or .flac) and so on")
    clips = tuple(_clip(path, name, sexes, votes) for path, name in files if _usable(path))
    return relabel(Manifest("crema-d", clips), LABELS[labels])


def _usable(path: Path) -> bool:
    if path.stem in UNUSABLE:
        _log.info("left out %s: %s", path.name, UNUSABLE[path.stem])
    return path.stem not in UNUSABLE


def _clip(path: Path, name: re.Match[str], sexes: dict[str, str], votes: dict[str, dict[str, str]]) -> Clip:
    actor, sentence, emotion, level = name.groups()
    extra = {"sentence": sentence, "level": level.ljust(2, "X"), "emotion_intended": INTENDED[emotion]}
    return Clip(
        id=path.stem,
        path=path,
        speaker=actor,
        sex=sexes.get(actor, ""),
        transcript=SENTENCES[sentence],
        extra=extra | votes.get(path.stem, {}),
    )


def _sexes(root: Path) -> dict[str, str]:
    table = find_file(root, "VideoDemographics.csv")
    if table is None:
        _log.warning("%s has no VideoDemographics.csv: the actors' sex stays unknown", root)
        return {}
    return {row["ActorID"]: row["Sex"].lower() for _, row in read_rows(table, ("ActorID", "Sex"))}


def _votes(root: Path) -> dict[str, dict[str, str]]:
    table = find_file(root, "summaryTable.csv", "processedResults/summaryTable.csv")
    if table is None:
        return {}
    rows = (row for _, row in read_rows(table, ("FileName", "MultiModalVote", "VoiceVote")))
    return {row["FileName"]: _winners(row["MultiModalVote"], row["VoiceVote"]) for row in rows}


def _winners(voted: str, voice: str) -> dict[str, str]:
    """Name the emotions that won a vote alone; a tie is written `A:N` and names none."""
    votes = {"emotion_voted": VOTED.get(voted), "emotion_voice_voted": VOTED.get(voice)}
    return {column: emotion for column, emotion in votes.items() if emotion}
