"""Speed, memory and results of a stage-1 training step beside the loop one writes first; `make bench` runs it.

Writes its section of benchmarks/README.md. On a GPU: `--base`, for encoders of base size, in bf16.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

import steps
import torch
from material import Size, like_iemocap, recognizers
from measuring import Build, differences, interleaved, on_gpu, peak_of_its_own
from page import SPEED, machine, table, write_section

from aclipse.contracts import SAMPLE_RATE
from aclipse.models.standins import CONFIGURATIONS, GROUP_NORM
from aclipse.training.batches import Speech

STEPS: dict[str, Build] = {
    "plain loop": steps.plain,
    "ours": steps.ours,
    "floor": steps.floor,
    "modules alone": steps.cascade_alone,
}
PLAIN, OURS, FLOOR, MODULES = STEPS
ABLATIONS: dict[str, Build] = {
    "random batches, not of similar length": steps.as_they_come,
    "gradients of the recognisers' parameters too": steps.trainable,
    "front end computed by each recogniser": steps.twice,
    "front end: one recording at a time": steps.singly,
    "front end: one recording at a time, at its very length": steps.any_size,
    "front end: padded batch, norms one recording at a time": steps.at_once,
    "front end: padded batch, masked norms": steps.masked,
    "whole step: one recording at a time (exact-length buckets)": steps.one_by_one,
}


@dataclass(frozen=True)
class Found:
    """What was measured with one backbone."""

    seconds: dict[str, list[float]]  # step → of each epoch
    memory: dict[str, float]  # step → MB

    def ratios(self, over: str, under: str) -> list[float]:
        """One step's time over that of another, epoch by epoch."""
        return [a / b for a, b in zip(self.seconds[over], self.seconds[under], strict=True)]

    def ratio(self, over: str, under: str) -> float:
        """Their median."""
        return median(self.ratios(over, under))

    def spread(self, over: str, under: str) -> str:
        """Median, least and largest."""
        ratios = self.ratios(over, under)
        return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def measure(name: str, builds: Mapping[str, Build], speech: Speech, size: Size, repeats: int) -> Found:
    """Memory, then times, with one backbone."""
    with tempfile.TemporaryDirectory() as place:
        folder = recognizers(Path(place), name, size)
        memory = {step: peak_of_its_own(builds[step], folder, speech, size) for step in (PLAIN, OURS)}
        steps.compile_sizes(folder, round(1.1 * SAMPLE_RATE * max(_seconds(speech))))  # speech may be slowed down
        taken = interleaved({step: build(folder, speech, size) for step, build in builds.items()}, repeats)
        steps.guides.cache_clear()
        return Found(taken, memory)


def results(speech: Speech, size: Size) -> list[list[str]]:
    """How far loss and gradient are from those of the plain loop on single recordings, with all backbones."""
    rows = []
    for name in CONFIGURATIONS:
        with tempfile.TemporaryDirectory() as place:
            apart = differences(recognizers(Path(place), name, size), speech, size)
            steps.guides.cache_clear()
        rows += [[name, _norm(name), step, *(f"{value:.1e}" for value in values)] for step, values in apart.items()]
    return rows


def chosen(name: str, compiled: bool) -> dict[str, Build]:
    """The four steps, and single changes of ours that apply to a backbone here."""
    ours_already = steps.at_once if on_gpu() else steps.singly
    skipped = {ours_already} if _norm(name) == "group" else {ours_already, steps.masked}
    found = STEPS | {label: build for label, build in ABLATIONS.items() if build not in skipped}
    return found | ({"encoders through torch.compile": steps.compiled} if compiled else {})


def rates(name: str, found: Found, speech: Speech) -> list[list[str]]:
    """Rates, memory and ratios of the four steps."""
    heard, rows = sum(_seconds(speech)), []
    for step in STEPS:
        taken = median(found.seconds[step])
        memory = f"{found.memory[step]:.0f}" if step in found.memory else ""
        ratio, share = found.spread(PLAIN, step), f"{100 * found.ratio(FLOOR, step):.0f} %"
        both = [ratio, share] if step != MODULES else ["", ""]
        rows.append([name, step, f"{len(speech) / taken:.2f}", f"{heard / taken:.1f}", memory, *both])
    return rows


def changes(found: Found) -> list[list[str]]:
    """How long the step takes after a single change, of what ours takes."""
    return [[label, found.spread(label, OURS)] for label in found.seconds if label not in STEPS]


