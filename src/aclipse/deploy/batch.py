"""Protect recordings, folders and corpora: streamed, resumable, nothing half-written."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aclipse.audio import files
from aclipse.contracts import SAMPLE_RATE, Protection, Release, Wave
from aclipse.corpora import manifest
from aclipse.corpora.layout import AUDIO_SUFFIXES, find_audio
from aclipse.deploy.devices import devices
from aclipse.deploy.features import maker_of, write_features
from aclipse.errors import AclipseError, AudioError, CorpusError
from aclipse.seeds import derive

logger = logging.getLogger(__name__)

SUFFIXES = {Release.WAVEFORM: ".wav", Release.FEATURES: ".safetensors"}


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to protect."""

    source: Path
    name: str  # where the output goes: its path inside the output folder, without suffix, with / between folders
    speaker: str = ""  # where a manifest names one

    def target(self, output: Path, suffix: str = ".wav") -> Path:
        """The file this job writes."""
        return output / f"{self.name}{suffix}"


@dataclass(slots=True)
class ProtectReport:
    """What became of a batch: each recording is in exactly one of the three lists."""

    done: list[Path] = field(default_factory=list)  # outputs written
    skipped: list[Path] = field(default_factory=list)  # outputs that were there before
    failed: list[tuple[Path, str]] = field(default_factory=list)  # inputs, each with its reason
    audio_seconds: float = 0.0  # of what was written
    wall_seconds: float = 0.0


def protect(
    inputs: Sequence[Path | str],
    output: Path | str,
    protection: Protection,
    *,
    seed: int = 0,
    keep_rate: bool = False,
    overwrite: bool = False,
    on_file: Callable[[Path, int, int], None] | None = None,
) -> ProtectReport:
    """Protect files, folders and manifests into a folder of mono 16-bit .wav files; see `plan` for their names.

    Output is at 16 kHz and aligned to the input to the sample; with ``keep_rate`` it has the input's rate and exact
    frame count instead (and, having passed through 16 kHz, nothing above 8 kHz). A protection that releases features
    writes .safetensors files (`aclipse.deploy.features`). Where it normalises speakers, a manifest's speakers are each
    normalised over their recordings there; a recording of nobody known is normalised over itself by a cloak, and as the
    average training speaker's by a replacement autoencoder (`aclipse.deploy.devices`), which a warning then tells.
    What the same protection has made of the same recording is skipped unless ``overwrite``, so a job that was cut short
    goes on: every output says what made it. A recording that fails, or whose place something else has, is listed and
    the others go on.
    Each recording's seed derives from ``seed`` and its name: one noise over many files could be averaged out.
    ``on_file(source, number, total)`` is called after each. Raises as `plan` does, before anything is written.
    """
    started = time.perf_counter()
    report = ProtectReport()
    output = Path(output)
    jobs = plan([Path(given) for given in inputs], output)
    device = devices(protection, _by_speaker(jobs), lambda own: _signature(own, seed, keep_rate))
    for number, job in enumerate(jobs, start=1):
        target = job.target(output, SUFFIXES[protection.releases])
        try:
            own, maker = device(job.speaker)
            if not overwrite and _is_done(job, target, maker):
                report.skipped.append(target)
            else:
                report.audio_seconds += _protect_file(job, target, own, seed, keep_rate, maker)
                report.done.append(target)
        except Exception as error:  # whatever one recording provokes must not end a night's work
            logger.debug("%s failed", job.source, exc_info=True)
            reason = str(error) if isinstance(error, AclipseError) else f"{type(error).__name__}: {error}"
            report.failed.append((job.source, reason))
        if on_file:
            on_file(job.source, number, len(jobs))
    report.wall_seconds = time.perf_counter() - started
    return report


