"""Data are known by their content, in whatever order and wherever they lie."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from clara.evaluate.origin import data_hash
from clara.shards import Index


@pytest.fixture
def clips(tones: SimpleNamespace) -> list:
    return tones.everything(["train", "test"], each=2)


def test_the_hash_is_of_what_recordings_are_not_of_where_they_lie(
    tones: SimpleNamespace, clips: list, tmp_path: Path
) -> None:
    index = tones.shards(clips)
    before = data_hash(index)
    shutil.copytree(tmp_path / "shards", tmp_path / "elsewhere")
    assert data_hash(Index.open(tmp_path / "elsewhere")) == before
    parts = [index.select(splits=[split]) for split in ("train", "test")]
    assert len({before, *map(data_hash, parts)}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"split": "valid"},
        {"speaker": "somebody"},
        {"source": "freesound:1"},
        {"texts": ("A hum", "The sound of low")},
        {"texts": ("The sound of low", "The sound of low")},
        {"labels": {"sound": ("hum",)}},
        {"corpus": "other"},
    ],
    ids=str,
)
def test_every_fact_counts(
    tones: SimpleNamespace, clips: list, tmp_path: Path, change: dict
) -> None:
    before = data_hash(tones.shards(clips))
    shutil.rmtree(tmp_path / "shards")
    changed = [dataclasses.replace(clips[0], **change), *clips[1:]]
    assert data_hash(tones.shards(changed)) != before
