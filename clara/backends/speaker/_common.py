"""What speakers share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clara.audio import io
from clara.errors import AudioError, UnknownNameError, UsageError
from clara.records import Wave

_OWN_PITCH, _OWN_SPEED = 50, 175
_SEMITONES = 6  # from the own pitch of a voice to 0 and to 100


def check(pitch: int, speed: int) -> None:
    """Checks what is asked of a voice.

    Raises:
        UsageError: It is out of range.
    """
    if not (0 <= pitch <= 100 and 80 <= speed <= 450):
        raise UsageError(
            "Expected a pitch of 0 to 100 and a speed of 80 to 450 words a minute, "
            f"but found {pitch} and {speed}."
        )


def nothing(text: str, language: str) -> AudioError:
    """What to raise where no sound comes of a text."""
    return AudioError(
        f"Expected a text that can be spoken in {language!r}, but found {text[:40]!r}; "
        "leave it out.",
        cause="nothing of the text can be spoken",
    )


def pick(kind: str, voices: Mapping[str, str], voice: str) -> str:
    """The voice that is asked for, or the first.

    Args:
        kind: Of the speaker, for the message.
        voices: There are these.
        voice: One of them, or empty.

    Raises:
        UnknownNameError: There is no such voice.
    """
    if voice and voice not in voices:
        raise UnknownNameError(f"voice of {kind}", voice, voices)
    return voice or next(iter(voices))


def pace(pitch: int, speed: int) -> float:
    """How fast a voice that knows no pitch has to speak, so that `repitch` gives that speed.

    >>> pace(50, 350), round(pace(100, 175), 3)
    (2.0, 0.707)
    """
    return speed / _OWN_SPEED / _factor(pitch)


def repitch(wave: Wave, rate: int, pitch: int) -> Wave:
    """A voice higher or lower by up to six semitones, spoken faster or slower by as much.

    As with a tape its resonances move along, so that it sounds like a smaller or a larger person.

    Args:
        wave: float32 `[T]`, at `pace`.
        rate: Its samples per second, and those of the result.
        pitch: 0 to 100.

    Returns:
        float32 `[T]`.
    """
    if pitch == _OWN_PITCH:
        return wave
    return np.clip(io.resample(wave, round(rate * _factor(pitch)), rate), -1, 1)


def _factor(pitch: int) -> float:
    return float(2 ** ((pitch - _OWN_PITCH) / 50 * _SEMITONES / 12))
