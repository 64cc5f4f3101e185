"""Folders of corpora: read, refused and changed, for tests of their traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from clara import corpora
from clara.errors import LayoutError
from clara.records import Entry


def entries(name: str, root: Path) -> dict[str, Entry]:
    """What a corpus reads in a folder, by key."""
    return {entry.key: entry for entry in corpora.get(name).read(root)}


def refused(name: str, root: Path, message: str) -> None:
    """Checks that a corpus refuses a folder, with words that match `message`."""
    with pytest.raises(LayoutError, match=message):
        list(corpora.get(name).read(root))


def edit(path: Path, old: str, new: str) -> None:
    """Changes the first `old` of a file in any encoding; there must be one."""
    text = path.read_bytes()
    assert old.encode() in text
    path.write_bytes(text.replace(old.encode(), new.encode(), 1))
