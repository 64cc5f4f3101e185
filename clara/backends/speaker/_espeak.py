"""The process that espeak-ng speaks in: a program that needs nothing but the standard library.

The library holds state that no call of it resets: the place in a table of flutter, which of two
spectra it is at, noise. So that what is spoken follows from the request alone, each is spoken by a
copy of a process that has spoken nothing yet. A text that the library crashes on takes this program
with it, and not the one that asked.

    python _espeak.py LIBRARY DATA

Messages go both ways as a length, JSON and, behind a reply, samples. The program says first what it
is, then answers one request after the other until its input ends or a copy fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARACTERS = 1
_UTF8 = 1
_RATE, _PITCH = 1, 3
_LIST_END, _WORD = 0, 1


class _Voice(ctypes.Structure):
    """The head of the library's `espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
    )


class _Event(ctypes.Structure):
    """The library's `espeak_EVENT`; positions are in characters from 1, times in ms."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def send(pipe: BinaryIO, message: dict[str, Any], samples: bytes = b"") -> None:
    """Writes a message, and samples behind it."""
    head = json.dumps({**message, "bytes": len(samples)}).encode()
    pipe.write(struct.pack("<I", len(head)) + head + samples)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Reads a message, and the samples behind it.

    Raises:
        EOFError: The other side is gone.
    """
    message = json.loads(_exactly(pipe, struct.unpack("<I", _exactly(pipe, 4))[0]))
    return message, _exactly(pipe, message["bytes"])


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError("the other side is gone")
    return found


def _main(path: str, folder: str) -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    library = ctypes.CDLL(path)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_Synth.argtypes = (
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint),
        *(ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    )
    data = Path(folder)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, bytes(data.parent), _DONT_EXIT)
    if rate <= 0:
        send(sink, {"rate": rate})
        return
    version = library.espeak_Info(None).decode()
    send(sink, {"rate": rate, "version": version, "voice_files": _voice_files(library, data)})
    with contextlib.suppress(EOFError):
        while True:
            request, _ = receive(source)
            copy = os.fork()
            if not copy:
                fault = 1
                try:
                    _answer(library, request, sink)
                    fault = 0
                finally:
                    os._exit(fault)
            if os.waitpid(copy, 0)[1]:
                break  # with half a reply, perhaps: whoever asked finds that this is the end


def _answer(library: ctypes.CDLL, request: dict[str, Any], sink: BinaryIO) -> None:
    blocks: list[bytes] = []
    words: list[tuple[int, int, int]] = []

    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            blocks.append(ctypes.string_at(samples, 2 * count))
        place = 0
        while events and events[place].type != _LIST_END:
            event = events[place]
            if event.type == _WORD:
                words.append((event.text_position - 1, event.length, event.audio_position))
            place += 1
        return 0

    callback = _Callback(keep)
    encoded = request["text"].encode("utf-8", "replace") + b"\0"
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(1)
    status = library.espeak_SetVoiceByName(request["voice"].encode())
    library.espeak_SetParameter(_RATE, request["speed"], 0)
    library.espeak_SetParameter(_PITCH, request["pitch"], 0)
    status = status or library.espeak_Synth(
        encoded, len(encoded), 0, _CHARACTERS, 0, _UTF8, None, None
    )
    send(sink, {"status": status, "words": words}, b"".join(blocks))


def _voice_files(library: ctypes.CDLL, data: Path) -> dict[str, str]:
    """Language tag to the voice file that the library likes best for it."""
    best: dict[str, tuple[int, str]] = {}
    for voice in library.espeak_ListVoices(None):
        if not voice:
            break
        identifier = voice[0].identifier.decode()
        # `languages` repeats: a byte of priority (low is better), a tag, a NUL; a NUL ends it.
        place = ctypes.cast(voice[0].languages, ctypes.c_void_p).value or 0
        tags = []
        while priority := ctypes.string_at(place, 1)[0]:
            tag = ctypes.string_at(place + 1)
            tags.append((priority, tag.decode()))
            place += len(tag) + 2
        if _has_dictionary(data, identifier, tags[0][1]):
            for priority, name in tags:
                best[name] = min(best.get(name, (256, "")), (priority, identifier))
    return {name: identifier for name, (_, identifier) in best.items()}


def _has_dictionary(data: Path, identifier: str, tag: str) -> bool:
    """Whether the words of a voice came with the package; some small languages lack them."""
    name = tag.partition("-")[0]
    for line in (data / "lang" / identifier).read_text("utf-8", "replace").splitlines():
        if line.startswith("dictionary"):
            name = line.split()[1]
    return (data / f"{name}_dict").is_file()


if __name__ == "__main__":
    _main(*sys.argv[1:])
