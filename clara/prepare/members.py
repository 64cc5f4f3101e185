"""The members of a tar that a stranger made: names and places, nothing is unpacked.

A name is only a name: no path of it is ever opened. Sizes are what the tar holds, not what a header
claims; and the few headers whose content must be read to find a long name are bounded.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from clara.prepare.encode import BadRecordError

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_HEADER = 1 << 16
_LONG_NAME = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
_PASSED_OVER = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)


class Member(NamedTuple):
    """A file inside a tar: its name, first byte and length in bytes."""

    name: str
    offset: int
    size: int


def members(path: Path) -> Iterator[Member]:
    """Walks the regular files of a tar, in order, by its headers alone.

    Raises:
        BadRecordError: It is not a tar, or is cut short. What lies before is yielded first.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        if not end:
            raise BadRecordError("the tar is empty")
        at, long_name, long_size = 0, "", -1
        while at < end:
            file.seek(at)
            block = file.read(_BLOCK)
            if not any(block):
                return
            info = _header(block)
            size = info.size if long_size < 0 else long_size
            offset = at + _BLOCK
            filled = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
            if not (filled or info.type in _LONG_NAME or info.type in _PASSED_OVER):
                size = 0  # folders, links and devices have no content, whatever they claim
            if size < 0 or offset + size > end:
                raise BadRecordError("the tar is cut short")
            at = offset + -(-size // _BLOCK) * _BLOCK
            if info.type in _LONG_NAME:
                long_name, long_size = _long(file, info, offset)
            elif info.type not in _PASSED_OVER:
                if filled:
                    yield Member(long_name or info.name, offset, size)
                long_name, long_size = "", -1
        raise BadRecordError("the tar is cut short")


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        pointer = block.startswith(b"version https://git-lfs")
        found = "the file is a Git LFS pointer, not a tar" if pointer else "the tar is damaged"
        raise BadRecordError(found) from error
    if info.type == tarfile.GNUTYPE_SPARSE:
        raise BadRecordError("the tar has members with holes")
    return info


def _long(file: BinaryIO, info: tarfile.TarInfo, offset: int) -> tuple[str, int]:
    """The name, and the size where it is given, from the header in front of a member."""
    if info.size > _LONGEST_HEADER:
        raise BadRecordError("the tar is damaged")
    file.seek(offset)
    content = file.read(info.size)
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return content.rstrip(b"\0").decode("utf-8", "surrogateescape"), -1
    name, size = "", -1
    while content:
        # A record of a pax header is "LENGTH NAME=VALUE\n"; the length counts all of it.
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content):
            raise BadRecordError("the tar is damaged")
        field, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        content = content[int(length) :]
        if field == b"path":
            name = value.decode("utf-8", "surrogateescape")
        if field == b"size" and value.isdigit() and len(value) < 19:
            size = int(value)
    return name, size
