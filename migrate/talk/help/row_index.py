"""The rows, taken apart into weighed words, so that a paste can be compared with all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from migrate.talk.help.pasted import WORD, Line, identifier, words_of
from migrate.talk.help.trouble import Trouble, troubles

IDENTIFIER_FACTOR = 2
"""An identifier (`PasswordProtected`) says more than a word that is as rare."""
UNKNOWN_WORD = 2.4
"""The weight in a question of a word that no row has."""
MISSPELT, ALIKE = 0.8, 0.8
"""How sure a corrected word is, and how alike (difflib's ratio) two words have to be for a correction."""
SHORTEST_MISSPELT = 5


@dataclass(frozen=True)
class Phrase:
    """A phrase of a row in the forms that are compared."""

    words: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class IndexedRow:
    """A row with its phrases."""

    trouble: Trouble
    phrases: tuple[Phrase, ...]
    words: frozenset[str]
    """The words of its phrases and of its explanation."""


@dataclass(frozen=True)
class Known:
    """A word of a paste as it is written, and how sure it is."""

    written: str
    sure: float = 1.0


@dataclass(frozen=True)
class Question:
    """A line of a paste, weighed."""

    line: Line
    words: dict[str, Known]
    """By the forms that are compared."""
    weight: float

    def written(self, forms: Iterable[str]) -> tuple[str, ...]:
        """These words as the person wrote them, in order."""
        wanted = frozenset(forms)
        return tuple(dict.fromkeys(known.written for form, known in self.words.items() if form in wanted))


class RowIndex:
    """All rows, ready to be compared."""

    def __init__(self, rows: Iterable[Trouble]) -> None:
        taken = [(row, [words_of(text) for text in (*row.says, *row.asked)]) for row in rows]
        count = Counter(word for _row, phrases in taken for word in {word for words in phrases for word in words})
        identifiers = {
            name
            for row, _phrases in taken
            for text in row.says
            for word in WORD.findall(text)
            if (name := identifier(word))
        }
        self.weights = {
            word: math.log(1 + len(taken) / rows_with) * (IDENTIFIER_FACTOR if word in identifiers else 1)
            for word, rows_with in count.items()
        }
        self._vocabulary = tuple(word for word in self.weights if len(word) >= SHORTEST_MISSPELT - 1)
        self.rows = tuple(
            IndexedRow(
                row,
                tuple(Phrase(words, sum(self.weights[word] for word in set(words))) for words in phrases if words),
                frozenset(word for words in phrases for word in words).union(words_of(row.means)),
            )
            for row, phrases in taken
        )

    def question(self, line: Line, *, spell: bool) -> Question:
        """A line, weighed; with `spell` a misspelt word stands for the known one nearest to it."""
        words: dict[str, Known] = {}
        for word in line.words:
            written = line.written.get(word, word)
            if spell and word not in self.weights and len(word) >= SHORTEST_MISSPELT:
                near = get_close_matches(word, self._vocabulary, n=1, cutoff=ALIKE)
                if near:
                    words.setdefault(near[0], Known(written, MISSPELT))
                    continue
            words[word] = Known(written)
        return Question(line, words, sum(self.weights.get(word, UNKNOWN_WORD) for word in words))

    def weigh(self, shared: Iterable[str], question: Question) -> float:
        """The weight of words of a question."""
        return sum(self.weights.get(word, 0.0) * question.words[word].sure for word in shared)


@cache
def row_index() -> RowIndex:
    """The index of every row."""
    return RowIndex(troubles())
