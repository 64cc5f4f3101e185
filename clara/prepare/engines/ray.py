"""A Ray cluster: the one that RAY_ADDRESS names, or one on this machine for as long as it takes."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import clara
from clara.configs import expect
from clara.errors import ClaraError, DataError, MissingExtraError, UsageError
from clara.files import Location
from clara.prepare.engines import Tick

__all__ = ["Ray"]

# How often a job whose node or process was lost is begun again.
_RETRIES = 3
# Seconds between two words of a job on how far it is, and for which jobs may finish after a stop.
_PACE = 0.5
_PATIENCE = 10.0


class Ray:
    """The nodes of a Ray cluster. A job whose node is lost is done again on another.

    Every node has this version of the package, and sees the recordings and the shards under the
    same paths: on a file system that all share, or behind a URL.

    Args:
        workers: Most jobs at once; as many as the cluster has cores if None.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: Fewer than one worker was asked for.
    """

    def __init__(self, workers: int | None) -> None:
        expect(workers is None or workers >= 1, "at least 1 worker", workers)
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("the engine ray", "ray")
        self._workers = workers

    def run(
        self,
        function: Callable[[Any, Tick], Any],
        jobs: Sequence[Any],
        *,
        advance: Callable[[int], None],
        needs: Sequence[Location] = (),
    ) -> Iterator[Any]:
        """As `Engine.run`."""
        if not jobs:
            return
        import ray

        ours = _join(self._workers)
        try:
            board = _pin(ray.remote(num_cpus=0, max_restarts=-1)(_Board)).remote()
            remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(_work)
            task = functools.partial(remote.remote, function, board, clara.__version__, needs)
            yield from self._all(task, jobs, functools.partial(_show, board, advance))
        finally:
            if ours:
                ray.shutdown()

    def _all(
        self, task: Callable[..., Any], jobs: Sequence[Any], show: Callable[[int], int]
    ) -> Iterator[Any]:
        import ray

        pending: dict[Any, int] = {}
        number, seen = 0, 0
        try:
            while pending or number < len(jobs):
                # A few wait at the nodes; all of them at once would fill the memory of the first.
                room = self._workers or 2 * _cores() + 2
                while number < len(jobs) and len(pending) < room:
                    pending[task(jobs[number], number)] = number
                    number += 1
                finished, _ = ray.wait(list(pending), timeout=_PACE)
                seen = show(seen)
                for reference in finished:
                    yield _result(reference, pending.pop(reference))
        finally:
            for reference in pending:
                ray.cancel(reference)
            if pending:
                ray.wait(list(pending), num_returns=len(pending), timeout=_PATIENCE)


class _Board:
    """Where jobs say how far they are."""

    def __init__(self) -> None:
        self._done: dict[int, int] = {}

    def tell(self, number: int, done: int) -> None:
        """Takes the records done of a job; a job that is done again counts once."""
        self._done[number] = done

    def total(self) -> int:
        """The records done of all jobs."""
        return sum(self._done.values())


def _work(
    function: Callable[[Any, Tick], Any],
    board: Any,
    version: str,
    needs: Sequence[Location],
    job: Any,
    number: int,
) -> Any:
    """Does a job on a node."""
    _check(version, needs)
    done, told = 0, time.monotonic()

    def tick() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told > _PACE:
            told = time.monotonic()
            board.tell.remote(number, done)

    result = function(job, tick)
    board.tell.remote(number, done)
    return result


def _check(version: str, needs: Sequence[Location]) -> None:
    """Refuses to work on a node that is not like the first one."""
    if clara.__version__ != version:
        raise UsageError(
            f"Expected clara-audio {version} on every node of the Ray cluster but found "
            f"{clara.__version__} on {platform.node()}; install the same on all."
        )
    for place in needs:
        if not place.exists():
            raise UsageError(
                f"Expected every node of the Ray cluster to see {place} but {platform.node()} does "
                "not; put recordings and shards on a file system that all nodes share under the "
                "same path, or write the shards to s3://."
            )


def _cores() -> int:
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("CPU", 1))


def _join(workers: int | None) -> bool:
    """Joins the cluster, and says whether it is ours to end."""
    import ray

    if ray.is_initialized():
        return False
    # Nothing is reported to anybody, and nodes without jobs on it may see a GPU.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "configure_logging": False,
    }
    address = os.environ.get("RAY_ADDRESS", "")
    if not address:
        ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
        return True
    try:
        ray.init(address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"Expected a Ray cluster at RAY_ADDRESS={address} but found none "
            f"({str(error).partition(chr(10))[0].rstrip('.')}); start it with `ray start`, or "
            "leave RAY_ADDRESS empty for one on this machine."
        ) from error
    return True


def _pin(actor: Any) -> Any:
    """Keeps an actor on the node of this process, which is not lost without it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()
    return actor.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True))


def _show(board: Any, advance: Callable[[int], None], seen: int) -> int:
    """Shows how far all jobs are; returns it."""
    import ray

    with contextlib.suppress(ray.exceptions.RayError):  # a bar that lags is no reason to stop
        now: int = ray.get(board.total.remote(), timeout=10 * _PACE)
        advance(now - seen)
        return now
    return seen


def _result(reference: Any, number: int) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, ClaraError):
            raise cause from error
        if isinstance(cause, ModuleNotFoundError) or "No module named 'clara" in str(error):
            raise UsageError(
                f"Expected clara-audio {clara.__version__} on every node of the Ray cluster but "
                f"one lacks it ({cause}); install it on all."
            ) from error
        raise cause from error
    except ray.exceptions.RayError as error:
        found = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataError(
            f"Job {number} was lost {_RETRIES + 1} times, with its process or its node, most "
            f"likely for want of memory ({type(error).__name__}: {found}); run the same command "
            "again with fewer workers, it goes on where it stopped."
        ) from error
