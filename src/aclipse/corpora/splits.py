"""Who is trained on, who chooses the checkpoint and who is judged: parts that never share a clip."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aclipse.contracts import Clip
from aclipse.corpora.table import read_rows, write_rows
from aclipse.errors import CorpusError

Kind = Literal["speaker-kfold", "leave-one-session-out", "utterance-kfold"]
KINDS = get_args(Kind)
PARTS = ("train", "validation", "test")
ROTATED = ("primary", "primary-validation", "adversary", "adversary-validation", "test")
DEALT = ("test", "primary", "adversary", "primary", "adversary")  # in turn, as then every sex is shared out alike


@dataclass(frozen=True)
class Split:
    """One fold: which part each clip is in, under a name that says how it was made."""

    name: str
    parts: Mapping[str, str]  # by clip id: one of PARTS, or one of ROTATED
    speaker_independent: bool  # no speaker is in two parts

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change when any clip changes its part.

        >>> Split("mine", {"a": "train", "b": "test"}, True).hash
        '44808702950f'
        """
        text = "\n".join(f"{clip}:{part}" for clip, part in sorted(self.parts.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def ids(self, part: str) -> tuple[str, ...]:
        """Return the ids of a part's clips, sorted."""
        return tuple(sorted(clip for clip, its_part in self.parts.items() if its_part == part))

    def of(self, clips: Sequence[Clip], part: str) -> list[Clip]:
        """Keep the clips that are in a part, in their order."""
        return [clip for clip in clips if self.parts.get(clip.id) == part]


def split(
    clips: Sequence[Clip],
    kind: Kind = "speaker-kfold",
    folds: int = 5,
    fold: int = 0,
    validation: float = 0.125,
    seed: int = 0,
    emotions: Sequence[str] | None = None,
) -> Split:
    """Make one fold; the test parts of all folds are disjoint and together are all clips.

    `speaker-kfold` deals out speakers, even in sex; `utterance-kfold` deals out clips, even in emotion, so that its
    speakers have been heard in training. `leave-one-session-out` takes no `folds`: `fold` is the session's place when
    they are sorted. `validation` is the share of the speakers (or clips) not tested, at least one; validation speakers
    are in no other part. The order of the clips does not matter.
    Raises CorpusError where a part would lack speakers, sessions or one of ``emotions`` (all that occur, if not given).
    """
    if kind not in KINDS:
        raise CorpusError(f"There is no split {kind!r}. Choose from: {', '.join(KINDS)}.")
    _require_share(validation)
    units = _units(clips, kind)
    order = _shuffle(clips, units, kind, seed)
    if kind == "leave-one-session-out":
        label, tested = _session(clips, fold)
    else:
        label = f"{kind.removesuffix('-kfold')}-{folds}fold/{fold}"
        chosen = _deal(order, folds, fold, kind)
        tested = {clip for clip, unit in units.items() if unit in chosen}
    kept = {unit for clip, unit in units.items() if clip not in tested}
    watched = _evenly([unit for unit in order if unit in kept], validation, label)
    rest = {clip: "validation" if unit in watched else "train" for clip, unit in units.items()}
    parts = rest | dict.fromkeys(tested, "test")
    _require_emotions(clips, parts, PARTS, label, emotions)
    independent = _is_speaker_independent(clips, parts)
    return Split(f"{label} (seed {seed}{'' if independent else ', speaker-dependent'})", parts, independent)


def rotation(
    clips: Sequence[Clip],
    fold: int,
    seed: int = 0,
    emotions: Sequence[str] | None = None,
    validation: float = 0.2,
    by_session: bool = False,
) -> Split:
    """Make one of the five rotations of "Cloak with adversarial training", section 2.4; its parts are `ROTATED`.

    Of each corpus (the column corpus, if there is one) and sex, two fifths of the speakers are primary, two fifths
    adversary, one fifth test; over the five, every speaker is primary twice, adversary twice and tested once.
    `validation` is the share of the primary's and of the adversary's speakers, but at least one of each sex that has
    two: voices of one sex cannot tell a reader of sex from one that always gives the same answer.
    With ``by_session`` whole sessions are dealt out of a corpus that has five or more, each clip being of one and
    nobody in two (replacement autoencoder, section V-B); of sex, such a part has what its sessions have.
    Raises CorpusError for a rotation or share that does not exist, a clip without speaker, a speaker in two corpora,
    a corpus of fewer than five speakers or a part that lacks one of ``emotions`` (all that occur, if not given).
    """
    if not 0 <= fold < len(DEALT):
        raise CorpusError(f"There is no rotation {fold}. The {len(DEALT)} rotations are counted from 0.")
    _require_share(validation)
    label = f"rotation/{fold} of {len(DEALT)}"
    speakers = _speakers(clips, "a rotation", "leave that clip out")
    dealt = _rotate(clips, speakers, fold, seed, label, by_session)
    sexes = {clip.speaker: clip.sex for clip in sorted(clips, key=lambda clip: clip.id)}
    for part in ("primary", "adversary"):
        watched = _mixed([speaker for speaker in dealt if dealt[speaker] == part], sexes, validation, label)
        dealt |= dict.fromkeys(watched, f"{part}-validation")
    parts = {clip: dealt[speaker] for clip, speaker in speakers.items()}
    _require_emotions(clips, parts, ROTATED, label, emotions)
    return Split(f"{label} (seed {seed})", parts, _is_speaker_independent(clips, parts))


def write(split: Split, path: Path | str) -> None:
    """Write a split as CSV, atomically."""
    about = {"split": split.name, "speaker_independent": "yes" if split.speaker_independent else "no"}
    rows = ({"id": clip, "part": part, **about} for clip, part in sorted(split.parts.items()))
    write_rows(Path(path), ("id", "part", *about), rows)


def read(path: Path | str) -> Split:
    """Read a split; with the columns id and part alone its name is the file's and its speakers count as shared.

    Raises CorpusError, naming file and line, for an unknown part, a repeated id or a file without rows.
    """
    path = Path(path)
    parts: dict[str, str] = {}
    row: dict[str, str] = {}
    kinds: list[tuple[str, ...]] = [PARTS, ROTATED]
    for line, row in read_rows(path, required=("id", "part")):
        kinds = [kind for kind in kinds if row["part"] in kind]  # not those of a split beside those of a rotation
        if not kinds:
            raise CorpusError(
                f"{path}, line {line}: part {row['part']!r} is not known. Use one of: {', '.join(PARTS)}; "
                f"or in all lines one of: {', '.join(ROTATED)}."
            )
        if row["id"] in parts:
            raise CorpusError(f"{path}, line {line}: the id {row['id']!r} has a part already. Remove one of its rows.")
        parts[row["id"]] = row["part"]
    if not parts:
        raise CorpusError(f"{path}: holds no clips. Make it anew from the manifest.")
    return Split(row.get("split") or path.stem, parts, row.get("speaker_independent") == "yes")


def _units(clips: Sequence[Clip], kind: Kind) -> dict[str, str]:
    """Name what each clip is dealt out with: its speaker, or itself alone."""
    if kind == "utterance-kfold":
        return {clip.id: clip.id for clip in clips}
    return _speakers(clips, kind, "use utterance-kfold")


def _speakers(clips: Sequence[Clip], kind: str, instead: str) -> dict[str, str]:
    for clip in clips:
        if not clip.speaker:
            raise CorpusError(f"Clip {clip.id!r} has no speaker, which {kind} needs. Add it, or {instead}.")
    return {clip.id: clip.speaker for clip in clips}


def _shuffle(clips: Sequence[Clip], units: Mapping[str, str], kind: Kind, seed: int) -> list[str]:
    """Order the units at random inside each sex or emotion, so that every n-th of them is an even choice."""
    by_id = sorted(clips, key=lambda clip: clip.id)
    stratum = {units[clip.id]: clip.emotion if kind == "utterance-kfold" else clip.sex for clip in by_id}

    return sorted(stratum, key=lambda unit: (stratum[unit], _lot(seed, unit)))


def _lot(seed: int, unit: str) -> bytes:
    """Where a unit comes at random: a hash, as it is the same on every machine and Python."""
    return hashlib.sha256(f"{seed}:{unit}".encode()).digest()


def _deal(order: Sequence[str], folds: int, fold: int, kind: Kind) -> set[str]:
    if folds < 2 or not 0 <= fold < folds:
        raise CorpusError(f"There is no fold {fold} of {folds}. Use at least 2 folds, counted from 0.")
    if len(order) < folds:
        raise CorpusError(
            f"{kind}: {len(order)} to deal out are too few for {folds} folds. "
            "Use fewer folds, add speakers, or split by utterance-kfold."
        )
    return set(order[fold::folds])


def _rotate(
    clips: Sequence[Clip], speakers: Mapping[str, str], fold: int, seed: int, label: str, by_session: bool
) -> dict[str, str]:
    """Deal out each corpus's speakers, ``speaker -> part``: primary, adversary or test."""
    corpora: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        corpora[clip.extra.get("corpus", "")].append(clip)
    dealt: dict[str, str] = {}
    for corpus in sorted(corpora) or [""]:
        order = _shuffle(corpora[corpus], speakers, "speaker-kfold", seed)
        named = f"corpus {corpus!r}" if corpus else "the corpus"
        if len(order) < len(DEALT):
            raise CorpusError(
                f"{label}: {named} has {len(order)} speakers and needs {len(DEALT)}. Add some, or leave it out."
            )
        if both := sorted(dealt.keys() & set(order)):
            raise CorpusError(
                f"{label}: speaker {both[0]!r} is in {named} and in another. Give each speaker a name of their own."
            )
        groups = (_sessions(corpora[corpus], seed) if by_session else []) or [{speaker} for speaker in order]
        for place, group in enumerate(groups):
            dealt |= dict.fromkeys(group, DEALT[(place + fold) % len(DEALT)])
    return dealt


def _sessions(clips: Sequence[Clip], seed: int) -> list[set[str]]:
    """The speakers of each session, sessions in random order; none where sessions cannot be dealt out."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        speakers[clip.session].add(clip.speaker)
    heard = [speaker for group in speakers.values() for speaker in group]
    if "" in speakers or len(speakers) < len(DEALT) or len(heard) > len(set(heard)):
        return []
    return [speakers[session] for session in sorted(speakers, key=lambda session: _lot(seed, session))]


def _mixed(speakers: list[str], sexes: Mapping[str, str], share: float, label: str) -> set[str]:
    """Choose a share of each sex, evenly spaced over the corpora; who is alone of a sex is left to be learned from."""
    groups: dict[str, list[str]] = defaultdict(list)
    for speaker in speakers:
        groups[sexes[speaker]].append(speaker)
    able = [group for group in groups.values() if len(group) > 1] or [speakers]
    return set().union(*(_evenly(group, share, label) for group in able))


def _session(clips: Sequence[Clip], fold: int) -> tuple[str, set[str]]:
    sessions: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        sessions[clip.session].add(clip.id)
    if "" in sessions or len(sessions) < 2:
        found = ", ".join(repr(session) for session in sorted(sessions))
        raise CorpusError(
            f"leave-one-session-out needs two sessions or more and one for every clip; it found {found}. "
            "Fill the column session, or use speaker-kfold."
        )
    if not 0 <= fold < len(sessions):
        raise CorpusError(f"There is no session {fold}. The {len(sessions)} sessions are counted from 0.")
    session = sorted(sessions)[fold]
    return f"leave-one-session-out/{session}", sessions[session]


def _evenly(units: Sequence[str], share: float, label: str) -> set[str]:
    """Choose a share of the units, evenly spaced, so that it is as mixed as they are."""
    if len(units) < 2:
        raise CorpusError(
            f"{label}: {len(units)} left beside the test part; training and validation need one each. "
            "Add speakers, or split by utterance-kfold."
        )
    count = min(max(round(share * len(units)), 1), len(units) - 1)
    return {units[int((n + 0.5) * len(units) / count)] for n in range(count)}


def _require_share(validation: float) -> None:
    if not 0 < validation < 1:
        raise CorpusError(f"A validation share of {validation} would empty a part. Give one between 0 and 1, as 0.125.")


def _require_emotions(
    clips: Sequence[Clip], parts: Mapping[str, str], names: Sequence[str], label: str, emotions: Sequence[str] | None
) -> None:
    found = {(parts[clip.id], clip.emotion) for clip in clips}
    for emotion in sorted({clip.emotion for clip in clips} - {""} if emotions is None else emotions):
        for part in names:
            if (part, emotion) not in found:
                raise CorpusError(
                    f"{label}: no {part} clip is {emotion}. Use another seed, fewer folds (not of a rotation), "
                    "a larger validation share, or leave that emotion out (corpus.emotions of the recipe)."
                )


def _is_speaker_independent(clips: Sequence[Clip], parts: Mapping[str, str]) -> bool:
    heard = {(clip.speaker, parts[clip.id]) for clip in clips}
    speakers = [speaker for speaker, _ in heard]
    return "" not in speakers and len(speakers) == len(set(speakers))
