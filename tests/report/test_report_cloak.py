"""The page, the table and the sentences of a run that releases features, and of rivals beside the judged one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from toy_cloak import ABOUT, CLOAK, FEATURES, cloaked, fitted, toy_cloak, write_features_run
from toy_run import pair_rows, toy

from aclipse.audio.segments import cut
from aclipse.experiments.ladder.rivals import DRAWS as DRAWS_OF_THE_AUDIT
from aclipse.experiments.ladder.rivals import averaged
from aclipse.report import beside, cloak, cloak_figures, listening, voiceprivacy, write_report
from aclipse.report.comparison import aims, comparison_table
from aclipse.report.figures import plane_figure, plane_points
from aclipse.report.folder import read_run
from aclipse.report.ladder import findings, protector
from aclipse.report.medium import FEATURES as WORDS
from aclipse.report.medium import SOUND, medium_of
from aclipse.report.methods import methods, provenance
from aclipse.report.released import centres, released
from aclipse.report.remarks import remarks
from aclipse.report.tables import best_of
from aclipse.report.terminal import ladder_lines
from aclipse.report.vocabulary import AVERAGED, DRAWS
from aclipse.report.wording import headline, tell

Made = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Made:
    return lambda *options, **features: write_features_run(tmp_path / "run", *options, **features)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_features_run(tmp_path_factory.mktemp("features") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return unescape((run / "report" / "index.html").read_text("utf-8"))


# --- the page


def test_a_run_on_features_has_its_own_sections_and_figures(run: Path, page: str) -> None:
    assert re.findall(r'<section id="([\w-]+)">', page) == [
        *("findings", "table", "device", "listen", "budget", "attackers", "groups", "paired", "emotion", "confusion"),
        *("plane", "training", "recall", "quality", "settings", "methods"),
    ]
    names = {path.stem for path in (run / "report" / "figures").glob("*.png")}
    assert names >= {"device", "noise-map", "noise-training", "spectrogram-c0", "privacy-utility-sex"}
    assert "average-spectrum" not in names and "training" not in names


def test_no_word_of_it_is_about_sound_that_leaves(page: str) -> None:
    text = re.sub(r"<[^>]*>", " ", re.sub(r'src="data:[^"]*"', "", page.split("</style>")[1]))
    for wrong in ("STOI", "PESQ", "Sound quality", "Protected audio", "change the sound", "into the sound", "loudness:",
                  "codecs", "remain audible", "nan", "pitch upwards"):  # fmt: skip
        assert wrong not in text, wrong
    assert "lets no sound leave the device, only features of it" in text
    assert "in the space of normalised features" in text
    assert "that of the training speakers stands in for it" in text


def test_players_tell_what_they_play(page: str) -> None:
    labels = re.findall(r'<audio[^>]*aria-label="([^"]*)"', page)
    assert labels == 2 * ["the recording", "its features, made to sound", "released features, made to sound"]
    assert "features → listener" in page and "words read" in page


def test_rows_are_told_apart_by_what_they_are(page: str) -> None:
    table = page.split('<section id="table">')[1].split("</section>")[0].split("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]*)(?:<small class="kind">([^<]*))?', table) == [
        ("identity", ""),
        ("cloak", "judged here"),
        ("cloak-averaged", "mean of 10 releases"),
        ("cascade", "another protection"),
        *(("low-pass", ""), ("white-noise", ""), ("silence", ""), ("guessing", "")),
    ]
    assert "Side by side with other protections and simple means" in page


def test_what_the_noise_was_asked_is_told(page: str) -> None:
    text = re.sub(r"<[^>]*>", " ", page.split('<section id="device">')[1].split("</section>")[0])
    assert "normalises every band over all recordings of its speaker" in text
    assert "against an adversary that learned the speaker’s sex meanwhile" in text
    assert "60 % of the elements" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "stays on the device" in text
    for shown in ("suppression rate (SR)", "λ", "α", "universal", "anew for each release"):
        assert shown in text


def test_settings_are_told_as_far_as_they_are_known() -> None:
    told = {name: value for name, value, _ in cloak.settings({**CLOAK, "secrets": [], "fixed": True}, {})}
    assert told["adversaries after"] == "nothing" and told["draws"] == "one for an utterance"
    assert "normalisation" not in told
    assert list(cloak.settings({}, {"normalisation": "corpus"})) == [
        ("normalisation", "corpus", "whose frames give each band’s mean and deviation")
    ]


@pytest.mark.parametrize("normalisation", ["recording", "corpus", "none"])
def test_only_a_scale_of_one_s_own_stays_on_the_device(make: Made, normalisation: str) -> None:
    run = read_run(make(normalisation=normalisation))
    assert ("stays on the device" in cloak.device(run)) == (normalisation == "recording")
    assert set(released(run, ["c0", "c1"])) == {"c0", "c1"}


def test_a_cloak_alone_and_one_that_removes_nothing_say_so(make: Made) -> None:
    run = read_run(make({"secrets": [], "suppression": 0.0, "form": "adaptive"}))
    text = cloak.device(run)
    assert "adversary that learned" not in text and "removed altogether" not in text
    assert "shown is that of a segment at the mean of every band" in text
    assert "over time and frequency; 0 % of the elements are removed." in text
    assert "Only one of its stages was trained." in cloak.training(run)


def test_a_run_on_sound_has_no_such_section() -> None:
    assert cloak.device(toy()) == "" and cloak.training(toy()) == ""
    assert medium_of(toy()) is SOUND and medium_of(toy_cloak()) is WORDS


def test_what_is_gone_is_left_out(make: Made) -> None:
    folder = make()
    (folder / "manifest.csv").unlink()
    assert released(read_run(folder), ["c0"]) == {}
    (folder / "cloak" / "weights.safetensors").unlink()
    run = read_run(folder)
    assert listening.clips(run).count("<article") == 2 and cloak.device(run)
    assert {path.name for path in (folder / "report" / "figures").iterdir()} == {"device.png", "device.pdf"}


def test_voiceprivacy_has_no_file_of_features(run: Path, tmp_path: Path) -> None:
    assert voiceprivacy.write(read_run(run), tmp_path) == [] and not list(tmp_path.iterdir())


# --- what is drawn


def test_released_features_are_those_that_attackers_got(run: Path) -> None:
    from aclipse.seeds import derive

    original, noised = released(read_run(run), ["c1", "stranger"])["c1"]
    protection = fitted(FEATURES, CLOAK)
    pieces = protection.noised(cut(original, FEATURES.segment, FEATURES.test_hop), derive(3, "c1"))
    np.testing.assert_array_equal(noised[:15], pieces[:15])  # of the first segment, up to where the next one begins
    np.testing.assert_array_equal(noised[15:30], pieces[20:35])
    assert noised.shape == original.shape and original.std() == pytest.approx(1, abs=0.3)


def test_both_pictures_of_a_clip_share_one_colour_scale() -> None:
    one, other = np.zeros((50, 16), np.float32), np.full((50, 16), 3, np.float32)
    figure = cloak_figures.features_figure(one, other, centres(FEATURES))
    scales = [axes.images[0].get_clim() for axes in figure.axes[:2]]
    assert scales[0] == scales[1] == (0, 3)


def test_the_map_shows_the_noise_and_what_is_suppressed() -> None:
    figure = cloak_figures.noise_figure(fitted(FEATURES, CLOAK), centres(FEATURES))
    sigma, suppressed = (axes.images[0].get_array().T for axes in figure.axes[:2])
    assert sigma.shape == suppressed.shape == (20, 16)
    assert suppressed.mean() == pytest.approx(0.6) and sigma.max() < 0.1


def test_both_stages_are_drawn_one_after_the_other(run: Path) -> None:
    history = read_run(run).history
    parts = {stage: history[f"cloak/{stage}"] for stage in cloak_figures.STAGES}
    rows, border = cloak_figures.joined(parts)
    assert (len(rows), border) == (3, 2) and cloak_figures.adversaries(rows) == ("sex",)
    panels = cloak_figures.noise_training_figure(parts).axes
    curves = {axes.get_title("left"): list(axes.lines[0].get_ydata()) for axes in panels}
    assert curves["adversaries’ losses, nats"] == [0.7, 0.6, 0.65]
    assert curves["emotion UAR on validation clips, with noise"] == [0.8, 0.7, 0.6]
    assert all(list(axes.lines[1].get_xdata()) == [2.5, 2.5] for axes in panels)


def test_without_adversaries_there_is_no_panel_of_theirs(run: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "sex"} for row in read_run(run).history["cloak/perturbation"]]
    panels = cloak_figures.noise_training_figure({"perturbation": rows}).axes
    assert [axes.get_title("left") for axes in panels if not axes.get_visible()] == ["adversaries’ losses, nats"]


def test_the_plane_of_sex_has_privacy_to_the_right() -> None:
    axes = plane_figure(toy_cloak(), "sex").axes[0]
    left, right = axes.get_xlim()
    assert left > right and axes.get_xlabel() == "sexes told (UAR)"
    figure, emotion = plane_points(toy_cloak(), "sex")["cloak", "ignorant listener"]
    assert (figure.value, emotion.value) == (0.60, 0.55)


# --- sentences


def test_the_judged_protection_is_the_first_of_the_audit() -> None:
    assert protector(cloaked()) == "cloak"
    assert headline(toy_cloak()).startswith("Cloak does not hide the words")


def test_only_the_guide_of_a_cloak_is_said_to_have_trained_it() -> None:
    told = {(f.secret, f.score.knowledge): tell(f) for f in findings(toy_cloak())}
    assert told["emotion", "ignorant"].startswith("The emotion recogniser it was trained with")
    assert told["words", "ignorant"].startswith("A recogniser that only knows clean speech")
    assert told["sex", "ignorant"].startswith("A sex classifier that only knows clean speech")


def test_the_headline_tells_what_averaging_undoes() -> None:
    averages = "The mean of 10 releases, with the device at hand, does not hide the speaker’s sex"
    assert averages in headline(toy_cloak(averaged=0.25))  # of 0.60: a sex classifier gets 0.85
    assert "The mean" not in headline(toy_cloak())


def test_averaging_is_told_with_its_figures() -> None:
    (more,) = (text for text in remarks(toy_cloak(averaged=0.25)) if "averaged away" in text)
    assert "tells clearly more of which known sentence" in more or "the speaker’s sex (UAR 60 % against 85 %)" in more
    (same,) = (text for text in remarks(toy_cloak()) if "averaged away" in text)
    assert "tells clearly more" not in same and "is not shown to tell more of the words (WER 15 % against 15 %)" in same
    words = [s for s in cloaked() if s.metric in ("uar", "snr_db")]
    assert any("was not measured" in text for text in beside.sentences(toy(words, about=ABOUT)))
    fixed = {"recipe": {"release": "features", "cloak": {**CLOAK, "fixed": True}}}
    assert beside.sentences(toy(cloaked(), about=fixed))[0].startswith("Here one draw serves an utterance")


def test_a_rival_is_ahead_only_where_intervals_lie_apart() -> None:
    (text,) = (text for text in remarks(toy_cloak(cascade=0.10)) if "another protection" in text)
    assert text.startswith("Beside “cascade”, another protection that met the same attackers")
    own, theirs = text.split("“cascade” is ahead on ")
    assert "“cloak” is ahead on" in own and "the speaker’s sex (UAR 60 % against 70 %)" in own
    assert "the words (WER 15 % against 25 %)" in theirs and "emotion (UAR 55 % against 65 %)" in theirs
    (text,) = (text for text in remarks(toy_cloak(cascade=0.02)) if "another protection" in text)
    assert ": neither is clearly ahead on the words (WER 15 % against 17 %)" in text
    bare = [replace(s, low=None, high=None) for s in cloaked(cascade=0.3)]
    (text,) = (text for text in beside.sentences(toy(bare, about=ABOUT)) if "another protection" in text)
    assert " is ahead on" not in text


def test_alone_nobody_needs_to_be_told_apart() -> None:
    assert beside.kinds(toy()) == {} and beside.sentences(toy()) == []
    assert beside.kinds(toy_cloak()) == {
        "cloak": beside.JUDGED, "cloak-averaged": beside.MEAN, "cascade": beside.OTHER,
    }  # fmt: skip


def test_a_mean_of_releases_is_never_the_best_protection() -> None:
    column = [s for s in cloaked(averaged=0.3, cascade=-0.2) if (s.metric, s.knowledge) == ("wer", "retrained")]
    own = [s for s in column if s.subject in ("cloak", "cascade", "cloak-averaged")]
    assert best_of(own, +1) == "cloak"


def test_as_many_releases_are_averaged_as_the_audit_averages() -> None:
    assert DRAWS == DRAWS_OF_THE_AUDIT
    (rival,) = averaged(_Prepared(), fitted(FEATURES, CLOAK), "mark")  # type: ignore[arg-type]
    assert rival.name == f"cloak{AVERAGED}"


class _Prepared:
    """As much of a run as averaging looks at."""

    class recipe:  # noqa: N801 - an attribute
        seed = 0

    class medium:  # noqa: N801
        quantized = staticmethod(lambda features: features)


def test_a_rival_made_to_sound_stands_in_the_tables_of_sound() -> None:
    scores = [s for s in toy().scores] + [
        replace(s, subject="cloak-sound") for s in toy().scores if s.subject == "cascade"
    ]
    run = toy(scores, about={"recipe": {"cloak": {"secrets": ["sex"]}}})
    assert list(comparison_table(run).rows)[:3] == ["identity", "cascade", "cloak-sound"]
    assert beside.kinds(run) == {"cascade": beside.JUDGED, "cloak-sound": beside.OTHER}
    assert "made to sound by that of the training speakers" in medium_of(run).subjects["cloak-sound"]
    assert aims(run) == ["sex"] and aims(toy(about=run.about)) == []


def test_empty_features_are_not_called_silent() -> None:
    quiet = [replace(s, value=-60.0, low=None, high=None) if s.metric == "level_db" else s for s in cloaked()]
    assert any(text.startswith("The released features are nearly empty (level −60.0 dB)") for text in
               remarks(toy(quiet, about=ABOUT)))  # fmt: skip
    loud = [replace(s, value=-3.0, low=None, high=None) if s.metric == "snr_db" else s for s in cloaked()]
    assert any("in the space of normalised features" in text for text in remarks(toy(loud, about=ABOUT)))


def test_what_was_left_out_is_told() -> None:
    said = ["Nobody inverts the protection: the network that undoes one works on sound."]
    assert said[0] in remarks(toy(cloaked(), about=ABOUT, audit={"left_out": said}))
    assert "somebody who makes the features sound" in methods(toy_cloak())


def test_settings_of_what_was_not_trained_are_not_told() -> None:
    recipe = {"cascade": {"epochs": 4}, "cloak": {"epochs": 5}, "features": {"bands": 16}, "seed": 3}
    of_sound = provenance(toy(about={"recipe": recipe}))
    of_features = provenance(toy(about={"recipe": {**recipe, "release": "features"}}))
    assert "cascade.epochs" in of_sound and "cloak.epochs" not in of_sound and "features.bands" not in of_sound
    assert "cascade.epochs" not in of_features and "cloak.epochs" in of_features and "features.bands" in of_features


# --- on a terminal


@pytest.mark.parametrize("width", [76, 100])
def test_the_terminal_tells_rows_and_rivals(width: int) -> None:
    lines = ladder_lines(toy_cloak(cascade=0.10), width)
    text = " ".join(" ".join(lines).split())
    assert lines[0] == "cloak: SNR of features 4.8 dB, level −0.2 dB, 0.020 s per utterance"
    assert "Rows: cloak (judged here), cloak-averaged (mean of 10 releases), cascade (another protection)" in text
    assert "Beside “cascade”, another protection" in text
    assert max(map(len, lines)) <= width


def test_pairs_of_rivals_are_paired_tests_like_others() -> None:
    run = toy(cloaked(), about=ABOUT, pairs=[replace(pair_rows()[0], subject="cloak", other="cascade")])
    from aclipse.report.evidence import paired

    assert "cloak − cascade" in paired(run)


def test_a_run_without_a_recipe_is_of_sound(run: Path) -> None:
    about = json.loads((run / "run.json").read_text("utf-8"))
    assert about["recipe"]["release"] == "features"
    assert medium_of(toy(about={})) is SOUND
