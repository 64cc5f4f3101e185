"""The network of the paper, from leaf to whole (section IV, figure 3, equation 2).

    z_a = g_a(f_a(A)),  z_t = g_t(f_t(T))

`f_a` is a Perceiver: a convolution stem makes the byte array that a fixed number of learned latents
reads once by cross-attention, so cost grows linearly with length and parameters do not grow at all.
`f_t` is a transformer over bytes or byte pairs. Every length travels with its tensor: an embedding
depends on nothing behind the end of its clip or text and on no other row of the batch.

Shapes by letter: `B` batch, `T` samples, `F` frames, `M` mel bands, `S` positions of the byte
array, `L` tokens, `D` width.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from clara.audio.mel import LogMel
from clara.sizes import AudioConfig, ModelConfig, TextConfig

__all__ = [
    "AudioConfig",
    "AudioTower",
    "ClaraModel",
    "ModelConfig",
    "TextConfig",
    "TextTower",
    "compile_parts",
    "length_mask",
    "mean_and_deviation",
    "pool",
    "sinusoids",
]


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a position lies before its row's length: `[B]` to bool `[B, size]`."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def mean_and_deviation(mel: Tensor, frames: Tensor) -> Tensor:
    """Of each band over the frames that are there: `[B, M, F]` and counts `[B]` to `[B, 2M]`."""
    there = length_mask(frames, mel.shape[2])[:, None]
    count = frames[:, None].clamp(min=1)
    mean = (mel * there).sum(2) / count
    variance = ((mel - mean[:, :, None]).square() * there).sum(2) / count
    return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


def sinusoids(size: int, width: int, device: torch.device) -> Tensor:
    """Sinusoidal positions, `[size, width]` (section IV), for any size."""
    half = (width + 1) // 2
    rates = torch.exp(torch.arange(half, device=device) * (-math.log(10_000.0) / max(half - 1, 1)))
    angles = torch.arange(size, device=device)[:, None] * rates
    # At a tenth, the scale of fresh rows: at full scale, positions drown what the rows say.
    return 0.1 * torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


def pool(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean plus maximum over the rows that are there: `[B, S, D]` to `[B, D]`."""
    if mask is None:
        return x.mean(1) + x.amax(1)
    there = mask[..., None]
    mean = (x * there).sum(1) / there.sum(1).clamp(min=1)
    return mean + x.masked_fill(~there, -torch.inf).amax(1)


