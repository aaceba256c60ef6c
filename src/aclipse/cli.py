"""The command line: parse, call one typed function, print. Heavy imports happen inside the commands."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress

from aclipse.errors import AclipseError

app = typer.Typer(
    help="Speech that still tells how someone feels, and no longer what they said.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(help="Make a corpus into a manifest, and see what is in it.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
console = Console()

Corpus = Literal["crema-d", "ravdess", "iemocap", "msp-improv", "librispeech", "folder"]
Level = Literal["quick", "standard", "full"]
Study = Literal[
    "table1", "fig3", "fig4", "fig5", "fig6", "fig7", "transfer",
    "cloak-table1", "cloak-table2", "cloak-fig4", "cloak-fig5",
    "rae-table1", "rae-table3", "rae-table4", "rae-fig3",
    "fed-utility", "fed-attack", "fed-udp",
]  # fmt: skip
# how studies that rotate speakers begin → who carries them out
ROTATED = {"cloak": "cloaking", "rae": "replacing", "fed": "federating"}
Engine = Literal["simulation", "processes"]
Labels = Literal["intended", "voted", "voice"]
Threads = Annotated[
    int, typer.Option(min=0, help="Processor cores to use; 0: all. Results are the same for the same number.")
]
TableKind = Literal["csv", "parquet"]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where to write.")]


def main() -> None:
    """Run the command line; errors raised on purpose are printed without a traceback and end with status 1."""
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_level=False)
    level = logging.INFO if _is_main() else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", datefmt="%X", handlers=[handler])
    try:
        app()
    except AclipseError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a folder without permission
        _fail(
            f"{error.strerror or error}: {error.filename or ''}. Nothing half-written is left; mend it and try again."
        )


def _fail(message: str) -> None:
    Console(stderr=True).print("error", message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


@corpus_app.command("import")
def import_corpus(
    corpus: Annotated[Corpus, typer.Argument(help="Whose layout the folder has.")],
    path: Annotated[Path, typer.Argument(help="The corpus's own folder, or any folder of recordings.")],
    output: Output,
    labels: Annotated[
        Labels, typer.Option(help="crema-d: what the actor meant, or what listeners heard.")
    ] = "intended",
    csv: Annotated[Path | None, typer.Option(help="folder: a table of labels beside the recordings.")] = None,
) -> None:
    """Write the manifest of a corpus: one row a recording, with what is known of it."""
    from aclipse.corpora import manifest
    from aclipse.registry import CORPORA, load

    options: dict[str, Any] = {}
    if labels != "intended":
        options["labels"] = labels
    if csv is not None:
        options["csv"] = csv
    scan = load(CORPORA, corpus)
    foreign = [f"--{name}" for name in options if name not in signature(scan).parameters]
    if foreign:
        raise typer.BadParameter(f"{corpus} does not take {' or '.join(foreign)}")
    found = scan(path, **options)
    manifest.write(found, output)
    _say(f"{len(found.clips)} clips → {output}")


@corpus_app.command("synthesize")
def synthesize(
    folder: Annotated[Path, typer.Argument(help="Where the recordings go; a finished corpus there is used again.")],
    output: Output,
    clips: Annotated[int, typer.Option(min=1)] = 1200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Speak an emotional corpus with espeak-ng: many voices, four emotions, sentences worth hiding."""
    from aclipse.corpora import manifest, synthetic

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("speaking", total=clips)
        made = synthetic.make(folder, clips, seed, lambda done, total: progress.update(bar, completed=done))
    manifest.write(made, output)
    _say(f"{len(made.clips)} clips → {output}")


@corpus_app.command("merge")
def merge_corpora(
    paths: Annotated[list[Path], typer.Argument(metavar="MANIFEST...", help="Of several corpora, each once.")],
    output: Output,
) -> None:
    """Make one manifest of several: its column corpus says which, and stands before each id, speaker and session."""
    from aclipse.corpora import manifest
    from aclipse.corpora.merge import merge

    if output.resolve() in [path.resolve() for path in paths]:
        raise typer.BadParameter(f"{output} is one of the manifests to be merged; give another --output")
    merged = merge([manifest.read(path) for path in paths])
    manifest.write(merged, output)
    corpora = sorted({clip.extra["corpus"] for clip in merged.clips})
    _say(f"{len(merged.clips)} clips of {', '.join(corpora)} → {output}")


