"""What a run has found, for programs (JSON) and as rows of a table."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clara import __version__
from clara.errors import DataError
from clara.evaluate.examples import save_clips
from clara.evaluate.figures import MAIN_FIGURES, interval, primary, title
from clara.evaluate.origin import Origin
from clara.evaluate.page.listening import CLIPS
from clara.evaluate.page.whole import page
from clara.evaluate.run import Results
from clara.evaluate.stored import NAME, to_json
from clara.pictures.html import make_folder, save
from clara.shards import Index


def rows(results: Results) -> list[dict[str, object]]:
    """The scores as a table: a row for each, what it may rest on in plain sight."""
    table: list[dict[str, object]] = []
    for scores in results.scores:
        low, high = interval(scores)
        table.append(
            {
                "task": scores.task,
                "protocol": title(scores),
                "model": scores.encoder,
                "figure": MAIN_FIGURES.get(primary(scores), primary(scores)),
                "value": scores.values[primary(scores)],
                "95 %": f"{low:.3f}-{high:.3f}" if low < high else "",
                "macro recall": scores.values.get("macro_recall"),
                "chance": scores.chance,
                "majority": scores.detail.get("majority"),
                "clips": scores.support,
                "left out": scores.detail.get("overlap", {}).get("source", 0),
                "seen": scores.seen,
            }
        )
    return table


def as_json(results: Results, origin: Origin | None = None) -> dict[str, Any]:
    """The results, and how they came about, as plain values."""
    return {
        "clara": __version__,
        "origin": dataclasses.asdict(origin) if origin else None,
        "scores": [to_json(scores) for scores in results.scores],
        "missing": [dataclasses.asdict(missing) for missing in results.missing],
    }


def write(
    results: Results,
    folder: Path,
    curves: Mapping[str, Path] | None = None,
    *,
    index: Index | None = None,
    origin: Origin | None = None,
) -> Path:
    """Writes `scores.json` and `index.html` into a folder, and what the page lets one listen to.

    Args:
        results: What was measured.
        folder: Is made if it is not there.
        curves: Name of a model to the `metrics.csv` of its training.
        index: The recordings, for the clips of the examples; none are kept without it.
        origin: How the figures came about.

    Returns:
        The page.

    Raises:
        UsageError: The folder is a file.
        DataError: It cannot be written to.
    """
    make_folder(folder)
    clips = save_clips(results.scores, index, folder / CLIPS) if index else {}
    read = {name: read_curves(path) for name, path in (curves or {}).items()}
    html = page(results, read, clips, origin)
    return save(folder, html, NAME, as_json(results, origin))


def read_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """The columns of a run's `metrics.csv` against its steps; empty cells are passed over.

    Raises:
        DataError: It is not such a table.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    if name != "step" and cell and math.isfinite(float(cell)):
                        found.setdefault(name, []).append((float(row["step"]), float(cell)))
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"Expected {path} to be the metrics of a training run, numbers with a column 'step', "
            f"but found: {error}."
        ) from error
    return found
