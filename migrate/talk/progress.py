"""Three listeners of a run: progress bars on a terminal, plain lines elsewhere, JSON lines for scripts.

Talk goes to stderr; only the JSON lines are data and go to stdout.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

from migrate.journey import events
from migrate.language import _, mark, plural
from migrate.talk import step_texts
from migrate.talk.console import discard_stdout, dump_json, is_plain, safe, wrapped
from migrate.units import format_bytes, now_utc

QUIET_FINDINGS = frozenset({"info"})


BAR = mark("  {percentage:3.0f} % |{bar}| {n_fmt}B of {total_fmt}B, {rate_fmt}, {remaining} left")
COUNT = "  {n_fmt}B, {rate_fmt}"
"""Where the total is unknown."""


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
    """Plain lines: each step as it starts and ends, a figure now and then, no redraws. For pipes and screen readers."""

    EVERY_PERCENT = 25

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.lock = threading.Lock()
        self.step = ""
        self.shown_percent = 0
        self.open_actions: set[tuple[str, str]] = set()
        self.counting = False

    def __call__(self, event: events.Event) -> None:
        with self.lock:
            self.on_event(event)

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.StepStarted(step):
                self.step, self.shown_percent = step, 0
                self.say(f"{step_texts.step_started(step)} …")
                if hint := step_texts.slow_step_hint(step):
                    self.say(f"  ({hint})")
            case events.BytesMoved(step, done, total):
                self.moved(step, done, total)
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
                self.say(f"  ! {finding.what} {finding.why}")
            case events.Found(finding) if not finding.code.startswith("proof-"):
                self.say(f"  - {finding.what}")
            case events.StepFinished(step):
                self.say(f"  {step_texts.step_finished(step)}.")
            case _:
                pass

    def count_down(self, phone: str, seconds_left: int, what: str) -> None:
        if seconds_left and not self.counting:
            self.say(f"  >> {what or _('{phone} closed the connection.').format(phone=phone)}")
            self.say("  >> " + self.countdown_sentence(seconds_left))
        self.counting = seconds_left > 0

    def countdown_sentence(self, seconds_left: int) -> str:
        return plural("Trying again in {count} second.", "Trying again in {count} seconds.", seconds_left).format(
            count=seconds_left
        )

    def moved(self, step: str, done: int, total: int | None) -> None:
        if not total:
            return
        percent = min(100, done * 100 // total)
        if percent >= self.shown_percent + self.EVERY_PERCENT and percent < 100:
            self.shown_percent = percent - percent % self.EVERY_PERCENT
            moved = {"percent": percent, "done": format_bytes(done), "total": format_bytes(total)}
            self.say("  " + _("{percent} % ({done} of {total})").format(**moved))

    def say(self, sentence: str) -> None:
        with suppress(BrokenPipeError):  # the work goes on without a reader
            print(safe(sentence), file=self.out, flush=True)


_drawn: set[BarListener] = set()
"""The listeners whose bars are on the screen now."""


def clear_bars() -> None:
    """Remove every bar from the screen before a question is asked. The next bytes draw it again."""
    for bars in tuple(_drawn):
        bars.close()


class BarListener(LineListener):
    """The same sentences, with one tqdm bar for the bytes of the current step."""

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__(out)
        self.bar: Any = None

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.StepStarted() | events.StepFinished() | events.RunFinished():
                self.close()
            case _:
                pass
        super().on_event(event)

    def moved(self, step: str, done: int, total: int | None) -> None:
        from tqdm import tqdm

        if self.bar is None:
            if not done and not total:
                return
            shape = _(BAR) if total else COUNT
            look: dict[str, Any] = {"unit": "B", "unit_scale": True, "dynamic_ncols": True, "bar_format": shape}
            # miniters: otherwise a fast start keeps a slow rest from being drawn, for ten seconds at a time
            self.bar = tqdm(total=total, initial=done, file=self.out, leave=False, miniters=1, **look)
            _drawn.add(self)
        if total and total != self.bar.total:
            self.bar.total, self.bar.bar_format = total, _(BAR)
        self.bar.n = done
        self.bar.update(0)

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
            _drawn.discard(self)

    def say(self, sentence: str) -> None:
        words = sentence.lstrip()
        margin = " " * (len(sentence) - len(words))
        lines = wrapped(words, first=margin, indent=f"{margin}   ")
        if self.bar is not None:
            self.bar.write(lines, file=self.out)
        else:
            super().say(lines)


def make_listener(*, as_json: bool, err: TextIO | None = None) -> events.Listener:
    """The listener that fits the output."""
    if as_json:
        return JsonListener()
    stream = err or sys.stderr
    return BarListener(stream) if stream.isatty() and not is_plain() else LineListener(stream)
