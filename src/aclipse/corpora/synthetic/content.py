"""What is said: a small grammar of things one would not want overheard.

A sentence is a core ("my sister has {illness}"), sometimes with an opener before it and a closing behind it, so that
its rhythm does not give its words away. Choices come from shuffled decks that are dealt out before they are shuffled
again: every word turns up about as often as its neighbours in the same slot, often enough to be learnt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aclipse.corpora.synthetic.entities import Sentence, mark, unmark

WORDS = range(4, 13)  # a sentence's length

SLOTS = {
    "name": "Anna|Peter|Maria|David|Sarah|Thomas|Emma|Robert|Laura|Daniel|Helen|Martin|Julia|Oscar|Nina|Victor",
    "surname": "Miller|Carter|Wilson|Taylor|Parker|Hughes|Morgan|Bennett|Foster|Murphy|Collins|Turner",
    "title": "doctor|nurse|surgeon",
    "family": "mother|father|brother|sister|wife|husband|son|daughter|cousin|aunt|uncle|grandmother",
    "person": "{name}|my {family}|doctor {surname}|my {worker}|{name} {surname}|your {family}",
    "worker": "lawyer|landlord|manager|neighbour|teacher|dentist|accountant|plumber|boss|partner",
    "one": "one|two|three|four|five|six|seven|eight|nine",
    "digit": "zero|one|two|three|four|five|six|seven|eight|nine",
    "few": "two|three|four|five|six|seven|eight|nine|ten",
    "teen": "eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen",
    "ten": "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety",
    "number": "{teen}|{teen}|{ten}|{ten} {one}",
    "digits": "{digit} {digit} {digit} {digit}|{digit} {digit} {digit}, {digit} {digit}",
    "money": "{one} hundred {currency}|{few} thousand {currency}|{number} {currency}|{number} thousand {currency}",
    "currency": "dollars|pounds|euros",
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "ordinal": "first|second|third|fourth|fifth|sixth|tenth|twentieth|thirtieth",
    "date": "{day}|the {ordinal} of {month}|{day} the {ordinal}",
    "hour": "{few}|eleven|twelve",
    "time": "{hour}|half past {hour}|quarter to {hour}|{hour} thirty|{hour} fifteen",
    "street": "Maple|Station|Church|Garden|River|Castle|Market|Park|Mill|Victoria",
    "way": "Street|Road|Avenue|Lane",
    "address": "{number} {street} {way}|{one} {street} {way}",
    "city": "London|Boston|Berlin|Oxford|Dublin|Paris|Chicago|Denver|Madrid|Sydney",
    "illness": "asthma|diabetes|cancer|depression|migraine|pneumonia|arthritis|anxiety|epilepsy|measles|hepatitis",
    "medicine": "insulin|aspirin|antibiotics|morphine|steroids|penicillin|painkillers|vitamins|sleeping pills",
    "body": "knee|heart|shoulder|stomach|throat|chest|skin",
    "sum": "rent|mortgage|loan|salary|pension|insurance|deposit",
    "secret": "password|account number|room number|passport number|door code|phone number",
    "treasure": "keys|wallet|jewellery|camera|diary|papers|laptop",
    "spot": "kitchen|garden|cellar|bedroom|drawer|attic|garage|office",
    "place": "station|hospital|school|market|bank|library|airport|hotel|prison|courthouse|museum|theatre",
    "food": "bread|milk|coffee|soup|cheese|apples|chicken|fish|potatoes|chocolate|honey|butter",
    "thing": "bicycle|umbrella|letter|parcel|jacket|computer|table|window|car|piano|bottle|blanket",
    "state": "broken|expensive|heavy|dirty|dangerous|empty|perfect",
    "weather": "raining|snowing|cold|warm|foggy|windy",
    "colour": "red|green|blue|yellow|purple|black|white",
    "job": "police|army|church|government|newspaper",
    "event": "wedding|funeral|operation|interview|meeting|trial|party|divorce",
    "activity": "swimming|dancing|shopping|sailing|fishing",
}

STATEMENTS = """
{person} has {illness}
{person} is in hospital with {illness}
{person} takes {medicine} for {illness}
{name} stopped taking the {medicine}
the {title} found something wrong with my {body}
I need surgery on my {body} in {month}
my {body} has hurt since {day}
{name} was treated for {illness} in {city}
I am allergic to {medicine}
the test for {illness} came back positive
{person} earns {money} a month
I owe {person} {money}
the {sum} is {money}
{person} lost {money} gambling in {city}
we cannot pay the {sum} before {month}
{name} borrowed {money} for the {sum}
there are {money} hidden in the {spot}
{person} lives at {address}
we are moving to {address}
my {secret} is {digits}
the {secret} begins with {digits}
{name} changed the {secret} to {digits}
you can reach {name} on {digits}
the flight to {city} leaves at {time}
I have an appointment with doctor {surname} at {time}
{person} will meet us at the {place} at {time}
the {event} is on {date}
the {event} was moved to {date}
{name} was born on the {ordinal} of {month}
nobody is home until {time}
the alarm is off from {time} until {time}
{name} hid the {treasure} under the bed
I left the {treasure} in the {spot}
{person} was arrested near the {place}
{name} is leaving {name} after the {event}
{person} works for the {job} in {city}
{person} quit a job at the {place}
{person} voted against the {job}
{name} {surname} is my {worker}
my {family} married a {worker} from {city}
my {worker} knows about {name} and {name}
{person} bought a {colour} {thing}
the {colour} {thing} is {state}
the {thing} in the {spot} was {state}
the {spot} is {state} and {state}
we saw {name} in {city} in {month}
{person} had pain in the {body} and {body}
we have no {food} or {food} left
{person} made {food} and {food} for dinner
{person} always eats {food} in the {spot}
it was {weather} in {city} all week
it is {weather} so we took the {thing}
{person} loves {activity} with {name}
we went {activity} near {city} on {day}
{person} is {number} years old
I have waited here for {few} hours
the {place} is closed on {day}
{name} sold the {thing} for {money}
"""

QUESTIONS = """
did {person} ask about the {sum}
does {person} still have {illness}
have you seen the {colour} {thing}
can you bring {food} and {food}
when does the {place} open on {day}
where did you hide the {treasure}
what is the {secret} of your {worker}
who told {name} about the {event}
why was {person} at the {place}
should {person} still take {medicine}
is {name} coming to the {event} in {city}
are you free on {date}
will it be {weather} on {day}
could we meet at {time} at the {place}
do you still live at {address}
would you like {food} or {food}
"""

REQUESTS = """
send the {thing} to {address} in {city}
call {person} on {digits}
do not tell {person} about the {event}
put the {treasure} back in the {spot}
meet me at {address} at {time}
give {person} the {colour} {thing}
write down the {secret}, {digits}
cancel the {event} on {date}
transfer {money} to {name} {surname}
pick up {name} from the {place} at {time}
take {few} {colour} pills every {few} hours
buy some {food} and a {thing}
ask {person} about the {illness}
lock the {spot} before {time}
turn left behind the {place} on {street} {way}
"""


@dataclass(frozen=True)
class Kind:
    """One kind of sentence: its cores, what may stand before and behind them, and how it ends."""

    cores: tuple[str, ...]
    openers: tuple[str, ...]
    closings: tuple[str, ...]
    mark: str


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.strip().splitlines())


KINDS = (
    Kind(
        _lines(STATEMENTS),
        ("well,", "listen,", "honestly,", "by the way,", "I think", "I heard that", "you know,", "apparently", "maybe"),
        ("again", "as you know", "I am afraid", "you see", "after all", "believe me"),
        ".",
    ),
    Kind(_lines(QUESTIONS), ("excuse me,", "tell me,", "so", "sorry, but"), ("then", "actually", "after all"), "?"),
    Kind(_lines(REQUESTS), ("please", "quickly,", "listen,", "next time,"), ("please", "if you can", "right now"), "."),
)


class Decks:
    """Deals the options of each slot in random order, all of them before any comes again."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: dict[tuple[str, ...], list[str]] = defaultdict(list)

    def deal(self, options: tuple[str, ...]) -> str:
        """Draw the next option."""
        left = self._left[options]
        if not left:
            left.extend(options[i] for i in self._rng.permutation(len(options)))
        return left.pop()

    def fill(self, text: str) -> str:
        """Replace every ``{slot}``, slots within slots too; what fills one that matters is marked."""
        while "{" in text:
            text = re.sub(r"\{(\w+)\}", lambda slot: mark(slot[1], self.deal(tuple(SLOTS[slot[1]].split("|")))), text)
        return text


