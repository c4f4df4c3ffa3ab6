"""Three listeners of a run: progress bars on a terminal, plain lines elsewhere, JSON lines for scripts.

Talk goes to stderr; only the JSON lines are data and go to stdout.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

from migrate.journey import events
from migrate.journey.pace import Paced
from migrate.language import _, plural
from migrate.progress import PHASES_THAT_MOVE_BYTES, Phase
from migrate.talk import step_texts
from migrate.talk.console import (
    can_redraw,
    discard_stdout,
    dump_json,
    safe,
    terminal_columns,
    truncate,
    with_painted_mark,
    wrapped,
)
from migrate.talk.progress_texts import (
    bar_text,
    estimate_sentence,
    move_sentence,
    moved_sentence,
    phase_sentence,
    space_lines,
)
from migrate.units import now_utc

QUIET_FINDINGS = frozenset({"info"})

SILENCE_S = 2.0
"""How long a silence is before it is explained. Most phases of a small phone are over by then."""
LINE_EVERY_S = 9.0
"""A line at least every ten seconds, in ticks of one second (`Paced`)."""
DRAW_EVERY_S = 0.1


class JsonListener:
    """One object per line, `event` and `at` first, `run_finished` always last (contract 4)."""

    EVERY_S = 0.2
    """Bytes move thousands of times a second; a script only needs to see that something moves."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], datetime] = now_utc) -> None:
        self.out = out or sys.stdout
        self.clock = clock
        self.lock = threading.Lock()
        self.put_at: datetime | None = None
        self.held_back: events.BytesMoved | None = None
        self.stdout_closed = False

    def __call__(self, event: events.Event) -> None:
        with self.lock:
            now = self.clock()
            if not isinstance(event, events.BytesMoved):
                if self.held_back is not None and isinstance(event, events.StepFinished | events.RunFinished):
                    self.write_event(self.held_back, now)  # a step's last figure is always reported
                    self.held_back = None
                self.write_event(event, now)
            elif self.put_at is not None and (now - self.put_at).total_seconds() < self.EVERY_S:
                self.held_back = event
            else:
                self.put_at, self.held_back = now, None
                self.write_event(event, now)

    def write_event(self, event: events.Event, now: datetime) -> None:
        row = None if self.stdout_closed else events.as_json(event)
        if row is not None:
            name, at = row.pop("event"), now.isoformat(timespec="milliseconds")
            try:
                print(dump_json({"event": name, "at": at, **row}), file=self.out, flush=True)
            except BrokenPipeError:  # the reader has closed the pipe; a move does not stop halfway for that
                self.stdout_closed = True
                discard_stdout()


