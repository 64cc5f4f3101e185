"""Training: one function that reads in order, and goes on where it was stopped.

Nothing about the data or the dice has to be saved: the batch of a step and the seed of a step
follow from the recipe alone. So a run that was killed and taken up again ends, on a CPU, with the
same weights bit for bit as one that was not.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric

from clara import checkpoint
from clara.batches import Batches, DataConfig
from clara.configs import to_json
from clara.embed import Clara
from clara.errors import DataError, UsageError
from clara.files import replacing
from clara.loss import contrastive_loss
from clara.model import ClaraModel, ModelConfig
from clara.optim import OptimConfig, make_optimizer, rate_at
from clara.records import Batch
from clara.shards import Index
from clara.text.tokens import Tokens

Validator = Callable[[Clara], Mapping[str, float]]
"""Judges the model as it stands; its figures go into the logs under "valid/"."""


@dataclass(frozen=True)
class TrainConfig:
    """How long to train, and how.

    Attributes:
        steps: Optimiser steps in all.
        accumulate: Batches whose gradients are added before each step.
        precision: "bf16-mixed" where the hardware multiplies bfloat16 fast, else "32-true".
        log_every: Steps between rows of the logs.
        save_every: Steps between checkpoints; the last step always makes one.
        validate_every: Steps between validations; the last step always makes one.
        seed: Of the weights and of the dice of training; the order of the data has its own.
    """

    steps: int = 100_000
    accumulate: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    log_every: int = 20
    save_every: int = 500
    validate_every: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """A whole run: what is trained, on what, and how. Made by the functions of `clara.recipes`.

    Attributes:
        name: Of the model.
        model: The network.
        data: What it is trained on, and in which order.
        optim: The optimiser and its schedule.
        train: Length, precision and logs.
    """

    name: str = "clara"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Progress:
    """Where training stands, for whoever watches.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Of the newest step that was logged.
        clips_per_second: Over the steps since the last log.
    """

    step: int
    steps: int
    loss: float
    clips_per_second: float


def train(
    recipe: Recipe,
    run: str | Path,
    *,
    devices: int = 1,
    validators: Mapping[str, Validator] | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Path:
    """Trains a model, or goes on with the run that stands in the folder.

    Args:
        recipe: The whole run.
        run: Folder for recipe, logs and checkpoints.
        devices: Processes on this machine; more than one train data-parallel.
        validators: Name to judge; called with the model as it stands.
        watch: Told after each step.

    Returns:
        The folder of the last checkpoint.

    Raises:
        UsageError: The folder holds a run of another recipe, or the data are too few.
        DataError: The loss is not finite, or too many records are bad.
    """
    run = Path(run)
    config = recipe.train
    index = Index.open(*recipe.data.folders)
    index = Batches.choose(index, recipe.data)
    fabric = _launch(config, devices)
    recipe, tokens = _set_up(fabric, run, recipe, index)

    torch.manual_seed(config.seed)
    model = ClaraModel(recipe.model)
    optimizer = make_optimizer(model, recipe.optim)
    about = checkpoint.load_state(run, model, optimizer) or _about(recipe, index)
    wrapped, optimizer = fabric.setup(model, optimizer)
    encoder = Clara(model, tokens, about)
    batches = Batches(
        index,
        tokens,
        recipe.data,
        rate=recipe.model.audio.mel.rate,
        rank=fabric.global_rank,
        world=fabric.world_size,
        text_limit=recipe.model.text.limit,
    )
    logs = _Logs(run, about.step) if fabric.is_global_zero else None
    pace = _Pace(recipe.data.batch * config.accumulate)

    with contextlib.closing(batches.stream(about.step * config.accumulate)) as stream:
        wrapped.train()
        for step in range(about.step, config.steps):
            torch.manual_seed(_seed(config.seed, step, fabric.global_rank))
            rate = rate_at(step, config.steps, recipe.optim)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _accumulate(fabric, wrapped, stream, config.accumulate, step)
            norm = fabric.clip_gradients(wrapped, optimizer, max_norm=recipe.optim.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

            done, last = step + 1, step + 1 == config.steps
            row = {"loss": loss, "rate": rate, "norm": float(norm)}  # type: ignore[arg-type]
            row |= dict(zip(("scale_audio", "scale_text"), model.scales().tolist(), strict=True))
            row["epoch"] = done * config.accumulate / batches.steps_per_epoch
            row["clips_per_second"] = pace.after_step()
            if logs and validators and (last or done % config.validate_every == 0):
                row |= _validate(encoder, validators)
                pace.rest()
            if logs and (last or done % config.log_every == 0 or len(row) > 7):
                logs.write(done, row)
            if logs and (last or done % config.save_every == 0):
                about = replace(about, step=done)
                checkpoint.save_state(run, model, tokens, about, optimizer)
            fabric.barrier()
            if watch:
                watch(Progress(done, config.steps, loss, row["clips_per_second"]))
    newest = checkpoint.latest(run)
    assert newest is not None
    return newest


def _accumulate(
    fabric: Fabric, model: Any, stream: Iterator[Batch], accumulate: int, step: int
) -> float:
    # Forward and backward of the step's batches; gradients are the mean over them.
    total = 0.0
    for part in range(accumulate):
        batch = next(stream)
        with fabric.no_backward_sync(model, enabled=part < accumulate - 1):
            waves, wave_lengths, tokens, token_lengths, text_ids, true_ids = fabric.to_device(
                [
                    batch.waves,
                    batch.wave_lengths,
                    batch.tokens,
                    batch.token_lengths,
                    batch.text_ids,
                    batch.true_ids,
                ]
            )
            audio, text, scales = model(waves, wave_lengths, tokens, token_lengths)
            loss = contrastive_loss(audio, text, scales, text_ids, true_ids)
            value = float(loss.detach())
            if not np.isfinite(value):
                raise DataError(
                    f"Expected a finite loss but found {value} at step {step}, in the batch of "
                    f"{', '.join(batch.keys[:4])}, ... Lower --optim.rate, or look at these clips; "
                    f"the last checkpoint is from before."
                )
            fabric.backward(loss / accumulate)
        total += value / accumulate
    return total


def _launch(config: TrainConfig, devices: int) -> Fabric:
    # On a CPU, DDP over gloo; with GPUs Fabric picks nccl. torchrun and SLURM set the rest.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    cpu = not torch.cuda.is_available()
    fabric = Fabric(
        accelerator="cpu" if cpu else "gpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=config.precision,
    )
    fabric.launch()
    return fabric


def _set_up(fabric: Fabric, run: Path, recipe: Recipe, index: Index) -> tuple[Recipe, Tokens]:
    # The first process writes recipe and vocabulary; the others wait and read the same.
    if fabric.is_global_zero:
        run.mkdir(parents=True, exist_ok=True)
        _claim(run, recipe)
        if not (run / "tokenizer.json").exists():
            texts = (text for i in range(len(index)) for text in index.texts(i))
            Tokens.train(texts, recipe.model.text.vocab).save(run / "tokenizer.json")
    fabric.barrier()
    return recipe, Tokens.load(run / "tokenizer.json")


def _claim(run: Path, recipe: Recipe) -> None:
    path, mine = run / "recipe.json", to_json(recipe)
    if path.exists():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(_differences(mine, theirs))
        if differing:
            raise UsageError(
                f"Expected {run} to be empty or a run of this recipe, but its recipe.json differs "
                f"in {', '.join(differing[:5])}; give another --out, or the same settings."
            )
        return
    with replacing(path) as file:
        file.write((json.dumps(mine, indent=1, ensure_ascii=False) + "\n").encode())


def _differences(mine: Any, theirs: Any, where: str = "") -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() | theirs.keys():
            yield from _differences(mine.get(name), theirs.get(name), f"{where}.{name}".lstrip("."))
    elif mine != theirs:
        yield where


def _about(recipe: Recipe, index: Index) -> checkpoint.About:
    seen: dict[str, dict[str, int]] = {}
    pairs = zip(index.column("corpus"), index.column("split"), strict=True)
    for corpus, split in pairs:
        counts = seen.setdefault(str(corpus), {})
        counts[str(split)] = counts.get(str(split), 0) + 1
    sources = sorted({str(source) for source in index.column("source") if source})
    return checkpoint.About(recipe.name, 0, to_json(recipe), seen, tuple(sources))


def _validate(encoder: Clara, validators: Mapping[str, Validator]) -> dict[str, float]:
    return {
        f"valid/{name}/{figure}": value
        for name, validator in validators.items()
        for figure, value in validator(encoder).items()
    }


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)


class _Pace:
    """Clips per second over the last steps, validations left out."""

    def __init__(self, clips: int) -> None:
        self.clips = clips
        self.then = time.perf_counter()
        self.speed = 0.0

    def after_step(self) -> float:
        now = time.perf_counter()
        speed = self.clips / (now - self.then)
        self.speed = speed if not self.speed else 0.9 * self.speed + 0.1 * speed
        self.then = now
        return self.speed

    def rest(self) -> None:
        self.then = time.perf_counter()


class _Logs:
    """`metrics.csv`, and TensorBoard's files where it is installed.

    Rows of steps behind the one that a run goes on from are dropped: they are about to come again.
    """

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "metrics.csv"
        self.rows: list[dict[str, str]] = []
        self.columns: list[str] = []
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
            self._rewrite()
        self.board = _board(run / "tb", step)

    def write(self, step: int, row: Mapping[str, float]) -> None:
        self.rows.append({"step": str(step)} | {name: f"{v:.6g}" for name, v in row.items()})
        if set(self.rows[-1]) <= set(self.columns):
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns, restval="").writerow(self.rows[-1])
        else:
            self._rewrite()
        if self.board:
            for name, value in row.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()

    def _rewrite(self) -> None:
        self.columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        with replacing(self.path) as file:
            file.write(text.getvalue().encode())


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=step)
