"""The page: every section of a run in one HTML file that needs nothing beside it."""

from __future__ import annotations

import logging
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from aclipse.atomic import write_text
from aclipse.report import (
    cloak,
    evidence,
    frontier,
    listening,
    methods,
    plates,
    replacement,
    sections,
    training,
    updates,
)
from aclipse.report.folder import RunFolder, read_run
from aclipse.report.ladder import protector
from aclipse.report.medium import medium_of
from aclipse.report.wording import headline, told

ORDER = (
    sections.ladder,
    sections.overview,
    cloak.device,
    replacement.device,
    updates.device,
    listening.clips,
    evidence.investment,
    evidence.attackers,
    evidence.groups,
    evidence.paired,
    sections.emotion,
    plates.confusions,
    plates.plane,
    frontier.sweep,
    training.training,
    sections.recalls,
    sections.quality,
    methods.provenance,
    methods.methods,
)
LEDE = (
    "{meant} This page shows how far that worked: which listeners were tried, what each of them still understood, and"
    " {cost}."
)
log = logging.getLogger(__name__)


def write_report(run: Path | str) -> Path:
    """Write ``report/index.html`` into a run folder, with every figure beside it as PNG and PDF; returns its path.

    The same run gives the same bytes. Raises RunError if the run was not audited or a file in it is broken.
    """
    page = Path(run) / "report" / "index.html"
    write_text(page, render(read_run(Path(run))))
    log.info("report written to %s", page)
    return page


def render(run: RunFolder) -> str:
    """The whole page; figures are saved on the way."""
    body = [text for text in (section(run) for section in ORDER) if text]
    found = [re.match(r'<section id="([\w-]+)">\n<h2>(.*?)</h2>', text) for text in body]
    links = [f'<a href="#{match[1]}">{match[2]}</a>' for match in found if match]
    name = protector(run.scores)
    corpus = str(run.about.get("corpus", {}).get("name", "")) or run.path.resolve().name
    here = files("aclipse.report")
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        version=escape(str(run.about.get("aclipse", ""))),
        title=escape(f"{name} on {corpus} – aclipse report"),
        style=here.joinpath("style.css").read_text(encoding="utf-8"),
        overline=escape(f"aclipse report · {corpus} · {name}"),
        headline=escape(headline(run)),
        lede=escape(_lede(run)),
        facts=escape(_facts(run)),
        navigation="".join(links),
        sections="\n".join(body),
    )


def _lede(run: RunFolder) -> str:
    """What the protection is meant to do, and what the page shows."""
    words = medium_of(run)
    return LEDE.format(meant=words.meant.format(**told(run)), cost=words.cost)


def _facts(run: RunFolder) -> str:
    """The corpus and the date in a line."""
    corpus = run.about.get("corpus", {})
    known = [str(label) for label in corpus.get("emotions", [])]
    judged = [str(label) for label in run.about.get("recipe", {}).get("corpus", {}).get("emotions", known)]
    more = f" (of {len(known)})" if set(known) > set(judged) else ""
    parts = [
        f"{corpus['clips']:,} clips" if isinstance(corpus.get("clips"), int) else "",
        f"{corpus['hours']:.1f} hours" if isinstance(corpus.get("hours"), int | float) else "",
        f"{corpus['speakers']} speakers" if corpus.get("speakers") else "",
        f"emotions: {', '.join(judged)}{more}" if judged else "",
        f"run of {str(run.about['created'])[:10]}" if run.about.get("created") else "",
    ]
    return " · ".join(part for part in parts if part)
