"""Training on an accelerator: useful operations a second beside its peak, and a step's timeline.

    python -m bench.gpu.train [--recipe clara_100m clara_600m] [--batch N] [--steps 30]

Trains with `clara.train`, from shards, with augmentation, in bfloat16, compiled. Two sections of
docs/performance.md: the speed of whole steps, and where their time goes.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench import _clips, _flops
from bench.__main__ import write
from bench._timing import Table, figure
from bench.gpu import _step
from bench.gpu._device import Setting, attention_kernels, matrix_rate, parser, peak
from clara.text.tokens import Tokens
from clara.train import Progress, train

SECONDS, TOKENS = _clips.SECONDS, 32
# Steps ahead of those that count, in which torch compiles and asks for its memory.
WARM = 4


@dataclass(frozen=True)
class Measured:
    """What training a network takes.

    Attributes:
        setting: Of the network, with its batch.
        pairs: Pairs a second, whole steps with all that is around them.
        flops: Operations a second that are useful.
        memory: GiB that the device held at most; 0 on a CPU.
        stages: Seconds a step on the device, and of the host.
        kernels: Of attention, with the calls of a step.
    """

    setting: Setting
    pairs: float
    flops: float
    memory: float
    stages: Mapping[str, tuple[float, float]]
    kernels: Mapping[str, int]


def measure(setting: Setting, options: argparse.Namespace) -> Measured:
    """Trains for some steps, then again with a mark behind each stage."""
    cuda = setting.device.type == "cuda"
    most = 4096 if cuda else 16
    fits = _step.fits_in_memory(setting, SECONDS, TOKENS)
    pairs = setting.batch or _step.largest(fits, most if cuda else 8)
    setting = _step.in_batches(setting, pairs)
    with shards(pairs) as folder:
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        seconds, tokens = whole(setting, folder, options)
        memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else 0.0
        gc.collect()
        stages, kernels = parts(setting, folder, options)
    each = _flops.of(setting.recipe.model, SECONDS, tokens).training
    return Measured(setting, pairs / seconds, each * pairs / seconds, memory, stages, kernels)


@contextmanager
def shards(pairs: int) -> Iterator[Path]:
    """A folder with shards for some batches."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shards"
        _clips.write(folder, max(2 * pairs, 16), different=min(32, pairs))
        yield folder


def whole(setting: Setting, folder: Path, options: argparse.Namespace) -> tuple[float, int]:
    """Seconds that a step takes in `clara.train`, and tokens of a caption."""
    recipe, times = setting.recipe, list[float]()
    steps = WARM + options.steps + 1  # the last one writes a checkpoint
    recipe = replace(
        recipe,
        data=replace(recipe.data, folders=(str(folder),), threads=options.threads),
        train=replace(
            recipe.train,
            **{"steps": steps, "accumulate": 1, "compile": options.compile},
            **dict.fromkeys(("log_every", "save_every", "validate_every"), steps + 1),
        ),
        augment=_step.AUGMENT,
    )

    def note(_: Progress) -> None:
        times.append(time.perf_counter())

    train(recipe, folder / "run", watch=note)
    _, lengths = Tokens.load(folder / "run" / "tokenizer.json").encode(["The sound of clip 17"])
    took = [after - before for before, after in itertools.pairwise(times)]
    return statistics.median(took[WARM - 1 : -1]), int(lengths[0])


def parts(
    setting: Setting, folder: Path, options: argparse.Namespace
) -> tuple[Mapping[str, tuple[float, float]], Mapping[str, int]]:
    """Seconds that each stage of a step takes, on the device and of the host; and the kernels."""
    step = _step.Step(setting, options.compile)
    batches = _step.from_shards(setting, folder, setting.recipe.data.batch, options.threads)
    stream = batches.stream()
    try:
        for _ in range(WARM):
            step.run(stream)
        step.timeline.mark("begin")
        for _ in range(options.steps):
            step.run(stream, step.timeline.mark)
        found = step.timeline.seconds()
        kernels = attention_kernels(lambda: step.run(stream))
    finally:
        stream.close()
    each = {stage: (a / options.steps, b / options.steps) for stage, (a, b) in found.items()}
    return each, kernels


def speeds(found: list[Measured]) -> Table:
    """Whole steps beside the peak of the device."""
    setting = found[0].setting
    name = torch.cuda.get_device_name() if setting.device.type == "cuda" else ""
    promised, real = peak(name), matrix_rate(setting.device)
    promise = f"{figure(promised / 1e12)} by its data sheet" if promised else "no peak is known"
    rows = [
        [
            each.setting.title,
            f"{each.setting.recipe.data.batch:,}",
            figure(each.pairs),
            figure(each.pairs * SECONDS / 3600),
            figure(each.flops / 1e12),
            f"{each.flops / promised:.1%}" if promised else "–",
            f"{each.flops / real:.1%}",
            figure(each.memory) if each.memory else "–",
        ]
        for each in found
    ]
    kernels = ", ".join(f"{kind} {count}" for kind, count in sorted(found[0].kernels.items()))
    return Table(
        title="Training on an accelerator",
        text=(
            f"`clara.train` from shards of FLAC clips of {SECONDS} s at 48 kHz: decoding, "
            "augmentation, features, AdamW and all else of a step included; bfloat16, one device, "
            "the largest batch that fits unless one was asked for. Operations are those of the "
            "matrix products of both towers, forward and back, counted once each, features and "
            f"loss not among them; a device has its TFLOP/s of dense products ({promise}; "
            f"{figure(real / 1e12)} measured here with large ones). {setting.about()}"
        ),
        columns=[
            *("", "pairs of a batch", "pairs/s", "hours of audio/s", "TFLOP/s"),
            *("of the peak", "of measured products", "GiB at most"),
        ],
        rows=rows,
        notes=[f"Calls of attention in a step, by kernel: {kernels}."],
    )


def timeline(found: list[Measured]) -> Table:
    """Where the time of a step goes."""
    rows = []
    for stage, what in _step.STAGES.items():
        cells = [what]
        for each in found:
            total = sum(device for device, _ in each.stages.values())
            device, host = each.stages[stage]
            cells += [figure(1000 * device), f"{device / total:.1%}", figure(1000 * host)]
        rows.append(cells)
    setting = found[0].setting
    titles = [each.setting.title for each in found]
    return Table(
        title="A step on an accelerator, stage by stage",
        text=(
            "The same step with a mark behind each stage. On a GPU the marks are events in its "
            "queue: what the host does while the GPU still works counts nothing, and a wait for "
            "the loader is one of the GPU. Beside it the milliseconds that the host was at the "
            f"stage. Augmentation: {', '.join(_step.AUGMENT)}. {setting.about()}"
        ),
        columns=[
            "stage",
            *(f"{t}, {what}" for t in titles for what in ("ms", "share", "ms of the host")),
        ],
        rows=rows,
    )


def main(words: list[str] | None = None) -> None:
    made = parser(__doc__)
    made.add_argument("--steps", type=int, default=30, help="steps that are counted")
    made.add_argument("--threads", type=int, default=os.cpu_count() or 2, help="that decode")
    made.add_argument("--compile", action=argparse.BooleanOptionalAction, default=None)
    options = made.parse_args(words)
    if options.compile is None:
        options.compile = options.device == "cuda"
    found = [measure(Setting.of(options, name), options) for name in options.recipe]
    for table in (speeds(found), timeline(found)):
        print(table.markdown(), end="\n\n")
        write(options.out, table.markdown())


if __name__ == "__main__":
    main()
