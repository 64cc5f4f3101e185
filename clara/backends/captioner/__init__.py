"""ROOM: what says in words what a picture shows (I2T in equation 4); each file holds one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""uint8 `[height, width, 3]`, red, green, blue."""


class Captioner(Protocol):
    """Captions pictures; the contract of this room."""

    @property
    def name(self) -> str:
        """Which model, and its version; it goes into the provenance."""

    def caption(self, images: Sequence[Image]) -> list[str]:
        """Says what each picture shows; the same picture gets the same words in any company.

        Args:
            images: Of any size.

        Returns:
            English, one line each; empty where the model says nothing.
        """
