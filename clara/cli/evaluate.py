"""`clara evaluate`: figures for one or several models on the same recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

if TYPE_CHECKING:
    from clara.embed import Encoder
    from clara.evaluate.cache import Cache
    from clara.evaluate.origin import Origin
    from clara.evaluate.run import Results
    from clara.shards import Index

__all__ = ["evaluate"]


def evaluate(
    models: Positional[tuple[str, ...]] = (),
    *,
    data: tuple[str, ...] = (),
    tasks: tuple[str, ...] = ("all",),
    protocols: tuple[str, ...] = (),
    folds: tuple[str, ...] = (),
    prompts: Literal["paper", "code", "ensemble"] = "paper",
    seed: int = 0,
    cache: str = "",
    report: Path | None = None,
    list: bool = False,
    json: bool = False,
) -> None:
    """Measure models by words, by retrieval and by classifiers, and say what they have seen.

    Args:
        models: Folders of models or runs, of transformers CLAP or sentence-transformers; KIND:WHERE
            for other weights; "baseline" for log-mel means and deviations;
            package.module:function for what makes any other encoder.
        data: Folders of shards.
        tasks: ravdess/emotion, esc50/sound@fold1, table1 and the like, or all that the data answer.
        protocols: Of zero_shot, keyword_spotting, retrieval, linear_probe, logistic, fine_tune;
            what suits each task if none.
        folds: The folds to test, for corpora that come in folds; all if none.
        prompts: What the main figures ask with: the templates of the paper's Table II, those of its
            code, or all templates for a kind of label together.
        seed: Of what is drawn while a classifier learns.
        cache: A folder where embeddings are kept for later runs, "none" for nowhere; the user's
            cache folder if not given. A run that was stopped goes on from there.
        report: A folder for a page of pictures and for the figures as JSON.
        list: List every task with a record: its tables of the paper, what measures it, and the
            shards it needs; measure nothing.
        json: Print JSON.
    """
    from clara.cli._output import show_json
    from clara.cli._progress import bar
    from clara.errors import UsageError
    from clara.evaluate import report as reports
    from clara.evaluate.origin import origin
    from clara.evaluate.run import compare
    from clara.pictures.html import make_folder
    from clara.shards import Index

    if list:
        _show_tasks(json)
        return
    if not models or not data:
        raise UsageError(
            f"Expected {'a model' if not models else 'shards'} to evaluate, but found none; as in "
            "`clara evaluate MODEL --data SHARDS`. `clara evaluate --list` lists the tasks."
        )
    if report:
        make_folder(report)  # before hours of work, not after
    options: dict[str, Any] = {"tasks": tasks, "protocols": protocols, "folds": folds}
    options |= {"prompts": prompts, "seed": seed}
    asked = tuple(dict.fromkeys(models))
    encoders = _named(asked)
    kept = _cache(cache)
    with bar("recordings") as told:
        index = Index.open(*data)
        results = compare(encoders, index, maps=bool(report), progress=told, cache=kept, **options)
    words = dict(zip(encoders, asked, strict=True))
    again = {name: (words[name], encoder) for name, encoder in encoders.items()}
    how = origin(again, (data, index), options)
    if json:
        show_json(reports.as_json(results, how))
    else:
        _show(results, kept)
    if report:
        _write(report, results, words, index, how)


def _write(
    folder: Path, results: Results, asked: dict[str, str], index: Index, how: Origin
) -> None:
    """The page and the JSON, with the curves of the models that were trained here."""
    from clara.cli._output import note
    from clara.evaluate import report

    runs = {name: Path(model) / "metrics.csv" for name, model in asked.items()}
    curves = {name: path for name, path in runs.items() if path.is_file()}
    note(f"The report is {report.write(results, folder, curves, index=index, origin=how)}.")


def _show_tasks(json: bool) -> None:
    """Every task with a record."""
    from clara.cli._output import show_json, show_table
    from clara.evaluate.listing import listed

    tasks = listed()
    if json:
        show_json(tasks)
        return
    show_table(
        [
            {
                "task": each.task,
                "tables": ", ".join(name.removeprefix("table") for name in each.tables) or "–",
                "measured by": ", ".join(each.protocols),
                "shards of": ", ".join(each.corpora),
                "with the splits": each.needs,
            }
            for each in tasks
        ],
        title="Tasks, and the paper's tables that they are in",
    )


def _show(results: Results, cache: Cache) -> None:
    """The figures, and what a user should know beside them."""
    from clara.cli._output import note, show_table
    from clara.evaluate.report import rows

    show_table(rows(results))
    for each in results.missing:
        what = " ".join(filter(None, (each.task, each.protocol, each.encoder)))
        note(f"Not measured: {what}: {each.reason}")
    if cache.found:
        note(f"{cache.found:,} embeddings were there already, {cache.made:,} were made.")
    for told in cache.told():
        note(told)


def _cache(wanted: str) -> Cache:
    """Where embeddings are kept."""
    from clara.evaluate.cache import Cache, default_folder

    if wanted == "none":
        return Cache(None)
    return Cache(Path(wanted).absolute() if wanted else default_folder())


def _named(models: tuple[str, ...]) -> dict[str, Encoder]:
    """Each model under its own name, or as it was asked for where two share a name."""
    from clara import encoders

    opened = {model: encoders.open(model) for model in models}
    names = [encoder.name for encoder in opened.values()]
    return {
        model if names.count(encoder.name) > 1 else encoder.name: encoder
        for model, encoder in opened.items()
    }
