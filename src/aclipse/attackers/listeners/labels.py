"""What the classes of other people's classifiers are called here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aclipse.errors import BackboneError

_WORDS = {  # secret → our name → what checkpoints write for it
    "emotion": {
        "neutral": "neutral neu neutrality",
        "calm": "calm cal calmness",
        "happy": "happy hap happiness joy joyful",
        "excited": "excited exc excitement",
        "sad": "sad sadness",
        "angry": "angry ang anger",
        "frustrated": "frustrated fru frustration",
        "fearful": "fearful fea fear afraid",
        "disgusted": "disgusted dis disgust",
        "surprised": "surprised sur surprise",
        "other": "other oth unk unknown contempt",
    },
    "sex": {"female": "female f fem woman", "male": "male m man"},
}
SECRETS = tuple(_WORDS)


def translate(labels: Sequence[str], secret: str) -> list[str]:
    """Our name for each class: whatever the case, and beside other words, as in "female_angry".

    Raises BackboneError for a class that says nothing about ``secret`` ("emotion" or "sex"), or two things.

    >>> translate(["ang", "female_Happy"], "emotion"), translate(["F", "male_sad"], "sex")
    (['angry', 'happy'], ['female', 'male'])
    """
    meaning = {word: ours for ours, words in _WORDS[secret].items() for word in words.split()}
    found = [{meaning[word] for word in re.findall("[a-z]+", label.lower()) if word in meaning} for label in labels]
    if any(len(names) != 1 for names in found):
        unclear = [label for label, names in zip(labels, found, strict=True) if len(names) != 1]
        raise BackboneError(
            f"its classes are {list(labels)}, and {unclear} do not name one {secret} of {list(_WORDS[secret])}. "
            f"Give a checkpoint for {secret}, or rename them in id2label of its config.json."
        )
    return [name for names in found for name in names]
