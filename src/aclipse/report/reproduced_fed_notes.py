"""What a reader must know of the federated studies, below their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aclipse.report.reproduced_fed import budget

CORPORA = {"iemocap": "IEMOCAP", "crema": "CREMA-D", "msp": "MSP-Improv"}  # of the paper, by part of a name
ATTACKED = ("fed-attack", "fed-udp")  # where attackers learn from other corpora


def beside_the_paper(study: str, names: Sequence[str]) -> str:
    """How corpora differ from the paper's, by their names; empty if they do not.

    Learning takes each corpus by itself; an attacker of one has learned from the two others.

    >>> beside_the_paper("fed-utility", ["crema-d"]), beside_the_paper("fed-attack", ["iemocap", "crema-d", "msp"])
    ('', '')
    >>> beside_the_paper("fed-udp", ["crema-d"])
    ', where the paper has IEMOCAP, CREMA-D, MSP-Improv: its columns are for orientation'
    """
    strange = [name for name in names if not any(known in name.lower() for known in CORPORA)]
    lacking = [title for known, title in CORPORA.items() if not any(known in name.lower() for name in names)]
    if len(strange) == len(names):
        return ", which is not the paper's: its columns are for orientation"
    if study in ATTACKED and (strange or lacking):
        return f", where the paper has {', '.join(CORPORA.values())}: its columns are for orientation"
    return f"; the paper has no {', '.join(strange)}" if strange else ""


def about(study: str, made_with: dict[str, Any]) -> list[str]:
    """What was promised by whom, and what an audit found, from the facts beside a table."""
    told = [f"Features: {made_with['functionals']}."] if "functionals" in made_with else []
    told += (
        [f"δ of every honest ε: {budget(str(made_with['delta']))}."]
        if study == "fed-udp" and "delta" in made_with
        else []
    )
    promised = {name: lines for name, lines in made_with.get("guarantees", {}).items() if lines}
    told += ["", "**What is promised.**", ""] * bool(promised)
    told += [f"* {name}: {'; '.join(lines)}." for name, lines in promised.items()]
    return told + (["", _audit(made_with["audited"])] if made_with.get("audited") else [])


def _audit(found: dict[str, Any]) -> str:
    """The lower bound on ε beside the claim; one above it disproves the claim."""
    claimed, bound = found.get("claimed"), found.get("lower bound")
    more = [f"{name}: {value}" for name, value in found.items() if name not in ("claimed", "lower bound")]
    if claimed is None or bound is None:
        return f"**Audit.** {'; '.join(f'{name}: {value}' for name, value in found.items())}."
    verdict = "as claimed, for all that canaries can show" if float(bound) <= float(claimed) else "THE CLAIM IS BROKEN"
    figures = f"at least ε = {budget(str(bound))} (claimed: {budget(str(claimed))})"
    return f"**Audit.** Canary clients show {figures}: {verdict}{f' ({chr(59).join(more)})' if more else ''}."


_SCORES = "* In %: value ± deviation over folds [95 % interval, a bootstrap over speakers]."
_REPORTED = (
    "* The paper: what its public code reports, of emobase functionals; of leaked updates the mean of five kinds of "
    "features."
)
_TESTED = "* Emotion is read in clips of speakers who are in no client."
_ACTED = "* CREMA-D and RAVDESS are acted, on few sentences; they do not tell how feelings of everyday life are read."
_SHADOWS = (
    "* Attackers learn from federations of their own, with other people (shadow models), which begin with the same "
    "public first model. The clients that are attacked are none of them. Layers: what the attacker reads of an update; "
    "fused: all three. An update of FedAvg is first made a gradient again: divided by its true number of steps."
)
NOTES = {
    "fed-utility": (
        _SCORES,
        _TESTED,
        "* central: the same network, trained on all clients' clips at one place; majority: always the most frequent "
        "emotion. Guessing, of UAR: one in the number of emotions.",
        _REPORTED,
        _ACTED,
    ),
    "fed-attack": (
        _SCORES,
        _SHADOWS,
        "* shuffled: who learned from labels that were dealt out at random, and must read nothing. calibrated: who "
        "reads the first layer, with the median of what it sees as its threshold.",
        "* linking: are two updates of one client? member: did this client take part? inversion: how like the features "
        "given back are to those learned from (cosine). Of an EER, less is a better attack.",
        _REPORTED,
        _ACTED,
    ),
    "fed-udp": (
        _SCORES,
        _TESTED,
        "* ε: the label. Honest ε: what the noise is worth for who sees the models released in all rounds, and for who "
        "sees one single update, by privacy loss distributions, at the study's δ (at most 1 / clients). Of the paper's "
        "mechanism it holds only if a client's update were no longer than the paper assumes, which clipping each "
        "batch's gradient before Adam does not ensure; the label itself is at δ = 0.5, at which it says nothing.",
        "* n: updates of one client that leak, averaged; all: of all rounds that it took part in. View local: who sees "
        "updates as they leave the client. View central: who sees what each round releases, and no client's own "
        "update; n are then releases of rounds that the client took part in, less the mean of all rounds. That this is "
        "known is more than the guarantee grants.",
        "* ignorant: the paper's attacker, which learned from single updates without noise. aware: learned from clean "
        "updates and from means of shadow updates under the noise of the attacked federation, reads each leaked update "
        "beside their mean, and takes the median of what it sees as its threshold: about half of the clients are of "
        "each sex.",
        "* paper: the paper's closed form; strict: the whole update is clipped, noise by the server (central) or each "
        "client (local); layered: our reading of GHDP; representative: our reading of clients' selection in LDP-FL + "
        "CSS; pruned: as SEFL does before it encrypts. Only strict mechanisms promise anything.",
        "* An attack that fails proves nothing: a better one may come. And of many intervals one in forty is above "
        "guessing by chance.",
        "* SNR: of an update against its noise. Against none: points of UAR, paired by clip.",
        _REPORTED,
        _ACTED,
    ),
}