def section(found: Mapping[str, Found], equal: list[list[str]], speech: Speech, size: Size, repeats: int) -> list[str]:
    """The section as Markdown."""
    seconds = _seconds(speech)
    models = "base size" if size.base else f"width {size.width}, {size.layers} layers (large: a half wider, one more)"
    clock = "elapsed time" if on_gpu() else "processor time, one thread"
    ratios = [one.ratio(PLAIN, OURS) for one in found.values()]
    bound = [
        (median(one.seconds[FLOOR]) + median(one.seconds[MODULES])) / median(one.seconds[OURS])
        for one in found.values()
    ]
    first = next(iter(found))
    return [
        f"## A training step on a {'GPU' if on_gpu() else 'CPU'}",
        "",
        "Stage 1: modules forward, cross-entropy and CTC of two recognisers, backward. The recognisers have random "
        f"weights, {models}, alike in nothing but the front end; precision {size.precision}. {len(speech)} clips of "
        "noise as long as IEMOCAP's (log-normal of mean 4.5 s and deviation 3.2 s, drawn again outside 0.6 to 15 s; "
        f"these: mean {sum(seconds) / len(seconds):.1f}, {min(seconds):.1f} to {max(seconds):.1f} s), batches of "
        f"{size.batch}. Medians of {repeats} epochs, ratios with (least–largest), all steps by turns; {clock}. "
        f"{machine()}",
        "",
        "* *plain loop*: stock transformers models in eval mode, float32, gradients of all parameters, random batches "
        "padded to the longest, each model its front end, attention masks for layer-norm models only.",
        "* *ours*: the step of `Trainer`.",
        "* *floor*: recognisers alone, forward and backward to their input; batches of one length, no padding.",
        "* *modules alone*: SO and ER, which every loop computes, without recognisers.",
        "* *MB*: what the batch of most samples needs beyond the models.",
        "",
        *table(
            ["backbone", "step", "clips/s", "s of speech/s", "MB", "times as fast", "share of floor"],
            [row for name, one in found.items() for row in rates(name, one, speech)],
            words=2,
        ),
        "",
        f"Ours is {min(ratios):.1f} to {max(ratios):.1f} times as fast as the plain loop. Floor and modules together "
        f"are {100 * min(bound):.0f} to {100 * max(bound):.0f} % of it.",
        "",
        f"What ours takes with {first}, in times, after a single change:",
        "",
        *table(["change", "times as long"], changes(found[first])),
        "",
        "Equal results: loss and gradient of a batch of "
        f"{min(size.batch, len(speech))}, relative to the plain loop on one recording after another (L2 norm of the "
        "difference; float32, no dropout, no augmentation). Padding is what the plain loop's group-norm models err by.",
        "",
        *table(["backbone", "norm", "step", "loss", "gradient"], equal, words=3),
        "",
        "GPU rows (`--base --device cuda`) form a section of their own, which is absent where no GPU was at hand.",
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the section."""
    options = _options(arguments)
    if options.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # new processes see it too
    if not on_gpu():
        torch.set_num_threads(1)
    precision = options.precision or ("bf16" if on_gpu() else "no")
    given = {field.name: getattr(options, field.name) for field in fields(Size)} | {"precision": precision}
    size, speech = Size(**given), like_iemocap(options.clips)
    names, found = list(dict.fromkeys(options.backbone)), {}
    for name in names:
        builds = chosen(name, options.compile) if name == names[0] else STEPS  # the changes take most of the time
        found[name] = measure(name, builds, speech, size, options.repeats)
        print(f"{name}: {found[name].ratio(PLAIN, OURS):.2f} times as fast as the plain loop", flush=True)
    lines = section(found, results(speech, size), speech, size, options.repeats)
    write_section(options.page, "training step" + " on a GPU" * on_gpu(), "make bench", lines)
    print("\n".join(lines))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    both = ["wav2vec2-base", "hubert-large"]
    parser.add_argument("--backbone", nargs="+", choices=CONFIGURATIONS, default=both, help="timed; one of each norm")
    parser.add_argument("--width", type=int, default=Size.width, help="of the stand-ins")
    parser.add_argument("--layers", type=int, default=Size.layers, help="of the stand-ins")
    parser.add_argument("--base", action="store_true", help="encoders of base size, width 768 and 12 layers, instead")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="cuda where there is one, if not given")
    parser.add_argument("--precision", choices=["no", "bf16"], help="of all but the plain loop; bf16 on cuda, else no")
    parser.add_argument("--compile", action="store_true", help="try torch.compile of the encoders too")
    parser.add_argument("--clips", type=int, default=Size.clips)
    parser.add_argument("--batch", type=int, default=Size.batch)
    parser.add_argument("--repeats", type=int, default=3, help="epochs of each step")
    parser.add_argument("--page", type=Path, default=SPEED, help="where the section is written")
    return parser.parse_args(arguments)


def _norm(name: str) -> str:
    return "group" if CONFIGURATIONS[name][1] is GROUP_NORM else "layer"


def _seconds(speech: Speech) -> list[float]:
    return [len(speech.wave(index)) / SAMPLE_RATE for index in range(len(speech))]


if __name__ == "__main__":
    main()
