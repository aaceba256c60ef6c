"""Scores as lines of text: as many blocks as a terminal's width asks for, and never a figure cut or folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aclipse.report.tables import Column, Table, knowledge_name

Strip = list[str]  # a piece of a table, one text of the same length a line


def score_lines(table: Table, width: int) -> list[str]:
    """Every figure of a table, those of listeners with their intervals beneath, in lines of at most ``width`` signs.

    What is one metric of one judge stays together; a block of nothing else may be wider.
    """
    names = _strip(["", "", *(text for subject in table.rows for text in (subject, ""))], str.ljust)
    blocks = [names]
    for group in _groups(table):
        wider = _beside([blocks[-1], group])
        if len(wider[0]) <= width or blocks[-1] is names:
            blocks[-1] = wider
        else:
            blocks.append(_beside([names, group]))
    lines = [line.rstrip() for block in blocks for line in ["", *(line for line in block if line.strip())]]
    return lines[1:]


def _groups(table: Table) -> list[Strip]:
    """The columns of each metric and judge side by side under one title; all measures of sound are one group."""
    places: dict[Column, list[int]] = {}
    for index, column in enumerate(table.columns):
        places.setdefault(column._replace(knowledge="none"), []).append(index)
    found: dict[bool, list[Strip]] = {True: [], False: []}
    for column, indices in places.items():
        body = _beside([_column(table, index) for index in indices])
        found[column.role == "quality"].append(_strip([column.title.center(len(body[0])), *body], str.rjust))
    return found[False] + ([_beside(found[True])] if found[True] else [])


def _column(table: Table, index: int) -> Strip:
    """Whose figures they are, then figure and interval by turns; the narrow intervals of sound would only fill room."""
    column = table.columns[index]
    cells = [row[index] for row in table.rows.values()]
    pairs = [(cell.text, "" if column.role == "quality" else cell.interval) for cell in cells]
    return _strip([knowledge_name(column.knowledge), *(text for pair in pairs for text in pair)], str.rjust)


def _strip(texts: Sequence[str], align: Callable[[str, int], str]) -> Strip:
    return [align(text, max(map(len, texts))) for text in texts]


def _beside(strips: Sequence[Strip]) -> Strip:
    return ["  ".join(pieces) for pieces in zip(*strips, strict=True)]
