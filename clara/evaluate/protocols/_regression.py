"""Logistic regression on any number of recordings: a block of rows at a time, all classes at once.

It minimises what scikit-learn does, C times the summed loss plus half the squared weights (biases
are free), by L-BFGS over the whole data. Sums run over blocks, so that of 200,000 recordings and
527 classes no more than a block of logits is ever held.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from clara.evaluate.metrics import Floats
from clara.evaluate.protocols._head import standards

_BLOCK = 8192
_CLOSE = 1e-5  # the largest slope of the mean loss at which a fit has converged
_EXACT = 2_000_000  # logits; up to so many, double precision costs nothing that matters


class Regression:
    """A linear classifier of features, which it standardises.

    Args:
        x: Features `[N, W]`.
        y: Classes `[N]`, or whether each recording has each label `[N, C]`.
        classes: How many there are `C`.
        strength: C, the weight of the data against the penalty.
        steps: The most iterations.

    Attributes:
        converged: Whether they were enough.
    """

    def __init__(
        self, x: Floats, y: npt.NDArray[Any], classes: int, strength: float, steps: int
    ) -> None:
        self._kind = torch.float64 if len(x) * classes <= _EXACT else torch.float32
        self._mean, self._scale = standards(x, np.ones(len(x), dtype=bool))
        # The slope is followed where the curvature is about the same in every direction: that of
        # the data, which bounds the loss's for all classes alike (Boehning, Multinomial logistic
        # regression algorithm, 1992). Otherwise correlated features take many times the steps.
        self._turn = self._whitening(x, strength)
        self._weights = torch.zeros(x.shape[1], classes, dtype=self._kind)
        self._biases = torch.zeros(classes, dtype=self._kind)
        if y.ndim == 2:
            share = torch.from_numpy((y.sum(axis=0) + 0.5) / (len(y) + 1))
            self._biases.copy_(torch.logit(share))
        self.converged = self._fit(x, torch.from_numpy(y), strength, steps)

    def __call__(self, x: Floats) -> Floats:
        """Log-odds of each class `[N, C]`."""
        weights = self._turn @ self._weights
        blocks = (self._ready(x, start) for start in range(0, len(x), _BLOCK))
        return np.concatenate([(rows @ weights + self._biases).numpy() for rows in blocks])

    def _ready(self, x: Floats, start: int) -> Tensor:
        rows = (x[start : start + _BLOCK] - self._mean) / self._scale
        return torch.from_numpy(rows).to(self._kind)

    def _whitening(self, x: Floats, strength: float) -> Tensor:
        """A map `[W, W]` from rows of equal curvature to weights."""
        product = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64)
        for start in range(0, len(x), _BLOCK):
            rows = self._ready(x, start)
            product += rows.T @ rows
        product = product / (4 * len(x)) + torch.eye(len(product)) / (strength * len(x))
        turn: Tensor = torch.linalg.inv(torch.linalg.cholesky(product)).T.to(self._kind)
        return turn

    def _fit(self, x: Floats, y: Tensor, strength: float, steps: int) -> bool:
        optimiser = torch.optim.LBFGS(
            [self._weights, self._biases],
            max_iter=steps,
            max_eval=2 * steps,
            tolerance_grad=_CLOSE,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            weights = self._turn @ self._weights
            slope = weights / (strength * len(x))
            slopes = torch.zeros_like(self._biases)
            total = float(weights.square().sum()) / (2 * strength * len(x))
            for start in range(0, len(x), _BLOCK):
                rows = self._ready(x, start)
                wanted = y[start : start + _BLOCK]
                value, off = _compared(rows @ weights + self._biases, wanted)
                total += value / len(x)
                slope += rows.T @ off / len(x)
                slopes += off.sum(dim=0) / len(x)
            self._weights.grad, self._biases.grad = self._turn.T @ slope, slopes
            return total

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        grads = [each.grad for each in (self._weights, self._biases)]
        return max(float(grad.abs().max()) for grad in grads if grad is not None) <= _CLOSE


def _compared(logits: Tensor, y: Tensor) -> tuple[float, Tensor]:
    """The summed loss of logits `[N, C]`, and its slope along each of them `[N, C]`."""
    if y.ndim == 1:
        off = logits.softmax(dim=1)
        off[torch.arange(len(y)), y] -= 1
        return float(F.cross_entropy(logits, y, reduction="sum")), off
    wanted = y.to(logits.dtype)
    value = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
    return float(value), logits.sigmoid() - wanted
