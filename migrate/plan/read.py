"""Read a plan file, and report what is wrong with it by line."""

from __future__ import annotations

import copy
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from migrate import problems
from migrate.categories.catalogue import nearest_of
from migrate.language import _, mark
from migrate.plan.model import UDID_PATTERN, Plan
from migrate.problems import MigrateError, PlanInvalid

LIMIT_BYTES = 1_000_000
"""A plan is a page of text; the longest sample has 3 KB. A file this large is something else."""


def read_plan(path: Path) -> Plan:
    """The plan in `path`, checked, with `[old_phone] backup` made absolute (it is relative to the plan's folder).

    Raises:
        PlanInvalid: one of its subclasses, with the line: not TOML, a missing or unknown key, an unknown category, a
            value of the wrong type, or settings that contradict each other. Its `others` are the other mistakes.
        SamePhoneTwice: it names the same phone as old and new.
    """
    text = _text(path)
    raw = _toml(path, text)
    _refuse_other_version(path, text, raw)
    old_phone = raw.get("old_phone")
    if isinstance(old_phone, dict) and isinstance(old_phone.get("backup"), str) and old_phone["backup"]:
        old_phone["backup"] = str((path.parent / Path(old_phone["backup"]).expanduser()).resolve())
    try:
        return Plan.model_validate(raw)
    except ValidationError as refused:
        first, *others = _mistakes(PlanText(path, text), raw, refused)
        if isinstance(first, PlanInvalid):
            first.others = tuple(others)
        raise first from None


def override_phones(
    plan: Plan, *, old: str | None = None, old_backup: Path | None = None, new: str | None = None
) -> Plan:
    """The plan with the phones given by `--old`, `--old-backup` and `--new`.

    Raises:
        UdidInvalid: a value is not a valid UDID.
        SamePhoneTwice: old and new phone would be the same.
    """
    raw = plan.model_dump(by_alias=True, exclude_none=True)
    for udid in (old, new):
        if udid is not None and not re.fullmatch(UDID_PATTERN, udid):
            raise problems.UdidInvalid(udid)
    if old is not None:
        raw["old_phone"] = {"udid": old}
    if old_backup is not None:
        raw["old_phone"] = {"backup": str(old_backup.expanduser().resolve())}
        raw["backup"]["begin"] = "as-is"
    if new is not None:
        raw["new_phone"]["udid"] = new
    if (same := raw["new_phone"].get("udid")) and raw["old_phone"].get("udid") == same:
        raise problems.SamePhoneTwice(same)
    return Plan.model_validate(raw)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise problems.PlanMissing(str(path), 0, error.strerror or type(error).__name__) from error
    if len(data) > LIMIT_BYTES:
        too_long = _("it is longer than {limit:,} bytes, no plan is").format(limit=LIMIT_BYTES)
        raise problems.PlanNotToml(str(path), 0, too_long)
    try:
        return data.decode("utf-8-sig")  # Windows editors put a byte-order mark in front
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise problems.PlanNotToml(str(path), line, _("it is not UTF-8 text")) from error


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        line = int(where.group(1)) if where else text.count("\n") + 1  # "at end of document"
        reason = re.sub(r" \(at .*\)$", "", str(error)) or _("it is nested too deeply")
        raise problems.PlanNotToml(str(path), line, reason) from error


def _refuse_other_version(path: Path, text: str, raw: Mapping[str, Any]) -> None:
    """Checked first, because other mistakes in a plan of another version may not be mistakes there."""
    version = raw.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version != 1:
        raise problems.PlanTooNew(str(path), PlanText(path, text).line_of(("version",)), str(version))


# -- line numbers ----------------------------------------------------------------------------------------------------

Location = tuple[str, ...]


@dataclass(frozen=True)
class PlanText:
    """A plan's text, used to find the line of a key, because TOML readers do not keep line numbers."""

    path: Path
    text: str

    def line_of(self, keys: Location, word: str | None = None) -> int:
        """The line of `keys` (table, key), or of the quoted `word` at or below it. 0: not found.

        Recognises `[table]` headers, `key = …` and `table.key = …`. Other valid notations give 0, because a wrong line
        would be worse than none.
        """
        *tables, key = keys
        wanted, table = list(tables), list[str]()
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$", line)
            if header:
                table = _dotted(header.group(1))
                if table == [*wanted, key]:
                    return number
                continue
            assigned = re.match(r"""\s*([A-Za-z0-9_."'\- ]+?)\s*=""", line)
            if assigned and [*table, *_dotted(assigned.group(1))] == [*wanted, key]:
                return self._line_of_word(number, word) if word else number
        return 0

    def _line_of_word(self, begin: int, word: str) -> int:
        for number, line in enumerate(self.text.splitlines()[begin - 1 :], begin):
            if f'"{word}"' in line or f"'{word}'" in line:
                return number
        return begin


