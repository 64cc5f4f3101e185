"""The whole page: nothing breaks it, nothing is claimed that is not so, nothing is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import hostile_results
import pytest
from hostile_results import BACKWARDS, LONG, MARKUP, RECORDING

from clara.evaluate.examples import Clip
from clara.evaluate.page.whole import page
from clara.evaluate.run import Results
from clara.records import Scores

VOID = ("meta", "br")
INTERACTIVE = re.compile(r"<script|<link|<img|<iframe|<object|@import|url\(|https?:|\son\w+=")


class Page(HTMLParser):
    """The tags, attributes and words of a page, if every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    curves = {
        LONG: {
            "loss": [(1.0, 3.0), (2.0, 2.0)],
            f"valid/{MARKUP}/accuracy": [(1.0, 0.5)],
            f"valid/{LONG}/accuracy": [(1.0, 0.5), (3.0, 0.7)],
        }
    }
    return page(hostile_results.results(), curves, {RECORDING: Clip("clip-a.flac", 12.0, MARKUP)})


def test_names_are_shown_as_they_are_and_do_nothing(html: str) -> None:
    parsed = Page(html)
    names = {name for name, _ in parsed.tags}
    assert not names & {"script", "img", "link", "iframe", "object"}
    assert not INTERACTIVE.search(html)
    assert "alert(" in " ".join(parsed.words)
    told = [name for _, attrs in parsed.tags for name in attrs]
    assert not [name for name in told if name.startswith("on")]


def test_every_picture_and_player_has_a_name_for_who_cannot_see(html: str) -> None:
    parsed = Page(html)
    pictures = parsed.all("svg")
    assert len(pictures) > 20
    for attrs in pictures:
        assert attrs.get("aria-label") or attrs.get("aria-hidden") == "true"
    players = parsed.all("audio")
    assert players
    for attrs in players:
        assert attrs["aria-label"]
        assert "controls" in attrs
        assert attrs["src"] == "clips/clip-a.flac"


def test_tables_have_headings_and_can_be_moved_by_keys(html: str) -> None:
    parsed = Page(html)
    headings = parsed.all("th")
    assert headings
    assert all(attrs.get("scope") in ("col", "row", "rowgroup") for attrs in headings)
    moving = [attrs for attrs in parsed.all("div") if "scroll" in (attrs.get("class") or "")]
    assert moving
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in moving)


def test_links_lead_to_sections_that_are_there(html: str) -> None:
    parsed = Page(html)
    places = {attrs["id"] for attrs in parsed.all("section")}
    links = [str(attrs["href"]) for attrs in parsed.all("a")]
    assert {link.removeprefix("#") for link in links} == places
    assert len(links) == len(places) == 12


def test_a_page_does_not_grow_without_end(html: str) -> None:
    assert len(html) < 1_500_000
    assert "Shown are the 50 of 527 classes with the most mistakes" in html
    assert "503 other classes" in html


def test_names_that_run_backwards_stay_in_their_place(html: str) -> None:
    isolated = [
        BACKWARDS.replace("<", "&lt;").replace(">", "&gt;") + end for end in ("</bdi>", "</p>")
    ]
    assert any(each in html for each in isolated)


def claims(results: Results) -> int:
    """How often a page says zero-shot of what was measured here."""
    html = re.sub(r'<section id="beside-published-figures".*?</section>', "", page(results, {}))
    words = " ".join(" ".join(Page(html).words).split())
    for theirs in (
        "by words, which the paper calls zero-shot",
        "The paper calls its first row zero-shot",
        "Table I prints other zero-shot figures",
    ):
        assert theirs in words
        words = words.replace(theirs, "")
    return words.casefold().count("zero-shot")


def test_a_corpus_that_was_seen_is_called_zero_shot_nowhere() -> None:
    assert claims(hostile_results.results(12, states=("held-out", "trained", "unknown"))) == 0
    assert claims(hostile_results.results(12, states=("unseen",))) > 0


def test_ours_among_published_figures_bears_its_own_title() -> None:
    scores = Scores("esc50/sound", "zero_shot", "mine", {"accuracy": 0.555}, 10, 0.1, "held-out")
    html = page(Results((scores,)), {})
    row = re.search(r"<tr><th[^>]*><div class=\"name\"><b><bdi>mine.*?</tr>", html)
    assert row
    assert "prompts, in-domain" in row[0]
    assert "55.5" in row[0]
    assert "held-out" in row[0]
    assert html.index("ImageBind") < row.start() < html.index("Wav2CLIP")


def test_the_same_results_make_the_same_page() -> None:
    first, second = hostile_results.results(40), hostile_results.results(40)
    assert page(first, {}) == page(second, {})
