"""Several processes: as one, however they are started, and together in their end."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from safetensors.torch import load_file
from torch.testing import assert_close

import clara
from clara import checkpoint, launch
from clara.audio import io
from clara.batches import Batches
from clara.cli._progress import is_first
from clara.configs import to_json
from clara.errors import UsageError
from clara.prepare.run import prepare
from clara.shards import Index
from clara.text.tokens import Tokens
from clara.train import Progress, Recipe, train

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

# A program that trains by the recipes that it is told; each rank says who it is, and rank 0 each
# step. `keys` is a folder for the keys of each batch. What goes wrong in a rank is told by `nan`
# (the rank whose row 1 of the batch of step 3 is no number), by `strict` (the one that allows no
# bad record), and by `slow` of a job (seconds that a validation takes).
PROGRAM = """
import json, os, sys, time
from datetime import timedelta
import torch
from clara import batches, checkpoint
from clara.configs import from_json
from clara.skips import Skips
from clara.train import Recipe, train
torch.set_num_threads(1)
checkpoint.KEEP = 9
told = json.loads(sys.argv[1])
sys.modules["torch.utils.tensorboard"] = None  # takes seconds to import
stream = batches.Batches.stream
def watched(self, start=0):
    rank = self._places.start
    if "timeout" in told:
        # Shorter than torch needs for the start.
        limit = timedelta(seconds=told["timeout"])
        torch.distributed.distributed_c10d._set_pg_timeout(limit, torch.distributed.group.WORLD)
    for number, batch in enumerate(stream(self, start), start):
        if "keys" in told:
            with open(f"{told['keys']}/{number}-{rank}", "w") as file:
                file.write("\\n".join(batch.keys))
        if rank == told.get("nan") and number == 2:
            batch.waves[1] = torch.nan
        yield batch
batches.Batches.stream = watched
def main():
    for job in told["jobs"]:
        rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
        if rank == str(told.get("strict")):
            batches.Skips = lambda: Skips(allowed=0.0, patience=1)
        print("rank", rank, os.getpid(), flush=True)
        validators = {"slow": lambda encoder: time.sleep(job["slow"]) or {"sum": encoder.text(
            ["a"]).sum()}} if "slow" in job and rank == "0" else None
        train(from_json(Recipe, job["recipe"]), job["run"], devices=job.get("devices"),
            strategy=job.get("strategy", "ddp"), validators=validators,
            watch=lambda progress: print("step", progress.step, flush=True))
