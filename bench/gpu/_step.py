"""A training step in stages, of the parts that `clara.train` has, so that each can be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from bench.gpu._device import Setting, Timeline
from clara import gradients
from clara.augment import Chain, Dice
from clara.batches import Batches, DataConfig
from clara.loss import contrastive_loss
from clara.model import ClaraModel, compile_parts
from clara.optim import make_optimizer
from clara.records import Batch
from clara.shards import Index
from clara.text.tokens import Tokens

# One of each kind that works on the device.
AUGMENT = ("gain 0.5", "reverb 0.3 high=0.5", "time_mask 0.5", "pitch 0.1")
STAGES = {
    "load": "wait for the loader",
    "copy": "copy to the device",
    "augment": "augmentation",
    "mel": "log-mel",
    "towers": "towers and heads",
    "loss": "loss",
    "backward": "backward",
    "optimiser": "norm and AdamW",
}


class Step:
    """Trains on one batch after another and notes when each stage ends.

    Args:
        setting: Network and device.
        compiled: Whether torch compiles the network.
    """

    def __init__(self, setting: Setting, compiled: bool) -> None:
        torch.manual_seed(0)
        self.setting = setting
        self.model = ClaraModel(setting.recipe.model).to(setting.device).train()
        if compiled:
            compile_parts(self.model)
        self.optimizer = make_optimizer(self.model, setting.recipe.optim)
        self.chain, self.dice = Chain.parse(AUGMENT), torch.Generator().manual_seed(0)
        self.timeline = Timeline(setting.device)

    def run(self, stream: Iterator[Batch], mark: Callable[[str], None] | None = None) -> None:
        """The next batch of a stream, end to end."""
        mark = mark or (lambda _: None)
        device, rate = self.setting.device, self.model.config.audio.mel.rate
        batch = next(stream)
        mark("load")
        names = gradients.Inputs._fields
        inputs = gradients.Inputs(
            *(getattr(batch, name).to(device, non_blocking=True) for name in names)
        )
        mark("copy")
        dice = Dice.roll(self.dice, len(batch.keys))
        waves, lengths = self.chain.on_batch(
            inputs.waves, inputs.wave_lengths, rate, dice, overwrite=True
        )
        mark("augment")
        mel, frames = self.model.audio.mel(waves, lengths)
        mark("mel")
        with torch.autocast(device.type, torch.bfloat16):
            audio = self.model.audio_head(self.model.audio.encode(mel, frames))
            text = self.model.embed_text(inputs.tokens, inputs.token_lengths)
        mark("towers")
        scales = self.model.scales()
        loss = contrastive_loss(audio, text, scales, inputs.text_ids, inputs.true_ids)
        fine = loss.isfinite().item()  # as training asks before it goes back
        mark("loss")
        loss.backward()
        mark("backward")
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        assert fine, "the loss of noise is finite"
        assert norm.isfinite(), "and so are its gradients"
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        mark("optimiser")


def made_up(setting: Setting, pairs: int, seconds: float, tokens: int) -> Iterator[Batch]:
    """Batches of noise, full to the brim, without end."""
    generator = torch.Generator().manual_seed(0)
    samples = round(seconds * setting.recipe.model.audio.mel.rate)
    vocab = setting.recipe.model.text.vocab
    while True:
        yield Batch(
            waves=0.1 * torch.randn(pairs, samples, generator=generator),
            wave_lengths=torch.full((pairs,), samples),
            tokens=torch.randint(3, vocab, (pairs, tokens), generator=generator),
            token_lengths=torch.full((pairs,), tokens),
            text_ids=torch.arange(pairs),
            true_ids=torch.arange(pairs)[:, None],
            keys=tuple(map(str, range(pairs))),
        )


def from_shards(setting: Setting, folder: Path, pairs: int, threads: int) -> Batches:
    """What the loader makes of shards."""
    data = DataConfig(folders=(str(folder),), batch=pairs, threads=threads)
    index = Batches.choose(Index.open(folder), data)
    rate, limit = setting.recipe.model.audio.mel.rate, setting.recipe.model.text.limit
    return Batches(index, Tokens.bytes_only(), data, rate=rate, text_limit=limit)


def largest(fits: Callable[[int], bool], most: int, grain: int = 8) -> int:
    """The largest batch that fits, a multiple of `grain`: by doubling, then by halving the rest.

    >>> largest(lambda pairs: pairs <= 179, 4096), largest(lambda pairs: True, 64)
    (176, 64)
    """
    low = grain
    if not fits(low):
        return 0
    while low < most and fits(2 * low):
        low *= 2
    high = min(2 * low, most + grain)
    while high - low > grain:
        middle = (low + high) // 2 // grain * grain
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def fits_in_memory(setting: Setting, seconds: float, tokens: int) -> Callable[[int], bool]:
    """Whether a step of so many pairs, augmentation and features included, fits into the device."""

    def fits(pairs: int) -> bool:
        try:
            # With gradients, moments and all: the second step has everything that a later one has.
            step, stream = Step(setting, compiled=False), made_up(setting, pairs, seconds, tokens)
            for _ in range(2):
                step.run(stream)
        except torch.OutOfMemoryError:
            return False
        finally:
            step = stream = None  # type: ignore[assignment]
            torch.cuda.empty_cache()
        return True

    return fits


def in_batches(setting: Setting, pairs: int) -> Setting:
    """The same with batches of another size."""
    recipe = setting.recipe
    return replace(setting, recipe=replace(recipe, data=replace(recipe.data, batch=pairs)))
