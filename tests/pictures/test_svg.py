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
