"""The page, the table and the sentences of a run that releases one vector of a recording."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from toy_cloak import toy_cloak
from toy_replacement import (
    ASKED,
    BESIDE,
    FUNCTIONALS,
    RECIPE,
    SUBJECTS,
    beside,
    scores,
    toy_replacement,
    write_vectors_run,
)
from toy_run import toy

from aclipse.report import beside as rows_of
from aclipse.report import evidence, replacement, replacement_figures, voiceprivacy, write_report
from aclipse.report.comparison import comparison_table, rivals, secrets
from aclipse.report.figures import plane_figure
from aclipse.report.folder import read_run
from aclipse.report.ladder import findings, protector
from aclipse.report.medium import FEATURES, MEDIA, SOUND, UPDATES, VECTORS, medium_of, releases
from aclipse.report.methods import methods, provenance
from aclipse.report.remarks import cheaper
from aclipse.report.terminal import ladder_lines
from aclipse.report.wording import headline, told


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_vectors_run(tmp_path_factory.mktemp("vectors") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return unescape((run / "report" / "index.html").read_text("utf-8"))


def text_of(page: str, section: str = "") -> str:
    """What one reads, without figures and style."""
    own = page.split(f'<section id="{section}">')[1].split("</section>")[0] if section else page.split("</style>")[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", own)).replace("\N{NO-BREAK SPACE}", " ")


# --- the page


def test_a_run_on_vectors_has_its_own_sections_and_figures(run: Path, page: str) -> None:
    assert re.findall(r'<section id="([\w-]+)">', page) == [
        *("findings", "table", "device", "budget", "attackers", "groups", "paired", "emotion", "confusion"),
        *("plane", "training", "quality", "settings", "methods"),
    ]
    names = {path.stem for path in (run / "report" / "figures").glob("*.png")}
    planes = {f"privacy-utility-{secret}" for secret in ("sensitive", "sex", "sentence")}
    assert names >= {"device", "replacement-training", "listeners", "confusion"} | planes
    assert not names & {"privacy-utility", "noise-map", "noise-training", "training", "average-spectrum"}


def test_no_word_of_it_is_about_words_or_sound_to_listen_to(page: str) -> None:
    text = text_of(page.split('<section id="methods">')[0])  # where the rules of all runs are
    text = text.replace("What the words in this table mean", "")
    for wrong in ("word", "WER", "Listen", "listen to", "Sound quality", "Protected audio", "into the sound",
                  "of loudness:", "nan", "audible", "0.0 min", "25.0 "):  # fmt: skip
        assert wrong not in text, wrong
    assert "<audio" not in page


def test_the_beginning_says_what_leaves_and_what_is_meant(page: str) -> None:
    lede = text_of(page.split('<section id="findings">')[0])
    assert "only one vector of numbers for each recording" in lede
    assert "sad ones are meant to stay what they are, and happy or angry ones to come out as neutral ones would" in lede
    assert "the speaker’s sex is meant to be hidden, too" in lede


def test_who_retrains_is_told_beside_who_does_not(page: str) -> None:
    text = text_of(page, "findings")
    assert "tells sensitive emotions with a UAR of 33 % (81 % before, 33 % by guessing); it takes every vector" in text
    assert "labels tells them with a UAR of 71 % (83 % before, 33 % by guessing): what is hidden from the first" in text
    assert "Whether a recording was replaced is a question of its own" in text
    assert "“aclipse reproduce rae-table3”" in text
    assert "sensitive emotions are not hidden from it" in text


def test_the_device_is_told_with_its_sizes(page: str) -> None:
    text = text_of(page, "device")
    assert "One vector of 8 numbers for each recording leaves the device: no sound" in text
    assert "390 functionals" in text and "whose ranges stay on the device" in text
    assert "4, 12; chosen: 12" in text and "log-mel statistics 1" in text
    assert "a classifier had to read in the output the role that was meant" in text
    assert "openSMILE" not in text  # nothing of it is in there


def test_settings_of_other_protections_are_left_out(run: Path) -> None:
    about = json.loads((run / "run.json").read_text("utf-8"))
    about["recipe"] |= {"cloak": {"sparsity": 0.1}, "features": {"bands": 128}, "cascade": {"epochs": 4}}
    told = provenance(replace(read_run(run), about=about))
    assert "replacement.reversal" in told and "functionals.kind" in told
    assert not any(wrong in told for wrong in ("cloak.", "features.bands", "cascade."))
    assert "functionals" not in provenance(toy(about={"recipe": {"functionals": FUNCTIONALS, "replacement": ASKED}}))


def test_only_what_a_vector_could_tell_is_said_to_be_missing() -> None:
    assert "Not measured here: who is speaking. Assume" in text_of(f"</style>{methods(toy_replacement())}")


def test_columns_of_two_secrets_are_told_apart(run: Path) -> None:
    text = text_of(f"</style>{evidence.groups(read_run(run))}")
    assert "UAR %, dense-sex, retrained; UAR %, dense-sensitive, retrained" in text


# --- folders


def test_histories_of_all_sizes_are_read(run: Path) -> None:
    known = read_run(run).history
    assert list(known) == [
        "emotion",
        *(f"replacement/{part}" for part in ("embedding-12", "embedding-4", "guide")),
    ]
    assert [row["error"] for row in known["replacement/embedding-4"]] == [1.2, 0.9]


def test_training_tells_what_was_chosen(run: Path) -> None:
    text = replacement.training(read_run(run))
    assert "a = 4: least error 0.900 in 2 epochs; a = 12: least error 0.700 in 3 epochs" in text
    assert "(a = 12)" in text and "clean vectors: its UAR" in text
    assert replacement.training(toy_replacement()) == ""


def test_a_training_without_a_head_and_a_guide_has_one_panel(run: Path) -> None:
    rows = [{"epoch": 0.0, "error": 1.0}, {"epoch": 1.0, "error": 0.5}, {"epoch": 2.0, "error": 0.7}]
    figure = replacement_figures.training_figure({16: rows}, [])
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in drawn] == ["error on validation clips"]
    ring = drawn[0].lines[1]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([2], [0.5])
    guided = replacement_figures.training_figure({16: rows}, [{"uar": 0.6}, {"uar": 0.7}])
    assert sum(axes.get_visible() for axes in guided.axes) == 2


def test_without_weights_the_recipe_is_told(run: Path, tmp_path: Path) -> None:
    bare = replace(read_run(run), path=tmp_path)
    assert replacement.weights(bare) == {}
    text = text_of(f"</style>{replacement.device(bare)}")
    assert "One vector of 8 numbers" in text and "chosen:" not in text


@pytest.mark.parametrize(("kind", "bound"), [("compare", True), ("egemaps", True), ("log-mel", False)])
def test_the_licence_is_told_where_it_binds(run: Path, tmp_path: Path, kind: str, bound: bool) -> None:
    about = {"recipe": {**RECIPE, "functionals": {**FUNCTIONALS, "kind": kind}}}
    told = replacement.device(replace(read_run(run), path=tmp_path, about=about))
    assert ("excludes products" in told) == bound


def test_settings_mean_what_was_asked() -> None:
    asked = {"replacement": {**ASKED, "draw": True, "weight": 0}, "functionals": {"normalisation": "corpus"}}
    told = {name: value for name, value, _ in replacement.settings(asked, {})}
    assert told["draw"] == "yes" and told["same sex"] == "no" and told["α"] == "0" and told["a"] == "4, 12"
    assert told["sensitive"] == "happy, angry" and told["normalisation"] == "corpus" and "components" not in told


# --- words


def test_each_medium_has_its_words() -> None:
    assert {name: medium_of(toy(about={"recipe": {"release": name}})) for name in MEDIA} == {
        "sound": SOUND, "features": FEATURES, "functionals": VECTORS, "updates": UPDATES,
    }  # fmt: skip
    assert medium_of(toy()) is SOUND and releases(toy_replacement()) == "functionals"
    assert secrets(toy()) == ["words"] and secrets(toy_cloak()) == ["words", "sex"]
    assert secrets(toy_replacement()) == ["sensitive", "sex", "sentence", "speaker"]


def test_what_was_not_asked_is_not_promised() -> None:
    assert told(toy_replacement(weight=0))["sex"] == ""
    assert told(toy_replacement(sensitive=["angry"]))["sensitive"] == "angry"
    assert told(toy([]))["secrets"] == "much else"


def test_the_headline_is_the_worst_listener() -> None:
    assert headline(toy_replacement()) == (
        "The replacement autoencoder does not hide which known sentence was said or sensitive emotions from listeners"
        " retrained on protected speech; it only blurs the speaker’s sex for a sex classifier retrained on protected"
        " speech. Emotion is kept for an independent emotion recogniser of another family."
    )


def test_guessing_is_that_of_the_classes_told() -> None:
    found = {(f.secret, f.score.knowledge): f for f in findings(toy_replacement())}
    assert (
        found["sensitive", "ignorant"].verdict == "hidden" and found["sensitive", "retrained"].verdict == "not hidden"
    )
    assert found["sensitive", "ignorant"].chance == pytest.approx(1 / 3) and found["emotion", "ignorant"].chance == 0.5
    table = comparison_table(toy_replacement())
    assert table.chance == ["50.0", "50.0", "50.0", "33.3", "33.3", "50.0", "8.0", "", ""]
    assert [cell.text for cell in table.rows["white-noise"]] == [
        *("78.0", "78.0", "79.0", "75.0", "75.0", "", "", "1.4", "0.090"),
    ]


def test_a_listener_is_not_called_fooled_that_gives_two_answers(run: Path) -> None:
    whole = read_run(run)
    assert "fooled, not blinded" in " ".join(replacement.hidden(whole))
    clips = [replace(clip, prediction=clip.reference) for clip in whole.clips]
    assert "fooled" not in " ".join(replacement.hidden(replace(whole, clips=clips)))


def test_nothing_is_said_of_attackers_that_were_not_tried() -> None:
    bare = toy_replacement([s for s in scores() if s.knowledge != "retrained"])
    assert "what one would get is not known" in " ".join(replacement.hidden(bare))
    blind = toy_replacement([replace(s, value=1 / 3, low=1 / 3, high=1 / 3) if s.metric == "sensitive_uar"
                             and s.subject == "replacement" else s for s in scores()])  # fmt: skip
    assert "is still in the vector" not in " ".join(replacement.hidden(blind))
    assert list(replacement.hidden(toy())) == [] and replacement.device(toy()) == ""


def test_a_mean_that_does_as_well_is_told() -> None:
    assert [found[1].score.subject for found in rivals(toy_replacement())] == ["white-noise"]
    (sentence,) = cheaper(toy_replacement())
    assert "“white-noise” (75 % of sensitive emotions told, emotion read right in 78 %)" in sentence
    assert "Here it is 71 % and 80 %, for the strongest attacker on sensitive emotions" in sentence


def test_no_challenge_is_about_vectors(run: Path, tmp_path: Path) -> None:
    assert voiceprivacy.write(read_run(run), tmp_path) == [] and list(tmp_path.iterdir()) == []


# --- rows beside


def test_other_runs_stand_beside_without_words_of_theirs(tmp_path: Path) -> None:
    run = toy_replacement(beside())
    assert protector(run.scores) == "replacement"
    assert rows_of.kinds(run) == {"replacement": rows_of.JUDGED} | dict.fromkeys(BESIDE, rows_of.OTHER)
    said = rows_of.sentences(run)
    assert len(said) == 3 and not any("words" in sentence or "WER" in sentence for sentence in said)
    assert (
        "“replacement rae-sad-drawn” is ahead on which known sentence was said (accuracy 55 % against 35 %)" in said[2]
    )
    assert "“replacement” is ahead on emotion (UAR 80 % against 60 %)" in said[2]


def test_another_run_of_the_same_protection_is_explained() -> None:
    assert VECTORS.subject("replacement rae-sad-drawn").endswith("that in the folder rae-sad-drawn")
    assert VECTORS.subject("vendor") == "" and SOUND.subject("cascade").startswith("the trained protection")
    assert "vectors of the sound" in VECTORS.subject("cascade")


def test_the_page_with_rows_beside_is_whole(tmp_path: Path) -> None:
    page = unescape(write_report(write_vectors_run(tmp_path / "run", beside())).read_text("utf-8"))
    text = text_of(page, "table")
    assert "Side by side with other protections and simple means" in text
    assert "that in the folder rae-sad-drawn" in text and text.count("another protection") > len(BESIDE)


def test_planes_name_what_is_hidden() -> None:
    axes = plane_figure(toy_replacement(), "sensitive").axes[0]
    assert axes.get_title(loc="right") == "better: sensitive emotions hidden, emotion kept ↗"
    assert axes.get_xlim()[0] > axes.get_xlim()[1]  # private to the right


def test_no_label_covers_another_and_each_has_the_colour_of_its_subject() -> None:
    figure = plane_figure(toy_replacement(beside()), "sensitive")
    own = [note for note in figure.axes[0].texts if note.get_text() in (*SUBJECTS, *BESIDE)]
    assert len(own) == 8 and len({note.get_color() for note in own}) == 8
    boxes = [note.get_window_extent() for note in own]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


# --- the terminal


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_tells_vectors(width: int) -> None:
    lines = ladder_lines(toy_replacement(beside()), width)
    assert lines[0] == "replacement: SNR of vectors 1.4 dB, level −7.0 dB, 0.100 s per utterance"
    assert max(map(len, lines)) <= width and not any("WER" in line or "words" in line for line in lines)
    own = next(line.split() for line in lines if line.startswith("replacement  "))
    assert own[1:5] == ["81.0", "80.0", "82.0", "33.3"][: len(own) - 1]
    assert any("sensitive" in line and "hidden" in line for line in lines)
