"""Checkpoints of other people: read without running them, told apart by their content."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from clara.encoders._weights import fingerprint, offline, put, read, title
from clara.errors import CheckpointError, UsageError


class Bomb:
    """What runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_checkpoints_as_trainers_write_them(tmp_path: Path, protocol: int, new: bool) -> None:
    weights = nn.Linear(3, 2).state_dict()
    content = {
        "epoch": 15,
        "loss": np.float64(0.1),
        "state_dict": {f"module.{name}": tensor for name, tensor in weights.items()},
        "optimizer": {
            "state": {0: {"step": torch.tensor(3), "m": torch.ones(2, dtype=torch.half)}}
        },
    }
    path = tmp_path / "a.pt"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    found = read(path, "state_dict")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in weights.items()
    }


def test_bare_weights(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "a.pt")
    assert set(read(tmp_path / "a.pt", "model")) == {"weight", "bias"}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, new: bool) -> None:
    content = {"model": {"weight": torch.ones(2)}, "args": Bomb(tmp_path / "ran")}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=new)
    with pytest.raises(CheckpointError, match=r"posix\.system, which is no part of a table"):
        read(tmp_path / "a.pt", "model")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(CheckpointError):
        read(tmp_path / "b.pt", "model")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04" + b"\0" * 40])
def test_files_that_are_no_checkpoints(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^Expected '.*a\.pt' to be a checkpoint of torch"):
        read(tmp_path / "a.pt", "model")
    with pytest.raises(UsageError, match="there is no such file"):
        read(tmp_path, "model")


def test_checkpoints_of_something_else(tmp_path: Path) -> None:
    torch.save({"model": {"weight": 3}}, tmp_path / "a.pt")
    torch.save([1, 2], tmp_path / "b.pt")
    torch.save({}, tmp_path / "c.pt")
    for name in "abc":
        with pytest.raises(CheckpointError):
            read(tmp_path / f"{name}.pt", "model")


def test_truncated_checkpoints(tmp_path: Path) -> None:
    torch.save({"model": nn.Linear(300, 200).state_dict()}, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError):
        read(tmp_path / "a.pt", "model")


def test_weights_go_where_they_belong(tmp_path: Path) -> None:
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    put(network, {**other.state_dict(), "embeddings.position_ids": torch.arange(3)}, tmp_path)
    assert network.weight.equal(other.weight)
    for wrong in ({"weight": other.weight}, {**other.state_dict(), "more": other.weight}):
        with pytest.raises(CheckpointError, match="1 names that do not fit"):
            put(network, wrong, tmp_path)
    with pytest.raises(CheckpointError, match="size mismatch"):
        put(network, nn.Linear(4, 2).state_dict(), tmp_path)


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "weights").write_bytes(b"1")
        (tmp_path / name / "README.md").write_text(name)
        (tmp_path / name / ".cache").write_text(name)
    first = fingerprint("clap 1", tmp_path / "a")
    assert first.startswith("sha256:")
    assert len(first) == 71
    assert fingerprint("clap 1", tmp_path / "b") == first
    assert fingerprint("clap 2", tmp_path / "b") != first
    (tmp_path / "b" / "sub" / "weights").rename(tmp_path / "b" / "weights")
    assert fingerprint("clap 1", tmp_path / "b") != first
    (tmp_path / "a" / "sub" / "weights").write_bytes(b"2")
    assert fingerprint("clap 1", tmp_path / "a") != first
    file = tmp_path / "a" / "sub" / "weights"
    alone = fingerprint("msclap 1", file)
    assert alone != fingerprint("msclap 1", file, tmp_path / "b")


def test_what_weights_are_called(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert title(tmp_path / "link" / "630k.pt") == "630k.pt"
    place = tmp_path / "models--laion--clap" / "snapshots" / "8fa0"
    assert title(place) == title(place / "model.safetensors") == "laion/clap"


def test_offline_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    work: dict[str, int] = {}
    with pytest.raises(KeyError, match="missing"), offline():
        work["missing" if huggingface_hub.constants.HF_HUB_OFFLINE else "online"]
    assert not huggingface_hub.constants.HF_HUB_OFFLINE
