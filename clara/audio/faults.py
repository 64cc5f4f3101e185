"""What is said of a recording that cannot be read: one sentence, and a cause to count by."""

from __future__ import annotations

from clara.errors import AudioError


def fault(name: str, found: str, do: str, detail: str = "") -> AudioError:
    """The error to raise.

    Args:
        name: What to call the recording.
        found: What is wrong, in words that all recordings with this fault share.
        do: What the user can do.
        detail: What is true of this recording alone.
    """
    said = f"{found} ({detail})" if detail else found
    return AudioError(f"Expected a recording in {name}, but {said}. {do}.", cause=found)


def truncated(name: str) -> AudioError:
    """The error for a recording that ends too early."""
    return fault(name, "it is truncated: the end is missing", "Fetch it again")


def empty_slice(name: str, start: float, stop: float, seconds: float | None = None) -> AudioError:
    """The error for a slice without a length, from `start` to `stop` seconds."""
    return fault(
        name,
        "the slice asked for is empty",
        "Ask for 0 <= start < end",
        _times(start, stop, seconds),
    )


def outside(name: str, start: float, stop: float, seconds: float) -> AudioError:
    """The error for a slice that begins behind the end of a recording of `seconds`."""
    return fault(
        name,
        "it ends before the slice asked for begins",
        "Ask for a slice inside of it",
        _times(start, stop, seconds),
    )


def no_samples(name: str) -> AudioError:
    """The error for a recording of no length."""
    return fault(name, "it holds no samples", "Remove it, or fetch it again")


def _times(start: float, stop: float, seconds: float | None) -> str:
    whole = "" if seconds is None else f" of {seconds:g} s"
    return f"{start:g} s to {stop:g} s{whole}"