"""
# As a program whose errors are shown as those of the command.
PROGRAM += """
import clara.cli.__main__ as program
program._run = lambda words: main()
sys.exit(program.main([]))
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
ROOT = Path(clara.__file__).parents[1]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def begin(
    folder: Path, *jobs: dict[str, Any], torchrun: int = 0, **told: Any
) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [
            *([*TORCHRUN, str(torchrun)] if torchrun else [sys.executable]),
            str(folder / "program.py"),
            json.dumps({"jobs": jobs, **told}, default=str),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def job(recipe: Recipe, run: Path, **told: Any) -> dict[str, Any]:
    return {"recipe": to_json(recipe), "run": run, **told}


def done(process: subprocess.Popen[str]) -> str:
    said, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, complaints
    return said


def complaint(process: subprocess.Popen[str], code: int = 1) -> str:
    """The one line on stderr that is not torchrun's own report."""
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == code, complaints
    (line,) = re.findall(r"^error: (.*)$", complaints, re.MULTILINE)
    return str(line)


@pytest.fixture
def recipe(toy: Recipe) -> Recipe:
    """Without dice of its own, since each rank throws its own."""
    audio = replace(toy.model.audio, keep=1.0, dropout=0.0)
    model = replace(toy.model, audio=audio, text=replace(toy.model.text, dropout=0.0))
    config = replace(toy.train, steps=6, accumulate=2, log_every=1, save_every=2)
    return replace(toy, model=model, train=config)


def metrics(run: Path, *names: str) -> list[list[float]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [[float(row[name] or 0) for name in names] for row in csv.DictReader(file)]


def assert_same_run(one: Path, other: Path) -> None:
    names = ("step", "loss", "norm", "rate", "scale_audio", "scale_text")
    np.testing.assert_allclose(metrics(other, *names), metrics(one, *names), rtol=2e-4)
    for name in ("model", "state"):
        ends = [load_file(checkpoint.latest(run) / f"{name}.safetensors") for run in (one, other)]
        assert_close(ends[1], ends[0], atol=1e-4, rtol=0)


def back_to(run: Path, step: int) -> None:
    """Takes away all checkpoints but that of a step, as if the run had been stopped there."""
    folder = run / "checkpoints"
    for path in folder.iterdir():
        if path.name != f"step-{step:08d}":
            shutil.rmtree(path)
    assert checkpoint.latest(run)


def keys_of(folder: Path, world: int) -> list[list[str]]:
    """The keys of each batch as they are in the order of one process."""
    found = []
    while (folder / f"{len(found)}-0").exists():
        parts = [(folder / f"{len(found)}-{rank}").read_text().split() for rank in range(world)]
        found.append([key for row in zip(*parts, strict=True) for key in row])
    return found


def expected_keys(recipe: Recipe, count: int) -> list[list[str]]:
    index = Batches.choose(Index.open(*recipe.data.folders), recipe.data)
    stream = Batches(index, Tokens.bytes_only(), recipe.data, rate=8000).stream()
    found = [list(next(stream).keys) for _ in range(count)]
    stream.close()
    return found


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 1, 2, 8, 8, and 8 clips: 27, which neither two ranks share nor three batches."""
    folder = tmp_path_factory.mktemp("uneven")
    rng = np.random.default_rng(0)
    for corpus, count in (("one", 1), ("two", 2), ("many", 24)):
        (folder / corpus).mkdir()
        lines = ["path,text,split"]
        for number in range(count):
            wave = rng.normal(0, 0.1, 800 * (1 + number)).astype(np.float32)
            (folder / corpus / f"{number}.flac").write_bytes(io.encode_flac(wave, 8000))
            lines.append(f"{number}.flac,sound {corpus} {number},train")
        (folder / corpus / "manifest.csv").write_text("\n".join(lines))
        shards = folder / "shards" / corpus
        prepare("folder", folder / corpus, shards, name=corpus, rate=8000, shard_size=8, workers=1)
    assert len(list((folder / "shards").rglob("*.tar"))) == 5
    return folder / "shards"


def test_any_number_of_ranks_is_as_one(recipe: Recipe, uneven: Path, tmp_path: Path) -> None:
    one, run, keys = tmp_path / "one", tmp_path / "run", tmp_path / "keys"
    train(recipe, one)
    expected = expected_keys(recipe, 12)

    # Two ranks by torchrun for two steps, one for the next, and two of its own for the last.
    keys.mkdir()
    said = done(begin(tmp_path, job(recipe, run), torchrun=2, keys=keys))
    assert said.splitlines()[-6:] == [f"step {step}" for step in range(1, 7)]
    assert keys_of(keys, 2)[:12] == expected
    assert_same_run(one, run)
    back_to(run, 2)
    train(recipe, run)
    back_to(run, 4)
    shutil.rmtree(keys)
    keys.mkdir()

    # What was dealt out over two goes on where both have all, and on one. Once, the first takes
    # longer to validate than an operation over both may.
    dealt = tmp_path / "dealt"
    pieces = replace(recipe, train=replace(recipe.train, pieces=2, validate_every=5))
    half = replace(recipe, train=replace(recipe.train, precision="bf16-mixed"))
    odd = replace(recipe, data=replace(recipe.data, folders=(str(uneven),), batch=10))
    said = done(
        begin(
            tmp_path,
            job(recipe, run, devices=2),
            job(recipe, dealt, devices=2, strategy="fsdp", slow=0),
            job(pieces, tmp_path / "pieces", devices=2, slow=4),
            job(pieces, tmp_path / "both", devices=2, strategy="fsdp"),
            job(half, tmp_path / "half", devices=2, strategy="fsdp"),
            job(odd, tmp_path / "odd", devices=2, strategy="fsdp"),
            timeout=3,
            keys=keys,
        )
    )
    assert said.count("step 6") == 6
    assert keys_of(keys, 2)[:12] == expected_keys(odd, 12)
    for name in ("run", "dealt", "pieces", "both"):
        assert_same_run(one, tmp_path / name)
    train(half, tmp_path / "half_one")
    losses = [metrics(tmp_path / name, "loss") for name in ("half_one", "half")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.01)
    train(odd, tmp_path / "odd_one")
    assert_same_run(tmp_path / "odd_one", tmp_path / "odd")
    whole = clara.load(tmp_path / "dealt").text(["a"]).sum()
    assert metrics(dealt, "valid/slow/sum")[-1] == pytest.approx([float(whole)], abs=1e-4)

    for path in (run, dealt):
        back_to(path, 4)
    crossed = (job(recipe, run, devices=2, strategy="fsdp"), job(recipe, dealt, devices=2))
    done(begin(tmp_path, *crossed))
    assert_same_run(one, run)
    assert_same_run(one, dealt)
    back_to(dealt, 4)
    train(recipe, dealt)
    assert_same_run(one, dealt)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_an_epoch_of_uneven_shards(toy: Recipe, uneven: Path, world: int) -> None:
    """All of them together get each clip once, as one process does, and none gets more."""
    data = replace(toy.data, folders=(str(uneven),), batch=6)
    index = Batches.choose(Index.open(uneven), data)
    streams = [
        Batches(index, Tokens.bytes_only(), data, rate=8000, rank=rank, world=world).stream()
        for rank in range(world)
    ]
    steps = Batches(index, Tokens.bytes_only(), data, rate=8000).steps_per_epoch
    found = []
    for _ in range(3 * steps):
        parts = [next(stream).keys for stream in streams]
        assert {len(part) for part in parts} == {6 // world}
        found.append([key for row in zip(*parts, strict=True) for key in row])
    for stream in streams:
        stream.close()
    recipe = replace(toy, data=data)
    assert found == expected_keys(recipe, 3 * steps)
    epochs = [
        Counter(itertools.chain.from_iterable(found[start : start + steps]))
        for start in (0, steps, 2 * steps)
    ]
    assert steps == 4  # of six: three clips are left over, others in each epoch
    assert all(set(epoch.values()) == {1} for epoch in epochs)
    assert len(epochs[0] | epochs[1] | epochs[2]) == 27


@pytest.mark.parametrize("torchrun", [0, 2], ids=["devices", "torchrun"])
@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_dies_ends_the_others(
    recipe: Recipe, tmp_path: Path, victim: int, torchrun: int
) -> None:
    recipe = replace(recipe, train=replace(recipe.train, steps=100_000))
    devices = None if torchrun else 2
    process = begin(tmp_path, job(recipe, tmp_path / "run", devices=devices), torchrun=torchrun)
    ranks = until(process, 3)
    began = time.monotonic()
    os.kill(ranks[victim], signal.SIGKILL)
    # The pipes end with the last of the processes; the first, if it started the others, is dead.
    line = complaint(process, -9 if victim == 0 and not torchrun else 1)
    assert time.monotonic() - began < 60
    assert line.startswith(f"Expected rank {victim} of 2 to go on, but it has died (process ")
    assert str(ranks[victim]) in line
    # What is there is whole, and one process goes on with it.
    step = checkpoint.load(tmp_path / "run")[2].step
    assert step >= 2

    class EnoughError(Exception):
        pass

    def watch(progress: Progress) -> None:
        assert progress.step == step + 1
        raise EnoughError

    with pytest.raises(EnoughError):
        train(recipe, tmp_path / "run", watch=watch)


def test_a_row_that_is_no_number_is_named_by_the_first_alone(
    recipe: Recipe, tmp_path: Path
) -> None:
    process = begin(tmp_path, job(recipe, tmp_path / "run", devices=2), nan=1)
    line = complaint(process)
    # Row 1 of rank 1 is row 3 of the batch; step 2 begins with the third.
    (culprit,) = {expected_keys(recipe, 3)[2][3]}
    assert line.startswith("Expected a finite loss but found nan at step 2, in the batch with ")
    assert f"in the batch with {culprit}. Look at" in line


def test_bad_data_of_one_rank_end_all(recipe: Recipe, tones: Path, tmp_path: Path) -> None:
    shutil.copytree(tones, tmp_path / "shards")
    index = Index.open(tmp_path / "shards")
    for row in np.flatnonzero(index.column("split") == "train")[:20]:
        with Path(index.column("shard")[row]).open("r+b") as file:
            file.seek(int(index.column("audio_offset")[row]))
            file.write(b"not audio at all")
    data = replace(recipe.data, folders=(str(tmp_path / "shards"),))
    recipe = replace(recipe, data=data, train=replace(recipe.train, steps=100_000))
    process = begin(tmp_path, job(recipe, tmp_path / "run"), torchrun=2, strict=1)
    assert complaint(process).startswith("Expected at most 0% bad records but ")


def test_a_rank_that_hangs_ends_all(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, train=replace(recipe.train, steps=100_000))
    process = begin(tmp_path, job(recipe, tmp_path / "run", devices=2), timeout=3)
    ranks = until(process, 1)
    os.kill(ranks[1], signal.SIGSTOP)
    assert "but rank 0 has waited for another for" in complaint(process)
    with pytest.raises(ProcessLookupError):
        os.kill(ranks[1], 0)


def until(process: subprocess.Popen[str], step: int) -> dict[int, int]:
    """Reads until the step was done; the process of each rank."""
    ranks = {}
    assert process.stdout is not None
    for line in process.stdout:
        what, number, *rest = line.split()
        if what == "rank":
            ranks[int(number)] = int(rest[0])
        elif int(number) >= step:
            return ranks
    raise AssertionError(process.communicate()[1])


def test_who_has_started_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch._started() == ("", (None, None))
    slurm = {"NTASKS": 8, "NNODES": 2, "NTASKS_PER_NODE": 4, "JOB_NAME": "clara", "PROCID": 5}
    slurm |= {"LOCALID": 1, "NODEID": 1, "NODELIST": "gpu[07-08]", "JOB_ID": 123456}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    # What Fabric makes of it, where processes would meet.
    there = SLURMEnvironment()
    assert (there.world_size(), there.global_rank(), there.local_rank()) == (8, 5, 1)
    monkeypatch.setenv("MASTER_ADDR", "")  # so that it is put back
    del os.environ["MASTER_ADDR"]
    assert there.main_address == "gpu07"
    assert launch._started() == ("srun", (4, 2))
    assert not is_first()
    with pytest.raises(UsageError, match="Expected --devices 4, since srun started as many"):
        launch.start("32-true", devices=2)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(UsageError, match="--ntasks-per-node"):
        launch.start("32-true")
    # torchrun can be used inside of SLURM, and numbers the processes in its own way.
    world = {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3", "RANK": "0"}
    for name, value in world.items():
        monkeypatch.setenv(name, value)
    assert launch._started() == ("torchrun", (3, 2))
    assert is_first()
    with pytest.raises(UsageError, match="Expected --nodes 2, since torchrun started as many"):
        launch.start("32-true", nodes=3)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(UsageError, match="same --nproc-per-node"):
        launch.start("32-true")


def test_several_machines_want_a_starter() -> None:
    with pytest.raises(UsageError, match=r"torchrun --nnodes 2 .* or with `srun`"):
        launch.start("32-true", nodes=2)


def test_the_commands_of_the_page(tones: Path, tmp_path: Path) -> None:
    (tmp_path / "shards").symlink_to(tones)
    page = (ROOT / "docs" / "cluster.md").read_text()
    commands = re.findall(r"^ {4}((?:clara|torchrun) .*)$", page, re.MULTILINE)
    commands = [line.split() for line in commands if not line.endswith("\\")]
    assert len(commands) == 3
    short = ["--train.steps", "1", "--data.batch", "4", "--train.precision", "32-true"]
    for first, *words in commands:
        program = ["clara.cli"] if first == "clara" else ["torch.distributed.run"]
        ended = subprocess.run(
            [sys.executable, "-m", *program, *words, *short],
            capture_output=True,
            text=True,
            timeout=200,
            env=environment(),
            cwd=tmp_path,
        )
        assert ended.returncode == 0, ended.stderr
        said = [line.split()[0] for line in ended.stderr.splitlines()]
        assert [word for word in said if word in ("The", "Next:")] == ["The", "Next:"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a", "b", "d"]
