"""Model folders: what goes in comes out, nothing is half-written, and nothing hostile gets in."""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import load_file, save_file

from clara import checkpoint
from clara.checkpoint import About
from clara.errors import CheckpointError, ClaraError, DataError, UsageError
from clara.hashes import distinct, hashed
from clara.model import ClaraModel
from clara.optim import make_optimizer
from clara.text.tokens import Tokens
from clara.train import Recipe

SOURCES = distinct(hashed(["freesound:1", "youtube:é", "s3"]))
ABOUT = About("toy", 7, {"any": [1, "é"]}, {"folder": {"train": 48}}, SOURCES)
TOKENS = Tokens.bytes_only()

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model(toy: Recipe) -> ClaraModel:
    torch.manual_seed(0)
    return ClaraModel(toy.model)


@pytest.fixture
def folder(tmp_path: Path, model: ClaraModel) -> Path:
    """A whole model folder, to be damaged."""
    checkpoint.save(tmp_path / "model", model, TOKENS, ABOUT)
    return tmp_path / "model"


def trained(model: ClaraModel) -> torch.optim.Optimizer:
    """An optimiser that has made one step."""
    optimizer = make_optimizer(model, Recipe().optim)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def refused(folder: Path, *words: str) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(folder)
    message = str(error.value)
    assert message.startswith("Expected ")
    assert "\n" not in message
    assert len(message) < 700
    for word in words:
        assert word in message
    return message


def test_what_is_saved_is_loaded(folder: Path, model: ClaraModel) -> None:
    again, tokens, about = checkpoint.load(folder)
    assert about == ABOUT
    assert about.sources.tolist() == SOURCES.tolist()
    assert not again.training
    assert again.config == model.config
    assert tokens.size == TOKENS.size
    for name, tensor in model.state_dict().items():
        assert again.state_dict()[name].equal(tensor)
    assert all(parameter.requires_grad for parameter in again.parameters())
    waves, lengths = torch.randn(2, 4000), torch.tensor([4000, 2000])
    assert again.embed_audio(waves, lengths).equal(model.eval().embed_audio(waves, lengths))


def test_the_files_are_safetensors_and_json_alone(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "modules.json",
        "sources.safetensors",
        "tokenizer.json",
    ]
    for path in folder.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    content = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    assert "log_scales" in json.loads(content[8 : 8 + size])


