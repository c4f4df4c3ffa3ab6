"""Finds the rows that fit a paste.

A row fits by number or by words. A number counts most where the text says whose it is (`MBErrorDomain/105`). Words are
weighed by rarity: a word that stands in few rows says more. A phrase of a row may be one line in a long log, so what
counts is how much of the *phrase* is there; a question is short, so there it is how much of the *question* fits a row.

The numbers below were chosen with the lines of tests/talk/pasted_lines.toml, which says how well unseen ones fared.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate.language import _
from migrate.talk.help.pasted import Line, Paste
from migrate.talk.help.row_index import IndexedRow, Phrase, Question, RowIndex, row_index
from migrate.talk.help.trouble import Trouble

MOST_MATCHES = 3
LEAST_SCORE = 4.2
LEAST_OF_BEST = 0.5
"""A row with less than this part of the best row's score is not shown."""
MOST_WORDS = 8
"""Words that are given as the reason for a match."""

# -- numbers

STRICT_NUMBER, LOOSE_NUMBER, INNER_NUMBER = 14.0, 10.0, 5.0
"""A number whose domain is named; one that may be an error's; one that is only the reason for another."""
LOCKDOWN_NUMBER = 20.0
"""A negative number in a line about lockdown: those lines say little else."""
LATER = 0.25
"""What is taken off for each number that a row names before it: its first is the one it is mostly about."""
APPLE_BONUS, OTHER_DOMAIN = 3.0, 5.0
"""More for a number of Apple's programs in a line of theirs, and less for a number of the backup service there."""
OTHER_NUMBER = 0.5
"""What is left of the words of a row about another number: Apple's sentences are the same for all of them."""

# -- words

LEAST_OF_PHRASE, LEAST_WORDS, LEAST_WEIGHT = 0.68, 3, 6.0
"""The part of a phrase that has to be there, its words (unless nearly all are), its weight (unless it is the text)."""
LEAST_OF_QUESTION, LEAST_OF_ITS_PHRASE = 0.5, 0.34
"""The part of a question that has to fit a row, and the part of one of the row's phrases that has to be in it."""
NEARLY_ALL = 0.9
IN_ORDER = 1.25
"""The factor for a phrase that stands there word for word."""
DETAIL = 16.0
"""What follows a colon is the reason of what stands before it, so it counts more if a row has nearly all of it."""
WORD_FOR_WORD = 4.7
"""What a question that is a phrase gets at least, though all of its words are common."""
LEAST_OF_ONE_WORD = 2.5
"""The weight of a word that is a question by itself."""
LONGEST_QUESTION = 14
"""Words; a longer line is a message, which has to contain a phrase."""


