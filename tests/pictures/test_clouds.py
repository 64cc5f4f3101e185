"""Scatters and maps: points stand where they should, names on none of them."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from clara.pictures.clouds import Dot, Spot, chart, group_style, scatter
from clara.pictures.shapes import MARKS, TONES, WIDTH, cut, mark

NASTY = '<script>alert("x")</script> & مرحبا 雨'


def dot(x: float, y: float, name: str = "pl") -> Dot:
    return Dot(x, y, name, f"{name}: {y}")


def marks(picture: str, kind: str) -> list[tuple[float, float]]:
    """The middles of the circles of a class."""
    return [
        (float(each.get("cx", "nan")), float(each.get("cy", "nan")))
        for each in ElementTree.fromstring(picture).iter("circle")
        if kind in (each.get("class") or "")
    ]


def test_the_axis_of_amounts_is_logarithmic() -> None:
    picture = scatter({"ours": [dot(0.1, 0.9), dot(1, 0.5), dot(10, 0.5), dot(1000, 1)]}, "hours")
    (a, b, c, d) = marks(picture, "tone0")
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.2)
    assert d[0] - c[0] == pytest.approx(2 * (c[0] - b[0]), abs=0.2)
    assert b[1] == c[1] > a[1] > d[1]


def test_no_amount_stands_left_of_all_others() -> None:
    picture = scatter({"ours": [dot(0, 0.5), dot(0.01, 0.5), dot(5, 0.5)]}, "hours")
    nothing, little, more = (x for x, _ in marks(picture, "tone0"))
    assert 0 < nothing < little - 20 < more
    assert ">0</text>" in picture


@pytest.mark.parametrize(
    "dots",
    [
        [dot(0, 0)],
        [dot(3, 1)],
        [dot(1e-6, 0.2), dot(1e6, 0.3)],
        [dot(1, 1.0), dot(1, 1.0)],
        [dot(10, 0.0, NASTY)],
    ],
)
@pytest.mark.parametrize("width", [WIDTH, 900])
def test_any_points_lie_inside(dots: list[Dot], width: int) -> None:
    picture = scatter({NASTY: dots}, NASTY, width=width)
    for x, y in marks(picture, "tone0"):
        assert 0 < x < width
        assert 0 < y < 341
    assert ElementTree.fromstring(picture).get("aria-label", "").startswith(NASTY)


def test_names_lie_on_no_point_and_on_no_other_name() -> None:
    dots = [dot(10 ** (n / 13), 0.5 + 0.5 * math.sin(n), f"language {n}") for n in range(50)]
    picture = ElementTree.fromstring(scatter({"ours": dots}, "hours", width=900))
    boxes = []
    for each in picture.iter("text"):
        if "name" in (each.get("class") or "") and "halo" in (each.get("class") or ""):
            wide = len(each.text or "") * 6.5
            x, y = float(each.get("x", 0)), float(each.get("y", 0))
            anchor = each.get("text-anchor")
            x -= wide if anchor == "end" else wide / 2 if anchor == "middle" else 0
            boxes.append((x, y - 8, x + wide, y + 2))
    assert len(boxes) > 25
    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] or other[3] <= one[1]


def test_each_point_of_a_scatter_says_what_it_is() -> None:
    picture = ElementTree.fromstring(scatter({"a": [dot(1, 0.5, NASTY)], "b": [dot(2, 1)]}, "x"))
    assert [each.text for each in picture.iter("title")] == [f"{NASTY}: 0.5", "pl: 1"]


def test_a_map_has_one_unit_both_ways() -> None:
    spots = [Spot(0, 0, 0, "a"), Spot(4, 0, 0, "b"), Spot(0, 2, 0, "c")]
    picture = ElementTree.fromstring(chart(spots, [], ["one"], "told"))
    (x0, y0), (x1, y1), (x2, y2) = (
        (float(each.get("cx", 0)), float(each.get("cy", 0))) for each in picture.iter("circle")
    )
    assert (y0, x0) == (y1, x2)
    assert x1 - x0 == pytest.approx(2 * (y0 - y2), abs=0.2)
    assert x1 - x0 == pytest.approx(WIDTH - 28, abs=0.2)


@pytest.mark.parametrize("count", [1, 9])
def test_points_in_one_place_are_no_division_by_zero(count: int) -> None:
    picture = chart([Spot(5, 5, -1, "k")] * count, [Spot(5, 5, 0, "p")], [NASTY], "told")
    assert "nan" not in picture
    assert ElementTree.fromstring(picture).get("viewBox") == f"0 0 {WIDTH} 88"


def test_24_groups_can_be_told_apart_and_others_share_a_style() -> None:
    styles = [group_style(group) for group in range(TONES * len(MARKS))]
    assert len(set(styles)) == 24
    assert {group_style(group) for group in (-1, 24, 526)} == {("circle", "rest")}


def test_groups_and_prompts_bear_their_colours() -> None:
    spots = [Spot(n, n % 3, n % 2, f"k{n}") for n in range(6)]
    flags = [Spot(1, 1, 0, "prompt: a"), Spot(2, 2, 1, "prompt: b")]
    picture = ElementTree.fromstring(chart(spots, flags, ["a", "b"], "told"))
    groups = {each.get("class"): len(list(each)) for each in picture.iter("g")}
    assert groups == {"tone0 spot": 3, "tone1 spot": 3}
    shown = [each.get("class") for each in picture.iter("polygon")]
    assert shown == ["tone0 flag", "tone1 flag"]
    assert [each.text for each in picture.iter("text")] == ["a", "b"]


@pytest.mark.parametrize("shape", [*MARKS, "diamond"])
def test_marks_are_about_as_large_as_each_other(shape: str) -> None:
    drawn = ElementTree.fromstring(mark(shape, 50, 50, 10, "tone0", NASTY))
    assert drawn[0].text == NASTY
    if shape == "circle":
        area = math.pi * float(drawn.get("r", 0)) ** 2
    elif shape == "square":
        area = float(drawn.get("width", 0)) * float(drawn.get("height", 0))
    else:
        corners = [tuple(map(float, p.split(","))) for p in drawn.get("points", "").split()]
        turns = zip(corners, [*corners[1:], corners[0]], strict=True)
        area = abs(sum(a * d - b * c for (a, b), (c, d) in turns)) / 2
    assert area == pytest.approx(314, rel=0.12)


def test_a_cut_name_leaves_room_and_can_still_be_read_in_full() -> None:
    assert cut("short", 10) == "short"
    assert len(cut("x" * 200, 10)) == 10
    assert len(cut("雨" * 200, 10)) < 7
    assert cut("雨", 1) == "雨…"
