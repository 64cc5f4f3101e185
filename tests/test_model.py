"""The network: what its parts compute, and that no row depends on padding or on company."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as nnf
from torch import Tensor

from clara import recipes
from clara.audio.mel import MelConfig
from clara.errors import UsageError
from clara.model import (
    AudioConfig,
    AudioTower,
    ClaraModel,
    FeedForward,
    ModelConfig,
    TextConfig,
    TextTower,
    length_mask,
    mean_and_deviation,
    pool,
    sinusoids,
)

MEL = MelConfig(rate=4000, fft=256, window=256, hop=128, bands=20, high=2000.0)
AUDIO = AudioConfig(
    mel=MEL,
    channels=(4, 8),
    width=32,
    latents=8,
    latent_width=24,
    layers=2,
    heads=2,
    cross_heads=2,
    head_width=16,
)
TEXT = TextConfig(vocab=300, width=32, layers=2, heads=4, hidden=48, limit=64)
SMALL = ModelConfig(AUDIO, TEXT, dim=16)
MOUTHS = {
    "conv1d": AUDIO,
    "conv2d": replace(AUDIO, stem="conv2d"),
    "statistics": replace(AUDIO, stem="conv2d", statistics=True),
}
SECONDS = (0.2, 0.7, 3.0, 11.0, 60.0)

pytestmark = pytest.mark.usefixtures("one_thread")


def make(config: ModelConfig = SMALL) -> ClaraModel:
    """A model of random weights that are large enough for what goes in to matter."""
    torch.manual_seed(0)
    model = ClaraModel(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and not name.endswith("latents"):
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    torch.nn.init.normal_(model.audio.latents)
    return model


def clips(rate: int, seconds: tuple[float, ...] = SECONDS) -> list[Tensor]:
    """Tones in noise, each of another pitch, of other lengths."""
    generator = torch.Generator().manual_seed(1)
    waves = []
    for number, length in enumerate(seconds):
        time = torch.arange(int(length * rate)) / rate
        tone = 0.3 * torch.sin(2 * math.pi * 220 * 1.5**number * time)
        waves.append(tone + 0.03 * torch.randn(len(time), generator=generator))
    return waves


def padded(waves: list[Tensor], fill: float = 0.0, more: int = 0) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(wave) for wave in waves])
    batch = torch.full((len(waves), int(lengths.max()) + more), fill)
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = wave
    return batch, lengths


def check_audio_rows_are_alone(model: ClaraModel, waves: list[Tensor]) -> None:
    rate = model.config.audio.mel.rate
    with torch.inference_mode():
        alone = torch.cat([model.embed_audio(*padded([wave])) for wave in waves])
        together = model.embed_audio(*padded(waves))
        longer = torch.cat([model.embed_audio(*padded([w], more=10 * rate)) for w in waves])
        rubbish = model.embed_audio(*padded(waves, fill=math.nan, more=rate))
    for other in (together, longer, rubbish):
        torch.testing.assert_close(other, alone, atol=1e-5, rtol=0)
    # The rows are not the same for everything, or all this would be easy.
    assert (alone @ alone.T - torch.eye(len(waves))).max() < 0.9999


@pytest.mark.parametrize("audio", MOUTHS.values(), ids=MOUTHS.keys())
def test_audio_rows_do_not_depend_on_padding_or_company(audio: AudioConfig) -> None:
    check_audio_rows_are_alone(make(replace(SMALL, audio=audio)), clips(MEL.rate))


@pytest.mark.parametrize("audio", MOUTHS.values(), ids=MOUTHS.keys())
def test_features_of_the_tower_do_not_depend_on_padding_either(audio: AudioConfig) -> None:
    model = make(replace(SMALL, audio=audio))
    waves = clips(MEL.rate, (0.2, 0.21, 2.0))
    with torch.inference_mode():
        alone = torch.cat([model.audio(*padded([wave])) for wave in waves])
        together = model.audio(*padded(waves, more=777))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_the_tiny_recipe_embeds_each_clip_for_itself() -> None:
    model = make(recipes.tiny().model)
    check_audio_rows_are_alone(model, clips(16_000, (0.2, 1.0, 60.0)))


def test_text_rows_do_not_depend_on_padding_or_company() -> None:
    model = make()
    generator = torch.Generator().manual_seed(2)
    texts = [torch.randint(3, 300, (n,), generator=generator) for n in (2, 3, 17, 64)]

    def embed(rows: list[Tensor], size: int, fill: int) -> Tensor:
        lengths = torch.tensor([len(row) for row in rows])
        batch = torch.full((len(rows), size), fill)
        for row, text in zip(batch, rows, strict=True):
            row[: len(text)] = text
        return model.embed_text(batch, lengths)

    with torch.inference_mode():
        alone = torch.cat([embed([text], len(text), 0) for text in texts])
        for size, fill in ((64, 0), (300, 0), (64, 7)):
            torch.testing.assert_close(embed(texts, size, fill), alone, atol=1e-5, rtol=0)
    assert (alone @ alone.T - torch.eye(len(texts))).max() < 0.999


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "positions"),
    [
        # The authors' models learn 2 x 4096 positions of width 512; the paper's are sinusoidal.
        ("clara_60m", 62_816_770, 67.28e6, 4_194_304),
        ("clara_100m", 104_947_202, 109.42e6, 4_194_304),
        ("clara_600m", 636_921_346, 641.48e6, 4_194_304),
    ],
)
def test_sizes_are_those_of_the_paper(name: str, ours: int, theirs: float, positions: int) -> None:
    with torch.device("meta"):
        model = ClaraModel(recipes.get(name).model)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == ours
    assert abs(count + positions - theirs) < 0.005 * theirs


def test_tiny_is_tiny() -> None:
    with torch.device("meta"):
        model = ClaraModel(recipes.tiny().model)
    assert sum(parameter.numel() for parameter in model.parameters()) < 10e6


@pytest.mark.parametrize("audio", MOUTHS.values(), ids=MOUTHS.keys())
def test_every_parameter_learns(audio: AudioConfig) -> None:
    model = make(replace(SMALL, audio=audio)).train()
    waves, lengths = padded(clips(MEL.rate, (0.2, 0.5, 1.0)))
    tokens = torch.randint(3, 300, (3, 9), generator=torch.Generator().manual_seed(0))
    rows, texts, scales = model(waves, lengths, tokens, torch.tensor([9, 4, 2]))
    weight = torch.randn(rows.shape, generator=torch.Generator().manual_seed(3))
    ((rows + texts) * weight * scales.sum()).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_rows_are_of_unit_length_and_float32_in_bf16_too() -> None:
    model = make()
    waves, lengths = padded(clips(MEL.rate, (0.2, 1.0)))
    full = model.embed_audio(waves, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.embed_audio(waves, lengths)
    for rows in (full, half):
        assert rows.dtype == torch.float32
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))
    assert (full * half).sum(1).min() > 0.99


def test_the_scales_start_as_in_the_paper_and_end_at_100() -> None:
    model = make()
    torch.testing.assert_close(model.scales(), torch.full((2,), 1 / 0.07))
    with torch.no_grad():
        model.log_scales += 10
    torch.testing.assert_close(model.scales(), torch.full((2,), 100.0))


def test_attention_is_softmax_over_what_is_there() -> None:
    model = make()
    attention = model.text.blocks[0].attention
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, 5, 32, generator=generator)
    mask = length_mask(torch.tensor([5, 3]), 5)
    query = attention.query(x).reshape(2, 5, 4, 8)
    key, value = attention.key_value(x).reshape(2, 5, 2, 4, 8).unbind(2)
    logits = torch.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(8)
    logits = logits.masked_fill(~mask[:, None, None], -torch.inf)
    mixed = torch.einsum("bhqk,bkhd->bqhd", logits.softmax(-1), value).reshape(2, 5, 32)
    torch.testing.assert_close(attention(x, x, mask), attention.out(mixed))


@pytest.mark.parametrize("gated", [False, True])
def test_the_gradients_of_the_feed_forward_part_are_those_of_its_formula(gated: bool) -> None:
    torch.manual_seed(0)
    part = FeedForward(6, 5, gated).double()
    rows = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    up = nnf.linear(rows, part.up.weight, part.up.bias)
    hidden = up[..., :5] * nnf.gelu(up[..., 5:]) if gated else nnf.gelu(up)
    formula = nnf.linear(hidden, part.down.weight, part.down.bias)
    about = [rows, *part.parameters()]
    pull = torch.randn_like(formula)
    ours = part(rows)
    assert torch.allclose(ours, formula, atol=1e-12)
    found = torch.autograd.grad(ours, about, pull)
    expected = torch.autograd.grad(formula, about, pull)
    for mine, other in zip(found, expected, strict=True):
        assert torch.allclose(mine, other, atol=1e-12)


def test_latents_are_a_set_and_frames_are_not() -> None:
    model = make()
    waves, lengths = padded(clips(MEL.rate, (1.0,)))
    before = model.embed_audio(waves, lengths)
    assert (model.embed_audio(waves.flip(1), lengths) * before).sum() < 0.9999
    with torch.no_grad():
        model.audio.latents.copy_(model.audio.latents[torch.arange(8).flip(0)])
    torch.testing.assert_close(model.embed_audio(waves, lengths), before, atol=1e-6, rtol=0)


def test_the_byte_array_is_half_as_long_as_the_spectrogram() -> None:
    frames = torch.tensor([1, 2, 3, 938])
    mel = torch.randn(4, 20, 938, generator=torch.Generator().manual_seed(0))
    rows, sizes = AudioTower(AUDIO).stem(mel, frames)
    assert sizes.tolist() == [1, 1, 2, 469]
    assert rows.shape == (4, 469, 32)
    rows, sizes = AudioTower(replace(AUDIO, stem="conv2d")).stem(mel, frames)
    assert sizes.tolist() == [1, 1, 1, 235]
    assert rows.shape == (4, 235, 32)


def test_hiding_keeps_its_share_and_never_all_or_padding() -> None:
    tower = AudioTower(replace(AUDIO, keep=0.3))
    torch.manual_seed(0)
    mask = length_mask(torch.tensor([2000, 1000, 1]), 2000)
    kept = tower._hide(mask)
    assert not (kept & ~mask).any()
    shares = kept.sum(1) / mask.sum(1)
    assert 0.25 < shares[0] < 0.35
    assert 0.25 < shares[1] < 0.35
    assert kept[2, 0]
    assert (AudioTower(replace(AUDIO, keep=0.0))._hide(mask).sum(1) == 1).all()


def test_only_training_rolls_dice() -> None:
    model = make(replace(SMALL, audio=replace(AUDIO, keep=0.5, mask_bands=8, mask_frames=20)))
    waves, lengths = padded(clips(MEL.rate, (1.0, 2.0)))
    assert model.embed_audio(waves, lengths).equal(model.embed_audio(waves, lengths))
    model.train()
    assert not model.embed_audio(waves, lengths).equal(model.embed_audio(waves, lengths))


def test_silenced_runs_are_short_and_inside_the_clip() -> None:
    tower = AudioTower(replace(AUDIO, mask_bands=4, mask_frames=1000))
    torch.manual_seed(0)
    frames = torch.tensor([90, 3, 1]).repeat(100)
    mel = torch.ones(300, 20, 120)
    silent = tower._silence(mel, frames) == 0
    bands, moments = silent.all(2), silent.all(1)
    assert (bands.sum(1) <= 8).all()
    assert bands.any()
    assert (moments.sum(1) <= 2 * (frames // 3)).all()
    assert moments[frames == 90].sum(1).max() > 30
    assert not (moments & ~length_mask(frames, 120)).any()


def test_statistics_are_over_the_frames_that_are_there() -> None:
    mel = torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(0))
    found = mean_and_deviation(mel, torch.tensor([9, 4]))
    for row, frames in ((0, 9), (1, 4)):
        there = mel[row, :, :frames].double()
        expected = torch.cat([there.mean(1), (there.var(1, correction=0) + 1e-5).sqrt()])
        torch.testing.assert_close(found[row].double(), expected, atol=1e-6, rtol=1e-6)


def test_pooling_is_mean_plus_maximum() -> None:
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)) - 5
    torch.testing.assert_close(pool(x), x.mean(1) + x.max(1).values)
    mask = length_mask(torch.tensor([4, 2]), 4)
    torch.testing.assert_close(pool(x, mask)[1], x[1, :2].mean(0) + x[1, :2].max(0).values)


@pytest.mark.parametrize("width", [2, 7, 512])
def test_positions_are_sines_and_cosines_at_any_distance(width: int) -> None:
    table = sinusoids(5000, width, torch.device("cpu"))
    assert table.shape == (5000, width)
    half = (width + 1) // 2
    assert not table[0, :half].any()
    scale = table[0, half]
    assert (table[0, half:] == scale).all()
    assert table.abs().max() <= scale
    expected = torch.arange(5000).double().sin().float()
    torch.testing.assert_close(table[:, 0] / scale, expected, atol=1e-3, rtol=0)
    assert table.unique(dim=0).shape == table.shape


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        (AudioConfig, {"width": 0}, "width to be from 1"),
        (AudioConfig, {"layers": 10**9}, "layers to be from 0 to 256 but found 1000000000"),
        (AudioConfig, {"heads": -1}, "heads"),
        (AudioConfig, {"keep": 1.5}, "keep to be from 0 to 1"),
        (AudioConfig, {"dropout": math.nan}, "dropout"),
        (AudioConfig, {"channels": ()}, "channels"),
        (AudioConfig, {"channels": (32,) * 60}, "channels"),
        (AudioConfig, {"mask_frames": -2}, "mask_frames"),
        (TextConfig, {"vocab": 1 << 40}, "vocab"),
        (TextConfig, {"heads": 7}, "multiple of 7 heads"),
        (TextConfig, {"limit": 2}, "limit"),
        (ModelConfig, {"dim": 0}, "dim"),
    ],
)
def test_settings_that_make_no_sense(kind: type, change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=r"^Expected ") as error:
        kind(**change)
    assert words in str(error.value)


@pytest.mark.parametrize("width", [20, 21])
def test_any_width_will_do(width: int) -> None:
    text = TextTower(TextConfig(vocab=9, width=width, heads=1, hidden=4, layers=1))
    assert text(torch.tensor([[1, 2]]), torch.tensor([2])).shape == (1, width)
    audio = AudioTower(replace(AUDIO, width=width))
    assert audio(torch.zeros(1, 900), torch.tensor([900])).shape == (1, 24)
