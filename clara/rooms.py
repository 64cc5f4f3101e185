"""Plug-ins by name: a room is a package, a plug-in is one file of it that names one object.

To add a member to a room, add a file that lists its one object in `__all__`; the file name is its
name on the command line and in recipes, and nothing else is edited. A plug-in is imported only when
it is asked for, so a missing extra hurts nobody else. What lives in another package is asked for as
"package.module:object".
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from clara.errors import UnknownNameError, UsageError


def names(room: str) -> list[str]:
    """The plug-ins of a room, sorted, without importing any.

    Args:
        room: The room's package below `clara` ("corpora").

    >>> "folder" in names("corpora")
    True
    """
    package = importlib.import_module(f"clara.{room}")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def load(room: str, name: str) -> Any:
    """The object of the plug-in `name`, or of "package.module:object".

    Raises:
        UnknownNameError: The room has no such plug-in; the message names the nearest.
        UsageError: The module or object that was asked for cannot be imported.
    """
    if ":" in name:
        return load_foreign(name)
    known = names(room)
    if name not in known:
        raise UnknownNameError(room.rpartition(".")[2], name, known)
    module = importlib.import_module(f"clara.{room}.{name}")
    (public,) = module.__all__
    return getattr(module, public)


def load_foreign(name: str) -> Any:
    """The object "package.module:object".

    Raises:
        UsageError: The module or object cannot be imported.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"Expected {name!r} to be 'package.module:object' that Python can import, "
            f"but found: {error}."
        ) from error
