"""Memory: the most that each stage takes, and whether training and serving grow with time.

    python -m bench.memory [--minutes 60]

Every stage is a process of its own. Growth is the slope of the resident set over time, by least
squares, with an error that knows that neighbouring samples are alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import soundfile
import torch

from bench import _clips
from bench._memory import held
from bench._timing import Table, figure, machine
from bench.evaluate import FLAT, retrieval
from clara.audio import io
from clara.batches import Batches
from clara.checkpoint import About
from clara.embed import Clara
from clara.model import ClaraModel
from clara.recipes import tiny
from clara.shards import Index
from clara.text.tokens import Tokens
from clara.train import Progress, train

THREADS = 2
CLIPS, STEPS = 192, 6
# A request may hold a clip of any of these lengths, in seconds.
LENGTHS = (0.1, 0.5, 1, 2, 4, 7, 11, 16, 23, 30)
LABELS = ("a dog", "rain", "a woman who speaks", "an engine", "a siren")
STAGES = {
    "prepare": f"`clara prepare`, {CLIPS} recordings of 10 s, one worker",
    "index": f"`clara index`, {CLIPS} clips, one worker",
    "batches": "the loader alone, batches of 96 crops of 3 s for `tiny`",
    "train": f"`clara train tiny`, {STEPS} steps of 96 crops of 3 s",
    "embed": f"`clara embed` by `tiny`, {CLIPS} clips of 10 s",
    "evaluate": "retrieval both ways, 20,000 recordings and 100,000 captions",
}
LONG = {"training": "training `tiny`", "serving": "`Clara.classify` from 2 threads"}


class EnoughError(Exception):
    """The time is over."""


def corpus(folder: Path) -> None:
    """Recordings with a manifest, and shards of the same."""
    (folder / "corpus").mkdir()
    waves = [_clips.wave(seed) for seed in range(8)]
    lines = ["path,text"]
    for number in range(CLIPS):
        soundfile.write(folder / "corpus" / f"{number}.wav", waves[number % 8], _clips.RATE)
        lines.append(f"{number}.wav,a sound of number {number}")
    (folder / "corpus" / "manifest.csv").write_text("\n".join(lines))
    _clips.write(folder / "shards", CLIPS, different=8)


def command(name: str, folder: Path) -> list[str]:
    """What a person types for a stage; what has no command of its own is done by `one`."""
    shards = str(folder / "shards")
    steps = [f"--train.{what}={STEPS}" for what in ("steps", "save-every", "validate-every")]
    words = {
        "prepare": ["folder", str(folder / "corpus"), str(folder / "out"), "--workers=1"],
        "index": [shards, "--corpus=bench", "--workers=1"],
        "train": ["tiny", "--data", shards, "--out", str(folder / "run"), *steps],
        "embed": [shards, "--out", str(folder / "rows.parquet"), "--model", str(folder / "run")],
    }
    if name in words:
        return [sys.executable, "-m", "clara.cli", name, *words[name]]
    return [sys.executable, "-m", "bench.memory", "--one", name, str(folder)]


def most(words: Sequence[str]) -> float:
    """The most MiB that a command holds, or a process that it starts, from start to end."""
    # Linux counts what a process held before it became another program, so a small one starts it.
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    return float(subprocess.check_output([sys.executable, "-c", code, *words], text=True))


def batches(folder: Path) -> None:
    """As many batches as are trained on."""
    data = replace(tiny().data, folders=(str(folder / "shards"),))
    index = Batches.choose(Index.open(*data.folders), data)
    made = Batches(index, Tokens.bytes_only(), data, rate=tiny().model.audio.mel.rate)
    for _ in itertools.islice(made.stream(), STEPS):
        pass


def encoder() -> Clara:
    """`tiny` with random weights."""
    torch.manual_seed(0)
    return Clara(ClaraModel(tiny().model).eval(), Tokens.bytes_only(), About())


def training(folder: Path, until: float) -> None:
    """Trains until it is time to stop."""
    recipe = tiny()
    data = replace(recipe.data, folders=(str(folder / "shards"),), batch=32, max_seconds=1.0)
    schedule = replace(recipe.train, steps=10**9, save_every=500)

    def watch(_: Progress) -> None:
        if time.monotonic() > until:
            raise EnoughError

    with tempfile.TemporaryDirectory() as run, suppress(EnoughError):
        train(replace(recipe, data=data, train=schedule), Path(run) / "run", watch=watch)


def serving(until: float) -> None:
    """Answers questions on clips of all lengths, two at a time, until it is time to stop."""
    model = encoder()
    clips = [io.encode_flac(_clips.wave(0, seconds), _clips.RATE) for seconds in LENGTHS]

    def answer(seed: int) -> None:
        rng = np.random.default_rng(seed)
        while time.monotonic() < until:
            model.classify(clips[rng.integers(len(clips))], LABELS)

    threads = [threading.Thread(target=answer, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watched(name: str, folder: Path, minutes: float) -> dict[str, list[float]]:
    """What this process holds, second by second, while it trains or serves."""
    found: dict[str, list[float]] = {"seconds": [], "held": []}
    begun = time.monotonic()
    until = begun + 60 * minutes

    def sample() -> None:
        for second in itertools.count():
            time.sleep(max(0.0, begun + second - time.monotonic()))
            if time.monotonic() > until:
                return
            found["seconds"].append(time.monotonic() - begun)
            found["held"].append(held())

    watcher = threading.Thread(target=sample)
    watcher.start()
    if name == "training":
        training(folder, until)
    else:
        serving(until)
    watcher.join()
    return found


def slope(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """The slope of a line through values, and its standard error, by Newey and West (1987).

    Neighbours in time are alike, so that there are fewer independent values than values: products
    of errors up to a lag of the square root of their number count with a weight that falls to 0.

    Args:
        times: In order, evenly spaced.
        values: As many.

    >>> slope([0, 1, 2, 3], [5, 7, 9, 11])
    (2.0, 0.0)
    """
    time_, value = np.asarray(times, float), np.asarray(values, float)
    x = time_ - time_.mean()
    spread = (x**2).sum()
    best = float((x * value).sum() / spread)
    moments = x * (value - value.mean() - best * x)
    lags = math.isqrt(len(moments))
    total = (moments**2).sum()
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * (moments[lag:] * moments[:-lag]).sum()
    factor = len(moments) / max(1, len(moments) - 2)
    return best, float(np.sqrt(max(0.0, total) * factor) / spread)


def growth(found: dict[str, list[float]]) -> tuple[float, float]:
    """MiB an hour with its error, after the first quarter, in which a process gets its memory."""
    times, values = np.array(found["seconds"]), np.array(found["held"])
    later = times > times[-1] / 4
    best, error = slope(times[later] / 3600, values[later])
    return best, error


def apart(name: str, folder: Path, minutes: float) -> dict[str, list[float]]:
    """What `watched` finds in a process of its own."""
    words = ["--one", name, str(folder), "--minutes", str(minutes)]
    printed = subprocess.check_output([sys.executable, "-m", "bench.memory", *words], text=True)
    found: dict[str, list[float]] = json.loads(printed)
    return found


def report(minutes: float) -> Table:
    """All stages, then the long ones."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus(folder)
        for stage, what in STAGES.items():
            rows.append([what, figure(most(command(stage, folder))), "–"])
        for long, what in LONG.items():
            found = apart(long, folder, minutes)
            best, error = growth(found)
            rows.append([what, figure(max(found["held"])), f"{best:+.0f} ± {error:.0f}"])
    return Table(
        title="Memory",
        text=(
            f"Resident sets in MiB (Linux), each stage a process of its own, on {THREADS} threads, "
            "Python, torch and the package among it. Growth is the slope of "
            f"the resident set, sampled each second for {figure(minutes)} minutes of which the "
            "first quarter does not count, by least squares, with its standard error for samples "
            "that depend on those before (Newey and West). In the first minutes a process still "
            "gets its memory, so that a run of an hour alone tells of growth. "
            "Training: batches of 32 crops of 1 s, with a checkpoint every 500 steps. Serving: "
            f"clips of {LENGTHS[0]} to {LENGTHS[-1]} s as FLAC at 48 kHz, drawn at random, "
            "five labels. "
            f"{machine('torch', 'pyarrow')}"
        ),
        columns=["", "MiB at most", "grows, MiB an hour"],
        rows=rows,
    )


def one(name: str, folder: Path, minutes: float) -> None:
    """Does what is to be measured, in this process."""
    torch.set_num_threads(THREADS)
    if name in LONG:
        print(json.dumps(watched(name, folder, minutes)))
    elif name == "batches":
        batches(folder)
    else:
        retrieval(20_000, FLAT, 5.98)


def main(words: list[str] | None = None) -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--minutes", type=float, default=0.75, help="of training, and of serving")
    made.add_argument("--rounds", type=int, help="as other benches; here all is measured once")
    made.add_argument("--json", action="store_true", help="print all figures as JSON")
    made.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = made.parse_args(words)
    if options.one:
        one(options.one[0], Path(options.one[1]), options.minutes)
        return
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    table = report(options.minutes)
    print(json.dumps(asdict(table), indent=1) if options.json else table.markdown())


if __name__ == "__main__":
    main()
