from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from toy_run import EXTRA, tone, write_run

from aclipse.errors import RunError
from aclipse.report import html, listening, plates, sections, write_report
from aclipse.report.folder import read_run

NASTY = 'v"<script>alert(1)</script>&$x$'
VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Collects tags and checks that every one is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("toy") / "run")
    assert write_report(folder) == folder / "report" / "index.html"
    return folder


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run / "report" / "index.html").read_text(encoding="utf-8")


def test_sections_come_in_reading_order(page):
    ids = re.findall(r'<section id="([\w-]+)">', page)
    assert ids == [
        *("findings", "table", "listen", "budget", "attackers", "groups", "paired", "emotion", "confusion", "plane"),
        *("frontier", "training", "recall", "quality", "settings", "methods"),
    ]
    assert re.findall(r'<a href="#([\w-]+)">', page.split("</nav>")[0]) == ids


def test_the_page_needs_nothing_beside_it(page):
    outline = Outline(page)
    assert outline.open == []
    assert outline.all("script") == [{}]  # one, inside the page
    assert not outline.all("link") + outline.all("iframe")
    sources = [tag["src"] for tag in outline.all("img") + outline.all("audio")]
    # 2 spectrograms, average, budget, learning, confusion, plane, frontier, training, listeners; 2 × 2 players
    assert len(sources) == 14
    assert all(source.startswith("data:") for source in sources)
    assert not re.search(r"https?://|@import|url\(", re.sub(r'src="data:[^"]*"', "", page))


def test_pictures_and_tables_can_be_read_aloud(page):
    outline = Outline(page)
    assert all(image["alt"] for image in outline.all("img"))
    assert all(player["aria-label"] for player in outline.all("audio"))
    assert all(heading["scope"] in ("row", "col", "colgroup") for heading in outline.all("th"))
    assert all(gauge["aria-label"] for gauge in outline.all("div") + outline.all("svg") if gauge.get("role") == "img")
    assert (
        "Share of each emotion read right – original: happy 100 %, sad 100 %; protected: happy 100 %, sad 0 %" in page
    )


def test_the_page_tells_what_was_found(page):
    title = re.search(r"<h1>(.*?)</h1>", page)[1]
    assert title == (
        "The cascade does not hide the words or which known sentence was said from listeners retrained on protected "
        "speech; it only blurs the speaker’s sex and who is speaking for listeners that only know clean speech. "
        "Emotion is harder to read for an independent emotion recogniser of another family."
    )
    overall = re.findall(r'<h3>([^<]*) <span class="chip ([\w-]+)">', page)
    assert overall == [
        ("The words", "not-hidden"),
        ("Which known sentence was said", "not-hidden"),
        ("The speaker’s sex", "weakened"),
        ("Who is speaking", "weakened"),
        ("Emotion", "reduced"),
    ]
    assert page.count('<span class="chip not-shown">') == 1
    assert "not shown: it fails on clean speech too" in page
    assert '<mark title="said: nine">night</mark>' in page
    assert '<mark title="wrong">happy</mark>' in page
    assert "7be0419d6c58" in page and "split.hash" in page
    assert (
        page.count("Split: speaker-5fold/0 (seed 0) [5ab91c03d2e7], 8 clips. Small figures: 95\N{NO-BREAK SPACE}%") == 4
    )
    assert "No speaker of the test clips was heard in training." in page
    for fact in ("7be0419d6c58", "cascade.epochs", "environment.python", "run of 2025-11-22"):
        assert fact in page


def test_figures_lie_beside_the_page(run):
    names = [
        "average-spectrum",
        "budget",
        "confusion",
        "frontier",
        "learning",
        "listeners",
        "privacy-utility",
        "spectrogram-c0",
        "spectrogram-c1",
        "training",
    ]
    files = sorted(path.name for path in (run / "report" / "figures").iterdir())
    assert files == sorted(f"{name}.{kind}" for name in names for kind in ("pdf", "png"))
    assert (run / "report" / "index.html").stat().st_size < 8_000_000


def test_players_hold_the_recordings(run, page):
    players = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    first, _ = soundfile.read(io.BytesIO(base64.b64decode(players[0])), dtype="float32")
    original, _ = soundfile.read(run / "audit" / "listen" / "original" / "c0.wav", dtype="float32")
    np.testing.assert_array_equal(first, original)


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("report"))
    write_report(copy)
    for path in (run / "report").rglob("*.*"):
        assert path.read_bytes() == (copy / path.relative_to(run)).read_bytes()


