"""Backends made from the settings of a recipe, once for a process."""

from __future__ import annotations

import functools
import inspect
import json
import threading
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from clara import rooms
from clara.configs import from_json
from clara.errors import UnknownNameError, UsageError

_RUN = "run"
_lock = threading.Lock()


def backend(room: str, name: str, settings: Mapping[str, Any], run: Path | None = None) -> Any:
    """The backend of that name; the same for the same settings, as models are large.

    Args:
        room: Below `clara.backends` ("rewriter").
        name: Of the plug-in, or "package.module:object".
        settings: What it is made with, as JSON values: its arguments by name, and the fields of
            those that are configurations (`LLMConfig`).
        run: The folder that all processes at this step of this run share, for a backend that has
            an argument of this name; there it keeps what holds for the run, such as a budget.

    Raises:
        UnknownNameError: There is no such backend or setting.
        UsageError: A setting is of the wrong type or missing.

    >>> backend("rewriter", "rules", {}) is backend("rewriter", "rules", {})
    True
    """
    with _lock:
        kind = rooms.load(f"backends.{room}", name)
        run = run if _RUN in inspect.signature(kind).parameters else None
        return _made(room, name, json.dumps(settings, sort_keys=True), run)


@functools.cache
def _made(room: str, name: str, settings: str, run: Path | None) -> Any:
    kind = rooms.load(f"backends.{room}", name)
    values: dict[str, Any] = json.loads(settings)
    hints = typing.get_type_hints(kind.__init__ if inspect.isclass(kind) else kind)
    arguments: dict[str, Any] = {}
    for argument in inspect.signature(kind).parameters:
        hint = hints.get(argument, Any)
        if is_dataclass(hint):
            own = [field.name for field in fields(hint)]
            arguments[argument] = {each: values.pop(each) for each in own if each in values}
        elif argument in values and argument != _RUN:
            arguments[argument] = values.pop(argument)
    for unknown in values:
        raise UnknownNameError(f"setting of the {room} {name}", unknown, _known(kind, hints))
    try:
        made = {
            argument: from_json(hints.get(argument, Any), value, f"{name}.{argument}")
            for argument, value in arguments.items()
        }
        made |= {_RUN: run} if run else {}
        inspect.signature(kind).bind(**made)
    except TypeError as error:
        raise UsageError(
            f"Expected all settings that the {room} {name} needs, but found: {error}; give it in "
            "the settings of the step."
        ) from error
    return kind(**made)


def _known(kind: Any, hints: Mapping[str, Any]) -> list[str]:
    known = []
    for argument in inspect.signature(kind).parameters:
        hint = hints.get(argument)
        known += [each.name for each in fields(hint)] if is_dataclass(hint) else [argument]
    return [each for each in known if each != _RUN]
