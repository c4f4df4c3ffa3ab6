"""The process that decodes media: `python -I worker.py`, started by `converter.py`. Imports nothing of this package.

What it gives back when a file cannot be converted is a word; the libraries' own messages may quote the file.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

_JPEG_QUALITY, _THUMBNAIL_QUALITY = 90, 82
_SOUND_BITS_PER_SECOND = 64_000
_LONGEST_PROFILE = 1 << 20
"""Bytes of a colour profile. Those of iPhones have less than 1 KB; printers' about 500 KB."""
_PICTURES = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "MPO")
"""Formats of Pillow that are tried, beside HEIF. Others start programs (EPS) or are never on a phone."""
_GRACE_S = 5.0
"""How long after the limit it ends by itself if nobody has killed it: the program that started it is gone."""
_SOUND_FORMATS = (
    (0, b"#!AMR", "amr"),
    (0, b"caff", "caf"),
    (4, b"ftyp", "mov"),
    (0, b"RIFF", "wav"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
)
"""Position and bytes at the beginning of a file -> FFmpeg's name. The format is given, never guessed: playlists and
scripts would make FFmpeg open other files and addresses."""
_VIDEO_BOXES = (b"ftyp", b"wide", b"mdat", b"moov", b"free", b"skip", b"pnot")


class TooLarge(Exception):
    """The file has more pixels, or its result more bytes, than allowed."""


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        asked = json.loads(line)
        if "sys.path" in asked:
            sys.path[:] = asked["sys.path"]
            limit_memory(asked["memory_bytes"])
            continue
        content = requests.read(asked["bytes"])
        if len(content) < asked["bytes"]:
            return
        faulthandler.dump_traceback_later(asked["seconds"] + _GRACE_S, exit=True)
        made, error = _try(asked, content)
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps({"error": error} if made is None else {"bytes": len(made)}).encode("ascii") + b"\n")
        answers.write(made or b"")
        answers.flush()


def _try(asked: dict[str, Any], content: bytes) -> tuple[bytes | None, str]:
    try:
        if asked["path"] is not None:
            with open(asked["path"], "rb") as file:  # noqa: PTH123  pathlib would be one import more
                made = _convert(asked, file)
        else:
            made = _convert(asked, io.BytesIO(content))
    except (TooLarge, MemoryError):
        return None, "too-large"
    except Exception:  # the libraries raise whatever they like
        return None, "damaged"
    if len(made) > asked["result_bytes"]:
        return None, "too-large"
    return made, ""


def _convert(asked: dict[str, Any], file: IO[bytes]) -> bytes:
    if asked["to"] == "m4a":
        return sound_to_m4a(file, asked["result_bytes"])
    if asked["to"] == "poster":
        return video_to_poster(file, asked["pixels"], asked["longest_side"])
    return picture_to_jpeg(file, asked["pixels"], asked["longest_side"])


# -- pictures ----------------------------------------------------------------------------------------------------------


def picture_to_jpeg(file: IO[bytes], pixels: int, longest_side: int | None) -> bytes:
    """The first picture of a file, upright, with its colour profile; with its EXIF data if it keeps its size."""
    import warnings

    from PIL import Image, ImageFile, ImageOps

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # checked below
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    formats: tuple[str, ...] = _PICTURES
    beginning = file.read(12)
    file.seek(0)
    if beginning[4:8] == b"ftyp":
        import pi_heif  # type: ignore[import-untyped]

        pi_heif.register_heif_opener(thumbnails=False, decode_threads=2)
        formats = ("HEIF",)
    with Image.open(file, formats=formats) as image:
        _check_pixels(image.size, pixels)
        if longest_side is not None:
            image.draft("RGB", (longest_side, longest_side))
        image.load()
        _check_pixels(image.size, pixels)
        upright = ImageOps.exif_transpose(image)
        if longest_side is not None:
            upright.thumbnail((longest_side, longest_side), reducing_gap=2.0)
        return _jpeg(upright, keeps_exif=longest_side is None)


def _check_pixels(size: tuple[int, int], pixels: int) -> None:
    width, height = size
    if width * height > pixels:
        raise TooLarge
    if width <= 0 or height <= 0:
        raise ValueError("it has no pixels")


def _jpeg(image: Any, *, keeps_exif: bool) -> bytes:
    from PIL import Image

    profile = image.info.get("icc_profile") or b""
    exif = image.info.get("exif") or b""
    keep = {}
    if isinstance(profile, bytes) and 0 < len(profile) <= _LONGEST_PROFILE and image.mode == "RGB":
        keep["icc_profile"] = profile
    if keeps_exif and isinstance(exif, bytes) and 0 < len(exif) < 1 << 16:
        keep["exif"] = exif
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        see_through = image.convert("RGBA")
        image = Image.new("RGB", see_through.size, "white")
        image.paste(see_through, mask=see_through.getchannel("A"))
    elif image.mode != "RGB":
        image = image.convert("RGB")
    result = io.BytesIO()
    image.save(result, "JPEG", quality=_JPEG_QUALITY if keeps_exif else _THUMBNAIL_QUALITY, **keep)
    return result.getvalue()