@corpus_app.command("check")
def check_corpus(
    path: Annotated[Path, typer.Argument(metavar="MANIFEST")],
    every: Annotated[bool, typer.Option("--all", help="List every problem, not the first ten.")] = False,
) -> None:
    """Say what is in a corpus and what is wrong with it, file by file; status 1 if a clip cannot be used."""
    from aclipse.corpora import check, manifest

    report = check.check(manifest.read(path))
    for name, value in report.summary():
        console.print(f"[bold]{name:14}[/bold] {value}", highlight=False)
    shown = report.problems if every else report.problems[:10]
    for problem in shown:
        console.print(
            f"{problem.severity:8} {problem.id or path.name}  {problem.detail}", highlight=False, markup=False
        )
    if len(shown) < len(report.problems):
        console.print(f"… and {len(report.problems) - len(shown)} more; see them with --all")
    if report.count("error"):
        raise typer.Exit(1)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file, such as recipes/crema-d.toml.")],
    corpora: Annotated[
        list[Path],
        typer.Option(
            "--corpus", metavar="MANIFEST", help="What `aclipse corpus import` wrote; several are merged into one."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run's folder (default: runs/RECIPE).")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: cascade.epochs=20")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    only: Annotated[bool, typer.Option("--only-recognisers", help="Stop before the protection.")] = False,
    threads: Threads = 0,
) -> None:
    """Train the recognisers, then the protection: a cascade, a cloak or a replacement autoencoder, as the recipe says.

    Where its release is updates: a federated model alone, of the first corpus; the others are the adversary's.

    After an interruption the same command, with all its --set, goes on with --resume.
    """
    from aclipse.corpora import manifest
    from aclipse.corpora.merge import merge
    from aclipse.experiments.recipe import read_recipe
    from aclipse.experiments.run import prepare, train
    from aclipse.records import Run

    _use(threads)
    folder = output or Path("runs") / recipe.stem
    corpus = manifest.read(corpora[0]) if len(corpora) == 1 else merge([manifest.read(path) for path in corpora])
    (prepare if only else train)(read_recipe(recipe, changes), corpus, folder, resume)
    for line in Run(folder).facts.get("federated", {}).get("guarantee", ()):
        _say(f"promised: {line}")
    _say(f"recognisers → {folder}" if only else f"trained → {folder}. Next: aclipse audit {folder}")


@app.command()
def protect(
    inputs: Annotated[list[Path], typer.Argument(help="Recordings, folders or manifests (.csv).")],
    output: Output,
    model: Annotated[
        Path, typer.Option(help="A run's folder, or the weights of a cascade, a cloak or a replacement autoencoder.")
    ],
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="Of sound. 0: the input, 1: the full protection.")
    ] = 1.0,
    keep_rate: Annotated[bool, typer.Option(help="Write at the input's sample rate, not at 16 kHz.")] = False,
    as_sound: Annotated[bool, typer.Option(help="Of a cloak: the sound of its features, not the features.")] = False,
    table: Annotated[
        TableKind | None,
        typer.Option(help="Of a replacement autoencoder: write its table as features.csv or features.parquet."),
    ] = None,
    functionals: Annotated[
        bool,
        typer.Option(
            "--functionals",
            help="Of a replacement autoencoder: in that table acoustic functionals in their own units, each under its "
            "name, not components.",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Protect again what is already there.")] = False,
    threads: Threads = 0,
) -> None:
    """Protect recordings, folders mirrored; status 1 if a file failed.

    A cascade writes 16 kHz mono WAV of the same length. A cloak writes features in half precision, and a replacement
    autoencoder one vector a recording (safetensors), with a table of them all (CSV unless asked otherwise); each
    speaker of a manifest is normalised over all their recordings in it.
    """
    from aclipse.deploy import table as tables
    from aclipse.deploy.batch import protect as protect_files
    from aclipse.experiments.run import load_protection
    from aclipse.protections.replacement.method import Replacement

    _use(threads)
    protection = _as_asked(load_protection(model), strength, keep_rate, as_sound, bool(table or functionals))
    tabled = isinstance(protection, Replacement)
    if tabled:
        tables.check(inputs, output, table or "csv")
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("protecting", total=None)
        report = protect_files(
            inputs,
            output,
            protection,
            keep_rate=keep_rate,
            overwrite=overwrite,
            on_file=lambda path, done, total: progress.update(bar, completed=done, total=total),
        )
    speed = f", {report.audio_seconds:.0f} s of audio in {report.wall_seconds:.1f} s" if report.done else ""
    _say(f"{len(report.done)} protected, {len(report.skipped)} already there{speed} → {output}")
    if tabled and (report.done or report.skipped):
        outputs = [*report.done, *report.skipped]
        _say(f"table → {tables.gather(outputs, output, protection, table or 'csv', functionals)}")
    for path, reason in report.failed:
        console.print(f"failed {path}: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def audit(
    run: Annotated[Path | None, typer.Argument(help="The folder of a finished run.")] = None,
    original: Annotated[Path | None, typer.Option(help="Instead of a run: the folder of originals,")] = None,
    protected: Annotated[Path | None, typer.Option(help="what any protector made of them,")] = None,
    manifest: Annotated[Path | None, typer.Option(help="and what is known of them.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Settings of that audit (default: those built in).")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Its folder (default: runs/audit-PROTECTED).")
    ] = None,
    level: Annotated[
        Level | None,
        typer.Option(help="How hard attackers try; its time is said first (default: the recipe's, else standard)."),
    ] = None,
    listeners: Annotated[
        list[str] | None,
        typer.Option(
            "--listener",
            metavar="SECRET=SOURCE",
            help="One more independent listener, to words, sex, speaker or emotion: a folder or hub id.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: audit.words.epochs=10")
    ] = None,
    threads: Threads = 0,
) -> None:
    """Judge a protection: what does every attacker one would meet still get, and is emotion still there?"""
    from aclipse.corpora import manifest as manifests
    from aclipse.experiments import audit as audits
    from aclipse.experiments.recipe import parse_recipe, read_recipe

    asked = list(changes or [])
    if level:
        asked.insert(0, f"audit.level={level}")
    if listeners:
        asked.append(f"audit.more_listeners={json.dumps(listeners)}")
    with _bar("auditing") as on_done:
        if run is not None and not (original or protected or manifest or recipe or output):
            folder = run
            audits.audit(run, asked, threads, on_done)
        elif run is None and original and protected and manifest:
            folder = output or Path("runs") / f"audit-{protected.resolve().name}"
            settings = read_recipe(recipe, asked) if recipe else parse_recipe({}, "--set", asked)
            audits.audit_folders(settings, manifests.read(manifest), original, protected, folder, threads, on_done)
        else:
            raise typer.BadParameter("give a run alone, or all three of --original, --protected and --manifest")
    _print_ladder(folder)


@app.command()
def frontier(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs of one corpus and split, such as of other limits.")],
    strengths: Annotated[
        str, typer.Option(help="Of each run's protection: 0 is the input, 1 the full protection.")
    ] = "0.25,0.5,0.75,1",
    snrs: Annotated[str, typer.Option("--snr", help="Of white noise beside them, in dB.")] = "15,10,5,0",
    cutoffs: Annotated[
        str, typer.Option("--cutoff", help="Of low-pass filters beside them, in Hz.")
    ] = "3000,2000,1000",
    level: Annotated[Level | None, typer.Option(help="How hard attackers try.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: audit.words.epochs=10")
    ] = None,
    threads: Threads = 0,
) -> None:
    """Sweep how strongly speech is changed, and draw privacy against utility: frontier.csv of the first run's audit."""
    from aclipse.experiments.frontier import Sweep, frontier

    try:
        sweep = Sweep(*([float(value) for value in text.split(",") if value] for text in (strengths, snrs, cutoffs)))
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write numbers with commas between them, such as 0.5,1") from error
    asked = [f"audit.level={level}"] if level else []
    with _bar("sweeping") as on_done:
        table = frontier(runs, sweep, [*asked, *(changes or [])], threads, on_done)
    _say(f"frontier → {table}. Next: aclipse report {runs[0]}")


@app.command()
def report(run: Annotated[Path, typer.Argument(help="The folder of an audited run.")]) -> None:
    """Write one HTML page that opens anywhere, its figures as PNG and PDF, and VoicePrivacy result files."""
    from aclipse.report import voiceprivacy
    from aclipse.report.folder import read_run
    from aclipse.report.html import write_report

    page = write_report(run)
    voiceprivacy.write(read_run(run), page.parent / "voiceprivacy")
    _say(f"report → {page}")


@app.command()
def reproduce(
    study: Annotated[
        Study,
        typer.Argument(
            help="A table or figure of the Aclipse paper, or what moves between backbones; "
            "cloak-…: one of the Cloak paper; rae-…: one of the replacement autoencoder's; "
            "fed-…: one of the federated paper."
        ),
    ],
    corpora: Annotated[
        list[Path],
        typer.Option(
            "--corpus",
            metavar="MANIFEST",
            help="IEMOCAP's, from `aclipse corpus import iemocap`. cloak-…, rae-… and fed-… take several corpora, each "
            "with this option, fed-… two at least; a cloak study of IEMOCAP and MSP-Improv what was improvised.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of all studies: they share their trainings.")
    ] = Path("runs/reproduce"),
    backbones: Annotated[
        list[str] | None,
        typer.Option(
            "--backbone",
            metavar="NAME[=WEIGHTS]",
            help="One of the paper's four, from a folder or hub id; not of cloak-…, rae-… and fed-….",
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            metavar="KIND",
            help="utterance-kfold, leave-one-session-out, speaker-kfold "
            "(default: the first, as the paper; and by session, or by speaker where there are none); not of cloak-…, "
            "rae-… and fed-…, which rotate speakers.",
        ),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=1, max=5, help="How many of the five folds, or of the five rotations of speakers.")
    ] = 5,
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1, help="Trainings a fold, each with its own seed (default: 5; 1 of cloak-…, rae-… and fed-…)."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is left to train and how long.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting: cascade.epochs=20; of a cloak study cloak.epochs=20, attackers=[60] or "
            "emotion.precision=bf16; of rae-… functionals.kind=egemaps or risk.epochs=50; of fed-… epsilons=[10] or "
            "federation.rounds=50. What is unknown is answered "
            "with all there are.",
        ),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Train what a table or figure of a paper needs, and write it with the paper's numbers beside ours."""
    from aclipse.report.reproduced import draw

    _use(threads)
    if study.partition("-")[0] in ROTATED:
        if backbones or kinds:
            raise typer.BadParameter(f"{study} takes no --backbone and no --split: it rotates speakers, see --folds")
        table = _rotated(study, corpora, output, (folds, repeats or 1), changes or [], dry_run, threads)
    else:
        if len(corpora) > 1:
            raise typer.BadParameter(
                f"{study} takes one --corpus; several are for studies named cloak-…, rae-… or fed-…"
            )
        table = _reproduced(study, corpora[0], output, backbones, kinds, (folds, repeats or 5), changes, dry_run)
    if table and _is_main():
        written = draw(table)
        _say(written[0].read_text(encoding="utf-8"))
        _say(f"written: {', '.join(str(path) for path in [table, *written])}")


