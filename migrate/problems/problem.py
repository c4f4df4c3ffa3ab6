"""What a problem is, and how its sentences are rendered.

A definition holds everything about one problem in one place: the facts as fields, an exit code or a severity, and three
sentences as `str.format` templates over those facts:

    class PhoneLocked(MigrateError):
        phone: str
        exit_code = 21
        what = "{phone} is locked."
        why = "A locked iPhone sends and receives no data."
        next = "Unlock {phone}, then {again}"

An error is raised and ends the command; `as_finding` turns it into a finding. A finding is noticed and listed;
`as_error` turns it into an error. `talk/` lays the sentences out; only `cli.main()` exits.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, dataclass_transform

from migrate.language import _, mark, plural
from migrate.problems.exit_codes import EXIT_CODES
from migrate.problems.finding import Finding, Severity
from migrate.units import format_bytes

SENTENCES = ("what", "why", "next")
IN_WIZARD = "_in_wizard"
"""`next_in_wizard` replaces `next` on the wizard's pages, where a person has choices and no command line; so for the
other sentences. They may name the choices of MENU."""
MENU: Mapping[str, str] = {
    "try_again": mark("Try again"),
    "change_answer": mark("Change an answer"),
    "stop_here": mark("Stop here and continue later"),
}
"""The choices on the wizard's page of an error: the name in templates -> the label on the page."""
EVERY_SENTENCE = (*SENTENCES, *(sentence + IN_WIZARD for sentence in SENTENCES))
SEVERITIES = ("error", "warning", "info")

Paste = Callable[..., str]
"""Turns the words of a command into text that can be pasted: `paste("resume", "R")` -> `migrate resume R`."""


def paste(*words: str) -> str:
    """`migrate WORDS`, quoted for a shell."""
    return quoted_command("migrate", *words)


def quoted_command(*words: str) -> str:
    """These words as one line that a shell reads as they are, control characters too."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if not _CONTROL.search(word):
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", escaped) + "'"


_CONTROL = re.compile("[\x00-\x1f\x7f]")


class Command:
    """A command of ours that `next` names. Its words are templates; a word that renders to nothing is left out."""

    def __init__(self, *words: str) -> None:
        self.words = words


@dataclass(frozen=True)
class When:
    """One of two values, by whether a fact is set."""

    fact: str
    then: Any
    otherwise: Any


@dataclass(frozen=True)
class Count:
    """The singular or the plural of a template, by a fact that is a number."""

    fact: str
    one: str
    many: str


def when(fact: str, then: Any, *, otherwise: Any) -> Any:
    """`then` where the fact is neither empty, 0 nor False, `otherwise` where it is."""
    return When(fact, then, otherwise)


def by_count(fact: str, one: str, many: str) -> Any:
    """`one` where the fact is 1, `many` otherwise, as the person's language forms its plural."""
    return Count(fact, one, many)


class _Defined:
    """An attribute of a definition that depends on the facts: a sentence, or a severity with two values."""

    def __init__(self, name: str, definition: Any) -> None:
        self.name = name
        self.definition = definition

    def __get__(self, problem: Problem | None, owner: type) -> Any:
        if problem is None:
            return self
        return problem.render(self.name) if self.name != "severity" else _chosen(self.definition, problem)


class RecordPlace(Protocol):
    """Where a record stands in a backup."""

    @property
    def domain(self) -> str: ...
    @property
    def relative_path(self) -> str: ...
    @property
    def file_id(self) -> str: ...


def _own_facts(problem: type) -> dict[str, Any]:
    """The fields that this definition adds, or gives another default."""
    own = vars(problem)
    annotations = own.get("__annotations__", {})
    return {name: own.get(name, MISSING) for name, kind in annotations.items() if not str(kind).startswith("ClassVar")}


