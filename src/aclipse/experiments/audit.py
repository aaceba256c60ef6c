"""What an attacker still gets and what is left of emotion, for a run of ours or for anybody's protected folder."""

from __future__ import annotations

import copy
import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aclipse.atomic import write_table, write_text
from aclipse.attackers.content import SENTENCE, closed_set
from aclipse.audio import files
from aclipse.contracts import Clip, Protection, Wave
from aclipse.corpora.manifest import Manifest
from aclipse.errors import CorpusError, MissingExtra, RunError
from aclipse.experiments import guides
from aclipse.experiments import run as runs
from aclipse.experiments.recipe import Recipe
from aclipse.experiments.recorded import Recorded
from aclipse.experiments.scores import CLIP_COLUMNS, SCORE_COLUMNS, Sheet
from aclipse.metrics import quality
from aclipse.protections.baselines import WhiteNoise
from aclipse.records import file_hash
from aclipse.registry import PROTECTIONS, load
from aclipse.seeds import derive
from aclipse.training import checkpoint, processes
from aclipse.training.batches import Speech, read_all
from aclipse.training.recognition import Task, new_recognizer, train_recognizer

log = logging.getLogger(__name__)

SILENT_DB = -120.0  # stands for a level of nothing at all, whose logarithm no mean could take

Releaser = Callable[[Wave, Clip], Wave]  # what leaves the device for a clip
Measure = Callable[[Wave, Wave], float]  # what became of a recording, in a number


class Audit:
    """Judges releases of one corpus: the clean speech, the recognisers trained on it, what attackers may spend."""

    def __init__(self, prepared: runs.Prepared, judged: str) -> None:
        """Start or go on with an audit; attackers trained on anything but ``judged``, a fingerprint, are dropped."""
        if processes.count() > 1:
            raise RunError("an audit runs in one process. Start it without `accelerate launch`.")
        self.settings, self.seed = prepared.recipe.audit, prepared.recipe.seed
        self.speech, self.folder = prepared.speech, prepared.run.folder / "audit"
        state = json.dumps({"judged": judged, "settings": self.settings.model_dump(mode="json")})
        marker = self.folder / "state.json"
        if not marker.exists() or marker.read_text(encoding="utf-8") != state:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_text(marker, state)
        self.split = f"{prepared.split.name} [{prepared.split.hash}]"
        self.measures = available_measures()
        self.frozen: dict[Task, Any] = guides.judging(prepared.guides, prepared.recipe.evaluators)
        if closed_set(self.speech["train"].clips):
            self.frozen[SENTENCE] = self._train_sentence()

    def judge(self, subjects: dict[str, Releaser]) -> Path:
        """Judge every subject and write scores.csv, clips.csv and clips to listen to; gives the path of the scores."""
        sheet = Sheet(self.speech["test"].clips, self.split, self.settings.draws, self.seed)
        for name, release in subjects.items():
            log.info("audit of %s", name)
            released = {part: speech.released(release) for part, speech in self.speech.items()}
            sheet.add_quality(name, *self._quality(released["test"]))
            for task, recognizer in self.frozen.items():
                sheet.add_readings(name, task, "frozen", read_all(recognizer, released["test"]))
                retrained = self.retrain(name, task, released)
                sheet.add_readings(name, task, "retrained", read_all(retrained, released["test"]))
            self._keep_audio(name, released["test"])
        self._keep_audio("original", self.speech["test"])
        write_text(self.folder / "chance.json", json.dumps(self._chance()))
        write_table(self.folder / "clips.csv", CLIP_COLUMNS, sheet.marks)
        write_table(self.folder / "scores.csv", SCORE_COLUMNS, sheet.scores)
        return self.folder / "scores.csv"

    def retrain(self, name: str, task: Task, released: dict[str, Speech]) -> Any:
        """The clean recogniser, fine-tuned on protected speech with labels; what was trained before is kept."""
        network = copy.deepcopy(self.frozen[task]).requires_grad_(True)
        train = released["train"]
        budget = min(self.settings.attacker_clips, len(train))
        picked = np.random.default_rng(derive(self.seed, "attacker")).permutation(len(train))[:budget]
        parts = train.subset(sorted(picked.tolist())), released["validation"]
        folder = self.folder / "attackers" / name / task.name
        progress = train_recognizer(task, network, parts, getattr(self.settings, task.name), folder, self.seed)
        truth = [task.target(clip) for clip in parts[1].clips]
        unchanged = task.score(truth, read_all(self.frozen[task], parts[1]))
        return network if progress.best_score > unchanged else self.frozen[task]  # an attacker may also not retrain

    def baselines(self, release: Releaser) -> dict[str, Releaser]:
        """The trivial protections; white noise at the SNR that ``release`` has on validation clips."""
        speech = self.speech["validation"]
        released = speech.released(release)
        snr = [quality.snr_db(speech.wave(i), released.wave(i)) for i in range(len(speech))]
        equal = float(np.mean(np.clip(snr, -100, 100)))  # an untouched recording has an infinite one
        kinds = {name: load(PROTECTIONS, name) for name in self.settings.baselines}
        return {name: self.seeded(k(equal) if k is WhiteNoise else k()) for name, k in kinds.items()}

    def seeded(self, protection: Protection) -> Releaser:
        """A protection whose randomness depends on the audit's seed and the clip alone."""

        def release(wave: Wave, clip: Clip) -> Wave:
            protected = protection.release(wave, derive(self.seed, clip.id))
            return files.quantized(protected)  # attackers get what `protect` writes

        return release

    def _train_sentence(self) -> Any:
        network = new_recognizer(SENTENCE, self.speech["train"], self.seed)
        parts = self.speech["train"], self.speech["validation"]
        train_recognizer(SENTENCE, network, parts, self.settings.sentence, self.folder / "sentence", self.seed)
        return checkpoint.freeze(network)

    def _quality(self, released: Speech) -> tuple[list[Clip], list[dict[str, float]]]:
        picked = spread(self.speech["test"].clips, self.settings.quality_clips)
        rows = [measure(self.measures, self.speech["test"].wave(i), released.wave(i)) for i in picked]
        return [released.clips[i] for i in picked], rows

    def _chance(self) -> dict[str, float]:
        clips = self.speech["test"].clips
        chance = {"uar": 1 / len({clip.emotion for clip in clips})}
        if SENTENCE in self.frozen:
            said = Counter(SENTENCE.target(clip) for clip in clips)
            chance["sentence_accuracy"] = max(said.values()) / len(clips)
        return chance

    def _keep_audio(self, name: str, speech: Speech) -> None:
        for index in spread(speech.clips, self.settings.listen):
            path = self.folder / "listen" / name / f"{file_stem(speech.clips[index].id)}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, speech.wave(index))


