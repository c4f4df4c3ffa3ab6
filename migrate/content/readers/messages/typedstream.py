"""The text of a message body: Apple's typedstream archive of an NSAttributedString (`message.attributedBody`).

    04 0b "streamtyped" 81 e8 03      header: streamer 4, signature, system version 1000
    84 01 "@"                         a shared string: the type of what follows, an object
    84 84 84 19 "NSMutable…" 00 …     a new object, its new class (name and version) and its superclasses
    92 84 …                           its first value: type 0x92 (the first shared string, "@"), the NSString
    84 01 "+" 0a "Noter test" 86      the NSString's value: counted bytes (UTF-8), end of the object

Repeated strings, and repeated objects or classes, are numbers from 0x92 on. Strings have one table; objects and classes
share another (ios-backup-parser's notes, checked there against python-typedstream). So the bytes before the text vary
with the chain of classes: a fixed pattern loses texts (facts/exports 6).
"""

from __future__ import annotations

_SIGNATURE = b"\x04\x0bstreamtyped"
_INTEGER_2, _INTEGER_4 = 0x81, 0x82
_NEW, _NIL, _END = 0x84, 0x85, 0x86
_FIRST_REFERENCE = 0x92
_BYTES = b"\x84\x01+"
"""The type of a string's bytes, where it is named for the first time."""
_LONGEST_CHAIN = 16
"""Classes of one object: NSMutableAttributedString, NSAttributedString, NSObject."""
_LONGEST_KNOWN_BEGINNING, _MOST_KNOWN_BEGINNINGS = 300, 100
_known_beginnings: set[bytes] = set()
"""What was read before a text. It is the same in nearly all messages, and reading it again is slow."""


def text_of(archive: bytes) -> str | None:
    """The text of an archived attributed string; None if it cannot be decoded. An empty text is ""."""
    end = archive.find(_BYTES) + len(_BYTES)
    known = archive[:end] in _known_beginnings
    try:
        reader = _Reader(archive, end if known else 0)
        if not known:
            reader.skip_to_text()
            if reader.position == end <= _LONGEST_KNOWN_BEGINNING and len(_known_beginnings) < _MOST_KNOWN_BEGINNINGS:
                _known_beginnings.add(archive[:end])
        text = reader.counted_bytes()
        reader.expect(_END)
        return text.decode("utf-8")
    except (ValueError, IndexError):
        return None


class _Reader:
    """Reads from the front to the text. It raises ValueError or IndexError for everything it does not expect."""

    def __init__(self, archive: bytes, position: int) -> None:
        self._archive = archive
        self.position = position
        self._strings: list[bytes] = []
        self._objects: list[tuple[bytes, ...]] = []
        """The names of a class and its superclasses; nothing for an object."""

    def skip_to_text(self) -> None:
        """Read everything up to the length of the text."""
        if not self._archive.startswith(_SIGNATURE):
            raise ValueError("not a typedstream")
        self.position = len(_SIGNATURE)
        self._integer(self._byte())
        self._object_of(b"NSAttributedString")
        self._object_of(b"NSString")
        if self._shared_string() != b"+":
            raise ValueError("not the value of a string")

    def counted_bytes(self) -> bytes:
        length = self._integer(self._byte())
        end = self.position + length
        if end > len(self._archive):
            raise ValueError("longer than the archive")
        found = self._archive[self.position : end]
        self.position = end
        return found

    def expect(self, byte: int) -> None:
        if self._byte() != byte:
            raise ValueError("not the end of an object")

    def _byte(self) -> int:
        byte = self._archive[self.position]
        self.position += 1
        return byte

    def _integer(self, head: int) -> int:
        """A number that is not negative: in one byte, or in the two or four that follow."""
        if head < 0x80:
            return head
        size = {_INTEGER_2: 2, _INTEGER_4: 4}.get(head)
        if size is None or self.position + size > len(self._archive):
            raise ValueError("not a number")
        self.position += size
        return int.from_bytes(self._archive[self.position - size : self.position], "little")

    def _shared_string(self) -> bytes:
        head = self._byte()
        if head != _NEW:
            return self._strings[_reference(head)]
        string = self.counted_bytes()
        self._strings.append(string)
        return string

    def _object_of(self, name: bytes) -> None:
        """Begin to read a new object whose class is, or descends from, the class of this name."""
        if self._shared_string() != b"@":
            raise ValueError("not an object")
        self.expect(_NEW)
        self._objects.append(())
        if name not in self._class():
            raise ValueError("an object of another class")

    def _class(self) -> tuple[bytes, ...]:
        first, names, inherited = len(self._objects), list[bytes](), tuple[bytes, ...]()
        while (head := self._byte()) != _NIL:
            if head != _NEW:
                inherited = self._objects[_reference(head)]
                if not inherited:
                    raise ValueError("not a class")
                break
            names.append(self._shared_string())
            self._integer(self._byte())
            self._objects.append(())
            if len(names) > _LONGEST_CHAIN:
                raise ValueError("too many superclasses")
        chain = (*names, *inherited)
        for number in range(len(names)):
            self._objects[first + number] = chain[number:]
        return chain


def _reference(head: int) -> int:
    if head < _FIRST_REFERENCE:
        raise ValueError("not a reference")
    return head - _FIRST_REFERENCE
