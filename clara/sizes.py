"""How large the network is, and what it hears: the settings of `clara.model`.

The defaults are those of the paper's 100M model (section IV).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clara.audio.mel import MelConfig
from clara.configs import expect, expect_within

_WIDEST, _DEEPEST = 1 << 20, 256  # what a stranger's config may ask for


@dataclass(frozen=True)
class AudioConfig:
    """The audio tower.

    Attributes:
        mel: The log-mel front end (section V-A).
        stem: "conv1d" is the paper's, two convolutions over time; "conv2d" first looks for patterns
            that recur along frequency too, which learns more from little data.
        channels: Widths of the stages of the "conv2d" stem; each halves time and frequency.
        statistics: Whether the latents start from the mean and deviation of each band over the
            clip, so that what these alone tell need not be learned by attention.
        width: Width of the byte array.
        latents: How many latents there are.
        latent_width: Width of a latent.
        layers: Self-attention blocks over the latents.
        heads: Heads of the self-attention.
        cross_heads: Heads of the cross-attention.
        head_width: Width of each head.
        expand: Hidden width of the feed-forward parts, as a multiple of the latents' width.
        keep: Share of the byte array that each clip shows to the latents in training.
        dropout: Of the residual branches.
        mask_bands: Widest run of mel bands that is silenced in training, two of them a clip; 0 for
            none (III-A2, masking).
        mask_frames: Longest run of frames that is silenced, likewise, at most a third of a clip.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    stem: Literal["conv1d", "conv2d"] = "conv1d"
    channels: tuple[int, ...] = (32, 64, 128)
    statistics: bool = False
    width: int = 512
    latents: int = 512
    latent_width: int = 512
    layers: int = 10
    heads: int = 16
    cross_heads: int = 2
    head_width: int = 64
    expand: int = 4
    keep: float = 0.5
    dropout: float = 0.0
    mask_bands: int = 0
    mask_frames: int = 0

    def __post_init__(self) -> None:
        widths = ("width", "latents", "latent_width", "heads", "cross_heads", "head_width")
        expect_within(self, 1, _WIDEST, *widths, "expand")
        expect_within(self, 0, _DEEPEST, "layers")
        expect_within(self, 0, 1, "keep", "dropout")
        expect_within(self, 0, _WIDEST, "mask_bands", "mask_frames")
        stages = 0 < len(self.channels) <= 16 and all(0 < n <= _WIDEST for n in self.channels)
        expect(stages, f"channels to be 1 to 16 widths from 1 to {_WIDEST}", self.channels)


@dataclass(frozen=True)
class TextConfig:
    """The text tower.

    Attributes:
        vocab: Rows of the token table.
        width: Width of a token.
        layers: Self-attention blocks.
        heads: Heads of the self-attention.
        hidden: Hidden width of the feed-forward part.
        dropout: Of the residual branches.
        limit: Longest text in tokens; what is longer is cut.
    """

    vocab: int = 50_373
    width: int = 512
    layers: int = 10
    heads: int = 8
    hidden: int = 1024
    dropout: float = 0.1
    limit: int = 256

    def __post_init__(self) -> None:
        expect_within(self, 1, _WIDEST, "vocab", "width", "heads", "hidden")
        expect_within(self, 0, _DEEPEST, "layers")
        expect_within(self, 0, 1, "dropout")
        expect_within(self, 3, 1 << 16, "limit")
        fits = self.width % self.heads == 0
        expect(fits, f"width to be a multiple of {self.heads} heads", self.width)


@dataclass(frozen=True)
class ModelConfig:
    """Both towers and the space that they share.

    Attributes:
        audio: The audio tower.
        text: The text tower.
        dim: Width `D` of the shared space.
    """

    audio: AudioConfig = field(default_factory=AudioConfig)
    text: TextConfig = field(default_factory=TextConfig)
    dim: int = 512

    def __post_init__(self) -> None:
        expect_within(self, 1, _WIDEST, "dim")
