"""How progress is put into words: durations, phases, estimates, space."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from migrate.journey import events
from migrate.journey.estimate import BackupEstimate, Duration, Space
from migrate.language import _, mark, plural
from migrate.progress import Phase
from migrate.talk.console import display_width, one_line
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.phone.link_speed import Link

PHASES: dict[Phase, tuple[str, str]] = {
    "getting-ready": (mark("Your iPhone is getting ready"), mark("this can take several minutes")),
    "moving-files": (mark("Your iPhone has sent everything"), mark("now it puts the files in order")),
    "finishing": (mark("Your iPhone checks the backup"), mark("this can take a minute")),
    "taking": (mark("Your iPhone has received everything"), mark("now it puts everything into place")),
    "restarting": (mark("Your iPhone restarts"), mark("leave it connected")),
    "checking-here": (mark("This computer checks what it received"), mark("the iPhone is done")),
}
"""The phases in which nothing moves: what goes on, and what else is worth knowing where there is room."""
LINKS: dict[Link, str] = {
    "usb2": mark("over USB 2"),
    "usb3": mark("over USB 3"),
    "wifi": mark("over Wi-Fi, which is far slower than the cable"),
    "unknown": mark("over the cable"),
}
NARROWEST_BAR = 10


def format_duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("{minutes} min {seconds:02} s").format(minutes=minutes, seconds=rest)
    return _("{hours} h {minutes:02} min").format(hours=minutes // 60, minutes=minutes % 60)


def format_roughly(seconds: float) -> str:
    """A duration that is only an estimate: whole minutes from one minute on."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return format_duration(seconds)
    return _("{minutes} min").format(minutes=minutes) if minutes < 60 else format_duration(minutes * 60)


def format_range(duration: Duration) -> str:
    """`2 min to 1 h 10 min`."""
    shortest, longest = format_roughly(duration.shortest_s), format_roughly(duration.longest_s)
    return shortest if shortest == longest else _("{shortest} to {longest}").format(shortest=shortest, longest=longest)


def time_left(seconds: int) -> str:
    return _("{time} left").format(time=format_roughly(seconds))


def format_rate(bytes_per_s: int) -> str:
    return _("{size}/s").format(size=format_bytes(bytes_per_s))


def phase_sentence(phase: Phase | None, elapsed_s: float, columns: int | None = None) -> str:
    """What goes on while nothing moves, and for how long; shorter where it does not fit into `columns`."""
    what, more = PHASES.get(phase, (mark("Still working"), "")) if phase else (mark("Still working"), "")
    time = format_duration(elapsed_s)
    short = _("{what} ({time} so far)").format(what=_(what), time=time)
    long = _("{what}: {more} ({time} so far)").format(what=_(what), more=_(more), time=time) if more else short
    return long if columns is None or display_width(long) <= columns else short


def moved_sentence(moved: events.BytesMoved, *, files: int, is_guess: bool) -> str:
    """How far the bytes of a step are, as one line of words."""
    done = format_bytes(moved.done)
    if moved.total:
        percent, total = min(99, moved.done * 100 // moved.total), format_bytes(moved.total)
        of = _("{percent} %: {done} of about {total}") if is_guess else _("{percent} %: {done} of {total}")
        parts = [of.format(percent=percent, done=done, total=total)]
        parts += _pace(moved)
    else:
        parts = [done]
    return ", ".join([*parts, *_files(files)])


def bar_text(moved: events.BytesMoved, *, files: int, is_guess: bool, columns: int) -> str:
    """What stands to the right of a bar, with as much of it as fits beside a bar into `columns`."""
    sizes = format_bytes(moved.done)
    if moved.total:
        of = _("{done} of ~{total}") if is_guess else _("{done} of {total}")
        sizes = of.format(done=sizes, total=format_bytes(moved.total))
    left = [time_left(moved.seconds_left)] if moved.seconds_left is not None else []
    rate = [format_rate(moved.rate)] if moved.rate is not None and moved.total else []
    for parts in ([*rate, *left, *_files(files)], [*rate, *left], left):
        text = ", ".join([sizes, *parts])
        if display_width(text) + NARROWEST_BAR <= columns:
            return text
    return sizes


def _pace(moved: events.BytesMoved) -> list[str]:
    rate = [format_rate(moved.rate)] if moved.rate is not None else []
    return rate + ([time_left(moved.seconds_left)] if moved.seconds_left is not None else [])


def _files(count: int) -> list[str]:
    return [plural("{count:,} file", "{count:,} files", count).format(count=count)] if count else []


def estimate_sentence(estimate: BackupEstimate) -> str:
    """What is expected of a backup before it begins; "" where nothing is known, or it is soon over."""
    if estimate.duration is None or estimate.size_bytes is None or not estimate.is_long:
        return ""
    sentence = {
        "first": _("At most {size} {link}: {time}. Apps are not part of a backup, so it is usually less."),
        "changes": _("Only what changed is copied, perhaps {size} {link}: {time}. The iPhone says more as it goes."),
        "rest": _("The backup that was interrupted continues: at most {size} more {link}: {time}."),
    }[estimate.kind]
    size, link, time = format_bytes(estimate.size_bytes), _(LINKS[estimate.link]), format_range(estimate.duration)
    return sentence.format(size=size, link=link, time=time)


def format_space(space: Space) -> str:
    """`35.0 GB free of 128.0 GB`; "" if the phone does not tell."""
    if space.free_bytes is None:
        return ""
    if space.total_bytes is None:
        return _("{free} free").format(free=format_bytes(space.free_bytes))
    free, total = format_bytes(space.free_bytes), format_bytes(space.total_bytes)
    return _("{free} free of {total}").format(free=free, total=total)


def space_lines(spaces: Iterable[tuple[str, Space]]) -> list[str]:
    """`Ada's iPhone: 35.0 GB free of 128.0 GB` for each whose space is known."""
    shown = [(owner, format_space(space)) for owner, space in spaces]
    return [_("{owner}: {space}").format(owner=one_line(owner), space=space) for owner, space in shown if space]


def move_sentence(duration: Duration) -> str:
    return _(
        "The whole move takes {time}, without what you do at the phones and what they download afterwards."
    ).format(time=format_range(duration))
