"""What a step costs, counted instead of timed: products, kernels of attention, features."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from clara import gradients, recipes
from clara.audio.mel import LogMel, MelConfig
from clara.loss import contrastive_loss
from clara.model import AudioConfig, ClaraModel, ModelConfig, TextConfig

pytestmark = pytest.mark.usefixtures("one_thread")


def block(rows: int, read: int, width: int, inner: int, hidden: int, gated: bool) -> int:
    """Multiplications and additions of a block of `rows` rows that attend to `read` others."""
    linear = rows * width * inner + read * width * 2 * inner + rows * inner * width
    attention = 2 * rows * read * inner
    feed = rows * width * hidden * (2 if gated else 1) + rows * hidden * width
    return 2 * (linear + attention + feed)


def head(width: int, dim: int) -> int:
    return 2 * (width * dim + dim * dim)


def stem(config: AudioConfig, frames: int) -> tuple[int, int, int]:
    """Of the stem: all its operations, those of what reads the features, and its positions."""
    if config.stem == "conv1d":
        first = 2 * frames * config.mel.bands * config.width * 3
        positions = (frames + 1) // 2
        return first + 2 * positions * config.width**2 * 3, first, positions
    total, height, before = 0, config.mel.bands, 1
    first = 0
    for width in config.channels:
        frames, height = (frames + 1) // 2, (height + 1) // 2
        total += 2 * frames * height * before * width * 9
        first, before = first or total, width
    return total + 2 * frames * height * before * config.width, first, frames


def by_formula(config: ModelConfig, seconds: float, tokens: int) -> tuple[int, int, int]:
    """Operations of a clip, of a caption, and of training on the pair."""
    audio, text = config.audio, config.text
    of_stem, first, positions = stem(audio, audio.mel.frames(round(seconds * audio.mel.rate)))
    width, hidden = audio.latent_width, audio.expand * audio.latent_width
    assert audio.width == width, "the cross-attention reads rows as wide as the latents"
    crossed, inner = audio.cross_heads * audio.head_width, audio.heads * audio.head_width
    statistics = 2 * 2 * audio.mel.bands * width if audio.statistics else 0
    heard = (
        of_stem
        + statistics
        + block(audio.latents, positions, width, crossed, hidden, gated=True)
        + audio.layers * block(audio.latents, audio.latents, width, inner, hidden, gated=True)
        + head(width, config.dim)
    )
    read = text.layers * block(tokens, tokens, text.width, text.width, text.hidden, gated=False)
    read += head(text.width, config.dim)
    # The way back is twice the way there, but nobody asks for the gradient of features.
    return heard, read, 3 * (heard + read) - first - statistics


@pytest.fixture
def flops(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    return importlib.import_module("bench._flops")


@pytest.mark.parametrize("name", ["tiny", "clara_60m", "clara_100m"])
@pytest.mark.parametrize(("seconds", "tokens"), [(3.0, 16), (10.0, 32)])
def test_a_step_takes_the_products_of_the_formula(
    flops: ModuleType, name: str, seconds: float, tokens: int
) -> None:
    config = recipes.get(name).model
    found = flops.of(config, seconds, tokens)
    assert (found.audio, found.text, found.training) == by_formula(config, seconds, tokens)


def test_the_audio_tower_is_linear_in_the_length_of_a_clip(flops: ModuleType) -> None:
    one, two, four = (flops.of(recipes.clara_100m().model, s, 8).audio for s in (8, 16, 32))
    assert four - two == pytest.approx(2 * (two - one), rel=1e-3)
    assert four < 1.06 * one  # nearly all is done on the latents, whatever the length


SMALL = ModelConfig(
    AudioConfig(
        mel=MelConfig(rate=8000, fft=256, window=256, hop=128, bands=16, high=4000.0),
        width=16,
        latents=4,
        latent_width=16,
        layers=2,
        heads=2,
        cross_heads=1,
        head_width=8,
    ),
    TextConfig(vocab=300, width=16, layers=3, heads=2, hidden=32, limit=32),
    dim=16,
)
PAIRS, SECONDS, TOKENS = 6, 0.5, 10
# Torch counts `addmm`, but not where it adds in place.
IN_PLACE = {torch.ops.aten.addmm_: lambda _, one, other, **__: 2 * one[0] * one[1] * other[1]}


def inputs() -> gradients.Inputs:
    """Clips and captions of several lengths, the first of each as long as can be."""
    generator = torch.Generator().manual_seed(0)
    samples = round(SECONDS * SMALL.audio.mel.rate)
    ids = torch.arange(PAIRS)
    return gradients.Inputs(
        0.1 * torch.randn(PAIRS, samples, generator=generator),
        samples - 300 * ids,
        torch.randint(3, 300, (PAIRS, TOKENS), generator=generator),
        TOKENS - ids,
        ids,
        ids[:, None],
    )


def step(pieces: int = 1, half: bool = False) -> Callable[[], object]:
    model = ClaraModel(SMALL).train()

    def forward(*tensors: Tensor) -> Any:  # as Fabric does it: the loss stays in float32
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return model(*tensors)

    return lambda: gradients.add(forward, inputs(), Tensor.backward, pieces=pieces)


def test_a_real_step_takes_them_too() -> None:
    with (
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter,
    ):
        step()()
    features = 2 * 16 * 65 * 129 * PAIRS  # at most: bands, frames, bins
    pairs = PAIRS * by_formula(SMALL, SECONDS, TOKENS)[2]
    loss = 4 * 2 * PAIRS * PAIRS * SMALL.dim
    assert pairs + loss < counter.get_total_flops() <= pairs + loss + features


@pytest.mark.parametrize(("rows", "width"), [(6, 16), (700, 8), (2100, 4)])
def test_the_loss_takes_four_products(flops: ModuleType, rows: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    audio, text = (
        torch.nn.functional.normalize(torch.randn(rows, width, generator=generator)) for _ in "at"
    )
    leaves = [tensor.requires_grad_() for tensor in (audio, text, torch.tensor([14.0, 14.0]))]
    with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
        contrastive_loss(*leaves, torch.arange(rows)).backward()
    assert counter.get_total_flops() == flops.loss(rows, width) == 4 * 2 * rows * rows * width


def attention(run: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    return importlib.import_module("bench.gpu._device").attention_kernels(run)


@pytest.mark.parametrize("half", [False, True])
def test_all_attention_is_fused(half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def embedding() -> None:
        model = ClaraModel(SMALL).eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            model(*inputs()[:4])

    with sdpa_kernel(SDPBackend.MATH):
        assert attention(step(half=half), monkeypatch) == {"math": 6}  # so it can be told
    # One that reads, two layers over latents and three over tokens, with masks and without.
    for run in (step(half=half), embedding):
        assert attention(run, monkeypatch) == {"flash": 6}


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_features_of_a_clip_are_made_once_a_way(
    pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips: list[int] = []
    clip = LogMel._clip

    def counted(self: LogMel, wave: Tensor, room: Any) -> Tensor:
        clips.append(len(wave))
        return clip(self, wave, room)

    monkeypatch.setattr(LogMel, "_clip", counted)
    step(pieces)()
    # In pieces each goes through the network twice, and the features with it.
    ways = 1 if pieces == 1 else 2
    assert sorted(clips) == sorted(inputs().wave_lengths.tolist() * ways)
