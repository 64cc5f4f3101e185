"""`clara embed`: recordings to unit rows in a table."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

__all__ = ["embed"]


def embed(
    recordings: Positional[tuple[Path, ...]],
    *,
    out: Path,
    model: str,
    allowed_bad: float = 0.05,
    json: bool = False,
) -> None:
    """Turn recordings, folders of them, or shards into unit rows.

    The table has a row for each recording: `key` and `vector`, a list of float32.

    Args:
        recordings: Audio files, folders that are searched for audio files, or folders of shards.
        out: The Parquet file to write.
        model: A folder of a model or a run, of a transformers CLAP, or of a model of
            sentence-transformers; KIND:WHERE; or package.module:function.
        allowed_bad: The share of bad recordings above which to stop.
        json: Print JSON.
    """
    from clara import embeddings, encoders
    from clara.cli._output import show_json
    from clara.cli._progress import bar
    from clara.skips import Skips

    encoder = encoders.open(model)
    skips = Skips(allowed=allowed_bad)
    with bar("recordings") as progress:
        rows = embeddings.embed_paths(encoder, recordings, skips, progress)
    skips.check()
    embeddings.save(rows, out)
    if json:
        show_json({"rows": len(rows), "out": out, "skipped": dict(skips.causes)})
    else:
        print(f"{len(rows)} rows of {rows.vectors.shape[1]} numbers in {out}; {skips.summary()}.")
