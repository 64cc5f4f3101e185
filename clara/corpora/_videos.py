"""Clips of videos, which whoever trains on them fetched and named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clara.errors import LayoutError

_ID = re.compile(r"[\w-]{11}", re.ASCII)


def clip(
    found: Mapping[str, str],
    root: Path,
    video: str,
    start: float,
    where: str,
    *,
    only: bool = True,
) -> Path:
    """A clip that its user cut from a video, by the names that are in use for it.

    These are the video with the second (six digits, or as it is) or the millisecond at which the
    clip begins, and the video alone; each of them also with a "Y" before it.

    Args:
        found: As `media` gives it.
        root: The folder of the corpus.
        video: Id of the video on YouTube.
        start: Where the clip begins in the video, in seconds.
        where: Which line of the metadata says so, for the message.
        only: Whether this is the only clip of the video: then the video alone names it.

    Returns:
        The file; where there is none, the first of the names that it could have had.

    Raises:
        LayoutError: It is no id of a video.
    """
    if not _ID.fullmatch(video):
        raise LayoutError(
            f"Expected the id of a video, which has 11 letters, in {where}, but found "
            f"{video[:100]!r}."
        )
    moments = [f"_{round(start * 1000)}"]
    if start == int(start):
        moments = [f"_{int(start):06d}", f"_{int(start)}", *moments]
    for moment in [*moments, ""] if only else moments:
        for stem in (video + moment, f"Y{video}{moment}"):
            if stem in found:
                return Path(found[stem])
    return root / f"{video}{moments[0]}.wav"