def transcript_of(text: str) -> str:
    """Reduce a sentence to its words: lower case, no punctuation.

    >>> transcript_of("Well, I owe Anna two hundred pounds.")
    'well i owe anna two hundred pounds'
    """
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def sentences(rng: np.random.Generator) -> Iterator[Sentence]:
    """Say ever new sentences of 4 to 12 words, with the punctuation that a synthesiser needs; none comes twice.

    Their entities are reduced to words, as `transcript_of` does it.
    """
    decks, said = Decks(rng), set[str]()
    cores = tuple(f"{number} {core}" for number, kind in enumerate(KINDS) for core in kind.cores)
    while True:
        number, core = decks.deal(cores).split(" ", 1)
        plain = unmark(decks.fill(core))
        text = _dress(plain.text, KINDS[int(number)], decks, rng)
        words = transcript_of(text)
        if len(words.split()) in WORDS and words not in said:
            said.add(words)
            yield Sentence(text, tuple(map(transcript_of, plain.entities)))


def _dress(core: str, kind: Kind, decks: Decks, rng: np.random.Generator) -> str:
    before, behind = rng.random(2) < (0.4, 0.25)
    if before and len(core.split()) < 10:
        core = f"{decks.deal(kind.openers)} {core}"
    if behind and len(core.split()) < 10:
        core = f"{core}, {decks.deal(kind.closings)}"
    return core[0].upper() + core[1:] + kind.mark
