"""What a reader must know of the replacement autoencoder's studies, below their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aclipse.report.reproduced_rae import SENSITIVE

CORPORA = {"iemocap": "IEMOCAP", "ravdess": "RAVDESS", "crema": "CREMA-D"}  # merged by the paper, by part of a name


def beside_the_paper(names: Sequence[str]) -> str:
    """How corpora differ from those that the paper merges, by their names; empty if they do not.

    >>> beside_the_paper(["CREMA-D", "ravdess"])
    ', without the IEMOCAP of the paper: its columns are for orientation'
    >>> beside_the_paper(["crema-d", "ravdess", "iemocap"])
    ''
    """
    lacking = [title for known, title in CORPORA.items() if not any(known in name.lower() for name in names)]
    strange = [name for name in names if not any(known in name.lower() for known in CORPORA)]
    if len(lacking) == len(CORPORA) or strange:
        return ", which is not the paper's: its columns are for orientation"
    return f", without the {' and '.join(lacking)} of the paper: its columns are for orientation" if lacking else ""


def about(made_with: dict[str, Any]) -> list[str]:
    """What a reader must know of how the numbers were made: the vectors, and who is hidden in which scenario."""
    vectors = "Vectors: at most {components} components of {functionals} functionals, normalised by {normalisation}."
    told = [vectors.format(**made_with)] if "functionals" in made_with else []
    scenarios = made_with.get("scenarios", {})
    hidden = [f"{name} required: {', '.join(roles[SENSITIVE])}" for name, roles in scenarios.items()]
    return told + [f"Sensitive, where {'; '.join(hidden)}."] * bool(hidden)


_SCORES = "* In %: value ± deviation over rotations [95 % interval, a bootstrap over speakers]."
_METHODS = (
    "* Methods. raw: vectors as they are (X). rae and rae + grl: the paper's (X′), without and with gradient reversal. "
    "guided: ours, with reversal; what comes out is also to be read as the class that is meant, and each epoch has "
    "another neutral clip for a sensitive one. drawn: guided, and what the device takes for sensitive gives way to a "
    "random draw from what encoded neutral clips look like. noise: white, changing vectors as much as guided. nothing: "
    "the mean vector."
)
_ATTACKERS = (
    "* Attackers. risk: the paper's, trained on raw vectors; neither it nor the transformation ever meets the other. "
    "retrained: the same kind, trained on releases of the same people; of networks for role and sex at once, of all "
    "sizes, and for each alone, the one answers that reads best on validation clips. On raw vectors the risk model "
    "stands for it."
)
_UNDERSTATED = (
    "* Who learns from releases learns on clips to which the components were fitted, so that what it reads may be "
    "understated by some points."
)
_DATA = (
    "* Three sets without a common speaker: of the risk model, of the transformation, and the test, in rotation. "
    "Ranges and components are fitted to the first. Where vectors are normalised by speaker, a test speaker's ranges "
    "are of all its own recordings, without labels: tabled speakers are enrolled with all their clips, and a device "
    "that has not enrolled its speaker does worse.",
    "* CREMA-D and RAVDESS are acted, on few sentences; they do not tell how feelings of everyday life are read.",
)
NOTES = {
    "rae-table1": ("Recordings of each emotion, as intended by the speaker if acted; in brackets the paper's.",),
    "rae-table3": (
        _SCORES,
        "* F1: one class against the two others. U: of the clips of a class that the risk model reads right in raw "
        "vectors, the share it still reads right (eq. 4). SNR: of released vectors.",
        _METHODS,
        f"{_ATTACKERS} replaced?: trained on releases to tell sensitive clips from neutral ones, and another network "
        "from all others; each epoch is chosen by the same question on validation clips. again: has the device, and "
        "looks at how far a release moves when it goes through once more; whether farther means sensitive, validation "
        "clips tell for each question. AUC: 50 is guessing, and what lies below tells nothing.",
        _UNDERSTATED,
        "* Guessing, of F1: drawing the classes evenly. Most clips are sensitive, so that who says so of every clip "
        "has a high F1 and yet reads nothing: what is hidden from who retrains, the AUC against neutral clips tells.",
        *_DATA,
    ),
    "rae-table4": (
        _SCORES,
        "* L: accuracy of sex. P: 100 − UAR of sex; 50 is guessing, and what lies above is read the wrong way round.",
        _METHODS, _ATTACKERS, _UNDERSTATED, *_DATA,
    ),
    "rae-fig3": (
        "* One rotation, the first, as the paper shows one of its five: a picture, whose numbers are not to be had.",
        _METHODS, _ATTACKERS, _UNDERSTATED, *_DATA,
    ),
}  # fmt: skip
