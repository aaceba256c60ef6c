"""A little synthetic speech, cloak studies small enough for it, and all of them carried out once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aclipse import cli
from aclipse.corpora import manifest, synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.experiments.cloaking.bench import Bench
from aclipse.experiments.cloaking.plan import Plan, make_plan
from aclipse.experiments.study.jobs import Place

SMALL = (
    "features.bands=16", "features.segment=40", "features.train_hop=40", "features.test_hop=30",
    "emotion.epochs=4", "emotion.batch_size=8", "emotion.learning_rate=2e-3",
    "sex.epochs=3", "sex.batch_size=8", "sex.learning_rate=2e-3", "fine_tuned.epochs=1", "scratch.epochs=1",
    "cloak.epochs=1", "cloak.suppression_epochs=1", "srs=[0, 60]", "attackers=[60]", "averaged=2",
)  # fmt: skip
STUDIES = ("cloak-table1", "cloak-table2", "cloak-fig5", "cloak-fig4")


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """The settings of a study that ends in seconds."""
    return SMALL


@pytest.fixture(scope="session")
def spoken_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 200 clips of 30 voices."""
    folder = tmp_path_factory.mktemp("spoken")
    manifest.write(synthetic.make(folder / "speech", clips=200), folder / "spoken.csv")
    return folder / "spoken.csv"


@pytest.fixture(scope="session")
def spoken(spoken_csv: Path) -> Manifest:
    return manifest.read(spoken_csv)


@pytest.fixture(scope="session")
def planned(spoken: Manifest) -> Callable[..., Plan]:
    """Makes a small plan: a study, a folder, and settings changed beyond the small ones."""

    def plan(study: str, output: Path, *changes: str, size: tuple[int, int] = (1, 1)) -> Plan:
        return make_plan(study, [spoken], output, size, [*SMALL, *changes])

    return plan


@pytest.fixture(scope="session")
def bench(planned: Callable[..., Plan], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The first rotation, with features and nothing trained; look, do not touch."""
    return Bench(planned("cloak-fig4", tmp_path_factory.mktemp("bench")), Place(0, 0))


@pytest.fixture(scope="session")
def reproduce(spoken_csv: Path) -> Callable[..., int]:
    """Runs `aclipse reproduce` on a study with small settings, as from a shell; gives its status."""

    def run(study: str, output: Path, *more: str) -> int:
        settings = [word for change in SMALL for word in ("--set", change)]
        words = ["reproduce", study, "--corpus", str(spoken_csv), "-o", str(output), "--folds", "1", *settings, *more]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr("sys.argv", ["aclipse", *words])
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture(scope="session")
def whole(reproduce: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command has written its study; look, do not touch."""
    output = tmp_path_factory.mktemp("whole")
    for study in STUDIES:
        assert reproduce(study, output, "--threads", "1") == 0
    return output
