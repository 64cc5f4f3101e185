"""Weights that other people wrote: found on the disk alone, told apart, and read without trust."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from clara.errors import CheckpointError, UsageError

# What a pickle of tensors needs, and the numbers of numpy that trainers write beside them.
_ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch", "Size"),
    ("torch", "device"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
}
# Tables that follow from sizes alone; some releases of transformers save them and some do not.
_FIXED = (".position_ids", ".attn.bias", ".attn.masked_bias")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        storage = module == "torch" and name.endswith("Storage")
        if (module, name) in _ALLOWED or storage:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}, which is no part of a table of weights")


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


# What torch asks of a module that stands in for `pickle`. Its own strict reader does not read the
# protocol that LAION's checkpoints are written in.
_STRICT = SimpleNamespace(__name__="strict", Unpickler=_Unpickler, load=_load)


def read(path: Path, entry: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint that torch pickled; code that such a file may hold is not run.

    Args:
        path: The file.
        entry: Where in it the weights are; a file of bare weights is taken too.

    Raises:
        UsageError: There is no such file.
        CheckpointError: It is no such checkpoint.
    """
    if not path.is_file():
        raise UsageError(f"Expected {str(path)!r} to be a checkpoint, but there is no such file.")
    try:
        found = torch.load(path, map_location="cpu", pickle_module=_STRICT, weights_only=False)
        weights = found.get(entry, found)
        if not all(isinstance(each, Tensor) for each in weights.values()) or not weights:
            raise ValueError("something else than tensors")
    except Exception as error:  # a damaged pickle can fail in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f"Expected {str(path)!r} to be a checkpoint of torch with tensors, but found: {reason}."
        ) from error
    result: dict[str, Tensor] = {
        name.removeprefix("module."): tensor for name, tensor in weights.items()
    }
    return result


def put(network: torch.nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Gives a network its weights, all of them.

    Raises:
        CheckpointError: They are of another network.
    """
    try:
        missing, unknown = network.load_state_dict(weights, strict=False)
        wrong = [name for name in (*missing, *unknown) if not name.endswith(_FIXED)]
        if wrong:
            raise RuntimeError(f"{len(wrong)} names that do not fit, such as {wrong[0]}")
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"Expected {str(path)!r} to hold the weights of this network, but found: {reason}."
        ) from error


def fingerprint(kind: str, *places: Path) -> str:
    """What decides the rows of an encoder: "sha256:..." over files, and over all files of folders.

    Args:
        kind: What reads them, and which version of its way with recordings.
        places: Files and folders; of these, what is hidden and what is for people does not count.
    """
    total = hashlib.sha256(kind.encode())
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            name = file.relative_to(place.parent if place.is_file() else place)
            hidden = any(part.startswith(".") for part in name.parts)
            if hidden or file.suffix.lower() == ".md" or not file.is_file():
                continue
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"{name.as_posix()}\0{content}\n".encode())
    return f"sha256:{total.hexdigest()}"


def installed(package: str) -> str:
    """Which release of a package is installed, for messages."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"no {package}"


def title(place: Path) -> str:
    """What to call weights: their file or folder, or the name on the hub that a cache keeps.

    >>> title(Path("/cache/models--laion--clap-htsat-unfused/snapshots/8fa0f1c"))
    'laion/clap-htsat-unfused'
    """
    place = place.resolve()
    for parent in (place, *place.parents):
        if parent.name.startswith("models--"):
            return parent.name.removeprefix("models--").replace("--", "/")
    return place.name


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Keeps the libraries of Hugging Face to what lies on the disk."""
    import huggingface_hub.constants
    import transformers.utils.hub

    # transformers 4 keeps a copy of its own.
    switches = [(huggingface_hub.constants, "HF_HUB_OFFLINE")]
    if hasattr(transformers.utils.hub, "_is_offline_mode"):
        switches.append((transformers.utils.hub, "_is_offline_mode"))
    before = [getattr(module, name) for module, name in switches]
    for module, name in switches:
        setattr(module, name, True)
    try:
        yield
    finally:
        for (module, name), value in zip(switches, before, strict=True):
            setattr(module, name, value)
