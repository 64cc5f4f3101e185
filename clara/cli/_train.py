"""What `clara train` runs: the options beside the recipe, validation, and the bar."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from clara.cli._output import note
from clara.cli._progress import bar, is_first
from clara.embed import Clara
from clara.errors import UsageError
from clara.evaluate.run import choose_tasks, evaluate
from clara.shards import Index
from clara.train import Progress, Recipe, Validator, train


@dataclass(frozen=True)
class Run:
    """A recipe, the data that it is given, and where the model goes.

    Attributes:
        recipe: Every field may be varied.
        data: Folders or URLs of shards.
        out: Folder of the run; a run that stands there goes on where it was stopped.
        devices: Processes on each machine that train together; 1, or as many as torchrun or srun
            has started.
        nodes: Machines; more than one are started by torchrun or srun.
        strategy: ddp, where each process holds all weights, or fsdp, where they share them.
    """

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    data: tuple[str, ...] = ()
    out: Path | None = None
    devices: int | None = None
    nodes: int | None = None
    strategy: Literal["ddp", "fsdp"] = "ddp"


def start(run: Run) -> None:
    """Trains with a progress bar and ends by naming what can be done next.

    Raises:
        UsageError: No data or no folder was named.
    """
    folders = run.data or run.recipe.data.folders
    if not folders or run.out is None:
        raise UsageError(
            "Expected --data with folders of shards and --out with the folder of the run; "
            "`clara prepare` makes shards."
        )
    data = dataclasses.replace(run.recipe.data, folders=folders)
    recipe = dataclasses.replace(run.recipe, data=data)
    skipped = 0
    with bar("steps") as told:

        def watch(progress: Progress) -> None:
            nonlocal skipped
            skipped = progress.skipped
            told(progress.step, progress.steps)

        folder = train(
            recipe,
            run.out,
            devices=run.devices,
            nodes=run.nodes,
            strategy=run.strategy,
            validators=validators(Index.open(*folders)) if is_first() else None,
            watch=watch,
        )
    if not is_first():
        return
    if skipped:
        note(f"{skipped} times a recording could not be read, and another took its place.")
    note(f"The model is in {folder}; its curves are in {run.out / 'metrics.csv'}.")
    note(f"Next: clara evaluate {run.out} --data {' '.join(folders)} --report {run.out}/report")


def validators(index: Index) -> dict[str, Validator]:
    """Zero-shot figures on each task that a validation split in the index can answer.

    No test part is looked at while training.
    """
    if "valid" not in index.splits:
        return {}
    held = index.select(splits=["valid"])
    tasks = [task for task in choose_tasks(held, ["all"])[0] if "zero_shot" in task.protocols]
    return {task.name: _judge(held, task.name) for task in tasks}


def _judge(held: Index, task: str) -> Validator:
    def judge(encoder: Clara) -> dict[str, float]:
        try:
            (scores,) = evaluate(encoder, held, [f"{task}@valid"], ["zero_shot"]).scores
        except UsageError:
            return {}  # such as a split of a single class: nothing to choose from, no figure
        main = next(iter(scores.values))
        return {main: scores.values[main]}

    return judge
