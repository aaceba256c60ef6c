"""The sections of a run that releases features: what leaves the device, and how its noise was learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aclipse.report import cloak_figures, markup
from aclipse.report.folder import RunFolder
from aclipse.report.ladder import protector
from aclipse.report.medium import releases
from aclipse.report.plates import plate
from aclipse.report.released import centres, cloak_of
from aclipse.report.vocabulary import SECRETS
from aclipse.report.wording import join

if TYPE_CHECKING:
    from aclipse.protections.cloak.method import Cloak

SCALES = {  # by normalisation
    "speaker": "all recordings of its speaker",
    "recording": "the recording itself",
    "corpus": "the recordings that recognisers were trained on",
    "none": "nothing: bands are left as they are",
}
Facts = Mapping[str, Any]


def device(run: RunFolder) -> str:
    """What leaves the device: the steps on it, the settings of the noise, and where the noise was learned to be."""
    if releases(run) != "features":
        return ""
    recipe = run.about["recipe"]
    cloak, features = recipe.get("cloak", {}), recipe.get("features", {})
    fitted = cloak_of(run)
    return markup.section(
        "device",
        "What leaves the device",
        *(markup.paragraph(text) for text in _story(cloak, features)),
        _picture(run, cloak, features),
        markup.plain_table(("setting", "value", "meaning"), settings(cloak, features), "What was asked of the noise"),
        _map(run, fitted) if fitted else "",
    )


def training(run: RunFolder) -> str:
    """How the noise was learned, both stages."""
    histories = {stage: run.history.get(f"cloak/{stage}", []) for stage in cloak_figures.STAGES}
    rows, border = cloak_figures.joined(histories)
    if not rows:
        return ""
    against = cloak_figures.adversaries(rows)
    stages = (
        "The vertical line parts perturbation training (where noise is put, and how much) from suppression training"
        " (elements are removed, and what stands in for them is learned)."
        if border
        else "Only one of its stages was trained."
    )
    caption = (
        f"While the noise was learned. {stages} Emotion is read on validation clips by the frozen recogniser that"
        " steered the noise; the other losses are means over training batches."
        + (" An adversary that loses more reads less: the noise is pushed to raise its loss." if against else "")
        + " Both stages keep their last epoch."
    )
    told = f"against {join(against)}" if against else "with no adversary"
    alt = f"Emotion scores, losses and σ over {len(rows)} epochs, {told}."
    return plate(run, "noise-training", cloak_figures.noise_training_figure(histories), alt, caption)


def settings(cloak: Facts, features: Facts) -> Iterator[tuple[str, str, str]]:
    """Every choice that shapes the noise: its setting, its value, what it means."""
    meanings = {
        "suppression": ("suppression rate (SR)", "{} %", "share of the elements removed: those with the most noise"),
        "sparsity": ("λ", "{}", "weight of the term that makes noise large"),
        "reversal": ("α", "{}", "how strongly adversaries’ gradients push the noise"),
        "form": ("form", "{}", "universal: the same σ for all segments; adaptive: σ depends on the segment"),
        "mode": ("mode", "{}", "corrected: σ in [0.01, 1]; paper: σ in (0, 1) from 2·10⁻⁹, as printed"),
        "secrets": ("adversaries after", "{}", "whom the noise was trained against; none: Cloak alone"),
        "fixed": ("draws", "{}", "one for an utterance cannot be averaged away; anew for each release it can"),
    }
    told = {**cloak}
    if "secrets" in cloak:
        told["secrets"] = ", ".join(cloak["secrets"]) or "nothing"
    if "fixed" in cloak:
        told["fixed"] = "one for an utterance" if cloak["fixed"] else "anew for each release"
    for name, (title, text, meaning) in meanings.items():
        if name in told:
            yield title, text.format(_short(told[name])), meaning
    if "normalisation" in features:
        yield "normalisation", features["normalisation"], "whose frames give each band’s mean and deviation"


def _story(cloak: Facts, features: Facts) -> Iterator[str]:
    scale = SCALES.get(features.get("normalisation", ""), "its frames")
    private = features.get("normalisation") in ("speaker", "recording")
    kept = "; what normalisation took away stays on the device" if private else ""
    against = join(SECRETS[name].thing for name in cloak.get("secrets", []) if name in SECRETS)
    yield (
        "No sound leaves the device. Of a recording it computes log-mel features, normalises every band over"
        f" {scale}, cuts them into overlapping segments, and adds noise whose place and size were learned: as much"
        " as a frozen recogniser of emotion bears"
        + (f", and against an adversary that learned {against} meanwhile." if against else ".")
    )
    rate = cloak.get("suppression", 0)
    if rate:
        yield (
            f"After that {_short(rate)} % of the elements, those with the most noise, are removed altogether:"
            " a learned constant stands in for each, whatever was said."
        )
    yield (
        f"Features leave in half precision, segment by segment{kept}. Every listener on this page reads features:"
        " these, or those of clean speech."
    )


def _picture(run: RunFolder, cloak: Facts, features: Facts) -> str:
    step = features.get("analysis", {}).get("hop", 160) / 16_000  # s, from frame to frame
    bands, segment, hop = (features.get(name, 0) for name in ("bands", "segment", "test_hop"))
    steps = [
        ("sound", "16 kHz"),
        ("log-mel", f"{bands} bands"),
        ("normalised", f"by {features.get('normalisation', '')}"),
        ("cut", f"{segment * step:g} s, every {hop * step:g} s"),
        ("noise φ", f"SR {_short(cloak.get('suppression', 0))} %"),
        ("features", "half precision"),
    ]
    secrets = ", ".join(cloak.get("secrets", []))
    guides = [
        "The noise was learned under a frozen emotion recogniser, which must still read emotion",
        f"and against adversaries after {secrets}, behind gradient reversal (α = {_short(cloak.get('reversal', 0))})"
        if secrets
        else "and against no adversary",
    ]
    alt = "; ".join(f"{title}: {text}" for title, text in steps) + ". The last step is outside the device."
    return plate(run, "device", cloak_figures.pipeline_figure(steps, guides), alt, "")


def _map(run: RunFolder, cloak: Cloak) -> str:
    depends = cloak.noise.settings.form == "adaptive"
    caption = (
        "Where the noise was learned to be, over the time of a segment and the frequency of its bands. Above: the"
        " deviation σ of each element’s noise, in units of the normalised features. Below: in colour, the elements"
        " that are removed. Dotted lines: 500 Hz and 2 kHz."
        + (" Here σ depends on the segment: shown is that of a segment at the mean of every band." if depends else "")
    )
    share = 100 * float(cloak.noise.share)
    alt = f"Noise of {protector(run.scores)} over time and frequency; {share:.0f} % of the elements are removed."
    return plate(run, "noise-map", cloak_figures.noise_figure(cloak, centres(cloak.features)), alt, caption)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
