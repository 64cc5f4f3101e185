"""`clara make`: a recipe of the data factory becomes shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tyro.conf import Positional

__all__ = ["make"]


def make(
    recipe: Positional[Path],
    out: Positional[str],
    *,
    workers: int | None = None,
    engine: str = "local",
    json: bool = False,
) -> None:
    """Run a recipe of the data factory: cut, speak, describe, translate, and pack as shards.

    A run that was stopped goes on where it stopped when it is started again.

    Args:
        recipe: A TOML file that says what goes in and which steps it goes through.
        out: The folder to make.
        workers: Processes; one for each core if not given. Each loads the models of the steps.
        engine: local for this machine, or ray for the Ray cluster at RAY_ADDRESS.
        json: Print JSON.
    """
    from clara.cli._output import show_table
    from clara.cli._shards import show
    from clara.prepare.make import make as run
    from clara.prepare.make import steps

    report = run(recipe, out, workers=workers, engine=engine)
    if not json:
        show_table([row for step in steps(report) for row in _rows(step)])
    show(report, json=json)


def _rows(step: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """What a step has skipped and counted, a row each; only the first of them names it."""
    yield {"step": step["step"], "count": step["skipped"], "of": "skipped"}
    for what, count in step["counts"].items():
        yield {"step": "", "count": count, "of": what}
