"""`clara evaluate`: figures for one or several models on the same recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

if TYPE_CHECKING:
    from clara.embed import Encoder

__all__ = ["evaluate"]


def evaluate(
    models: Positional[tuple[str, ...]],
    *,
    data: tuple[str, ...],
    tasks: tuple[str, ...] = ("all",),
    protocols: tuple[str, ...] = (),
    folds: tuple[str, ...] = (),
    report: Path | None = None,
    json: bool = False,
) -> None:
    """Measure models by words, by retrieval and by probes, and say what they have seen.

    Args:
        models: Folders of models or runs; "baseline" for log-mel means and deviations;
            package.module:function for what makes any other encoder.
        data: Folders of shards.
        tasks: ravdess/emotion, esc50/sound@fold1, table1 and the like, or all that the data answer.
        protocols: Of zero_shot, retrieval, linear_probe, logistic; what suits each task if none.
        folds: The folds to test, for corpora that come in folds; all if none.
        report: A folder for a page of pictures and for the figures as JSON.
        json: Print JSON.
    """
    from clara.cli._output import note, show_json, show_table
    from clara.cli._progress import bar
    from clara.errors import UsageError
    from clara.evaluate import report as reports
    from clara.evaluate.run import compare
    from clara.pictures.html import make_folder
    from clara.shards import Index

    if not models:
        raise UsageError("Expected a model to evaluate, but found none; name its folder.")
    if report:
        make_folder(report)  # before hours of work, not after
    asked = tuple(dict.fromkeys(models))
    encoders = _named(asked)
    with bar("recordings") as told:
        index = Index.open(*data)
        results = compare(
            encoders, index, tasks, protocols, maps=bool(report), folds=folds, progress=told
        )
    if json:
        show_json(reports.as_json(results))
    else:
        show_table(reports.rows(results))
        for each in results.missing:
            what = " ".join(filter(None, (each.task, each.protocol, each.encoder)))
            note(f"Not measured: {what}: {each.reason}")
    if report:
        runs = {
            name: Path(model) / "metrics.csv" for name, model in zip(encoders, asked, strict=True)
        }
        curves = {name: path for name, path in runs.items() if path.is_file()}
        note(f"The report is {reports.write(results, report, curves, index=index)}.")


def _named(models: tuple[str, ...]) -> dict[str, Encoder]:
    """Each model under its own name, or as it was asked for where two share a name."""
    opened = {model: _open(model) for model in models}
    names = [encoder.name for encoder in opened.values()]
    return {
        model if names.count(encoder.name) > 1 else encoder.name: encoder
        for model, encoder in opened.items()
    }


def _open(model: str) -> Encoder:
    from clara.embed import load
    from clara.encoders.baseline import Baseline
    from clara.rooms import load_foreign

    if model == "baseline":
        return Baseline()
    if ":" in model and not Path(model).exists():
        encoder: Encoder = load_foreign(model)()
        return encoder
    return load(model)
