"""The probe of the paper: three fully connected layers on frozen embeddings (V-D, Table IV).

As the paper says: ReLU and dropout, cross-entropy, AdamW at 1e-4, at most 20 epochs, early stopping
on the validation loss. Widths (512, 128) and batch (16) are those of the authors' code. The paper
is silent on scaling; features are standardised on the training part, so that so small a learning
rate arrives in 20 epochs. Without a validation split, a seventh of the training part is held out,
whole speakers or sources where that is possible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clara.embed import Encoder
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Bools, Floats
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.tasks import Task
from clara.records import Scores

__all__ = ["run"]

_WIDTHS = (512, 128)
_DROPOUT = 0.1
_RATE = 1e-4
_BATCH = 16
_EPOCHS = 20
_PATIENCE = 3
_HELD = 1 / 7


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Learns the classifier from the training part and judges it on the test part.

    Raises:
        UsageError: The shards hold nothing to learn from or to test on.
    """
    return probe(task, "linear_probe", data, _fit)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products of 16 rows take longer to share out among threads than to compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def _fit(lesson: Lesson, tested: Floats) -> tuple[Floats, Mapping[str, Any]]:
    held = lesson.held if lesson.held.any() else hold_out(lesson, np.random.default_rng(0))
    generator = torch.Generator().manual_seed(0)
    mean, deviation = lesson.x[~held].mean(axis=0), lesson.x[~held].std(axis=0)
    scale = np.where(deviation > 0, deviation, 1)

    def ready(x: Floats) -> Tensor:
        return torch.from_numpy(((x - mean) / scale).astype(np.float32))

    y = torch.from_numpy(lesson.y)
    x, checked = ready(lesson.x[~held]), ready(lesson.x[held])
    head = _Head(x.shape[1], lesson.classes, generator)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE)
    best, best_loss, best_epoch = head.state_dict(), math.inf, 0
    for epoch in range(1, _EPOCHS + 1):
        for rows in torch.split(torch.randperm(len(x), generator=generator), _BATCH):
            loss = F.cross_entropy(head(x[rows], learning=True), y[~held][rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            checked_loss = float(F.cross_entropy(head(checked), y[held]))
        if checked_loss < best_loss:
            best_loss, best_epoch = checked_loss, epoch
            best = {name: value.clone() for name, value in head.state_dict().items()}
        elif epoch - best_epoch >= _PATIENCE:
            break
    head.load_state_dict(best)
    with torch.inference_mode():
        scores: Floats = head(ready(tested)).numpy()
    told = {"epochs": best_epoch, "validation_loss": best_loss, "validated_on": int(held.sum())}
    return scores, told


class _Head(nn.Module):
    """Features `[B, D]` to logits `[B, C]`, drawn from a generator of its own."""

    def __init__(self, width: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        widths = (width, *_WIDTHS, classes)
        layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
        self.layers = nn.ModuleList(layers)
        self.generator = generator
        for layer in layers:
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, learning: bool = False) -> Tensor:
        *inner, last = self.layers
        for layer in inner:
            x = F.relu(layer(x))
            if learning:
                kept = torch.rand(x.shape, generator=self.generator) >= _DROPOUT
                x = x * kept / (1 - _DROPOUT)
        out: Tensor = last(x)
        return out


def hold_out(lesson: Lesson, rng: np.random.Generator) -> Bools:
    """A validation part of about a seventh of every class, of whole groups where that can be.

    Args:
        lesson: The training part.
        rng: Draws which.

    Returns:
        bool `[N]`; neither all nor none is true.
    """
    total = np.bincount(lesson.y, minlength=lesson.classes)
    most = np.ceil(total * 2 * _HELD)  # of any one class
    held = np.zeros(len(lesson.y), dtype=bool)
    taken = np.zeros_like(total)
    for group in rng.permutation(sorted(set(lesson.groups))):
        mine = lesson.groups == group
        more = taken + np.bincount(lesson.y[mine], minlength=lesson.classes)
        if held.sum() < _HELD * len(held) and (more <= most).all():
            held |= mine
            taken = more
    if held.sum() >= _HELD / 2 * len(held):
        return held
    # Groups too large to be given away whole (a handful of speakers): the smallest one goes, or,
    # where there is but one, every seventh recording.
    names, sizes = np.unique(lesson.groups.astype(str), return_counts=True)
    if len(names) > 1:
        smallest: Bools = lesson.groups.astype(str) == names[sizes.argmin()]
        return smallest
    every = np.zeros(len(held), dtype=bool)
    every[rng.permutation(len(held))[:: round(1 / _HELD)]] = True
    return every
