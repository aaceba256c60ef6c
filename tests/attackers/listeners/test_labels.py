"""What other people's classes are called here."""

from __future__ import annotations

import pytest

from aclipse.attackers.listeners.labels import SECRETS, translate
from aclipse.corpora.manifest import EMOTIONS
from aclipse.errors import BackboneError


def test_all_emotions_of_a_manifest_are_known_by_their_own_names() -> None:
    assert tuple(translate(EMOTIONS, "emotion")) == EMOTIONS
    assert translate(["female", "male"], "sex") == ["female", "male"]
    assert SECRETS == ("emotion", "sex")


@pytest.mark.parametrize(
    ("secret", "theirs", "ours"),
    [
        ("emotion", "ANG", "angry"),
        ("emotion", "02_Joy", "happy"),
        ("emotion", "pleasant_surprise", "surprised"),
        ("emotion", "male-fear", "fearful"),
        ("emotion", "<unk>", "other"),
        ("sex", "F", "female"),
        ("sex", "female_angry", "female"),
        ("sex", "Man", "male"),
    ],
)
def test_case_and_words_beside_do_not_matter(secret: str, theirs: str, ours: str) -> None:
    assert translate([theirs], secret) == [ours]


@pytest.mark.parametrize(
    ("secret", "label"), [("emotion", "LABEL_0"), ("emotion", "angry_sad"), ("emotion", "disappointed"), ("sex", "mal")]
)
def test_what_names_nothing_or_two_things_is_refused(secret: str, label: str) -> None:
    with pytest.raises(
        BackboneError, match=rf"and \['{label}'\] do not name one {secret} of .* rename them in id2label"
    ):
        translate([label], secret)
