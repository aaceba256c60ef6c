"""The section of a run whose phones send updates: what leaves them, who sees it, and what is guaranteed to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aclipse.report import markup
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.medium import releases

VIEWS = {
    "central": "Adversaries are in the central view: they see the model released after each round, and are given, which"
    " is more than the guarantee grants them, who took part in it. The server itself sees each client’s bounded update"
    " before noise is added: it is trusted, unless the sum is computed under secure aggregation.",
    "local": "Adversaries are in the local view: they see each update that a client sends, as the server does.",
}
ALGORITHMS = {
    "fedavg": "the change of the model’s weights after a phone has learned from its own recordings (FedAvg)",
    "fedsgd": "the gradient of one batch of a phone’s own recordings (FedSGD)",
}
MODES = {
    "none": "updates are sent as they are",
    "paper": "the gradient of each batch is clipped, and noise of the paper’s closed form is added to what is sent",
    "strict": "each whole update is clipped, and noise is added that is accounted for",
    "layered": "noise of the same size is shared out to the layers, the first ones getting more",
}


def device(run: RunFolder) -> str:
    """What leaves the phones, and every promise."""
    made = run.about.get("federated", {})
    if releases(run) != "updates" or not made:
        return ""
    promised = run.audit.get("promises", {})
    others = [(name, " · ".join(lines)) for name, lines in promised.items() if name != protector(run.scores)]
    return markup.section(
        "device",
        "What leaves the phones, and what is guaranteed",
        *(markup.paragraph(text) for text in _story(made)),
        "<h3>What is guaranteed</h3>",
        markup.bullets([f"{_upper(line)}." if not line.endswith(".") else line for line in made.get("guarantee", [])]),
        markup.plain_table(("setting", "value", "meaning"), _settings(made), "How they learn"),
        markup.fold("What the other rows promise", markup.terms(others)) if others else "",
    )


def _story(made: dict[str, Any]) -> Iterator[str]:
    rules, privacy = made["federation"], made["privacy"]
    yield (
        f"{made['clients']} clients learn together for {made['rounds']} rounds; nobody takes part in more than"
        f" {made['most_rounds']} of them. In each, a phone sends {made['numbers']:,} numbers:"
        f" {ALGORITHMS[rules['algorithm']]}; {MODES[privacy['mode']]}."
    )
    yield VIEWS[made["view"]]
    yield (
        f"The adversary’s own speech: {made['shadow']}. The model that is used is the"
        f" {'last' if made['chosen'] == 'last' else 'best'} one"
        + (
            ": to choose by the clients’ recordings would have to be paid for."
            if made["chosen"] == "last"
            else " of the second half, by what the clients had set aside."
        )
    )


def _settings(made: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for section in ("federation", "privacy"):
        for name, value in made[section].items():
            if value is not None and name in _MEANINGS:
                yield f"{section}.{name}", f"{value:g}" if isinstance(value, float) else str(value), _MEANINGS[name]
    yield "functionals", str(made["functionals"]), f"{made['inputs']} of a recording, normalised within each speaker"


_MEANINGS = {
    "algorithm": "what an update is",
    "share": "of the clients that take part in a round",
    "selection": "how they are chosen",
    "batch_size": "recordings in a batch",
    "start": "seed of the first model, which everybody is given",
    "mode": "what is done to updates",
    "epsilon": "the budget that was asked for",
    "delta": "with what probability the guarantee may fail",
    "place": "who adds the noise",
    "clip": "L2 norm that is clipped to",
    "quantile": "of updates’ norms that the clipping follows",
    "pruned": "share of an update’s numbers that are not sent",
}


def _upper(text: str) -> str:
    return text if text.startswith("ε") else text[:1].upper() + text[1:]
