"""What a pair costs, measured on one core here."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from bench import _clips, _flops
from bench._memory import held
from bench.gpu._step import AUGMENT
from clara.audio.mel import LogMel
from clara.augment import Chain, Dice
from clara.batches import Batches, DataConfig
from clara.loss import contrastive_loss
from clara.model import ClaraModel
from clara.prepare.run import prepare
from clara.recipes import clara_100m
from clara.shards import Index
from clara.text.tokens import Tokens

RECIPE, TOKENS = clara_100m(), 32
GIB = 2**30
CLIPS, BATCH, BATCHES = 128, 16, 24


@dataclass(frozen=True)
class Costs:
    """What was measured, in seconds of one core unless said.

    Attributes:
        prepare: A second of a recording to FLAC, `clara prepare`.
        load: A clip through the loader, whatever its length; this holds the interpreter.
        decode: A second of audio through the loader, beside that.
        mel: Features of a second.
        augment: Augmentation of a second.
        flops: Operations a second of one core in a training step, as `_flops` counts them.
        vocabulary: A caption, when the vocabulary is made.
        flac: Bytes of a second in a shard.
        order: Seconds that the order of an epoch takes for each row.
        held: Bytes of memory for each row of an index.
        peak: The same while an order is made.
    """

    prepare: float
    load: float
    decode: float
    mel: float
    augment: float
    flops: float
    vocabulary: float
    flac: float
    order: float
    held: float
    peak: float


def core_seconds(work: Callable[[], object]) -> float:
    """Seconds of computing, the least of two after one to get warm."""
    took = []
    for _ in range(3):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took[1:])


def measure(page: Path) -> Costs:
    """A minute or so of measurements, on one thread; the index as the page tells of it."""
    torch.set_num_threads(1)
    order, held_, peak = index_figures(page, held() * 2**20)
    rate = _clips.RATE
    chain, mel = Chain.parse(AUGMENT), LogMel(RECIPE.model.audio.mel)
    waves, lengths = 0.1 * torch.randn(4, 10 * rate), torch.full((4,), 10 * rate)
    dice = Dice.roll(torch.Generator().manual_seed(0), 4)
    texts = [f"a sound of {number % 977} and {number % 1009}" for number in range(20_000)]
    with tempfile.TemporaryDirectory() as name:
        loads = []
        for seconds in (1, 10):
            folder = Path(name) / str(seconds)
            _clips.write(folder, CLIPS, seconds, different=16)
            loads.append(core_seconds(_loader(folder)) / (BATCHES * BATCH))
        flac = sum(path.stat().st_size for path in folder.glob("*.tar")) / CLIPS / 10
        decode = (loads[1] - loads[0]) / 9
        index = Index.open(folder)
        said = core_seconds(lambda: [index.texts(row) for row in range(CLIPS)]) / CLIPS
        turns = itertools.count()
        made = core_seconds(lambda: _prepare(Path(name), 16, next(turns))) / 160
    return Costs(
        prepare=made,
        load=max(loads[0] - decode, 0.0),
        decode=decode,
        mel=core_seconds(lambda: mel(waves, lengths)) / 40,
        augment=core_seconds(lambda: chain.on_batch(waves, lengths, rate, dice)) / 40,
        flops=2 * _flops.of(RECIPE.model, 10.0, TOKENS).training / core_seconds(_step()),
        vocabulary=said + core_seconds(lambda: Tokens.train(texts, 4000)) / len(texts),
        flac=flac,
        order=order,
        held=held_,
        peak=peak,
    )


def _loader(folder: Path) -> Callable[[], None]:
    """Takes batches from shards, on one thread; two more are begun and are not counted."""
    data = DataConfig(folders=(str(folder),), batch=BATCH, threads=1)
    batches = Batches(Index.open(folder), Tokens.bytes_only(), data, rate=_clips.RATE)

    def take() -> None:
        stream = batches.stream()
        for _ in range(BATCHES):
            next(stream)
        stream.close()

    return take


def _prepare(folder: Path, clips: int, turn: int) -> None:
    source = folder / "source"
    if not source.exists():
        source.mkdir()
        for number in range(clips):
            wave = np.stack([_clips.wave(number), _clips.wave(number + 1)], 1)[: 10 * 44_100]
            soundfile.write(source / f"{number}.wav", wave, 44_100)
        lines = ["path,text", *(f"{number}.wav,sound {number}" for number in range(clips))]
        (source / "manifest.csv").write_text("\n".join(lines))
    prepare("folder", source, folder / f"out{turn}", workers=1)


def _step() -> Callable[[], None]:
    """A training step on two pairs."""
    torch.manual_seed(0)
    model = ClaraModel(RECIPE.model).train()
    mel, frames = torch.randn(2, 80, 938), torch.tensor([938, 938])
    tokens, lengths = torch.randint(3, 999, (2, TOKENS)), torch.full((2,), TOKENS)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            audio = model.audio_head(model.audio.encode(mel, frames))
            text = model.embed_text(tokens, lengths)
        contrastive_loss(audio, text, model.scales(), torch.arange(2)).backward()

    return step


def index_figures(page: Path, empty: float) -> tuple[float, float, float]:
    """Of each row: seconds for the order, bytes held and bytes at most, as `bench.index` wrote.

    Args:
        page: docs/performance.md.
        empty: Bytes that Python, torch and the package hold, which no row costs.
    """
    section = page.read_text().partition("## An index of 20 million samples")[2].partition("\n## ")
    rows = [line.split("|")[2:7] for line in section[0].splitlines() if "| as they come |" in line]
    order = [float(row[1]) for row in rows if row[0].strip() == "the order of an epoch"]
    if not order:
        raise SystemExit(f"Expected the order of an epoch in {page}; run `python -m bench index`.")
    held, peak = (max(float(row[column]) for row in rows) * GIB - empty for column in (3, 4))
    return order[0] / 20e6, held / 20e6, peak / 20e6
