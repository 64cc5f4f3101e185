"""Models that another library loads: what goes wrong then, and what they are called."""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from clara.errors import CheckpointError

# What libraries raise at a folder that is missing, broken, or holds another kind of model.
_FAULTS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
    *(SafetensorError, pickle.UnpicklingError),
)
HUB = "name a folder that holds one, or its name on the hub"


@contextlib.contextmanager
def loading(what: str, model: str, hint: str = HUB) -> Iterator[None]:
    """Tells clearly of a model that a library cannot load.

    Args:
        what: What is expected ("a BLIP model in the format of transformers").
        model: The folder or name that was given.
        hint: What to do, as an order.

    Raises:
        CheckpointError: What is done inside fails as it does where there is no such model.
    """
    try:
        with _without_bars():
            yield
    except Exception as error:
        # The library tokenizers raises the bare class.
        if not isinstance(error, _FAULTS) and type(error) is not Exception:
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f"Expected {what} at {model!r}, but found: {reason}; {hint}."
        ) from error


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Keeps transformers from drawing bars of its own between ours."""
    library: Any = sys.modules.get("transformers")
    drawn = library is not None and library.utils.logging.is_progress_bar_enabled()
    if drawn:
        library.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            library.utils.logging.enable_progress_bar()


def title(model: str, network: Any) -> str:
    """What provenance calls a model of transformers: its folder, or its name and revision."""
    revision = getattr(network.config, "_commit_hash", None)
    return f"{model}@{revision}" if revision else Path(model).name
