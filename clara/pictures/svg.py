"""Pictures as SVG text: bars with intervals, curves, confusion matrices.

Nothing here knows a colour: shapes carry classes, and the style sheet of the page (`page.css`)
paints them for light and dark. Every word is escaped, whoever chose it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 360
TONES = 8  # how many colours of series the style sheet has

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval.

    Attributes:
        name: What it is the share of.
        value: From 0 to 1.
        low: Lower end of its interval.
        high: Upper end.
        chance: What guessing gives.
        majority: What the best constant answer gives; not drawn if 0.
        tone: Which colour.
    """

    name: str
    value: float
    low: float
    high: float
    chance: float = 0.0
    majority: float = 0.0
    tone: int = 0


def bars(rows: Sequence[Bar]) -> str:
    """Bars below each other, each on a track from 0 to 100 %.

    >>> "61.0 %" in bars([Bar("zero_shot", 0.61, 0.55, 0.67)])
    True
    """
    step, parts = 42, []
    for number, bar in enumerate(rows):
        top = number * step
        parts += [
            _text(0, top + 13, bar.name, "name"),
            _text(WIDTH, top + 13, percent(bar.value), "value", "end"),
            _rect(0, top + 20, WIDTH, 12, "track", radius=3),
            _rect(0, top + 20, WIDTH * bar.value, 12, f"tone{bar.tone % TONES}", radius=3),
            _line(WIDTH * bar.low, top + 26, WIDTH * bar.high, top + 26, "whisker"),
            *(
                _line(WIDTH * end, top + 23, WIDTH * end, top + 29, "whisker")
                for end in (bar.low, bar.high)
            ),
        ]
        for value, kind in ((bar.majority, "majority"), (bar.chance, "chance")):
            if value > 0:
                parts.append(_line(WIDTH * value, top + 17, WIDTH * value, top + 35, kind))
    words = "; ".join(f"{bar.name} {percent(bar.value)}" for bar in rows)
    return _svg(WIDTH, len(rows) * step, parts, words)


def curves(series: Mapping[str, Points], x_name: str) -> str:
    """Lines over a common axis, with a legend where there are several.

    Args:
        series: Name to points, ordered by x; at least one point in each.
        x_name: What x is.
    """
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))
    left, right, top, bottom = 44, WIDTH - 10, 10, 170
    x_low, x_high = min(*xs, *x_ticks), max(*xs, *x_ticks)
    y_low, y_high = min(*ys, *y_ticks), max(*ys, *y_ticks)

    def across(x: float) -> float:
        return left + (right - left) * (x - x_low) / ((x_high - x_low) or 1)

    def up(y: float) -> float:
        return bottom - (bottom - top) * (y - y_low) / ((y_high - y_low) or 1)

    parts = [_line(left, up(y), right, up(y), "rule") for y in y_ticks]
    parts += [_text(left - 6, up(y) + 4, f"{y:g}", "tick", "end") for y in y_ticks]
    parts += [_text(across(x), bottom + 16, f"{x:,.10g}", "tick", "middle") for x in x_ticks]
    parts.append(_text(right, bottom + 32, x_name, "tick", "end"))
    for tone, points in enumerate(series.values()):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        parts.append(f'<polyline class="curve line{tone % TONES}" points="{path}"/>')
        x, y = points[-1]
        parts.append(
            f'<circle class="tone{tone % TONES}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>'
        )
    height = bottom + 40
    if len(series) > 1:
        for tone, name in enumerate(series):
            parts.append(_rect(left, height + 5, 10, 10, f"tone{tone % TONES}", radius=2))
            parts.append(_text(left + 16, height + 14, name, "name"))
            height += 20
    return _svg(WIDTH, height, parts, ", ".join(series))


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A confusion matrix: a row for each true class, darker where more of it was answered.

    Args:
        counts: `[C, C]`.
        classes: Their names.
    """
    size = len(classes)
    cell, font = (34, 12) if size <= 12 else (20, 11) if size <= 25 else (12, 9)
    names = [name if len(name) <= 24 else f"{name[:23]}…" for name in classes]
    longest = max(map(_width, names)) * font
    left, top = longest + 12, longest * 0.75 + 12
    table = np.asarray(counts)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    parts = [_rect(left, top, cell * size, cell * size, "track")]
    for row, name in enumerate(names):
        middle = cell * (row + 0.5) + font * 0.35
        parts.append(_text(left - 6, top + middle, name, "axis", "end", font))
        x, y = left + middle, top - 6
        parts.append(
            f'<text class="axis" style="font-size:{font}px" transform="translate({x:.1f} {y:.1f}) '
            f'rotate(-48)">{escape(name)}</text>'
        )
    for row, column in zip(*map(np.ndarray.tolist, np.nonzero(table)), strict=True):
        x, y, share = left + cell * column, top + cell * row, float(shares[row, column])
        told = f"{classes[row]} taken for {classes[column]}: {table[row, column]} ({share:.0%})"
        parts.append(
            f'<rect class="{"right" if row == column else "wrong"}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{cell}" height="{cell}" fill-opacity="{0.08 + 0.92 * share:.2f}">'
            f"<title>{escape(told)}</title></rect>"
        )
        if cell > 30:
            kind = "count strong" if share > 0.5 else "count"
            parts.append(
                _text(x + cell / 2, y + cell / 2 + 4, str(table[row, column]), kind, "middle")
            )
    width = left + cell * size + longest * 0.75
    words = f"confusion matrix of {size} classes"
    return _svg(width, top + cell * size + 4, parts, words, "small" if cell > 30 else "large")


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.125)
    '12.5 %'
    """
    return f"{100 * share:.1f} %"


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from about `low` to `high`, three to six of them.

    >>> ticks(0, 2000)
    [0, 500, 1000, 1500, 2000]
    """
    span = high - low
    if not span > 0:
        return [low]
    rough = span / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _width(text: str) -> float:
    """About how wide a text is, in units of its font size: wide scripts count double."""
    return sum(1.0 if ord(letter) > 0x2E7F else 0.66 for letter in text)


def _svg(width: float, height: float, parts: Sequence[str], words: str, kind: str = "") -> str:
    size = f' class="{kind}" width="{width:.0f}" height="{height:.0f}"' if kind else ""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}"{size} role="img" '
        f'aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start", size: int = 0) -> str:
    font = f' style="font-size:{size}px"' if size else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{font}>'
        f"{escape(text)}</text>"
    )


def _rect(x: float, y: float, width: float, height: float, kind: str, *, radius: float = 0) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
        f'height="{height:.1f}" rx="{radius}"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
