"""The optimiser and its schedule with the settings of the authors' code."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from clara.configs import expect, expect_within


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with linear warm-up and a cosine to the floor.

    Attributes:
        rate: Peak learning rate.
        floor: Learning rate at both ends.
        warmup: Steps from the floor to the peak.
        decay: Weight decay of matrices; vectors (biases, norms, temperatures) have none.
        beta2: Memory of the second moment.
        clip: Largest norm of the gradient.
    """

    rate: float = 1e-4
    floor: float = 1e-6
    warmup: int = 1000
    decay: float = 0.01
    beta2: float = 0.999
    clip: float = 1.0

    def __post_init__(self) -> None:
        expect_within(self, 0, 1e3, "rate", "floor", "decay")
        expect_within(self, 0, 1e9, "warmup")
        expect(0 <= self.beta2 < 1, "beta2 to be from 0 to below 1", self.beta2)
        expect(self.clip > 0, "clip to be above 0", self.clip)


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the parameters of `model`, matrices with weight decay and vectors without."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # One kernel for all parameters. Several hundred small ones would keep a GPU waiting, and read
    # all weights and moments from memory many times over: eight times as long on a CPU.
    return torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, config.beta2), fused=True)


def rate_at(step: int, steps: int, config: OptimConfig) -> float:
    """The learning rate of optimiser step `step` of `steps`, counted from 0.

    >>> config = OptimConfig(rate=1.0, floor=0.0, warmup=10)
    >>> [round(rate_at(step, 110, config), 3) for step in (0, 5, 10, 60, 110)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    warmup = min(config.warmup, steps // 2)
    if step < warmup:
        share = step / warmup
    else:
        share = (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1))) / 2
    return config.floor + (config.rate - config.floor) * share


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, config: OptimConfig) -> float:
    """Gives the optimiser the rate of its next step, as `rate_at`, and says it."""
    rate = rate_at(step, steps, config)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
