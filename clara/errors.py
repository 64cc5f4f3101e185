"""The errors that CLARA raises on purpose, as one tree.

    ClaraError
    ├── UsageError            the caller asked for something that cannot be (exit code 2)
    │   ├── UnknownNameError  no plug-in, field or task of that name
    │   └── MissingExtraError an optional dependency is not installed
    └── DataError             what lies on disk is not what it should be (exit code 1)
        ├── AudioError        a recording that cannot be read
        ├── AlignmentError    a recording in which its words cannot be found
        ├── LayoutError       a corpus folder that does not have its official layout
        ├── DownloadError     a file that cannot be had, or is not what its owner states
        ├── ShardError        a shard or an index that is broken
        └── CheckpointError   a model folder that is not one

Each message is one sentence or two: what was expected, what was found, what to do. Faults of the
programmer are asserts, never members of this tree.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClaraError(Exception):
    """The root: `except ClaraError` catches all that CLARA raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes hand errors over by pickle, which would call the constructor again, with
        # the message for all its arguments.
        return _again, (type(self), self.args), self.__dict__


class UsageError(ClaraError):
    """The caller asked for something that cannot be; the message says what can."""


class UnknownNameError(UsageError):
    """A name that nothing carries.

    Args:
        kind: What was looked for, in the singular ("corpus").
        name: What was asked for.
        known: The names that exist; the nearest is suggested.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"there are: {', '.join(known)}." if known else "there is none."
        hint = f"did you mean {near[0]!r}?" if near else hint
        super().__init__(f"There is no {kind} named {name!r}; {hint}")


class MissingExtraError(UsageError):
    """An optional dependency is not installed.

    Args:
        what: What needs it ("the espeak speaker").
        extra: The extra of this package that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"For {what} a package is missing; install it with: pip install 'clara-audio[{extra}]'"
        )


class DataError(ClaraError):
    """What lies on disk is not what it should be."""


class AudioError(DataError):
    """A recording that cannot be read.

    Args:
        message: What was expected, what was found, what to do.
        cause: What was found, in words that all recordings with this fault share, to count by.
    """

    def __init__(self, message: str, cause: str = "it cannot be read") -> None:
        super().__init__(message)
        self.cause = cause


class AlignmentError(DataError):
    """A recording in which the words of its transcript cannot be found.

    Args:
        message: What was expected, what was found, what to do.
        cause: What was found, in words that all recordings with this fault share, to count by.
    """

    def __init__(self, message: str, cause: str = "its words cannot be found") -> None:
        super().__init__(message)
        self.cause = cause


class LayoutError(DataError):
    """A corpus folder that does not have its official layout."""


class DownloadError(DataError):
    """A file that cannot be had, or is not what its owner states."""


class ShardError(DataError):
    """A shard or an index that is broken."""


class CheckpointError(DataError):
    """A model folder that is not one."""


def _again(kind: type[ClaraError], args: tuple[object, ...]) -> ClaraError:
    error = kind.__new__(kind)
    error.args = args
    return error
