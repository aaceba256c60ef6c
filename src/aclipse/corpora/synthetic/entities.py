"""Which words of a sentence matter: the slots of the grammar whose filling must not be overheard.

Whatever fills such a slot is marked while a sentence is made, so the tags are right by construction.
"""

from __future__ import annotations

import re
from typing import NamedTuple

KINDS = {
    "names": ("name", "surname"),
    "numbers": ("money", "digits", "number", "few", "date", "day", "month", "ordinal", "time"),
    "medical": ("illness", "medicine", "body"),
    "places": ("address", "street", "way", "city", "place"),
}
TAGGED = frozenset(slot for slots in KINDS.values() for slot in slots)


class Sentence(NamedTuple):
    """What is said, and the phrases in it that matter, in the order in which they are said."""

    text: str
    entities: tuple[str, ...]


def mark(slot: str, filling: str) -> str:
    """Put what fills a slot that matters between brackets.

    >>> mark("illness", "asthma"), mark("colour", "red")
    ('[asthma]', 'red')
    """
    return f"[{filling}]" if slot in TAGGED else filling


def unmark(text: str) -> Sentence:
    """Take the brackets away; brackets within brackets count for nothing, and neighbours are one phrase.

    >>> unmark("[Anna] [Miller] lost [[two] thousand euros] in the kitchen")
    Sentence(text='Anna Miller lost two thousand euros in the kitchen', entities=('Anna Miller', 'two thousand euros'))
    """
    nested = re.compile(r"(\[[^\]]*)\[([^\[\]]*)\]")
    while nested.search(text):
        text = nested.sub(r"\1\2", text)
    phrases = re.findall(r"\[([^\]]*)\]", text.replace("] [", " "))
    return Sentence(re.sub(r"[\[\]]", "", text), tuple(phrases))
