"""Two little synthetic corpora, federated studies small enough for them, and all carried out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aclipse import cli
from aclipse.corpora import manifest, synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.experiments import federating
from aclipse.experiments.federating.plan import Plan, make_plan
from aclipse.experiments.study import measures

SMALL = (
    "federation.rounds=12", "federation.share=0.2", "shadow.models=2", "shadow.clients=3", "attack.epochs=1",
    "networks=1", "leaked=[1, 0]", "draws=2", "epsilons=[10]", 'private=["voices"]', "delta=0.005", 'strict_clip=0.5',
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def few_draws() -> Iterator[None]:
    """An interval of these is rough, and is there in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "DRAWS", 40)
        yield


@pytest.fixture(scope="session")
def two_csv(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Manifests of 160 clips of 30 voices each, under two names."""
    folder = tmp_path_factory.mktemp("voices")
    for name, seed in (("voices", 0), ("others", 1)):
        made = synthetic.make(folder / name / "speech", clips=160, seed=seed)
        manifest.write(Manifest(name, made.clips), folder / f"{name}.csv")
    return folder / "voices.csv", folder / "others.csv"


@pytest.fixture(scope="session")
def two(two_csv: tuple[Path, Path]) -> list[Manifest]:
    return [manifest.read(path) for path in two_csv]


@pytest.fixture(scope="session")
def planned(two: list[Manifest]) -> Callable[..., Plan]:
    """Makes a small plan: a study, a folder, and settings changed beyond the small ones."""

    def plan(study: str, output: Path, *changes: str, size: tuple[int, int] = (1, 1)) -> Plan:
        return make_plan(study, two, output, size, [*SMALL, *changes])

    return plan


@pytest.fixture(scope="session")
def carried_out(two_csv: tuple[Path, Path]) -> Callable[..., int]:
    """Runs `aclipse reproduce` on a study with small settings, as from a shell; gives its status."""

    def run(study: str, output: Path, *more: str) -> int:
        settings = [word for change in SMALL for word in ("--set", change)]
        corpora = [word for path in two_csv for word in ("--corpus", str(path))]
        words = ["reproduce", study, *corpora, "-o", str(output), "--folds", "1", *settings, *more]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr("sys.argv", ["aclipse", *words])
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture(scope="session")
def finished(carried_out: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command has written its study, of one fold; look, do not touch."""
    pytest.importorskip("dp_accounting", reason="needs the extra federated")
    output = tmp_path_factory.mktemp("finished")
    for study in federating.STUDIES:
        assert carried_out(study, output) == 0
    return output
