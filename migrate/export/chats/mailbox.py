"""A chat as a mailbox (mboxrd) for mail programs: a message is a mail, with its attachments inside."""

from __future__ import annotations

import hashlib
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from migrate.export.chats.entry import ChatInfo, More
from migrate.export.chats.plain import text_lines
from migrate.export.chats.shown import Shown
from migrate.export.folder import NewFile
from migrate.export.names import local_time
from migrate.language import _
from migrate.untrusted_text import without_control_characters

LARGEST_ATTACHMENT_BYTES = 25 << 20
"""Larger ones are named: few mail programs open a mail that is longer (*guessed*)."""
_POLICY = SMTP.clone(linesep="\n", max_line_length=200)
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_DOMAIN = "messages.invalid"


class Mailbox:
    """`chat.mbox`."""

    def __init__(self, file: NewFile, info: ChatInfo, folder: Path) -> None:
        self._file = file
        self._info = info
        self._folder = folder
        self._you = _("You")

    def row(self, row: Shown) -> None:
        moment = local_time(row.entry.when) or local_time(0)
        assert moment is not None
        mail = self._mail(row)
        mail["Date"] = format_datetime(moment)
        if mail.is_multipart():  # its own would be random, and each run another file
            mail.set_boundary(f"={mail['Message-ID'][1:33]}=")
        content = _FROM.sub(rb">\1", mail.as_bytes(policy=_POLICY))
        self._file.write(b"From - %s\n" % moment.strftime("%a %b %d %H:%M:%S %Y").encode("ascii", "replace"))
        self._file.write(content)
        self._file.write(b"\n" if content.endswith(b"\n") else b"\n\n")

    def _mail(self, row: Shown) -> EmailMessage:
        entry, more = row.entry, row.entry.more or More()
        you, other = _address(self._you, "me"), _address(entry.who or self._info.name, entry.address)
        mail = EmailMessage(policy=_POLICY)
        mail["From"], mail["To"] = (you, _address(self._info.name, None)) if entry.outgoing else (other, you)
        mail["Subject"] = _header(self._info.name)
        mail["Message-ID"] = _message_id(entry.id)
        answers = more.get("reply") or more.get("about")
        if answers:
            mail["In-Reply-To"] = mail["References"] = _message_id(answers)
        lines = [entry.text or more.get("event") or "", *text_lines(row, more)]
        mail.set_content(
            without_control_characters("\n".join(one for one in lines if one)) + "\n", cte="quoted-printable"
        )
        for copied in row.files:
            if copied.path is None:
                continue
            path = self._folder / copied.path
            if path.stat().st_size <= LARGEST_ATTACHMENT_BYTES:
                main, _slash, sub = copied.type.partition("/")
                mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=_header(copied.file.name))
        return mail


def _address(name: str, known: str | None) -> Address:
    """Mail programs want an address: a number becomes one of a domain that cannot exist (RFC 2606)."""
    local, _at, domain = (known or "").partition("@")
    user = re.sub(r"[^A-Za-z0-9+._-]", "", local).strip(".")[:60] or "unknown"
    host = re.sub(r"[^A-Za-z0-9.-]", "", domain).strip(".-")[:100] or _DOMAIN
    return Address(_header(name), re.sub(r"\.{2,}", ".", user), host)


def _header(text: str) -> str:
    return " ".join(without_control_characters(text).split())[:200]


def _message_id(identity: str) -> str:
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"<{digest}@{_DOMAIN}>"
