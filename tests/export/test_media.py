"""Media from strangers: converted in a child process that survives, or is replaced after, whatever they sent."""

from __future__ import annotations

import io
import os
import struct
import sys
import time
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from migrate.export.media.converter import MediaConverter
from migrate.export.media.limits import DAMAGED, TOO_LARGE, TOO_SLOW, Conversion, Limits, MediaUnreadable

HEIC = Path(__file__).parents[2].parent / "shared/data/databases/message-blobs/stickers/outline.heic"
AMR_FRAME = b"\x3c" + bytes(31)
"""20 ms of AMR-NB at 12.2 kbit/s (RFC 4867)."""


@pytest.fixture(scope="module")
def converter() -> Iterator[MediaConverter]:
    with MediaConverter() as made:
        yield made


def amr(seconds: float) -> bytes:
    return b"#!AMR\n" + AMR_FRAME * round(seconds * 50)


def picture(size: tuple[int, int] = (64, 48), form: str = "PNG", **how: object) -> bytes:
    result = io.BytesIO()
    Image.new("RGB", size, "teal").save(result, form, **how)
    return result.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises any size, with data that unpacks to zeros without end."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))


def refused(converter: MediaConverter, to: Conversion, source: bytes | Path, **limits: float) -> str:
    with pytest.raises(MediaUnreadable) as caught:
        converter.convert(to, source, Limits(**limits))  # type: ignore[arg-type]
    return caught.value.reason


def still_works(converter: MediaConverter) -> bool:
    return Image.open(io.BytesIO(converter.convert(Conversion.JPEG, picture()))).size == (64, 48)


def test_a_voicemail_becomes_an_m4a_of_the_same_length(converter: MediaConverter) -> None:
    made = converter.convert(Conversion.M4A, amr(3))
    with av.open(io.BytesIO(made)) as sound:
        assert sound.streams.audio[0].codec_context.name == "aac"
        assert sound.duration is not None and abs(sound.duration / 1e6 - 3) < 0.2


def test_other_sound_becomes_m4a_too(converter: MediaConverter) -> None:
    result = io.BytesIO()
    with wave.open(result, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(44_100)
        sound.writeframes(bytes(44_100 * 4))
    assert converter.convert(Conversion.M4A, result.getvalue())[4:8] == b"ftyp"


@pytest.mark.skipif(not HEIC.exists(), reason="needs ../shared/data")
def test_a_heic_becomes_a_jpeg_from_bytes_and_from_a_file(converter: MediaConverter) -> None:
    from_file, from_bytes = (converter.convert(Conversion.JPEG, source) for source in (HEIC, HEIC.read_bytes()))
    assert from_file == from_bytes
    image = Image.open(io.BytesIO(from_file))
    assert image.format == "JPEG" and image.size[0] > 200
    small = converter.convert(Conversion.JPEG, HEIC, longest_side=160)
    assert max(Image.open(io.BytesIO(small)).size) == 160


def test_a_picture_taken_sideways_is_upright_and_keeps_its_colours_and_date(converter: MediaConverter) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:05:01 09:30:11"
    made = Image.open(io.BytesIO(converter.convert(Conversion.JPEG, picture(form="JPEG", exif=exif))))
    assert made.size == (48, 64)
    assert made.getexif().get(0x0112) in (None, 1) and made.getexif()[0x0132] == "2024:05:01 09:30:11"
    red, green, blue = made.convert("RGB").getpixel((20, 20))  # type: ignore[misc]
    assert red < 20 and abs(green - 128) < 10 and abs(blue - 128) < 10


def test_transparent_pictures_get_a_white_ground(converter: MediaConverter) -> None:
    result = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(result, "PNG")
    made = Image.open(io.BytesIO(converter.convert(Conversion.JPEG, result.getvalue())))
    assert made.getpixel((4, 4)) == (255, 255, 255)


def test_the_first_picture_of_a_video_is_its_poster(converter: MediaConverter) -> None:
    result = io.BytesIO()
    with av.open(result, "w", format="mp4") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _number in range(3):
            frame = av.VideoFrame.from_image(Image.new("RGB", (96, 64), "navy"))  # type: ignore[no-untyped-call]
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    made = Image.open(io.BytesIO(converter.convert(Conversion.POSTER, result.getvalue(), longest_side=48)))
    assert made.size == (48, 32)


@pytest.mark.parametrize("to", Conversion)
@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"#!AMR\n", b"\0\0\0\x18ftypheic" + b"\xff" * 500, picture()[:70], amr(0.2)[:20] + b"\xff" * 99],
    ids=["empty", "zeros", "header only", "ftyp and noise", "cut off", "broken frames"],
)
def test_broken_files_are_refused(converter: MediaConverter, to: Conversion, content: bytes) -> None:
    try:
        converter.convert(to, content)
    except MediaUnreadable as refusal:
        assert refusal.reason == DAMAGED
    else:
        assert to is Conversion.M4A and content.startswith(b"#!AMR\n\x3c"), "only frames that can be skipped"
    assert still_works(converter)


