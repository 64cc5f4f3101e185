"""A user's own videos or recordings with subtitles, such as those the paper took from YouTube.

Expects `manifest.csv` with a line for each recording: `path` and `subtitle` (SRT, WebVTT or JSON3,
both relative to the manifest or absolute), `language` (BCP 47) and `title`; `id` may say which
video it is. Each sentence of the subtitles becomes an entry; what is not said ("[Music]") becomes
none. A video stays in one split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import MANY, Corpus, _files
from clara.errors import DataError, LayoutError
from clara.records import Entry
from clara.text import subtitles

__all__ = ["corpus"]

# "Title [dQw4w9WgXcQ].webm", as yt-dlp names what it fetches, or the id alone.
_ID = re.compile(r".*\[([\w-]{11})\]|([\w-]{11})", re.DOTALL)


def _read(root: Path) -> Iterator[Entry]:
    manifest = _files.require(root, "manifest.csv", "a collection of subtitled recordings")
    for line, row in _files.rows(manifest, ("path", "subtitle", "language", "title")):
        where = f"line {line} of {manifest}"
        if not row["path"] or not row["subtitle"]:
            raise LayoutError(f"Expected a path and a subtitle in {where}, but found none.")
        try:
            lines = subtitles.read(root / row["subtitle"])
        except DataError as error:
            raise LayoutError(f"{error} ({where})") from error
        path = _files.in_any_format(root / row["path"])
        video = row.get("id", "") or _video(path.stem)
        split = _files.seeded_split(f"youtube/{video or path.stem}")
        for said in subtitles.sentences(subtitles.spoken(lines)):
            yield Entry(
                key=f"{row['path']}@{said.start:.3f}-{said.end:.3f}",
                path=path,
                start=said.start,
                end=said.end,
                split=split,
                language=row["language"],
                transcript=said.text,
                source=f"youtube:{video}" if video else "",
                extra={"title": row["title"]},
            )


def _video(stem: str) -> str:
    """The id of the video, if the name of its file says it.

    >>> _video("A talk [dQw4w9WgXcQ]"), _video("-DmjkgWa-rw"), _video("holidays")
    ('dQw4w9WgXcQ', '-DmjkgWa-rw', '')
    """
    match = _ID.fullmatch(stem)
    return (match[1] or match[2]) if match else ""


corpus = Corpus(
    title="Your own recordings with subtitles, as of YouTube",
    homepage="https://www.youtube.com/t/terms",
    licence="that of each video; none that you do not have is given here",
    cite="-",
    size="any",
    obtain="Record or obtain videos that you may use, with their subtitles as .srt, .vtt or "
    ".json3, write manifest.csv with the columns path, subtitle, language and title (and id, the "
    "video's), and give the folder that holds it.",
    splits=("train", "valid", "test"),
    languages=MANY,
    read=_read,
)
