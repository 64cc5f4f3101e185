"""Training: one function that reads in order, and goes on where it was stopped.

Nothing about the data or the dice has to be saved: the batch of a step and the seed of a step
follow from the recipe alone. So a run that was killed and taken up again ends, on a CPU, with the
same weights bit for bit as one that was not.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric

from clara import checkpoint, gradients, launch
from clara.augment import Chain, Dice
from clara.batches import Batches, DataConfig
from clara.configs import expect_within, to_json
from clara.embed import Clara
from clara.errors import CheckpointError, DataError, UsageError
from clara.files import locked, replacing, unwritable
from clara.logs import Logs, Pace
from clara.model import ClaraModel, ModelConfig, compile_parts
from clara.optim import OptimConfig, make_optimizer, set_rate
from clara.ranks import Ranks, gathered
from clara.records import Batch
from clara.shards import Index
from clara.text.tokens import Tokens

Validator = Callable[[Clara], Mapping[str, float]]
"""Judges the model as it stands; its figures go into the logs under "valid/"."""

# What the dice of augmentation are seeded with, apart from those of the model.
_HEARD = 1


@dataclass(frozen=True)
class TrainConfig:
    """How long to train, and how.

    Attributes:
        steps: Optimiser steps in all.
        accumulate: Batches whose gradients are added before each step; each has its own loss.
        pieces: In how many pieces a batch goes through the network. The loss is that of the whole
            batch, and so are the gradients; the memory is that of a piece, for a third more time.
        compile: Whether torch compiles the network, which takes a minute or two at the start and
            a C++ compiler, and pays on a GPU. Dropout then draws other dice.
        precision: "bf16-mixed" where the hardware multiplies bfloat16 fast, else "32-true".
        log_every: Steps between rows of the logs.
        save_every: Steps between checkpoints; the last step always makes one.
        validate_every: Steps between validations; the last step always makes one.
        seed: Of the weights and of the dice of training; the order of the data has its own.
    """

    steps: int = 100_000
    accumulate: int = 1
    pieces: int = 1
    compile: bool = False
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    log_every: int = 20
    save_every: int = 500
    validate_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("steps", "accumulate", "pieces", "log_every", "save_every", "validate_every")
        expect_within(self, 1, 10**9, *counts)
        expect_within(self, 0, 2**63 - 1, "seed")


@dataclass(frozen=True)
class Recipe:
    """A whole run: what is trained, on what, and how. Made by the functions of `clara.recipes`.

    Attributes:
        name: Of the model.
        model: The network.
        data: What it is trained on, and in which order.
        optim: The optimiser and its schedule.
        train: Length, precision and logs.
        augment: Acoustic augmentations of what it is trained on (section III-A2), in the order in
            which they apply, each as "NAME CHANCE" and settings that are not its defaults, such as
            "reverb 0.3 high=0.5".
    """

    name: str = "clara"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Chain.parse(self.augment)  # which refuses what makes no sense


@dataclass(frozen=True)
class Progress:
    """Where training stands, for whoever watches.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Of the newest step.
        clips_per_second: Over the last steps.
        skipped: Bad records met since the start, each replaced by another of its batch.
    """

    step: int
    steps: int
    loss: float
    clips_per_second: float
    skipped: int


def train(
    recipe: Recipe,
    run: str | Path,
    *,
    devices: int | None = None,
    nodes: int | None = None,
    strategy: Literal["ddp", "fsdp"] = "ddp",
    validators: Mapping[str, Validator] | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Path:
    """Trains a model, or goes on with the run that stands in the folder.

    Args:
        recipe: The whole run.
        run: Folder for recipe, logs and checkpoints.
        devices: Processes on each machine; more than one train data-parallel. As `launch.start`.
        nodes: Machines, likewise.
        strategy: Whether each process holds all weights, or several share them, likewise.
        validators: Name to judge; called with the model as it stands, in the first process alone.
        watch: Told after each step, in the first process alone.

    Returns:
        The folder of the last checkpoint.

    Raises:
        UsageError: The folder holds a run of another recipe or is in use, or the data are too few.
        CheckpointError: The run that stands in the folder is broken.
        DataError: The loss is not finite, too many records are bad, a write fails, or a rank ends.
    """
    run, config = Path(run), recipe.train
    fabric = launch.start(config.precision, devices, nodes, strategy)
    with Ranks(fabric) as ranks, contextlib.ExitStack() as ends:
        index = Batches.choose(Index.open(*recipe.data.folders), recipe.data)
        if ranks.first:
            ends.enter_context(_claim(run, recipe))
        tokens = _vocabulary(ranks, run, recipe, index)
        model = _model(recipe)
        wrapped = fabric.setup_module(model)  # first, as what is dealt out are other parameters
        optimizer: Any = fabric.setup_optimizers(make_optimizer(model, recipe.optim))
        about = checkpoint.About.of(recipe.name, to_json(recipe), index)
        about = _go_on(run, model, optimizer, about)
        batches = _batches(fabric, recipe, index, tokens)
        start = about.step * config.accumulate
        stream = ends.enter_context(contextlib.closing(batches.stream(start)))
        heard = _augmented(fabric, recipe, stream, start)
        logs = (
            ends.enter_context(contextlib.closing(Logs(run, about.step))) if ranks.first else None
        )
        judging = fabric.broadcast(bool(validators))
        pace = Pace(recipe.data.batch * config.accumulate)

        wrapped.train()
        for step in range(about.step, config.steps):
            torch.manual_seed(_seed(config.seed, step, fabric.global_rank))
            rate = set_rate(optimizer, step, config.steps, recipe.optim)
            done, last = step + 1, step + 1 == config.steps
            loss, norm = _gradients(fabric, wrapped, optimizer, heard, recipe, done)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            pace.after_step()

            judged = {}
            if judging and (last or done % config.validate_every == 0):
                judged = _validate(ranks, model, tokens, about, validators or {})
                pace.rest()
            scales = checkpoint.whole(model.scales())
            if logs and (judged or last or done % config.log_every == 0):
                names = ("loss", "rate", "norm", "scale_audio", "scale_text")
                row = dict(zip(names, (loss, rate, norm, *scales.tolist()), strict=True))
                row["epoch"] = done * config.accumulate / batches.steps_per_epoch
                logs.write(done, row | {"clips_per_second": pace.speed} | judged)
            if last or done % config.save_every == 0:
                about = replace(about, step=done)
                checkpoint.save_state(run, model, tokens, about, optimizer, write=ranks.first)
                ranks.after_first()
            if watch and ranks.first:
                watch(Progress(done, config.steps, loss, pace.speed, batches.skips.skipped))
    newest = checkpoint.latest(run)
    assert newest is not None
    return newest


def _model(recipe: Recipe) -> ClaraModel:
    """The network with its first weights."""
    torch.manual_seed(recipe.train.seed)
    model = ClaraModel(recipe.model)
    if recipe.train.compile:
        compile_parts(model)
    return model


def _batches(fabric: Fabric, recipe: Recipe, index: Index, tokens: Tokens) -> Batches:
    """The batches of this rank."""
    return Batches(
        index,
        tokens,
        recipe.data,
        rate=recipe.model.audio.mel.rate,
        rank=fabric.global_rank,
        world=fabric.world_size,
        text_limit=recipe.model.text.limit,
    )


def _augmented(
    fabric: Fabric, recipe: Recipe, stream: Iterator[Batch], start: int
) -> Iterator[Batch]:
    """The batches from `start` on as they are trained on, on the device that trains.

    The dice of a row follow from its place in the batch of all ranks, so that what the ranks hear
    together is the same on any number of them.
    """
    chain, rate = Chain.parse(recipe.augment), recipe.model.audio.mel.rate
    for position, batch in enumerate(stream, start):
        if chain.steps:
            generator = torch.Generator().manual_seed(_seed(recipe.train.seed, position, 0, _HEARD))
            dice = Dice.roll(generator, recipe.data.batch)
            waves, lengths = fabric.to_device([batch.waves, batch.wave_lengths])
            dice = dice[fabric.global_rank :: fabric.world_size]
            waves, lengths = chain.on_batch(waves, lengths, rate, dice, overwrite=True)
            batch = replace(batch, waves=waves, wave_lengths=lengths)
        yield batch


def _gradients(
    fabric: Fabric,
    model: Any,
    optimizer: Any,
    stream: Iterator[Batch],
    recipe: Recipe,
    step: int,
) -> tuple[float, float]:
    """Leaves the clipped gradients of a step, the mean over its batches.

    Returns:
        The loss, over all ranks and batches, and the norm that the gradients had.
    """
    parts = recipe.train.accumulate
    total, keys = 0.0, list[str]()
    for part in range(parts):
        batch = next(stream)
        keys.extend(batch.keys)
        inputs = gradients.Inputs(
            *fabric.to_device([getattr(batch, name) for name in gradients.Inputs._fields])
        )
        alone = functools.partial(fabric.no_backward_sync, model)
        with alone(enabled=part < parts - 1):
            found = gradients.add(
                model,
                inputs,
                lambda loss: fabric.backward(loss / parts),
                pieces=recipe.train.pieces,
                apart=alone,
            )
        if not found.loss.isfinite():
            finite = (found.audio.isfinite() & found.text.isfinite()).all(1).tolist()
            culprits = [key for key, fine in zip(batch.keys, finite, strict=True) if not fine]
            culprits = gathered(fabric, culprits)  # the rows of one rank spoil all losses
            raise _not_finite("loss", float(found.loss), step, culprits or batch.keys)
        total += float(found.loss) / parts
    clip = recipe.optim.clip
    norm = fabric.clip_gradients(model, optimizer, max_norm=clip, error_if_nonfinite=False)
    assert norm is not None
    norm = checkpoint.whole(norm)
    if not norm.isfinite():
        raise _not_finite("gradient", float(norm), step, keys)
    mean = fabric.all_reduce(torch.tensor(total, device=fabric.device))
    return float(mean), float(norm)  # type: ignore[arg-type]


def _not_finite(what: str, found: float, step: int, keys: Sequence[str]) -> DataError:
    more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
    return DataError(
        f"Expected a finite {what} but found {found} at step {step}, in the batch with "
        f"{', '.join(keys[:4])}{more}. Look at these clips, or train anew with a lower "
        f"--optim.rate; the checkpoints are from before."
    )


def _vocabulary(ranks: Ranks, run: Path, recipe: Recipe, index: Index) -> Tokens:
    # The first process makes it; the others wait and read the same.
    path = run / "tokenizer.json"
    if ranks.first and not path.exists():
        texts = (text for i in range(len(index)) for text in index.texts(i))
        Tokens.train(texts, recipe.model.text.vocab).save(path)
    ranks.after_first()
    return Tokens.load(path)


def _go_on(
    run: Path, model: ClaraModel, optimizer: Any, about: checkpoint.About
) -> checkpoint.About:
    """Takes up the newest checkpoint, if there is one; `about` describes a run that begins."""
    found = checkpoint.load_state(run, model, optimizer)
    if found and found.seen != about.seen:
        raise UsageError(
            f"Expected the data that {run} was begun with, but their parts have other numbers of "
            f"recordings now; bring the old shards back, or give another --out."
        )
    return found or about


def _check_same(run: Path, recipe: Recipe) -> None:
    path = run / "recipe.json"
    if (run / "config.json").exists():
        raise UsageError(
            f"Expected {run} to be new or a run, but it is a model; give another --out."
        )
    if not path.exists():
        return
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"Expected {path} to be the recipe of a run, but it cannot be read: {error!s:.200}. "
            f"Give another --out."
        ) from error
    differing = sorted(_differences(to_json(recipe), theirs))
    if differing:
        raise UsageError(
            f"Expected {run} to be empty or a run of this recipe, but its recipe.json differs "
            f"in {', '.join(differing[:5])}; give another --out, or the same settings."
        )


@contextlib.contextmanager
def _claim(run: Path, recipe: Recipe) -> Iterator[None]:
    """Holds the folder for this run alone and writes the recipe into it."""
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(run, error) from error
    with locked(run / ".lock", str(run)):
        _check_same(run, recipe)
        with replacing(run / "recipe.json") as file:
            text = json.dumps(to_json(recipe), indent=1, ensure_ascii=False)
            file.write(f"{text}\n".encode())
        yield


def _differences(mine: Any, theirs: Any, where: str = "") -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() | theirs.keys():
            yield from _differences(mine.get(name), theirs.get(name), f"{where}.{name}".lstrip("."))
    elif mine != theirs:
        yield where or "everything"


def _validate(
    ranks: Ranks,
    model: ClaraModel,
    tokens: Tokens,
    about: checkpoint.About,
    validators: Mapping[str, Validator],
) -> dict[str, float]:
    """What the validators find in the first process, for which the others wait."""
    judged = {}
    whole = checkpoint.assembled(model, keep=ranks.first)
    if whole and ranks.first:
        encoder = Clara(whole, tokens, about)
        judged = {
            f"valid/{name}/{figure}": value
            for name, validator in validators.items()
            for figure, value in validator(encoder).items()
        }
    ranks.after_first()
    return judged


def _seed(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)