def test_a_playlist_opens_no_other_file(converter: MediaConverter, tmp_path: Path) -> None:
    (tmp_path / "secret.amr").write_bytes(amr(1))
    playlist = f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path / 'secret.amr'}\n".encode()
    assert refused(converter, Conversion.M4A, playlist) == DAMAGED
    assert refused(converter, Conversion.POSTER, playlist) == DAMAGED


def test_a_few_bytes_that_claim_ten_billion_pixels_are_refused_at_once(converter: MediaConverter) -> None:
    begun = time.process_time()
    assert refused(converter, Conversion.JPEG, png_claiming(100_000, 100_000)) == TOO_LARGE
    assert refused(converter, Conversion.JPEG, png_claiming(1, 2_000_000_000)) == TOO_LARGE
    assert time.process_time() - begun < 1
    assert still_works(converter)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is another mechanism")
def test_more_memory_than_allowed_ends_the_conversion_and_not_the_program() -> None:
    with MediaConverter(memory_bytes=96 << 20) as small:
        assert refused(small, Conversion.JPEG, png_claiming(9_000, 9_000)) == TOO_LARGE
        assert still_works(small)


def test_files_and_results_longer_than_allowed_are_refused(converter: MediaConverter, tmp_path: Path) -> None:
    large = tmp_path / "large.heic"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    assert refused(converter, Conversion.JPEG, large) == TOO_LARGE
    assert refused(converter, Conversion.JPEG, amr(1), source_bytes=100) == TOO_LARGE
    assert refused(converter, Conversion.M4A, amr(10), result_bytes=1000) == TOO_LARGE
    assert still_works(converter)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_file_without_an_end_is_given_up_and_the_next_one_is_converted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.heic")
    with MediaConverter() as converter:
        assert still_works(converter)
        first = converter._child
        begun = time.monotonic()
        assert refused(converter, Conversion.JPEG, tmp_path / "endless.heic", seconds=0.5) == TOO_SLOW
        assert time.monotonic() - begun < 10
        assert first is not None and first.poll() is not None, "the process still hangs"
        assert still_works(converter)


def test_sound_of_hours_is_given_up_when_its_time_is_over() -> None:
    with MediaConverter() as converter:
        assert refused(converter, Conversion.M4A, amr(3 * 3600), seconds=1.0) == TOO_SLOW


def test_the_child_is_replaced_after_it_was_killed(converter: MediaConverter) -> None:
    assert still_works(converter)
    assert converter._child is not None
    converter._child.kill()
    converter._child.wait()
    assert still_works(converter)


def test_the_child_has_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "hunter2")
    with MediaConverter() as converter:
        assert still_works(converter)
        environment = Path(f"/proc/{converter._child.pid}/environ")  # type: ignore[union-attr]
        if not environment.exists():
            pytest.skip("needs /proc")
        assert b"hunter2" not in environment.read_bytes()


def test_a_closed_converter_leaves_no_process() -> None:
    converter = MediaConverter()
    assert still_works(converter)
    child = converter._child
    converter.close()
    assert child is not None and child.poll() is not None
