"""What is trained, as jobs: readers of clean features, φ, and its suppression; each leaves a file in the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.plan import ADVERSARIAL, Plan
from aclipse.experiments.study.jobs import Job, Place, digest
from aclipse.protections.cloak.method import Cloak, CloakSettings, Trainer
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.recognition import new_recognizer, train_recognizer


@dataclass(frozen=True)
class Learn:
    """Train fθ on the primary part, or fg on the adversary part."""

    place: Place
    task: str

    after: tuple[Job, ...] = ()

    @property
    def title(self) -> str:
        return f"learn {self.task}"

    def folder(self, plan: Plan) -> Path:
        s = plan.settings
        depends = (s.features, s.network, getattr(s, self.task))
        return plan.place_folder(self.place) / f"{self.task}-{digest(depends)}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "weights.safetensors"

    def work(self, bench: Bench) -> None:
        task, folder, seed = bench.task(self.task), self.folder(bench.plan), derive(bench.seed, self.task)
        train, validation = bench.lesson(self.task), bench.validation(self.task)
        network = new_recognizer(task, train, seed)
        train_recognizer(task, network, (train, validation), getattr(bench.settings, self.task), folder, seed)
        if processes.is_main():
            checkpoint.save_module(self.result(bench.plan), network)


@dataclass(frozen=True)
class Perturb:
    """Learn μ and σ, with adversaries or without."""

    place: Place
    method: str

    @property
    def after(self) -> tuple[Job, ...]:
        return (Learn(self.place, "emotion"),)

    @property
    def title(self) -> str:
        return f"{self.method}: perturb"

    def folder(self, plan: Plan) -> Path:
        guide = self.after[0].folder(plan)
        depends = (settings_of(plan, self.method).model_copy(update={"suppression": 0.0}),)
        return guide.parent / f"{_plain(self.method)}-{digest(depends, guide.name)}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "weights.safetensors"

    def work(self, bench: Bench) -> None:
        _save(self.perturbed(bench)[1], self.result(bench.plan))

    def perturbed(self, bench: Bench) -> tuple[Trainer, Cloak]:
        """The trainer as perturbation training leaves it, and its φ; what has been trained is read from disk."""
        settings, train = settings_of(bench.plan, self.method), bench.lesson("emotion")
        adversaries = [bench.adversary(name) for name in settings.secrets]
        guide, speech = bench.reader(self.after[0].folder(bench.plan)), {
            "train": train, "validation": bench.validation("emotion"),
        }  # fmt: skip
        trainer = Trainer(settings, bench.settings.features, guide, adversaries, speech, bench.seed)
        return trainer, trainer.perturb(self.folder(bench.plan) / "perturbation")


@dataclass(frozen=True)
class Suppress:
    """Remove a share of the elements, and learn what stands in for them; at 0 φ stays as it is."""

    place: Place
    method: str
    sr: float

    @property
    def after(self) -> tuple[Job, ...]:
        return (Perturb(self.place, self.method),)

    @property
    def title(self) -> str:
        return f"{self.method}: suppress {self.sr:g} %"

    def folder(self, plan: Plan) -> Path:
        return self.after[0].folder(plan) / f"sr-{self.sr:g}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "weights.safetensors"

    def work(self, bench: Bench) -> None:
        trainer, _ = Perturb(self.place, self.method).perturbed(bench)
        _save(trainer.suppress(self.sr, self.folder(bench.plan) / "suppression"), self.result(bench.plan))


def settings_of(plan: Plan, method: str) -> CloakSettings:
    """How φ is trained: with the adversaries that the settings name, or with none."""
    cloak = plan.settings.cloak
    return cloak if method == ADVERSARIAL else cloak.model_copy(update={"secrets": ()})


def _save(cloak: Cloak, path: Path) -> None:
    if processes.is_main():
        cloak.save(path)


def _plain(method: str) -> str:
    return method.replace(" + ", "-")
