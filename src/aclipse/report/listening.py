"""The clips to listen to: players, what was said, what each listener heard, and how the sound looks."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from aclipse.errors import RunError
from aclipse.report import markup
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.plates import plate
from aclipse.report.rows import ClipScore
from aclipse.report.spectra import average_spectrum_figure, spectrogram_figure

if TYPE_CHECKING:
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
    subject = protector(run.scores)
    originals, protected = run.listen.get("original", {}), run.listen.get(subject, {})
    cards: list[str] = []
    pairs: list[tuple[Wave, Wave]] = []
    used = rate = 0
    for name in [name for name in originals if name in protected][:MAX_CLIPS]:
        (before, rate), (after, other_rate) = (read_audio(folder[name]) for folder in (originals, protected))
        if rate != other_rate:
            raise RunError(f"{protected[name]} has {other_rate} Hz, its original {rate} Hz. Run `aclipse audit` again.")
        files = [as_flac(before, rate), as_flac(after, rate)]
        used += sum(map(len, files))
        if cards and used > AUDIO_BUDGET:
            break
        pairs.append((before, after))
        drawn = spectrogram_figure(before, after, rate)
        cards.append(_card(run, name, files, plate(run, f"spectrogram-{originals[name].stem}", drawn, *_SEEN)))
    if not cards:
        return ""
    return markup.section("listen", "Listen and look", markup.paragraph(_INTRO), *cards, _average(run, pairs, rate))


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


def _card(run: RunFolder, name: str, files: list[bytes], spectrograms: str) -> str:
    rows = heard(run, name)
    said = next((words.reference for _, words, _ in rows if words), "")
    meant = next((emotion.reference for _, _, emotion in rows if emotion), "")
    speaker = next((clip.speaker for _, *both in rows for clip in both if clip and clip.speaker), "")
    facts = ", ".join(filter(None, (f"speaker {speaker}" if speaker else "", name)))
    title = f"“{escape(said)}”" if said else escape(name)
    players = "".join(markup.player(file, label) for file, label in zip(files, ("original", "protected"), strict=True))
    return (
        f'<article class="clip"><h3>{title} <small>{escape(facts)}</small></h3><div class="players">{players}</div>'
        f"{_heard_table(rows, said, meant)}{spectrograms}</article>"
    )


def _heard_table(rows: list[tuple[str, ClipScore | None, ClipScore | None]], said: str, meant: str) -> str:
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{title}</th><td>{markup.marked(said, words.prediction) if words else ""}</td>'
        f"<td>{_errors(words)}</td><td>{_reading(emotion)}</td></tr>"
        for title, words, emotion in rows
    )
    truth = f'<tr><th scope="row">said and meant</th><td>{escape(said)}</td><td></td><td>{escape(meant)}</td></tr>'
    headings = ("played → listener", "words heard", "errors", "emotion read")
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


_INTRO = (
    "A few test clips. Underlined: heard wrong, or never said; […]: missed. In the pictures, time runs to the right and"
    " pitch upwards; bright is loud. Both pictures of a clip share one scale."
)
_SEEN = ("Spectrograms of this clip before and after protection, one above the other.", "")
