"""How many floating-point operations the network takes, counted on tensors without data."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from clara.model import ClaraModel
from clara.sizes import ModelConfig


@dataclass(frozen=True)
class Flops:
    """Operations for one pair: multiplications and additions of matrix products, no others.

    Features and loss are not among them: `loss` tells of that. What is computed twice to save
    memory counts once, so that a share of a peak is one of useful work.

    Attributes:
        audio: A clip through its tower and head.
        text: A caption, likewise.
        training: Both of them, and back.
    """

    audio: float
    text: float
    training: float


@functools.lru_cache
def of(config: ModelConfig, seconds: float, tokens: int) -> Flops:
    """What a clip of so many seconds and a caption of so many tokens take."""
    with torch.device("meta"):
        model = ClaraModel(config)
        frames = config.audio.mel.frames(round(seconds * config.audio.mel.rate))
        mel, sizes = torch.empty(1, config.audio.mel.bands, frames), torch.tensor([frames])
        ids, lengths = torch.zeros(1, tokens, dtype=torch.long), torch.tensor([tokens])
    model.train()
    # Attention as two products forward and four back; fused kernels compute one of them again.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        heard = model.audio_head(model.audio.encode(mel, sizes))
        audio = counter.get_total_flops()
        read = model.text_head(model.text(ids, lengths))
        text = counter.get_total_flops() - audio
        (heard.sum() + read.sum()).backward()
    return Flops(audio, text, counter.get_total_flops())


def loss(rows: int, width: int, ranks: int = 1) -> float:
    """Of the loss over all pairs, forward and back, on one rank: four products (`clara.loss`)."""
    return 4 * 2 * rows * rows * ranks * width
