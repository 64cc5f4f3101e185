"""Pictures are well-formed, say what they show, and cannot be broken by a name."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from clara.pictures import svg
from clara.pictures.svg import Bar

NASTY = '<script>alert("x")</script> & مرحبا 雨'


def texts(picture: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(picture).iter("text")]


def test_bars_have_their_length() -> None:
    picture = ElementTree.fromstring(svg.bars([Bar(NASTY, 0.25, 0.2, 0.3, 0.1, 0.15, tone=11)]))
    (bar,) = [each for each in picture.iter("rect") if each.get("class") == "tone3"]
    assert float(bar.get("width", 0)) == svg.WIDTH / 4
    assert texts(svg.bars([Bar(NASTY, 0.25, 0.2, 0.3)])) == [NASTY, "25.0 %"]


@pytest.mark.parametrize(
    "points", [[(0, 1)], [(0, 1), (10, 1)], [(0, -3), (10, 1e6)], [(5, 0.1), (5, 0.2)]]
)
def test_curves_of_any_range(points: list[tuple[float, float]]) -> None:
    picture = ElementTree.fromstring(svg.curves({NASTY: points, "other": points}, "step"))
    for line in picture.iter("polyline"):
        for pair in line.get("points", "").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= svg.WIDTH
            assert 0 <= y <= 400


@pytest.mark.parametrize("size", [2, 20, 50])
def test_a_confusion_matrix_shows_every_count(size: int) -> None:
    counts = [[(row * column) % 4 for column in range(size)] for row in range(size)]
    picture = ElementTree.fromstring(svg.confusion(counts, [f"{NASTY} {n}" for n in range(size)]))
    cells = list(picture.iter("title"))
    assert len(cells) == sum(count > 0 for row in counts for count in row)
    assert float(picture.get("width", 0)) < 1200


def test_an_empty_row_is_no_division_by_zero() -> None:
    ElementTree.fromstring(svg.confusion([[0, 0], [1, 2]], ["a", "b"]))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.123, 0.124), (-5, 1e7), (2, 2)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    found = svg.ticks(low, high)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


def test_amounts_are_as_wide_as_they_are_large() -> None:
    picture = ElementTree.fromstring(svg.amounts([(NASTY, 4.0, "4 h"), ("b", 1.0, "1 h")], tone=2))
    wide = [float(b.get("width", 0)) for b in picture.iter("rect") if b.get("class") == "tone2"]
    assert wide == [svg.WIDTH, svg.WIDTH / 4]
    ElementTree.fromstring(svg.amounts([("nothing", 0.0, "0")]))
    ElementTree.fromstring(svg.amounts([]))


@pytest.mark.parametrize("names", [["a", NASTY, "c"], ["0", "1", NASTY, "3"]])
def test_columns_are_as_tall_as_they_are_large(names: list[str]) -> None:
    picture = ElementTree.fromstring(svg.columns([0, 10, 5], names, NASTY))
    tall = [float(each.get("height", 0)) for each in picture.iter("rect")]
    assert tall == [0, max(tall), max(tall) / 2]
    assert all(0 <= float(each.get("x", 0)) <= svg.WIDTH for each in picture.iter("rect"))


def test_parts_of_a_whole_have_their_share_and_their_colour() -> None:
    rows = [
        ("clips", [("man", 1.0, "1"), ("woman", 1.0, "1"), ("?", 2.0, "2")]),
        ("speakers", [("woman", 3.0, "3"), ("?", 0.0, "0")]),
    ]
    picture = ElementTree.fromstring(svg.shares(rows, rest="?"))
    bars = [each for each in picture.iter("rect") if each.get("height") == "14"]
    assert [each.get("class") for each in bars] == ["tone0", "tone1", "rest", "tone1", "rest"]
    assert float(bars[2].get("width", 0)) == pytest.approx(svg.WIDTH / 2 - 1.5)
    assert "25.0 %" in texts(svg.shares(rows))
