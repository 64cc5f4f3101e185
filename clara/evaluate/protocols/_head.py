"""The classifier of the paper, three fully connected layers (V-D), and how it learns.

`linear_probe` teaches it alone; `fine_tune` goes on from there with the audio tower below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clara.audio.threads import one_core
from clara.evaluate.metrics import Bools, Floats, Ints
from clara.evaluate.protocols._probe import Lesson

WIDTHS = (512, 128)
DROPOUT = 0.1
RATE = 1e-4
BATCH = 16
EPOCHS = 20
PATIENCE = 3
_HELD = 1 / 7
_STEPS = 10_000  # of an epoch; where batches of 16 would make more, they grow
_CHUNK = 8192  # rows that are worked on at once, so that memory stays bounded


class Head(nn.Module):
    """Features `[B, W]` to logits `[B, C]`.

    Args:
        mean: What is taken from each feature `[W]`.
        scale: What each is divided by then `[W]`.
        classes: How many there are `C`.
        generator: Draws the weights, and then what dropout drops.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, mean: Tensor, scale: Tensor, classes: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = (len(mean), *WIDTHS, classes)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        # Without the weights that torch would draw from everybody's dice.
        layers = [
            nn.Linear(a, b, device="meta").to_empty(device="cpu") for a, b in pairwise(widths)
        ]
        self.layers = nn.ModuleList(layers)
        self.last = layers[-1]
        self.generator = generator
        for layer in layers:
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, W]` to `[B, C]`."""
        x = (x.float() - self.mean) / self.scale
        *inner, last = self.layers
        for layer in inner:
            x = F.relu(layer(x))
            if self.training:
                kept = torch.rand(x.shape, generator=self.generator) >= DROPOUT
                x = x * kept.to(x.device) / (1 - DROPOUT)
        out: Tensor = last(x)
        return out.float()


def learn(lesson: Lesson, held: Bools) -> tuple[Head, Mapping[str, Any]]:
    """Teaches a head on features that never change.

    Args:
        lesson: The training part.
        held: Which of it validates `[N]`, neither all nor none.

    Returns:
        The head as it was when the validation loss was least, and what is to be said of it.
    """
    # Products of 16 rows take longer to share out among threads than to compute.
    with one_core():
        return _learn(lesson, held)


def _learn(lesson: Lesson, held: Bools) -> tuple[Head, Mapping[str, Any]]:
    generator = torch.Generator().manual_seed(lesson.seed)
    x, y = torch.from_numpy(lesson.x), torch.from_numpy(lesson.y)
    learned, checked = torch.from_numpy(np.flatnonzero(~held)), np.flatnonzero(held)
    mean, scale = map(torch.from_numpy, standards(lesson.x, ~held))
    head = Head(mean, scale, lesson.classes, generator)
    if lesson.several:
        prior(head, lesson.y[~held])
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE)
    batch = max(BATCH, math.ceil(len(learned) / _STEPS))
    best, best_loss, best_epoch = head.state_dict(), math.inf, 0
    for epoch in range(1, EPOCHS + 1):
        head.train()
        for places in torch.split(torch.randperm(len(learned), generator=generator), batch):
            rows = learned[places]
            value = loss(head(x[rows]), y[rows])
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        checked_loss = mean_loss(answers(head, lesson.x[held]), lesson.y[checked])
        if checked_loss < best_loss:
            best_loss, best_epoch = checked_loss, epoch
            best = {name: value.clone() for name, value in head.state_dict().items()}
        elif epoch - best_epoch >= PATIENCE:
            break
    head.load_state_dict(best)
    head.eval()
    told = {"epochs": best_epoch, "validation_loss": best_loss, "validated_on": int(held.sum())}
    return head, told


def prior(head: Head, y: npt.NDArray[Any]) -> None:
    """Has a head for several labels begin from how frequent each is in `y` `[N, C]`.

    Most are rare: from one half, twenty epochs at so small a rate would be spent on learning that.
    """
    share = (y.sum(axis=0) + 0.5) / (len(y) + 1)
    with torch.no_grad():
        head.last.bias.copy_(torch.from_numpy(np.log(share / (1 - share))))


def loss(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy for classes `[B]`, binary cross-entropy for several labels each `[B, C]`."""
    if y.ndim == 1:
        return F.cross_entropy(logits, y)
    return F.binary_cross_entropy_with_logits(logits, y.to(logits.dtype))


def mean_loss(logits: Floats, y: npt.NDArray[Any]) -> float:
    """`loss` over any number of rows."""
    total = 0.0
    for start in range(0, len(y), _CHUNK):
        part = slice(start, start + _CHUNK)
        value = loss(torch.from_numpy(logits[part]), torch.from_numpy(y[part]))
        total += float(value) * len(y[part])
    return total / len(y)


def answers(head: Head, x: Floats) -> Floats:
    """Logits `[N, C]` for features `[N, W]`, without dropout."""
    head.eval()
    out = np.empty((len(x), head.last.out_features), np.float32)
    with torch.inference_mode():
        for start in range(0, len(x), _CHUNK):
            rows = torch.from_numpy(x[start : start + _CHUNK])
            out[start : start + _CHUNK] = head(rows).numpy()
    return out


def standards(x: Floats, rows: Bools) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature over some rows `[N, W]`, 1 where it never changes.

    Returns:
        float32 `[W]` each.
    """
    chosen = np.flatnonzero(rows)
    # From the first row on, so that what is constant deviates by exactly nothing.
    first = x[chosen[0]].astype(np.float64)
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for start in range(0, len(chosen), _CHUNK):
        part = x[chosen[start : start + _CHUNK]] - first
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
    mean = total / len(chosen)
    deviation = np.sqrt(np.maximum(squares / len(chosen) - mean**2, 0))
    scale = np.where(deviation > 0, deviation, 1)
    return (first + mean).astype(np.float32), scale.astype(np.float32)


def hold_out(lesson: Lesson) -> Bools:
    """A validation part: the corpus's own, or about a seventh of every class in whole groups.

    Args:
        lesson: The training part, of two recordings at least.

    Returns:
        bool `[N]`; neither all nor none is true.
    """
    if lesson.held.any() and not lesson.held.all():
        return lesson.held
    rng = np.random.default_rng(lesson.seed)
    names, group = np.unique(lesson.groups.astype(str), return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    total = _counts(lesson, np.arange(len(group)))
    # Of any one class; never all of it, or nobody could learn it.
    most = np.minimum(np.ceil(total * 2 * _HELD), np.maximum(total - 1, 0))
    held = np.zeros(len(group), dtype=bool)
    taken, count = np.zeros_like(total), 0
    for number in rng.permutation(len(names)):
        if count >= _HELD * len(held):
            break
        more = taken + _counts(lesson, members[number])
        if (more <= most).all():
            held[members[number]] = True
            taken, count = more, count + len(members[number])
    if count >= _HELD / 2 * len(held):
        return held
    # Groups too large to be given away whole (a handful of speakers): the smallest one goes, or,
    # where there is but one, every seventh recording.
    held[:] = False
    if len(names) > 1:
        held[min(members, key=len)] = True
    else:
        held[rng.permutation(len(held))[:: round(1 / _HELD)]] = True
    return held


def _counts(lesson: Lesson, rows: Ints) -> Ints:
    """How many of some rows have each class `[C]`."""
    if lesson.several:
        return np.asarray(lesson.y[rows].sum(axis=0, dtype=np.int64))
    return np.bincount(lesson.y[rows], minlength=lesson.classes)
