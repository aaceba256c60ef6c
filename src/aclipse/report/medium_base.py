"""How a report speaks of one kind of what may leave a device; and what each subject is where sound does."""

from __future__ import annotations

from dataclasses import dataclass, field

from aclipse.report.vocabulary import LISTENERS, METRICS, metric_of

SUBJECTS = {
    "identity": "speech as it was recorded: what listeners make of it is the mark to compare with",
    "cascade": "the trained protection: one module obscures the words, a second wins emotion back",
    "low-pass": "everything above a cut-off frequency removed",
    "white-noise": "white noise added, as strong as the protection’s change",
    "speech-noise": "noise with the average spectrum of speech added, as strong as the protection’s change",
    "mp3": "MP3 at 8 kbit/s and back",
    "mcadams": "the McAdams coefficient: formants moved, as in voice anonymisation",
    "shuffle": "short pieces of sound in random order",
    "source-only": "pitch and energy kept, the spectral envelope averaged away",
    "label-only": "one fixed sound per emotion that a recogniser on the device found: an upper bound for the guiding"
    " recogniser, useless to any other judge",
    "pgd": "an adversarial change searched for each recording against the ignorant recogniser",
    "pgd-10": "the same change searched in 10 steps",
    "pgd-100": "the same change searched in 100 steps",
    "silence": "an empty recording: hides everything, keeps nothing",
    "cloak-sound": "another run’s protection: the noised features of Cloak, normalised by each speaker’s own"
    " scale, which its device keeps, and made to sound by that of the training speakers",
    "cloak-adaptive-sound": "the same, of Cloak with noise that depends on the segment",
}
OF_UPDATES = ("federation", "privacy", "updates")  # parts of a recipe that say how phones learn together
_WORDS = (
    "A row is one way to treat speech. UAR is the share of emotions read right: high is useful. WER is the share of"
    " words heard wrong: high is private; the best attacker is whichever listener got most words among those that"
    " passed their own check and that every row has met."
)
_SURVIVED = (
    "A protection that was trained with a recogniser can simply write the class {written}, where"
    " that recogniser finds it; one retrained on protected speech can learn to find it too. Only the independent"
    " judge, of another architecture and heard by nobody in training, shows that emotion itself survived."
)


@dataclass(frozen=True)
class Medium:
    """How a report speaks of what leaves the device."""

    meant: str  # what the protection is meant to do
    nothing_left: str  # the headline of a protection that leaves nothing
    nearly_nothing: str  # the same as a remark; {change}
    loud: str  # a change stronger than the speech; {snr}
    written: str  # where a guided protection may write the class
    quality: str  # title of the section on quality
    against: str  # caption of its table
    cost: str  # what the page shows of it
    limit: str  # of what "hidden" says
    unmeasured: str  # secrets that nobody was after; {}
    measured: str  # the change on a terminal; {}
    listening: str  # how to listen and to look
    seen: str  # what the picture of a clip shows
    played: str  # what listeners got
    heard: str  # heading of the words that they made of it
    voices: dict[str, str]  # how a player is named → whose clips it plays; the protection's is named ""
    unused: tuple[str, ...]  # parts of a recipe that had no say in such a run
    sounds: bool = True  # whether sound leaves the device
    secrets: tuple[str, ...] = ("words",)  # what is compared side by side, whatever a recipe asks besides
    impossible: tuple[str, ...] = ()  # secrets that there is no way to measure
    table: str = _WORDS  # how the table is read
    survived: str = _SURVIVED  # why emotion has three judges; {written}; "" where it has one
    notes: tuple[str, ...] = ()  # what must be known beside any figure; see `wording.told`
    groups: dict[str, str] = field(default_factory=dict)  # headings of columns that are called otherwise
    subjects: dict[str, str] = field(default_factory=dict)
    listeners: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)

    def subject(self, name: str) -> str:
        """What a row of the tables is, of several runs with one protection by its first word; "" for a stranger."""
        kind, _, folder = name.partition(" ")
        other = f", as another run trained it, that in the folder {folder}" if folder and kind in self.subjects else ""
        return self.subjects.get(name) or f"{self.subjects.get(kind, '')}{other}"

    def listener(self, level: str) -> str:
        """Who listens at a level of knowledge."""
        return self.listeners.get(level, LISTENERS[level])

    def meaning(self, metric: str) -> str:
        """What a figure says."""
        return self.metrics.get(metric, METRICS[metric].meaning if metric in METRICS else metric_of(metric).meaning)
