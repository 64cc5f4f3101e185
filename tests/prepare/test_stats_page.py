"""The page of statistics is whole, needs nothing else, and cannot be broken by a name."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clara.errors import UsageError
from clara.prepare.run import Report
from clara.prepare.stats import summarise
from clara.prepare.stats_page import page, write
from clara.shards import Index

NASTY = '<script>alert("x")</script> & مرحبا 雨'
VOID = ("meta", "br", "img", "link")


class Balanced(HTMLParser):
    """Fails on a tag that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(html: str) -> Balanced:
    found = Balanced()
    found.feed(html)
    assert not found.open
    return found


def test_it_shows_the_figures_and_needs_nothing_else(made: Report, tmp_path: Path) -> None:
    summary = summarise(Index.open(made.out))
    path = write(summary, tmp_path / "report")
    html = path.read_text()
    found = parsed(html)
    assert found.seen.count("svg") >= 5
    assert not re.search(r"<script|<link|@import|url\(|https?:", html)
    words = " ".join(found.words)
    for told in ("folder", "Polish", "Arabic", "Hours by split", "man", "woman"):
        assert told in words
    assert json.loads((tmp_path / "report" / "stats.json").read_text()) == summary
    assert path.read_text() == page(summarise(Index.open(made.out)))


def test_names_are_text(made: Report) -> None:
    summary = summarise(Index.open(made.out))
    part = {
        **summary["total"],
        "labels": {NASTY: {NASTY: 1}, "emotion": {NASTY: 3}, "sound": {NASTY: 2}},
        "licences": {NASTY: 3, "": 1},
        "languages": {NASTY: 12},
        "ages": {NASTY: 1, "20s": 4},
    }
    corpora = {NASTY: {**part, "splits": {NASTY: part}}}
    spoken = {NASTY: {**summary["languages"]["pl"], "corpora": {NASTY: 1}}}
    found = parsed(page({"total": part, "corpora": corpora, "languages": spoken}))
    assert "script" not in found.seen
    assert any(NASTY in word for word in found.words)


def test_of_nothing(made: Report) -> None:
    index = Index.open(made.out)
    parsed(page(summarise(index.select(mask=index.column("frames") < 0))))


def test_a_file_in_the_way(made: Report, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="it is a file"):
        write(made.stats, tmp_path / "file")
