"""What is trained, as jobs: risk models on vectors as they are, and autoencoders; each leaves a file in the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aclipse.audio.functionals import version
from aclipse.experiments.replacing.attackers import named, train_risk_model
from aclipse.experiments.replacing.bench import Bench
from aclipse.experiments.replacing.plan import Plan
from aclipse.experiments.replacing.settings import DRAWN, GUIDED
from aclipse.experiments.study.jobs import Job, Place, digest
from aclipse.protections.replacement.training import fit_replacement
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes


@dataclass(frozen=True)
class Learn:
    """Train a risk model of each of some sizes on the adversary part, and keep the best."""

    place: Place
    scenario: str

    after: tuple[Job, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.scenario}: learn the risk model"

    def folder(self, plan: Plan) -> Path:
        s = plan.settings
        depends = s.functionals, s.risk, s.roles[self.scenario]
        return plan.place_folder(self.place) / self.scenario / f"risk-{digest(depends, version(s.functionals.kind))}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "weights.safetensors"

    def work(self, bench: Bench) -> None:
        s, folder = bench.settings, self.folder(bench.plan)
        parts = bench.speech("adversary"), bench.speech("adversary-validation")
        seed = derive(bench.seed, "risk", self.scenario)
        found = [
            train_risk_model(s.roles[self.scenario], parts, s.risk, widths, folder / named(widths), seed)
            for widths in s.risk.widths
        ]
        best, _ = max(found, key=lambda pair: sum(pair[1].values()))
        if processes.is_main():
            checkpoint.save_module(self.result(bench.plan), best)


@dataclass(frozen=True)
class Replace:
    """Train an autoencoder on the primary part; one that draws is the guided one and what it draws from."""

    place: Place
    scenario: str
    method: str

    @property
    def after(self) -> tuple[Job, ...]:
        return (Replace(self.place, self.scenario, GUIDED),) if self.method == DRAWN else ()

    @property
    def title(self) -> str:
        return f"{self.scenario}: train {self.method}"

    def folder(self, plan: Plan) -> Path:
        if self.after:
            return self.after[0].folder(plan) / self.method
        s = plan.settings
        depends = digest((s.functionals, s.trained(self.scenario, self.method)), version(s.functionals.kind))
        return plan.place_folder(self.place) / self.scenario / f"{self.method.replace(' + ', '-')}-{depends}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "weights.safetensors"

    def work(self, bench: Bench) -> None:
        """Everything is trained in the folder of the job before, if there is one: the same from the same seed."""
        settings = bench.settings.trained(self.scenario, self.method)
        folder = (self.after or (self,))[0].folder(bench.plan)
        speech = {"train": bench.speech("primary"), "validation": bench.speech("primary-validation")}
        seed = derive(bench.seed, "replacement", self.scenario)
        found = fit_replacement(settings, bench.store.projection, speech, folder, seed)
        if processes.is_main():
            found.save(self.result(bench.plan))