class Attention(nn.Module):
    """Multi-head attention of `x` to `context`, through the fused kernel."""

    def __init__(self, width: int, context_width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(context_width, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, Q, D]` attends to `[B, S, C]` where bool `[B, S]` is true; returns `[B, Q, D]`."""
        query, key, value = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for t in (self.query(x), *self.key_value(context).chunk(2, dim=-1))
        )
        where = None if mask is None else mask[:, None, None, :]
        out = nnf.scaled_dot_product_attention(query, key, value, attn_mask=where)
        return self.out(out.transpose(1, 2).flatten(2))


class _GatedGelu(torch.autograd.Function):
    """`a * gelu(b)` of rows `[..., 2H]` whose halves are a and b.

    Automatic differentiation makes the gradient of each half and then copies both side by side.
    Here both are written where they belong, which spares a training step a twentieth of its time
    on a CPU; and gelu(b) is computed once more in place of being kept.
    """

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        context.save_for_backward(rows)
        straight, gate = rows.chunk(2, dim=-1)
        return nnf.gelu(gate).mul_(straight)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (rows,) = context.saved_tensors
        straight, gate = rows.chunk(2, dim=-1)
        both = torch.empty_like(rows)
        to_straight, to_gate = both.chunk(2, dim=-1)
        torch.mul(gradient, nnf.gelu(gate), out=to_straight)
        torch.ops.aten.gelu_backward.grad_input(gradient * straight, gate, grad_input=to_gate)
        return both


def _gated_gelu(rows: Tensor) -> Tensor:
    """`[..., 2H]` to `[..., H]`."""
    gated: Tensor = _GatedGelu.apply(rows)  # type: ignore[no-untyped-call]
    return gated


class FeedForward(nn.Module):
    """The position-wise part of a block, plain or gated GELU."""

    def __init__(self, width: int, hidden: int, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        self.up = nn.Linear(width, hidden * (2 if gated else 1))
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D]` to `[..., D]`."""
        x = self.up(x)
        return self.down(_gated_gelu(x) if self.gated else nnf.gelu(x))


class Block(nn.Module):
    """A pre-norm block: attention, then feed-forward, each on a residual branch.

    Args:
        attention: To the rows themselves, or to a context whose width is `context_width`.
        feed_forward: The position-wise part.
        width: Of the rows.
        context_width: Of the context of a cross-attention; None for self-attention.
        dropout: Of both branches.
    """

    def __init__(
        self,
        attention: Attention,
        feed_forward: FeedForward,
        width: int,
        context_width: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.feed_forward = feed_forward
        self.norm = nn.LayerNorm(width)
        self.context_norm = None if context_width is None else nn.LayerNorm(context_width)
        self.feed_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """`[B, Q, D]` to `[B, Q, D]`; `mask` is bool `[B, S]` over what is attended to."""
        normed = self.norm(x)
        context = normed if self.context_norm is None else self.context_norm(context)
        x = x + self.dropout(self.attention(normed, context, mask))
        return x + self.dropout(self.feed_forward(self.feed_norm(x)))


class Stem1d(nn.Module):
    """The paper's stem: convolutions over time of kernel 3, stride 1 then 2, each with GELU."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.first = nn.Conv1d(config.mel.bands, config.width, 3, padding=1)
        self.second = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)

    def forward(self, mel: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, M, F]` and lengths `[B]` to the byte array `[B, S, D]` and its lengths."""
        x = nnf.gelu(self.first(mel))
        # Behind the end the bias has left something: silence it, or the next convolution sees it.
        x = x * length_mask(frames, x.shape[-1])[:, None]
        x = nnf.gelu(self.second(x))
        return x.transpose(1, 2), (frames + 1) // 2


class Stem2d(nn.Module):
    """Convolutions over time and frequency, kernel 3, stride 2, GELU, LayerNorm; a row a moment."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        widths = (1, *config.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        # Over the channels of each place alone, so that no place depends on another's padding.
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in config.channels)
        bands = config.mel.bands
        for _ in config.channels:
            bands = (bands + 1) // 2
        self.out = nn.Linear(bands * widths[-1], config.width)

    def forward(self, mel: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, M, F]` and lengths `[B]` to the byte array `[B, S, D]` and its lengths."""
        # Channels last in memory: the fast layout of convolutions on a CPU, and LayerNorm's.
        x = mel[:, None].contiguous(memory_format=torch.channels_last)
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(nnf.gelu(convolve(x)).permute(0, 2, 3, 1))
            frames = (frames + 1) // 2
            x = (x * length_mask(frames, x.shape[2])[:, None, :, None]).permute(0, 3, 1, 2)
        return self.out(x.permute(0, 3, 2, 1).flatten(2)), frames


class AudioTower(nn.Module):
    """`f_a`: log-mel, stem, cross-attention by latents, self-attention, pooling over latents."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        width, heads = config.latent_width, config.head_width
        self.mel = LogMel(config.mel)
        self.stem = Stem1d(config) if config.stem == "conv1d" else Stem2d(config)
        self.statistics = nn.Linear(2 * config.mel.bands, width) if config.statistics else None
        self.latents = nn.Parameter(torch.randn(config.latents, width) * 0.1)
        self.read = Block(
            Attention(width, config.width, config.cross_heads, heads),
            FeedForward(width, config.expand * width, gated=True),
            width,
            context_width=config.width,
        )
        self.blocks = nn.ModuleList(
            Block(
                Attention(width, width, config.heads, heads),
                FeedForward(width, config.expand * width, gated=True),
                width,
                dropout=config.dropout,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Waves `[B, T]` with lengths `[B]` to pooled features `[B, D]`."""
        return self.encode(*self.mel(waves, lengths))

    def encode(self, mel: Tensor, frames: Tensor) -> Tensor:
        """Log-mel `[B, M, F]` with frame counts `[B]` to pooled features `[B, D]`."""
        if self.training:
            mel = self._silence(mel, frames)
        rows, sizes = self.stem(mel, frames)
        mask = length_mask(sizes, rows.shape[1])
        rows = rows + sinusoids(rows.shape[1], rows.shape[2], rows.device).to(rows.dtype)
        if self.training and self.config.keep < 1:
            mask = self._hide(mask)
        x = self.latents.expand(len(rows), -1, -1)
        if self.statistics:
            x = x + self.statistics(mean_and_deviation(mel, frames))[:, None]
        x = self.read(x, rows, mask)
        for block in self.blocks:
            x = block(x)
        return pool(self.norm(x))

    def _silence(self, mel: Tensor, frames: Tensor) -> Tensor:
        # Runs of bands and of frames become 0, the mean of the features.
        bands = frames.new_full(frames.shape, mel.shape[1])
        for _ in range(2):
            hidden = _runs(bands, mel.shape[1], self.config.mask_bands)
            mel = mel.masked_fill(hidden[:, :, None], 0.0)
            longest = (frames // 3).clamp(max=self.config.mask_frames)
            mel = mel.masked_fill(_runs(frames, mel.shape[2], longest)[:, None], 0.0)
        return mel

    def _hide(self, mask: Tensor) -> Tensor:
        # Structured dropout: of each clip at least one position stays, else softmax has no support.
        draw = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, 2.0)
        kept = draw < self.config.keep
        kept[torch.arange(len(mask), device=mask.device), draw.argmin(1)] = True
        return kept


def _runs(lengths: Tensor, size: int, longest: Tensor | int) -> Tensor:
    """A run of random place, up to `longest` long, inside each length `[B]`: bool `[B, size]`."""
    share, place = torch.rand(2, len(lengths), device=lengths.device)
    run = (share * (longest + 1)).long()
    start = (place * (lengths - run + 1)).long()
    position = torch.arange(size, device=lengths.device)
    return (position >= start[:, None]) & (position < (start + run)[:, None])


class TextTower(nn.Module):
    """`f_t`: tokens, sinusoidal positions, self-attention, masked pooling."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Embedding(config.vocab, width)
        self.blocks = nn.ModuleList(
            Block(
                Attention(width, width, config.heads, width // config.heads),
                FeedForward(width, config.hidden, gated=False),
                width,
                dropout=config.dropout,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens `[B, L]` with lengths `[B]` to pooled features `[B, D]`."""
        mask = length_mask(lengths, tokens.shape[1])
        x = self.table(tokens)
        x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
        for block in self.blocks:
            x = block(x, mask=mask)
        return pool(self.norm(x), mask)


class Head(nn.Module):
    """`g`: a linear map, then a residual MLP with LayerNorm, then unit length (equation 2)."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, dim)
        self.residual = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, W]` to unit rows `[B, D]`, float32."""
        x = self.linear(x)
        x = self.norm(x + self.residual(nnf.gelu(x)))
        return nnf.normalize(x.float(), dim=-1)


class ClaraModel(nn.Module):
    """Both towers, both heads and the two temperatures (equations 2 and 3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.audio = AudioTower(config.audio)
        self.text = TextTower(config.text)
        self.audio_head = Head(config.audio.latent_width, config.dim)
        self.text_head = Head(config.text.width, config.dim)
        self.log_scales = nn.Parameter(torch.full((2,), math.log(1 / 0.07)))
        self.apply(_initialise)

    def forward(
        self, waves: Tensor, wave_lengths: Tensor, tokens: Tensor, token_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors of a `Batch` to unit rows `[B, D]` of audio and of text, and scales `[2]`."""
        audio = self.embed_audio(waves, wave_lengths)
        return audio, self.embed_text(tokens, token_lengths), self.scales()

    def embed_audio(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Waves `[B, T]` with lengths `[B]` to unit rows `[B, D]`."""
        return self.audio_head(self.audio(waves, lengths))

    def embed_text(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens `[B, L]` with lengths `[B]` to unit rows `[B, D]`."""
        return self.text_head(self.text(tokens, lengths))

    def scales(self) -> Tensor:
        """tau_a and tau_t of equation 3, `[2]`, at most 100."""
        return self.log_scales.clamp(max=math.log(100)).exp()


def compile_parts(model: nn.Module) -> None:
    """Has the blocks, the stem and the heads of a model compiled as they are first used, in place.

    Part by part, since blocks of a kind then share a program: 64 of them compile in the time of
    one. The features stay as they are: on a CPU, code of their own makes them, and Fourier
    transforms gain nothing. No name of a parameter changes.
    """
    # All parts of a class count as one for this limit, in training, in evaluation, and by length.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    for part in model.modules():
        if isinstance(part, (Block, Stem1d, Head)):
            part.compile()


def _initialise(module: nn.Module) -> None:
    # Linear maps keep the scale of what they are given; tokens start at the scale of positions.
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.1)
