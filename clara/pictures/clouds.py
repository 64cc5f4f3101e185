"""Pictures of points: shares against amounts on a logarithmic axis, and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clara.pictures.shapes import MARKS, TONES, WIDTH, breadth, cut, legend, line, mark, picture
from clara.pictures.shapes import text as words

_DOT = 3.6
_FONT = 11.5
_DISTINCT = math.lcm(TONES, len(MARKS))  # classes that a map can tell apart by colour and shape


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a scatter.

    Attributes:
        x: An amount; none at all if 0.
        y: A share, from 0 to 1.
        name: Stands beside it where there is room.
        tip: Is shown to who points at it.
    """

    x: float
    y: float
    name: str
    tip: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a map.

    Attributes:
        x: Across, in any unit.
        y: Up, in the same unit.
        group: Of which class it is, a place among the names; -1 for the rest.
        tip: Is shown to who points at it.
    """

    x: float
    y: float
    group: int
    tip: str


def scatter(series: Mapping[str, Sequence[Dot]], x_name: str, *, width: int = WIDTH) -> str:
    """Shares against amounts, in one colour for each series; dots of no amount stand on the left.

    Args:
        series: Name to dots, one dot at least in all; the names of the first are placed first.
        x_name: What the amounts are.
        width: Of the picture: what has more room shows more names.
    """
    dots = [dot for each in series.values() for dot in each]
    amounts = [dot.x for dot in dots if dot.x > 0] or [1.0]
    none = any(dot.x <= 0 for dot in dots)
    first, last = math.floor(math.log10(min(amounts))), math.ceil(math.log10(max(amounts)))
    last = max(last, first + 1)
    floor = max(min(math.floor(min(dot.y for dot in dots) * 10), 9), 0) / 10
    left, right, top, bottom = 44, width - 12, 12, 340
    start = left + (44 if none else 8)

    def across(x: float) -> float:
        share = (math.log10(x) - first) / (last - first) if x > 0 else 0
        return start + (right - start) * share if x > 0 else left + 18

    def up(y: float) -> float:
        return bottom - (bottom - top) * (y - floor) / (1 - floor)

    parts = []
    steps = max(round((1 - floor) * 10), 1)
    for step in range(0, steps + 1, 2 if steps > 6 else 1):
        y = floor + step / 10
        parts += [line(left, up(y), right, up(y), "rule")]
        parts += [words(left - 6, up(y) + 4, f"{100 * y:.0f} %", "tick", "end")]
    if none:
        parts.append(words(left + 18, bottom + 16, "0", "tick", "middle"))
    for power in range(first, last + 1):
        x, anchor = across(10.0**power), "end" if power == last else "middle"
        parts.append(line(x, top, x, bottom, "rule"))
        told = f"{10 ** (power - 3):,} k" if power > 2 else f"{10.0**power:.10g}"
        parts.append(words(x, bottom + 16, told, "tick", anchor))
    parts.append(words(right, bottom + 33, x_name, "tick", "end"))
    places = [(across(dot.x), up(dot.y)) for dot in dots]
    tones = [tone for tone, each in enumerate(series.values()) for _ in each]
    parts += [
        mark(MARKS[tone % 2], x, y, _DOT, f"tone{tone % TONES} dot", dot.tip)
        for (x, y), dot, tone in zip(places, dots, tones, strict=True)
    ]
    parts += _names([dot.name for dot in dots], places, (left, 0, right, bottom))
    key, height = legend(list(series), left, bottom + 46.0)
    told = "; ".join(dot.tip for dot in dots)
    return picture(width, height, parts + key, f"{', '.join(series)} against {x_name}: {told}")


def group_style(group: int) -> tuple[str, str]:
    """The shape and the class of a group of a map; the first 24 are all different.

    >>> group_style(0), group_style(8), group_style(24)
    (('circle', 'tone0'), ('triangle', 'tone0'), ('circle', 'rest'))
    """
    if not 0 <= group < _DISTINCT:
        return "circle", "rest"
    return MARKS[group % len(MARKS)], f"tone{group % TONES}"


def chart(spots: Sequence[Spot], flags: Sequence[Spot], names: Sequence[str], told: str) -> str:
    """A map of points, as wide as it is with the same unit both ways.

    Args:
        spots: The points, at least one.
        flags: Points that stand out, as diamonds; they bear their names where there is room.
        names: Of the groups.
        told: What it shows, for those who do not see it.
    """
    everything = [*spots, *flags]
    lowest = min(spot.x for spot in everything), min(spot.y for spot in everything)
    spans = (
        max(spot.x for spot in everything) - lowest[0],
        max(spot.y for spot in everything) - lowest[1],
    )
    edge = 14
    scale = min((WIDTH - 2 * edge) / (spans[0] or 1), (WIDTH - 2 * edge) / (spans[1] or 1))
    height = max(spans[1] * scale, 60) + 2 * edge
    shift = (WIDTH - 2 * edge - spans[0] * scale) / 2

    def place(spot: Spot) -> tuple[float, float]:
        x = edge + shift + (spot.x - lowest[0]) * scale
        return x, height - edge - (spot.y - lowest[1]) * scale

    parts = []
    for group in sorted({spot.group for spot in spots}):
        shape, kind = group_style(group)
        marks = (mark(shape, *place(s), 2.4, "", s.tip) for s in spots if s.group == group)
        parts.append(f'<g class="{kind} spot">{"".join(marks)}</g>')
    parts += [
        mark("diamond", *place(f), 4.6, f"{group_style(f.group)[1]} flag", f.tip) for f in flags
    ]
    places = [place(flag) for flag in flags]
    labels = [cut(names[flag.group], 22) for flag in flags]
    parts += _names(labels, places, (0, 0, WIDTH, height))
    return picture(WIDTH, height, parts, told)


_Box = tuple[float, float, float, float]


def _names(names: Sequence[str], places: Sequence[tuple[float, float]], room: _Box) -> list[str]:
    """Each name beside its place, where it lies on no place and on no other name."""
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    parts = []
    for name, (x, y) in zip(names, places, strict=True):
        wide = breadth(name) * _FONT * 0.92
        for dx, dy, anchor in _SIDES:
            begin = x + dx - (wide if anchor == "end" else wide / 2 if anchor == "middle" else 0)
            box = (begin, y + dy - _FONT * 0.75, begin + wide, y + dy + 2)
            inside = box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] + 8
            if inside and box[3] <= room[3] and not any(_meet(box, each) for each in taken):
                taken.append(box)
                parts.append(words(x + dx, y + dy, name, "tick name halo", anchor))
                break
    return parts


_SIDES = (
    *((6, 4, "start"), (-6, 4, "end"), (0, -7, "middle"), (0, 15, "middle")),
    *((6, -5, "start"), (6, 13, "start"), (-6, -5, "end"), (-6, 13, "end")),
)


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
