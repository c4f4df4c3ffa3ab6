"""Print docs/guide/before-you-erase.md, made from the list of the receipt: `python -m tools.before_erasing_page`.

A test compares the two, so the page always has every point of the receipt.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.resources import files

from migrate.journey.before_erasing import APP_POINTS, QUESTIONS

HEAD = """\
# Before you erase the old iPhone

Some things never move over a cable, because no backup has them, and some of them need the old iPhone one last time.
Go through this list while it still works. The receipt of a move has the same list, with what was found on *your*
iPhone first and with boxes to tick: `migrate receipt last --page receipt.html` saves that page.

This page is made from the program: `python -m tools.before_erasing_page > docs/guide/before-you-erase.md`.

## For everyone
"""
APPS = """
## Apps that need you

A receipt names those of your apps that are on this list, that are called like one of them, or that have no data in
the backup.
"""
ORIGINALS = """
## Photos and files that are only in iCloud

With *Optimize iPhone Storage* the originals of your photos may be in iCloud and not on the iPhone. Then no backup has
them.

- [ ] **Do you stay with iCloud Photos?** Sign in to the same Apple Account on the new iPhone. The originals load from
  there, so nothing more has to be done. This does not depend on the old iPhone.
- [ ] **Do you leave iCloud, or do you want them in the backup?** On the old iPhone choose Settings, your name,
  iCloud, Photos, *Download and Keep Originals*. Leave it on power and Wi-Fi. That can take days, and needs space for
  all of them. Then back up again: `migrate show BACKUP` says how many are still only in iCloud.
- [ ] **Messages in iCloud, iCloud Drive, Notes with attachments?** They load on the new iPhone after you sign in.
  Look there before you erase the old one.

## The backup password

- [ ] **Was the backup encrypted, and did the new iPhone become the old one?** Then encrypted backups of the new
  iPhone ask for the backup password of the old one from now on: it came over with the backup. Keep it.

## At the very end

- [ ] **Is the receipt good?** It says that everything arrived, and you have used the new iPhone for some days. If
  something is still coming: `migrate prove last` looks again.
- [ ] **Then** sign out of iCloud on the old iPhone and erase it: Settings, General, Transfer or Reset iPhone, *Erase
  All Content and Settings*. Keep the backup on this computer as long as you like.
"""


def page() -> str:
    """The whole page."""
    rows = tomllib.loads(files("migrate.journey").joinpath("before_erasing.toml").read_text(encoding="utf-8"))["app"]
    parts = [HEAD, *(_box(title, text) for title, text in QUESTIONS.values()), APPS]
    for keeps, (title, (_one, several)) in APP_POINTS.items():
        names = [row["name"] for row in rows if row["keeps"] == keeps]
        sentence = several.format(apps="").lstrip(": ")
        parts.append(_box(title, f"{sentence[:1].upper()}{sentence[1:]}"))
        if names:
            parts.append(f"  On the list: {', '.join(names)}.")
    parts += [ORIGINALS.rstrip("\n"), ""]
    return "\n".join(parts)


def _box(title: str, text: str) -> str:
    return f"- [ ] **{title}**{'' if title.endswith('?') else ':'} {text}"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())