def _by_speaker(jobs: Sequence[Job]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for job in jobs:
        found[job.speaker].append(job.source)
    return found


def _signature(protection: Protection, seed: int, keep_rate: bool) -> str:
    digest = hashlib.sha256(f"{protection!r} {seed} {keep_rate}".encode()).hexdigest()
    return f"protected by aclipse {digest[:16]}"


def _is_done(job: Job, target: Path, maker: str) -> bool:
    """Whether the output is there, from the same protection and settings, and newer than its input.

    Raises AudioError for another's file: what one strength has made must not pass for what another would make.
    """
    if not target.exists():
        return False
    if _comment(target) != maker:
        raise AudioError(
            f"{target} is there already, made by another protection, strength or seed, or when its speaker had other "
            "recordings. Replace it with --overwrite, or give another folder."
        )
    return target.stat().st_mtime >= job.source.stat().st_mtime


def _comment(target: Path) -> str:
    return maker_of(target) if target.suffix == SUFFIXES[Release.FEATURES] else files.comment(target)


def plan(inputs: Sequence[Path], output: Path) -> list[Job]:
    """List what `protect` will do: each recording once, with the place of its output.

    A file gives ``<stem>.wav``, a folder is mirrored into the output, a manifest (.csv) gives ``<id>.wav``. Raises
    AudioError if there is nothing to protect, if two recordings would share an output, or if one lies in the output
    folder or the output folder in an input; CorpusError for a manifest that is wrong.
    """
    output = Path(output)
    if output.is_file() or output.suffix.lower() in AUDIO_SUFFIXES:
        raise AudioError(f"{output} names a file; the output is a folder. Give a folder, such as {output.parent}.")
    jobs: dict[str, Job] = {}
    for job in (job for given in inputs for job in _expand(Path(given))):
        first = jobs.setdefault(job.name, job)
        if first.source.resolve() != job.source.resolve():
            raise AudioError(
                f"{first.source} and {job.source} would both become {job.target(output)}. "
                "Rename one, or protect them into different folders."
            )
    if not jobs:
        raise AudioError("There is nothing to protect. Name at least one recording, folder or manifest.")
    _refuse_overlap(inputs, list(jobs.values()), output)
    return list(jobs.values())


def _expand(given: Path) -> Iterator[Job]:
    if given.is_dir():
        yield from _folder(given)
    elif given.suffix.lower() == ".csv":
        yield from (Job(clip.path, _inside(clip.id, given), clip.speaker) for clip in manifest.read(given).clips)
    else:
        yield Job(given, given.stem)


def _folder(folder: Path) -> Iterator[Job]:
    found = find_audio(folder)
    if not found:
        raise AudioError(f"{folder} holds no recordings ({' '.join(sorted(AUDIO_SUFFIXES))}). Name another folder.")
    for source in found:
        yield Job(source, source.relative_to(folder.absolute()).with_suffix("").as_posix())


def _inside(id: str, source: Path) -> str:
    name = PurePosixPath(id)
    if name.is_absolute() or ".." in name.parts:
        raise CorpusError(
            f"{source}: the id {id!r} would lead out of the output folder. Use ids without / in front or .."
        )
    return str(name)


def _refuse_overlap(inputs: Sequence[Path], jobs: Sequence[Job], output: Path) -> None:
    place = output.resolve()
    around = [given for given in inputs if Path(given).is_dir() and place.is_relative_to(Path(given).resolve())]
    within = [job.source for job in jobs if job.source.resolve().is_relative_to(place)]
    if around or within:
        which = f"contains {within[0]}" if within else f"lies in {around[0]}"
        raise AudioError(f"The output folder {output} {which}, an input. Choose a folder apart from all inputs.")


def _protect_file(job: Job, target: Path, protection: Protection, seed: int, keep_rate: bool, maker: str) -> float:
    """Write one protected recording and return its seconds."""
    if protection.releases is Release.FEATURES:
        wave = files.read(job.source)
        write_features(target, protection.release(wave, derive(seed, job.name)), protection, maker)
        return len(wave) / SAMPLE_RATE
    released = _release(job, protection, seed)
    if not keep_rate:
        return files.write_blocks(target, released, comment=maker) / SAMPLE_RATE
    info = files.info(job.source)
    restored = files.resample_blocks(released, SAMPLE_RATE, info.rate, info.frames)
    return files.write_blocks(target, restored, info.rate, comment=maker) / info.rate


def _release(job: Job, protection: Protection, seed: int) -> Iterator[Wave]:
    given = made = 0

    def counted() -> Iterator[Wave]:
        nonlocal given
        for block in files.blocks(job.source):
            given += len(block)
            yield block

    for block in protection.release_blocks(counted(), derive(seed, job.name)):
        made += len(block)
        yield block
    if made != given:
        raise AudioError(f"{job.source}: {protection.name} gave {made} samples for {given}; it must keep the length.")
