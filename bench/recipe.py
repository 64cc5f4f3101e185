"""A training step of the recipe `tiny` beside one of transformers' `ClapModel` at its best.

Run `python -m bench.recipe`, or `python -m bench.recipe --json` for all figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench import _clap
from bench._timing import Report, machine, main, take_turns
from bench.step import SECONDS, TOKENS, loss_of, noise, stepping
from clara.model import ClaraModel
from clara.optim import make_optimizer
from clara.recipes import tiny

THREADS = 2
RECIPE = tiny()
OURS = "CLARA, `tiny`, bf16, batch 96"


def ours(count: int, half: bool) -> Callable[[], int]:
    """Waves at 16 kHz to log-mel, forward, backward, AdamW."""
    torch.manual_seed(0)
    model = ClaraModel(RECIPE.model).train()
    inputs = noise(RECIPE.model, count)
    optimizer = make_optimizer(model, RECIPE.optim)
    return stepping(lambda: loss_of(model, inputs, half), optimizer, count)


def clap(count: int, half: bool) -> Callable[[], int]:
    """Features that are made beforehand, forward, backward, AdamW."""
    model = _clap.model().train()
    waves = 0.1 * np.random.default_rng(0).standard_normal((count, SECONDS * _clap.RATE))
    tokens = torch.randint(3, model.config.text_config.vocab_size, (count, TOKENS))
    inputs = _clap.features(_clap.extractor(), waves.astype(np.float32))
    inputs |= {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}

    def loss() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found: Tensor = model(**inputs, return_loss=True).loss
        return found

    return stepping(loss, torch.optim.AdamW(model.parameters(), 1e-4), count)


def report(rounds: int) -> Report:
    """Measures pairs per second."""
    torch.set_num_threads(THREADS)
    speeds = take_turns(
        {
            OURS: ours(96, half=True),
            "CLARA, `tiny`, bf16, batch 8": ours(8, half=True),
            "CLARA, `tiny`, fp32, batch 96": ours(96, half=False),
            "`ClapModel`, bf16, batch 8": clap(8, half=True),
            "`ClapModel`, bf16, batch 16": clap(16, half=True),
            "`ClapModel`, fp32, batch 8": clap(8, half=False),
        },
        rounds,
    )
    return Report(
        title="A training step of the small recipe",
        text=(
            f"`tiny` beside `ClapModel` of the default size: forward, backward and AdamW for pairs "
            f"of {SECONDS} s and {TOKENS} tokens, on {THREADS} threads. `tiny` "
            "makes its log-mel in the step, of waves at 16 kHz; the features of `ClapModel`, of "
            "waves at 48 kHz, are made beforehand. What each learns in the same time is told "
            "below, under *Learning in the same time*. "
            f"{machine('torch', 'transformers')}"
        ),
        unit="pairs/s",
        ours=OURS,
        speeds=speeds,
    )


if __name__ == "__main__":
    main(report)