def _dotted(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]


# -- errors ----------------------------------------------------------------------------------------------------------


def _mistakes(plan_text: PlanText, raw: dict[str, Any], refused: ValidationError) -> Sequence[MigrateError]:
    """Every mistake, from the first line to the last; those without a line come last.

    Settings are only compared with each other where each of them is valid, so a plan whose keys and words are merely
    misspelt is looked at a second time as it was probably meant.
    """
    found, kinds = list[MigrateError](), set[str]()
    meant = copy.deepcopy(raw)
    for mistake in refused.errors(include_url=False):
        kinds.add(mistake["type"])
        keys = tuple(str(part) for part in mistake["loc"] if isinstance(part, str))
        found += _errors_of(plan_text, keys, mistake)
        _correct(meant, keys, mistake)
    if kinds <= CORRECTED:
        try:
            Plan.model_validate(meant)
        except ValidationError as contradictory:
            for mistake in contradictory.errors(include_url=False):
                if mistake["type"] == "contradictions":
                    found += _errors_of(plan_text, (), mistake)
    misspelt = {(error.table, error.nearest) for error in found if isinstance(error, problems.PlanKeyUnknown)}
    found = [
        error
        for error in found
        if not (isinstance(error, problems.PlanKeyMissing) and (error.table, error.key) in misspelt)
    ]
    return sorted(found, key=lambda error: getattr(error, "line", 0) or sys.maxsize)


CORRECTED = frozenset({"extra_forbidden", "unknown_categories"})


def _correct(meant: dict[str, Any], keys: Location, mistake: Mapping[str, Any]) -> None:
    """Take the misspelling out of the plan that is meant: an unknown key goes, an unknown word is the nearest one."""
    if mistake["type"] not in CORRECTED:
        return
    *tables, key = keys
    section: dict[str, Any] = meant
    for table in tables:
        section = section[table]
    if mistake["type"] == "extra_forbidden":
        del section[key]
    else:
        nearest = mistake["ctx"]["nearest"]
        section[key] = [nearest.get(word) or word for word in section[key]]


def _errors_of(plan_text: PlanText, keys: Location, mistake: Mapping[str, Any]) -> Iterator[MigrateError]:
    path = str(plan_text.path)
    match mistake["type"]:
        case "extra_forbidden":
            yield _unknown_key(plan_text, keys)
        case "missing":
            *tables, key = keys
            yield problems.PlanKeyMissing(path, 0, key, ".".join(tables), _(EXAMPLES.get(keys, f"{key} = …")))
        case "unknown_categories":
            for word, nearest in mistake["ctx"]["nearest"].items():
                line, known = plan_text.line_of(keys, word), mistake["ctx"]["known"]
                yield problems.PlanCategoryUnknown(path, line, word, keys[-1], nearest, known)
        case "contradictions":
            for kind, named in mistake["ctx"]["found"]:
                yield _contradiction(plan_text, kind, named)
        case "two_old_phones" | "moves_nothing" as kind:
            yield _contradiction(plan_text, kind, {})
        case _:
            yield _wrong_value(plan_text, keys, mistake)


def _contradiction(plan_text: PlanText, kind: str, named: Mapping[str, str]) -> MigrateError:
    path = str(plan_text.path)
    if kind == "same_phone_twice":
        return problems.SamePhoneTwice(named["udid"])
    if kind == "category_onto_phone_in_use":
        line = plan_text.line_of(("move", "categories"), named["word"])
        return problems.CategoryOntoPhoneInUse(path, line, named["word"], _(named["title"]), _(named["reason"]))
    where, contradiction = CONTRADICTIONS[kind]
    return contradiction(path, plan_text.line_of(where))


