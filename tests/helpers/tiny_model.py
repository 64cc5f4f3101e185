"""A network that learns in seconds on one thread, with dropout and masks as a real one has."""

from __future__ import annotations

from clara.audio.mel import MelConfig
from clara.model import AudioConfig, ModelConfig, TextConfig

TINY = ModelConfig(
    AudioConfig(
        mel=MelConfig(rate=8000, fft=256, window=256, hop=128, bands=16, high=4000.0),
        stem="conv2d",
        channels=(4, 8),
        width=16,
        latents=4,
        latent_width=16,
        layers=1,
        heads=2,
        cross_heads=1,
        head_width=8,
        keep=0.8,
        dropout=0.1,
    ),
    TextConfig(vocab=300, width=16, layers=1, heads=2, hidden=32, limit=32),
    dim=16,
)
