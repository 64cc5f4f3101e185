"""Shards become entries again, so that a chain can start from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clara.files import Files
from clara.records import Entry
from clara.shards import Index

_files = Files()
_COLUMNS = ("key", "corpus", "split", "language", "source", "speaker", "licence")
_PLACE = ("shard", "audio_offset", "audio_size")


@dataclass(frozen=True)
class Stored:
    """A recording in a shard.

    Attributes:
        name: The sample among all corpora: "corpus/key".
        shard: Path or URL of the tar.
        offset: Where the audio begins in it.
        size: Its bytes.
    """

    name: str
    shard: str
    offset: int
    size: int

    def read(self) -> bytes:
        """The encoded audio.

        Raises:
            OSError: The shard is missing, or shorter than its index says.
        """
        content = _files.read(self.shard, self.offset, self.size)
        if len(content) != self.size:
            raise OSError("its shard is shorter than the index says")
        return content

    def __str__(self) -> str:
        return self.name


def reread(index: Index) -> Iterator[tuple[str, Entry]]:
    """The samples of shards as the entries that they were made of, each behind its corpus.

    Captions that templates would write anew are among the texts; `clara.prepare.encode` keeps each
    once.

    Args:
        index: The shards.

    Raises:
        ShardError: A shard is not the one that was indexed.
    """
    words = {name: index.column(name) for name in _COLUMNS}
    places = [index.column(name) for name in _PLACE]
    for row in range(len(index)):
        known = {name: str(column[row]) for name, column in words.items()}
        about = index.meta(row).get("original_data")
        extra: dict[str, Any] = dict(about) if isinstance(about, dict) else {}
        shard, offset, size = (column[row] for column in places)
        yield (
            known["corpus"],
            Entry(
                key=known["key"],
                path=Stored(index.key(row), str(shard), int(offset), int(size)),
                transcript=str(extra.pop("transcript", "")),
                labels=index.labels(row),
                texts=index.texts(row),
                extra={name: extra[name] for name in extra.keys() - {*_COLUMNS, "labels"}},
                split=known["split"],
                language=known["language"],
                source=known["source"],
                speaker=known["speaker"],
                licence=known["licence"],
            ),
        )
