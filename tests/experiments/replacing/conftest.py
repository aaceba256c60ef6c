"""A little synthetic speech, studies of the replacement autoencoder small enough for it, and all carried out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aclipse import cli
from aclipse.corpora import manifest, synthetic
from aclipse.corpora.manifest import Manifest
from aclipse.experiments import replacing
from aclipse.experiments.replacing.plan import Plan, make_plan
from aclipse.experiments.study import measures

SMALL = (
    "functionals.kind=log-mel", "functionals.components=24", "risk.epochs=4", "risk.batch_size=16",
    "risk.learning_rate=3e-3", "risk.widths=[[16, 16, 8], [16, 8, 8]]", "replacement.epochs=3",
    "replacement.batch_size=16", "replacement.embeddings=[4, 8]",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def few_draws() -> Iterator[None]:
    """An interval of these is rough, and is there in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "DRAWS", 40)
        yield


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """The settings of a study that ends in seconds."""
    return SMALL


@pytest.fixture(scope="session")
def voices_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 200 clips of 30 voices."""
    folder = tmp_path_factory.mktemp("voices")
    manifest.write(synthetic.make(folder / "speech", clips=200), folder / "voices.csv")
    return folder / "voices.csv"


@pytest.fixture(scope="session")
def voices(voices_csv: Path) -> Manifest:
    return manifest.read(voices_csv)


@pytest.fixture(scope="session")
def planned(voices: Manifest) -> Callable[..., Plan]:
    """Makes a small plan: a study, a folder, and settings changed beyond the small ones."""

    def plan(study: str, output: Path, *changes: str, size: tuple[int, int] = (1, 1)) -> Plan:
        return make_plan(study, [voices], output, size, [*SMALL, *changes])

    return plan


@pytest.fixture(scope="session")
def replaced(voices_csv: Path) -> Callable[..., int]:
    """Runs `aclipse reproduce` on a study with small settings, as from a shell; gives its status."""

    def run(study: str, output: Path, *more: str) -> int:
        settings = [word for change in SMALL for word in ("--set", change)]
        words = ["reproduce", study, "--corpus", str(voices_csv), "-o", str(output), "--folds", "1", *settings, *more]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr("sys.argv", ["aclipse", *words])
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture(scope="session")
def finished(replaced: Callable[..., int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command has written its study, of one rotation; look, do not touch."""
    output = tmp_path_factory.mktemp("finished")
    for study in replacing.STUDIES:
        assert replaced(study, output, "--threads", "1") == 0
    return output


@pytest.fixture(scope="session")
def plan(finished: Path, voices: Manifest, small: tuple[str, ...]) -> Plan:
    """That of the finished tables."""
    return make_plan("rae-table3", [voices], finished, (1, 1), small)