@dataclass_transform(eq_default=False)
class Problem(Exception):
    """Something that went wrong or was noticed. Subclasses are definitions; `abstract=True` marks a mere base.

    Raises (when a subclass is defined):
        TypeError: the definition is incomplete; the message names what to add.
    """

    code: ClassVar[str]
    """The class's name as scripts see it: `PhoneLocked` is `phone-locked`. Several findings may share a code."""
    exit_code: ClassVar[int] = 0
    """0: it ends no command."""
    abstract: ClassVar[bool] = True
    facts: ClassVar[Mapping[str, Any]] = {}
    """The fields of the definition, in order -> their default, or MISSING."""

    list_backups = Command("backups")
    list_phones = Command("phones")
    list_runs = Command("runs")
    back_up_phone = Command("backup")
    repair_backup = Command("repair", "BACKUP")
    run_plan = Command("run", "PLAN")
    show_backup = Command("show", "BACKUP")
    verify_backup = Command("verify", "BACKUP")

    if TYPE_CHECKING:

        @property
        def severity(self) -> Severity: ...
        @property
        def what(self) -> str:
            """What happened, in the person's words."""

        @property
        def why(self) -> str:
            """The cause, and whether data is safe."""

        @property
        def next(self) -> str:
            """The one thing to do, beginning with a verb."""

    else:
        severity = "error"

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__()
        cls.abstract = abstract
        cls.facts = {**cls.facts, **_own_facts(cls)}
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        for name in (*EVERY_SENTENCE, "severity"):
            definition = vars(cls).get(name)
            if definition is not None and (name != "severity" or isinstance(definition, When)):
                setattr(cls, name, _Defined(name, definition))
        if not abstract:
            _check(cls)

    def __init__(self, *values: Any, **named: Any) -> None:
        """The facts by position or name, as a dataclass takes them. One `__init__` for all: making one for each of 300
        definitions took a third of the time of `migrate --help`."""
        super().__init__(*values)
        facts = type(self).facts
        given = dict(zip(facts, values, strict=False))
        if len(values) > len(facts) or given.keys() & named.keys() or named.keys() - facts.keys():
            raise TypeError(f"{type(self).__name__} takes {tuple(facts)}, not {values} and {named}")
        given.update(named)
        for name, default in facts.items():
            value = given.get(name, default)
            if value is MISSING:
                raise TypeError(f"{type(self).__name__} needs {name}")
            self.__dict__[name] = value

    @property
    def again(self) -> str | Command:
        """How to try again, as `{again}` says it. A run that can be resumed names its command here."""
        return cast("str | Command", self.__dict__.get("_again", ""))

    @again.setter
    def again(self, how: str | Command) -> None:
        self.__dict__["_again"] = how

    def render(self, sentence: str, paste: Paste = paste, *, in_wizard: bool = False) -> str:
        """`what`, `why` or `next` with the facts filled in, its commands turned into text by `paste`.

        `in_wizard`: as the wizard says it, which names its choices where it has one for what is to be done.
        """
        cls = type(self)
        has_other_form = in_wizard and hasattr(cls, sentence + IN_WIZARD)
        defined: _Defined = getattr(cls, sentence + IN_WIZARD if has_other_form else sentence)
        return _TEMPLATES.vformat(_translated(defined.definition, self), (), _Facts(self, paste, in_wizard))

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.next}"

    def as_json(self) -> dict[str, str | int]:
        """The object under `error` in every `--json` answer (contract 4)."""
        return {
            "code": self.code,
            "what": self.what,
            "why": self.why,
            "next": self.next,
            "exit_code": self.exit_code,
        }

    def as_finding(self, severity: Severity | None = None) -> Finding:
        """The problem as a finding; `severity` where this occurrence is graver or milder than most."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            what=self.what,
            why=self.why,
            next=self.next,
            phone=getattr(self, "phone", None),
            domain=getattr(self, "domain", None),
            relative_path=getattr(self, "relative_path", None),
            file_id=getattr(self, "file_id", None),
            categories=tuple(getattr(self, "categories", ())),
        )


class MigrateError(Problem, abstract=True):
    """A problem that ends the command. Its definition has an exit code."""

    @property
    def together(self) -> tuple[MigrateError, ...]:
        """This error and others that were found with it. Most come alone."""
        return (self,)

    def as_answer(self) -> dict[str, Any]:
        """The whole `--json` answer; with `errors` where several were found together."""
        answer: dict[str, Any] = {"error": self.as_json()}
        return answer if len(self.together) == 1 else {**answer, "errors": [one.as_json() for one in self.together]}


LONGEST_NAME = 300


class RecordProblem(Problem, abstract=True):
    """A problem of one record of a backup."""

    domain: str
    relative_path: str
    file_id: str

    @property
    def file(self) -> str:
        """What the sentences call the record."""
        return shortened(f"{self.domain or '?'} {self.relative_path or self.file_id}".rstrip(), LONGEST_NAME)

    @classmethod
    def of(cls, record: RecordPlace, **facts: Any) -> Self:
        """The problem of `record`."""
        return cls(domain=record.domain, relative_path=record.relative_path, file_id=record.file_id, **facts)


# -- checking a definition -------------------------------------------------------------------------------------------


def _check(problem: type[Problem]) -> None:
    name = problem.__name__
    for sentence in SENTENCES:
        defined = getattr(problem, sentence, None)
        if not isinstance(defined, _Defined) or not isinstance(defined.definition, str | When | Count):
            raise TypeError(f'{name} has no template for `{sentence}`. Add the line: {sentence} = "…"')
    for sentence in EVERY_SENTENCE:
        defined = getattr(problem, sentence, None)
        for template in alternatives(defined.definition) if isinstance(defined, _Defined) else ():
            _check_names(problem, template, sentence)
    for command in (value for value in vars(problem).values() if isinstance(value, Command)):
        for word in command.words:
            _check_names(problem, word, "a command")
    severity = getattr(problem, "severity")  # noqa: B009  (to mypy it is a property)
    for value in alternatives(severity.definition) if isinstance(severity, _Defined) else [severity]:
        if value not in SEVERITIES:
            raise TypeError(f"{name} has the severity {value!r}. Use one of: {', '.join(SEVERITIES)}")
    if problem.exit_code not in EXIT_CODES:
        raise TypeError(
            f"{name} has the exit code {problem.exit_code}, which has no meaning yet. "
            "Add a line for it to EXIT_CODES in migrate/problems/exit_codes.py, and to the tables in "
            "docs/reference.md and docs/contract.md"
        )
    if not problem.exit_code and (issubclass(problem, MigrateError) or severity == "error"):
        raise TypeError(f"{name} ends a command but has no exit code. Add the line: exit_code = …")


def _check_names(problem: type[Problem], template: str, place: str) -> None:
    known = problem.facts
    for _literal, field, _spec, _conversion in Formatter().parse(template):
        name = re.split(r"[.\[]", field)[0] if field is not None else "again"
        if name not in known and not hasattr(problem, name) and not (place.endswith(IN_WIZARD) and name in MENU):
            raise TypeError(
                f"{problem.__name__}: {place} names {{{name}}}, which it does not have. "
                f"Add the field `{name}: str` or the command `{name} = Command(…)`"
            )


def alternatives(definition: Any) -> Iterator[str]:
    """Every template that a sentence may be rendered from."""
    for one, many in plural_forms(definition):
        yield from (one,) if many is None else (one, many)


def plural_forms(definition: Any) -> Iterator[tuple[str, str | None]]:
    """The same, each with its plural form if it has one."""
    match definition:
        case When(fact=_, then=then, otherwise=otherwise):
            yield from plural_forms(then)
            yield from plural_forms(otherwise)
        case Count(fact=_, one=one, many=many):
            yield one, many
        case str():
            yield definition, None


# -- rendering -------------------------------------------------------------------------------------------------------


def _chosen(definition: Any, problem: Problem) -> Any:
    while isinstance(definition, When):
        definition = definition.then if getattr(problem, definition.fact) else definition.otherwise
    return definition


def _translated(definition: Any, problem: Problem) -> str:
    chosen = _chosen(definition, problem)
    if isinstance(chosen, Count):
        return plural(chosen.one, chosen.many, getattr(problem, chosen.fact))
    return _(chosen)


AGAIN, AGAIN_WITH = mark("run the same command again."), mark("run: {command}")
CHOOSE_AGAIN = mark("choose: Try again")


class _Facts(Mapping[str, Any]):
    """The facts of a problem as its templates name them."""

    def __init__(self, problem: Problem, paste: Paste, in_wizard: bool) -> None:
        self._problem = problem
        self._paste = paste
        self._in_wizard = in_wizard

    def __getitem__(self, name: str) -> Any:
        if name == "again":
            return _(CHOOSE_AGAIN) if self._in_wizard else self._again()
        if self._in_wizard and name in MENU:
            return _(MENU[name])
        value = getattr(self._problem, name)
        if isinstance(value, Command):
            return self._pasted(value)
        if isinstance(value, Problem):  # its own sentences, with this problem's way to try again
            if self._problem.again:
                value.again = self._problem.again
            rendered = {one: value.render(one, self._paste, in_wizard=self._in_wizard) for one in SENTENCES}
            return SimpleNamespace(**rendered)
        if name.endswith("_bytes"):
            return format_bytes(value)
        return value

    def _again(self) -> str:
        again = self._problem.again
        if isinstance(again, Command):
            return _(AGAIN_WITH).format(command=self._pasted(again))
        return again or _(AGAIN)

    def _pasted(self, command: Command) -> str:
        words = (_WORDS.vformat(word, (), self) for word in command.words)
        return self._paste(*(word for word in words if word))

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Templates(Formatter):
    """`str.format` with readable lists (`{seen}`, or `{titles:; }` for another separator), `!c` for a capital first
    letter, and `*_bytes` in KB, MB or GB."""

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion == "c":
            return (_capital(value[0]), *value[1:]) if isinstance(value, tuple) and value else _capital(str(value))
        return super().convert_field(value, cast(Any, conversion))

    def format_field(self, value: Any, format_spec: str) -> str:
        return shortened(self.format_fact(value, format_spec))

    def format_fact(self, value: Any, format_spec: str) -> str:
        if isinstance(value, tuple):
            return (format_spec or ", ").join(map(str, value))
        return str(value) if isinstance(value, Path) else str(super().format_field(value, format_spec))


class _Words(_Templates):
    """The words of commands: pasted, so never changed."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return self.format_fact(value, format_spec)


_TEMPLATES, _WORDS = _Templates(), _Words()

LONGEST_FACT = 1000
"""Characters of one fact in a sentence. iOS allows paths of 1,024 bytes; a hostile backup names what it likes."""


def shortened(text: str, longest: int = LONGEST_FACT) -> str:
    """`text` on one line, and without its middle where it is longer. Most facts are from a phone or a backup."""
    line = _BREAKS.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(line) <= longest:
        return line
    return f"{line[: longest // 2]}…{line[len(line) - (longest - longest // 2 - 1) :]}"


_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
