"""What events, effects and reactions of messages are called."""

from __future__ import annotations

from migrate.content.normal_form import address
from migrate.content.readers.messages.message import Details, Message
from migrate.content.readers.whatsapp import WhatsAppMessage
from migrate.language import _, mark

FIRST_REACTION, FIRST_REMOVAL, LAST_REACTION = 2000, 3000, 3999
STICKER_REACTION = 2007
_SIGNS = {2000: "❤️", 2001: "👍", 2002: "👎", 2003: "😂", 2004: "‼️", 2005: "❓"}
_MOVED = 1000
"""`associated_message_type` of a sticker that was put onto a message (*read*: imessage-exporter)."""
_EFFECTS = {
    "com.apple.MobileSMS.expressivesend.impact": mark("Slam"),
    "com.apple.MobileSMS.expressivesend.loud": mark("Loud"),
    "com.apple.MobileSMS.expressivesend.gentle": mark("Gentle"),
    "com.apple.MobileSMS.expressivesend.invisibleink": mark("Invisible Ink"),
    "com.apple.messages.effect.CKEchoEffect": mark("Echo"),
    "com.apple.messages.effect.CKSpotlightEffect": mark("Spotlight"),
    "com.apple.messages.effect.CKHappyBirthdayEffect": mark("Balloons"),
    "com.apple.messages.effect.CKConfettiEffect": mark("Confetti"),
    "com.apple.messages.effect.CKHeartEffect": mark("Love"),
    "com.apple.messages.effect.CKLasersEffect": mark("Lasers"),
    "com.apple.messages.effect.CKFireworksEffect": mark("Fireworks"),
    "com.apple.messages.effect.CKShootingStarEffect": mark("Shooting Star"),
    "com.apple.messages.effect.CKSparklesEffect": mark("Celebration"),
}
_MEMBERS, _RENAMED, _LEFT_OR_PHOTO, _PLACE, _KEPT_AUDIO, _FACETIME = 1, 2, 3, 4, 5, 6
"""`item_type` (*read*: imessage-exporter)."""
_OF_GROUP = {
    0: mark("{who} left the conversation"),
    1: mark("{who} changed the group photo"),
    2: mark("{who} removed the group photo"),
    4: mark("{who} changed the background of the conversation"),
    6: mark("{who} removed the background of the conversation"),
}
_WHATSAPP_GROUP = {
    1: mark("{who} named the group “{what}”"),
    2: mark("{who} joined"),
    3: mark("{who} left"),
    4: mark("{who} changed the group’s photo"),
    5: mark("{who} removed the group’s photo"),
    7: mark("{who} was removed"),
    10: mark("You are now an admin"),
    12: mark("The group was created"),
    50: mark("People joined: {what}"),
}
"""`ZGROUPEVENTTYPE` of messages of type 6 (*read*: IPED; 1 also whatsapp-chat-exporter; 2 and 12 *seen*)."""
_WHATSAPP_SYSTEM = {
    1: mark("Missed voice call"),
    2: mark("Messages are end-to-end encrypted"),
    3: mark("The security code of {who} changed"),
    4: mark("Missed video call"),
    22: mark("Missed video call of the group"),
    26: mark("This is a business chat"),
    30: mark("This business is now a standard account"),
    34: mark("You blocked this contact"),
    35: mark("You unblocked this contact"),
    38: mark("This is a business chat"),
    40: mark("Video call of the group"),
    41: mark("Video call of the group"),
}
"""The same of messages of type 10 (*read*: IPED; 2 *seen*)."""


def is_reaction(kind: int) -> bool:
    return FIRST_REACTION <= kind <= LAST_REACTION


def reacted_message(about: str) -> str:
    """The guid of the message that a reaction is about: `p:0/<guid>`, `bp:<guid>`."""
    return about.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def reaction_sign(kind: int, emoji: str | None) -> str:
    """The emoji of a reaction. Removing one has the number of adding it plus 1000."""
    added = kind - (FIRST_REMOVAL - FIRST_REACTION) if kind >= FIRST_REMOVAL else kind
    if added == STICKER_REACTION:
        return _("a sticker")
    return emoji or _SIGNS.get(added) or _("a reaction")


def is_removal(kind: int) -> bool:
    return kind >= FIRST_REMOVAL


def is_placed_sticker(kind: int) -> bool:
    return kind == _MOVED


def effect_name(style: str) -> str:
    """What Messages calls an effect."""
    known = _EFFECTS.get(style)
    return _(known) if known else style.rsplit(".", 1)[-1]


def message_event(item: Message, who: str) -> str:
    """What happened in a chat of Messages."""
    details = item.details or Details()
    other = details.other_name or details.other or _("somebody")
    kind, action = item.event, details.action
    if kind == _MEMBERS:
        said = _("{who} added {other}") if not action else _("{who} removed {other}")
        return said.format(who=who, other=other)
    if kind == _RENAMED or details.title:
        if not details.title:
            return _("{who} removed the group’s name").format(who=who)
        return _("{who} named the group “{title}”").format(who=who, title=details.title)
    if kind == _LEFT_OR_PHOTO and action in _OF_GROUP:
        return _(_OF_GROUP[action]).format(who=who)
    if kind == _PLACE:
        said = _("{who} stopped sharing the location") if details.share_ended else _("{who} shared the location")
        return said.format(who=who)
    if kind == _KEPT_AUDIO:
        return _("{who} kept an audio message").format(who=who)
    if kind == _FACETIME:
        return _("{who} started FaceTime or SharePlay").format(who=who)
    return _("An event of Messages (number {number})").format(number=f"{kind}.{action}")


def whatsapp_event(item: WhatsAppMessage, who: str) -> str:
    """What happened in a chat of WhatsApp."""
    event = item.details.event if item.details else 0
    what = item.body if isinstance(item.body, str) else ""
    if item.type == 6 and (event != 1 or what):
        known = _WHATSAPP_GROUP.get(event)
    else:
        known = _WHATSAPP_SYSTEM.get(event) if item.type == 10 else None
    if known:
        return _(known).format(
            who=who, what=", ".join(number_of(one) for one in what.split(",")) if event == 50 else what
        )
    said = _("An event of WhatsApp (number {number})").format(number=f"{item.type}.{event}")
    return f"{said}: {what}" if what else said


def number_of(jid: str) -> str:
    """The number in a JID: `+491701234567`; the id of a group or of a hidden number as it is."""
    name, _at, server = jid.strip().partition("@")
    return f"+{name}" if name.isdigit() and server == "s.whatsapp.net" else name


def shown_number(known: str) -> str:
    """A phone number as people write it; everything else as it is."""
    normalised = address(known) or known
    if not normalised.startswith("+") or len(normalised) > 20:
        return known
    import phonenumbers

    try:
        parsed = phonenumbers.parse(normalised, None)
    except phonenumbers.NumberParseException:
        return known
    if not phonenumbers.is_possible_number(parsed):
        return known
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def last_digits(known: str | None) -> str:
    """The last four digits of a number, for the name of a folder; nothing for other addresses."""
    digits = "".join(letter for letter in known or "" if letter.isdigit())
    is_number = bool(known) and "@" not in (known or "") and not any(letter.isalpha() for letter in known or "")
    return digits[-4:] if is_number and len(digits) > 4 else ""
