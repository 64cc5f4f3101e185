"""The processes that train together: how many there are, who starts them, how they share."""

from __future__ import annotations

import logging
import os
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.strategies.strategy import Strategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from clara.configs import expect
from clara.errors import UsageError
from clara.model import Block
from clara.ranks import TIMEOUT

Dealt = Literal["ddp", "fsdp"]
"""Whether each process holds all weights, or a share of them and of the optimiser's state."""


def start(
    precision: Literal["32-true", "bf16-mixed"],
    devices: int | None = None,
    nodes: int | None = None,
    strategy: Dealt = "ddp",
) -> Fabric:
    """Starts the processes, or joins those that `torchrun` or `srun` has started.

    On a CPU they talk over gloo, with GPUs over nccl.

    Args:
        precision: As Fabric takes it.
        devices: Processes on each machine; 1, or as many as were started, if None.
        nodes: Machines; 1, or as many as were started, if None.
        strategy: Whether several processes share the weights.

    Raises:
        UsageError: Another number was started than is asked for, or there are not as many devices.
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
            f"`torchrun --nnodes {machines} ... -m clara.cli train` on each of them, or with "
            f"`srun`."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        fabric = Fabric(
            accelerator="gpu" if torch.cuda.is_available() else "cpu",
            devices=per_node,
            num_nodes=machines,
            strategy=_strategy(strategy, per_node * machines),
            precision=precision,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        raise UsageError(
            f"Expected {per_node} devices on each of {machines} machines, but found: {error}"
        ) from error
    fabric.launch()
    return fabric


def _strategy(name: Dealt, world: int) -> Strategy | str:
    if world == 1:
        return "auto"
    if name == "ddp":
        return DDPStrategy(timeout=TIMEOUT)
    return ModelParallelStrategy(_deal, world, 1, timeout=TIMEOUT)


def _deal(model: nn.Module, mesh: Any) -> nn.Module:
    """Deals the weights out over the ranks; those of a block are together while it works."""
    from torch.distributed.fsdp import fully_shard

    for part in model.modules():
        if isinstance(part, Block):
            fully_shard(part, mesh=mesh["data_parallel"])
    fully_shard(model, mesh=mesh["data_parallel"])
    return model


def _started() -> tuple[str, tuple[int | None, int | None]]:
    """Who has started the processes, how many on a machine, and on how many machines."""
    if TorchElasticEnvironment.detect():
        world, local = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        if world % local:
            raise UsageError(
                f"Expected as many processes on each machine, but torchrun started {world} in all "
                f"and {local} here; give every machine the same --nproc-per-node."
            )
        return "torchrun", (local, world // local)
    if SLURMEnvironment.detect():
        tasks, nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", 1))
        return "srun", (tasks // nodes, nodes)
    return "", (None, None)
