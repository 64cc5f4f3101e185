"""The loss and what was validated along the way, one picture for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from clara.pictures import svg
from clara.pictures.html import card, foreign, grid
from clara.pictures.svg import Points

_SHOWN_POINTS = 240


def cards(curves: Mapping[str, Mapping[str, Points]]) -> str:
    """Of each model, the columns of its training run against the steps."""
    pictures = []
    for model, columns in curves.items():
        grouped: dict[str, dict[str, Points]] = {}
        for name, points in columns.items():
            if name == "loss":
                grouped["loss"] = {"loss": _thinned(points)}
            elif name.startswith("valid/"):
                task, _, figure = name.removeprefix("valid/").rpartition("/")
                grouped.setdefault(f"validation: {figure}", {})[task or figure] = points
        pictures += [
            card(escape(title), svg.curves(series, "step"), foreign(model) + _alone(series))
            for title, series in grouped.items()
        ]
    return grid(pictures) if pictures else ""


def _alone(series: Mapping[str, Points]) -> str:
    """The name of a curve that has no legend since it is the only one."""
    name = next(iter(series))
    return f", {foreign(name)}" if len(series) == 1 and name != "loss" else ""


def _thinned(points: Points) -> Points:
    """At most some hundred points, each the mean of its neighbours."""
    size = -(-len(points) // _SHOWN_POINTS)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]
