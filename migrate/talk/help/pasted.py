"""Reads what a person pasted: a word, a sentence or a log. It is foreign text, so its length is bounded.

Words become the forms that `matcher` compares: lower case, one word for each group of words.toml, light endings off.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

LONGEST_PASTE = 64_000
"""Characters that are read; of a longer paste the beginning and the end, where errors usually stand."""
LONGEST_LINE = 1_000
MOST_LINES = 600

ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
CONTROL = re.compile(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f]")
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
SAME_SIGNS = str.maketrans(
    {"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{NON-BREAKING HYPHEN}": "-", "\N{MINUS SIGN}": "-"}
)
STACK_FRAME = re.compile(r'\s*(?:File "|at \S+\(|self\.|return |await |raise )|[\s^~]*$')
NOISE = re.compile(
    r"\b(?:[0-9a-f]{8}-[0-9a-f]{16}|[0-9a-f]{24,40}|\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d)?)\b", re.IGNORECASE
)
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:['-][a-z]+)*")
IDENTIFIER = re.compile(r"[A-Z]*[a-z0-9]+[A-Z]\w*|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Z]{6,}")
IDENTIFIER_AFFIX = re.compile(
    r"^(?:LOCKDOWN|AFC|MOBILEBACKUP2|IDEVICE|USBMUXD?|LIBUSB)_(?:E_|ERROR_)|(?:_?ERROR|Error|Exception)$"
)
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

STRICT_CODE = re.compile(r"(?:MBErrorDomain|ErrorCode|Error Code)\W{1,4}(?:(?:error|code)\W{1,3})?(-?\d{1,5})\b")
INNER_CODE = re.compile(r"Underlying error:.*?MBErrorDomain\W(\d+)")
LOOSE_NUMBER = re.compile(
    r"(?<![a-z])(?:error|err|code|fehler)\b(?:\s+(?:has\s+)?(?:occurred|code|number|no\.?|nr\.?|was|is))?\W{0,3}?(?<![\d.])(-?\d{1,5})\b(?!\.\d|%)",
    re.IGNORECASE,
)
HEX_NUMBER = re.compile(r"\b0x[0-9a-f]{4,8}\b", re.IGNORECASE)
WINDOWS_NUMBER = re.compile(r"(?:WinError|Errno|error)\W{1,3}(1\d{4})\b", re.IGNORECASE)
BARE_NUMBER = re.compile(r"-?\d{1,5}|0x[0-9a-fA-F]{4,8}")
APPLE_PROGRAM = re.compile(
    r"\b(?:itunes|finder|apple devices|unknown error occurred"
    r"|could not be (?:restored|updated|synced)|updating|restoring)\b",
    re.IGNORECASE,
)
PHONES = re.compile(
    r"iphone|ipad|ipod|\bi?device|itunes|finder|icloud|apple|lockdown|usb|backup|back up|backed up|restor|pair|sync"
    r"|winerror|mb2|\bios\b|\bmigrate\b|phone",
    re.IGNORECASE,
)
NUMBER_WORDS = frozenset(("error", "err", "code", "number", "unknown", "occur", "fehler"))
GREETING = re.compile(
    r"^\s*(?:hello|hi|hey|dear)\b(?:\s+(?:there|all|everyone|everybody|guys|folks|team|support|apple))*[\s,!.:-]+(?!screen)(?=\w)",
    re.IGNORECASE,
)
CLAUSE_END = re.compile(r"[.!?;,]\s+|\s[-\N{EN DASH}\N{EM DASH}|]\s|\s(?:but|and|when|while|so)\s")
LONGEST_LETTER, SHORT_CLAUSE = 20, 12
"""Lines of a text that is read as sentences, and characters of a clause that says nothing."""
LONG_SENTENCE = 6
"""Words; a longer line is also read clause by clause."""
LOCKDOWN = re.compile(r"lockdown|\bpair|handshake|validate", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """One line of a paste, taken apart."""

    words: tuple[str, ...]
    """In the forms that are compared, in order."""
    codes: frozenset[int] = frozenset()
    """Numbers that the line says are of the backup service."""
    inner_codes: frozenset[int] = frozenset()
    """Those of them that are only the reason for another."""
    numbers: frozenset[str] = frozenset()
    """Numbers that may be an error's; hexadecimal ones in upper case after `0x`."""
    is_apple: bool = False
    """Whether the line speaks as Finder, iTunes or Apple Devices do."""
    is_lockdown: bool = False
    """Whether the line speaks of lockdown or pairing, whose numbers are negative."""
    is_about_phones: bool = False
    """Whether its numbers can be about a phone: it speaks of one, or says nothing besides the number."""
    is_detail: bool = False
    """Whether it is what follows the last colon of a line."""
    written: Mapping[str, str] = field(default_factory=dict, compare=False)
    """A word in the form that is compared -> as it stands in the line."""


@dataclass(frozen=True)
class Paste:
    """What was pasted."""

    lines: tuple[Line, ...] = field(default=())

    @property
    def is_short(self) -> bool:
        """Whether it is a question or a sentence, rather than a log."""
        return sum(len(line.words) for line in self.lines) <= 30


