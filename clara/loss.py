"""The contrastive loss of equation 3, a temperature each way, streamed, over all ranks.

    L = 1/2 [ CE(tau_a z_a z_t^T) + CE(tau_t z_t z_a^T) ]

The paper prints the sum of both directions over N; the half is that of its code. A recording has
several captions ("A woman", "A person talking in a sad voice") of which a batch shows one; whatever
text of the batch is among them is true of it too. So the target of a row is uniform over all texts
that are true of it, or over all recordings that a text is true of; where each text is true of its
own recording alone this is equation 3 to the letter.

A cross-entropy is a log-partition less the mean similarity of what is true. The latter takes sums
of rows and never the matrix of similarities; the log-partitions of both directions come from one
pass over that matrix, tile by tile, forward and again backward. So the matrix is never kept, and
four products of N x N x D do what takes six where both directions are computed by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

ROWS, COLUMNS = 512, 2048
"""Recordings and texts whose similarities exist at one time."""


class _LogPartitions(torch.autograd.Function):
    """logsumexp of scaled similarities: over all texts, and over the recordings of all ranks."""

    @staticmethod
    def forward(ctx: Any, audio: Tensor, text: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
        to_text = audio.new_full((len(audio),), -torch.inf)
        to_audio = audio.new_full((len(text),), -torch.inf)
        for rows, columns in _tiles(len(audio), len(text)):
            similarity = audio[rows] @ text[columns].T
            for sums, scale, dim in (
                (to_text[rows], scales[0], 1),
                (to_audio[columns], scales[1], 0),
            ):
                highest = scale * similarity.amax(dim, keepdim=True)
                part = torch.mul(similarity, scale).sub_(highest).exp_().sum(dim).log_()
                torch.logaddexp(sums, part + highest.squeeze(dim), out=sums)
        if _ranks() > 1:
            parts = [torch.empty_like(to_audio) for _ in range(_ranks())]
            dist.all_gather(parts, to_audio)
            to_audio = torch.stack(parts).logsumexp(0)
        ctx.save_for_backward(audio, text, scales, to_text, to_audio)
        return to_text, to_audio

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        audio, text, scales, to_text, to_audio = ctx.saved_tensors
        of_text, of_audio = gradients
        if _ranks() > 1:  # our recordings stand in the sums of the texts of all ranks
            of_audio = of_audio.contiguous().clone()
            dist.all_reduce(of_audio)
        to_rows, to_columns = torch.zeros_like(audio), torch.zeros_like(text)
        to_scales = torch.zeros_like(scales)
        for rows, columns in _tiles(len(audio), len(text)):
            similarity = audio[rows] @ text[columns].T
            softmax = torch.mul(similarity, scales[0]).sub_(to_text[rows, None]).exp_()
            softmax.mul_(of_text[rows, None])
            back = torch.mul(similarity, scales[1]).sub_(to_audio[columns]).exp_()
            back.mul_(of_audio[columns])
            # Row by row, since one sum over a whole tile loses digits.
            to_scales[0] += torch.linalg.vecdot(softmax, similarity).sum()
            to_scales[1] += torch.linalg.vecdot(back, similarity).sum()
            softmax.mul_(scales[0]).addcmul_(back, scales[1])
            to_rows[rows].addmm_(softmax, text[columns])
            to_columns[columns].addmm_(softmax.T, audio[rows])
        return to_rows, to_columns, to_scales


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, height, ROWS):
        for column in range(0, width, COLUMNS):
            yield slice(row, row + ROWS), slice(column, column + COLUMNS)


def _ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    """Rows of all ranks, in rank order; the gradient is summed over ranks and cut to our rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.size = len(rows)
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        start = dist.get_rank() * ctx.size
        return gradient[start : start + ctx.size]


def gather(rows: Tensor) -> Tensor:
    """Rows of all ranks, `[N, ...]`, with gradients; the rows themselves on one rank."""
    if _ranks() > 1:
        return _Gather.apply(rows)  # type: ignore[no-any-return, no-untyped-call]
    return rows


def contrastive_loss(
    audio: Tensor, text: Tensor, scales: Tensor, text_ids: Tensor, true_ids: Tensor | None = None
) -> Tensor:
    """The loss of this rank's rows against the rows of all ranks (equation 3).

    Averaged over ranks, as data-parallel training averages gradients, it is the loss of the whole
    batch. Every rank must hold the same number of rows.

    Args:
        audio: Unit rows `[B, D]`.
        text: Unit rows `[B, D]`; row k belongs to row k of `audio`.
        scales: tau_a and tau_t, `[2]`.
        text_ids: int64 `[B]`, equal where texts are equal; `arange` makes every row its own.
        true_ids: int64 `[B, K]`, the ids of all texts that are true of a recording, its own among
            them; its own alone if None.

    Returns:
        A scalar, float32 (float64 for float64 rows).
    """
    texts = gather(text)
    to_text, to_audio = _LogPartitions.apply(audio, texts, scales)  # type: ignore[no-untyped-call]
    truths = text_ids[:, None] if true_ids is None else true_ids
    true = (audio * _targets(texts, scales, gather(text_ids), truths)).sum(1)
    first = dist.get_rank() * len(audio) if _ranks() > 1 else 0
    loss: Tensor = (to_text - true + to_audio[first : first + len(audio)]).mean() / 2
    return loss


def _targets(texts: Tensor, scales: Tensor, text_ids: Tensor, true_ids: Tensor) -> Tensor:
    """What pulls at each recording: of both directions, the scaled mean of the texts true of it.

    That mean is taken over groups of equal texts, so it costs N x K x D. In the direction from the
    texts, each text's mean over the recordings it is true of is told off recording by recording.

    Args:
        texts: Of all ranks `[N, D]`.
        scales: tau_a and tau_t.
        text_ids: Of all ranks `[N]`.
        true_ids: Of this rank's recordings `[B, K]`.
    """
    known, group = torch.unique(text_ids, return_inverse=True)
    sums = texts.new_zeros(len(known), texts.shape[1]).index_add(0, group, texts)
    truths = true_ids.sort(dim=1).values
    place = torch.searchsorted(known, truths).clamp_(max=len(known) - 1)
    counts = known[place] == truths
    counts[:, 1:] &= truths[:, 1:] != truths[:, :-1]  # a set: what is named twice counts once
    weight = counts.to(texts.dtype)
    of_recording = (weight * torch.bincount(group)[place]).sum(1, keepdim=True)
    of_text = texts.new_zeros(len(known)).index_add_(0, place.flatten(), weight.flatten())
    if _ranks() > 1:
        dist.all_reduce(of_text)
    # A group that nothing here is true of has no weight, whatever it is divided by.
    shares = scales[0] / of_recording + scales[1] / of_text.clamp(min=1)[place]
    pull = torch.zeros_like(texts[: len(truths)])
    for share, column in zip((weight * shares).T, place.T, strict=True):
        pull = torch.addcmul(pull, share[:, None], sums[column])
    return pull
