"""The cheapest way through a row of states, frame by frame: the Viterbi algorithm, in torch.

From one frame to the next a path stays in its state, or goes on by one or by two; so all states are
worked on at once, and paths are comparable at every frame, since each has eaten as many frames. Of
long recordings only a band of states around the best one is followed. Pointers back are kept for
the last of the frames and made again for the others, from scores that are kept at the beginning of
each chunk, so that an hour takes no more memory than minutes do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clara.audio.threads import one_core

_CHUNK = 256
_POINTERS = 64 * 2**20  # bytes of them that are kept


class Found(NamedTuple):
    """The cheapest path: its state `[F]` at each frame, and its cost for a frame."""

    path: npt.NDArray[np.int64]
    cost: float


@dataclass(frozen=True)
class Lattice:
    """States in a row, and what it costs to be in them and to move.

    Attributes:
        frames: How many there are.
        states: How many there are; a path begins in one of the first two, ends in one of the last.
        emit: Given frames a to b and states c to d, the costs float32 `[b - a, d - c]`.
        stay: float32 `[S]`: what it costs to stay in each state.
        skip: float32 `[S]`: what it costs to come to each state from two before.
        width: How many states are followed at once.
    """

    frames: int
    states: int
    emit: Callable[[int, int, int, int], Tensor]
    stay: Tensor
    skip: Tensor
    width: int = 4096

    @torch.inference_mode()
    @one_core()
    def cost(self) -> float:
        """What the cheapest path costs for a frame; infinite if there is none."""
        band, scores, _ = self._forward()
        return self._end(band, scores)[1] / self.frames

    @torch.inference_mode()
    @one_core()
    def best(self) -> Found | None:
        """The cheapest path, or None if there is none or it was lost out of the band."""
        band, scores, kept = self._forward(remember=True)
        state, cost = self._end(band, scores)
        if not np.isfinite(cost):
            return None
        path = np.empty(self.frames, np.int64)
        for start in range((self.frames - 1) // _CHUNK * _CHUNK, -1, -_CHUNK):
            mark = kept.marks[start // _CHUNK]
            pointers = kept.pointers.pop() if kept.pointers else self._chunk(start, *mark)[1]
            stepped, skipped = pointers.numpy()
            for row in range(len(stepped) - 1, -1, -1):
                path[start + row] = state
                place = state - mark[0]
                state -= 2 if skipped[row, place] else int(stepped[row, place])
        return Found(path, cost / self.frames)

    def _forward(self, *, remember: bool = False) -> tuple[int, Tensor, _Kept]:
        """Over all frames: where the band lies at last, its scores, and what was kept."""
        width = min(self.width, self.states)
        room = max(1, _POINTERS // (2 * width * _CHUNK)) if remember else 1
        kept = _Kept([], deque(maxlen=room))
        band, scores = 0, torch.empty(0)
        for start in range(0, self.frames, _CHUNK):
            if start:
                centre = band + int(scores.argmin()) - width // 2
                moved = max(band, min(centre, self.states - width))
                empty = torch.full((moved - band,), torch.inf)
                band, scores = moved, torch.cat((scores[moved - band :], empty))
            if remember:
                kept.marks.append((band, scores))
            scores, pointers = self._chunk(start, band, scores)
            if remember:
                kept.pointers.append(pointers)
        return band, scores, kept

    def _chunk(self, start: int, band: int, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Over the frames of one chunk: the scores behind it, and pointers bool `[2, F, W]`.

        The first says where a path came from one state before, the second where from two.
        """
        end = min(start + _CHUNK, self.frames)
        width = min(self.width, self.states)
        costs = self.emit(start, end, band, band + width)
        stay, skip = (cost[band : band + width] for cost in (self.stay, self.skip))
        # Two rows of scores in turns, with room in front, so that nothing is cut or made in the
        # loop: it is the handing over to torch that costs time here, not the sums.
        rows = [torch.full((width + 2,), torch.inf) for _ in range(2)]
        ways = [(row[2:], row[1:-1], row[:-2]) for row in rows]
        slow, fast = torch.empty(width), torch.empty(width)
        moves = torch.zeros(2, end - start, width, dtype=torch.bool)
        stepped, skipped = moves
        first = 0
        if not start:
            rows[0][2:4] = costs[0][:2]
            first = 1
        else:
            rows[0][2:] = scores
        each = zip(costs[first:], stepped[first:], skipped[first:], strict=True)
        for turn, (cost, step, leap) in enumerate(each):
            (same, one, two), (after, _, _) = ways[turn % 2], ways[1 - turn % 2]
            torch.add(same, stay, out=slow)
            torch.lt(one, slow, out=step)
            torch.minimum(one, slow, out=slow)
            torch.add(two, skip, out=fast)
            torch.lt(fast, slow, out=leap)
            torch.minimum(fast, slow, out=slow)
            torch.add(slow, cost, out=after)
        last = ways[(end - start - first) % 2][0]
        return last.clone(), moves

    def _end(self, band: int, scores: Tensor) -> tuple[int, float]:
        """The cheaper one of the last two states, and its cost."""
        if band + len(scores) < self.states:
            return 0, np.inf
        last = min(2, len(scores))
        cost, place = scores[-last:].min(0)
        return self.states - last + int(place), float(cost)


class _Kept(NamedTuple):
    """Of each chunk where its band lies and the scores before it; pointers of the last chunks."""

    marks: list[tuple[int, Tensor]]
    pointers: deque[Tensor]
