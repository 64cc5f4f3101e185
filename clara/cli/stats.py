"""`clara stats`: what lies in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

__all__ = ["stats"]


def stats(
    folders: Positional[tuple[str, ...]] = (),
    *,
    by: Literal["corpus", "split", "language"] = "corpus",
    report: Path | None = None,
    json: bool = False,
) -> None:
    """Show hours, languages, speakers, genders and labels of shards: Table VII of any data.

    Only the index is read, so it is quick.

    Args:
        folders: Folders of shards, or folders of those; the current one if none is given.
        by: What has a row of the table.
        report: A folder for a page of pictures and for all figures as JSON.
        json: Print JSON, which has all of it, and counts each label.
    """
    from clara.cli import _shards
    from clara.cli._output import note, show_json, show_table
    from clara.pictures.html import make_folder
    from clara.prepare.stats import summarise
    from clara.prepare.stats_page import write
    from clara.shards import Index

    if report:
        make_folder(report)
    summary = summarise(Index.open(*(folders or (str(Path.cwd()),))))
    if json:
        show_json(summary)
    else:
        rows = {
            "corpus": _shards.by_corpus,
            "split": _shards.by_split,
            "language": _shards.by_language,
        }
        show_table(list(rows[by](summary)), right=_shards.NUMBERS)
        print(f"{_shards.legend(summary)}\n")
        show_table(_shards.overview(summary))
    if report:
        note(f"The page is {write(summary, report)}.")
