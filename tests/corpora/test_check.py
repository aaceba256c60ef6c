from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aclipse.contracts import Clip
from aclipse.corpora import crema_d, ravdess
from aclipse.corpora.check import CheckReport, check
from aclipse.corpora.manifest import Manifest

KNOWN = {"speaker": "anna", "sex": "female", "emotion": "happy", "transcript": "Good morning."}
NOISE = np.kron(np.random.default_rng(0).uniform(-0.5, 0.5, 8000), [1, -1])  # its mean is 0, as that of each part


def judge(tmp_path: Path, samples, rate: int = 16000, subtype: str | None = None) -> list[tuple[str, str, str]]:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, rate, subtype=subtype)
    report = check(Manifest("one", (Clip("a", path, **KNOWN),)))
    assert all((problem.id, problem.path) == ("a", path) for problem in report.problems)
    return [(problem.severity, problem.code, problem.detail) for problem in report.problems]


def loud(share: float) -> np.ndarray:
    """Noise with a share of its samples at full scale, half of them positive."""
    wave = NOISE.copy()
    wave[: int(share * len(wave))] = 1.0
    wave[: int(share * len(wave)) : 2] = -1.0
    return wave


@pytest.mark.parametrize(
    ("samples", "options", "problems"),
    [
        (NOISE, {}, []),
        (NOISE[:0], {}, [("error", "empty", "holds no samples")]),
        (NOISE[:399], {}, [("error", "too short", "24.9 ms, less than 25 ms")]),
        (NOISE[:400], {}, []),
        (NOISE[:200], {"rate": 8000}, [("note", "sample rate", "8000 Hz, will be read at 16000 Hz")]),
        (0 * NOISE, {}, [("error", "silent", "its peak is 0.0e+00 of full scale")]),
        (np.append(NOISE, np.nan), {"subtype": "FLOAT"}, [("error", "not finite", "holds NaN or infinite samples")]),
        (np.append(NOISE, np.inf), {"subtype": "FLOAT"}, [("error", "not finite", "holds NaN or infinite samples")]),
        (loud(0.0009), {}, []),
        (loud(0.0125), {}, [("warning", "clipped", "1.25% of its samples are at full scale")]),
        (NOISE + 0.125, {}, [("warning", "DC offset", "its mean is 0.125 of full scale")]),
        (np.stack([NOISE, -NOISE], 1), {}, [("note", "channels", "2 channels, will be read as one")]),
    ],
)
def test_names_what_is_wrong_with_a_recording(samples, options, problems, tmp_path):
    found = judge(tmp_path, samples, **options)
    assert [problem[:2] for problem in found] == [problem[:2] for problem in problems]
    assert [problem[2] for problem in found] == [problem[2] for problem in problems]


def test_goes_on_after_files_that_cannot_be_read(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "good.wav", NOISE, 16000)
    soundfile.write(tmp_path / "cut.wav", NOISE, 16000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:20044])
    clips = tuple(Clip(name, tmp_path / f"{name}.wav", **KNOWN) for name in ("missing", "text", "cut", "good"))
    report = check(Manifest("m", clips))
    assert [(problem.severity, problem.code, problem.id) for problem in report.problems] == [
        ("error", "unreadable", "missing"),
        ("error", "unreadable", "text"),
        ("warning", "cut off", "cut"),
    ]
    assert "there is no such file" in report.problems[0].detail
    assert report.count("error") == 2
    assert report.hours == pytest.approx(26000 / 16000 / 3600)  # of the two that can be read


def test_one_recording_under_two_ids_is_found_and_is_worse_with_two_labels(tmp_path):
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, (NOISE * 32767).astype(np.int16), 16000)
    first = Clip("a", tmp_path / "a.wav", **KNOWN)
    again = Clip("b", tmp_path / "b.flac", **KNOWN)
    (found,) = check(Manifest("m", (first, again))).problems
    assert (found.severity, found.code, found.id, found.detail) == (
        "warning",
        "duplicate",
        "b",
        "the same recording as a",
    )
    sad = Clip("b", tmp_path / "b.flac", **(KNOWN | {"emotion": "sad", "transcript": "No."}))
    (found,) = check(Manifest("m", (first, sad))).problems
    assert (found.severity, found.detail) == ("error", "the same recording as a, with another emotion and transcript")


def test_missing_labels_are_warnings_and_one_note_where_no_clip_has_any(tmp_path):
    soundfile.write(tmp_path / "a.wav", NOISE, 16000)
    soundfile.write(tmp_path / "b.wav", -NOISE, 16000)
    clips = (
        Clip("a", tmp_path / "a.wav", speaker="anna", sex="female", transcript="No."),
        Clip("b", tmp_path / "b.wav", speaker="berta"),
    )
    problems = [(problem.severity, problem.code, problem.id) for problem in check(Manifest("m", clips)).problems]
    assert problems == [("note", "no emotion", ""), ("warning", "no sex", "b"), ("warning", "no transcript", "b")]


def test_counts_what_is_there(tmp_path):
    facts = [
        ("anna", "female", "sad", "Good morning.", "1"),
        ("anna", "female", "happy", "good morning", "1"),
        ("ben", "male", "sad", "It's a good day", "2"),
        ("cem", "", "", "", "2"),
    ]
    clips = []
    for n, (speaker, sex, emotion, transcript, session) in enumerate(facts):
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, NOISE * (n + 1) / 5, 16000)
        clips.append(Clip(str(n), path, speaker, sex, emotion, transcript, session))
    report = check(Manifest("m", tuple(clips)))
    assert (report.name, report.clips) == ("m", 4)
    assert report.hours == pytest.approx(4 / 3600)
    assert report.speakers == {"": 1, "female": 1, "male": 1}
    assert report.emotions == {"happy": 1, "sad": 2, "": 1}
    assert report.sessions == {"1": 2, "2": 2}
    assert (report.transcripts, report.words) == (2, 5)  # punctuation and case aside; good morning it's a day
    assert report.balance == 2
    assert dict(report.summary()) == {
        "clips": "4",
        "hours": "0.00",
        "speakers": "3 (1 unknown, 1 female, 1 male)",
        "emotions": "1 happy, 2 sad, 1 unknown",
        "balance": "2.00 (largest class / smallest)",
        "sessions": "2 1, 2 2",
        "content": "2 different transcripts of 5 different words",
        "problems": "0 error, 3 warning, 0 note",
    }


def test_without_emotions_there_is_no_balance():
    report = CheckReport("m", 1, 0.0, {}, {"": 1}, {}, 0, 0, ())
    assert report.balance is None
    assert dict(report.summary())["balance"] == "unknown"


def test_the_real_corpora(real):
    start = time.process_time()  # of all threads together
    report = check(crema_d.scan(real("crema-d")))
    assert time.process_time() - start < 20
    assert report.clips == 2767
    assert report.hours == pytest.approx(1.99, abs=0.01)
    assert {problem.code for problem in report.problems} == {"clipped"}
    (twins,) = check(ravdess.scan(real("ravdess"))).problems
    assert (twins.id, twins.detail) == ("03-01-03-01-02-02-07", "the same recording as 03-01-03-01-02-01-07")
