"""Any data set of the package `datasets` that has a column of audio, on the hub or in a folder.

It is called by its address: "user/name" on huggingface.co, a folder that `save_to_disk` wrote, or a
folder that `load_dataset` reads (Parquet, audio files with metadata.csv, ...). Behind a "?", parted
by "&" (in quotes, for the shell):

    config=NAME         its configuration (subset)
    split=A,B           the splits to read; all if not given
    rows=N              so many rows of each split, for a trial
    revision=X          branch, tag or commit on the hub
    streaming=1         read it as a stream, which takes half the room on disk; 0 never does
    FIELD=COLUMN,...    which columns hold text (captions), transcript, language, speaker, licence,
                        source, audio, or a kind of label (sound, emotion, gender, age, keyword,
                        scene, intensity, accent, label.KIND); none if empty. language may also be
                        a tag that holds for all: language=pl

What is not said there is taken from the names and types of columns: captions from text, caption and
description (also caption_1, caption_2, ... or lists); what is spoken from transcript, transcription
and sentence, and from text where there is one of these or a speaker; speaker_id, gender, age,
language, accent, emotion and others by their names; label, category or class as sound, or as
emotion if all its classes are emotions. Numbers of classes become their names. All else that JSON
can hold is kept. Splits called validation or dev are "valid"; of "train.clean.100" the first word
counts.

Audio stays as it was encoded until the shards are written. A data set is kept in the cache of
Hugging Face, or as a stream in ~/.cache/clara/hub, which may be removed when the shards are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from clara.corpora import Corpus
from clara.corpora._manifest import SPLIT_NAMES
from clara.records import Clip, Entry

if TYPE_CHECKING:
    from clara.corpora._hub.address import Address
    from clara.corpora._hub.columns import Meaning
    from clara.corpora._hub.load import Part

__all__ = ["corpus"]


def _read(source: Path | str) -> Iterator[Entry]:
    # Arrow and `datasets` are heavy for a listing of corpora.
    from clara.corpora._hub.address import parse
    from clara.corpora._hub.columns import meaning
    from clara.corpora._hub.faults import told
    from clara.corpora._hub.load import parts

    address = parse(str(source))
    for part in parts(address):
        understood = meaning(part.kinds, address.columns, address.place)
        with told(address):
            yield from islice(_entries(part, understood, address), address.rows or None)


def _entries(part: Part, understood: Meaning, address: Address) -> Iterator[Entry]:
    from clara.corpora._hub.places import is_its_own, local
    from clara.corpora._hub.rows import Row, listed

    split = _split(part.split)
    told = {} if split == part.split else {"hub_split": part.split}
    number = 0
    for file in part.files:
        for place, row in enumerate(listed(file, understood.audio, understood.wanted)):
            # The size tells a row from another that came in its place.
            name = f"{address.name} {part.split} {number} ({row.size} bytes)"
            path: Path | Clip = Row(file, understood.audio, place, name)
            fault = ""
            if not row.size:
                if not row.path or "://" in row.path:
                    fault = "its row has no audio"
                elif is_its_own(row.path, address):
                    path = local(row.path, address)
                else:
                    fault = "it lies outside of the data set"
            said = understood.entry(row.values)
            said["licence"] = said["licence"] or part.licence
            said["extra"] |= told
            key = f"{part.split}/{number:08d}"
            yield Entry(key=key, path=path, split=split, fault=fault, **said)
            number += 1


def _split(name: str) -> str:
    """What a split is called here: by its first word, if that says it."""
    first = re.split(r"[^a-z0-9]", name.lower())[0]
    return SPLIT_NAMES.get(first, name)


corpus = Corpus(
    title="Data sets of Hugging Face",
    homepage="https://huggingface.co/datasets",
    licence="that of the data set",
    cite="the data set's own publication",
    size="any",
    obtain="Give the name of a data set with a column of audio, as on huggingface.co (user/name), "
    "or a folder that `save_to_disk` wrote or `load_dataset` reads. Options stand behind a "
    "question mark: 'user/name?config=clean&split=train,validation&text=caption&language=en'; "
    "they are config, split, rows, revision, streaming, and the columns of text, transcript, "
    "language, speaker, gender, age, emotion, sound, keyword, licence, source, audio and "
    "label.KIND where their names do not tell. It needs pip install 'clara-audio[hub]'.",
    splits=("train", "valid", "test"),
    read=_read,
    yours=True,
)
