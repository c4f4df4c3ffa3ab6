"""Finds the rows that fit a paste.

A row fits by number or by words. A number counts most where the text says whose it is (`MBErrorDomain/105`). Words are
weighed by rarity: a word that stands in few rows says more. A phrase of a row may be one line in a long log, so what
counts is how much of the *phrase* is there; a question is short, so there it is how much of the *question* fits a row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from migrate.language import _
from migrate.talk.help.pasted import IDENTIFIER, WORD, Line, Paste, identifier, words_of
from migrate.talk.help.trouble import Trouble, troubles

MOST_MATCHES = 3
LEAST_WEIGHT = 6.0
"""Of the words of a phrase, in a text that says much else."""
LEAST_SCORE = 4.2
LEAST_OF_ONE_WORD = 2.5
"""The weight of a word that is a question by itself."""
SAME = 0.5
"""What a question gets that is a phrase word for word, though of common words."""
LEAST_OF_BEST = 0.5
"""A row with less than this part of the best row's score is not shown."""

STRICT_NUMBER, LOOSE_NUMBER, INNER_NUMBER = 14.0, 10.0, 5.0
LATER = 0.25
"""What is taken off for each number that a row names before it: its first is the one it is mostly about."""
LEAST_OF_PHRASE, LEAST_WORDS = 0.68, 3
"""Part of a phrase that has to be there, and words, unless it is nearly all of it."""
LEAST_OF_QUESTION = 0.6
UNKNOWN_WORD = 3.0
"""The weight in a question of a word that no row has."""
MISSPELT = 0.8
NEARLY_ALL, DETAIL = 0.9, 16.0
"""What follows a colon is the reason of what stands before it, so it counts more if a row has nearly all of it."""
OTHER_NUMBER = 0.5
LONGEST_QUESTION = 14
"""Words; a longer line is a message, which has to contain a phrase."""
MOST_WORDS = 8
"""Words that are given as the reason for a match."""