def test_equal_models_give_equal_bytes(folder: Path, model: ClaraModel, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "again", model, TOKENS, ABOUT)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_model_that_is_loaded_is_no_view_of_the_file(folder: Path, model: ClaraModel) -> None:
    again, _, _ = checkpoint.load(folder)
    path = folder / "model.safetensors"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(path.stat().st_size // 2))
    for name, tensor in model.state_dict().items():
        assert again.state_dict()[name].equal(tensor)


def test_half_precision_is_taken_as_float32(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({name: t.half() for name, t in load_file(path).items()}, path)
    again, _, _ = checkpoint.load(folder)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}


def test_state_goes_on(tmp_path: Path, model: ClaraModel, toy: Recipe) -> None:
    optimizer = trained(model)
    checkpoint.save_state(tmp_path, model, TOKENS, ABOUT, optimizer)
    other = ClaraModel(toy.model)
    fresh = make_optimizer(other, Recipe().optim)
    assert checkpoint.load_state(tmp_path, other, fresh) == ABOUT
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert one.equal(two)
        assert optimizer.state[one].keys() == fresh.state[two].keys()
        for part, tensor in optimizer.state[one].items():
            assert fresh.state[two][part].equal(tensor)


def test_steps_are_counted_where_the_optimiser_looks_for_them(
    tmp_path: Path, model: ClaraModel, toy: Recipe
) -> None:
    checkpoint.save_state(tmp_path, model, TOKENS, ABOUT, trained(model))
    with torch.device("meta"):  # any device that is not the CPU
        other = ClaraModel(toy.model)
    optimizer = make_optimizer(other, toy.optim)
    checkpoint.load_state(tmp_path, other, optimizer)
    for state in optimizer.state.values():
        assert state["exp_avg"].device.type == "meta"
        assert state["step"].device.type == "meta"


def test_a_run_without_checkpoints_has_no_state(tmp_path: Path, model: ClaraModel) -> None:
    assert checkpoint.load_state(tmp_path, model, make_optimizer(model, Recipe().optim)) is None
    assert checkpoint.latest(tmp_path) is None


def test_a_run_keeps_its_newest_checkpoints_and_loads_the_newest(
    tmp_path: Path, model: ClaraModel
) -> None:
    optimizer = trained(model)
    for step in (5, 90, 1000, 123_456_789):
        checkpoint.save_state(tmp_path, model, TOKENS, replace(ABOUT, step=step), optimizer)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00001000", "step-123456789"]
    assert checkpoint.load(tmp_path)[2].step == 123_456_789


class Stop(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("error", [Stop(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("where", ["save_file", "Tokens.save", "Path.write_text", "rename"])
def test_a_failed_write_leaves_the_old_model_and_nothing_else(
    folder: Path,
    model: ClaraModel,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: BaseException,
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename = Path.rename

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    def fail_once(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise error
        return rename(self, target)

    target: Any = {"save_file": checkpoint, "Tokens.save": Tokens}.get(where, Path)
    monkeypatch.setattr(target, where.split(".")[-1], fail_once if where == "rename" else fail)
    expected = Stop if isinstance(error, Stop) else DataError
    with pytest.raises(expected) as raised:
        checkpoint.save(folder, model, TOKENS, replace(ABOUT, step=8))
    if expected is DataError:
        assert "the disk is full" in str(raised.value)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert checkpoint.load(folder)[2].step == 7


def test_what_a_kill_left_between_two_renames_comes_back(folder: Path, model: ClaraModel) -> None:
    folder.rename(folder.with_name(".model.old"))
    (folder.with_name(".model.new")).mkdir()
    with pytest.raises(TypeError):
        checkpoint.save(folder, model, TOKENS, replace(ABOUT, recipe={"no JSON": object()}))
    assert checkpoint.load(folder)[2].step == 7
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_the_optimiser_s_file_on_a_full_disk(
    tmp_path: Path, model: ClaraModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tensors: object, path: Path, **kwargs: object) -> None:
        if path.name == "state.safetensors":
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(DataError, match=r"disk is full.*run the same command again"):
        checkpoint.save_state(tmp_path, model, TOKENS, ABOUT, trained(model))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_disk_that_is_really_full(model: ClaraModel, mount: Callable[[str], Path]) -> None:
    optimizer = trained(model)
    disk = mount("size=8m")
    checkpoint.save_state(disk, model, TOKENS, ABOUT, optimizer)
    # In pages of 4 KiB, which each file fills up.
    room = 4 * sum(-(-path.stat().st_size // 4096) for path in disk.rglob("*") if path.is_file())
    for size in range(room + 8, 2 * room, room // 7):
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(disk)], check=True)
        with pytest.raises(DataError, match="the disk is full; free some space"):
            checkpoint.save_state(disk, model, TOKENS, replace(ABOUT, step=8), optimizer)
        assert [path.name for path in (disk / "checkpoints").iterdir()] == ["step-00000007"]
        assert checkpoint.load(disk)[2].step == 7


def test_a_folder_that_may_not_be_written_to(
    model: ClaraModel, mount: Callable[[str], Path]
) -> None:
    with pytest.raises(DataError, match=r"Read-only file system; choose a folder"):
        checkpoint.save(mount("size=1m,ro") / "model", model, TOKENS, ABOUT)


def test_a_file_where_the_folder_should_be(tmp_path: Path, model: ClaraModel) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(DataError, match=r"^Expected to write"):
        checkpoint.save(tmp_path / "runs" / "a", model, TOKENS, ABOUT)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^Expected .*missing.* but there is no folder"):
        checkpoint.load(tmp_path / "missing")


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("hello")
    refused(tmp_path, "config.json", "checkpoints/", "clara train")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_truncated_weights(folder: Path, share: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(folder, "model.safetensors", "Copy it again")


def test_a_header_that_lies(folder: Path) -> None:
    path = folder / "model.safetensors"
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    refused(folder, "model.safetensors")
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    refused(folder, "model.safetensors")


def test_a_pickle_in_place_of_weights_is_not_opened(folder: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "bang"),)

    torch.save({"a": Bomb()}, folder / "model.safetensors")
    refused(folder, "model.safetensors")
    assert not (tmp_path / "bang").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(log_scales=torch.zeros(3)), ["log_scales of shape (2,)", "(3,)"]),
        (lambda t: t.pop("log_scales"), ["log_scales of shape (2,)", "None"]),
        (lambda t: t.update(extra=torch.zeros(3)), ["extra", "(3,)"]),
        (lambda t: t["log_scales"].fill_(float("nan")), ["finite", "log_scales"]),
        (lambda t: t["audio.latents"][1, 2].fill_(float("-inf")), ["finite", "audio.latents"]),
    ],
)
def test_weights_of_another_model(
    folder: Path, change: Callable[[Any], object], words: list[str]
) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)
    refused(folder, "model.safetensors", *words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "3",
        "null",
        "{}",
        '"format"',
        '{"format": 1}',
        "[" * 100_000,
        "\0",
        '{"format": 1, "model": [], "about": {}}',
        '{"format": 1, "model": {}, "about": {"step": "x"}}',
    ],
)
def test_a_config_that_is_none(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    refused(folder, "config.json")


def test_a_config_of_other_bytes(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    refused(folder, "config.json")


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_another_format(folder: Path, number: object) -> None:
    edit(folder, lambda config: config.update(format=number))
    refused(folder, "of format 1", repr(number), "another release")


HOSTILE: list[tuple[str, Any]] = [
    ("audio.width", 10**12),
    ("audio.latents", 10**6),
    ("audio.layers", 10**9),
    ("audio.layers", 256),
    ("audio.layers", -1),
    ("audio.heads", 0),
    ("audio.head_width", 2**40),
    ("audio.expand", 1 << 20),
    ("audio.channels", [1 << 20] * 16),
    ("audio.channels", [4] * 10_000),
    ("audio.keep", float("nan")),
    ("audio.stem", "conv3d"),
    ("audio.stem", "conv1d"),
    ("audio.mel.fft", 1 << 40),
    ("audio.mel.bands", 10**9),
    ("audio.mel.hop", 0),
    ("audio.mel.rate", 10**15),
    ("audio.mel.high", 1e300),
    ("audio.mel.floor", float("nan")),
    ("audio.mel.scale", 0.0),
    ("text.vocab", 10**9),
    ("text.vocab", 10),
    ("text.heads", 3),
    ("text.limit", 10**12),
    ("text.layers", 256),
    ("dim", 2**63),
    ("dim", "16"),
    ("dim", 1e999),
    ("nothing", 1),
    ("audio.nothing", {"a": []}),
]


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=lambda value: str(value)[:20])
def test_a_hostile_config_makes_no_room_for_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    def change(config: dict[str, Any]) -> None:
        *path, last = name.split(".")
        inner = config["model"]
        for part in path:
            inner = inner[part]
        inner[last] = value

    edit(folder, change)
    # Memory of the process may not grow by more than 512 MiB meanwhile.
    resource = pytest.importorskip("resource")
    used = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20), limits[1]))
    try:
        refused(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_the_state_of_another_model(tmp_path: Path, model: ClaraModel, toy: Recipe) -> None:
    checkpoint.save_state(tmp_path, model, TOKENS, ABOUT, trained(model))
    path = tmp_path / "checkpoints" / "step-00000007" / "state.safetensors"
    whole = load_file(path)
    wider = replace(toy.model, dim=toy.model.dim + 1)
    other = ClaraModel(wider)
    with pytest.raises(CheckpointError, match="not of one model"):
        checkpoint.load_state(tmp_path, other, make_optimizer(other, Recipe().optim))
    for change in (
        {"step/log_scales": None},
        {"exp_avg/log_scales": torch.zeros(9)},
        {"exp_avg_sq/log_scales": torch.full((2,), float("nan"))},
    ):
        damaged = {name: t for name, t in {**whole, **change}.items() if t is not None}
        save_file(damaged, path)
        untouched = {name: t.clone() for name, t in model.state_dict().items()}
        with pytest.raises(CheckpointError, match=r"state of log_scales.*new folder"):
            checkpoint.load_state(tmp_path, model, make_optimizer(model, Recipe().optim))
        for name, tensor in model.state_dict().items():
            assert tensor.equal(untouched[name])
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="whole tensors"):
        checkpoint.load_state(tmp_path, model, make_optimizer(model, Recipe().optim))


def test_all_these_are_members_of_the_tree() -> None:
    assert issubclass(CheckpointError, ClaraError)


def test_sources_of_older_checkpoints_were_texts(folder: Path) -> None:
    (folder / "sources.safetensors").unlink()
    ids = ["s3", "freesound:1", "youtube:é", "s3"]
    edit(folder, lambda config: config["about"].update(sources=ids))
    assert checkpoint.load(folder)[2].sources.tolist() == SOURCES.tolist()
    edit(folder, lambda config: config["about"].pop("sources"))
    assert len(checkpoint.load(folder)[2].sources) == 0


def test_a_model_of_data_without_sources_has_no_file_of_them(
    tmp_path: Path, model: ClaraModel
) -> None:
    checkpoint.save(tmp_path / "plain", model, TOKENS, About())
    assert not (tmp_path / "plain" / "sources.safetensors").exists()
    assert checkpoint.load(tmp_path / "plain")[2].sources.dtype == np.uint64


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"other": SOURCES},
        {"sources": SOURCES[::-1].copy()},
        {"sources": SOURCES[:2]},
        {"sources": SOURCES.astype(np.int64)},
        {"sources": SOURCES[:, None]},
        {"sources": np.repeat(SOURCES[:1], 3)},
    ],
)
def test_sources_that_are_not_those_of_the_model(
    folder: Path, tensors: dict[str, np.ndarray]
) -> None:
    save_numpy(tensors, folder / "sources.safetensors")
    with pytest.raises(CheckpointError, match="sources"):
        checkpoint.load(folder)


def test_sources_that_are_lost_or_damaged_are_missed(folder: Path) -> None:
    path = folder / "sources.safetensors"
    content = path.read_bytes()
    for broken in (b"", content[:-1], b"\x80\x04N.", b"\xff" * 64):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"kept clean of them"):
            checkpoint.load(folder)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"kept clean of them"):
        checkpoint.load(folder)
    edit(folder, lambda config: config["about"].update(sources="many"))
    with pytest.raises(CheckpointError):
        checkpoint.load(folder)