def audit(folder: Path | str, changes: Sequence[str] = ()) -> Path:
    """Judge the cascade of a finished run beside its baselines; gives the path of scores.csv.

    ``changes`` are overrides of the recipe's section ``audit``, such as ``audit.words.epochs=10``.

    Attackers that an earlier, interrupted audit has trained are kept. Raises RunError if the run is not finished.
    """
    prepared = runs.reopen(Path(folder), changes)
    cascade_file = prepared.run.weights("cascade")
    protection = runs.load_cascade(cascade_file)
    auditor = Audit(prepared, file_hash(cascade_file))
    cascade = auditor.seeded(protection)
    return auditor.judge({"cascade": cascade, **auditor.baselines(cascade)})


def audit_folders(
    recipe: Recipe, manifest: Manifest, original: Path | str, protected: Path | str, output: Path | str
) -> Path:
    """Judge any protector by its output: recognisers are trained on the originals, attackers on the protected.

    Raises CorpusError where originals and protected files do not pair up.
    """
    name = Path(protected).resolve().name
    if name in (*PROTECTIONS, "original"):
        raise CorpusError(f"{protected} is named like a row of the table, {name!r}. Rename the folder.")
    judged = runs.chosen(manifest, recipe.corpus.only).only(recipe.corpus.emotions)
    clips = [clip for clip in judged.clips if runs.is_complete(clip)]
    recorded = Recorded(Path(original), Path(protected), clips)
    recorded.check_lengths(clips)
    auditor = Audit(runs.prepare(recipe, manifest, Path(output), resume=True), recorded.fingerprint)
    return auditor.judge({name: recorded, **auditor.baselines(recorded)})


def available_measures() -> dict[str, Measure]:
    """The signal measures to be had here: PESQ only where its package is installed."""
    found: dict[str, Measure] = {
        "snr_db": quality.snr_db,
        "si_sdr_db": quality.si_sdr_db,
        "level_db": quality.level_change_db,
        "stoi": quality.stoi,
        "pesq": quality.pesq,
    }
    try:
        quality.pesq(np.zeros(1, np.float32), np.zeros(1, np.float32))
    except MissingExtra as missing:
        log.warning("PESQ is left out: %s", missing)
        del found["pesq"]
    return found


def measure(measures: dict[str, Measure], original: Wave, protected: Wave) -> dict[str, float]:
    """What each measure says of a protected recording; levels of nothing at all are held at SILENT_DB."""
    row = {name: compute(original, protected) for name, compute in measures.items()}
    return {**row, **{name: max(row[name], SILENT_DB) for name in ("level_db", "si_sdr_db")}}


def file_stem(clip: str) -> str:
    """The name of a clip's file: its id, what no file system takes percent-encoded; `urllib.parse.unquote` undoes it.

    >>> file_stem("1001_IEO_ANG_HI"), file_stem("ann/sad 50%")
    ('1001_IEO_ANG_HI', 'ann%2Fsad 50%25')
    """
    return re.sub(r'[%/\\:*?"<>|\x00-\x1f]', lambda sign: f"%{ord(sign[0]):02X}", clip)


def spread(clips: Sequence[Clip], count: int) -> list[int]:
    """Indices of clips to listen to: emotions in turn, speakers as different as can be."""
    chosen: list[int] = []
    left = sorted(range(len(clips)), key=lambda i: derive(0, clips[i].id))
    while left and len(chosen) < count:
        emotions = Counter(clips[i].emotion for i in chosen)
        speakers = Counter(clips[i].speaker for i in chosen)
        best = min(left, key=lambda i: (emotions[clips[i].emotion], speakers[clips[i].speaker]))
        chosen.append(best)
        left.remove(best)
    return chosen