@dataclass(frozen=True)
class Match:
    """A row that fits, and why."""

    trouble: Trouble
    score: float
    number: str | None = None
    words: tuple[str, ...] = ()

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons, for a person."""
        reasons = []
        if self.number:
            reasons.append(_("the number {number}").format(number=self.number))
        if self.words:
            reasons.append(_("the words: {words}").format(words=", ".join(self.words)))
        return tuple(reasons)


@dataclass(frozen=True)
class Phrase:
    """A phrase of a row in the forms that are compared."""

    words: tuple[str, ...]
    weight: float
    is_said: bool


@dataclass(frozen=True)
class Known:
    """A word of a paste as it is written, and how sure it is."""

    written: str
    sure: float = 1.0


@dataclass(frozen=True)
class IndexedRow:
    trouble: Trouble
    phrases: tuple[Phrase, ...]
    words: frozenset[str]


class Index:
    """All rows, ready to be compared."""

    def __init__(self, rows: Iterable[Trouble]) -> None:
        taken = [(row, [(words_of(text), text in row.says) for text in (*row.says, *row.asked)]) for row in rows]
        count = Counter(
            word for _row, phrases in taken for word in {word for words, _said in phrases for word in words}
        )
        self.identifiers = frozenset(
            name
            for row, _phrases in taken
            for text in row.says
            for word in WORD.findall(text)
            if IDENTIFIER.fullmatch(word) and (name := identifier(word))
        )
        self.weights = {
            word: math.log(1 + len(taken) / rows_with) * (2 if word in self.identifiers else 1)
            for word, rows_with in count.items()
        }
        self.vocabulary = tuple(word for word in self.weights if len(word) >= 4)
        self.rows = tuple(
            IndexedRow(
                row,
                tuple(Phrase(words, self.weigh(set(words)), said) for words, said in phrases if words),
                frozenset(word for words, _said in phrases for word in words) | frozenset(words_of(row.means)),
            )
            for row, phrases in taken
        )

    def weigh(self, words: Iterable[str]) -> float:
        return sum(self.weights.get(word, UNKNOWN_WORD) for word in words)

    def known(self, line: Line, *, spell: bool) -> dict[str, Known]:
        """The words of a line by their forms; a misspelt word stands for the known one nearest to it."""
        found: dict[str, Known] = {}
        for word in line.words:
            written = line.written.get(word, word)
            if word in self.weights or not spell or len(word) < 5:
                found[word] = Known(written)
            elif near := get_close_matches(word, self.vocabulary, n=1, cutoff=0.8):
                found.setdefault(near[0], Known(written, MISSPELT))
            else:
                found[word] = Known(written)
        return found


@cache
def _index() -> Index:
    return Index(troubles())


def best_matches(paste: Paste) -> tuple[Match, ...]:
    """The rows that fit best, best first, at most MOST_MATCHES; none where nothing fits."""
    index = _index()
    best: dict[int, Match] = {}
    for line in dict.fromkeys(paste.lines):
        words = index.known(line, spell=paste.is_short)
        for place, row in enumerate(index.rows):
            match = _match(index, row, line, words)
            if match is not None and (place not in best or match.score > best[place].score):
                best[place] = match
    ranked = sorted((match for match in best.values() if match.score >= LEAST_SCORE), key=lambda match: -match.score)
    return tuple(match for match in ranked[:MOST_MATCHES] if match.score >= ranked[0].score * LEAST_OF_BEST)


def _match(index: Index, row: IndexedRow, line: Line, words: dict[str, Known]) -> Match | None:
    number, number_score = _number(row.trouble, line)
    said, word_score = _words(index, row, line, words)
    if line.is_apple and line.numbers and row.trouble.numbers and not number:
        word_score *= OTHER_NUMBER  # the same sentence about another number
    if not number and not word_score:
        return None
    return Match(row.trouble, number_score + word_score, number, said)


def _number(row: Trouble, line: Line) -> tuple[str | None, float]:
    """The number that fits, and what it counts."""
    for code in sorted(line.codes & set(row.codes)):
        return str(code), STRICT_NUMBER - LATER * row.codes.index(code)
    for code in sorted(line.inner_codes & set(row.codes)):
        return str(code), INNER_NUMBER
    for number in sorted(line.numbers & set(row.numbers)):
        if not line.is_about_phones and not number.startswith("0x"):
            continue
        return number, LOOSE_NUMBER + (3 if line.is_apple or number.startswith("0x") else -1)
    if not line.is_about_phones:
        return None, 0.0
    plain = {int(number) for number in line.numbers if not number.startswith("0x")}
    for code in sorted(plain & set(row.lockdown)):
        return str(code), STRICT_NUMBER + 6 if line.is_lockdown else LOOSE_NUMBER
    for code in sorted({abs(number) for number in plain} & set(row.codes)):
        return str(code), LOOSE_NUMBER - LATER * row.codes.index(code) - (5 if line.is_apple or -code in plain else 0)
    return None, 0.0


def _words(index: Index, row: IndexedRow, line: Line, words: dict[str, Known]) -> tuple[tuple[str, ...], float]:
    """The words that fit, and what they count."""
    best: tuple[float, frozenset[str]] = (0.0, frozenset())
    best_part = 0.0
    asked = index.weigh(words)
    for phrase in row.phrases:
        shared = frozenset(words).intersection(phrase.words)
        if not shared:
            continue
        weight = sum(index.weights[word] * words[word].sure for word in shared)
        part = weight / phrase.weight
        best_part = max(best_part, part)
        enough = part >= NEARLY_ALL or (part >= LEAST_OF_PHRASE and len(shared) >= LEAST_WORDS)
        if enough and (weight >= LEAST_WEIGHT or weight >= asked * LEAST_OF_QUESTION):
            score = weight * part * (1.25 if _in_order(phrase.words, line.words) else 1)
            if weight >= asked * NEARLY_ALL and part >= NEARLY_ALL:
                score = max(score, LEAST_SCORE + SAME)
            if line.is_detail and not line.numbers and weight >= asked * NEARLY_ALL:
                score += DETAIL
            best = max(best, (score, shared), key=lambda found: found[0])
    shared = frozenset(words) & row.words
    weight = sum(index.weights.get(word, 0) * words[word].sure for word in shared)
    if asked and len(words) <= LONGEST_QUESTION and weight >= asked * LEAST_OF_QUESTION and best_part >= 0.34:
        score = weight * (weight / asked) * (0.5 + 0.5 * best_part)
        best = max(best, (score, shared), key=lambda found: found[0])
        if len(words) == 1 and weight >= LEAST_OF_ONE_WORD:
            score = max(score, LEAST_SCORE)
            best = max(best, (score, shared), key=lambda found: found[0])
    score, shared = best
    return tuple(dict.fromkeys(word.written for form, word in words.items() if form in shared))[:MOST_WORDS], score


def _in_order(phrase: tuple[str, ...], line: tuple[str, ...]) -> bool:
    """Whether the phrase stands in the line word for word."""
    return any(line[start : start + len(phrase)] == phrase for start in range(len(line) - len(phrase) + 1))
