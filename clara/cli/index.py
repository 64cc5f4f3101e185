"""`clara index`: tars that others made become readable."""

from __future__ import annotations

from tyro.conf import Positional

__all__ = ["index"]


def index(
    folder: Positional[str],
    *,
    corpus: str | None = None,
    workers: int | None = None,
    allowed_bad: float = 0.05,
    json: bool = False,
) -> None:
    """Make the index of tars that others made, such as those of LAION.

    The tars stay as they are; the index is written into the folder.

    Args:
        folder: Folder or URL where the tars are, as `<corpus>/<split>/0.tar` or a part of that.
        corpus: Name of the corpus, if the folders do not tell.
        workers: Processes; one for each core if not given.
        allowed_bad: The share of bad records above which to stop.
        json: Print JSON.
    """
    from clara.cli._shards import show
    from clara.prepare.index import index_tars

    report = index_tars(folder, corpus=corpus, workers=workers, allowed_bad=allowed_bad)
    show(report, json=json)
