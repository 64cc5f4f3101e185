"""The contrastive loss beside the plain one, which keeps two matrices of similarities.

Run `python -m bench.loss`, or `python -m bench.loss --json` for all figures.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as nnf
from torch import Tensor

from bench._memory import apart, peak_of
from bench._timing import Report, figure, machine, main, take_turns
from clara.loss import contrastive_loss

THREADS = 2
PAIRS, LARGE, WIDTH = 8192, 65536, 512
OURS = "CLARA"
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain(audio: Tensor, text: Tensor, scales: Tensor) -> Tensor:
    """As open_clip's `ClipLoss` computes it on one rank, with the paper's two temperatures."""
    own = torch.arange(len(audio))
    to_text = scales[0] * audio @ text.T
    to_audio = scales[1] * text @ audio.T
    return (nnf.cross_entropy(to_text, own) + nnf.cross_entropy(to_audio, own)) / 2


def ours(audio: Tensor, text: Tensor, scales: Tensor) -> Tensor:
    """Each text is true of its own recording alone, as in the plain loss."""
    return contrastive_loss(audio, text, scales, torch.arange(len(audio)))


LOSSES: dict[str, Loss] = {OURS: ours, "plain, as in open_clip": plain}


def inputs(pairs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Unit rows `[N, D]` of pairs that are alike, as in training, and the temperatures."""
    generator = torch.Generator().manual_seed(0)
    text = nnf.normalize(torch.randn(pairs, WIDTH, generator=generator), dim=1)
    noise = torch.randn(pairs, WIDTH, generator=generator) / WIDTH**0.5
    audio = nnf.normalize(text + noise, dim=1)
    return (
        audio.requires_grad_(),
        text.requires_grad_(),
        torch.tensor([14.3, 20.0]).requires_grad_(),
    )


def run(loss: Loss, tensors: tuple[Tensor, Tensor, Tensor]) -> Callable[[], int]:
    def step() -> int:
        torch.autograd.grad(loss(*tensors), tensors)
        return 1

    return step


def check() -> None:
    """Refuses to compare what is not the same."""
    small = inputs(600)
    mine, theirs = (loss(*small) for loss in LOSSES.values())
    assert (mine - theirs).abs() < 1e-5, (mine, theirs)
    for one, other in zip(
        torch.autograd.grad(mine, small), torch.autograd.grad(theirs, small), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-6), (one - other).abs().max()


def peak(name: str, pairs: int) -> float:
    """MiB that one forward and backward takes at most, beyond its inputs."""
    torch.set_num_threads(THREADS)
    run(LOSSES[name], inputs(64))()  # what the libraries themselves take
    return peak_of(run(LOSSES[name], inputs(pairs)))


def report(rounds: int) -> Report:
    """Measures losses per second, forward and backward."""
    torch.set_num_threads(THREADS)
    check()
    tensors = inputs(PAIRS)
    audio, text, _ = (tensor.detach() for tensor in tensors)
    product = "one product of N x N x D"

    def multiply() -> int:
        torch.mm(audio, text.T)
        return 1

    contenders = {name: run(loss, tensors) for name, loss in LOSSES.items()}
    speeds = take_turns({**contenders, product: multiply}, rounds)
    mine, theirs = (apart("bench.loss", f"peak({name!r}, {PAIRS})") for name in LOSSES)
    large = apart("bench.loss", f"peak({OURS!r}, {LARGE})")
    return Report(
        title="The contrastive loss",
        text=(
            f"Forward and backward for N = {PAIRS:,} pairs, D = {WIDTH}, float32, two "
            f"temperatures, on {THREADS} threads. Both give the same loss to "
            f"0.00001 and the same gradients to 0.000001. {machine('torch')}"
        ),
        unit="losses/s",
        ours=OURS,
        speeds=speeds,
        notes=[
            f"Memory at most, above the inputs: {figure(mine)} MiB, the plain loss "
            f"{figure(theirs)} MiB, {figure(theirs / mine)} times as much. For N = {LARGE:,}: "
            f"{figure(large)} MiB; a matrix of similarities alone would have "
            f"{figure(LARGE**2 * 4 / 2**20)} MiB.",
            "The floor is four products of N x N x D: similarities, the same again on the way "
            "back, where they are not kept, and a gradient for each side. The plain loss needs "
            "six. The last row is one of them.",
        ],
    )


if __name__ == "__main__":
    main(report)
