"""Several processes: as one, however they are started, and together in their end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from clara import checkpoint, launch
from clara.configs import to_json
from clara.errors import UsageError
from clara.train import Recipe, train

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]

# A program that trains by a recipe that it is told as JSON; each rank says who it is, then rank 0
# each step, and ends after that of `last`. In the rank `spoilt`, a row of step 3 is no number.
PROGRAM = """
import json, os, sys
import torch
from clara.configs import from_json
from clara.model import ClaraModel
from clara.train import Recipe, train
torch.set_num_threads(1)
recipe, run, devices, last, spoilt = sys.argv[1:]
print("rank", os.environ.get("LOCAL_RANK", "0"), os.getpid(), flush=True)
if os.environ.get("LOCAL_RANK", "0") == spoilt:
    whole, calls = ClaraModel.embed_audio, []
    def broken(self, waves, lengths):
        calls.append(1)
        waves[1] = torch.nan if len(calls) == 3 else waves[1]
        return whole(self, waves, lengths)
    ClaraModel.embed_audio = broken
def watch(progress):
    print("step", progress.step, flush=True)
    if progress.step == int(last):
        os._exit(9)
train(from_json(Recipe, json.loads(recipe)), run, devices=int(devices) or None, watch=watch)
"""


@pytest.fixture
def recipe(toy: Recipe) -> Recipe:
    """Without dice of its own, since each rank throws its own."""
    audio = replace(toy.model.audio, keep=1.0, dropout=0.0)
    model = replace(toy.model, audio=audio, text=replace(toy.model.text, dropout=0.0))
    config = replace(toy.train, steps=6, log_every=1, save_every=2)
    return replace(toy, model=model, train=config)


def begin(
    folder: Path, recipe: Recipe, devices: int = 2, torchrun: bool = False, **changes: str
) -> subprocess.Popen[str]:
    program = folder / "program.py"
    program.write_text(PROGRAM)
    starter = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
    words = [json.dumps(to_json(recipe)), str(folder / "run"), "0" if torchrun else str(devices)]
    words += [changes.get("last", "0"), changes.get("spoilt", "")]
    return subprocess.Popen(
        [sys.executable, *(starter if torchrun else []), str(program), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def losses(run: Path) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def assert_same_run(one: Path, other: Path) -> None:
    assert losses(one) == pytest.approx(losses(other), abs=1e-4)
    ends = [load_file(checkpoint.latest(run) / "model.safetensors") for run in (one, other)]
    assert_close(ends[1], ends[0], atol=1e-4, rtol=0)


def until(process: subprocess.Popen[str], step: int) -> dict[str, int]:
    """Reads until the step was done; the process of each rank."""
    ranks = {}
    for line in process.stdout:
        what, number, *rest = line.split()
        if what == "rank":
            ranks[number] = int(rest[0])
        elif int(number) >= step:
            return ranks
    raise AssertionError(process.stderr.read())


def test_torchrun_and_other_numbers_of_ranks_are_as_one(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "one")
    # Two ranks by torchrun, then one, then two of its own, each for two steps of the six.
    for devices, torchrun, last in ((2, True, "2"), (1, False, "4"), (2, False, "0")):
        process = begin(tmp_path, recipe, devices, torchrun, last=last)
        said, complaints = process.communicate(timeout=120)
        assert (process.returncode == 0) == (last == "0"), complaints
        assert said.splitlines()[-1] == f"step {last if last != '0' else 6}"
    assert_same_run(tmp_path / "run", tmp_path / "one")


@pytest.mark.parametrize("victim", ["0", "1"])
def test_a_rank_that_dies_ends_the_others(recipe: Recipe, tmp_path: Path, victim: str) -> None:
    recipe = replace(recipe, train=replace(recipe.train, steps=100_000))
    process = begin(tmp_path, recipe)
    ranks = until(process, 3)
    began = time.monotonic()
    os.kill(ranks[victim], signal.SIGKILL)
    _, said = process.communicate(timeout=60)  # the pipes end with the last of the processes
    assert time.monotonic() - began < 60
    assert process.returncode != 0
    assert f"because rank {victim} of 2 ended before the others" in said
    assert checkpoint.load(tmp_path / "run")[2].step >= 2


def test_what_spoils_a_loss_is_named_by_its_rank(recipe: Recipe, tmp_path: Path) -> None:
    process = begin(tmp_path, recipe, spoilt="1")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    sentences = [line for line in said.splitlines() if "Expected a finite loss" in line]
    assert sentences
    for sentence in sentences:
        assert "at step 3, in the batch with folder/" in sentence
        assert " and " not in sentence.partition(". Look")[0], "more than the one row is named"
    assert checkpoint.load(tmp_path / "run")[2].step == 2


def test_who_has_started_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch._started() == ("", (None, None))
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("SLURM_NNODES", "2")
    monkeypatch.setenv("SLURM_JOB_NAME", "clara")
    assert launch._started() == ("srun", (4, 2))
    with pytest.raises(UsageError, match="Expected --devices 4, since srun started as many"):
        launch.start("32-true", devices=2)
    # torchrun can be used inside of SLURM.
    for name, value in (
        ("TORCHELASTIC_RUN_ID", "a"),
        ("WORLD_SIZE", "6"),
        ("LOCAL_WORLD_SIZE", "3"),
    ):
        monkeypatch.setenv(name, value)
    assert launch._started() == ("torchrun", (3, 2))
    with pytest.raises(UsageError, match="Expected --nodes 2, since torchrun started as many"):
        launch.start("32-true", nodes=3)


def test_several_machines_want_a_starter() -> None:
    with pytest.raises(UsageError, match=r"torchrun --nnodes 2 .* or with `srun`"):
        launch.start("32-true", nodes=2)


def test_the_command_takes_its_numbers_from_torchrun(tones: Path, tmp_path: Path) -> None:
    starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = ["-m", "clara.cli", "train", "tiny", "--data", str(tones), "--out", str(tmp_path)]
    done = subprocess.run(
        [*starter, *words, "--devices", "1"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert "Expected --devices 2, since torchrun started as many, but found 1" in done.stderr