def video_to_poster(file: IO[bytes], pixels: int, longest_side: int | None) -> bytes:
    """The first picture of a video, upright."""
    import av

    beginning = file.read(12)
    file.seek(0)
    if beginning[4:8] not in _VIDEO_BOXES:
        raise ValueError("not a video of a known format")
    container: Any
    with av.open(file, format="mov", options={"protocol_whitelist": ""}) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        _check_pixels((context.width, context.height), pixels)
        for frame in container.decode(stream):
            _check_pixels((frame.width, frame.height), pixels)
            image = frame.to_image()
            if rotation := int(getattr(frame, "rotation", 0) or 0):
                image = image.rotate(rotation, expand=True)
            if longest_side is not None:
                image.thumbnail((longest_side, longest_side))
            return _jpeg(image, keeps_exif=False)
    raise ValueError("it has no pictures")


# -- sound -------------------------------------------------------------------------------------------------------------


def sound_to_m4a(file: IO[bytes], longest: int) -> bytes:
    """The first sound track of a file, at its own rate (at most 48 kHz), in one or two channels."""
    import av

    name = _sound_format(file)
    result = io.BytesIO()
    count = 0
    source: Any
    with (
        av.open(file, format=name, options={"protocol_whitelist": ""}) as source,
        av.open(result, "w", format="ipod") as target,
    ):
        track = source.streams.audio[0]
        rate = min(track.codec_context.sample_rate, 48_000)
        layout = "mono" if track.codec_context.channels == 1 else "stereo"
        out = target.add_stream("aac", rate=rate, bit_rate=_SOUND_BITS_PER_SECOND, layout=layout)
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)

        def write(frame: Any) -> None:
            for piece in resampler.resample(frame):
                for packet in out.encode(piece):
                    target.mux(packet)

        for frame in source.decode(track):
            frame.pts = None
            write(frame)
            count += 1
            if result.tell() > longest:
                raise TooLarge
        if not count:
            raise ValueError("it has no sound")
        write(None)
        for packet in out.encode(None):
            target.mux(packet)
    return result.getvalue()


def _sound_format(file: IO[bytes]) -> str:
    beginning = file.read(16)
    file.seek(0)
    for position, magic, name in _SOUND_FORMATS:
        if beginning[position:].startswith(magic):
            return name
    raise ValueError("not sound of a known format")


# -- limits ------------------------------------------------------------------------------------------------------------


def limit_memory(extra: int) -> None:
    """Allow `extra` bytes more than are in use now."""
    if sys.platform == "win32":
        _limit_memory_of_job(extra)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to pipes only
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + extra, used + extra))
    else:  # macOS accepts RLIMIT_AS and does not enforce it (*reported*)
        _watch(lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > extra)


def _watch(is_too_much: Callable[[], bool]) -> None:
    """End this process soon after it uses too much. The libraries let other threads run while they decode."""

    def look() -> None:
        while not pause.wait(0.05):
            if is_too_much():
                os._exit(1)

    pause = threading.Event()
    threading.Thread(target=look, daemon=True).start()


def _limit_memory_of_job(extra: int) -> None:
    """Windows: a job object whose processes cannot have more memory (*guessed*: never run)."""
    import ctypes

    class Basic(ctypes.Structure):
        _fields_ = (
            ("user_time_of_process", ctypes.c_int64),
            ("user_time_of_job", ctypes.c_int64),
            ("flags", ctypes.c_uint32),
            ("smallest_working_set", ctypes.c_size_t),
            ("largest_working_set", ctypes.c_size_t),
            ("processes", ctypes.c_uint32),
            ("affinity", ctypes.c_size_t),
            ("priority", ctypes.c_uint32),
            ("scheduling", ctypes.c_uint32),
        )

    class Extended(ctypes.Structure):
        _fields_ = (
            ("basic", Basic),
            ("io_counters", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_of_process", ctypes.c_size_t),
            ("peak_of_job", ctypes.c_size_t),
        )

    process_memory, extended_information = 0x100, 9
    kernel = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009  only Windows has it
    kernel.CreateJobObjectW.restype = kernel.GetCurrentProcess.restype = ctypes.c_void_p
    limit = Extended(basic=Basic(flags=process_memory), process_memory=extra + (256 << 20))
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    kernel.SetInformationJobObject(job, extended_information, ctypes.byref(limit), ctypes.sizeof(limit))
    kernel.AssignProcessToJobObject(job, ctypes.c_void_p(kernel.GetCurrentProcess()))


def main() -> None:
    """Serve the pipes this process was started with. What libraries print goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every program of the terminal; ours ends us
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
