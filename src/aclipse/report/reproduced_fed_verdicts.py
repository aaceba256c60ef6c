"""Whether federated learning leaks, and hides, as was asked of it: from the rows of its studies."""

from __future__ import annotations

from aclipse.report.reproduced_cloak import number
from aclipse.report.reproduced_fed import (
    ATTACKERS,
    AWARE,
    CENTRAL,
    COUNTS,
    LAYERS,
    NONE,
    change,
    emotion,
    label,
    of_sex,
    ordered,
    places,
    sex,
)
from aclipse.report.reproduced_figures import Row, Rows, by
from aclipse.report.reproduced_rae import one
from aclipse.report.reproduced_rae_verdicts import GUESSED, ends, verdict
from aclipse.report.reproduced_rae_words import value

LEAST_READ, MOST_READ = 75.0, 55.0  # % UAR of sex: asked without a defence, and under strict central privacy
MOST_EPSILON = 8.0  # of the latter
ASKED = "crema"  # part of the name of the corpus that the attack is asked to succeed on
LEAKING = f"without defence, sex from one update: at least {LEAST_READ:.0f}"
HIDING = f"central ε ≤ {MOST_EPSILON:.0f}, sex from all updates, aware: at most {MOST_READ:.0f}"
UNKNOWN = "not measured"
CALIBRATED = "calibrated"  # the attacker of the first layer with a threshold of its own
Line = dict[str, str]


def reads(row: Row | None) -> bool:
    """Whether all of an interval is on the better side of guessing; of an equal error rate that is below.

    >>> reads({"value": "58", "low": "52", "high": "63"}), reads({"value": "58", "low": "49", "high": "66"})
    (True, False)
    """
    if row is None:
        return False
    chance = number(row.get("chance")) if row.get("chance") else GUESSED
    low, high = ends(row)
    return high < chance if row.get("metric") == "eer" else low > chance


def is_to_leak(corpus: str) -> bool:
    """Whether an attack was asked to succeed on this corpus.

    >>> is_to_leak("CREMA-D-voted"), is_to_leak("ravdess")
    (True, False)
    """
    return ASKED in corpus.lower()


def leaking(row: Row | None) -> str:
    """The verdict on an attack without a defence."""
    return verdict(row, LEAST_READ, sign=-1) or UNKNOWN


def hiding(row: Row | None, undefended: Row | None) -> str:
    """The verdict on an attack under strict central privacy; what is read the wrong way round is no privacy.

    None where the same attacker reads nothing without a defence either.
    """
    if not reads(undefended):
        return "not judged: this attacker reads nothing without a defence either"
    turned = row is not None and number(row["value"]) < 100 - MOST_READ
    return (verdict(row, MOST_READ) or UNKNOWN) + ", but who turns its answers round reads it" * turned


def undefended(part: Rows) -> Row | None:
    """Who reads sex best from one clean update."""
    found = [row for who in ATTACKERS if (row := sex(part, who, "1"))]
    return max(found, key=lambda row: number(row["value"]), default=None)


def is_asked(mechanism: str, epsilon: str) -> bool:
    """Whether a mechanism is one that something was asked of: strict, central, and of a small ε."""
    return mechanism == CENTRAL and number(epsilon) <= MOST_EPSILON


def strongest(part: Rows) -> Row | None:
    """Of all attackers and numbers of updates the row with the highest UAR of sex, as an attacker would wish."""
    found = [one(part, measure="sex", metric="uar", attacker=who, n=n) for who in ATTACKERS for n in COUNTS]
    return max((row for row in found if row), key=lambda row: number(row["value"]), default=None)


def asked_of_mechanisms(rows: Rows) -> list[Line]:
    """fed-udp: one row for each thing asked, with the verdict and what it costs."""
    found = []
    for (corpus, mechanism, epsilon), part in places(rows).items():
        if mechanism == NONE and is_to_leak(corpus):
            found.append(_line(corpus, LEAKING, mechanism, undefended(part), leaking(undefended(part))))
        if is_asked(mechanism, epsilon):
            seen = [row for row in part if row["view"] == "central"]
            row = sex(seen, AWARE, "all")
            open_one = sex(places(rows).get((corpus, NONE, ""), []), AWARE, "all")
            line = _line(corpus, HIDING, label(mechanism, epsilon), row, hiding(row, open_one))
            most, lost = strongest(seen), change(emotion(part)) or "–"
            told = f"{value(most)} ({most['attacker']}, n = {most['n']})" if most else "–"
            found.append(line | {"most that anybody reads": told, "emotion against none": lost})
    return _with_all_columns(found)


def _with_all_columns(lines: list[Line]) -> list[Line]:
    """The same, each with the columns of all."""
    columns = dict.fromkeys(column for line in lines for column in line)
    return [dict.fromkeys(columns, "–") | line for line in lines]


def asked_of_attackers(rows: Rows) -> list[Line]:
    """fed-attack: one row a corpus and algorithm, of who reads the first layer best: as the paper's, or calibrated."""
    found = []
    own = [row for row in of_sex(rows) if is_to_leak(row["corpus"])]
    for (corpus, functionals, algorithm), part in by(own, "corpus", "functionals", "algorithm").items():
        single = [row for row in part if row["n"] == "1"]
        tried = [row for who in (LAYERS[0], CALIBRATED) if (row := one(single, attacker=who))]
        row = max(tried, key=lambda row: number(row["value"]), default=None)
        found.append(_line(corpus, LEAKING, f"{algorithm}, {functionals}", row, leaking(row)))
    return found


def _line(corpus: str, asked: str, of: str, row: Row | None, said: str) -> Line:
    return {"corpus": corpus, "asked": asked, "of": of, "UAR of sex": value(row) if row else "–", "verdict": said}


def first_count(part: Rows, attacker: str) -> str:
    """The least number of updates from which an attacker reads sex better than by guessing; empty where none."""
    counts = ordered([row["n"] for row in part if row["measure"] == "sex"], COUNTS)
    return next((count for count in counts if reads(sex(part, attacker, count))), "")
