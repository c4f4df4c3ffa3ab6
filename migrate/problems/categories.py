"""Problems of choosing what moves."""

from __future__ import annotations

from migrate.problems.problem import MigrateError, when


class UnknownCategory(MigrateError):
    word: str  # as the plan or the command line says it
    nearest: str  # the id that was probably meant
    exit_code = 10
    what = 'There is no category "{word}".'
    why = 'The closest one is "{nearest}".'
    next = 'Write "{nearest}" if that is what you meant. To see every category in the backup: {show_backup}'


class UnknownApp(MigrateError):
    bundle: str  # as the plan or the command line says it
    nearest: str  # the bundle id that was probably meant; '' where the backup holds no app
    exit_code = 11
    what = 'The backup does not contain the app "{bundle}".'
    why = when("nearest", 'The closest one in it is "{nearest}".', otherwise="It contains no apps at all.")
    next = when(
        "nearest",
        'Write "{nearest}" if that is what you meant. To see every app in the backup: {show_backup}',
        otherwise="Remove the app from the plan, or back up the old phone again: {back_up_phone}",
    )


class HalfGroup(MigrateError):
    whole: str  # what only makes sense together: "the photo library"
    moving: tuple[str, ...]  # the parts of it that would move
    left: tuple[str, ...]  # the parts that would not
    exit_code = 11
    what = "Only half of {whole} would move."
    why = "{moving!c: and } would move and {left: and } would not. Neither can be used without the other."
    next = (
        "Move all of it or leave all of it out: change categories, except or apps in the plan. If the old"
        " phone could not "
        "read a part, restart that phone and back it up again."
    )
