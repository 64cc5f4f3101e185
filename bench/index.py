"""An index of 20 million samples: to open it, to draw an epoch, to take a batch, to count it all.

The index is simulated: 22 corpora, 181 languages, 39,000 shards, and columns as real corpora fill
them, with several sounds a clip in those of sounds. Behind the names of the shards of a corpus lies
one small tar, so that samples can be read. Run `python -m bench.index`, or `python -m bench.index
--json` for all figures.
"""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench._timing import FEWEST, Table, figure, machine, main
from clara.batches import Batches
from clara.columns import SCHEMA
from clara.order import DataConfig, epoch_order
from clara.shards import INDEX_NAME, Index, Place, ShardWriter, write_index
from clara.text.tokens import Tokens

ROWS = 20_000_000
SHARD = 512
CORPORA = 22
LANGUAGES = 181
BATCH = 96
STEPS = 500
RATE = 48_000
BALANCES = {"as they come": 1.0, "languages by p ~ n^0.5": 0.5}
STAGES = {
    "open": "`Index.open`, `Batches.choose`, `Batches`",
    "order": "the order of an epoch",
    "first": "the first batch: the columns that say where samples lie",
    "batches": f"{STEPS - 1} more batches",
}
COUNTED = "`clara stats --json`, the whole command"
SOUNDS = 527


def simulate(folder: Path) -> None:
    """Writes the index, and the shards that it names."""
    shares = 1 / np.arange(1, CORPORA + 1)
    counts = np.maximum(SHARD, shares / shares.sum() * ROWS).astype(int)
    write_index(
        (part for corpus, n in enumerate(counts) for part in _parts(folder, corpus, int(n))),
        folder / INDEX_NAME,
    )


