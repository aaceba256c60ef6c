"""What is trained, as jobs: attackers on shadow federations. Each leaves a file in the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aclipse.atomic import write_text
from aclipse.audio.functionals import version
from aclipse.experiments.federating.attackers import VERSION, learned
from aclipse.experiments.federating.bench import Bench
from aclipse.experiments.federating.plan import Plan
from aclipse.experiments.federating.settings import CLEAN, Variant
from aclipse.experiments.study.jobs import Job, Place, digest
from aclipse.experiments.updates.shadow import aware_leaks, shadow_leaks
from aclipse.seeds import derive
from aclipse.training import processes


@dataclass(frozen=True)
class Learn:
    """Learn to read sex in one layer of updates: ignorant, from clean single ones, or aware of the mechanism."""

    place: Place  # of the first fold: an adversary's speech is not dealt out
    corpus: str  # that is attacked
    algorithm: str
    variant: Variant
    layer: str = "first"
    aware: bool = False
    control: bool = False  # from shuffled labels

    after: tuple[Job, ...] = ()

    @property
    def title(self) -> str:
        who = "shuffled labels" if self.control else "aware of" if self.aware else "ignorant,"
        return f"{self.corpus}: learn to attack the {self.layer} layer, {who} {self.variant} ({self.algorithm})"

    def folder(self, plan: Plan) -> Path:
        s = plan.settings
        depends = (s.functionals, s.rules(self.algorithm, self.variant), s.privacy(self.variant), s.shadow, s.attack)
        names = [version(s.functionals.kind), str(VERSION), str(s.networks)]
        kind = "shuffled" if self.control else "aware" if self.aware else "ignorant"
        return plan.place_folder(self.place) / self.corpus / f"{kind}-{self.layer}-{digest(depends, *names)}"

    def result(self, plan: Plan) -> Path:
        return self.folder(plan) / "done"

    def work(self, bench: Bench) -> None:
        s, seed = bench.settings, derive(bench.seed, "attack", self.corpus, self.layer)
        shadows = bench.shadows(self.corpus, self.algorithm, self.variant)
        if self.aware:
            leaks = aware_leaks(bench.shadows(self.corpus, self.algorithm, CLEAN), shadows, seed)
        else:
            leaks = shadow_leaks(shadows)
        speech = leaks.of_layer(self.layer)
        learned(speech, s.attack, s.networks, self.folder(bench.plan), seed, self.control)
        if processes.is_main():
            write_text(self.result(bench.plan), f"{len(speech)} shadow updates\n")
