"""Whole configurations as functions; the command line takes their names and varies their fields.

To vary one in Python: `dataclasses.replace(tiny(), name="mine")`. A function defined elsewhere is
asked for as "package.module:function".
"""

from __future__ import annotations

from clara.audio.mel import MelConfig
from clara.batches import DataConfig
from clara.errors import UnknownNameError
from clara.model import AudioConfig, ModelConfig, TextConfig
from clara.optim import OptimConfig
from clara.rooms import load_foreign
from clara.train import Recipe, TrainConfig

__all__ = ["clara_60m", "clara_100m", "clara_600m", "get", "names", "tiny"]


def get(name: str) -> Recipe:
    """The recipe of that name, or what "package.module:function" returns.

    Raises:
        UnknownNameError: There is no such recipe.
    """
    if ":" in name:
        recipe: Recipe = load_foreign(name)()
        return recipe
    if name not in names():
        raise UnknownNameError("recipe", name, names())
    recipe = globals()[name]()
    return recipe


def names() -> list[str]:
    """The recipes, sorted."""
    return sorted(set(__all__) - {"get", "names"})


def tiny() -> Recipe:
    """Four million parameters at 16 kHz, for a CPU.

    It departs from the paper where little data and two cores ask for it: a stem over time and
    frequency, statistics of the clip in the latents, few latents, no dropout of positions, a
    higher learning rate. `docs/results.md` tells what was tried.
    """
    mel = MelConfig(rate=16_000, fft=512, window=512, hop=256, bands=64, shift=-46.0, scale=26.0)
    audio = AudioConfig(
        mel=mel,
        stem="conv2d",
        channels=(16, 32, 64),
        statistics=True,
        width=256,
        latents=16,
        latent_width=256,
        layers=2,
        heads=4,
        cross_heads=4,
        expand=2,
        keep=1.0,
        mask_bands=8,
        mask_frames=12,
    )
    text = TextConfig(vocab=2048, width=256, layers=2, heads=4, hidden=512, dropout=0.0, limit=128)
    return Recipe(
        name="clara-tiny",
        model=ModelConfig(audio=audio, text=text, dim=256),
        data=DataConfig(batch=96, max_seconds=3.0),
        optim=OptimConfig(rate=1e-3, floor=1e-6, warmup=50, decay=0.05, beta2=0.98),
        train=TrainConfig(steps=1500, save_every=250, validate_every=250),
    )


def clara_60m() -> Recipe:
    """The authors' 60M configuration."""
    return _paper("clara-60m", layers=5, heads=8, cross_heads=1, text_layers=5, text_heads=4)


def clara_100m() -> Recipe:
    """The paper's model, which its authors call 100M (section IV)."""
    return _paper("clara-100m", layers=10, heads=16, cross_heads=2, text_layers=10, text_heads=8)


def clara_600m() -> Recipe:
    """The authors' 600M configuration."""
    return _paper("clara-600m", layers=64, heads=32, cross_heads=8, text_layers=64, text_heads=32)


def _paper(
    name: str, *, layers: int, heads: int, cross_heads: int, text_layers: int, text_heads: int
) -> Recipe:
    # Sizes, schedule and batch as the authors trained: 16 pairs a device, gradients of 5 batches.
    return Recipe(
        name=name,
        model=ModelConfig(
            audio=AudioConfig(layers=layers, heads=heads, cross_heads=cross_heads),
            text=TextConfig(layers=text_layers, heads=text_heads),
        ),
        data=DataConfig(batch=16, max_seconds=10.0),
        optim=OptimConfig(),
        train=TrainConfig(accumulate=5),
    )
