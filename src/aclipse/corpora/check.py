"""What is wrong with a corpus, file by file, and what is in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aclipse.contracts import MIN_SAMPLES, SAMPLE_RATE, Clip
from aclipse.corpora.listen import Sound, listen
from aclipse.corpora.manifest import EMOTIONS, Manifest
from aclipse.errors import UnreadableAudio

Severity = Literal["error", "warning", "note"]  # cannot be used · listen to it · will be converted, or just to know
SILENCE = 1e-4  # peak, -80 dB below full scale
MAX_CLIPPED = 1e-3  # share of samples at full scale
MAX_OFFSET = 1e-2  # mean of a channel, full scale is 1
LABELS = ("speaker", "sex", "emotion", "transcript")
THREADS = 2  # libsndfile decodes outside Python's lock
Flaw = tuple[Severity, str, str]  # severity, code, detail


@dataclass(frozen=True)
class Problem:
    """Something wrong with one clip, or with all of them when `id` is empty."""

    severity: Severity
    code: str  # the same words for the same kind of problem, to count by
    id: str
    path: Path | None
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """What `check` found; an empty key stands for unknown."""

    name: str
    clips: int
    hours: float
    speakers: Mapping[str, int]  # by sex
    emotions: Mapping[str, int]  # clips by emotion
    sessions: Mapping[str, int]  # clips by session
    transcripts: int  # different ones
    words: int  # different ones
    problems: tuple[Problem, ...]

    @property
    def balance(self) -> float | None:
        """Clips of the most frequent emotion over clips of the rarest, None where no emotion is known."""
        counts = [count for emotion, count in self.emotions.items() if emotion]
        return max(counts) / min(counts) if counts else None

    def count(self, severity: Severity) -> int:
        """Return the number of problems of a severity."""
        return sum(problem.severity == severity for problem in self.problems)

    def summary(self) -> list[tuple[str, str]]:
        """Return what is in the corpus as (name, value) pairs in plain text."""
        balance = "unknown" if self.balance is None else f"{self.balance:.2f} (largest class / smallest)"
        return [
            ("clips", f"{self.clips:,}"),
            ("hours", f"{self.hours:.2f}"),
            ("speakers", f"{sum(self.speakers.values()):,} ({_counts(self.speakers)})"),
            ("emotions", _counts(self.emotions)),
            ("balance", balance),
            ("sessions", _counts(self.sessions)),
            ("content", f"{self.transcripts:,} different transcripts of {self.words:,} different words"),
            ("problems", ", ".join(f"{self.count(kind)} {kind}" for kind in get_args(Severity))),
        ]


def check(manifest: Manifest) -> CheckReport:
    """Read every recording of a corpus once and report what is wrong with it and what is in it.

    Problems are in the order of the clips, those of the whole corpus first; none raises.
    """
    clips = manifest.clips
    with ThreadPoolExecutor(THREADS) as pool:
        heard = list(pool.map(_hear, clips))
    flaws: list[tuple[Clip | None, Flaw]] = [
        (clip, flaw) for clip, found in zip(clips, heard, strict=True) for flaw in _judge(found)
    ]
    sounds = [found if isinstance(found, Sound) else None for found in heard]
    flaws += [*_duplicates(clips, sounds), *_gaps(clips)]
    hours = sum(sound.seconds for sound in sounds if sound) / 3600
    return _report(manifest, hours, _in_order(clips, flaws))


def _hear(clip: Clip) -> Sound | UnreadableAudio:
    try:
        return listen(clip.path)
    except UnreadableAudio as problem:
        return problem


def _judge(found: Sound | UnreadableAudio) -> Iterator[Flaw]:
    if isinstance(found, UnreadableAudio):
        yield "error", "unreadable", str(found)
    elif not found.frames:
        yield "error", "empty", "holds no samples"
    else:
        yield from _faults(found)


def _faults(sound: Sound) -> Iterator[Flaw]:
    shortest = MIN_SAMPLES / SAMPLE_RATE
    if sound.seconds < shortest:
        yield "error", "too short", f"{1000 * sound.seconds:.1f} ms, less than {1000 * shortest:.0f} ms"
    if not sound.finite:
        yield "error", "not finite", "holds NaN or infinite samples"
    elif sound.peak < SILENCE:
        yield "error", "silent", f"its peak is {sound.peak:.1e} of full scale"
    if sound.cut:
        yield "warning", "cut off", "ends before its header says: copy it again"
    if sound.clipped > MAX_CLIPPED:
        yield "warning", "clipped", f"{sound.clipped:.2%} of its samples are at full scale"
    if sound.offset > MAX_OFFSET:
        yield "warning", "DC offset", f"its mean is {sound.offset:.3f} of full scale"
    if sound.rate != SAMPLE_RATE:
        yield "note", "sample rate", f"{sound.rate} Hz, will be read at {SAMPLE_RATE} Hz"
    if sound.channels > 1:
        yield "note", "channels", f"{sound.channels} channels, will be read as one"


def _duplicates(clips: Sequence[Clip], sounds: Sequence[Sound | None]) -> Iterator[tuple[Clip, Flaw]]:
    """Find recordings that are one, sample by sample; worse if their labels differ, for then one label is wrong."""
    first: dict[tuple[int, int, str], Clip] = {}
    for clip, sound in zip(clips, sounds, strict=True):
        if sound is None or sound.peak < SILENCE:
            continue
        twin = first.setdefault((sound.rate, sound.channels, sound.digest), clip)
        if twin is not clip:
            differs = [name for name in LABELS if getattr(twin, name) != getattr(clip, name)]
            detail = f"the same recording as {twin.id}" + (f", with another {' and '.join(differs)}" if differs else "")
            yield clip, ("error" if differs else "warning", "duplicate", detail)


def _gaps(clips: Sequence[Clip]) -> Iterator[tuple[Clip | None, Flaw]]:
    """Find missing labels; what no clip has is one note, as some corpora have no emotions."""
    for name in LABELS:
        without = [clip for clip in clips if not getattr(clip, name)]
        if len(without) == len(clips):
            yield None, ("note", f"no {name}", f"no clip has a known {name}")
        else:
            yield from ((clip, ("warning", f"no {name}", f"its {name} is unknown")) for clip in without)


def _report(manifest: Manifest, hours: float, problems: Sequence[Problem]) -> CheckReport:
    clips = manifest.clips
    said = {" ".join(re.findall(r"[\w']+", clip.transcript.lower())) for clip in clips} - {""}
    emotions = Counter(clip.emotion for clip in clips)
    return CheckReport(
        name=manifest.name,
        clips=len(clips),
        hours=hours,
        speakers=dict(sorted(Counter(sex for _, sex in {(clip.speaker, clip.sex) for clip in clips}).items())),
        emotions={emotion: emotions[emotion] for emotion in (*EMOTIONS, "") if emotions[emotion]},
        sessions=dict(sorted(Counter(clip.session for clip in clips).items())),
        transcripts=len(said),
        words=len({word for text in said for word in text.split()}),
        problems=tuple(problems),
    )


def _in_order(clips: Sequence[Clip], flaws: Sequence[tuple[Clip | None, Flaw]]) -> list[Problem]:
    place = {clip.id: index for index, clip in enumerate(clips)}
    problems = [
        Problem(*flaw[:2], clip.id if clip else "", clip.path if clip else None, flaw[2]) for clip, flaw in flaws
    ]
    return sorted(problems, key=lambda problem: place.get(problem.id, -1))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name or 'unknown'}" for name, count in counts.items())
