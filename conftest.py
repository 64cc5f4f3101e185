"""What the doctests of the package share with the tests."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Forgets the last value of a doctest, which Python keeps among the builtins of all modules."""
    yield
    vars(builtins).pop("_", None)
