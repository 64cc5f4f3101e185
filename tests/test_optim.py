"""The optimiser's groups and the shape of the learning rate."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from clara import recipes
from clara.errors import UsageError
from clara.model import ClaraModel
from clara.optim import OptimConfig, make_optimizer, rate_at

CONFIG = OptimConfig(rate=1e-3, floor=1e-6, warmup=100, decay=0.05)


def test_matrices_decay_and_vectors_do_not() -> None:
    with torch.device("meta"):
        model = ClaraModel(recipes.tiny().model)
    optimizer = make_optimizer(model, CONFIG)
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(p)] for p in decayed["params"]} == {
        name for name, p in model.named_parameters() if p.ndim > 1
    }
    free_names = {names[id(p)] for p in free["params"]}
    assert "log_scales" in free_names
    assert all(
        name.endswith(("bias", "norm.weight", "log_scales")) or "norm" in name
        for name in free_names
    )
    assert len(decayed["params"]) + len(free["params"]) == len(names)


def test_what_is_frozen_is_left_alone() -> None:
    layer = torch.nn.Linear(3, 3)
    layer.bias.requires_grad_(False)
    optimizer = make_optimizer(layer, CONFIG)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 0]


def test_a_step_is_that_of_adamw() -> None:
    config = replace(CONFIG, beta2=0.9)
    layer = torch.nn.Linear(2, 1).double()
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    layer.weight.grad = torch.tensor([[0.5, -2.0]], dtype=torch.float64)
    layer.bias.grad = torch.tensor([3.0], dtype=torch.float64)
    make_optimizer(layer, config).step()
    # The first step of Adam goes by the sign of the gradient, whatever beta2 is.
    expected = weight * (1 - 1e-3 * 0.05) - 1e-3 * layer.weight.grad.sign()
    torch.testing.assert_close(layer.weight.detach(), expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(layer.bias.detach(), bias - 1e-3, atol=1e-9, rtol=0)


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine() -> None:
    rates = [rate_at(step, 1000, CONFIG) for step in range(1000)]
    assert rates[0] == CONFIG.floor
    assert rates[100] == pytest.approx(CONFIG.rate)
    rises = {round(b - a, 12) for a, b in itertools.pairwise(rates[:101])}
    assert len(rises) == 1
    falling = rates[100:]
    assert falling == sorted(falling, reverse=True)
    assert rates[550] == pytest.approx((CONFIG.rate + CONFIG.floor) / 2)
    assert rates[-1] < 2 * CONFIG.floor + 1e-8
    assert rate_at(1000, 1000, CONFIG) == pytest.approx(CONFIG.floor)


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_short_runs_warm_up_shortly(steps: int) -> None:
    rates = [rate_at(step, steps, CONFIG) for step in range(steps)]
    assert max(rates) == pytest.approx(CONFIG.rate)
    assert all(CONFIG.floor <= rate <= CONFIG.rate for rate in rates)


@pytest.mark.parametrize(
    "change",
    [
        {"rate": -1.0},
        {"rate": math.nan},
        {"rate": math.inf},
        {"warmup": -1},
        {"beta2": 1.0},
        {"clip": 0.0},
        {"decay": -0.1},
    ],
)
def test_settings_that_make_no_sense(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(UsageError, match=rf"^Expected {name} to be"):
        OptimConfig(**change)
