"""The clips to listen to: players, what was said, what each listener heard, and how the sound looks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from aclipse.errors import RunError
from aclipse.report import beside, markup
from aclipse.report.cloak_figures import features_figure
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.medium import Medium, medium_of
from aclipse.report.plates import plate
from aclipse.report.released import centres, cloak_of, released
from aclipse.report.rows import ClipScore
from aclipse.report.spectra import average_spectrum_figure, spectrogram_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aclipse.report.spectra import Wave

MAX_CLIPS = 8
AUDIO_BUDGET = 2_500_000  # bytes of FLAC in the page; the text form of base64 takes a third more
KINDS = (  # whose hearing is shown: (original or protected, knowledge, how it is named)
    ("identity", "ignorant", "original → ignorant"),
    ("", "ignorant", "protected → ignorant"),
    ("", "transferred", "protected → independent"),
    ("", "retrained", "protected → retrained"),
)


def clips(run: RunFolder) -> str:
    """A card for each clip, then the average spectra of all of them; as many as the page has room for."""
    voices, words = _voices(run), medium_of(run)
    cards: list[str] = []
    pairs: list[tuple[Wave, Wave]] = []
    used = rate = 0
    names = [name for name in run.listen.get("original", {}) if all(name in files for files in voices.values())]
    pictures = _pictures(run, names[:MAX_CLIPS])
    for name in names[:MAX_CLIPS] if len(voices) > 1 else ():
        waves, rate = _sounds([files[name] for files in voices.values()])
        players = {label: as_flac(wave, rate) for label, wave in zip(voices, waves, strict=True)}
        used += sum(map(len, players.values()))
        if cards and used > AUDIO_BUDGET:
            break
        pairs.append((waves[0], waves[1]))
        drawn = pictures[name] if name in pictures else spectrogram_figure(*pairs[-1], rate)
        place = f"spectrogram-{run.listen['original'][name].stem}"
        shown = plate(run, place, drawn, words.seen, "") if name in pictures or words.sounds else ""
        cards.append(_card(run, name, players, shown))
    if not cards:
        return ""
    spectra = _average(run, pairs, rate) if words.sounds else ""
    return markup.section("listen", "Listen and look", markup.paragraph(words.listening), *cards, spectra)


def _voices(run: RunFolder) -> dict[str, dict[str, Path]]:
    """How each player is named → the clips it plays: the original, then the judged release, then other protections."""
    own, others = protector(run.scores), beside.kinds(run)
    rest = {name: name for name, kind in others.items() if kind == beside.OTHER}
    named = {**medium_of(run).voices, **rest}
    return {label: run.listen[folder or own] for label, folder in named.items() if (folder or own) in run.listen}


def _pictures(run: RunFolder, names: Sequence[str]) -> dict[str, Figure]:
    """Of a run that releases features, those of each clip before and after."""
    cloak = cloak_of(run) if names and not medium_of(run).sounds else None
    if cloak is None:
        return {}
    hz = centres(cloak.features)
    return {name: features_figure(*pair, hz) for name, pair in released(run, names).items()}


def _sounds(paths: Sequence[Path]) -> tuple[list[Wave], int]:
    """Recordings of one clip, the original first, and their rate.

    Raises RunError if one cannot be read, or has another rate than the original.
    """
    read = [read_audio(path) for path in paths]
    rate = read[0][1]
    for path, (_, other) in zip(paths, read, strict=True):
        if other != rate:
            raise RunError(f"{path} has {other} Hz, its original {rate} Hz. Run `aclipse audit` again.")
    return [wave for wave, _ in read], rate


def read_audio(path: Path) -> tuple[Wave, int]:
    """Read a recording as mono samples and their rate.

    Raises RunError if it cannot be read.
    """
    import soundfile

    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise RunError(f"{path} cannot be read as audio: {error}. Run `aclipse audit` again.") from error
    return wave.mean(axis=1), int(rate)


def as_flac(wave: Wave, rate: int) -> bytes:
    """A recording as a 16-bit FLAC file: what every browser plays, at half the size."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def heard(run: RunFolder, name: str) -> list[tuple[str, ClipScore | None, ClipScore | None]]:
    """(whose hearing, words, emotion) of one clip, where either is known; of several judges the first."""
    readings = [clip for clip in run.clips if clip.metric in ("wer", "emotion") and clip.id == name]
    found = []
    for subject, knowledge, title in KINDS:
        wanted = (subject or protector(run.scores), knowledge)
        own = [clip for clip in readings if (clip.subject, clip.knowledge) == wanted]
        words, emotion = (next((clip for clip in own if clip.metric == metric), None) for metric in ("wer", "emotion"))
        if words or emotion:
            found.append((title, words, emotion))
    return found


def _card(run: RunFolder, name: str, files: dict[str, bytes], pictures: str) -> str:
    rows = heard(run, name)
    said = next((words.reference for _, words, _ in rows if words), "")
    meant = next((emotion.reference for _, _, emotion in rows if emotion), "")
    speaker = next((clip.speaker for _, *both in rows for clip in both if clip and clip.speaker), "")
    facts = ", ".join(filter(None, (f"speaker {speaker}" if speaker else "", name)))
    title = f"“{escape(said)}”" if said else escape(name)
    players = "".join(markup.player(file, label) for label, file in files.items())
    return (
        f'<article class="clip"><h3>{title} <small>{escape(facts)}</small></h3><div class="players">{players}</div>'
        f"{_heard_table(rows, said, meant, medium_of(run))}{pictures}</article>"
    )


def _heard_table(
    rows: list[tuple[str, ClipScore | None, ClipScore | None]], said: str, meant: str, words: Medium
) -> str:
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{title}</th><td>{markup.marked(said, heard.prediction) if heard else ""}</td>'
        f"<td>{_errors(heard)}</td><td>{_reading(emotion)}</td></tr>"
        for title, heard, emotion in rows
    )
    truth = f'<tr><th scope="row">said and meant</th><td>{escape(said)}</td><td></td><td>{escape(meant)}</td></tr>'
    headings = (f"{words.played} → listener", words.heard, "errors", "emotion read")
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    table = f'<table class="heard"><thead><tr>{head}</tr></thead><tbody>{truth}{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _errors(words: ClipScore | None) -> str:
    if words is None or words.value is None or words.weight is None:
        return ""
    return f"{words.value:.0f} in {words.weight:.0f}"


def _reading(emotion: ClipScore | None) -> str:
    if emotion is None:
        return ""
    read = escape(emotion.prediction)
    return read if emotion.prediction == emotion.reference else f'<mark title="wrong">{read}</mark>'


def _average(run: RunFolder, pairs: list[tuple[Wave, Wave]], rate: int) -> str:
    alt = "Average spectra of the clips above before and after protection, and their difference over frequency."
    caption = (
        f"Averaged over these {len(pairs)} clips. Where the difference lies below zero the protection takes energy"
        " away, above zero it adds some. Thin lines: single clips."
    )
    return plate(run, "average-spectrum", average_spectrum_figure(pairs, rate), alt, caption)