class LineListener:
    """Plain lines: each step as it starts and ends, how far it is every few seconds, no redraws. For pipes and screen
    readers."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.out = out or sys.stderr
        self.clock = clock
        self.lock = threading.RLock()
        self.step = ""
        self.phase: Phase | None = None
        self.phase_began_at = self.silent_since = self.said_at = clock()
        self.files = 0
        self.is_explained = True
        """Whether the phase was named; a step is named when it begins."""
        self.open_actions: set[tuple[str, str]] = set()
        self.counting = False
        self.is_held = False
        """A question is on the screen: until something new happens, nothing is said below it."""
        _listeners.add(self)

    def __call__(self, event: events.Event) -> None:
        with self.lock:
            if isinstance(event, events.BytesMoved) and event.is_repeat and self.is_held:
                return
            self.is_held = False
            self.on_event(event)

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.StepStarted(step):
                self.begin(step)
                self.say(f"{step_texts.step_started(step)} …")
            case events.Estimated(estimate=estimate):
                if sentence := estimate_sentence(estimate):
                    self.say(f"  {sentence}")
            case events.MoveEstimated(duration=duration, spaces=spaces):
                for line in (*space_lines(spaces), *([move_sentence(duration)] if duration else [])):
                    self.say(f"  {line}")
            case events.PhaseBegan(phase=phase):
                if self.phase in PHASES_THAT_MOVE_BYTES:
                    self.silent_since = self.clock()
                self.phase, self.phase_began_at, self.is_explained = phase, self.clock(), False
            case events.FilesMoved(done=files):
                self.files = files
            case events.BytesMoved():
                if self.phase == "checking-here" and not event.is_repeat:
                    self.phase, self.files = None, 0
                    self.phase_began_at = self.silent_since = self.clock()
                self.moved(event)
            case events.PersonNeeded(phone, action, apps):
                self.open_actions.add((phone, action))
                self.say(f"  >> {step_texts.action_sentence(action, phone, self.step, apps)}")
            case events.PersonDone(phone, action) if (phone, action) in self.open_actions:
                self.open_actions.discard((phone, action))
                # the passcode's question closes when it is declined, too
                is_done = action != "enter-passcode"
                self.say("  >> " + (_("Thank you, that is done.") if is_done else _("The phone closed its question.")))
            case events.TryingAgain(phone, seconds_left, what):
                self.count_down(phone, seconds_left, what)
            case events.Found(finding) if finding.severity not in QUIET_FINDINGS:
                self.say(f"  {'!!' if finding.severity == 'error' else '!'} {finding.what} {finding.why}")
            case events.Found(finding) if not finding.code.startswith("proof-"):
                self.say(f"  - {finding.what}")
            case events.StepFinished(step):
                self.say(f"  {step_texts.step_finished(step)}.")
            case _:
                pass

    def begin(self, step: str) -> None:
        self.step, self.phase, self.files = step, None, 0
        self.phase_began_at = self.silent_since = self.clock()
        self.is_explained = True

    def count_down(self, phone: str, seconds_left: int, what: str) -> None:
        if seconds_left and not self.counting:
            self.say(f"  >> {what or _('{phone} closed the connection.').format(phone=phone)}")
            self.say("  >> " + self.countdown_sentence(seconds_left))
        self.counting = seconds_left > 0

    def countdown_sentence(self, seconds_left: int) -> str:
        return plural("Trying again in {count} second.", "Trying again in {count} seconds.", seconds_left).format(
            count=seconds_left
        )

    def is_silent(self, moved: events.BytesMoved) -> bool:
        """Whether there is nothing to count now: the phase is silent, or the work has not reported anything yet."""
        if self.phase is None or self.phase in PHASES_THAT_MOVE_BYTES:
            return not moved.done
        return True

    def elapsed_s(self) -> float:
        return self.clock() - self.phase_began_at

    def moved(self, moved: events.BytesMoved) -> None:
        silent = self.is_silent(moved)
        if silent and self.clock() - self.silent_since < SILENCE_S:
            return
        if self.clock() - self.said_at < LINE_EVERY_S and (self.is_explained or not silent):
            return
        if silent:
            self.is_explained = True
            self.say("  " + phase_sentence(self.phase, self.elapsed_s()))
        else:
            self.say("  " + moved_sentence(moved, files=self.files, is_guess=self.phase == "copying"))

    def say(self, sentence: str) -> None:
        self.said_at = self.clock()
        with suppress(BrokenPipeError):  # the work goes on without a reader
            print(with_painted_mark(safe(sentence), self.out), file=self.out, flush=True)


_listeners: weakref.WeakSet[LineListener] = weakref.WeakSet()


def clear_bars(*, hold: bool = True) -> None:
    """Remove every bar from the screen before something else is printed. The next bytes draw it again.

    `hold`: a question follows, so that only new bytes do, and not the report that work goes on.
    """
    for one in tuple(_listeners):
        with one.lock:
            one.is_held = one.is_held or hold
            if isinstance(one, BarListener):
                one.close()


class BarListener(LineListener):
    """The same sentences, with one tqdm bar for the bytes of the current step, or what goes on while none move."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(out, clock)
        self.bar: Any = None
        self.drawn_at = 0.0

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.StepStarted() | events.StepFinished() | events.RunFinished():
                self.close()
            case _:
                pass
        super().on_event(event)

    def moved(self, moved: events.BytesMoved) -> None:
        if self.counting and moved.is_repeat:
            return  # the countdown has the last line
        silent = self.is_silent(moved)
        if silent and self.clock() - self.silent_since < SILENCE_S:
            return
        if self.bar is not None and not moved.is_repeat and self.clock() - self.drawn_at < DRAW_EVERY_S:
            return
        self.draw(moved, silent=silent)

    def draw(self, moved: events.BytesMoved, *, silent: bool) -> None:
        from tqdm import tqdm

        columns = terminal_columns() - 1
        margin = "  "
        share = f"{min(99, moved.done * 100 // moved.total):3} % |{{bar}}| " if moved.total else ""  # never "100 %"
        if silent:
            room, shape = columns - len(margin), margin
            text = truncate(phase_sentence(self.phase, self.elapsed_s(), room), room)
        else:
            shape = margin + share
            room = columns - len(shape.replace("{bar}", ""))
            text = bar_text(moved, files=self.files, is_guess=self.phase == "copying", columns=room)
        shape += safe(text).replace("{", "{{").replace("}", "}}")
        if self.bar is None:
            self.bar = tqdm(total=moved.total, file=self.out, leave=False, ncols=columns, bar_format=shape)
        self.bar.n, self.bar.total, self.bar.ncols, self.bar.bar_format = moved.done, moved.total, columns, shape
        self.bar.refresh()
        self.drawn_at = self.clock()

    def count_down(self, phone: str, seconds_left: int, what: str) -> None:
        if not self.counting:
            self.close()
            super().count_down(phone, seconds_left, what)
            return
        self.counting = seconds_left > 0
        with suppress(BrokenPipeError):  # the line is drawn again every second, and is empty at the end
            sentence = self.countdown_sentence(seconds_left) if seconds_left else ""
            self.out.write(f"\r     {sentence:<40}" if sentence else f"\r{'':<45}\r")
            self.out.flush()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def say(self, sentence: str) -> None:
        words = sentence.lstrip()
        margin = " " * (len(sentence) - len(words))
        self.close()
        super().say(wrapped(words, first=margin, indent=f"{margin}   "))


def make_listener(*, as_json: bool, err: TextIO | None = None) -> events.Listener:
    """The listener that fits the output."""
    if as_json:
        return Paced(JsonListener())
    stream = err or sys.stderr
    return Paced(BarListener(stream) if can_redraw(stream) else LineListener(stream))
