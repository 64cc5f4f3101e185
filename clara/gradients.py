"""The gradients of a batch, at once or in pieces that remember nothing between them.

A contrastive loss needs the rows of the whole batch, but not all at once what a network remembers
for the way back. In pieces (gradient caching, Gao et al. 2021, arXiv:2101.06983) the rows are
computed first and nothing else is kept; the loss tells what it wants of each row; then each piece
goes through the network again and is led there. The gradients are those of the whole batch, what
is remembered is that of a piece, and the price is a second way forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from clara.loss import contrastive_loss

Back = Callable[[Tensor], None]
"""What sends a scalar back through the network, as `Tensor.backward`."""
Apart = Callable[[], AbstractContextManager[Any]]


class Inputs(NamedTuple):
    """A batch on the device that trains, as in `clara.records.Batch`."""

    waves: Tensor
    wave_lengths: Tensor
    tokens: Tensor
    token_lengths: Tensor
    text_ids: Tensor
    true_ids: Tensor

    def pieces(self, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """What the network eats, a piece at a time; none is padded more than it needs."""
        rows = -(-len(self.waves) // count)
        for start in range(0, len(self.waves), rows):
            part = slice(start, start + rows)
            waves, tokens = self.wave_lengths[part], self.token_lengths[part]
            yield (
                self.waves[part, : int(waves.max())],
                waves,
                self.tokens[part, : int(tokens.max())],
                tokens,
            )


class Found(NamedTuple):
    """The loss of a batch, and the rows it rests on, without gradients."""

    loss: Tensor
    audio: Tensor
    text: Tensor


def add(
    model: Any, inputs: Inputs, back: Back, *, pieces: int = 1, apart: Apart = nullcontext
) -> Found:
    """Adds the gradients of a batch to those of the model; none if the loss is not finite.

    Args:
        model: As `clara.model.ClaraModel`, wrapped or not.
        inputs: The batch of this rank.
        back: What a scalar is sent back by.
        pieces: How many go through the network one after the other.
        apart: What all pieces but the last go through the network in, so that the gradients of
            several ranks meet once.
    """
    if pieces == 1:
        audio, text, scales = model(*inputs[:4])
        loss = contrastive_loss(audio, text, scales, inputs.text_ids, inputs.true_ids)
        if loss.isfinite():
            back(loss)
        return Found(loss.detach(), audio.detach(), text.detach())

    parts, dice = list(inputs.pieces(pieces)), []
    with torch.no_grad():
        rows = []
        for part in parts:
            dice.append(_Dice.now(inputs.waves.device))
            rows.append(model(*part))
    audio, text = (torch.cat([row[side] for row in rows]).requires_grad_() for side in (0, 1))
    scales = rows[0][2].detach().requires_grad_()
    loss = contrastive_loss(audio, text, scales, inputs.text_ids, inputs.true_ids)
    if loss.isfinite():
        wanted = torch.autograd.grad(loss, (audio, text, scales))
        start = 0
        for number, part in enumerate(parts, 1):
            here = slice(start, start := start + len(part[0]))
            dice[number - 1].roll_again()
            with apart() if number < len(parts) else nullcontext():
                again = model(*part)
                led = (again[0] * wanted[0][here]).sum() + (again[1] * wanted[1][here]).sum()
                # The temperatures are the same for all pieces: one tells of them.
                back(led + (again[2] * wanted[2]).sum() * (number == len(parts)))
    return Found(loss.detach(), audio.detach(), text.detach())


class _Dice(NamedTuple):
    """Where the dice of dropout and masks stand."""

    host: Tensor
    device: torch.device
    on_device: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> _Dice:
        own = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(torch.get_rng_state(), device, own)

    def roll_again(self) -> None:
        torch.set_rng_state(self.host)
        if self.on_device is not None:
            torch.cuda.set_rng_state(self.on_device, self.device)
