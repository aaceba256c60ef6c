"""Each corpus in miniature, in its official layout, and the way to the real ones."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


def record(path: Path, seconds: float = 0.03) -> Path:
    """Write a short recording, different for every path; FLAC or WAV by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(path.name.encode())).uniform(-0.5, 0.5, int(16000 * seconds))
    soundfile.write(path, noise, 16000)
    return path


def write_text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def crema_d(root: Path) -> None:
    names = ("1001_DFA_ANG_XX.wav", "1001_IEO_SAD_HI.flac", "1002_TIE_NEU_XX.wav", "1040_ITH_SAD_X.wav")
    dropped = ("1006_TIE_HAP_XX.wav", "1017_IWW_FEA_XX.wav", "1076_MTI_SAD_XX.wav", "not a clip.wav")
    for name in names + dropped:
        record(root / "AudioWAV" / name)
    people = ("1001,51,Male,Caucasian,Not Hispanic", "1002,21,Female,Caucasian,Not Hispanic")
    write_text(root / "VideoDemographics.csv", "ActorID,Age,Sex,Race,Ethnicity", *people)
    header = ",FileName,VoiceVote,VoiceLevel,FaceVote,FaceLevel,MultiModalVote,MultiModalLevel"
    votes = (
        "1,1001_DFA_ANG_XX,N,69.1,N,92.2,A,64.8",
        "2,1001_IEO_SAD_HI,S,60,S,70,N:S,50",
        "3,1002_TIE_NEU_XX,F:N,1,N,1,N,1",
    )
    write_text(root / "processedResults" / "summaryTable.csv", header, *votes)


def ravdess(root: Path) -> None:
    for name in ("03-01-08-02-01-02-01.wav", "03-02-03-01-01-01-01.wav"):  # the second one is sung
        record(root / "Actor_01" / name)
    record(root / "Actor_02" / "03-01-02-01-02-01-02.flac")
    record(root / "Actor_02" / "01-01-02-01-02-01-02.wav")  # the sound of a video


IEMOCAP_TURNS = (  # turn, label, what is said
    ("Ses01F_impro01_F000", "neu", "Excuse me."),
    ("Ses01F_impro01_M003", "exc", "[LAUGHTER] Oh, wow. [BREATHING]"),
    ("Ses01M_script01_1_F000", "fru", "What's wrong?"),
    ("Ses02F_script03_2_M012", "ang", "No!"),
    ("Ses05M_impro05a_M001", "xxx", "I don't know."),
)


def iemocap(root: Path) -> None:
    labels: dict[Path, list[str]] = {}
    words: dict[Path, list[str]] = {}
    for turn, label, said in IEMOCAP_TURNS:
        session, dialogue = root / f"Session{turn[4]}", turn.rpartition("_")[0]
        record(session / "sentences" / "wav" / dialogue / f"{turn}.wav")
        rated = [f"[6.2901 - 8.2357]\t{turn}\t{label}\t[2.5000, 2.5000, 2.5000]", "C-E2:\tNeutral;\t()", ""]
        labels.setdefault(session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt", ["% header", ""]).extend(rated)
        line = f"{turn} [006.2901-008.2357]: {said}"
        words.setdefault(session / "dialog" / "transcriptions" / f"{dialogue}.txt", []).extend([line, "M: Mm-hmm."])
    for path, lines in (labels | words).items():
        write_text(path, *lines)
    hidden = root / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "._Ses01F_impro01_F000.wav"
    hidden.write_bytes(b"\x00\x05\x16\x07")
    (root / "Session1" / "dialog" / "EmoEvaluation" / "._Ses01F_impro01.txt").write_bytes(b"\x00\x05\x16\xff")
    record(root / "Session1" / "dialog" / "wav" / "Ses01F_impro01.wav")  # the whole dialogue


MSP_IMPROV_TURNS = (  # turn, consensus
    ("S01A-F01-S-FM01", "A"),
    ("S01A-F01-T-FM03", "X"),
    ("S05H-M06-S-MF02", "O"),
    ("S05H-M06-R-MM01", "H"),
    ("S20N-M06-P-MF09", "N"),
)


def msp_improv(root: Path) -> None:
    evaluation = []
    for turn, consensus in MSP_IMPROV_TURNS:
        sentence, speaker, kind, _ = turn.split("-")
        record(root / "Audio" / f"session{speaker[-1]}" / sentence / kind / f"MSP-IMPROV-{turn}.wav")
        evaluation += [
            f"UTD-IMPROV-{turn}.avi; {consensus}; A:2.800000; V:2.600000; D:NaN ; N:3.200000;",
            "WKR00000101_CF_UTD_00001; Angry; Angry,Frustrated; A:3.000000; V:2.000000; D:NaN; N:4.000000;",
            "",
        ]
    write_text(root / "Evalution.txt", *evaluation)
    said = root / "Human_transcriptions" / "All_human_transcriptions" / "MSP-IMPROV-S01A-F01-S-FM01.txt"
    write_text(said, "How can I not? ")


def librispeech(root: Path) -> None:
    for reader, chapter in (("1272", "128104"), ("1462", "170138")):
        folder = root / "dev-clean" / reader / chapter
        record(folder / f"{reader}-{chapter}-0000.flac")
        write_text(folder / f"{reader}-{chapter}.trans.txt", f"{reader}-{chapter}-0000 MISTER QUILTER IS THE APOSTLE")
    record(root / "test-other" / "1688" / "142285" / "1688-142285-0007.wav")  # as if its transcript were lost
    readers = ("1272 | M | dev-clean | 8.02 | -", "1462 | F | dev-clean | 8.04 | -", "1688 | M | test-other | 9.83 | -")
    write_text(root / "SPEAKERS.TXT", "; reader_id: the ID", ";ID  |SEX| SUBSET", *readers)


def folder(root: Path) -> None:
    for name in ("anna/one.wav", "anna/zwei drei.flac", "jörg/ein.WAV", "jörg/._ein.wav"):
        record(root / name)
    write_text(root / "notes.txt", "not audio")


MINIATURES: dict[str, Callable[[Path], None]] = {
    "crema-d": crema_d,
    "ravdess": ravdess,
    "iemocap": iemocap,
    "msp-improv": msp_improv,
    "librispeech": librispeech,
    "folder": folder,
}


@pytest.fixture
def miniature(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function from a corpus's name to the folder of its miniature."""

    def build(name: str) -> Path:
        assert name in MINIATURES, f"write a miniature of {name} into tests/corpora/conftest.py"
        root = tmp_path / name
        root.mkdir()
        MINIATURES[name](root)
        return root

    return build


@pytest.fixture
def real() -> Callable[[str], Path]:
    """Return a function from a corpus's name to its real folder; skips where there is none."""

    def find(name: str) -> Path:
        root = Path(os.environ.get("ACLIPSE_DATA", "")) / name
        if "ACLIPSE_DATA" not in os.environ or not root.is_dir():
            pytest.skip(f"needs real recordings: set ACLIPSE_DATA to a folder that holds {name}/")
        return root

    return find
