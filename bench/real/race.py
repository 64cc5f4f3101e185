"""What `tiny` and transformers' `ClapModel` have learned after the same time on the same data.

    python -m bench.real.race SHARDS ... [--minutes 10] [--exclude esc50/fold1 ...]

Both begin with random weights and get the same captions and as many seconds of computing. Then both
judge the same recordings, that were kept apart, in the same groups, by the same loss.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench import _clap
from bench.__main__ import write
from bench._timing import Table, figure, machine
from clara.batches import Batches, DataConfig
from clara.loss import contrastive_loss
from clara.model import ClaraModel
from clara.optim import make_optimizer
from clara.recipes import tiny
from clara.records import Batch
from clara.shards import Index
from clara.text.tokens import Tokens

THREADS = 2
GROUP = 64
Rows = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Runner:
    """A model that is trained.

    Attributes:
        rate: Of the waves it hears.
        batch: Pairs of a step.
        seconds: Of a clip, at most.
        rows: Of a batch: unit rows of audio and of text, and the scales.
        optimizer: Of its parameters.
        peak: Learning rate.
        module: What is trained.
    """

    rate: int
    batch: int
    seconds: float
    rows: Callable[[Batch], Rows]
    optimizer: torch.optim.Optimizer
    peak: float
    module: torch.nn.Module


def ours(tokens: Tokens) -> Runner:
    recipe = tiny()
    torch.manual_seed(0)
    model = ClaraModel(recipe.model)

    def rows(batch: Batch) -> Rows:
        with torch.autocast("cpu", torch.bfloat16):
            found: Rows = model(batch.waves, batch.wave_lengths, batch.tokens, batch.token_lengths)
        return found

    optimizer = make_optimizer(model, recipe.optim)
    rate = recipe.model.audio.mel.rate
    seconds = recipe.data.max_seconds
    return Runner(rate, recipe.data.batch, seconds, rows, optimizer, recipe.optim.rate, model)


def clap(batch: int, peak: float) -> Runner:
    model, extract = _clap.model(), _clap.extractor()

    def rows(batch: Batch) -> Rows:
        lengths = zip(batch.waves.numpy(), batch.wave_lengths.tolist(), strict=True)
        inputs = _clap.features(extract, [wave[:length] for wave, length in lengths])
        # Its first ids are signs of its own, one of them what fills up.
        places = torch.arange(batch.tokens.shape[1])
        there = places < batch.token_lengths[:, None]
        inputs["input_ids"] = torch.where(there, batch.tokens + 4, 1)
        inputs["attention_mask"] = there.long()
        with torch.autocast("cpu", torch.bfloat16):
            found = model(**inputs)
        scales = torch.stack([model.logit_scale_a.exp(), model.logit_scale_t.exp()])
        unit = torch.nn.functional.normalize
        return unit(found.audio_embeds.float()), unit(found.text_embeds.float()), scales

    optimizer = torch.optim.AdamW(model.parameters(), peak)
    return Runner(_clap.RATE, batch, 10.0, rows, optimizer, peak, model)


def train(runner: Runner, index: Index, tokens: Tokens, minutes: float) -> int:
    """Trains for so many minutes of two cores, by a warm-up and a cosine; returns the visits."""
    config = DataConfig(batch=runner.batch, max_seconds=runner.seconds, splits=tuple(index.splits))
    stream = Batches(index, tokens, config, rate=runner.rate).stream()
    runner.module.train()
    begun, visits = time.process_time(), 0
    while (share := (time.process_time() - begun) / (minutes * 60 * THREADS)) < 1:
        rate = runner.peak * min(share / 0.05, (1 + np.cos(np.pi * share)) / 2)
        for group in runner.optimizer.param_groups:
            group["lr"] = rate
        batch = next(stream)
        audio, text, scales = runner.rows(batch)
        contrastive_loss(audio, text, scales, batch.text_ids, batch.true_ids).backward()
        torch.nn.utils.clip_grad_norm_(runner.module.parameters(), 1.0)
        runner.optimizer.step()
        runner.optimizer.zero_grad(set_to_none=True)
        visits += len(batch)
    stream.close()
    return visits


def held_out(runner: Runner, index: Index, tokens: Tokens, groups: int) -> tuple[float, float]:
    """Mean loss over groups of 64 pairs, and its deviation; the same groups for all runners."""
    config = DataConfig(
        batch=GROUP, max_seconds=runner.seconds, splits=tuple(index.splits), seed=1, pool=1
    )
    stream = Batches(index, tokens, config, rate=runner.rate).stream()
    runner.module.eval()
    found = []
    with torch.inference_mode():
        for _ in range(groups):
            batch = next(stream)
            parts = [runner.rows(part) for part in pieces(batch)]
            audio, text = (torch.cat([part[side] for part in parts]) for side in (0, 1))
            ids = batch.text_ids, batch.true_ids
            found.append(float(contrastive_loss(audio, text, parts[0][2], *ids)))
    stream.close()
    return float(np.mean(found)), float(np.std(found) / len(found) ** 0.5)


def pieces(batch: Batch, size: int = 16) -> Iterator[Batch]:
    names = ("waves", "wave_lengths", "tokens", "token_lengths", "text_ids", "true_ids", "keys")
    for start in range(0, len(batch), size):
        part = slice(start, start + size)
        yield replace(batch, **{name: getattr(batch, name)[part] for name in names})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--exclude", nargs="*", default=["esc50/fold1", "urbansound8k/fold1"])
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    index = Index.open(*options.shards)
    kept_apart = DataConfig(splits=("test", "valid"))
    splits = tuple(name for name in index.splits if name not in kept_apart.splits)
    train_index = Batches.choose(index, DataConfig(splits=splits, exclude=tuple(options.exclude)))
    corpora, parts = index.column("corpus"), index.column("split")
    apart = [
        split in kept_apart.splits or f"{corpus}/{split}" in options.exclude
        for corpus, split in zip(corpora, parts, strict=True)
    ]
    test_index = index.select(mask=np.array(apart))
    texts = (text for i in range(len(train_index)) for text in train_index.texts(i))
    tokens = Tokens.train(texts, tiny().model.text.vocab)
    groups = min(16, len(test_index) // GROUP)
    contenders = {
        "CLARA, `tiny`": lambda: ours(tokens),
        "`ClapModel`, batch 8, rate 1e-4": lambda: clap(8, 1e-4),
        "`ClapModel`, batch 8, rate 3e-5": lambda: clap(8, 3e-5),
    }
    rows = []
    for name, make in contenders.items():
        runner = make()
        before, _ = held_out(runner, test_index, tokens, groups)
        visits = train(runner, train_index, tokens, options.minutes)
        after, error = held_out(runner, test_index, tokens, groups)
        rows.append([name, f"{visits:,}", figure(before), f"{after:.3f} ± {error:.3f}"])
        print(rows[-1], file=sys.stderr, flush=True)
    table = Table(
        title="Learning in the same time",
        text=(
            f"{len(train_index):,} recordings of {len(train_index.corpora)} corpora for training, "
            f"{len(test_index):,} of other folds, sources and speakers kept apart; every model "
            f"begins with random weights and computes {figure(options.minutes)} minutes on "
            f"{THREADS} cores, by seconds of computing, in bf16, decoding and features included, "
            "with the same captions, loss, warm-up and cosine. `tiny` visits crops of 3 s at "
            "16 kHz, 96 in a batch, `ClapModel` clips of up to 10 s at 48 kHz. The loss is that of "
            f"equation 3 over {groups} groups of {GROUP} pairs, the same for all, with all "
            f"captions that are true of a recording; to guess is {np.log(GROUP):.2f} where each "
            f"caption is true of one. {machine('torch', 'transformers')}"
        ),
        columns=["", "visits", "loss before", "loss on what was kept apart"],
        rows=rows,
    )
    write(options.out, table.markdown())
    print(table.markdown())


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