def test_nothing_of_a_run_is_taken_for_markup(make_run, tmp_path):
    folder = make_run(subject=NASTY.replace("/", ""), said=NASTY, clip="<u>{}")
    shutil.move(folder, tmp_path / "<i>run")
    text = write_report(tmp_path / "<i>run").read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 1  # our own
    assert "<u>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;$x$" in text
    assert Outline(text).open == []


def test_parts_that_are_missing_are_left_out(make_run):
    folder = make_run(subject="vendor")
    for part in ("emotion", "words", "cascade", "audit/listen"):
        shutil.rmtree(folder / part)
    for part in ("run.json", *(f"audit/{name}.csv" for name in ("clips", *EXTRA)), "audit/chance.json"):
        (folder / part).unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert re.findall(r'<section id="([\w-]+)">', text) == [
        "findings",
        "table",
        "attackers",
        "emotion",
        "plane",
        "recall",
        "quality",
        "methods",
    ]
    assert "; guessing" not in text
    assert 'class="chance"' not in text
    assert "“vendor” is meant to change the sound" in text
    assert "<title>vendor on run – aclipse report</title>" in text


def test_a_run_that_was_not_audited(make_run):
    folder = make_run()
    (folder / "audit" / "scores.csv").unlink()
    with pytest.raises(RunError, match="Run `aclipse audit`"):
        write_report(folder)
    assert not (folder / "report").exists()


def test_recordings_that_cannot_be_used(make_run):
    folder = make_run()
    protected = folder / "audit" / "listen" / "cascade" / "c0.wav"
    soundfile.write(protected, tone(500), 8_000)
    with pytest.raises(RunError, match=r"c0\.wav has 8000 Hz, its original 16000 Hz\. Run `aclipse audit` again"):
        write_report(folder)
    protected.write_bytes(b"not audio")
    with pytest.raises(RunError, match=r"c0\.wav cannot be read as audio"):
        write_report(folder)


def test_long_recordings_make_room(make_run, monkeypatch):
    run = read_run(make_run())
    assert listening.clips(run).count("<article") == 2
    monkeypatch.setattr(listening, "AUDIO_BUDGET", 1)
    assert listening.clips(run).count("<article") == 1  # one clip is always there


def test_listing_tables_loads_nothing_heavy():
    code = "import sys, aclipse.report; print({'numpy', 'torch', 'matplotlib', 'soundfile'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_an_interrupted_report_leaves_the_old_page(run, monkeypatch):
    old = (run / "report" / "index.html").read_bytes()
    monkeypatch.setattr(html, "ORDER", (lambda _: 1 / 0,))
    with pytest.raises(ZeroDivisionError):
        write_report(run)
    assert (run / "report" / "index.html").read_bytes() == old


def test_a_clip_is_found_by_its_id_whatever_its_file_may_be_called(make_run):
    folder = make_run(clip="a_{}")
    table = folder / "audit" / "clips.csv"
    table.write_text(table.read_text("utf-8").replace("a_", "a/"), "utf-8")
    for path in (folder / "audit" / "listen").rglob("*.wav"):
        path.rename(path.with_name(path.name.replace("_", "%2F")))
    page = write_report(folder).read_text("utf-8")
    assert "speaker s0, a/0</small>" in page and page.count("in 4</td>") == 6  # errors of three listeners, two clips
    assert (folder / "report" / "figures" / "spectrogram-a%2F0.png").exists()


def test_the_emotions_named_are_those_judged(make_run):
    folder = make_run()
    about = json.loads((folder / "run.json").read_text("utf-8"))
    about["corpus"]["emotions"] = ["happy", "sad", "fearful"]
    about["recipe"]["corpus"] = {"emotions": ["happy", "sad"]}
    (folder / "run.json").write_text(json.dumps(about), "utf-8")
    assert " · emotions: happy, sad (of 3) · " in write_report(folder).read_text("utf-8")


@pytest.mark.parametrize(("named", "order"), [(["sad", "happy"], ["sad", "happy"]), (["sad"], ["sad", "happy"])])
def test_recalls_come_in_the_corpus_s_order_as_in_the_confusion_matrix(make_run, named, order):
    run = read_run(make_run())
    run.about["corpus"]["emotions"] = named
    assert re.findall(r"<th[^>]*>(sad|happy)\b", sections.recalls(run)) == order
    assert f"original: {order[0]} 100 %, {order[1]} 100 %" in plates.confusions(run)
