"""The command that tells what corpora there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tyro.conf import Positional

from clara import corpora as room
from clara.cli import _output

__all__ = ["corpora"]


def corpora(name: Positional[str] = "", json: bool = False) -> None:
    """List the corpora that CLARA reads, or tell all about one.

    Args:
        name: The corpus to tell about; all are listed if none is named.
        json: Print JSON instead of a table.
    """
    if name:
        record = _record(room.get(name))
        if json:
            _output.show_json(record)
        else:
            _output.show_table([{"field": key, name: value} for key, value in _lines(record)])
        return
    records = {each: _record(room.get(each)) for each in room.names()}
    if json:
        _output.show_json(records)
        return
    columns = ("title", "languages", "licence", "size")
    _output.show_table(
        [
            {"name": each, **{column: _text(record[column]) for column in columns}}
            for each, record in records.items()
        ]
    )
    _output.note("More on one, with how to get it: clara corpora NAME")


def _record(corpus: room.Corpus) -> dict[str, object]:
    return {
        "title": corpus.title,
        "languages": corpus.languages,
        "licence": corpus.licence,
        "size": corpus.size,
        "splits": corpus.splits,
        "labels": corpus.labels,
        "cite": corpus.cite,
        "homepage": corpus.homepage,
        "obtain": corpus.obtain,
    }


def _lines(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{key} ({kind})", _text(values)) for kind, values in value.items())
        else:
            yield key, _text(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value or "-"
    assert isinstance(value, Sequence)
    return ", ".join(value) or "-"
