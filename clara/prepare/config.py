"""The settings of `clara prepare`, apart so that the command line reads them quickly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clara.configs import expect, expect_within

_NAME = re.compile(r"\w[\w.-]{0,63}")


@dataclass(frozen=True)
class PrepareConfig:
    """How recordings become shards.

    Attributes:
        name: The corpus that the shards say they are of, for a user's own recordings; that of their
            folder if empty.
        rate: Samples per second of the shards; recordings of another rate are resampled.
        shard_size: Samples in a shard.
        seed: Of the order of the samples.
        limit: How many clips to take for a trial, drawn over all splits; 0 takes all.
        allowed_bad: The share of bad records above which to stop.
        workers: Processes; one for each core if None.
        engine: What the work runs on, a name in `clara.prepare.engines`.

    Raises:
        UsageError: A setting is out of range.
    """

    name: str = ""
    rate: int = 48_000
    shard_size: int = 512
    seed: int = 0
    limit: int = 0
    allowed_bad: float = 0.05
    workers: int | None = None
    engine: str = "local"

    def __post_init__(self) -> None:
        expect(
            not self.name or _NAME.fullmatch(self.name) is not None,
            "name to be letters, digits, '_', '-' and '.', at most 64",
            repr(self.name),
        )
        expect_within(self, 1000, 192_000, "rate")
        expect_within(self, 1, 1_000_000, "shard_size")
        expect_within(self, 0, 1, "allowed_bad")
        expect(self.limit >= 0, "limit to be at least 0", self.limit)
