"""What speakers share."""

from __future__ import annotations

from clara.errors import UsageError

OWN_PITCH, OWN_SPEED = 50, 175


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
