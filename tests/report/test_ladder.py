from __future__ import annotations

from dataclasses import replace

import pytest
from toy_run import attacker_rows, score, toy

from aclipse.report.ladder import DEAF, LEAKY, NO_CLEAN, UNTAUGHT, clean_of, counting, findings
from aclipse.report.verdicts import Verdict


def words(level: str, protected: float, clean: float | None = 0.06) -> list:
    own = [score("cascade", "wer", level, protected)]
    return own if clean is None else [*own, score("identity", "wer", level, clean)]


def only(run):
    (finding,) = findings(run)
    return finding


def test_rungs_come_by_secret_then_by_what_the_listener_knows(scores):
    found = findings(toy(list(reversed(scores))))
    assert [(f.secret, f.score.knowledge) for f in found][:9] == [
        *(("words", level) for level in ("ignorant", "transferred", "purifying", "retrained", "purified", "scratch")),
        ("words", "inverting"),
        ("sentence", "ignorant"),
        ("sentence", "retrained"),
    ]
    assert "shuffled" not in {f.score.knowledge for f in found}  # a control is no listener


def test_each_listener_is_judged_by_its_own_clean_speech(scores):
    found = {(f.secret, f.score.knowledge): f for f in findings(toy())}
    assert found["words", "retrained"].clean.value == 0.05
    assert found["words", "inverting"].clean.value == 0.06  # was not tried there: the ignorant one stands in
    purified = next(s for s in scores if s.knowledge == "purified")
    assert clean_of(replace(purified, judge="other"), scores) is None


def test_not_tried_or_failing_on_clean_speech_is_not_shown():
    finding = only(toy(words("ignorant", 0.99, None)))
    assert (finding.verdict, finding.doubt) == (Verdict.NOT_SHOWN, NO_CLEAN)
    finding = only(toy(words("ignorant", 0.99, 0.51)))
    assert (finding.verdict, finding.doubt) == (Verdict.NOT_SHOWN, DEAF)
    assert only(toy(words("ignorant", 0.99, 0.50))).verdict is Verdict.HIDDEN


def test_learning_nothing_from_protected_speech_is_no_doubt_where_its_kind_does_well_on_clean_speech():
    stuck = [replace(row, after=row.before) for row in attacker_rows() if row.subject == "cascade"]
    assert only(toy(words("retrained", 0.99), attackers=stuck)).verdict is Verdict.HIDDEN
    ignorant = score("identity", "wer", "ignorant", 0.06)
    assert only(toy([score("cascade", "wer", "retrained", 0.99), ignorant], attackers=stuck)).doubt == UNTAUGHT
    taught = attacker_rows()
    assert only(toy([score("cascade", "wer", "retrained", 0.99), ignorant], attackers=taught)).doubt == ""


@pytest.mark.parametrize(
    ("metric", "clean", "control", "leaky"),
    [
        ("wer", 0.06, 0.10, False),  # there is no guessing words,
        ("eer", 0.10, 0.12, False),  # and random features tell voices apart: neither has a control
        ("sentence_accuracy", 0.98, 0.33, False),  # ± 0.03: 0.305 is a quarter of the lead over 0.08
        ("sentence_accuracy", 0.98, 0.34, True),
    ],
)
def test_shuffled_labels_that_work_condemn_every_trained_listener(metric, clean, control, leaky):
    hidden = {"wer": 0.95, "sentence_accuracy": 0.09, "eer": 0.50}[metric]
    scores = [score("cascade", metric, level, hidden) for level in ("ignorant", "retrained")]
    scores += [score("identity", metric, level, clean) for level in ("ignorant", "retrained")]
    ignorant, retrained = findings(toy([*scores, score("identity", metric, "shuffled", control)]))
    assert ignorant.doubt == ""
    assert (retrained.doubt == LEAKY) is leaky


@pytest.mark.parametrize(
    ("wer", "verdict"), [(0.95, Verdict.SILENT), (0.50, Verdict.WEAKENED), (0.10, Verdict.NOT_HIDDEN)]
)
def test_silence_is_never_called_hidden_and_a_whisper_that_is_read_is_not_called_silence(wer, verdict):
    quiet = [score("cascade", "level_db", "none", -60.0), score("identity", "level_db", "none", 0.0)]
    assert only(toy([*words("retrained", wer), *quiet])).verdict is verdict


def test_silence_as_a_baseline():
    assert {f.verdict for f in findings(toy(), "silence") if not f.doubt} == {Verdict.SILENT}


def test_the_listener_that_counts_is_the_worst_that_passed_its_check():
    decisive = counting(findings(toy()))
    assert {secret: f.score.knowledge for secret, f in decisive.items()} == {
        "words": "retrained",
        "sentence": "retrained",
        "sex": "ignorant",
        "speaker": "ignorant",
        "emotion": "transferred",
    }
    deaf = [s for level, protected, clean in (("ignorant", 0.9, 0.06), ("transferred", 0.1, 0.9)) for s in (
        score("cascade", "wer", level, protected), score("identity", "wer", level, clean))]  # fmt: skip
    assert counting(findings(toy(deaf)))["words"].score.knowledge == "ignorant"


def test_where_verdicts_are_equal_the_figure_decides():
    scores = words("ignorant", 0.20) + words("retrained", 0.10) + words("scratch", 0.15)
    assert counting(findings(toy(scores)))["words"].score.value == 0.10


def test_without_an_independent_judge_the_worst_one_counts_for_emotion(scores):
    without = [s for s in scores if (s.metric, s.knowledge) != ("uar", "transferred")]
    assert counting(findings(toy(without)))["emotion"].score.knowledge == "ignorant"


def test_all_listeners_in_doubt_leave_nothing_shown():
    run = toy(words("ignorant", 0.9, 0.9) + words("retrained", 0.9, 0.9))
    assert counting(findings(run))["words"].verdict is Verdict.NOT_SHOWN
