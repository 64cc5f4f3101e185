"""Retrieval to listen to: which queries are shown, and the clips of their answers.

Nobody picks them. The queries stand in the order of a hash of what they ask, the same for every
model; the first of them whose nearest answer is right are shown, and the first whose nearest answer
is wrong. They are part of the scores (`Scores.detail["examples"]`), and clips are cut when a page
is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clara.audio import io
from clara.errors import DataError
from clara.evaluate.metrics import Bools, Floats, Ints
from clara.files import replacing
from clara.hashes import hashed
from clara.pictures.html import make_folder
from clara.records import Scores
from clara.shards import Index

EACH = 2  # right and wrong queries for each direction
SHOWN = 3  # answers for each query
SECONDS = 10.0
RATE = 24_000
_ROOM = 24 << 20  # bytes of clips on one page
_PART = 4096  # members of a gallery at once
_ROUGH = 1e-4  # more than the error of a likeness in single precision
_DIGITS = 12  # of a likeness: beyond lies what depends on the order of summing
_PATTERN = "clip-*.flac"


class Clip(NamedTuple):
    """What can be listened to of a recording.

    Attributes:
        name: Of the file.
        seconds: Length of the whole recording; a clip holds its beginning.
        licence: What the owner of the recording allows; empty if nothing is told.
    """

    name: str
    seconds: float
    licence: str


def choose(
    audio: Floats,
    rows: Floats,
    keys: Sequence[str],
    texts: Sequence[str],
    answers: tuple[Sequence[Ints], Sequence[Ints]],
    hits: tuple[Bools, Bools],
) -> list[dict[str, Any]]:
    """The queries to show, for each direction the right ones first, as JSON values.

    Args:
        audio: Of the recordings `[N, D]`.
        rows: Of the texts `[M, D]`.
        keys: "corpus/key" of each recording.
        texts: Of each row.
        answers: Of each text the places of its recordings, and of each recording those of its
            texts.
        hits: Of each text whether its nearest recording is right `[M]`, and of each recording
            whether its nearest text is `[N]`.

    Returns:
        Of each: "way" ("text_to_audio" or "audio_to_text"), "query", "rank" of the nearest right
        answer (from 1), "gallery" (its size), "answers" (the nearest ones, each with "right" and
        "likeness"), and "wanted", the nearest right answer, where it is not among them. Queries and
        answers hold either "text", or "recording" and "texts".
    """

    def written(place: int) -> dict[str, Any]:
        return {"text": texts[place]}

    def spoken(place: int) -> dict[str, Any]:
        return {"recording": keys[place], "texts": [texts[t] for t in answers[1][place].tolist()]}

    ways = {
        "text_to_audio": _Way(_drawn(texts, hits[0]), rows, audio, answers[0], written, spoken),
        "audio_to_text": _Way(_drawn(keys, hits[1]), audio, rows, answers[1], spoken, written),
    }
    return [{"way": name, **each} for name, way in ways.items() for each in _shown(way)]


def _drawn(names: Sequence[str], hits: Bools) -> list[int]:
    """The first of the draw that are right, then the first that are wrong."""
    order = np.argsort(hashed(names), kind="stable")
    return [
        place for right in (True, False) for place in order[hits[order] == right][:EACH].tolist()
    ]


class _Way(NamedTuple):
    """A direction: the queries to show, where they look, and how both are told."""

    drawn: list[int]
    queries: Floats
    gallery: Floats
    answers: Sequence[Ints]
    asked: Callable[[int], dict[str, Any]]
    member: Callable[[int], dict[str, Any]]


def _shown(way: _Way) -> Iterator[dict[str, Any]]:
    rough = way.gallery @ way.queries[way.drawn].T
    for place, column in zip(way.drawn, rough.T, strict=True):
        likeness = _sharpened(column, way.answers[place], way.gallery, way.queries[place])
        yield {"query": way.asked(place), **_example(likeness, way.answers[place], way.member)}


def _sharpened(rough: Floats, answers: Ints, gallery: Floats, query: Floats) -> Floats:
    """Likenesses in double precision, wherever that can change an order that is shown."""
    likeness: Floats = rough.astype(np.float64)
    least = np.partition(likeness, -min(SHOWN, len(likeness)))[-min(SHOWN, len(likeness))]
    close = np.abs(likeness - likeness[answers].max()) < _ROUGH
    close |= likeness > least - _ROUGH
    places = np.flatnonzero(close)
    for start in range(0, len(places), _PART):
        part = places[start : start + _PART]
        exact = gallery[part].astype(np.float64) @ query.astype(np.float64)
        likeness[part] = np.round(exact, _DIGITS)
    return likeness


def _example(
    likeness: Floats, answers: Ints, member: Callable[[int], dict[str, Any]]
) -> dict[str, Any]:
    """The nearest answers to a query, and the rank of a right one; what ties with it goes first."""
    right = np.zeros(len(likeness), dtype=bool)
    right[answers] = True
    rank = int((likeness[~right] >= likeness[answers].max()).sum()) + 1
    least = np.partition(likeness, -min(SHOWN, len(likeness)))[-min(SHOWN, len(likeness))]
    near = np.flatnonzero(likeness >= least)
    near = near[np.lexsort((right[near], -likeness[near]))][:SHOWN]
    best = answers[likeness[answers].argmax()]

    def answer(place: int) -> dict[str, Any]:
        told = {"right": bool(right[place]), "likeness": round(float(likeness[place]), 4)}
        return {**member(place), **told}

    wanted = {} if rank <= SHOWN else {"wanted": answer(int(best))}
    shown = [answer(place) for place in near.tolist()]
    return {"rank": rank, "gallery": len(likeness), "answers": shown, **wanted}


def _heard(scores: Sequence[Scores]) -> dict[str, None]:
    """Each recording of the examples once, in the order of the page."""
    found: dict[str, None] = {}
    for each in scores:
        for example in each.detail.get("examples", ()):
            for member in (example["query"], *example["answers"], example.get("wanted", {})):
                if "recording" in member:
                    found[str(member["recording"])] = None
    return found


def save_clips(scores: Sequence[Scores], index: Index, folder: Path) -> dict[str, Clip]:
    """Cuts the recordings of the examples to clips that a browser plays, 10 s at most of each.

    A folder of an earlier report is emptied of its clips. Recordings that cannot be read get none,
    nor do those for which there is no more room.

    Args:
        scores: With their examples.
        index: The recordings.
        folder: Is made if there are clips.

    Returns:
        The clip of each recording ("corpus/key") that has one.

    Raises:
        DataError: The folder cannot be written to.
    """
    clips: dict[str, Clip] = {}
    seconds, licences = index.values("seconds", slice(None)), index.codes("licence")
    room = _ROOM
    for key, row in _rows(index, _heard(scores)).items():
        try:
            sample = index.sample(row, end=SECONDS)
        except DataError:
            continue
        wave, rate = sample.wave, sample.rate
        if rate > RATE:
            wave, rate = io.resample(wave, rate, RATE), RATE
        if not len(wave) or not np.isfinite(wave).all():
            continue
        content = io.encode_flac(wave, rate)
        if len(content) > room:
            break
        room -= len(content)
        name = f"clip-{hashlib.sha256(content).hexdigest()[:16]}.flac"
        make_folder(folder)
        with replacing(folder / name) as file:
            file.write(content)
        clips[key] = Clip(name, float(seconds[row]), licences[1][licences[0][row]])
    kept = {clip.name for clip in clips.values()}
    for old in list(folder.glob(_PATTERN)):
        if old.name not in kept:
            old.unlink()
    return clips


def _rows(index: Index, wanted: Mapping[str, None]) -> dict[str, int]:
    """Where the recordings lie, in the order asked for; those that are not there are left out."""
    keys = pa.array([name.partition("/")[2] for name in wanted], pa.string())
    among = np.flatnonzero(pc.is_in(index.arrow("key"), keys).to_numpy())
    found = {index.key(row): row for row in among.tolist()}
    return {name: found[name] for name in wanted if name in found}
