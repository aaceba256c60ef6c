"""The sections of a run with the replacement autoencoder: what leaves the device, and how the replacing was learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aclipse.errors import RunError
from aclipse.report import markup, replacement_figures
from aclipse.report.cloak_figures import pipeline_figure
from aclipse.report.folder import History, RunFolder
from aclipse.report.ladder import Finding, findings
from aclipse.report.medium import releases
from aclipse.report.plates import plate
from aclipse.report.tables import clearly_above
from aclipse.report.vocabulary import TRAINED
from aclipse.report.wording import percent, told

SCALES = {  # by normalisation
    "speaker": "all recordings of its speaker, whose ranges stay on the device",
    "corpus": "all training recordings of its corpus",
    "training": "all training recordings",
}
KINDS = {  # of functionals
    "compare": "openSMILE’s ComParE 2016: statistics of loudness, pitch, spectrum and voice quality",
    "egemaps": "openSMILE’s eGeMAPS v02: statistics of loudness, pitch, spectrum and voice quality",
    "log-mel": "statistics of log-mel bands, of our own",
}
LICENCE = (
    "openSMILE’s free licence is for research and private use. It excludes products, and counts these vectors and this"
    " model among what may not go into one; functionals of the kind “log-mel” may be used for anything."
)
Facts = Mapping[str, Any]


def device(run: RunFolder) -> str:
    """What leaves the device: the steps on it, and what was asked of them."""
    if releases(run) != "functionals":
        return ""
    asked, made = run.about["recipe"], weights(run)
    return markup.section(
        "device",
        "What leaves the device",
        *(markup.paragraph(text) for text in _story(run, made)),
        _picture(run, made),
        markup.plain_table(("setting", "value", "meaning"), settings(asked, made), "What was asked of the autoencoder"),
        markup.paragraph(LICENCE, "note") if asked.get("functionals", {}).get("kind") in ("compare", "egemaps") else "",
    )


def training(run: RunFolder) -> str:
    """How the autoencoders of each size were trained, and the classifier that guided them."""
    sizes = _histories(run)
    if not sizes:
        return ""
    chosen, guide = weights(run).get("embedding"), run.history.get("replacement/guide", [])
    guided = (
        " The classifier of roles that guides them learned before, from clean vectors: its UAR on validation clips."
    )
    caption = (
        "While the autoencoder was learned, one of each size of its middle (a). Error: mean square difference of"
        " validation clips’ vectors from what is to come out, which for sensitive ones is a random neutral vector, so"
        " that it cannot fall to 0. Rings mark the least error, where each was kept; the size with the least of all was"
        f" chosen{f' (a = {chosen})' if chosen else ''}. The other losses are means over training batches: a head that"
        " loses as much as guessing (dotted) reads no sex." + (guided if guide else "")
    )
    alt = "; ".join(f"a = {size}: least error {_least(rows):.3f} in {len(rows)} epochs" for size, rows in sizes.items())
    figure = replacement_figures.training_figure(sizes, guide)
    return plate(run, "replacement-training", figure, f"{alt}.", caption)


def hidden(run: RunFolder) -> Iterator[str]:
    """From whom sensitive emotions are hidden, and who gets how much of them back; nothing of other protections."""
    if releases(run) != "functionals":
        return
    own = [found for found in findings(run) if found.secret == "sensitive"]
    ignorant = next((found for found in own if found.score.knowledge == "ignorant" and not found.doubt), None)
    trained = [found for found in own if found.score.knowledge in TRAINED and not found.doubt]
    if ignorant:
        yield (
            "A listener that does not retrain, the only kind that its paper tried, tells sensitive emotions with a UAR"
            f" of {_figures(ignorant)}{_blank(run, ignorant)}."
        )
    if trained:
        best = max(trained, key=lambda found: found.leak)
        yield (
            f"One that retrains on released vectors and their labels tells them with a UAR of {_figures(best)}"
            f"{_gained(ignorant, best)}."
        )
    elif own:
        yield "No listener was retrained on released vectors: what one would get is not known."


def weights(run: RunFolder) -> dict[str, Any]:
    """What the fitted protection says of itself: version of its functionals, sizes; nothing where it is gone."""
    from aclipse.training import checkpoint

    try:
        tensors, facts = checkpoint.load(run.path / "replacement" / "weights.safetensors")
        axes = tensors["projection.axes"]
        return {"version": facts["functionals"], "components": len(axes), "functionals": axes.shape[1],
                **facts["network"]}  # fmt: skip
    except (RunError, KeyError, TypeError):
        return {}


def settings(recipe: Facts, made: Facts) -> Iterator[tuple[str, str, str]]:
    """Every choice that shapes the vectors: its setting, its value, what it means."""
    asked = recipe.get("replacement", {})
    shown = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else _short(value) for name, value in asked.items()
    }
    if made.get("embedding") and "embeddings" in shown:
        shown["embeddings"] += f"; chosen: {made['embedding']}"
    for name, (title, meaning) in _MEANINGS.items():
        if name in shown:
            yield title, shown[name], meaning
    functionals = recipe.get("functionals", {})
    if kind := functionals.get("kind"):
        yield "functionals", str(made.get("version", kind)), KINDS.get(kind, "")
    if scale := functionals.get("normalisation"):
        yield (
            "normalisation",
            scale,
            f"what is 0 and 1 of each functional: least and greatest over {SCALES.get(scale, scale)}",
        )
    if components := made.get("components", functionals.get("components")):
        yield "components", str(components), "numbers in a vector, those of greatest variance in the training part"


_MEANINGS = {
    "neutral": ("neutral", "what sensitive emotions come out as"),
    "required": ("required", "what the app is to be told: comes out as itself"),
    "sensitive": ("sensitive", "what nobody is to be told: comes out as a random neutral recording"),
    "weight": ("α", "share of the head that hears sex in the loss; 0: no such head"),
    "reversal": ("λ", "how strongly that head’s gradient, turned round, pushes the encoder"),
    "guide": ("guide", "weight of a classifier that must read in the output what was meant; 0: none, as in the paper"),
    "redraw": ("redraw", "whether a sensitive recording meets another neutral one in each epoch"),
    "same_sex": ("same sex", "whether that is of a voice of the same sex"),
    "draw": (
        "draw",
        "whether in use what the device takes for sensitive is replaced, in the middle, by a draw from how neutral"
        " recordings are distributed there",
    ),
    "embeddings": ("a", "numbers in the middle of the autoencoder, tried and chosen on validation clips"),
}


def _story(run: RunFolder, made: Facts) -> Iterator[str]:
    recipe, roles = run.about["recipe"], told(run)
    functionals, asked = recipe.get("functionals", {}), recipe.get("replacement", {})
    kind, scale = (functionals.get(name, "") for name in ("kind", "normalisation"))
    size = made.get("components", functionals.get("components", ""))
    count = f"{made['functionals']:,} functionals" if made.get("functionals") else "functionals"
    yield (
        f"One vector of {size} numbers for each recording leaves the device: no sound, and nothing that has an order in"
        f" time. Of the whole recording it computes {count} ({KINDS.get(kind, kind)}), puts each between 0 and 1 over"
        f" {SCALES.get(scale, scale)}, keeps the {size} principal components, and sends these through an autoencoder,"
        " of which the output is released."
    )
    sex = " and the speaker’s sex, which a head behind gradient reversal heard in it" if asked.get("weight") else ""
    yield (
        f"Meant to be kept: whether a recording is {roles['required']}. Meant to be hidden: that one is"
        f" {roles['sensitive']}{sex}. The autoencoder learned to give back {roles['neutral']} and {roles['required']}"
        " recordings as they are, and in place of a sensitive one a random neutral one"
        + (", drawn anew in every epoch" if asked.get("redraw") else "")
        + ("; a classifier had to read in the output the role that was meant." if asked.get("guide") else ".")
        + (" In use, what the device takes for sensitive is replaced by a draw at random." if asked.get("draw") else "")
    )


def _picture(run: RunFolder, made: Facts) -> str:
    recipe, roles = run.about["recipe"], told(run)
    functionals, asked = recipe.get("functionals", {}), recipe.get("replacement", {})
    size = made.get("components", functionals.get("components", ""))
    steps = [
        ("sound", "16 kHz"),
        ("functionals", f"{made['functionals']:,}" if made.get("functionals") else functionals.get("kind", "")),
        ("0 … 1", f"by {functionals.get('normalisation', '')}"),
        ("components", f"{size} numbers"),
        ("autoencoder", f"a = {made['embedding']}" if made.get("embedding") else "trained"),
        ("one vector", f"{size} numbers"),
    ]
    guides = [f"{roles['sensitive']} comes out as {roles['neutral']}, {roles['required']} as itself"]
    if asked.get("weight"):
        strength = f"α = {_short(asked['weight'])}, λ = {_short(asked.get('reversal', ''))}"
        guides.append(f"trained against a head that hears sex, behind gradient reversal ({strength})")
    alt = "; ".join(f"{title}: {text}" for title, text in steps) + ". The last step is outside the device."
    return plate(run, "device", pipeline_figure(steps, guides), alt, "")


def _figures(found: Finding) -> str:
    clean = f"{percent(found.clean.value)} before, " if found.clean else ""
    guess = f"{percent(found.chance)} by guessing" if found.chance is not None else ""
    return f"{percent(found.score.value)} ({clean}{guess})"


def _gained(before: Finding | None, after: Finding) -> str:
    """What follows where learning from releases clearly helps."""
    gained = before is not None and clearly_above(after.score, before.score)
    return ": what is hidden from the first alone is still in the vector" if gained else ""


def _blank(run: RunFolder, found: Finding) -> str:
    """Where a listener gives one answer alone: it is fooled, which is not to say that there is nothing to read."""
    place = (found.score.subject, "sensitive", found.score.judge, found.score.knowledge)
    read = {c.prediction for c in run.clips if (c.subject, c.metric, c.judge, c.knowledge) == place}
    return "; it takes every vector for none of these: it is fooled, not blinded" if read == {"other"} else ""


def _histories(run: RunFolder) -> dict[int, History]:
    """Size of the middle → epochs, the smallest first."""
    start = "replacement/embedding-"
    found = {part.removeprefix(start): rows for part, rows in run.history.items() if part.startswith(start)}
    return dict(sorted((int(size), rows) for size, rows in found.items() if size.isdigit()))


def _least(rows: History) -> float:
    return min((value for row in rows if (value := row.get("error")) is not None), default=float("nan"))


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
