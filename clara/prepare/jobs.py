"""Jobs on an engine, with one progress bar, that stop when they are told to."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from clara.files import Location
from clara.prepare.engines import Engine, Tick

J = TypeVar("J")
R = TypeVar("R")


@contextlib.contextmanager
def running(
    engine: Engine,
    function: Callable[[J, Tick], R],
    jobs: Sequence[J],
    *,
    done: int,
    total: int,
    title: str,
    needs: Sequence[Location] = (),
) -> Iterator[Iterator[R]]:
    """Runs a function over jobs; gives the results as they come, in any order.

    On a terminal a bar on stderr shows how many records are done, how many a second, and how long
    it will take. No job is at work any more after the `with`.

    Args:
        engine: What they run on.
        function: Called with a job and a function to call after each record. It is importable by
            name, as are jobs and results by pickle.
        jobs: What to do.
        done: Records that were done before.
        total: Records of all jobs, with those done before.
        title: What the bar says.
        needs: What has to be visible wherever a job runs.

    Raises:
        UsageError: Something that is needed is not visible everywhere.
        DataError: A process was killed.
    """
    with _Bar(title, done, total) as bar:
        results: Any = engine.run(function, jobs, advance=bar.show, needs=needs)
        with contextlib.closing(results):
            yield results


class _Bar:
    """A progress bar on stderr where that is a terminal, and nothing elsewhere."""

    def __init__(self, title: str, done: int, total: int) -> None:
        self._progress = None
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._progress = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]:,.0f}/s"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._progress.add_task(title, total=total, completed=done, rate=0.0)

    def __enter__(self) -> _Bar:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, records: int) -> None:
        """Moves the bar on."""
        if self._progress:
            speed = self._progress.tasks[0].speed
            self._progress.update(self._task, advance=records, rate=speed or 0.0)
