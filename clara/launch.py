"""The processes that train together: how many there are, and what is said when one is lost."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from clara.configs import expect
from clara.errors import DataError, UsageError

# What an operation over all ranks says when the process at its other end is gone.
_GONE = ("gloo", "nccl", "connection closed", "connection reset", "broken pipe")


def start(
    precision: Literal["32-true", "bf16-mixed"],
    devices: int | None = None,
    nodes: int | None = None,
) -> Fabric:
    """Starts the processes, or joins those that `torchrun` or `srun` has started.

    On a CPU they talk over gloo, with GPUs over nccl.

    Args:
        precision: As Fabric takes it.
        devices: Processes on each machine; 1, or as many as were started, if None.
        nodes: Machines; 1, or as many as were started, if None.

    Raises:
        UsageError: Another number was started than is asked for.
    """
    for count in (devices, nodes):
        expect(count is None or count >= 1, "at least one device on at least one node", count)
    starter, started = _started()
    for what, asked, found in zip(("devices", "nodes"), (devices, nodes), started, strict=True):
        if asked is not None and found is not None and asked != found:
            raise UsageError(
                f"Expected --{what} {found}, since {starter} started as many, but found {asked}; "
                f"leave the option out."
            )
    per_node, machines = (
        found or asked or 1 for found, asked in zip(started, (devices, nodes), strict=True)
    )
    if machines > 1 and not starter:
        raise UsageError(
            f"Expected the processes of {machines} nodes to be started from outside; begin with "
            f"`torchrun --nnodes {machines} ... -m clara train` on each of them, or with `srun`."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=per_node,
        num_nodes=machines,
        strategy="ddp" if per_node * machines > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def _started() -> tuple[str, tuple[int | None, int | None]]:
    """Who has started the processes, how many on a machine, and on how many machines."""
    if TorchElasticEnvironment.detect():
        world, local = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        return "torchrun", (local, world // local)
    if SLURMEnvironment.detect():
        tasks, nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", 1))
        return "srun", (tasks // nodes, nodes)
    return "", (None, None)


@contextlib.contextmanager
def together(fabric: Fabric, run: Path) -> Iterator[None]:
    """Turns the loss of another rank into one sentence that names it.

    Each rank holds a lock as long as it lives, so that the others can tell who does not.

    Args:
        fabric: Of this rank.
        run: A folder that all ranks see.

    Raises:
        DataError: Another rank has ended.
    """
    if fabric.world_size == 1:
        yield
        return
    folder = run / ".ranks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / str(fabric.global_rank)).open("w") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        fabric.barrier()
        try:
            yield
        except RuntimeError as error:
            if not any(word in str(error).lower() for word in _GONE):
                raise
            others = set(range(fabric.world_size)) - {fabric.global_rank}
            lost = [str(rank) for rank in sorted(others) if _ended(folder / str(rank))]
            who = f"rank {' and '.join(lost)}" if lost else "another rank"
            raise DataError(
                f"Training stopped because {who} of {fabric.world_size} ended before the others; "
                f"what it said last tells why. The checkpoints are whole: run this again to go on."
            ) from error


def gathered(fabric: Fabric, names: list[str]) -> list[str]:
    """The names of all ranks, each of which must ask."""
    if fabric.world_size == 1:
        return names
    parts: list[list[str]] = [[] for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(parts, names)
    return [name for part in parts for name in part]


def _ended(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
