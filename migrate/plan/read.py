"""Read a plan file, and report what is wrong with it by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
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
            value of the wrong type, or settings that contradict each other.
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
        raise _most_helpful_error(PlanText(path, text), refused) from None


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


def _most_helpful_error(plan_text: PlanText, refused: ValidationError) -> MigrateError:
    """The most useful of several mistakes: an unknown (misspelled) key before the missing key that it may stand for."""
    order = {"extra_forbidden": 0, "missing": 2}
    mistakes = sorted(refused.errors(include_url=False), key=lambda mistake: order.get(mistake["type"], 1))
    mistake: Mapping[str, Any] = mistakes[0]
    path = str(plan_text.path)
    keys: Location = tuple(str(part) for part in mistake["loc"] if isinstance(part, str))
    kind = mistake["type"]
    if kind == "extra_forbidden":
        return _unknown_key(plan_text, keys)
    if kind == "missing":
        *tables, key = keys
        return problems.PlanKeyMissing(path, 0, key, ".".join(tables), _(EXAMPLES.get(keys, f"{key} = …")))
    if kind == "unknown_category":
        word, meant, known = (mistake["ctx"][name] for name in ("word", "nearest", "known"))
        return problems.PlanCategoryUnknown(path, plan_text.line_of(keys, word), word, keys[-1], meant, known)
    if kind == "same_phone_twice":
        return problems.SamePhoneTwice(mistake["input"]["old_phone"]["udid"])
    if kind == "category_onto_phone_in_use":
        word, title, reason = (mistake["ctx"][name] for name in ("word", "title", "reason"))
        line = plan_text.line_of(("move", "categories"), word)
        return problems.CategoryOntoPhoneInUse(path, line, word, _(title), _(reason))
    if kind in CONTRADICTIONS:
        where, contradiction = CONTRADICTIONS[kind]
        return contradiction(path, plan_text.line_of(where))
    return _wrong_value(plan_text, keys, mistake)


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