def _parts(folder: Path, corpus: int, rows: int) -> Iterator[pa.Table]:
    """The rows of a corpus, many shards at a time."""
    rng = np.random.default_rng(corpus)
    places = _shards(folder, corpus, -(-rows // SHARD))
    # The first half of the corpora is of speech in many languages, the others of sounds.
    speech = corpus < CORPORA // 2
    size = 256 * SHARD
    for first in range(0, rows, size):
        number = np.arange(first, min(first + size, rows))
        n = len(number)
        seconds = rng.gamma(4, 1.5, n).clip(0.5, 30)
        spoken = np.minimum(rng.zipf(1.3, n) - 1, LANGUAGES - 1)
        languages = [f"l{each:03d}" for each in range(LANGUAGES)]
        shard = number // SHARD
        shards = [_shard(corpus, each) for each in range(shard[0], shard[-1] + 1)]
        labels = _labels(rng, speech)
        two = np.arange(0, 2 * n + 1, 2, dtype=np.int32)
        none = np.zeros(n, int)
        columns: dict[str, Any] = {
            "key": _join(f"c{corpus}_recording_", number),
            "corpus": _codes(none, [f"corpus{corpus}"]),
            "split": _codes(np.where(number % 20_000 < 18_000, 0, 1), ["train", "test"]),
            "shard": _codes(shard - shard[0], shards),
            "suffix": _codes(none, ["flac"]),
            "texts": pa.ListArray.from_arrays(two, _sentences(rng, 2 * n)),
            "language": _codes(spoken, languages) if speech else _codes(none, [""]),
            "labels": _codes(rng.integers(0, len(labels), n), labels),
            "source": _join("freesound:", number // 3),
            "speaker": _join("ab" * 16, number // 40) if speech else pa.array([""] * n),
            "licence": _codes(none, ["CC0"]),
            "rate": np.full(n, RATE),
            "frames": (seconds * RATE).astype(np.int64),
            "seconds": seconds,
            "text_chars": np.full(n, 54),
            **{name: places[name][number % SHARD] for name in Place._fields},
        }
        yield pa.table({each.name: pa.array(columns[each.name], each.type) for each in SCHEMA})


def _labels(rng: np.random.Generator, speech: bool) -> list[str]:
    """Sets of labels as some hundred thousand clips have them, of sounds few like another."""
    if speech:
        emotions, ages = ["angry", "happy", "neutral", "sad"], ["twenties", "forties", "sixties"]
        people = itertools.product(("man", "woman"), emotions, ages)
        return [json.dumps({"age": [a], "emotion": [e], "gender": [g]}) for g, e, a in people]
    drawn = np.minimum(rng.zipf(1.2, (SHARD * 16, 3)) - 1, SOUNDS - 1)
    several = {tuple(sorted({f"sound {each}" for each in three})) for three in drawn.tolist()}
    return [json.dumps({"sound": list(sounds)}) for sounds in sorted(several)]


def _shard(corpus: int, number: int) -> str:
    return f"corpus{corpus}/{number:06d}.tar"


def _shards(folder: Path, corpus: int, count: int) -> dict[str, np.ndarray]:
    """A tar under many names, and where its samples lie."""
    tar, audio, places = folder / f"{corpus}.tar", bytes(20_000), []
    with ShardWriter(tar) as shard:
        for number in range(SHARD):
            text = [f"the first text of sample {number}", f"the second text of sample {number}"]
            known = {"key": str(number), "corpus": f"corpus{corpus}", "split": "train"}
            original = {**known, "labels": {"sound": ["sound 1"]}}
            said = {"text": text, "tag": ["sound 1"], "original_data": original}
            places.append(shard.add(str(number), audio, said))
    (folder / f"corpus{corpus}").mkdir()
    for number in range(count):
        (folder / _shard(corpus, number)).symlink_to(tar)
    return {name: np.array([getattr(each, name) for each in places]) for name in Place._fields}


def _codes(codes: np.ndarray, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), names)


def _join(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _sentences(rng: np.random.Generator, count: int) -> pa.Array:
    """Texts of about sixty characters, none like another."""
    words = pa.array([f"{each:05x}" * 2 for each in range(4096)])
    five = [words.take(pa.array(rng.integers(0, 4096, count))) for _ in range(5)]
    return pc.binary_join_element_wise(*five, " ")


def measure(folder: Path, balance: float) -> dict[str, float]:
    """What this process takes for each stage, in seconds and GiB."""
    found: dict[str, float] = {}
    begun = time.perf_counter(), time.process_time()

    def done(stage: str) -> None:
        nonlocal begun
        ended = time.perf_counter(), time.process_time()
        found[f"{stage} s"], found[f"{stage} cpu"] = ended[0] - begun[0], ended[1] - begun[1]
        found[f"{stage} held"], found[f"{stage} peak"] = _memory()
        begun = time.perf_counter(), time.process_time()

    config = DataConfig(batch=BATCH, balance=balance)
    index = Batches.choose(Index.open(folder), config)
    batches = Batches(index, Tokens.train(["a text"], 300), config, rate=RATE)
    done("open")
    order = epoch_order(index, config, 0)
    done("order")
    some = order[len(order) // 2 :]
    _read(index, some[:1])
    done("first")
    times = [_read(index, some[number : number + 1]) for number in range(1, STEPS)]
    done("batches")
    found["median"], found["p99"] = statistics.median(times), float(np.percentile(times, 99))
    assert batches.steps_per_epoch == len(order)
    return found


def count(folder: Path) -> dict[str, float]:
    """What `clara stats` takes from its start to its end, in seconds and GiB."""
    command = [sys.executable, "-m", "clara.cli", "stats", str(folder), "--json"]
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
    return {"s": seconds, "cpu": cpu, "peak": peak}


def _read(index: Index, steps: np.ndarray) -> float:
    begun = time.perf_counter()
    for row in steps.ravel().tolist():
        index.raw(row)
    return time.perf_counter() - begun


def _memory() -> tuple[float, float]:
    """What this process holds now, and the most that it has held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (held,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return held / 2**20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def report(rounds: int) -> Table:
    """Measures each order in fresh processes, as many as there are rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder)
        size = (folder / INDEX_NAME).stat().st_size
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in BALANCES}
        counts: list[dict[str, float]] = []
        for _ in range(rounds := min(rounds, FEWEST)):
            for name, balance in BALANCES.items():
                command = [sys.executable, "-m", "bench.index", "--measure", str(folder)]
                printed = subprocess.check_output([*command, str(balance)], text=True)
                runs[name].append(json.loads(printed))
            printed = subprocess.check_output([*command[:3], "--count", str(folder)], text=True)
            counts.append(json.loads(printed))
    rows, notes = [], []
    for name, figures in runs.items():
        middle = {key: statistics.median(run[key] for run in figures) for key in figures[0]}
        for stage, what in STAGES.items():
            shown = [figure(middle[f"{stage} {each}"]) for each in ("s", "cpu", "held", "peak")]
            rows.append([name, what, *shown])
        notes.append(
            f"{name.capitalize()}, a batch takes {figure(1000 * middle['median'])} ms, 99 of 100 "
            f"at most {figure(1000 * middle['p99'])} ms, and "
            f"{figure(1000 * middle['batches cpu'] / (STEPS - 1))} ms of computing."
        )
    middle = {key: statistics.median(run[key] for run in counts) for key in counts[0]}
    shown = [figure(middle[each]) for each in ("s", "cpu", "peak")]
    rows.append(["all", COUNTED, *shown[:2], "–", shown[2]])
    return Table(
        title="An index of 20 million samples",
        text=(
            f"{CORPORA} corpora, {LANGUAGES} languages, {ROWS // SHARD:,} shards; a simulated "
            f"index of {size / 2**30:.1f} GiB; medians of {rounds} fresh processes for each order. "
            "Memory is the resident set, Python, torch and the package among it. A batch is "
            f"{BATCH} samples as they lie in the shards (key, labels, texts, and 20 kB of audio "
            "each, from the cache of the system), not decoded. Where the machine had other work, "
            f"the seconds of computing tell more. {machine('pyarrow', 'numpy')}"
        ),
        columns=["clips", "stage", "s", "s of computing", "GiB then held", "GiB at most"],
        rows=rows,
        notes=notes,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--count"]:
        print(json.dumps(count(Path(sys.argv[2]))))
    elif sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), float(sys.argv[3]))))
    else:
        main(report)