@app.command()
def federate(
    run: Annotated[Path, typer.Argument(help="The folder of a run whose recipe releases updates.")],
    engine: Annotated[
        Engine, typer.Option(help="Flower's simulation, or a server and a process for each client, over TLS.")
    ] = "simulation",
    secure: Annotated[bool, typer.Option("--secure", help="Secure aggregation: the server sees sums alone.")] = False,
    reproducible: Annotated[
        bool, typer.Option("--reproducible", help="Draw what `train` drew: for comparison, for such noise is known.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds, for all of it.")] = 600.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new folder (default: RUN/federation).")
    ] = None,
) -> None:
    """Train a run's federation again with Flower, as phones would: each client computes on its own recordings."""
    from aclipse.deploy.federation import engine as flower
    from aclipse.deploy.federation.folder import prepare
    from aclipse.experiments.updates.training import reopen

    folder, federated = output or run / "federation", reopen(run)
    recipe = federated.recipe
    federation = federated.federation(federated.rows, recipe.federation, recipe.privacy, recipe.seed)
    prepare(federation, folder, reproducible=reproducible)
    weights = flower.federate(folder, folder / "weights.safetensors", engine=engine, secure=secure, timeout=timeout)
    _say(f"{len(federation.clients)} clients, {len(federation.rounds)} rounds → {weights}")


