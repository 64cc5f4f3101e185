"""`clara prepare`: a corpus in its official layout becomes shards."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

__all__ = ["prepare"]


def prepare(
    corpus: Positional[str],
    source: Positional[Path],
    out: Positional[Path],
    *,
    rate: int = 48_000,
    shard_size: int = 512,
    workers: int | None = None,
    seed: int = 0,
    allowed_bad: float = 0.05,
    json: bool = False,
) -> None:
    """Turn a corpus in its official layout into shards, an index and statistics.

    A run that was stopped goes on where it stopped when it is started again.

    Args:
        corpus: Name of the corpus; `clara corpora` lists them.
        source: The folder that holds it.
        out: The folder to make.
        rate: Samples per second of the shards.
        shard_size: Samples in a shard.
        workers: Processes; one for each core if not given.
        seed: Of the order of the samples.
        allowed_bad: The share of bad records above which to stop.
        json: Print JSON.
    """
    from clara.cli._shards import show
    from clara.prepare.run import prepare as run

    report = run(
        corpus,
        source,
        out,
        rate=rate,
        shard_size=shard_size,
        workers=workers,
        seed=seed,
        allowed_bad=allowed_bad,
    )
    show(report, json=json)
