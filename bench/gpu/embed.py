"""Embedding on an accelerator: hours of audio a second, from shards to rows and from memory.

    python -m bench.gpu.embed [--recipe clara_100m clara_600m] [--batch N] [--clips 4096]

Beside the whole way, `clara.embed.embed_index` and a table on disk, stand its parts alone: the
threads that read and decode, and the network on waves that the device already has.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from bench import _clips, _flops
from bench.__main__ import write
from bench._timing import Table, figure
from bench.gpu._device import Setting, parser, wait
from clara import embed as embedding
from clara import embeddings
from clara.checkpoint import About
from clara.embed import Clara, embed_index
from clara.model import ClaraModel
from clara.shards import Index
from clara.text.tokens import Tokens

SECONDS, TOKENS = _clips.SECONDS, 32


def measure(setting: Setting, index: Index, rounds: int) -> dict[str, float]:
    """Seconds of audio a second of the whole way and of each part, best of some rounds."""
    torch.manual_seed(0)
    model = ClaraModel(setting.recipe.model).to(setting.device).eval()
    encoder = Clara(model, Tokens.bytes_only(), About(), setting.batch or 16, "bf16-mixed")
    rate = encoder.rate
    waves = 0.1 * torch.randn(encoder.batch, SECONDS * rate, device=setting.device)
    lengths = torch.full((len(waves),), SECONDS * rate, device=setting.device)

    def to_disk() -> int:
        with tempfile.TemporaryDirectory() as name:
            embeddings.save(embed_index(encoder, index), Path(name) / "rows.parquet")
        return len(index)

    def decode() -> int:
        with ThreadPoolExecutor(embedding.READERS) as readers:
            for _ in readers.map(lambda row: index.sample(row, rate=rate), range(len(index))):
                pass
        return len(index)

    def network() -> int:
        half = torch.autocast(setting.device.type, torch.bfloat16)
        with torch.inference_mode(), half:
            for _ in range(4):
                model.embed_audio(waves, lengths)
        wait(setting.device)
        return 4 * len(waves)

    return {
        "whole": best(to_disk, rounds) * SECONDS,
        "decode": best(decode, rounds) * SECONDS,
        "network": best(network, rounds) * SECONDS,
    }


def best(work: Callable[[], int], rounds: int) -> float:
    """Units a second, the best of some rounds after one to get warm."""
    found = 0.0
    for turn in range(rounds + 1):
        begun = time.perf_counter()
        units = work()
        found = max(found, units / (time.perf_counter() - begun) * bool(turn))
    return found


def main(words: list[str] | None = None) -> None:
    made = parser(__doc__)
    made.add_argument("--clips", type=int, default=0, help="in the shards")
    made.add_argument("--rounds", type=int, default=2)
    options = made.parse_args(words)
    clips = options.clips or (4096 if options.device == "cuda" else 64)
    settings = [Setting.of(options, name) for name in options.recipe]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        _clips.write(Path(name), clips)
        index = Index.open(Path(name))
        for setting in settings:
            found = measure(setting, index, options.rounds)
            each = _flops.of(setting.recipe.model, SECONDS, TOKENS).audio
            hours = [figure(found[what] / 3600) for what in ("whole", "decode", "network")]
            rate = figure(found["network"] / SECONDS * each / 1e12)
            bound = "reading and decoding" if found["decode"] < found["network"] else "the network"
            rows.append([setting.title, *hours, rate, bound])
    table = Table(
        title="Embedding on an accelerator",
        text=(
            f"Hours of audio a second, clips of {SECONDS} s at 48 kHz, bfloat16, one device, "
            f"{settings[0].batch or 16} clips at a time. From {clips:,} clips in shards to a table "
            f"of rows on disk; and alone, the {embedding.READERS} threads that read and decode, "
            "and features and network on waves that lie on the device. "
            f"{settings[0].about()}"
        ),
        columns=[
            *("", "shards to rows", "reading and decoding", "the network"),
            *("TFLOP/s of the network", "what the whole way waits for"),
        ],
        rows=rows,
    )
    print(table.markdown())
    write(options.out, table.markdown())


if __name__ == "__main__":
    main()
