"""From files to unit rows, beside transformers' `ClapModel` with its own feature extractor.

Weights are random, since speed does not depend on them. Run `python -m bench.embed`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench import _clap, _clips, _flops
from bench._timing import Report, figure, machine, main, take_turns
from clara.audio import io
from clara.checkpoint import About
from clara.embed import Clara, Precision
from clara.model import ClaraModel
from clara.recipes import clara_100m, tiny
from clara.text.tokens import Tokens
from clara.train import Recipe

THREADS = 2
CLIPS = 16
OURS = "CLARA, `tiny`"
LARGE = "CLARA, `clara_100m`, bf16"
CLAP = "`ClapModel`, bf16"


def ours(recipe: Recipe, precision: Precision = "32-true") -> Clara:
    torch.manual_seed(0)
    tokens, about = Tokens.bytes_only(), About()
    return Clara(ClaraModel(recipe.model).eval(), tokens, about, precision=precision)


def by_clap(half: bool) -> Callable[[Sequence[Path]], torch.Tensor]:
    model, extract = _clap.model().eval(), _clap.extractor()
    readers = ThreadPoolExecutor(THREADS)

    def run(paths: Sequence[Path]) -> torch.Tensor:
        waves = [wave for wave, _ in readers.map(lambda path: soundfile.read(path), paths)]
        inputs = _clap.features(extract, waves)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            return model.get_audio_features(**inputs)

    return run


def report(rounds: int) -> Report:
    """Measures clips per second."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{number}.flac" for number in range(CLIPS)]
        for number, path in enumerate(paths):
            path.write_bytes(io.encode_flac(_clips.wave(number), _clips.RATE))

        def over(embed: Callable[[Sequence[Path]], object], count: int) -> Callable[[], int]:
            def run() -> int:
                embed(paths[:count])
                return count

            return run

        small, large = ours(tiny()), ours(clara_100m(), "bf16-mixed")
        clap, exact = by_clap(half=True), by_clap(half=False)
        with FlopCounterMode(display=False) as counter:
            clap(paths[:1])
        clap_counted = counter.get_total_flops()
        speeds = take_turns(
            {
                OURS: over(small.audio, CLIPS),
                LARGE: over(large.audio, CLIPS),
                CLAP: over(clap, CLIPS),
                "`ClapModel`, fp32": over(exact, CLIPS // 2),
                "CLARA, `tiny`, a file alone": over(small.audio, 1),
                "`ClapModel`, bf16, a file alone": over(clap, 1),
                "decoding alone": over(_decode, CLIPS),
            },
            rounds,
        )
    ratio = statistics.median(
        mine / theirs for mine, theirs in zip(speeds[LARGE], speeds[CLAP], strict=True)
    )
    counted = _flops.of(clara_100m().model, _clips.SECONDS, tokens=1).audio
    alone = 1000 / statistics.median(speeds["CLARA, `tiny`, a file alone"])
    return Report(
        title="Embedding",
        text=(
            f"Files of {_clips.SECONDS} s at 48 kHz (FLAC) to unit rows, {CLIPS} together, on "
            f"{THREADS} threads, random weights. Decoding, resampling and "
            "features are part of it; `ClapModel` has its own extractor, without fusion, and "
            f"waves from soundfile in {THREADS} threads. `tiny` runs in float32. "
            f"{machine('torch', 'transformers', 'soundfile')}"
        ),
        unit="clips/s",
        ours=OURS,
        speeds=speeds,
        notes=[
            f"A file alone takes `tiny` {figure(alone)} ms, decoding included. The floor of `tiny` "
            "is the last row, two threads that decode and do nothing else.",
            f"`clara_100m` makes {figure(ratio)} times the clips of `ClapModel` in a second. Its "
            f"audio tower takes {figure(counted / 1e9)} GFLOP for a clip, ten layers over 512 "
            "latents with 16 heads of 64, which the paper prescribes; the Swin transformer of "
            f"`ClapModel` takes {figure(clap_counted / 1e9)}.",
        ],
    )


def _decode(paths: Sequence[Path]) -> None:
    with ThreadPoolExecutor(THREADS) as readers:
        list(readers.map(io.load, paths))


if __name__ == "__main__":
    main(report)
