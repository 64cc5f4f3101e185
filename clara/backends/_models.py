"""What goes wrong when another library loads a model."""

from __future__ import annotations

import pickle

from safetensors import SafetensorError

from clara.errors import CheckpointError

FAULTS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
    *(SafetensorError, pickle.UnpicklingError),
)
"""What libraries raise at a folder that is missing, broken, or holds another kind of model."""


def no_model(what: str, model: str, error: Exception, hint: str) -> CheckpointError:
    """The error for a model that a library cannot load.

    Args:
        what: What was expected ("a BLIP model in the format of transformers").
        model: The folder or name that was given.
        error: What the library says.
        hint: What to do, as an order.
    """
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return CheckpointError(f"Expected {what} at {model!r} but found: {reason}; {hint}.")
