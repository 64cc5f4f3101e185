"""`clara leaks`: recordings that two sets of shards share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

if TYPE_CHECKING:
    from clara.leaks import Leaks

__all__ = ["leaks"]

_SHOWN = 8


def leaks(
    a: Positional[str],
    b: Positional[str | None] = None,
    *,
    ids_only: bool = False,
    out: Path | None = None,
    threads: int | None = None,
    fail: bool = False,
    json: bool = False,
) -> None:
    """Find recordings that two sets of shards share, or that the splits of one set share.

    Recordings are compared by the source that they were cut from; where one of the two does not
    tell it, by a fingerprint of the sound, which knows copies of another format and pieces too.

    Args:
        a: A folder of shards.
        b: Another; if it is not given, the splits of the first are compared with each other.
        ids_only: Compare sources alone, and open no shard.
        out: A table (CSV) to write all pairs to.
        threads: That decode; one for each core if not given.
        fail: End with exit code 1 if recordings are shared.
        json: Print JSON.
    """
    from clara.cli._output import show_json
    from clara.cli._progress import bar
    from clara.errors import DataError
    from clara.leaks import find, write_csv
    from clara.shards import Index

    one, other = Index.open(a), Index.open(b) if b else None
    with bar("recordings") as told:
        found = find(one, other, sound=not ids_only, threads=threads, progress=told)
    summary = found.as_json()
    if out:
        write_csv(found, out)
    if json:
        show_json(summary)
    else:
        _show(found, summary, out)
    if fail and summary["leaked"]["b"]:
        raise DataError(
            f"Expected no shared recordings but found {summary['leaked']['b']:,} of "
            f"{summary['recordings']['b']:,}; leave them out of the one set or of the other."
        )


def _show(found: Leaks, summary: dict[str, Any], out: Path | None) -> None:
    from clara.cli._output import note, show_table

    second = "and in" if found.within else "in B"
    sides = "one / other" if found.within else "A / B"
    table = [
        {
            "in" if found.within else "in A": row["a"],
            second: row["b"],
            f"same source, {sides}": f"{row['source_a']:,} / {row['source_b']:,}",
            f"same sound, {sides}": f"{row['sound_a']:,} / {row['sound_b']:,}",
        }
        for row in summary["parts"]
    ]
    if table:
        show_table(table)
        show_table(
            [
                {
                    "for instance": each["a"],
                    "is": each["b"],
                    "by": each["what"] if each["how"] == "source" else f"sound, {each['what']}",
                }
                for each in found.examples(_SHOWN)
            ]
        )
    mine, theirs = summary["leaked"]["a"], summary["leaked"]["b"]
    sizes = summary["recordings"]
    where = "in an earlier split" if found.within else "in A"
    which = f"{sizes['b']:,} recordings{'' if found.within else ' of B'}"
    if not theirs:
        print(f"None of {which} lies {where} too.")
    else:
        print(
            f"{theirs:,} of {which} lie {where} too{'' if found.within else f', as {mine:,} of A'}."
        )
    mute = max(summary["too_short_or_quiet"].values())
    if mute:
        note(f"{mute:,} recordings are too short or too quiet to be compared by their sound.")
    for cause, count in summary["skipped"].items():
        note(f"{count:,} recordings could not be listened to: {cause}.")
    if out:
        note(f"All pairs are in {out}.")
