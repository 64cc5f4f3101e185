"""Scores as JSON values, and back from a file that may come from anybody."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.errors import DataError, UsageError
from clara.evaluate.figures import check_title, primary, title
from clara.records import Outcomes, Scores

NAME = "scores.json"
_MOST = 1 << 28  # answers of one score, and bytes of a file: more is no report of ours


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file of scores holds.

    Attributes:
        path: The file.
        scores: What was measured.
        origin: How, as JSON values (`clara.evaluate.origin`); empty in files of before.
    """

    path: Path
    scores: tuple[Scores, ...]
    origin: Mapping[str, Any] = field(default_factory=dict)


def to_json(scores: Scores) -> dict[str, Any]:
    """A score as JSON values, with what it is called for people ("title")."""
    plain = dataclasses.asdict(dataclasses.replace(scores, outcomes=None))
    outcomes = scores.outcomes
    told = outcomes and {
        "figure": outcomes.figure,
        "recordings": outcomes.recordings,
        "count": len(outcomes),
        "right": _text(np.packbits(outcomes.right).tobytes()),
        "groups": _packed(outcomes.groups),
        "parts": _packed(outcomes.parts),
    }
    return {"title": title(scores), **plain, "outcomes": told}


def read(path: Path) -> Stored:
    """The scores of a report.

    Args:
        path: Its folder, or the JSON itself.

    Raises:
        UsageError: There is no such file.
        DataError: It holds no scores, or calls zero-shot what is none.
    """
    file = path / NAME if path.is_dir() else path
    try:
        if file.stat().st_size > _MOST:
            raise DataError(f"Expected {file} to be the scores of a report, but it is too large.")
        found = json.loads(file.read_text(encoding="utf-8"))
        scores = tuple(_scores(each) for each in found["scores"])
        origin = found.get("origin") or {}
        for each, told in zip(scores, found["scores"], strict=True):
            check_title(str(told.get("title", title(each))), each)
    except FileNotFoundError as error:
        raise UsageError(
            f"Expected {path} to be the JSON of `clara evaluate`, or the folder of its --report, "
            "but there is no such file."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"Expected {file} to hold scores as `clara evaluate` writes them, but found: "
            f"{type(error).__name__} {error!s:.200}"
        ) from error
    if not scores or not isinstance(origin, dict):
        raise DataError(f"Expected {file} to hold scores, but it holds none; measure them again.")
    return Stored(file, scores, origin)


def _scores(told: Mapping[str, Any]) -> Scores:
    values = {str(name): float(value) for name, value in told["values"].items()}
    if not values or not all(map(math.isfinite, values.values())):
        raise ValueError("figures that are no numbers")
    scores = Scores(
        task=str(told["task"]),
        protocol=str(told["protocol"]),
        encoder=str(told["encoder"]),
        values=values,
        support=int(told["support"]),
        chance=float(told["chance"]),
        seen=str(told["seen"]),
        detail=dict(told["detail"]),
        outcomes=_outcomes(told["outcomes"]) if told.get("outcomes") else None,
    )
    if primary(scores) not in values:
        raise ValueError(f"no figure {primary(scores)!r}")
    return scores


def _outcomes(told: Mapping[str, Any]) -> Outcomes:
    count = int(told["count"])
    bits = np.frombuffer(base64.b64decode(told["right"], validate=True), np.uint8)
    if not 0 < count <= _MOST or len(bits) != -(-count // 8):
        raise ValueError(f"{len(bits)} bytes for {count} answers")
    return Outcomes(
        recordings=str(told["recordings"]),
        right=np.unpackbits(bits, count=count).astype(bool),
        groups=_unpacked(told["groups"], count),
        parts=_unpacked(told["parts"], count),
        figure=str(told["figure"]),
    )


def _packed(numbers: npt.NDArray[np.int64] | None) -> str | None:
    return None if numbers is None else _text(zlib.compress(numbers.astype("<u4").tobytes(), 9))


def _unpacked(text: str | None, count: int) -> npt.NDArray[np.int64] | None:
    if text is None:
        return None
    # No more is made of it than there may be, whatever it would grow to.
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(base64.b64decode(text, validate=True), 4 * count + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) != 4 * count:
        raise ValueError(f"{len(content)} bytes for {count} numbers")
    return np.frombuffer(content, "<u4").astype(np.int64)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
