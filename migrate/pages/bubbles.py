"""Chats as pages: the HTML of messages, events and days, and the style of it.

Rows are made by f-string and `plain`, not by templates: a chat has hundreds of thousands of them. Every text that comes
in is a stranger's, and escaped here. A `href` is an address that the caller made: a quoted path, or a server's route.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from migrate.language import _, language_tag
from migrate.pages.style import STYLE
from migrate.untrusted_text import CONTROL_CHARACTERS, without_control_characters

FILE_POLICY = "default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'unsafe-inline'"
"""For pages that are opened as files: `'self'` alone means nothing there to some browsers."""
_SPECIAL = re.compile(f"[&<>\"'{CONTROL_CHARACTERS.pattern[1:-1]}]")
_LINK = re.compile(r"https?://[^\s<>\"'\ufffd]{1,2000}", re.IGNORECASE)
_AFTER_LINK = ".,;:!?)]}"


class Look(Enum):
    """The colour of the owner's bubbles."""

    BLUE = "i"
    """iMessage."""
    GREEN = "s"
    """SMS and RCS."""
    WHATSAPP = "w"


class MediaKind(Enum):
    """How a file is shown. Which files browsers can show is the caller's knowledge."""

    IMAGE = "image"
    STICKER = "sticker"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a message."""

    kind: MediaKind
    name: str
    href: str | None
    """A relative or absolute address, already quoted; None if there is no file."""
    note: str | None = None
    """Its size, why there is no file, or what was said in it."""
    preview: str | None = None
    """The address of a picture of it, for files that browsers do not show."""


@dataclass(frozen=True, slots=True)
class Card:
    """What an app put into a message: a link with its title, a place, a contact, a payment."""

    title: str
    lines: tuple[str, ...] = ()
    link: str | None = None
    """An address of a stranger. It becomes a link only if it is of the web."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that is answered."""

    who: str
    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """`sign` is an emoji, or a word."""

    sign: str
    who: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message. All texts are raw."""

    clock: str
    """The time as people read it, `14:07`."""
    instant: str
    """The same for programs: ISO 8601."""
    outgoing: bool
    text: str | None = None
    anchor: str | None = None
    who: str | None = None
    """Its sender. None under another message of the same sender."""
    subject: str | None = None
    quote: Quote | None = None
    media: tuple[Media, ...] = ()
    cards: tuple[Card, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    versions: tuple[str, ...] = ()
    """Earlier texts of an edited message, the oldest first."""
    notes: tuple[str, ...] = ()
    """Small print under it: edited, sent with an effect, deleted."""
    look: Look = Look.BLUE
    deleted: bool = False
    missing: str | None = None
    """What is said in the place of a text that is not there: unsent, not readable."""


def plain(text: str) -> str:
    """Text from anywhere as HTML, like `markup.escaped`, fast where nothing in it is special."""
    if _SPECIAL.search(text) is None:
        return text
    return html.escape(without_control_characters(text))


def with_links(text: str) -> str:
    """Text as HTML in which addresses of the web can be clicked. Nothing is loaded before that."""
    if "://" not in text:
        return plain(text)
    pieces = list[str]()
    place = 0
    for found in _LINK.finditer(text):
        address = found.group().rstrip(_AFTER_LINK)
        pieces += (plain(text[place : found.start()]), web_link(address, address))
        place = found.start() + len(address)
    return "".join((*pieces, plain(text[place:])))


def web_link(address: str, shown: str) -> str:
    """A link into the web; plain text if it is another kind of address, such as a script."""
    if _LINK.fullmatch(address) is None:
        return plain(shown)
    return f'<a href="{plain(address)}" rel="noreferrer noopener">{plain(shown)}</a>'


# -- rows -----------------------------------------------------------------------------------------------------------


def text_bubble(
    text: str, clock: str, instant: str, *, outgoing: bool, look: Look, anchor: str = "", who: str | None = None
) -> str:
    """A message that is nothing but text: most are. The same as `bubble`, without its objects."""
    marks = f"{look.value} o" if outgoing else look.value
    identity = f' id="{anchor}"' if anchor else ""
    name = f'<b class="who">{plain(who)}</b>' if who else ""
    return (
        f'<li class="m {marks}"{identity}>{name}<div class="b"><p>{with_links(text)}</p></div>'
        f'<time datetime="{instant}">{clock}</time></li>\n'
    )


def bubble(message: Bubble) -> str:
    """One message as `<li>`."""
    marks = message.look.value + (" o" if message.outgoing else "") + (" x" if message.deleted else "")
    anchor = f' id="{message.anchor}"' if message.anchor else ""
    who = f'<b class="who">{plain(message.who)}</b>' if message.who else ""
    return (
        f'<li class="m {marks}"{anchor}>{who}<div class="b">{"".join(_inside(message))}</div>{"".join(_under(message))}'
        f'<time datetime="{message.instant}">{plain(message.clock)}</time></li>\n'
    )


def event(text: str, clock: str = "", instant: str = "") -> str:
    """Something that happened in a chat, as `<li>`: somebody joined."""
    time = f' <time datetime="{instant}">{plain(clock)}</time>' if instant else ""
    return f'<li class="e">{with_links(text)}{time}</li>\n'


def day(text: str) -> str:
    """The day of the messages after it, as `<li>`."""
    return f'<li class="d"><h2>{plain(text)}</h2></li>\n'


def _inside(message: Bubble) -> Iterable[str]:
    quote = message.quote
    if quote is not None:
        said = f"<b>{plain(quote.who)}</b> {plain(quote.text)}"
        if quote.href:
            yield f'<a class="q" href="{plain(quote.href)}">{said}</a>'
        else:
            yield f'<p class="q">{said}</p>'
    yield from map(media, message.media)
    yield from map(card, message.cards)
    if message.subject:
        yield f"<p><strong>{plain(message.subject)}</strong></p>"
    if message.text:
        yield f"<p>{with_links(message.text)}</p>"
    if message.missing:
        yield f'<p class="gone">{plain(message.missing)}</p>'


def _under(message: Bubble) -> Iterable[str]:
    if message.reactions:
        yield f'<ul class="r">{"".join(map(_reaction, message.reactions))}</ul>'
    if message.versions:
        earlier = "".join(f"<li>{with_links(text)}</li>" for text in message.versions)
        yield f'<details class="v"><summary>{plain(_("Earlier versions"))}</summary><ol>{earlier}</ol></details>'
    for note in message.notes:
        yield f'<small class="n">{plain(note)}</small>'


def _reaction(reaction: Reaction) -> str:
    sign, who = plain(reaction.sign), plain(reaction.who)
    if reaction.removed:
        removed = plain(_("removed"))
        return f"<li><del>{sign}</del> {who} <i>({removed})</i></li>"
    return f"<li>{sign} {who}</li>"


def media(file: Media) -> str:
    """A file as HTML: a picture, a player, a link, or why it is not there."""
    name = plain(file.name)
    note = f"<small>{plain(file.note)}</small>" if file.note else ""
    if file.href is None:
        return f'<p class="gone">{name}{note}</p>'
    href = plain(file.href)
    if file.kind in (MediaKind.IMAGE, MediaKind.STICKER) or file.preview:
        shown = plain(file.preview) if file.preview else href
        mark = ' class="k"' if file.kind is MediaKind.STICKER else ""
        return f'<a{mark} href="{href}"><img src="{shown}" alt="{name}" loading="lazy"></a>{note}'
    if file.kind is MediaKind.VIDEO:
        return f'<video src="{href}" controls preload="metadata" title="{name}"></video>{note}'
    if file.kind is MediaKind.AUDIO:
        return f'<audio src="{href}" controls preload="none" title="{name}"></audio>{note}'
    return f'<a class="f" href="{href}">{name}{note}</a>'


def card(shown: Card) -> str:
    """What an app put into a message."""
    title = web_link(shown.link, shown.title) if shown.link else plain(shown.title)
    lines = "".join(f"<small>{plain(line)}</small>" for line in shown.lines if line)
    return f'<div class="c"><b>{title}</b>{lines}</div>'


# -- pages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to another page of the chat; the current one has no `href`."""

    text: str
    href: str | None


