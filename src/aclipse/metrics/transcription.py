"""Word and character errors of transcripts, over jiwer."""

from __future__ import annotations

import jiwer


def word_edits(reference: str, heard: str) -> tuple[int, int]:
    """Substitutions, deletions and insertions, and the reference's words; both texts already normalised.

    An empty reference has no words: whatever is heard counts as insertions.

    >>> word_edits("see you at noon", "see you moon"), word_edits("", "well well")
    ((2, 4), (2, 0))
    """
    if not reference:
        return len(heard.split()), 0
    out = jiwer.process_words(reference, heard)
    return out.substitutions + out.deletions + out.insertions, len(reference.split())


def missed_words(reference: str, heard: str) -> tuple[int, int]:
    """Words said and not heard, substituted or left out, and the reference's words; what was invented does not count.

    >>> missed_words("see you at noon", "oh see you soon then")
    (2, 4)
    """
    if not reference:
        return 0, 0
    out = jiwer.process_words(reference, heard)
    return out.substitutions + out.deletions, len(reference.split())


def character_edits(reference: str, heard: str) -> tuple[int, int]:
    """The same over characters.

    >>> character_edits("noon", "moon")
    (1, 4)
    """
    if not reference:
        return len(heard), 0
    out = jiwer.process_characters(reference, heard)
    return out.substitutions + out.deletions + out.insertions, len(reference)


def error_rate(counts: list[tuple[int, int]]) -> float:
    """Corpus-level rate: all edits over all reference units; NaN without any; may exceed 1.

    >>> error_rate([(2, 4), (0, 4)])
    0.25
    """
    edits, units = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return edits / units if units else float("nan")
