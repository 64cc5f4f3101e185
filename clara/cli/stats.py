"""`clara stats`: what lies in shards."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

__all__ = ["stats"]


def stats(folders: Positional[tuple[str, ...]] = (), *, json: bool = False) -> None:
    """Show hours, languages, speakers and labels of shards, by corpus and split.

    Only the index is read, so it is quick (Table VII of any data).

    Args:
        folders: Folders of shards, or folders of those; the current one if none is given.
        json: Print JSON, which also counts each label.
    """
    from clara.cli._output import show_json, show_table
    from clara.cli._shards import rows
    from clara.prepare.stats import summarise
    from clara.shards import Index

    summary = summarise(Index.open(*(folders or (str(Path.cwd()),))))
    if json:
        show_json(summary)
        return
    show_table(list(rows(summary)))