def page_start(
    title: str, about: Iterable[str] = (), tabs: Iterable[Tab] = (), *, two: bool = False, policy: str = FILE_POLICY
) -> str:
    """The page up to its first row.

    Args:
        title: the chat's name.
        about: lines under it: who is in it, how many messages.
        two: only two people are in it, so names over the bubbles are left to screen readers.
    """
    name = plain(title)
    lines = "".join(f'<p class="muted">{plain(line)}</p>' for line in about)
    return (
        f'<!doctype html>\n<html lang="{plain(language_tag())}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="referrer" content="no-referrer">'
        f"<title>{name}</title><style>{STYLE}{CHAT_STYLE}</style></head>\n"
        f'<body><main class="chat"><header><h1>{name}</h1>{lines}</header>{pages(tabs)}{rows_start(two=two)}'
    )


def rows_start(*, two: bool = False) -> str:
    """The beginning of the list of rows, for pages with a head of their own (with `CHAT_STYLE` in their style)."""
    return f'<ol class="rows{" two" if two else ""}">\n'


ROWS_END = "</ol>\n"


def page_end(tabs: Iterable[Tab] = ()) -> str:
    """What comes after the last row."""
    return f"{ROWS_END}{pages(tabs)}</main></body></html>\n"


def pages(tabs: Iterable[Tab]) -> str:
    """Links to the pages of a chat; nothing if there is only one."""
    shown = [
        f'<li><a href="{plain(tab.href)}">{plain(tab.text)}</a></li>'
        if tab.href
        else f'<li aria-current="page">{plain(tab.text)}</li>'
        for tab in tabs
    ]
    if len(shown) < 2:
        return ""
    return f'<nav aria-label="{plain(_("Pages of this chat"))}"><ul class="tabs">{"".join(shown)}</ul></nav>\n'


