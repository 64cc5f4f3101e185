"""Jobs over several processes, with one progress bar, that stop when they are told to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from clara.errors import DataError, UsageError

J = TypeVar("J")
R = TypeVar("R")
Tick = Callable[[], None]

# What the processes of a pool share: how many records are done, and whether to stop.
_shared: tuple[Any, Any] | None = None


class _StoppedError(Exception):
    """Raised inside a job when the run has been given up."""


def run(
    function: Callable[[J, Tick], R],
    jobs: Sequence[J],
    *,
    workers: int | None,
    done: int,
    total: int,
    title: str,
) -> Iterator[R]:
    """Runs a function over jobs and yields the results as they come, in any order.

    On a terminal a bar on stderr shows how many records are done, how many a second, and how long
    it will take.

    Args:
        function: Called with a job and a function to call after each record. It is importable by
            name, as are jobs and results by pickle.
        jobs: What to do.
        workers: Processes; one for each core if None. With 1 all is done in this process.
        done: Records that were done before.
        total: Records of all jobs, with those done before.
        title: What the bar says.

    Raises:
        DataError: A process was killed.
        UsageError: Fewer than one worker was asked for.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"Expected at least 1 worker but {workers} was asked for.")
    count = min(workers or _cores(), len(jobs))
    with _Bar(title, done, total) as bar:
        if count > 1:
            yield from _pool(function, jobs, count, bar)
        else:
            for job in jobs:
                yield function(job, lambda: bar.show(1))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pool(
    function: Callable[[J, Tick], R], jobs: Sequence[J], count: int, bar: _Bar
) -> Iterator[R]:
    # Spawned, not forked: decoders and Arrow have threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    counter, stop = context.Value("q", 0), context.Event()
    executor = ProcessPoolExecutor(count, context, _start, (counter, stop))
    try:
        pending = {executor.submit(_call, function, job) for job in jobs}
        seen = 0
        while pending:
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            bar.show(counter.value - seen)
            seen = counter.value
            for future in finished:
                yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker was killed, most likely for want of memory; run the same command again with "
            "fewer workers, it goes on where it stopped."
        ) from error
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


def _start(counter: Any, stop: Any) -> None:
    global _shared
    _shared = counter, stop
    # Ctrl-C reaches every process; the first one decides, and tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(function: Callable[[J, Tick], R], job: J) -> R:
    return function(job, _tick)


def _tick() -> None:
    assert _shared is not None
    counter, stop = _shared
    if stop.is_set():
        raise _StoppedError
    with counter.get_lock():
        counter.value += 1


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
