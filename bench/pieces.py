"""A step on a large contrastive batch: at once, and in pieces that remember nothing between them.

Run `python -m bench.pieces`, or `python -m bench.pieces --json` for all figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from bench._memory import apart, peak_of
from bench._timing import Report, figure, machine, main, take_turns
from clara import gradients
from clara.model import ClaraModel
from clara.recipes import tiny

THREADS = 2
PIECE, SECONDS, TOKENS = 64, 1, 16
PAIRS, LARGE = 512, 4096
RECIPE = tiny()


def inputs(pairs: int) -> gradients.Inputs:
    """Noise and random tokens, all of one length."""
    generator = torch.Generator().manual_seed(0)
    samples = SECONDS * RECIPE.model.audio.mel.rate
    ids = torch.arange(pairs)
    return gradients.Inputs(
        0.1 * torch.randn(pairs, samples, generator=generator),
        torch.full((pairs,), samples),
        torch.randint(3, RECIPE.model.text.vocab, (pairs, TOKENS), generator=generator),
        torch.full((pairs,), TOKENS),
        ids,
        ids[:, None],
    )


def network() -> ClaraModel:
    """The recipe's, without masks, so that both ways meet the same network."""
    torch.manual_seed(0)
    audio = replace(RECIPE.model.audio, mask_bands=0, mask_frames=0)
    return ClaraModel(replace(RECIPE.model, audio=audio)).train()


def step(model: ClaraModel, batch: gradients.Inputs, pieces: int) -> Callable[[], int]:
    def run() -> int:
        model.zero_grad(set_to_none=True)
        torch.manual_seed(0)
        gradients.add(model, batch, Tensor.backward, pieces=pieces)
        return len(batch.waves)

    return run


def peak(pairs: int, pieces: int) -> float:
    """MiB that a step takes at most, beyond the network and the batch."""
    torch.set_num_threads(THREADS)
    model = network()
    step(model, inputs(8), 1)()
    return peak_of(step(model, inputs(pairs), pieces))


def report(rounds: int) -> Report:
    """Measures pairs per second, forward and backward, without the optimiser."""
    torch.set_num_threads(THREADS)
    model, batch = network(), inputs(PAIRS)
    parts = PAIRS // PIECE
    check(model, batch, parts)
    whole, ours = "at once", f"in pieces of {PIECE}"
    speeds = take_turns(
        {ours: step(model, batch, parts), whole: step(model, batch, 1)},
        rounds,
    )
    taken = {
        pairs: apart("bench.pieces", f"peak({pairs}, {pairs // PIECE})") for pairs in (PAIRS, LARGE)
    }
    together = apart("bench.pieces", f"peak({PAIRS}, 1)")
    return Report(
        title="Large contrastive batches",
        text=(
            f"Forward and backward of `tiny` for a batch of {PAIRS} pairs of {SECONDS} s and "
            f"{TOKENS} tokens, float32, on {THREADS} threads. The gradients of "
            f"both ways are the same to 0.00001. {machine('torch')}"
        ),
        unit="pairs/s",
        ours=ours,
        speeds=speeds,
        notes=[
            f"Memory at most, beyond the network and the batch: at once {figure(together)} MiB; in "
            f"pieces {figure(taken[PAIRS])} MiB, and for {LARGE:,} pairs {figure(taken[LARGE])} "
            "MiB, of which the gradients take the same and rows and their loss what grows.",
            "The floor is 4/3 of the time: forward, forward again and a way back that takes two "
            "of them, where at once it is forward and back.",
        ],
    )


def check(model: ClaraModel, batch: gradients.Inputs, pieces: int) -> None:
    """Refuses to compare what is not the same."""
    found = []
    for count in (1, pieces):
        step(model, batch, count)()
        found.append([p.grad for p in model.parameters() if p.grad is not None])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5), (one - other).abs().max()


if __name__ == "__main__":
    main(report)
