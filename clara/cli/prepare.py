"""`clara prepare`: a corpus in its official layout becomes shards."""

from __future__ import annotations

from tyro.conf import Positional

__all__ = ["prepare"]


def prepare(
    corpus: Positional[str],
    source: Positional[str],
    out: Positional[str],
    *,
    name: str = "",
    rate: int = 48_000,
    shard_size: int = 512,
    seed: int = 0,
    limit: int = 0,
    allowed_bad: float = 0.05,
    workers: int | None = None,
    engine: str = "local",
    json: bool = False,
) -> None:
    """Turn a corpus in its official layout into shards, an index and statistics.

    A run that was stopped goes on where it stopped when it is started again.

    Args:
        corpus: Name of the corpus; `clara corpora` lists them.
        source: The folder that holds it.
        out: The folder to make; s3://bucket/folder and the like are fine.
        name: Of your own recordings, the name of the corpus that they make up; that of their folder
            if not given.
        rate: Samples per second of the shards.
        shard_size: Samples in a shard.
        seed: Of the order of the samples.
        limit: Clips to take for a trial, over all splits; 0 takes all.
        allowed_bad: The share of bad records above which to stop.
        workers: Processes; one for each core if not given.
        engine: local for this machine, or ray for the Ray cluster at RAY_ADDRESS.
        json: Print JSON.
    """
    from clara.cli._shards import show
    from clara.prepare.config import PrepareConfig
    from clara.prepare.run import prepare as run

    config = PrepareConfig(
        name=name,
        rate=rate,
        shard_size=shard_size,
        seed=seed,
        limit=limit,
        allowed_bad=allowed_bad,
        workers=workers,
        engine=engine,
    )
    show(run(corpus, source, out, config), json=json)
