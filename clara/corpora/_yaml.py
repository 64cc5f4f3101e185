"""YAML that strangers wrote: nothing of it is run, and nothing in it grows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clara.corpora import _files
from clara.errors import LayoutError

_DEEPEST = 20  # levels; tables of corpora have less than ten


def load(path: Path) -> Any:
    """What a file says, as lists and objects of text: "no" is a word, and not false.

    Raises:
        LayoutError: It is no YAML, or refers to parts of itself, or is nested beyond measure.
    """
    import yaml

    # Written in C it is thirty times as fast.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    content = _files.content(path, "YAML")
    try:
        _check_shape(yaml.parse(content, loader))
        return yaml.load(content, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LayoutError(
            f"Expected YAML at {path}, but found: {' '.join(str(error).split())}."
        ) from error


def _check_shape(events: Iterable[Any]) -> None:
    """Refuses lists in lists without end, which end the process, and what stands for other parts.

    The last can make of a few lines more than any memory holds.
    """
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if depth > _DEEPEST or name == "AliasEvent":
            raise ValueError("lists in lists, or references, that it never had")
