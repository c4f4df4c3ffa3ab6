"""What makes a move impossible, or doubtful, as soon as the facts for it are known: before any backup."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.plan import preflight
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    ERASED,
    IN_USE,
    is_new_phone_in_use,
    new_phone,
    old_backup_contents,
    old_phone,
)
from migrate.plan.interview.observations import MoveFacts, old_folder, old_phone_key
from migrate.plan.model import Plan
from migrate.plan.strategy import refuse_newer_backup
from migrate.problems import (
    BackupNewerThanPhone,
    EverythingMayNotFit,
    LittleRoomHere,
    MigrateError,
    Problem,
    RebuildDoesNotFit,
    TooLittleSpaceHere,
)


def is_final(problem: Problem) -> bool:
    """Whether the move cannot succeed as long as this stays so; otherwise it is an estimate."""
    return isinstance(problem, BackupNewerThanPhone | TooLittleSpaceHere)


def refused_version(facts: MoveFacts, answers: Answers) -> MigrateError | None:
    """The error if the new phone's iOS will not take a backup of the old phone's. None: it will, or it is not known."""
    old, new = old_phone(facts, answers), new_phone(facts, answers)
    if new is None:
        return None
    backup = next((one for one in facts.backups if one.folder == old_phone_key(answers)), None)
    version = backup.ios_version if backup else old.ios_version if old else None
    known = preflight.MoveFacts(old=old) if old and not backup else preflight.MoveFacts()
    try:
        refuse_newer_backup(
            version, new.ios_version, phone=new.name_or_model, required=preflight.required_ios_version(known)
        )
    except BackupNewerThanPhone as error:
        return error
    return None


def space_obstacles(facts: MoveFacts, answers: Answers) -> tuple[Problem, ...]:
    """What may not fit: the backups on this computer, and the data on the new phone."""
    if not facts.with_phones:
        return ()
    return (*_room_here(facts, answers), *_room_there(facts, answers))


def _room_here(facts: MoveFacts, answers: Answers) -> Iterator[Problem]:
    computer = facts.computer
    if computer is None or computer.free_bytes is None:
        return
    old, new = old_phone(facts, answers), new_phone(facts, answers)
    sizes = computer.backup_bytes
    known = preflight.MoveFacts(
        old=old,
        new=new,
        home=computer.folder,
        home_free_bytes=computer.free_bytes,
        hard_links_work=computer.hard_links_work,
        working_backup_bytes=sizes.get(old.udid, 0) if old else 0,
        new_backup_bytes=sizes.get(new.udid, 0) if new else 0,
    )
    plan = _whichever_plan(facts, answers)
    try:
        preflight.refuse_full_disk(plan, known)
    except TooLittleSpaceHere as error:
        yield error
        return
    most = preflight.needed_bytes(plan, known)
    if most and most + preflight.SPARE_BYTES > computer.free_bytes:
        yield LittleRoomHere(computer.free_bytes, most)


def _whichever_plan(facts: MoveFacts, answers: Answers) -> Plan:
    """A plan with these phones. What moves is not known yet, and what is stored here does not depend on it."""
    from_folder = old_folder(facts, answers) is not None
    return Plan.model_validate(
        {
            "version": 1,
            "old_phone": {"backup": "."} if from_folder else {},
            "new_phone": {"is": IN_USE if is_new_phone_in_use(answers) else ERASED},
            "backup": {"begin": "as-is" if from_folder else "incremental"},
            "move": {"categories": ["contacts"]},
        }
    )


def _room_there(facts: MoveFacts, answers: Answers) -> Iterator[Problem]:
    old, new = old_phone(facts, answers), new_phone(facts, answers)
    if new is None or new.free_bytes is None:
        return
    if is_new_phone_in_use(answers):
        if new.used_bytes is not None and new.used_bytes > new.free_bytes:
            yield RebuildDoesNotFit(new.name_or_model, new.udid, new.free_bytes, new.used_bytes)
    elif old_backup_contents(facts, answers) is not None:
        return  # the size is known now, and compared with what is chosen
    elif old is not None and old.used_bytes is not None and old.used_bytes > new.free_bytes:
        yield EverythingMayNotFit(old.name_or_model, old.used_bytes, new.name_or_model, new.free_bytes)
