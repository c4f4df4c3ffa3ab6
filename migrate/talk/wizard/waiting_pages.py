"""What a hand must do on a phone, as pages that appear when the phone shows it and go away when it is done."""

from __future__ import annotations

from migrate.journey import events
from migrate.problems.finding import Finding
from migrate.progress import UserAction
from migrate.talk import step_texts
from migrate.talk.console import is_plain, wrapped
from migrate.talk.progress import BarListener, LineListener
from migrate.talk.wizard.page import erase_rows, heading, print_lines

ACTION_STEPS: dict[UserAction, tuple[str, ...]] = {
    "tap-trust": (
        "It asks: Trust This Computer? Tap Trust.",
        "Enter its passcode there, if it asks for one.",
    ),
    "enter-passcode": ("Enter its passcode. It may ask twice; that is normal.",),
    "finish-setup": (
        "Swipe up, or tap Continue, until its setup begins.",
        "Choose language and Wi-Fi. If it asks where to take data from: Don't Transfer. The data is on it already.",
        "Sign in to the Apple Account, if you have one, and choose a passcode.",
        "Go on until you see the home screen. Apps come back from the App Store in the hours after.",
    ),
    "turn-off-find-my": (
        "Open Settings, tap your name, then Find My, then Find My iPhone.",
        "Turn it off and enter the Apple Account's password. Away from home the phone may ask you to wait an hour.",
        "It can be turned on again right after the move.",
    ),
}
"""An errand -> what to do on the phone, in order. The others are one sentence long (step_texts.py)."""
RESTARTING: tuple[str, ...] = (
    "It restarts by itself: the Apple logo, a bar, then Hello.",
    "Leave it connected. This can take a while.",
)


def action_page(phone: str, action: UserAction, step: str, apps: tuple[str, ...] = ()) -> list[str]:
    """What is asked of a person, the phone named first."""
    restarting = action == "connect" and step == "wait-for-phone"
    lines = (
        RESTARTING if restarting else ACTION_STEPS.get(action, (step_texts.action_sentence(action, phone, step, apps),))
    )
    marked = [wrapped(text, indent="     ", first=f"  {number}. ") for number, text in enumerate(lines, 1)]
    shown = marked if len(lines) > 1 else [wrapped(lines[0], indent="  ", first="  ")]
    title = "Please" if action == "connect" and not restarting else f"Now on {phone}:"
    return ["", heading(title), *shown, "  (This goes on by itself as soon as it is done.)"]


class NewEventFilter:
    """Passes on what was not told before: what a conversation saved and verified, its run finds done and says again."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.finished: set[str] = set()

    def is_new(self, event: events.Event) -> bool:
        match event:
            case events.StepStarted(step):
                return step not in self.finished
            case events.StepFinished(step):
                known = step in self.finished
                self.finished.add(step)
                return not known
            case events.Found(finding):
                known = finding in self.findings
                self.findings.append(finding)
                return not known
        return True


class PlainActionPages(LineListener):
    """Errands as paragraphs; when one is done, it is said."""

    def __init__(self) -> None:
        super().__init__()
        self.once = NewEventFilter()

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.PersonNeeded(phone, action, apps):
                self.errands.add((phone, action))
                for line in action_page(phone, action, self.step, apps):
                    self.say(line)
            case _ if self.once.is_new(event):
                super().on_event(event)
            case _:
                pass


class ActionPages(BarListener):
    """Errands as pages that are taken off the screen when they are done."""

    def __init__(self) -> None:
        super().__init__()
        self.once = NewEventFilter()
        self.rows = 0
        """Rows of the page on the screen's end; 0 once something else was printed below it."""

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.PersonNeeded(phone, action, apps):
                self.close()
                self.erase_rows()
                self.errands.add((phone, action))
                self.rows = print_lines(action_page(phone, action, self.step, apps))
            case events.PersonDone(phone, action) if (phone, action) in self.errands:
                self.close()
                self.errands.discard((phone, action))
                self.erase_rows()
            case _ if self.once.is_new(event):
                super().on_event(event)
            case _:
                pass

    def say(self, sentence: str) -> None:
        self.rows = 0
        super().say(sentence)

    def erase_rows(self) -> None:
        """Take the page off the screen, if nothing was printed below it."""
        erase_rows(self.rows)
        self.rows = 0


def make_listener() -> events.Listener:
    return PlainActionPages() if is_plain() else ActionPages()
