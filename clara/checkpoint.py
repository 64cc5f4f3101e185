"""Model folders: safetensors and JSON, nothing pickled, whole or absent.

A checkpoint is a folder with `model.safetensors`, `config.json` (network, recipe, step and what it
was trained on), `tokenizer.json`, `modules.json` (by which sentence-transformers finds the class
that reads it), `sources.safetensors` where the data tell what they were cut from, and, where
training can go on from it, `state.safetensors`. It appears by one rename. A run
keeps its checkpoints in `checkpoints/step-00000083`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_numpy
from safetensors.numpy import save as numpy_bytes
from safetensors.torch import load_file, save_file
from torch import Tensor

from clara.audio.mel import LogMel
from clara.configs import from_json, to_json
from clara.errors import CheckpointError, UsageError
from clara.files import unwritable
from clara.hashes import Hashes, distinct, hashed
from clara.model import ClaraModel, ModelConfig
from clara.shards import Index
from clara.text.tokens import Tokens

FORMAT = 1
_SOURCES = "sources.safetensors"
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "clara.interop.sentence_transformers.ClaraModule"}
]
_NOT_JSON = (OSError, ValueError, KeyError, TypeError, RecursionError)
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
        sources: uint64 `[N]`, in order: the ids of the recordings that those were cut from
            ("freesound:100032"), as `clara.hashes.hashed` numbers them.
    """

    name: str = "clara"
    step: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sources: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64), compare=False)

    @classmethod
    def of(cls, name: str, recipe: Mapping[str, Any], index: Index) -> About:
        """Of a model that is about to be trained on all of an index."""
        (corpus, corpora), (split, splits) = index.codes("corpus"), index.codes("split")
        counts = np.bincount(corpus.astype(np.int64) * len(splits) + split)
        seen: dict[str, dict[str, int]] = {}
        for place in np.flatnonzero(counts).tolist():
            mine = seen.setdefault(corpora[place // len(splits)], {})
            mine[splits[place % len(splits)]] = int(counts[place])
        sources = index.hashes("source")
        return cls(name, 0, recipe, seen, distinct(sources[sources > 0]))


def save(folder: Path, model: ClaraModel, tokens: Tokens, about: About) -> None:
    """Writes a model folder that `load` reads; what stands there already is replaced.

    Raises:
        DataError: The disk is full or the folder cannot be written to; what stood there still does.
    """
    _publish(folder, lambda new: _write_model(new, model, model.state_dict(), tokens, about))


def save_state(
    run: Path,
    model: ClaraModel,
    tokens: Tokens,
    about: About,
    optimizer: torch.optim.Optimizer,
    *,
    write: bool = True,
) -> None:
    """Writes the next checkpoint of a run, with what training needs to go on; drops old ones.

    Where the weights are dealt out over several ranks, all call this, and one of them writes.

    Raises:
        DataError: The disk is full or the folder cannot be written to; what stood there still does.
    """
    weights = _wholes(model.state_dict(), write)
    state = _wholes(_optimizer_tensors(model, optimizer), write)
    if not write:
        return

    def fill(new: Path) -> None:
        _write_model(new, model, weights, tokens, about)
        _write_tensors(new / "state.safetensors", state)

    _publish(run / "checkpoints" / f"step-{about.step:08d}", fill)
    for old in _steps(run)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that is dealt out over several ranks, which all ask; another as it is."""
    full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full


def assembled(model: ClaraModel, *, keep: bool) -> ClaraModel | None:
    """A model whose weights are dealt out over several ranks as one that works on this rank alone.

    Args:
        model: All ranks ask with theirs; one whose weights are here already is given back.
        keep: Whether this rank gets it; None if not.
    """
    if not any(hasattr(parameter, "full_tensor") for parameter in model.parameters()):
        return model
    weights = _wholes(model.state_dict(), keep)
    return _filled(_empty(model.config), weights).to(model.log_scales.device) if keep else None


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
    path = folder / "model.safetensors"
    weights = _read_tensors(path)
    # Nothing is made room for until the weights are known to be those that the config asks for.
    model = _empty(config)
    _check_weights(model, weights, path)
    return _filled(model, weights).eval(), tokens, about


def load_state(run: Path, model: ClaraModel, optimizer: torch.optim.Optimizer) -> About | None:
    """Puts the newest checkpoint of a run into `model` and `optimizer`; None if there is none."""
    steps = _steps(run)
    if not steps:
        return None
    _, about = _read_config(steps[-1])
    path = steps[-1] / "model.safetensors"
    weights = _read_tensors(path)
    _check_weights(model, weights, path)
    path = steps[-1] / "state.safetensors"
    state = _read_tensors(path)
    for name, parameter in model.named_parameters():
        shapes = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        parts = {part: state.get(f"{part}/{name}") for part in shapes}
        for part, tensor in parts.items():
            if tensor is None or tensor.shape != shapes[part] or not tensor.isfinite().all():
                raise CheckpointError(
                    f"Expected {path} to hold the state of {name}, but it does not; the model was "
                    f"changed since, or the file. Train into a new folder."
                )
            # The kernel that steps all parameters together counts the steps beside them.
            parts[part] = (
                tensor.to(parameter.device, copy=True)
                if part == "step"
                else _dealt(tensor, parameter)
            )
        optimizer.state[parameter] = parts
    mine = model.state_dict()
    model.load_state_dict({name: _dealt(tensor, mine[name]) for name, tensor in weights.items()})
    return about


def latest(run: Path) -> Path | None:
    """The newest checkpoint of a run folder, if it has any."""
    steps = _steps(run)
    return steps[-1] if steps else None


def _publish(folder: Path, write: Callable[[Path], None]) -> None:
    new, old = (folder.with_name(f".{folder.name}.{end}") for end in ("new", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder, new, old)
        new.mkdir()
        write(new)
        for file in new.iterdir():
            _flush(file)
        # Two renames, since a folder that is not empty cannot be replaced by one.
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        _flush(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        _tidy(folder, new, old)


def _tidy(folder: Path, new: Path, old: Path) -> None:
    if old.exists() and not folder.exists():
        old.rename(folder)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_model(
    folder: Path, model: ClaraModel, weights: Mapping[str, Tensor], tokens: Tokens, about: About
) -> None:
    _write_tensors(folder / "model.safetensors", weights)
    tokens.save(folder / "tokenizer.json")
    told = {each.name: to_json(getattr(about, each.name)) for each in fields(about)}
    told["sources"] = len(about.sources)
    if told["sources"]:
        # By the million: as text they would be most of the checkpoint.
        (folder / _SOURCES).write_bytes(numpy_bytes({"sources": about.sources}))
    config = {"format": FORMAT, "model": to_json(model.config), "about": told}
    for name, content in {"config.json": config, "modules.json": _MODULES}.items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, path, metadata={"format": "pt"})
    except SafetensorError as error:
        # It keeps the number of the system's error in its text alone.
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else 0, str(error)) from error


def _optimizer_tensors(model: ClaraModel, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{part}/{name}": tensor
        for name, parameter in model.named_parameters()
        for part, tensor in optimizer.state[parameter].items()
    }


def _wholes(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """All of each tensor, one by one, so that a rank that does not keep them never holds two."""
    found = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if keep:
            found[name] = full if full is tensor else full.cpu()
    return found


def _dealt(tensor: Tensor, like: Tensor) -> Tensor:
    """A copy where `like` is; this rank's part of it where that is dealt out over several."""
    if not hasattr(like, "full_tensor"):
        return tensor.to(like.device, copy=True)
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def _empty(config: ModelConfig) -> ClaraModel:
    with torch.device("meta"):
        return ClaraModel(config)


def _filled(model: ClaraModel, weights: Mapping[str, Tensor]) -> ClaraModel:
    model.load_state_dict(weights, assign=True)
    model.audio.mel = LogMel(model.config.audio.mel)
    return model


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
        model = from_json(ModelConfig, config["model"], "model")
        sources = config["about"].pop("sources", 0)
        about = from_json(About, config["about"], "about")
        if isinstance(sources, list):  # as texts, in older checkpoints
            return model, replace(about, sources=distinct(hashed(map(str, sources))))
        return model, replace(about, sources=_read_sources(folder, sources))
    except (*_NOT_JSON, AttributeError, UsageError) as error:
        raise CheckpointError(
            f"Expected {path} to describe a CLARA model, but it does not: {error!s:.300}"
        ) from error


def _read_sources(folder: Path, count: object) -> Hashes:
    """The sources it was trained on, as many as config.json says."""
    path = folder / _SOURCES
    if count == 0:
        return np.zeros(0, np.uint64)
    try:
        found: Hashes = load_numpy(path)["sources"]
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"Expected {path} to hold the sources that the model was trained on, but it cannot be "
            f"read: {error!s:.200}. Copy it again: without it no test could be kept clean of them."
        ) from error
    ordered = found.dtype == np.uint64 and found.ndim == 1 and bool((found[1:] > found[:-1]).all())
    if not ordered or len(found) != count:
        raise CheckpointError(
            f"Expected {path} to hold {count} numbers of sources in order, but found "
            f"{found.dtype} {list(found.shape)}; it is not of this model."
        )
    return found


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"Expected {path} to hold whole tensors, but it cannot be read: {error!s:.200}. "
            f"Copy it again, or go back to an older checkpoint."
        ) from error


def _check_weights(model: ClaraModel, weights: dict[str, Tensor], path: Path) -> None:
    """Refuses weights that are not those of the model; takes float32 in place of other floats."""
    expected = model.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        shapes = [tuple(of[name].shape) if name in of else None for of in (expected, weights)]
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"Expected {path} to hold {name} of shape {shapes[0]}, but found {shapes[1]}; "
                f"weights and config.json are not of one model."
            )
        # A copy: what was read is a view of the file, which somebody may change.
        weights[name] = weights[name].to(torch.float32, copy=True)
        if not weights[name].isfinite().all():
            raise CheckpointError(
                f"Expected finite weights in {path}, but {name} holds NaN or infinity."
            )
