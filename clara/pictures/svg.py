"""Pictures as SVG text: bars, columns, shares, curves, confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from clara.pictures.shapes import TONES, WIDTH, breadth, legend, line, picture, rect, text

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
            text(0, top + 13, bar.name, "name", most=38),
            text(WIDTH, top + 13, percent(bar.value), "value", "end"),
            rect(0, top + 20, WIDTH, 12, "track", radius=3),
            rect(0, top + 20, WIDTH * bar.value, 12, f"tone{bar.tone % TONES}", radius=3),
            line(WIDTH * bar.low, top + 26, WIDTH * bar.high, top + 26, "whisker"),
            *(
                line(WIDTH * end, top + 23, WIDTH * end, top + 29, "whisker")
                for end in (bar.low, bar.high)
            ),
        ]
        for value, kind in ((bar.majority, "majority"), (bar.chance, "chance")):
            if value > 0:
                parts.append(line(WIDTH * value, top + 17, WIDTH * value, top + 35, kind))
    words = "; ".join(f"{bar.name} {percent(bar.value)}" for bar in rows)
    return picture(WIDTH, len(rows) * step, parts, words)


def beside(rows: Sequence[tuple[str, Sequence[float | None]]], series: Sequence[str]) -> str:
    """Thin bars of shares below each name, one for each series, with a legend.

    Args:
        rows: Name, and a share for each series; None where there is none.
        series: What the bars of a name are.

    >>> beside([("{label}", [0.5, None])], ["ours", "theirs"]).count('class="tone1"')
    1
    """
    parts, top = [], 0.0
    for name, values in rows:
        parts.append(text(0, top + 13, name, "name", most=50))
        top += 20
        for tone, value in enumerate(values):
            told = "–" if value is None else percent(value)
            wide = WIDTH - 62
            parts.append(rect(0, top, wide, 9, "track", radius=2))
            if value is not None:
                parts.append(rect(0, top, wide * value, 9, f"tone{tone % TONES}", radius=2))
            parts.append(text(WIDTH, top + 9, told, "tick", "end"))
            top += 14
        top += 8
    key, height = legend(series, 0, top + 4)
    words = "; ".join(
        f"{name}: {', '.join('none' if v is None else percent(v) for v in values)}"
        for name, values in rows
    )
    return picture(WIDTH, height, parts + key, f"{', '.join(series)}: {words}")


def amounts(rows: Sequence[tuple[str, float, str]], tone: int = 0) -> str:
    """Bars of amounts below each other, the longest as wide as the picture.

    Args:
        rows: Name, amount, and the amount in words.
        tone: Which colour.

    >>> "3.1 h" in amounts([("en", 3.1, "3.1 h"), ("pl", 1.0, "1 h")])
    True
    """
    most = max((amount for _, amount, _ in rows), default=0) or 1
    step, parts = 30, []
    for number, (name, amount, told) in enumerate(rows):
        top = number * step
        parts += [
            text(0, top + 13, name, "name", most=34),
            text(WIDTH, top + 13, told, "value", "end"),
            rect(0, top + 18, WIDTH, 5, "track", radius=2.5),
            rect(0, top + 18, WIDTH * amount / most, 5, f"tone{tone % TONES}", radius=2.5),
        ]
    words = "; ".join(f"{name} {told}" for name, _, told in rows)
    return picture(WIDTH, len(rows) * step, parts, words)


def columns(counts: Sequence[int], names: Sequence[str], x_name: str, tone: int = 0) -> str:
    """Columns side by side, as of a histogram.

    Args:
        counts: Of each column.
        names: Below each column; columns stand between names where there is one more of these.
        x_name: What the names are.
        tone: Which colour.

    >>> columns([3, 4], ["20s", "30s"], "age").count("<title>")
    2
    """
    left, top, bottom = 0, 10, 150
    wide = min((WIDTH - left) / max(len(counts), 1), 64)
    between = len(names) > len(counts)
    most = max(counts, default=0) or 1
    parts = [line(left, bottom, WIDTH, bottom, "rule")]
    for number, count in enumerate(counts):
        tall = (bottom - top) * count / most
        x = left + number * wide + wide * 0.08
        told = f"{'–'.join(names[number : number + 2]) if between else names[number]}: {count:,}"
        parts.append(
            f'<rect class="tone{tone % TONES}" x="{x:.1f}" y="{bottom - tall:.1f}" '
            f'width="{wide * 0.84:.1f}" height="{tall:.1f}" rx="2"><title>{escape(told)}</title>'
            "</rect>"
        )
    room = max(1, math.ceil(max(map(breadth, names), default=0) * 12.5 / wide))
    for number, name in list(enumerate(names))[:: room if room > 1 else 1]:
        x = left + (number if between else number + 0.5) * wide
        last = between and number == len(names) - 1
        anchor = "start" if between and not number else "end" if last else "middle"
        parts.append(text(x, bottom + 16, name, "tick", anchor))
    parts.append(text(WIDTH, bottom + 34, x_name, "tick", "end"))
    return picture(WIDTH, bottom + 40, parts, f"{x_name}: " + ", ".join(f"{n:,}" for n in counts))


def shares(rows: Sequence[tuple[str, Sequence[tuple[str, float, str]]]], rest: str = "") -> str:
    """Wholes below each other, each cut into its parts; a legend says what the colours are.

    Args:
        rows: Name of the whole, and of each part its name, its amount, and that in words. The same
            part has the same colour in all.
        rest: A part that is not one of its own, and has no colour.
    """
    names = dict.fromkeys(name for _, of in rows for name, *_ in of if name != rest)
    kinds = {name: f"tone{tone % TONES}" for tone, name in enumerate(names)} | {rest: "rest"}
    parts, top = [], 0.0
    for whole, of in rows:
        total = sum(amount for _, amount, _ in of) or 1
        parts.append(text(0, top + 13, whole, "name"))
        x = 0.0
        for name, amount, told in of:
            wide = WIDTH * amount / total
            parts.append(
                f'<rect class="{kinds[name]}" x="{x:.1f}" y="{top + 20:.1f}" '
                f'width="{max(wide - 1.5, 0.5):.1f}" height="14" rx="2">'
                f"<title>{escape(f'{name}: {told}')}</title></rect>"
            )
            x += wide
        top += 44
        for name, amount, told in of:
            parts.append(rect(0, top, 10, 10, kinds[name], radius=2))
            parts.append(text(16, top + 9, name, "name", most=34))
            parts.append(text(WIDTH - 64, top + 9, told, "tick", "end"))
            parts.append(text(WIDTH, top + 9, percent(amount / total), "value", "end"))
            top += 20
        top += 14
    words = "; ".join(f"{whole}: {', '.join(f'{n} {t}' for n, _, t in of)}" for whole, of in rows)
    return picture(WIDTH, max(top - 14, 1), parts, words)


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

    parts = [line(left, up(y), right, up(y), "rule") for y in y_ticks]
    parts += [text(left - 6, up(y) + 4, f"{y:g}", "tick", "end") for y in y_ticks]
    parts += [text(across(x), bottom + 16, f"{x:,.10g}", "tick", "middle") for x in x_ticks]
    parts.append(text(right, bottom + 32, x_name, "tick", "end"))
    for tone, points in enumerate(series.values()):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        parts.append(f'<polyline class="curve line{tone % TONES}" points="{path}"/>')
        x, y = points[-1]
        parts.append(
            f'<circle class="tone{tone % TONES}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>'
        )
    height = bottom + 40.0
    if len(series) > 1:
        key, height = legend(list(series), left, height + 5)
        parts += key
    return picture(WIDTH, height, parts, ", ".join(series))


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A confusion matrix: a row for each true class, darker where more of it was answered.

    Args:
        counts: `[C, C]`.
        classes: Their names.
    """
    size = len(classes)
    cell, font = (34, 12) if size <= 12 else (20, 11) if size <= 25 else (12, 9)
    names = [name if len(name) <= 24 else f"{name[:23]}…" for name in classes]
    longest = max(map(breadth, names)) * font
    left, top = longest + 12, longest * 0.75 + 12
    table = np.asarray(counts)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    parts = [rect(left, top, cell * size, cell * size, "track")]
    for row, name in enumerate(names):
        middle = cell * (row + 0.5) + font * 0.35
        parts.append(text(left - 6, top + middle, name, "axis", "end", font))
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
                text(x + cell / 2, y + cell / 2 + 4, str(table[row, column]), kind, "middle")
            )
    width = left + cell * size + longest * 0.75
    words = f"confusion matrix of {size} classes"
    return picture(width, top + cell * size + 4, parts, words, "small" if cell > 30 else "large")


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