CHAT_STYLE = """
:root{--blue:#0a63d1;--green:#1d7a3e;--on:#ffffff;--wa:#d8f6cb;--on-wa:#14261a;--link:#0a58b8}
@media screen and (prefers-color-scheme:dark){
 :root{--blue:#1b62c4;--green:#1f7040;--wa:#10513d;--on-wa:#e9f5ee;--link:#8ab8f5}}
.chat{max-width:46rem;padding:0 1rem 3rem}
.chat a{color:var(--link)}
.chat header{padding:1.25rem 0 .75rem;border-bottom:1px solid var(--line)}
.chat h1{background:none;border:0;padding:0;margin:0 0 .25rem}
.chat header p{margin:.1rem 0;font-size:.875rem}
.tabs{list-style:none;padding:0;margin:.75rem 0;display:flex;flex-wrap:wrap;gap:.4rem}
.tabs li{margin:0}
.tabs a,.tabs [aria-current]{display:block;padding:.3rem .8rem;border-radius:1rem;background:var(--card);
 text-decoration:none}
.tabs [aria-current]{background:var(--text);color:var(--page)}
.rows{list-style:none;padding:0;margin:1rem 0}
.m{display:flex;flex-direction:column;align-items:flex-start;margin:.35rem 0}
.m.o{align-items:flex-end}
.who{font-size:.8125rem;color:var(--muted);font-weight:600;margin:.5rem .8rem .1rem}
.two .who{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.b{max-width:min(80%,34rem);padding:.5rem .85rem;border-radius:1.15rem;background:var(--card);color:var(--text);
 white-space:pre-wrap;overflow:hidden}
.b p{margin:0}.b p+p{margin-top:.35rem}
.o .b{background:var(--blue);color:var(--on)}
.o.s .b{background:var(--green)}
.o.w .b{background:var(--wa);color:var(--on-wa)}
.o.i .b a,.o.s .b a{color:inherit}
.o.w .b a{color:inherit}
.b img,.b video{display:block;max-width:100%;max-height:26rem;border-radius:.6rem;margin:.15rem 0}
.b .k img{max-width:10rem}
.b audio{display:block;width:17rem;max-width:100%;margin:.15rem 0}
.b small{color:inherit}
.q{display:block;border-left:.2rem solid;padding:.1rem .6rem;margin:0 0 .35rem;font-size:.875rem;
 text-decoration:none;white-space:normal}
.f{display:block;font-weight:600}
.c{border:1px solid;border-radius:.6rem;padding:.4rem .7rem;margin:.15rem 0;white-space:normal}
.gone{font-style:italic}
.m time,.e time{font-size:.75rem;color:var(--muted)}
.m time{margin:.05rem .8rem}
.n{margin:.1rem .8rem 0;font-size:.8125rem}
.r{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem;padding:0;margin:.2rem .5rem 0;font-size:.8125rem}
.r li{margin:0;border:1px solid var(--line);border-radius:1rem;padding:.05rem .6rem}
.v{border:0;padding:.1rem .8rem;font-size:.875rem;max-width:80%}
.v summary{font-weight:400;color:var(--muted)}
.v ol{margin:.2rem 0}.v li{white-space:pre-wrap}
.x .b{outline:2px dashed var(--bad);outline-offset:2px}
.x .n{color:var(--bad)}
.e{text-align:center;color:var(--muted);font-size:.875rem;margin:.75rem 1rem}
.d h2{text-align:center;font-size:.875rem;font-weight:600;color:var(--muted);margin:1.5rem 0 .5rem}
.m:target .b{box-shadow:0 0 0 3px var(--arriving)}
@media screen and (max-width:40rem){.b{max-width:88%}.tabs a,.tabs [aria-current]{padding:.45rem .9rem}}
@media print{
 .chat{max-width:none}.b{border:1px solid var(--line);print-color-adjust:exact;-webkit-print-color-adjust:exact}
 .m,.e{break-inside:avoid}.d{break-after:avoid}.tabs{display:none}
}
"""
