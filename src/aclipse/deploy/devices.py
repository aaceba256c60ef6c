"""On whose device a recording is protected: one speaker's, enrolled with what they have recorded, or anybody's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from aclipse.audio import files
from aclipse.contracts import Wave
from aclipse.errors import AudioError, CorpusError
from aclipse.protections.replacement.method import Replacement

logger = logging.getLogger(__name__)

Device = tuple[Any, str]  # a protection and its signature


def devices(
    protection: Any, recordings: Mapping[str, Sequence[Path]], sign: Callable[[Any], str]
) -> Callable[[str], Device]:
    """The device of a speaker, enrolled with all of their recordings that can be read; of nobody, it is anybody's.

    ``recordings`` are those of each speaker, and under "" those of nobody known. Enrolment and signature, which reads
    all weights, are made once a speaker, when first asked for. Warns where what is enrolled with is too little.
    """
    enrols = hasattr(protection, "enrolled")
    _warn_of_strangers(protection, recordings)

    @cache
    def of(speaker: str) -> Device:
        waves = list(_readable(recordings[speaker])) if speaker else []
        try:
            own = protection.enrolled(waves) if waves else protection
        except CorpusError as error:  # one alone has no range of its own
            logger.log(_level(recordings[speaker]), "speaker %s is taken for an average one: %s", speaker, error)
            own = protection
        return own, sign(own)

    return lambda speaker: of(speaker if enrols else "")


def _level(paths: Sequence[Path]) -> int:
    """Who has one recording alone was counted before; who has one that can be read was not."""
    return logging.WARNING if len(paths) > 1 else logging.DEBUG


def _readable(paths: Iterable[Path]) -> Iterator[Wave]:
    for path in paths:
        try:
            yield files.read(path)
        except AudioError as error:  # told of, where its turn comes
            logger.debug("%s enrols nobody: %s", path, error)


def _warn_of_strangers(protection: Any, recordings: Mapping[str, Sequence[Path]]) -> None:
    """Say at once how many recordings the average training speaker's ranges scale, for want of their speaker's own."""
    if not isinstance(protection, Replacement) or protection.speaker is not None:
        return
    if protection.projection.settings.normalisation != "speaker":
        return
    strange = sum(len(own) for speaker, own in recordings.items() if not speaker or len(own) < 2)
    if strange:
        logger.warning(
            "%d of %d recordings are of nobody known, or the only one of their speaker: they are scaled by the average "
            "training speaker. Give a manifest that names speakers, with several recordings of each.",
            strange,
            sum(map(len, recordings.values())),
        )
