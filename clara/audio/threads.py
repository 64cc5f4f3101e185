"""Threads that each take whole rows, in place of threads that share each operation.

Torch cuts every operation into a piece for each core and waits for the last piece. Where a clip
takes dozens of short operations the waiting costs more than the cores give, and where the cores
have other work besides, every wait is for the busiest of them: features then come a hundred times
as slowly. Here a thread works on a clip from end to end, and nobody waits but at the end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch


class _Crew:
    """The threads of this process; there is one crew, made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._size = 0

    def pool(self, size: int) -> ThreadPoolExecutor:
        """At least `size` threads, in each of which torch keeps to one core."""
        with self._lock:
            if self._pool is None or size > self._size:
                self._pool, self._size = _single_threaded(size), size
            return self._pool


def _single_threaded(size: int) -> ThreadPoolExecutor:
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(size, thread_name_prefix="clara-rows")
    everyone = threading.Barrier(size)

    def settle() -> None:
        # Torch gives a thread its number of cores at its first question, and then never again.
        torch.get_num_threads()
        torch.set_num_threads(1)
        everyone.wait()

    for done in [pool.submit(settle) for _ in range(size)]:
        done.result()
    # What a thread sets is its own, but also what threads to come begin with.
    torch.set_num_threads(threads)
    return pool


_CREW = _Crew()


def spread(work: Callable[[Sequence[int]], None], costs: Sequence[int]) -> None:
    """Calls `work` with a share of the rows in each of as many threads as torch may use.

    The threads run in inference mode, and each operation in them on one core. So the result of a
    row is the same to the last bit however many threads there are.

    Args:
        work: Takes numbers of rows.
        costs: Of each row; rows are dealt out by them, so that the shares take equally long.

    >>> done = []
    >>> spread(done.extend, [1, 5, 3])
    >>> sorted(done)
    [0, 1, 2]
    """
    rows = sorted(range(len(costs)), key=lambda row: -costs[row])
    size = torch.get_num_threads()
    shares = [share for share in (rows[part::size] for part in range(size)) if share]

    def run(share: Sequence[int]) -> None:
        with torch.inference_mode():
            work(share)

    if size == 1:
        for share in shares:
            run(share)
    else:
        list(_CREW.pool(size).map(run, shares))


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keeps torch to one core in this thread: for operations that are many and short.

    >>> with one_core():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
