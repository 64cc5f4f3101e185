"""How long machines take for a job: stages that overlap, on resources that they share.

A job is a pipeline. While it runs, every stage works at once, each pair takes so many seconds of a
resource, and the resource that is busy longest sets the pace. Around it lies what only one process
does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stage:
    """What a pair takes of a resource of the machine that handles it.

    Attributes:
        name: For people ("decoding").
        resource: What it is done on ("cores"); stages on the same one wait for each other.
        seconds: For each pair.
        shared: All machines share one such resource, as they do the store.
    """

    name: str
    resource: str
    seconds: float
    shared: bool = False


@dataclass(frozen=True)
class Job:
    """Some pairs through a pipeline.

    Attributes:
        pairs: How many.
        stages: Of the pipeline.
        serial: Seconds of what one process does alone, by name.
        moved: Bytes in all, by what is done with them.
    """

    pairs: float
    stages: Sequence[Stage]
    serial: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Took:
    """What a job takes.

    Attributes:
        hours: From start to end.
        cost: Of all machines for that time.
        bottleneck: The stage, or the work of one process, that takes the largest part.
    """

    hours: float
    cost: float
    bottleneck: str


def run(job: Job, machines: int, price: float) -> Took:
    """The job on so many machines, each of a price per hour."""
    busy: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for stage in job.stages:
        seconds = stage.seconds / (1 if stage.shared else machines)
        busy[stage.resource].append((seconds, stage.name))
    slowest = max(busy.values(), key=lambda parts: sum(seconds for seconds, _ in parts))
    piped = job.pairs * sum(seconds for seconds, _ in slowest)
    waits = dict(job.serial)
    waits[max(slowest)[1]] = piped
    hours = (piped + sum(job.serial.values())) / 3600
    return Took(hours, hours * machines * price, max(waits, key=waits.__getitem__))
