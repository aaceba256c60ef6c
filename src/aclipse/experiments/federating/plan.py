"""What each federated study needs, on which corpora, and who of them is a client, an adversary's speaker or judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aclipse.contracts import Clip
from aclipse.corpora import splits
from aclipse.corpora.manifest import Manifest
from aclipse.corpora.merge import merge
from aclipse.errors import CorpusError, RecipeError
from aclipse.experiments.federating import paper
from aclipse.experiments.federating.bench import Bench
from aclipse.experiments.federating.settings import STRICT, FederatingSettings, parse_settings
from aclipse.experiments.study import plan
from aclipse.experiments.study.jobs import Place
from aclipse.protections.user_level_dp.accounting import check_users
from aclipse.protections.user_level_dp.clients import CUT

STUDIES = {
    "fed-utility": "Federated emotion recognition: emotion without a defence",
    "fed-attack": "Federated emotion recognition: what one update tells of who sent it, by layer",
    "fed-udp": "Federated emotion recognition: user-level differential privacy, by ε and number of leaked updates",
}


@dataclass(frozen=True)
class Plan(plan.Plan):
    """A federated study on some corpora: each is attacked by who has the others."""

    studies = STUDIES

    settings: FederatingSettings

    def open(self, place: Place) -> Bench:
        """The bench that jobs of one place work at."""
        return Bench(self, place)

    def deal(self, rotation: int) -> splits.Split:
        """One fold of the speakers of each corpus is judged; the others are clients."""
        parts: dict[str, str] = {}
        for corpus in self.corpora:
            own, s = self.clips_of(corpus), self.settings
            dealt = splits.split(own, folds=plan.ROTATIONS, fold=rotation, seed=s.seed, emotions=paper.EMOTIONS)
            parts |= {clip: "test" if part == "test" else "train" for clip, part in dealt.parts.items()}
        return splits.Split(f"speaker-5fold/{rotation} (seed {self.settings.seed})", parts, True)

    def clips_of(self, corpus: str) -> list[Clip]:
        """All of one corpus."""
        return [clip for clip in self.manifest.clips if clip.extra["corpus"] == corpus]

    @property
    def private(self) -> tuple[str, ...]:
        """The corpora that are attacked."""
        return self.settings.private or tuple(self.corpora)

    def dealt(self) -> str:
        """How speakers were shared out, and the hashes of the folds."""
        hashes = " ".join(self.split(rotation).hash for rotation in range(self.rotations))
        return f"speaker-5fold (seed {self.settings.seed}) [{hashes}]"


def make_plan(
    name: str,
    manifests: Sequence[Manifest],
    output: Path,
    size: tuple[int, int] = (plan.ROTATIONS, 1),
    changes: Sequence[str] = (),
) -> Plan:
    """A plan for a study on corpora merged; ``size`` is (folds, repeats).

    Raises RecipeError for an unknown study or settings that do not hold, CorpusError where nothing usable is left, no
    folds can be made, or there is no second corpus for the adversary.
    """
    plan.check_name(name, STUDIES)
    settings = parse_settings(changes)
    both = merge(manifests)
    found = Plan(
        name, Manifest(both.name, tuple(plan.usable(both.clips, paper.EMOTIONS))), output, settings, *size,
        tuple(changes),
    )  # fmt: skip
    if unknown := sorted({*settings.private} - {*found.corpora}):
        raise RecipeError(f"private={unknown[0]} is no corpus here. Choose from: {', '.join(found.corpora)}")
    if lost := sorted({clip.extra["corpus"] for clip in both.clips} - {*found.corpora}):
        raise CorpusError(
            f"{lost[0]}: no clip has a speaker, a sex and an emotion that is asked for. Fill its columns."
        )
    if len(found.corpora) < 2:
        raise CorpusError(
            f"{found.corpora[0]} alone: an adversary learns from other speech than the clients'. Give another "
            "corpus with a second --corpus."
        )
    found.check_rotations()
    _check_people(found)
    return found


def _check_people(found: Plan) -> None:
    """Raise CorpusError for an adversary who knows one sex alone, RecipeError for a δ too large for the clients."""
    strict = found.name == "fed-udp" and {*STRICT} & {*found.settings.mechanisms}
    for corpus in found.private:
        others = [clip for clip in found.manifest.clips if clip.extra["corpus"] != corpus]
        if len(sexes := {clip.sex for clip in others}) < 2:
            raise CorpusError(
                f"who attacks {corpus} has speech of {', '.join(sexes)} speakers alone, and cannot learn to tell sex. "
                "Give another --corpus with both."
            )
        for rotation in range(found.rotations if strict else 0):
            clients = {clip.speaker for clip in found.split(rotation).of(found.clips_of(corpus), "train")}
            check_users(CUT.get(corpus, 1) * len(clients), found.settings.delta)
