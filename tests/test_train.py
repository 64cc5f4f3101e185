"""The loop: it learns, it goes on where it was killed, and it says what went wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

import clara
from clara import checkpoint
from clara.audio import io
from clara.batches import Batches
from clara.configs import to_json
from clara.embed import Clara, embed_index
from clara.errors import CheckpointError, DataError, UnknownNameError, UsageError
from clara.evaluate.run import evaluate
from clara.files import locked
from clara.loss import contrastive_loss
from clara.model import ClaraModel
from clara.prepare.run import prepare
from clara.records import Batch
from clara.shards import INDEX_NAME, Index
from clara.text.tokens import Tokens
from clara.train import Progress, Recipe, TrainConfig, train

pytestmark = pytest.mark.usefixtures("one_thread")

# A script is told the recipe as JSON and the folder; it prints each step.
SCRIPT = """
import json, sys
import torch
from clara.configs import from_json
from clara.train import Recipe, train
torch.set_num_threads(1)
recipe = from_json(Recipe, json.loads(sys.argv[1]))
train(recipe, sys.argv[2], watch=lambda p: print(p.step, flush=True))
"""


def steps_of(recipe: Recipe, steps: int, **changes: Any) -> Recipe:
    return replace(recipe, train=replace(recipe.train, steps=steps, **changes))


def without_dice(recipe: Recipe) -> Recipe:
    audio = replace(recipe.model.audio, keep=1.0, dropout=0.0)
    text = replace(recipe.model.text, dropout=0.0)
    return replace(recipe, model=replace(recipe.model, audio=audio, text=text))


def start(tmp_path: Path, recipe: Recipe, run: Path) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), json.dumps(to_json(recipe)), str(run)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def kill_after(process: subprocess.Popen[str], step: int) -> None:
    """Kills -9 as soon as the process says that it has done the step; it is already further on."""
    with process:
        for line in process.stdout:
            if int(line) >= step:
                process.kill()
                break
    assert process.returncode == -9


def metrics(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curve(run: Path) -> list[tuple[int, str, str]]:
    """What of the metrics does not depend on the clock."""
    return [(int(row["step"]), row["loss"], row["norm"]) for row in metrics(run)]


def assert_same_end(one: Path, other: Path) -> None:
    """The newest checkpoints have the same bytes."""
    ends = [checkpoint.latest(run) for run in (one, other)]
    assert ends[0].name == ends[1].name
    for path in ends[0].iterdir():
        assert path.read_bytes() == (ends[1] / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def whole(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 200 steps in one go."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run = tmp_path_factory.mktemp("runs") / "whole"
    train(toy, run)
    torch.set_num_threads(threads)
    return run


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_same_weights(
    toy: Recipe, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    kill_after(start(tmp_path, toy, run), 83)
    assert checkpoint.latest(run).name == "step-00000080"
    assert len(metrics(run)) == 8
    told: list[Progress] = []
    end = train(toy, run, watch=told.append)
    assert end.name == "step-00000200"
    assert [progress.step for progress in told] == list(range(81, 201))
    assert_same_end(run, whole)
    assert curve(run) == curve(whole)
    assert [step for step, _, _ in curve(run)] == list(range(10, 201, 10))


@pytest.mark.slow
def test_killed_again_and_again_while_it_writes(toy: Recipe, tmp_path: Path) -> None:
    recipe = steps_of(toy, 12, accumulate=2, pieces=3, save_every=1, log_every=1)
    train(recipe, tmp_path / "whole")
    for step in (3, 7):
        kill_after(start(tmp_path, recipe, tmp_path / "run"), step)
        assert checkpoint.load(tmp_path / "run")[2].step >= step - 1
    train(recipe, tmp_path / "run")
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    assert curve(tmp_path / "run") == curve(tmp_path / "whole")
    leftovers = [path for path in (tmp_path / "run").rglob(".*") if path.name != ".lock"]
    assert leftovers == []


def test_the_logs_of_a_run(whole: Path) -> None:
    rows = metrics(whole)
    assert list(rows[0]) == [
        "step",
        "loss",
        "rate",
        "norm",
        "scale_audio",
        "scale_text",
        "epoch",
        "clips_per_second",
    ]
    assert [int(row["step"]) for row in rows] == list(range(10, 201, 10))
    assert float(rows[-1]["epoch"]) == 50  # 48 clips are 4 steps of 12
    assert max(float(row["rate"]) for row in rows) == pytest.approx(3e-3, rel=0.02)
    assert all(float(row["clips_per_second"]) > 0 for row in rows)
    assert list((whole / "tb").glob("events.out.tfevents.*"))
    kept = sorted(path.name for path in (whole / "checkpoints").iterdir())
    assert kept == ["step-00000180", "step-00000200"]


def test_the_curves_that_tensorboard_shows(whole: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = events.EventAccumulator(str(whole / "tb"))
    board.Reload()
    points = board.Scalars("loss")
    assert [point.step for point in points] == list(range(10, 201, 10))
    assert points[-1].value == pytest.approx(float(metrics(whole)[-1]["loss"]), rel=1e-4)


def check_has_learned(run: Path, tones: Path) -> None:
    losses = [float(row["loss"]) for row in metrics(run)]
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    model = clara.load(run)
    index = Index.open(tones).select(splits=["test"])
    names = ["low", "middle", "high", "shrill"]
    texts = model.text([f"a {name} tone" for name in names])
    guesses = (embed_index(model, index).vectors @ texts.T).argmax(1)
    right = [names[guess] == index.labels(i)["sound"][0] for i, guess in enumerate(guesses)]
    assert np.mean(right) > 0.8


def test_it_learns_pitches_by_name(whole: Path, tones: Path) -> None:
    check_has_learned(whole, tones)


@pytest.mark.slow
def test_it_learns_in_bfloat16(toy: Recipe, tones: Path, tmp_path: Path) -> None:
    train(steps_of(toy, 200, precision="bf16-mixed", save_every=200), tmp_path)
    weights = load_file(checkpoint.latest(tmp_path) / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    check_has_learned(tmp_path, tones)


def test_what_a_checkpoint_says_of_itself(whole: Path, toy: Recipe, tones: Path) -> None:
    model = clara.load(whole)
    assert model.name == "toy"
    assert model.about.step == 200
    assert model.about.recipe == json.loads(json.dumps(to_json(toy)))
    assert model.about.seen == {"folder": {"train": 48}}
    assert model.seen("folder", "train") == "trained"
    assert model.seen("folder", "test") == "held-out"
    assert model.tokens.size <= toy.model.text.vocab
    newest = clara.load(checkpoint.latest(whole))
    np.testing.assert_array_equal(newest.text(["a low tone"]), model.text(["a low tone"]))


def test_a_test_is_kept_clean_of_the_sources_of_training(toy: Recipe, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for corpus, split in (("mine", "train"), ("theirs", "test")):
        lines = ["path,text,label.sound,split,source"]
        (tmp_path / corpus).mkdir()
        for number in range(16):
            pitch, name = ((200, "low"), (1200, "high"))[number % 2]
            wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(2400) / 8000)
            wave += 0.01 * rng.normal(size=len(wave))
            audio = io.encode_flac(wave.astype(np.float32), 8000)
            (tmp_path / corpus / f"{number}.flac").write_bytes(audio)
            # Every fourth recording is one that the other corpus has a piece of too.
            source = f"s:{number}" if number % 4 == 0 else f"s:{corpus}{number}"
            lines.append(f"{number}.flac,a {name} tone,{name},{split},{source}")
        (tmp_path / corpus / "manifest.csv").write_text("\n".join(lines))
        prepare("folder", tmp_path / corpus, tmp_path / "shards" / corpus, rate=8000, workers=1)
    data = replace(toy.data, folders=(str(tmp_path / "shards" / "mine"),))
    train(steps_of(replace(toy, data=data), 1), tmp_path / "run")
    model = clara.load(tmp_path / "run")
    assert len(model.sources) == 16
    index = Index.open(tmp_path / "shards" / "theirs")
    results = evaluate(model, index, protocols=["zero_shot", "retrieval"])
    assert len(results.scores) == 2
    for scores in results.scores:
        assert scores.support == 12
        assert scores.detail["overlap"]["source"] == 4
        assert scores.seen == "unseen"


def test_a_run_that_is_done_is_not_done_again(whole: Path, toy: Recipe) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")}
    told: list[Progress] = []
    assert train(toy, whole, watch=told.append) == checkpoint.latest(whole)
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")} == before
    assert len(metrics(whole)) == 20


def test_gradients_are_the_mean_over_the_batches_of_a_step(toy: Recipe, tmp_path: Path) -> None:
    recipe = steps_of(without_dice(toy), 1, accumulate=3)
    recipe = replace(recipe, optim=replace(recipe.optim, clip=1e9, warmup=0))
    train(recipe, tmp_path)
    index = Batches.choose(Index.open(*recipe.data.folders), recipe.data)
    tokens = Tokens.load(tmp_path / "tokenizer.json")
    torch.manual_seed(recipe.train.seed)
    model = ClaraModel(recipe.model).train()
    stream = Batches(index, tokens, recipe.data, rate=8000, text_limit=32).stream()
    losses = []
    for _ in range(3):
        batch = next(stream)
        rows = model(batch.waves, batch.wave_lengths, batch.tokens, batch.token_lengths)
        losses.append(contrastive_loss(*rows, batch.text_ids, batch.true_ids))
    stream.close()
    (sum(losses) / 3).backward()
    state = load_file(checkpoint.latest(tmp_path) / "state.safetensors")
    for name, parameter in model.named_parameters():
        # After one step the first moment of Adam is a tenth of the gradient.
        torch.testing.assert_close(
            state[f"exp_avg/{name}"] * 10, parameter.grad, atol=1e-6, rtol=1e-4
        )
    (row,) = metrics(tmp_path)
    assert float(row["loss"]) == pytest.approx(float(sum(losses).detach() / 3), rel=1e-5)
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert float(row["norm"]) == pytest.approx(float(norm), rel=1e-4)


def test_validators_judge_the_model_and_change_nothing(
    toy: Recipe, tmp_path: Path, tones: Path
) -> None:
    recipe = steps_of(toy, 5, log_every=2, validate_every=3)
    seen = []

    def judge(encoder: Clara) -> dict[str, float]:
        seen.append(encoder.about.step)
        torch.manual_seed(len(seen))
        assert encoder.text(["a low tone"]).shape == (1, 16)
        return {"accuracy": len(seen) / 10}

    train(recipe, tmp_path / "judged", validators={"tones": judge})
    train(recipe, tmp_path / "plain")
    assert_same_end(tmp_path / "judged", tmp_path / "plain")
    found = {int(row["step"]): row["valid/tones/accuracy"] for row in metrics(tmp_path / "judged")}
    assert found == {2: "", 3: "0.1", 4: "", 5: "0.2"}


def test_another_recipe_in_the_same_folder_is_refused(toy: Recipe, whole: Path) -> None:
    other = replace(toy, optim=replace(toy.optim, rate=1e-4), data=replace(toy.data, batch=6))
    before = (whole / "recipe.json").read_text()
    with pytest.raises(UsageError, match=r"differs in data\.batch, optim\.rate; give another"):
        train(other, whole)
    assert (whole / "recipe.json").read_text() == before


def test_two_runs_at_once_in_a_folder_are_refused(toy: Recipe, tmp_path: Path) -> None:
    with (
        locked(tmp_path / ".lock", "it"),
        pytest.raises(UsageError, match="Another run is at work"),
    ):
        train(toy, tmp_path)


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "null"])
def test_a_recipe_that_is_none(toy: Recipe, tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises((CheckpointError, UsageError), match=r"^Expected .*[Gg]ive another --out"):
        train(toy, tmp_path)


def test_a_folder_that_holds_a_model_is_refused(toy: Recipe, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint.latest(whole), tmp_path / "model")
    with pytest.raises(UsageError, match="but it is a model; give another --out"):
        train(toy, tmp_path / "model")


def test_other_data_than_a_run_was_begun_with_are_refused(
    toy: Recipe, whole: Path, tmp_path: Path, tones: Path
) -> None:
    shutil.copytree(tones, tmp_path / "shards")
    shutil.copytree(whole, tmp_path / "run")
    recipe = replace(toy, data=replace(toy.data, folders=(str(tmp_path / "shards"),)))
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(to_json(recipe)))
    assert train(recipe, tmp_path / "run").name == "step-00000200"
    path = tmp_path / "shards" / INDEX_NAME
    rows = pq.read_table(path)
    gone = rows["split"].to_pylist().index("train")
    pq.write_table(rows.take([i for i in range(len(rows)) if i != gone]), path)
    with pytest.raises(UsageError, match=r"the data that .* was begun with"):
        train(recipe, tmp_path / "run")


def test_a_file_where_the_folder_should_be(toy: Recipe, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(DataError, match=r"^Expected to write "):
        train(toy, tmp_path / "runs" / "a")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"folders": ("/nowhere",)}, UsageError),
        ({"folders": ()}, UsageError),
        ({"corpora": ("fodler",)}, UnknownNameError),
        ({"splits": ("nothing",)}, UnknownNameError),
        ({"batch": 1000}, UsageError),
        ({"exclude": ("folder/train",)}, UsageError),
    ],
)
def test_data_that_are_not_there(
    toy: Recipe, tmp_path: Path, data: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        train(replace(toy, data=replace(toy.data, **data)), tmp_path / "run")
    assert not checkpoint.latest(tmp_path / "run")


def test_no_devices(toy: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one device"):
        train(toy, tmp_path, devices=0)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"accumulate": 0},
        {"pieces": 0},
        {"save_every": 0},
        {"log_every": -1},
        {"seed": -1},
    ],
)
def test_settings_that_make_no_sense(change: dict[str, int]) -> None:
    (name,) = change
    with pytest.raises(UsageError, match=f"^Expected {name} to be from"):
        TrainConfig(**change)


def with_a_bad_batch(monkeypatch: pytest.MonkeyPatch, step: int, level: float) -> None:
    """Makes one clip of one step so loud that no float32 holds its power."""
    stream = Batches.stream

    def spoilt(self: Batches, start: int = 0) -> Iterator[Batch]:
        for number, batch in enumerate(stream(self, start), start=start):
            if number + 1 == step:
                batch.waves[4] = level
            yield batch

    monkeypatch.setattr(Batches, "stream", spoilt)


def test_a_loss_that_is_no_number_stops_with_step_and_keys(
    toy: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = steps_of(toy, 10, save_every=2)
    index = Batches.choose(Index.open(*recipe.data.folders), recipe.data)
    stream = Batches(index, Tokens.bytes_only(), recipe.data, rate=8000).stream(4)
    culprit = next(stream).keys[4]
    stream.close()
    with_a_bad_batch(monkeypatch, 5, 1e30)
    with pytest.raises(
        DataError, match=r"^Expected a finite loss but found nan at step 5,"
    ) as error:
        train(recipe, tmp_path)
    assert f"the batch with {culprit}. Look at these clips" in str(error.value)
    assert "--optim.rate" in str(error.value)
    assert checkpoint.load(tmp_path)[2].step == 4
    # The run goes on when the cause is mended.
    monkeypatch.undo()
    assert train(recipe, tmp_path).name == "step-00000010"


def test_a_gradient_that_is_no_number_leaves_the_weights_alone(
    toy: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = steps_of(toy, 4, save_every=1)
    scales = ClaraModel.scales
    calls = []

    def spoilt(self: ClaraModel) -> torch.Tensor:
        calls.append(1)
        out = scales(self)
        if out.requires_grad and len(calls) > 3:
            out.register_hook(lambda gradient: gradient * float("inf"))
        return out

    monkeypatch.setattr(ClaraModel, "scales", spoilt)
    with pytest.raises(
        DataError, match=r"finite gradient but found \w+ at step \d,.* and 8 more\."
    ):
        train(recipe, tmp_path)
    weights = load_file(checkpoint.latest(tmp_path) / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_bad_records_are_counted_and_told(toy: Recipe, tmp_path: Path, tones: Path) -> None:
    shutil.copytree(tones, tmp_path / "shards")
    recipe = replace(toy, data=replace(toy.data, folders=(str(tmp_path / "shards"),)))
    index = Index.open(tmp_path / "shards")
    row = int(np.flatnonzero(index.column("split") == "train")[0])
    with Path(index.column("shard")[row]).open("r+b") as file:
        file.seek(int(index.column("audio_offset")[row]))
        file.write(b"not audio at all")
    told: list[Progress] = []
    train(steps_of(recipe, 4), tmp_path / "run", watch=told.append)
    assert told[-1].skipped >= 1
    assert [progress.step for progress in told] == [1, 2, 3, 4]


def test_a_broken_checkpoint_is_said_to_be_one(toy: Recipe, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    path = checkpoint.latest(tmp_path / "run") / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match="whole tensors"):
        train(toy, tmp_path / "run")
    # The one before it is still there to go on from.
    shutil.rmtree(path.parent)
    train(toy, tmp_path / "run")
    assert_same_end(tmp_path / "run", whole)