@app.command()
def stand_ins(
    folder: Annotated[Path, typer.Argument(help="Where the four folders go.")],
    width: Annotated[int, typer.Option(min=16, help="Channels, a multiple of 16.")] = 48,
    layers: Annotated[int, typer.Option(min=1)] = 2,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write tiny backbones with random weights, to try everything without the published ones."""
    from aclipse.models import standins

    for path in standins.make(folder, width, layers, seed):
        _say(f"{path.name} → {path}")


def _reproduced(
    study: str,
    corpus: Path,
    output: Path,
    backbones: list[str] | None,
    kinds: list[str] | None,
    size: tuple[int, int],
    changes: list[str] | None,
    dry_run: bool,
) -> Path | None:
    """A study of the Aclipse paper; gives its table, or says what it will cost."""
    from aclipse.corpora import manifest
    from aclipse.experiments import reproduction

    plan = reproduction.make_plan(
        study, manifest.read(corpus), output, backbones or (), kinds or (), size, changes or ()
    )
    if dry_run:
        _print_costs(reproduction.costs(plan))
        return None
    return reproduction.reproduce(plan)


def _rotated(
    study: str,
    corpora: list[Path],
    output: Path,
    size: tuple[int, int],
    changes: list[str],
    dry_run: bool,
    threads: int,
) -> Path | None:
    """A study that rotates the speakers of some corpora; gives its table, or says what it will cost."""
    from aclipse.corpora import manifest

    studies = import_module(f"aclipse.experiments.{ROTATED[study.partition('-')[0]]}")
    plan = studies.make_plan(study, [manifest.read(path) for path in corpora], output, size, changes)
    if dry_run:
        _print_rotated_costs(studies.costs(plan), studies.workers(threads))
        return None
    with _bar(study) as on_done:
        table: Path = studies.reproduce(plan, threads, on_done)
    return table


def _print_rotated_costs(costs: list[Any], workers: int) -> None:
    from rich.table import Table

    table = Table("work", "left", "there already", "minutes on one core", box=None)
    for cost in costs:
        table.add_row(cost.kind, str(cost.left), str(cost.there), f"{cost.seconds / 60:.3g}")
    console.print(table)
    total = sum(cost.seconds for cost in costs) / 60
    _say(
        f"about {total:.3g} minutes on one core of this machine, from one measured step of each kind; "
        f"shared out to {workers} at a time, at best {total / workers:.3g}"
    )


def _print_costs(costs: list[Any]) -> None:
    from rich.table import Table

    table = Table("backbone", "recognisers to train", "cascades to train", "there already", "hours", box=None)
    for cost in costs:
        counts = (str(count) for count in (cost.recognisers, cost.cascades, cost.trained))
        table.add_row(cost.backbone, *counts, f"{cost.seconds / 3600:.3g}")
    console.print(table)
    total = sum(cost.seconds for cost in costs) / 3600
    _say(f"about {total:.3g} hours in one process of this machine, from one measured step of each kind")


def _as_asked(protection: Any, strength: float, keep_rate: bool, as_sound: bool, tabled: bool) -> Any:
    """What the options of `protect` make of a model; raises BadParameter for one that this kind does not know."""
    from aclipse.protections.blend import Blend
    from aclipse.protections.cloak.method import Cloak
    from aclipse.protections.cloak.sound import CloakSound
    from aclipse.protections.replacement.method import Replacement

    if not 0 <= strength <= 1:  # not every version of the parser refuses NaN
        raise typer.BadParameter(f"--strength {strength} is not within 0 and 1")
    if tabled and not isinstance(protection, Replacement):
        raise typer.BadParameter("--table and --functionals are for a replacement autoencoder; this model is none")
    if as_sound and not isinstance(protection, Cloak):
        what = "one vector a recording, which has no sound" if isinstance(protection, Replacement) else "sound anyway"
        raise typer.BadParameter(f"--as-sound is for a cloak; this model releases {what}")
    features = isinstance(protection, (Cloak, Replacement))
    if features and (strength != 1 or (keep_rate and not as_sound)):
        raise typer.BadParameter("this model releases features: it knows no --strength, and no --keep-rate of them")
    if as_sound:
        return CloakSound(protection)
    return protection if features else Blend(protection, strength)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[str, float, float], None]]:
    """A progress bar whose length is estimated work, with the job that has just ended beside it."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(title, total=None)
        yield lambda name, done, total: progress.update(bar, completed=done, total=total, description=name)


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"  # what launchers set; asking accelerate would load torch


def _say(line: str) -> None:
    if _is_main():
        console.print(line, markup=False, highlight=False, soft_wrap=True)  # a path is printed as it is


def _use(threads: int) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)


def _print_ladder(folder: Path) -> None:
    from aclipse.report.folder import read_run
    from aclipse.report.terminal import ladder_lines

    for line in ladder_lines(read_run(folder), console.width):
        _say(line)
    _say(f"scores → {folder / 'audit' / 'scores.csv'}. Next: aclipse report {folder}")
