"""Pages that ask a person to do something on a phone. They disappear once it is done."""

from __future__ import annotations

from migrate.journey import events
from migrate.journey.pace import Paced
from migrate.language import _, mark
from migrate.problems.finding import Finding
from migrate.progress import UserAction
from migrate.talk import step_texts
from migrate.talk.console import is_plain, wrapped
from migrate.talk.progress import BarListener, LineListener
from migrate.talk.wizard.hello_pages import setup_steps
from migrate.talk.wizard.page import erase_rows, heading, print_lines

ACTION_STEPS: dict[UserAction, tuple[str, ...]] = {
    "tap-trust": (
        mark("It asks: Trust This Computer? Tap Trust."),
        mark("Enter its passcode there, if it asks for one."),
    ),
    "enter-passcode": (mark("Enter its passcode. It may ask twice; that is normal."),),
    "turn-off-find-my": (
        mark("Open Settings, tap your name, then Find My, then Find My iPhone."),
        mark(
            "Turn it off and enter your Apple Account password. Away from home the phone may ask you to wait an hour."
        ),
        mark("You can turn it on again right after the move."),
    ),
}
"""An action -> what to do on the phone, in order. For its setup that depends on the step (`setup_steps`). The other
actions are one sentence in step_texts.py."""
IN_WIZARD: dict[UserAction, str] = {
    "install-apps": mark(
        "Install these apps on {phone} from the App Store: {apps}. If an app is no longer there, press Ctrl-C, start "
        "migrate again and choose: Change what moves. Then deselect it."
    ),
}
"""Where the wizard has a choice for what step_texts.py tells to do otherwise."""
NOT_WAITED_FOR: frozenset[UserAction] = frozenset({"airplane-mode"})
"""A phone does not tell whether it is done."""
RESTARTING: tuple[str, ...] = (
    mark("It restarts: the Apple logo, a progress bar, then Hello."),
    mark("Leave it connected. This can take a while."),
)


def action_page(phone: str, action: UserAction, step: str, apps: tuple[str, ...] = ()) -> list[str]:
    """What a person is asked to do, the phone named first."""
    restarting = action == "connect" and step == "wait-for-phone"
    marked = (
        RESTARTING if restarting else setup_steps(step) if action == "finish-setup" else ACTION_STEPS.get(action, ())
    )
    lines = [_(line) for line in marked] or [_sentence(action, phone, step, apps)]
    numbered = [wrapped(text, indent="     ", first=f"  {number}. ") for number, text in enumerate(lines, 1)]
    shown = numbered if len(lines) > 1 else [wrapped(lines[0], indent="  ", first="  ")]
    please = action == "connect" and not restarting
    title = _("Please") if please else _("Now on {phone}:").format(phone=phone)
    waits = () if action in NOT_WAITED_FOR else ("  " + _("(This continues as soon as it is done.)"),)
    return ["", heading(title), *shown, *waits]


def _sentence(action: UserAction, phone: str, step: str, apps: tuple[str, ...]) -> str:
    if action in IN_WIZARD and apps:
        return _(IN_WIZARD[action]).format(phone=phone, apps=", ".join(apps))
    return step_texts.action_sentence(action, phone, step, apps)


class NewEventFilter:
    """Passes on only what is new: a run repeats the events of backups that the wizard has already made."""

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
    """Actions as paragraphs, with a line when one is done."""

    def __init__(self) -> None:
        super().__init__()
        self.once = NewEventFilter()

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.PersonNeeded(phone, action, apps):
                self.open_actions.add((phone, action))
                for line in action_page(phone, action, self.step, apps):
                    self.say(line)
            case _ if self.once.is_new(event):
                super().on_event(event)
            case _:
                pass


class ActionPages(BarListener):
    """Actions as pages that are removed from the screen when they are done."""

    def __init__(self) -> None:
        super().__init__()
        self.once = NewEventFilter()
        self.rows = 0
        """Rows of the page at the end of the screen; 0 once something else was printed below it."""

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.PersonNeeded(phone, action, apps):
                self.close()
                self.erase_rows()
                self.open_actions.add((phone, action))
                self.rows = print_lines(action_page(phone, action, self.step, apps))
            case events.PersonDone(phone, action) if (phone, action) in self.open_actions:
                self.close()
                self.open_actions.discard((phone, action))
                self.erase_rows()
            case _ if self.once.is_new(event):
                super().on_event(event)
            case _:
                pass

    def say(self, sentence: str) -> None:
        self.rows = 0
        super().say(sentence)

    def erase_rows(self) -> None:
        """Remove the page from the screen if nothing was printed below it."""
        erase_rows(self.rows)
        self.rows = 0


def make_listener() -> events.Listener:
    return Paced(PlainActionPages() if is_plain() else ActionPages())
