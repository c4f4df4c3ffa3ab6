"""The plan: what a person agreed to. No secret, no state.

It is a TOML file because people comment their plans; `read.py` reads one and says what is wrong with it by line.
Here are its shape and its own consistency, and the two things a run does with it: take its digest and freeze it.
"""

from __future__ import annotations

import hashlib
import json
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
"""25 or 40 characters on a real phone. It becomes a folder's name, so nothing else is let through."""
Udid = Annotated[str, StringConstraints(pattern=UDID_PATTERN)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[tuple[Word, ...], Field(strict=False)]  # TOML knows lists only; items stay strict


def no_default(schema: dict[str, Any]) -> None:
    """Keep a default that depends on another key out of the published schema."""
    schema.pop("default", None)
    if "anyOf" in schema:
        options = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
        schema.update(options[0] if len(options) == 1 else {"anyOf": options})


def category_names(schema: dict[str, Any]) -> None:
    """Publish the ids of all categories, so that an editor can offer them."""
    schema["items"] = {"type": "string", "enum": [EVERYTHING, *load_catalogue().ids]}


def category_and_app_names(schema: dict[str, Any]) -> None:
    schema["items"] = {
        "anyOf": [{"type": "string", "enum": [*load_catalogue().ids]}, {"type": "string", "pattern": r"\."}]
    }


def whole_number(value: object) -> object:
    """Python takes `true` and `1.0` for 1, and a literal compares as Python does."""
    return value if type(value) is int else str(value)


def is_app(word: str) -> bool:
    """Whether a word of a list names an app: a bundle id has dots, a category has none."""
    return "." in word


class Section(BaseModel):
    """One table of a plan. Strict: `wipe = "false"` is refused, not read as true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OldPhone(Section):
    """Where the data comes from. Neither key: the only other phone, --old, or asked."""

    udid: Udid | None = Field(
        default=None, description="The old phone's UDID (migrate phones shows it).", json_schema_extra=no_default
    )
    backup: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None,
        description="A backup folder that stands in for the old phone; relative to the plan's own folder.",
        json_schema_extra=no_default,
    )

    @model_validator(mode="after")
    def _one_source(self) -> OldPhone:
        if self.udid is not None and self.backup is not None:
            raise PydanticCustomError("two_old_phones", "both udid and backup")
        return self


class NewPhone(Section):
    """Where the data goes, and what that phone is."""

    is_: Literal["erased", "in-use"] = Field(
        alias="is",
        description='"erased": new or erased, it becomes the old phone. "in-use": it stays as it is, and each chosen '
        "category replaces its counterpart.",
    )
    udid: Udid | None = Field(
        default=None,
        description="The new phone's UDID. Absent: the only other phone, --new, or asked.",
        json_schema_extra=no_default,
    )
    wipe: bool = Field(
        default=False, description='Only with "erased": the phone may be emptied although it turns out to be in use.'
    )
    experimental: Annotated[tuple[Literal["graft"], ...], Field(strict=False)] = Field(
        default=(),
        description='The explicit word for what is proven on no iPhone: "graft", for phones in use on iOS 27 and '
        "on versions nobody has looked at.",
    )


class BackupOptions(Section):
    """How the old phone is saved."""

    encrypted: bool = Field(
        default=True,
        description="true: turn backup encryption on if it is off, with the password you give; only encrypted backups "
        "hold passwords, Health and Wi-Fi. false: never turns it off.",
    )
    begin: Literal["fresh", "incremental", "as-is"] = Field(
        default="incremental",
        description='"incremental": save what changed since the last time. "fresh": save all of it anew. "as-is": use '
        "the last saved backup; the old phone is not needed.",
    )


class MoveSelection(Section):
    """What moves."""

    categories: Words = Field(
        description='What moves: "everything", or categories by name. [] when only apps move.',
        json_schema_extra=category_names,
    )
    except_: Words = Field(
        default=(),
        alias="except",
        description="Categories, and apps by bundle id, that stay behind after all.",
        json_schema_extra=category_and_app_names,
    )
    apps: Literal["all", "none"] | Words = Field(
        default="none",
        description='"all", "none", or a list of bundle ids. Absent: "all" with everything, otherwise "none".',
        json_schema_extra=no_default,
    )
    may_replace: Words = Field(
        default=(),
        description="For a phone in use: the categories, and apps by bundle id, whose counterpart on the new phone may "
        "be replaced although it is not empty.",
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
        for word in words:
            fits = (word == EVERYTHING) if info.field_name == "categories" else is_app(word)
            if not fits and word not in catalogue.ids:
                context = {"word": word, "nearest": catalogue.nearest(word), "known": catalogue.ids}
                raise PydanticCustomError("unknown_category", "no such category", context)
        return words

    @model_validator(mode="after")
    def _something(self) -> MoveSelection:
        chosen = set(load_catalogue().ids if EVERYTHING in self.categories else self.categories) - set(self.except_)
        apps = self.apps == "all" or (self.apps != "none" and set(self.apps) - set(self.except_))
        if not chosen and not apps:
            raise PydanticCustomError("moves_nothing", "nothing is chosen")
        return self


class SafetyOptions(Section):
    """What is done so that nothing can be lost."""

    save_new_phone_first: bool | None = Field(
        default=None,
        description='Save the new phone before it is changed. Absent: true for "in-use", false for "erased".',
        json_schema_extra=no_default,
    )
    rehearse: bool = Field(
        default=True,
        description="Restore to a simulated iPhone like the new phone first; what goes wrong there stops the run.",
    )
    prove: bool = Field(default=True, description="Save the new phone afterwards and compare it with what was sent.")
    accept_unreadable: bool = Field(
        default=False,
        description="Go on although files of a chosen category could not be read from the old phone.",
    )


class Plan(Section):
    """What a person agreed to: which phones, what moves, and how."""

    version: Annotated[Literal[1], BeforeValidator(whole_number)] = Field(description="The version of this notation.")
    name: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="What you call this plan; receipts and lists show it."
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
        if self.old_phone.udid and self.old_phone.udid == self.new_phone.udid:
            raise PydanticCustomError("same_phone_twice", "one phone in both roles")
        if self.new_phone.is_ == "in-use":
            if self.new_phone.wipe:
                raise PydanticCustomError("wipe_of_phone_in_use", "wipe with in-use")
            if EVERYTHING in self.move.categories:
                raise PydanticCustomError("everything_onto_phone_in_use", "everything with in-use")
            if "passwords" in set(self.move.categories) - set(self.move.except_):
                raise PydanticCustomError("passwords_onto_phone_in_use", "passwords with in-use")
        if self.old_phone.backup is not None and self.backup.begin == "fresh":
            raise PydanticCustomError("fresh_from_folder", "fresh with a folder")
        return self

    @property
    def backs_up_new_phone_first(self) -> bool:
        """Whether the new phone is saved before it is changed: as written, else true for a phone in use."""
        if self.safety.save_new_phone_first is None:
            return self.new_phone.is_ == "in-use"
        return self.safety.save_new_phone_first


def digest(plan: Plan) -> str:
    """SHA-256 of the plan's canonical JSON, 64 hex digits. Comments, order and defaults left out do not change it."""
    canonical = json.dumps(plan.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def to_toml(plan: Plan) -> str:
    """The plan as TOML with every key written out: what a run freezes. Reading it back gives an equal plan."""
    import tomlkit

    document = tomlkit.document()
    for key, value in plan.model_dump(mode="json", by_alias=True, exclude_none=True).items():
        if isinstance(value, dict):
            if not value:
                continue
            table = tomlkit.table()
            for inner, what in value.items():
                table.add(inner, what)
            document.add(key, table)
        else:
            document.add(key, value)
    return tomlkit.dumps(document)


def schema() -> dict[str, Any]:
    """The JSON Schema of a plan, as published in plans/plan.schema.json. It names the categories of this version."""
    made = Plan.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    """The text of plans/plan.schema.json, which a test compares with this."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
