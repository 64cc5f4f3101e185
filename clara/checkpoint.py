"""Model folders: safetensors and JSON, nothing pickled, whole or absent.

A checkpoint is a folder with `model.safetensors`, `config.json` (network, recipe, step and what it
was trained on), `tokenizer.json`, and, where training can go on from it, `state.safetensors`. It
appears by one rename. A run keeps its checkpoints in `checkpoints/step-00000083`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clara.configs import from_json, to_json
from clara.errors import CheckpointError, UsageError
from clara.model import ClaraModel, ModelConfig
from clara.text.tokens import Tokens

FORMAT = 1
KEEP = 2
"""How many checkpoints of a run are kept: the newest, and one before it."""


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself.

    Attributes:
        name: Of the model.
        step: Optimiser steps it was trained for.
        recipe: The recipe, as JSON values.
        seen: Corpus to split to number of recordings it was trained on.
        sources: Ids of the recordings that those were cut from ("freesound:100032").
    """

    name: str = "clara"
    step: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


def save(folder: Path, model: ClaraModel, tokens: Tokens, about: About) -> None:
    """Writes a model folder that `load` reads; what stands there already is replaced.

    Raises:
        OSError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    _publish(folder, lambda new: _write_model(new, model, tokens, about))


def save_state(
    run: Path, model: ClaraModel, tokens: Tokens, about: About, optimizer: torch.optim.Optimizer
) -> Path:
    """Writes the next checkpoint of a run, with what training needs to go on; drops old ones."""

    def write(new: Path) -> None:
        _write_model(new, model, tokens, about)
        save_file(_optimizer_tensors(model, optimizer), new / "state.safetensors")

    folder = run / "checkpoints" / f"step-{about.step:08d}"
    _publish(folder, write)
    for old in _steps(run)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def load(folder: Path) -> tuple[ClaraModel, Tokens, About]:
    """The model of a model folder, or of the newest checkpoint of a run folder, in eval mode.

    Raises:
        CheckpointError: The folder is not one, or is broken; the message says what is missing.
        UsageError: There is no such folder.
    """
    folder = _find(folder)
    config, about = _read_config(folder)
    tokens = Tokens.load(folder / "tokenizer.json")
    if tokens.size > config.text.vocab:
        raise CheckpointError(
            f"Expected {folder} to have a tokenizer of at most {config.text.vocab} tokens, "
            f"but found {tokens.size}; the files are not of one model."
        )
    model = ClaraModel(config)
    _load_weights(model, folder / "model.safetensors")
    return model.eval(), tokens, about


def load_state(run: Path, model: ClaraModel, optimizer: torch.optim.Optimizer) -> About | None:
    """Puts the newest checkpoint of a run into `model` and `optimizer`; None if there is none."""
    steps = _steps(run)
    if not steps:
        return None
    _, about = _read_config(steps[-1])
    _load_weights(model, steps[-1] / "model.safetensors")
    tensors = _read_tensors(steps[-1] / "state.safetensors")
    for name, parameter in model.named_parameters():
        parts = ("step", "exp_avg", "exp_avg_sq")
        if not all(f"{part}/{name}" in tensors for part in parts):
            raise CheckpointError(
                f"Expected the state of {name} in {steps[-1] / 'state.safetensors'}, but found "
                f"none; the model was changed since. Train into a new folder."
            )
        optimizer.state[parameter] = {part: tensors[f"{part}/{name}"] for part in parts}
    return about


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run folder, if it has any."""
    steps = _steps(run)
    return steps[-1] if steps else None


def _publish(folder: Path, write: Any) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        write(new)
        for file in new.iterdir():
            _flush(file)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
        _flush(folder.parent)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_model(folder: Path, model: ClaraModel, tokens: Tokens, about: About) -> None:
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    try:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"Cannot write {folder / 'model.safetensors'}: {error}") from error
    tokens.save(folder / "tokenizer.json")
    config = {"format": FORMAT, "model": to_json(model.config), "about": to_json(about)}
    (folder / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")


def _optimizer_tensors(model: ClaraModel, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{part}/{name}": tensor.contiguous()
        for name, parameter in model.named_parameters()
        for part, tensor in optimizer.state[parameter].items()
    }


def _steps(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("step-*"))


def _find(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"Expected {folder} to be a model or run folder, but there is no folder.")
    if (folder / "config.json").is_file():
        return folder
    newest = latest(folder)
    if newest is None:
        raise CheckpointError(
            f"Expected {folder} to hold config.json (a model) or checkpoints/ (a run), but it has "
            f"neither; give the folder that `clara train --out` wrote."
        )
    return newest


def _read_config(folder: Path) -> tuple[ModelConfig, About]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise CheckpointError(
                f"Expected {path} to be of format {FORMAT}, but found {config['format']!r}; "
                f"it needs another release of clara-audio."
            )
        return (
            from_json(ModelConfig, config["model"], "model"),
            from_json(About, config["about"], "about"),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UsageError) as error:
        raise CheckpointError(
            f"Expected {path} to describe a CLARA model, but it does not: {error!s:.300}"
        ) from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"Expected {path} to hold whole tensors, but it cannot be read: {error!s:.200}. "
            f"Copy it again, or go back to an older checkpoint."
        ) from error


def _load_weights(model: nn.Module, path: Path) -> None:
    found = _read_tensors(path)
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in found or found[name].shape != tensor.shape:
            was = tuple(found[name].shape) if name in found else "nothing"
            raise CheckpointError(
                f"Expected {path} to hold {name} of shape {tuple(tensor.shape)}, but found {was}; "
                f"weights and config.json are not of one model."
            )
        if not found[name].isfinite().all():
            raise CheckpointError(
                f"Expected finite weights in {path}, but {name} holds NaN or infinity."
            )
    model.load_state_dict(found, strict=False)