CONTRADICTIONS: Mapping[str, tuple[Location, Callable[[str, int], PlanInvalid]]] = {
    "two_old_phones": (("old_phone", "backup"), problems.TwoOldPhones),
    "fresh_from_folder": (("backup", "begin"), problems.FreshFromFolder),
    "wipe_of_phone_in_use": (("new_phone", "wipe"), problems.WipeOfPhoneInUse),
    "everything_onto_phone_in_use": (("move", "categories"), problems.EverythingOntoPhoneInUse),
    "plain_onto_phone_in_use": (("backup", "encrypted"), problems.PlainOntoPhoneInUse),
    "unsaved_phone_in_use": (("safety", "save_new_phone_first"), problems.UnsavedPhoneInUse),
    "experimental_onto_erased_phone": (("new_phone", "experimental"), problems.ExperimentalOntoErasedPhone),
    "moves_nothing": (("move", "categories"), problems.PlanMovesNothing),
}

EXAMPLES: Mapping[Location, str] = {
    ("version",): "version = 1",
    ("new_phone",): mark('[new_phone] and below it: is = "erased" (or "in-use")'),
    ("new_phone", "is"): mark('is = "erased" (or "in-use")'),
    ("move",): mark('[move] and below it: categories = ["everything"]'),
    ("move", "categories"): 'categories = ["everything"]',
}


def _unknown_key(plan_text: PlanText, keys: Location) -> PlanInvalid:
    *tables, key = keys
    model: type[BaseModel] = Plan
    for table in tables:
        inner = next(field.annotation for name, field in model.model_fields.items() if (field.alias or name) == table)
        assert isinstance(inner, type) and issubclass(inner, BaseModel)  # only sections have keys
        model = inner
    known = tuple(field.alias or name for name, field in model.model_fields.items())
    line = plan_text.line_of(keys)
    return problems.PlanKeyUnknown(
        str(plan_text.path), line, key, ".".join(tables), nearest_of(key.lower().replace("-", "_"), known), known
    )


WANTED: Mapping[Location, str] = {
    ("version",): "1",
    ("name",): mark("a text of at most 200 characters"),
    ("old_phone", "udid"): mark("a UDID, as migrate phones shows it"),
    ("old_phone", "backup"): mark("the name of a backup folder"),
    ("new_phone", "udid"): mark("a UDID, as migrate phones shows it"),
    ("new_phone", "experimental"): mark('[], ["overlay"] or ["graft"]'),
    ("move", "categories"): mark('a list of categories, such as ["photos", "messages"]'),
    ("move", "except"): mark('a list of categories, such as ["photos", "messages"]'),
    ("move", "may_replace"): mark('a list of categories, such as ["photos", "messages"]'),
    ("move", "apps"): mark('"all", "none", or a list of bundle ids such as ["org.example.diary"]'),
}


def _wrong_value(plan_text: PlanText, keys: Location, mistake: Mapping[str, Any]) -> PlanInvalid:
    keys = _without_union_branches(keys)
    choices = re.findall(r"'([^']*)'", mistake["ctx"]["expected"]) if mistake["type"] == "literal_error" else []
    if keys in WANTED:
        wanted = _(WANTED[keys])
    elif choices:
        wanted = _(" or ").join(f'"{choice}"' for choice in choices)
    elif mistake["type"] == "bool_type":
        wanted = _("true or false, without quotation marks")
    else:  # the rest are tables given as something else
        wanted = _("a table: [{table}] on a line of its own, its keys below it").format(table=".".join(keys))
    found = mistake["input"]
    meant = nearest_of(found.lower().replace("_", "-"), choices) if isinstance(found, str) else ""
    line = plan_text.line_of(keys, found if isinstance(found, str) else None)
    return problems.PlanValueWrong(
        str(plan_text.path), line, ".".join(keys), _shown(found), wanted, meant and f'"{meant}"'
    )


def _without_union_branches(keys: Location) -> Location:
    """`keys` without the union branches that pydantic appends: `move.apps.literal[…]` becomes `move.apps`."""
    return next((keys[:count] for count in range(1, len(keys) + 1) if keys[:count] in WANTED), keys)


def _shown(found: Any) -> str:
    """A value as TOML writes it, shortened."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, dict):
        return _("a table")
    if isinstance(found, list):
        return _("a list") if found else "[]"
    text = f'"{found}"' if isinstance(found, str) else str(found)
    return text if len(text) <= 60 else f"{text[:57]}…"
