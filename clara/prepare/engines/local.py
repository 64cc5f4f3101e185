"""The processes of one machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from clara.configs import expect
from clara.errors import DataError
from clara.files import Location
from clara.prepare.engines import StoppedError, Tick

__all__ = ["Local"]

# What the processes of a pool share: how many records are done, and whether to stop.
_shared: tuple[Any, Any] | None = None


class Local:
    """Processes of this machine; with one worker all is done in this one.

    Args:
        workers: Processes; one for each core if None.

    Raises:
        UsageError: Fewer than one worker was asked for.
    """

    def __init__(self, workers: int | None) -> None:
        expect(workers is None or workers >= 1, "at least 1 worker", workers)
        self._workers = workers or _cores()

    def run(
        self,
        function: Callable[[Any, Tick], Any],
        jobs: Sequence[Any],
        *,
        advance: Callable[[int], None],
        needs: Sequence[Location] = (),
    ) -> Iterator[Any]:
        """As `Engine.run`."""
        count = min(self._workers, len(jobs))
        if count > 1:
            yield from _pool(function, jobs, count, advance)
        else:
            for job in jobs:
                yield function(job, lambda: advance(1))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pool(
    function: Callable[[Any, Tick], Any],
    jobs: Sequence[Any],
    count: int,
    advance: Callable[[int], None],
) -> Iterator[Any]:
    # Spawned, not forked: decoders and Arrow have threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    counter, stop = context.Value("q", 0), context.Event()
    executor = ProcessPoolExecutor(count, context, _start, (counter, stop, count))
    try:
        pending = {executor.submit(_call, function, job) for job in jobs}
        seen = 0
        while pending:
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            advance(counter.value - seen)
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


def _start(counter: Any, stop: Any, count: int) -> None:
    global _shared
    _shared = counter, stop
    _share_cores(count)
    # Ctrl-C reaches every process; the first one decides, and tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _share_cores(count: int) -> None:
    """Leaves the other processes their cores: models would have threads on all of them in each."""
    if "OMP_NUM_THREADS" not in os.environ:
        share = max(1, _cores() // count)
        os.environ["OMP_NUM_THREADS"] = str(share)  # torch, MKL and CTranslate2 look there once
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(share)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(function: Callable[[Any, Tick], Any], job: Any) -> Any:
    return function(job, _tick)


def _tick() -> None:
    assert _shared is not None
    counter, stop = _shared
    if stop.is_set():
        raise StoppedError
    with counter.get_lock():
        counter.value += 1