@dataclass(frozen=True)
class Match:
    """A row that fits, and why."""

    trouble: Trouble
    score: float
    number: str | None = None
    words: tuple[str, ...] = ()
    """As the person wrote them."""

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons, for a person."""
        reasons = []
        if self.number:
            reasons.append(_("the number {number}").format(number=self.number))
        if self.words:
            reasons.append(_("the words: {words}").format(words=", ".join(self.words)))
        return tuple(reasons)


def best_matches(paste: Paste) -> tuple[Match, ...]:
    """The rows that fit best, best first, at most MOST_MATCHES; none where nothing fits."""
    index = row_index()
    best: dict[int, Match] = {}
    for line in dict.fromkeys(paste.lines):
        question = index.question(line, spell=paste.is_short)
        for place, row in enumerate(index.rows):
            match = _match(index, row, question)
            if match is not None and (place not in best or match.score > best[place].score):
                best[place] = match
    ranked = sorted((match for match in best.values() if match.score >= LEAST_SCORE), key=lambda match: -match.score)
    return tuple(match for match in ranked[:MOST_MATCHES] if match.score >= ranked[0].score * LEAST_OF_BEST)


def _match(index: RowIndex, row: IndexedRow, question: Question) -> Match | None:
    number, number_score = _number(row.trouble, question.line)
    words, word_score = _words(index, row, question)
    if not number and not word_score:
        return None
    if question.line.is_apple and question.line.numbers and row.trouble.numbers and not number:
        word_score *= OTHER_NUMBER
    return Match(row.trouble, number_score + word_score, number, question.written(words)[:MOST_WORDS])


def _number(row: Trouble, line: Line) -> tuple[str | None, float]:
    """The number that fits, and what it counts."""
    for code in sorted(line.codes & set(row.codes)):
        return str(code), STRICT_NUMBER - LATER * row.codes.index(code)
    for code in sorted(line.inner_codes & set(row.codes)):
        return str(code), INNER_NUMBER
    for number in sorted(line.numbers & set(row.numbers)):
        if number.startswith("0x"):
            return number, LOOSE_NUMBER + APPLE_BONUS
        if line.is_about_phones:
            return number, LOOSE_NUMBER + (APPLE_BONUS if line.is_apple else -1)
    plain = {int(number) for number in line.numbers if not number.startswith("0x")} if line.is_about_phones else set()
    for code in sorted(plain & set(row.lockdown)):
        return str(code), LOCKDOWN_NUMBER if line.is_lockdown else LOOSE_NUMBER
    for code in sorted({abs(number) for number in plain} & set(row.codes)):
        is_of_another = line.is_apple or -code in plain
        return str(code), LOOSE_NUMBER - LATER * row.codes.index(code) - (OTHER_DOMAIN if is_of_another else 0)
    return None, 0.0


def _words(index: RowIndex, row: IndexedRow, question: Question) -> tuple[frozenset[str], float]:
    """The words that fit, and what they count."""
    shared = row.words.intersection(question.words)
    weight = index.weigh(shared, question)
    best: tuple[frozenset[str], float] = (frozenset(), 0.0)
    if weight < LEAST_WEIGHT and weight < question.weight * LEAST_OF_QUESTION:
        return best  # no phrase of it can have enough
    best_part = 0.0
    for phrase in row.phrases:
        if words := shared.intersection(phrase.words):
            its_weight = index.weigh(words, question)
            best_part = max(best_part, its_weight / phrase.weight)
            if (score := _phrase_score(phrase, len(words), its_weight, question)) > best[1]:
                best = (words, score)
    score = _question_score(weight, best_part, question)
    return (shared, score) if score > best[1] else best


def _phrase_score(phrase: Phrase, count: int, weight: float, question: Question) -> float:
    """What a phrase counts of which so many words, of that weight, are in the text."""
    part = weight / phrase.weight
    if part < LEAST_OF_PHRASE or (count < LEAST_WORDS and part < NEARLY_ALL):
        return 0.0
    if weight < LEAST_WEIGHT and weight < question.weight * LEAST_OF_QUESTION:
        return 0.0
    score = weight * part * (IN_ORDER if _in_order(phrase.words, question.line.words) else 1)
    if weight >= question.weight * NEARLY_ALL:
        if part >= NEARLY_ALL:
            score = max(score, WORD_FOR_WORD)
        if question.line.is_detail and not question.line.numbers:
            score += DETAIL
    return score


def _question_score(weight: float, best_part: float, question: Question) -> float:
    """What a row counts that has words of that weight of a short question."""
    if len(question.words) > LONGEST_QUESTION or best_part < LEAST_OF_ITS_PHRASE:
        return 0.0
    if weight < question.weight * LEAST_OF_QUESTION:
        return 0.0
    score = weight * (weight / question.weight) * (0.5 + 0.5 * best_part)
    if len(question.words) == 1 and weight >= LEAST_OF_ONE_WORD:
        return max(score, LEAST_SCORE)
    return score


def _in_order(phrase: tuple[str, ...], line: tuple[str, ...]) -> bool:
    """Whether the phrase stands in the line word for word."""
    return any(line[start : start + len(phrase)] == phrase for start in range(len(line) - len(phrase) + 1))
