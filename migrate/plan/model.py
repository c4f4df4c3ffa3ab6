"""The plan: what a person agreed to. It holds no secrets and no state.

It is a TOML file because people comment their plans; `read.py` reads one and reports mistakes by line. This module
defines its fields and consistency rules, its digest, and how a run writes it out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from migrate.categories.catalogue import EVERYTHING, load_catalogue

UDID_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z-]{0,63}$"
"""25 or 40 characters on a real phone. It becomes a folder's name, so other characters are refused."""
Udid = Annotated[str, StringConstraints(pattern=UDID_PATTERN)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[tuple[Word, ...], Field(strict=False)]  # TOML has lists, not tuples; items stay strict


def no_default(schema: dict[str, Any]) -> None:
    """Keep a default that depends on another key out of the published schema."""
    schema.pop("default", None)
    if "anyOf" in schema:
        options = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
        schema.update(options[0] if len(options) == 1 else {"anyOf": options})


def category_names(schema: dict[str, Any]) -> None:
    """Put the ids of all categories into the schema, so that editors can suggest them."""
    schema["items"] = {"type": "string", "enum": [EVERYTHING, *load_catalogue().ids]}


def category_and_app_names(schema: dict[str, Any]) -> None:
    schema["items"] = {
        "anyOf": [{"type": "string", "enum": [*load_catalogue().ids]}, {"type": "string", "pattern": r"\."}]
    }


def whole_number(value: object) -> object:
    """Reject `true` and `1.0`, which pydantic's Literal[1] would accept because Python considers them equal to 1."""
    return value if type(value) is int else str(value)


def is_app(word: str) -> bool:
    """Whether an entry of a list names an app: a bundle id contains dots, a category id does not."""
    return "." in word


class Section(BaseModel):
    """One table of a plan. Types are strict: `wipe = "false"` is refused instead of read as true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OldPhone(Section):
    """Where the data comes from. If neither key is set: --old, else the only other connected phone, else it asks."""

    udid: Udid | None = Field(
        default=None, description="The old phone's UDID, as migrate phones shows it.", json_schema_extra=no_default
    )
    backup: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None,
        description="A backup folder to use instead of the old phone, relative to the folder of the plan.",
        json_schema_extra=no_default,
    )

    @model_validator(mode="after")
    def _one_source(self) -> OldPhone:
        if self.udid is not None and self.backup is not None:
            raise PydanticCustomError("two_old_phones", "both udid and backup")
        return self


class NewPhone(Section):
    """Where the data goes, and what state that phone is in."""

    is_: Literal["erased", "in-use"] = Field(
        alias="is",
        description='"erased": a new or erased phone, which becomes like the old one. "in-use": a phone in use, on '
        "which each chosen category replaces its counterpart and everything else stays. It requires encrypted = true "
        "and save_new_phone_first = true.",
    )
    udid: Udid | None = Field(
        default=None,
        description="The new phone's UDID. If absent: --new, else the only other connected phone, else it asks.",
        json_schema_extra=no_default,
    )
    wipe: bool = Field(
        default=False, description='Only with "erased": the new phone may be emptied even if it turns out to be in use.'
    )
    experimental: Annotated[tuple[Literal["overlay", "graft"], ...], Field(strict=False)] = Field(
        default=(),
        description='Only with "in-use": another method than the default, a rebuild. "overlay" sends only what was '
        'chosen, and is refused from iOS 26.6 on; "graft" sends it inside complete copies of what that would delete.',
    )


class BackupOptions(Section):
    """How the old phone is backed up."""

    encrypted: bool = Field(
        default=True,
        description="true: turn backup encryption on if it is off, with the password you give; only encrypted backups "
        "contain passwords, Health data and Wi-Fi networks. false: leave it as it is; it is never turned off.",
    )
    begin: Literal["fresh", "incremental", "as-is"] = Field(
        default="incremental",
        description='"incremental": back up what has changed since the last backup. "fresh": back up everything again. '
        '"as-is": use the last backup; the old phone is not needed.',
    )


class MoveSelection(Section):
    """What moves."""

    categories: Words = Field(
        description='What moves: ["everything"], or a list of categories. [] if only apps move.',
        json_schema_extra=category_names,
    )
    except_: Words = Field(
        default=(),
        alias="except",
        description="Categories, and apps by bundle id, that do not move although categories or apps include them.",
        json_schema_extra=category_and_app_names,
    )
    apps: Literal["all", "none"] | Words = Field(
        default="none",
        description='"all", "none", or a list of bundle ids. If absent: "all" with "everything", else "none".',
        json_schema_extra=no_default,
    )
    may_replace: Words = Field(
        default=(),
        description="For a phone in use: the categories, and apps by bundle id, that may be replaced on the new phone "
        "even if they contain something there.",
        json_schema_extra=category_and_app_names,
    )

    @model_validator(mode="before")
    @classmethod
    def _apps_by_default(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "apps" not in raw:
            categories = raw.get("categories")
            everything = isinstance(categories, list | tuple) and EVERYTHING in categories
            return {**raw, "apps": "all" if everything else "none"}
        return raw

    @field_validator("categories", "except_", "may_replace", mode="after")
    @classmethod
    def _categories_exist(cls, words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        catalogue = load_catalogue()
        known = {*catalogue.ids, EVERYTHING} if info.field_name == "categories" else {*catalogue.ids}
        unknown = [
            word for word in words if word not in known and (info.field_name == "categories" or not is_app(word))
        ]
        if unknown:
            context = {"nearest": {word: catalogue.nearest(word) for word in unknown}, "known": catalogue.ids}
            raise PydanticCustomError("unknown_categories", "no such category", context)
        return words

    @model_validator(mode="after")
    def _something(self) -> MoveSelection:
        chosen = set(load_catalogue().ids if EVERYTHING in self.categories else self.categories) - set(self.except_)
        apps = self.apps == "all" or (self.apps != "none" and set(self.apps) - set(self.except_))
        if not chosen and not apps:
            raise PydanticCustomError("moves_nothing", "nothing is chosen")
        return self


class SafetyOptions(Section):
    """How the move is protected against data loss."""

    save_new_phone_first: bool | None = Field(
        default=None,
        description='Back up the new phone before it is changed. If absent: true for "in-use", false for "erased".',
        json_schema_extra=no_default,
    )
    rehearse: bool = Field(
        default=True,
        description="First restore to a simulated iPhone that resembles the new phone; if that fails, the run stops.",
    )
    prove: bool = Field(default=True, description="Back up the new phone afterwards and compare it with what was sent.")
    accept_unreadable: bool = Field(
        default=False,
        description="Continue even if files of a chosen category could not be read from the old phone.",
    )


class Plan(Section):
    """What a person agreed to: which phones, what moves, and how."""

    version: Annotated[Literal[1], BeforeValidator(whole_number)] = Field(description="The version of the plan format.")
    name: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="Your name for this plan, shown in receipts and lists."
    )
    old_phone: OldPhone = Field(default=OldPhone(), description=OldPhone.__doc__, json_schema_extra=no_default)
    new_phone: NewPhone = Field(description=NewPhone.__doc__)
    backup: BackupOptions = Field(
        default=BackupOptions(), description=BackupOptions.__doc__, json_schema_extra=no_default
    )
    move: MoveSelection = Field(description=MoveSelection.__doc__)
    safety: SafetyOptions = Field(
        default=SafetyOptions(), description=SafetyOptions.__doc__, json_schema_extra=no_default
    )

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        found = list(self._contradictions())
        if found:
            raise PydanticCustomError("contradictions", "settings that contradict each other", {"found": found})
        return self

    def _contradictions(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What is wrong between two settings that are valid by themselves, with what the sentence about it names."""
        if self.old_phone.udid and self.old_phone.udid == self.new_phone.udid:
            yield "same_phone_twice", {"udid": self.old_phone.udid}
        if self.new_phone.is_ == "in-use":
            if self.new_phone.wipe:
                yield "wipe_of_phone_in_use", {}
            if EVERYTHING in self.move.categories:
                yield "everything_onto_phone_in_use", {}
            if not self.backup.encrypted:
                yield "plain_onto_phone_in_use", {}
            if self.safety.save_new_phone_first is False:
                yield "unsaved_phone_in_use", {}
            chosen = set(self.move.categories) - set(self.move.except_)
            for category in load_catalogue().categories:
                if category.id in chosen and category.erased_only is not None:
                    named = {"word": category.id, "title": category.title, "reason": category.erased_only}
                    yield "category_onto_phone_in_use", named
        elif self.new_phone.experimental:
            yield "experimental_onto_erased_phone", {}
        if self.old_phone.backup is not None and self.backup.begin == "fresh":
            yield "fresh_from_folder", {}

    @property
    def backs_up_new_phone_first(self) -> bool:
        """Whether the new phone is backed up before it is changed: as written, else true for a phone in use."""
        if self.safety.save_new_phone_first is None:
            return self.new_phone.is_ == "in-use"
        return self.safety.save_new_phone_first


def digest(plan: Plan) -> str:
    """SHA-256 of the plan's canonical JSON, 64 hex digits. Comments, order and omitted defaults do not change it."""
    canonical = json.dumps(plan.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def to_toml(plan: Plan) -> str:
    """The plan as TOML with every key written out, as a run stores it. Reading it back gives an equal plan."""
    import tomlkit

    document = tomlkit.document()
    for key, value in plan.model_dump(mode="json", by_alias=True, exclude_none=True).items():
        if isinstance(value, dict):
            if not value:
                continue
            table = tomlkit.table()
            for inner_key, inner_value in value.items():
                table.add(inner_key, inner_value)
            document.add(key, table)
        else:
            document.add(key, value)
    return tomlkit.dumps(document)


def schema() -> dict[str, Any]:
    """The JSON Schema of a plan, as published in plans/plan.schema.json, with the categories of this version."""
    plan_schema = Plan.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plan_schema}


def schema_text() -> str:
    """The text of plans/plan.schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
