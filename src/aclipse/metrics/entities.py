"""What matters in a transcript (names, numbers, medical words, places), and how much of it was overheard."""

from __future__ import annotations

SEPARATOR = "|"  # between the phrases of a manifest's column `entities`


def found(entities: str, heard: str) -> tuple[int, int]:
    """Phrases recalled and phrases in all; of a corpus, the recall is the sum of the first over that of the second.

    ``entities`` holds normalised phrases separated by "|", ``heard`` a normalised transcript. A phrase is recalled if
    its words occur in the hearing in order and adjacent, as whole words. Every word heard counts for one phrase at
    most; long phrases, the hardest to come by, take theirs first.

    >>> found("anna|two hundred pounds", "i owe anna two hundred pounds")
    (2, 2)
    >>> found("anna|anna", "joanna left anna"), found("", "anything")
    ((1, 2), (0, 0))
    """
    phrases = [words for words in map(str.split, entities.split(SEPARATOR)) if words]
    left: list[str | None] = list(heard.split())
    return sum(_take(phrase, left) for phrase in sorted(phrases, key=len, reverse=True)), len(phrases)


def _take(phrase: list[str], left: list[str | None]) -> bool:
    """Strike out the first occurrence of a phrase, if there is one."""
    size = len(phrase)
    for start in range(len(left) - size + 1):
        if left[start : start + size] == phrase:
            left[start : start + size] = [None] * size
            return True
    return False
