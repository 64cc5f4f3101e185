"""Tars of samples (section III-A1), as WebDataset and LAION read them.

A sample is two members, `KEY.flac` and `KEY.json`, one behind the other. The JSON has captions
under `text`; ours says all that the index says under `original_data`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from clara.files import Location, make_parent, replacing

LONGEST_TEXT = 10_000
"""Captions with more characters are dropped: they are mistakes of a table, not descriptions."""
_KEY_BYTES = 80
_OURS = ("key", "corpus", "split")
_DECODER = json.JSONDecoder()


def safe_key(key: str) -> str:
    """The name of a sample inside a tar: no dot, slash or control character, at most 80 bytes.

    A key that has to change gets the hash of the original, so that different keys stay different.

    >>> safe_key("1-100032-A-0")
    '1-100032-A-0'
    >>> safe_key("bed/0a7c2a8d_nohash_0")
    'bed_0a7c2a8d_nohash_0-2f24ea92'
    """
    safe = re.sub(r"[\x00-\x20\x7f-\xa0./\\\u2028\u2029\ud800-\udfff]+", "_", key)
    if safe == key and 0 < len(key.encode()) <= _KEY_BYTES:
        return key
    digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    kept = safe.encode()[: _KEY_BYTES - len(digest) - 1].decode(errors="ignore")
    return f"{kept}-{digest}"


def clean(texts: Iterable[str]) -> list[str]:
    """The captions worth keeping: stripped, no blanks, no repeats, none too long.

    >>> clean([" a dog ", "", "a dog", "barking"])
    ['a dog', 'barking']
    """
    stripped = dict.fromkeys([text.strip() for text in texts])
    return [text for text in stripped if 0 < len(text) <= LONGEST_TEXT]


def parse(content: bytes) -> Any:
    """What `json.loads` says, in half its time of JSON as it is written here.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is too deep.

    >>> parse(b'{"text":["a dog"]}') == parse('\ufeff {"text": ["a dog"]} '.encode())
    True
    """
    try:
        text = content.decode()
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        return json.loads(content)  # it may be of another encoding
    return value if end == len(text) else json.loads(content)


def words(meta: Mapping[str, Any], *names: str) -> list[str]:
    """The texts under the first of the names that the JSON has: one or a list of them.

    >>> words({"text": "a dog", "tag": ["dog", None]}, "tags", "tag")
    ['dog']
    """
    for name in names:
        if name in meta:
            values = meta[name] if isinstance(meta[name], list) else [meta[name]]
            return [text for text in values if isinstance(text, str)]
    return []


def ours(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the JSON says under the names of the index, if it is one that we wrote.

    >>> ours({"text": ["a dog"], "original_data": {"title": "Rex"}})
    """
    original = meta.get("original_data")
    if not isinstance(original, dict):
        return None
    for name in _OURS:
        if not isinstance(original.get(name), str):
            return None
    return original if _are_labels(original.get("labels")) else None


def _are_labels(labels: Any) -> bool:
    return isinstance(labels, dict) and all(map(_are_texts, labels.values()))


def _are_texts(values: Any) -> bool:
    # A list is made faster than a generator is asked, and this is asked of every sample.
    return isinstance(values, list) and all([isinstance(value, str) for value in values])  # noqa: C419


class Place(NamedTuple):
    """Where a sample lies in its tar: first byte and length in bytes of both members."""

    audio_offset: int
    audio_size: int
    meta_offset: int
    meta_size: int


class ShardWriter:
    """Writes one shard; the same samples give the same bytes.

    Members carry no time and no owner, JSON keys are sorted, and the tar appears under its name
    only when it is whole.

    Args:
        path: The tar to write; its folder is made.

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "000000.tar"
    >>> with ShardWriter(path) as shard:
    ...     shard.add("rooster", b"fLaC", {"text": ["The sound of a rooster"]})
    Place(audio_offset=512, audio_size=4, meta_offset=1536, meta_size=35)
    """

    def __init__(self, path: Location) -> None:
        make_parent(path)
        self._replacing = replacing(path)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._replacing.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._file is not None
        if error is None:
            blocks = -(-self._file.tell() // tarfile.BLOCKSIZE) + 2
            filled = -(-blocks * tarfile.BLOCKSIZE // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
            try:
                self._file.write(bytes(filled - self._file.tell()))
            except OSError as full:
                return self._replacing.__exit__(type(full), full, full.__traceback__)
        return self._replacing.__exit__(kind, error, trace)

    def add(self, key: str, audio: bytes, meta: Mapping[str, Any], suffix: str = "flac") -> Place:
        """Appends a sample.

        Args:
            key: Name of both members; `safe_key` makes one.
            audio: The encoded recording.
            meta: What the JSON member says; its `text` is a list of captions.
            suffix: Of the audio member.
        """
        text = json.dumps(meta, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        return Place(
            *(self._member(f"{key}.{suffix}", audio), len(audio)),
            *(self._member(f"{key}.json", text), len(text)),
        )

    def _member(self, name: str, content: bytes) -> int:
        assert self._file is not None, "a ShardWriter is used in a with statement"
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self._file.write(info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
        offset = self._file.tell()
        self._file.write(content)
        self._file.write(bytes(-len(content) % tarfile.BLOCKSIZE))
        return offset
