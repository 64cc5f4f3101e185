"""ROOM: what the jobs of `prepare` run on; each file holds one `Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from clara import rooms
from clara.errors import UnknownNameError
from clara.files import Location

Tick = Callable[[], None]


class StoppedError(Exception):
    """Raised inside a job when the run has been given up."""


class Engine(Protocol):
    """Runs jobs somewhere; the contract of this room.

    Args:
        workers: Most jobs at once; as many as there are cores if None.

    Raises:
        UsageError: That is no number of workers, or a package is missing.
    """

    def __init__(self, workers: int | None) -> None: ...

    def run(
        self,
        function: Callable[[Any, Tick], Any],
        jobs: Sequence[Any],
        *,
        advance: Callable[[int], None],
        needs: Sequence[Location] = (),
    ) -> Iterator[Any]:
        """Runs a function over jobs and yields the results as they come, in any order.

        No job is at work any more when the iterator has ended or was closed.

        Args:
            function: Called with a job and a function to call after each record. It is importable
                by name; jobs and results can be pickled.
            jobs: What to do.
            advance: Called with how many records more are done, now and then.
            needs: What has to be visible wherever a job runs.

        Raises:
            UsageError: Something that is needed is not visible everywhere.
            DataError: A process was killed.
        """


def get(name: str, workers: int | None) -> Engine:
    """The engine of that name, or the one at "package.module:object".

    Raises:
        UnknownNameError: There is none; the message names the nearest.
        UsageError: It cannot be used.
    """
    known = rooms.names("prepare.engines")
    if ":" not in name and name not in known:
        raise UnknownNameError("engine", name, known)
    engine: Engine = rooms.load("prepare.engines", name)(workers)
    return engine
