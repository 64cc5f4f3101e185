"""A progress bar with rate and time left, on a terminal; silent elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Told = Callable[[int, int], None]
"""Tells the bar how much is done, and of how much."""


def is_first() -> bool:
    """Whether this is the process that the user started, of several that train together."""
    # What torchrun has started may run within SLURM, which counts machines then.
    ranks = ("RANK",) if "RANK" in os.environ else ("LOCAL_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in ranks)


@contextmanager
def bytes_bar(what: str) -> Iterator[Told]:
    """A bar in bytes on stderr for as long as the block lasts.

    Args:
        what: What comes or goes, such as a file.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(what), total=None)
        # What an earlier run brought tells nothing of the speed of this one.
        begun = False

        def told(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                progress.reset(task, total=total or None, completed=done)
                begun = True
            progress.update(task, completed=done, total=total or None)

        yield told


@contextmanager
def bar(what: str) -> Iterator[Told]:
    """A bar on stderr for as long as the block lasts.

    Args:
        what: What is counted, in the plural.
    """
    if not (sys.stderr.isatty() and is_first()):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, rate="")

        def told(done: int, total: int) -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:,.0f} {what}/s" if speed else ""
            progress.update(task, completed=done, total=total, rate=rate)

        yield told