def read_paste(text: str) -> Paste:
    """Take a paste apart; lines that were broken by a narrow window are also read as one."""
    given = list(dict.fromkeys(clean(text).split("\n")))
    if len(given) > MOST_LINES:
        given = given[: MOST_LINES // 4] + given[-3 * MOST_LINES // 4 :]
    kept = [line[:LONGEST_LINE] for line in given if line.strip() and not STACK_FRAME.match(line)]
    if 1 < len(kept) <= 4:
        kept.append(" ".join(kept)[: 2 * LONGEST_LINE])
    lines = [read_line(GREETING.sub("", line)) for line in kept]
    for line, written in zip(tuple(lines), kept, strict=True):
        if len(line.words) > LONG_SENTENCE and len(kept) <= LONGEST_LETTER:
            clauses = [read_line(clause) for clause in CLAUSE_END.split(written) if len(clause) > SHORT_CLAUSE]
            lines += [replace(clause, is_about_phones=line.is_about_phones) for clause in clauses]
        if ": " in written:
            detail = read_line(written.rpartition(": ")[2])
            lines.append(replace(detail, is_detail=True, is_about_phones=line.is_about_phones))
    return Paste(tuple(lines))


def clean(text: str) -> str:
    """The text without escape sequences, control characters and what is too long."""
    if len(text) > LONGEST_PASTE:
        text = f"{text[: LONGEST_PASTE // 4]}\n{text[-3 * LONGEST_PASTE // 4 :]}"
    text = ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return CONTROL.sub(" ", INVISIBLE.sub("", text)).translate(SAME_SIGNS)


def read_line(line: str) -> Line:
    plain = NOISE.sub(" ", line)
    codes = frozenset(abs(int(number)) for number in STRICT_CODE.findall(plain))
    inner = frozenset(map(int, INNER_CODE.findall(plain)))
    numbers = {_hexadecimal(found) for found in HEX_NUMBER.findall(plain)}
    numbers |= set(WINDOWS_NUMBER.findall(plain))
    if not codes:
        numbers |= set(LOOSE_NUMBER.findall(plain))
        if BARE_NUMBER.fullmatch(plain.strip().strip("()")):
            numbers.add(_hexadecimal(plain.strip().strip("()")))
    is_apple = not codes and APPLE_PROGRAM.search(plain) is not None
    forms = forms_of(HEX_NUMBER.sub(" ", plain))
    return Line(
        tuple(form for form, _word in forms),
        codes=codes - inner,
        inner_codes=inner,
        numbers=frozenset(numbers),
        is_apple=is_apple,
        is_about_phones=is_apple
        or PHONES.search(plain) is not None
        or all(form in NUMBER_WORDS for form, _word in forms),
        is_lockdown=LOCKDOWN.search(plain) is not None,
        written=dict(reversed(forms)),
    )


def _hexadecimal(number: str) -> str:
    return f"0x{number[2:].upper()}" if number[:2].lower() == "0x" else number


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in the forms that are compared."""
    return tuple(form for form, _word in forms_of(text))


def forms_of(text: str) -> list[tuple[str, str]]:
    """The words of a text: the form that is compared, and the word as it is written."""
    same, pairs, ignored = _vocabulary()
    found: list[tuple[str, str]] = []
    for word in WORD.findall(_joined(text, pairs)):
        lower = word.lower()
        word = word.replace("-", " ") if lower in pairs.values() else word
        if name := identifier(word):
            parts = [part.lower() for part in PART.findall(word) if len(part) > 2]
            found.append((name, word))
        elif lower in same:
            parts = [lower]
        else:
            parts = lower.split("-")
        found += [(form, word) for part in parts if part not in ignored and (form := _form(part, same)) not in ignored]
    return found


def identifier(word: str) -> str | None:
    """`PasswordProtected`, `LOCKDOWN_E_PASSWORD_PROTECTED` and `PasswordProtectedError` -> `passwordprotected`."""
    if not IDENTIFIER.fullmatch(word) or word in (
        "iPhone",
        "iPad",
        "iPod",
        "iTunes",
        "iCloud",
        "iOS",
        "iPadOS",
        "macOS",
        "WiFi",
    ):
        return None
    bare = IDENTIFIER_AFFIX.sub("", word)
    is_one_word = bare.isalpha() and (bare.isupper() or bare[1:].islower())
    return (word if is_one_word else bare).replace("_", "").lower()


def _joined(text: str, pairs: dict[str, str]) -> str:
    """Two words that words.toml knows as one: `back up` -> `back-up`."""
    for pair, joined in pairs.items():
        if pair in text.lower():
            text = re.sub(rf"\b{pair}\b", joined, text, flags=re.IGNORECASE)
    return text


def _form(word: str, same: dict[str, str]) -> str:
    word = word.removesuffix("'s")
    if word in same:
        return same[word]
    stem = stemmed(word)
    return same.get(stem, stem)


def stemmed(word: str) -> str:
    """The word without the ending of a plural or a verb; short words stay as they are."""
    for ending, instead, least in (
        ("ies", "y", 5),
        ("sses", "ss", 6),
        ("ing", "", 6),
        ("ed", "", 5),
        ("es", "e", 5),
        ("s", "", 4),
    ):
        if word.endswith(ending) and len(word) >= least and not word.endswith(("ss", "us", "is", "eed")):
            stem = word[: len(word) - len(ending)] + instead
            if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                stem = stem[:-1]
            return stem.removesuffix("e") if ending in ("ing", "ed", "es") else stem
    return word.removesuffix("e") if len(word) > 4 else word


@cache
def _vocabulary() -> tuple[dict[str, str], dict[str, str], frozenset[str]]:
    text = resources.files("migrate.talk.help").joinpath("words.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    same = {word: group[0] for group in data["same"] for word in group}
    pairs = {word.replace("-", " "): word for word in same if "-" in word}
    return same, pairs, frozenset(data["ignored"].split())
