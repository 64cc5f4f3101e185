"""Frozen dataclass trees: what their fields may hold, and to JSON values and back, strictly."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from clara.errors import UnknownNameError, UsageError

T = TypeVar("T")


def expect(condition: bool, what: str, found: object) -> None:
    """Refuses a setting that makes no sense.

    Raises:
        UsageError: The condition does not hold.
    """
    if not condition:
        raise UsageError(f"Expected {what} but found {found}.")


def expect_within(config: Any, low: float, high: float, *names: str) -> None:
    """Refuses fields of `config` outside of `low` to `high`, both allowed; NaN is outside.

    Raises:
        UsageError: A field is outside; the message names it.
    """
    for name in names:
        value = getattr(config, name)
        expect(low <= value <= high, f"{name} to be from {low} to {high}", value)


def to_json(config: Any) -> Any:
    """A dataclass tree as dicts, lists and scalars.

    >>> to_json({"a": (1, 2.5)})
    {'a': [1, 2.5]}
    """
    if dataclasses.is_dataclass(config):
        fields = dataclasses.fields(config)
        return {field.name: to_json(getattr(config, field.name)) for field in fields}
    if isinstance(config, Mapping):
        return {key: to_json(value) for key, value in config.items()}
    if isinstance(config, (tuple, list)):
        return [to_json(value) for value in config]
    return config


def from_json(kind: type[T], value: Any, where: str = "config") -> T:
    """The dataclass tree `kind` from what `to_json` made; fields left out keep their defaults.

    Args:
        kind: A dataclass, or a type that a field of one has.
        value: JSON values.
        where: Name of the value, for the message of an error.

    Raises:
        UnknownNameError: A field that `kind` does not have; the message names the nearest.
        UsageError: A value of the wrong type.
    """
    result: T = _convert(kind, value, where)
    return result


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, value, where)
    if origin is typing.Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list) and arguments[-1] is Ellipsis:
            return tuple(_convert(arguments[0], item, where) for item in value)
        if isinstance(value, list) and len(value) == len(arguments):
            pairs = zip(arguments, value, strict=True)
            return tuple(_convert(item_kind, item, where) for item_kind, item in pairs)
    elif origin is not None and issubclass(origin, Mapping):
        if isinstance(value, dict):
            return {name: _convert(arguments[1], item, where) for name, item in value.items()}
    elif kind is float and type(value) in (int, float):
        if abs(value) <= sys.float_info.max:
            return float(value)
    elif type(value) is kind:
        return value
    raise UsageError(f"Expected {where} to be {_told(kind)}, but found {value!r}.")


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UsageError(f"Expected {where} to be an object with fields, but found {value!r}.")
    hints = typing.get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    for name in value:
        if name not in known:
            raise UnknownNameError(f"field of {where}", name, known)
    missing = [name for name in known if name not in value and _needed(kind, name)]
    if missing:
        raise UsageError(f"Expected {where} to say {' and '.join(missing)}, but it does not.")
    return kind(**{name: _convert(hints[name], v, f"{where}.{name}") for name, v in value.items()})


def _needed(kind: Any, name: str) -> bool:
    parameter = inspect.signature(kind).parameters.get(name)
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return _convert(kind, value, where)
        except UsageError:
            continue
    told = _told(typing.Union[kinds])  # noqa: UP007
    raise UsageError(f"Expected {where} to be {told}, but found {value!r}.")


def _told(kind: Any) -> str:
    """A type as a person who writes JSON or TOML calls it.

    >>> _told(tuple[str, ...]), _told(tuple[int, int]), _told(int | None)
    ('a list of str', 'a list of int, int', 'int or nothing')
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_told, arguments))
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin is tuple:
        return "a list of " + ", ".join(_told(each) for each in arguments if each is not Ellipsis)
    if origin is not None or dataclasses.is_dataclass(kind):
        return "an object with fields"
    return "nothing" if kind is type(None) else str(getattr(kind, "__name__", kind))
