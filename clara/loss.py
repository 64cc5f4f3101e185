"""The contrastive loss of equation 3, a temperature each way, streamed, over all ranks.

    L = 1/2 [ CE(tau_a z_a z_t^T) + CE(tau_t z_t z_a^T) ]

The paper prints the sum of both directions over N; the half is that of its code. A recording has
several captions ("A woman", "A person talking in a sad voice") of which a batch shows one; whatever
text of the batch is among them is true of it too. So the target of a row is uniform over all texts
that are true of it, or over all recordings that a text is true of; where each text is true of its
own recording alone this is equation 3 to the letter. Similarities are made block by block and never
kept, forward or backward, so memory grows with N and not with N².
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

BLOCK = 512
"""Rows of similarities that exist at one time."""


class _SoftTargets(torch.autograd.Function):
    """Summed cross-entropy of scaled similarities; targets are uniform over shared ids."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, scale: Tensor, query_ids: Tensor, key_ids: Tensor
    ) -> Tensor:
        total = queries.new_zeros(())
        normalisers = queries.new_empty(len(queries))
        for rows in _blocks(len(queries)):
            logits = scale * (queries[rows] @ keys.T)
            normalisers[rows] = torch.logsumexp(logits, dim=1)
            targets = _targets(query_ids[rows], key_ids, logits.dtype)
            total += (normalisers[rows] - (targets * logits).sum(1)).sum()
        ctx.save_for_backward(queries, keys, scale, query_ids, key_ids, normalisers)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        queries, keys, scale, query_ids, key_ids, normalisers = ctx.saved_tensors
        to_queries, to_keys = torch.empty_like(queries), torch.zeros_like(keys)
        to_scale = torch.zeros_like(scale)
        for rows in _blocks(len(queries)):
            similarity = queries[rows] @ keys.T
            error = (scale * similarity - normalisers[rows, None]).exp_()
            error -= _targets(query_ids[rows], key_ids, error.dtype)
            to_scale += (error * similarity).sum()
            error *= scale
            to_queries[rows] = error @ keys
            to_keys += error.T @ queries[rows]
        return gradient * to_queries, gradient * to_keys, gradient * to_scale, None, None


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, size, BLOCK)]


def _targets(query_ids: Tensor, key_ids: Tensor, dtype: torch.dtype) -> Tensor:
    # Ids are sets, [B, J] and [N, K]: a query matches a key if they share one. One of J, K is 1.
    match = query_ids.new_zeros((len(query_ids), len(key_ids)), dtype=torch.bool)
    for query_id in query_ids.T:
        for key_id in key_ids.T:
            match |= query_id[:, None] == key_id
    targets = match.to(dtype)
    return targets / targets.sum(1, keepdim=True)


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
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        return _Gather.apply(rows)  # type: ignore[no-any-return, no-untyped-call]
    return rows


def contrastive_loss(
    audio: Tensor, text: Tensor, scales: Tensor, text_ids: Tensor, true_ids: Tensor | None = None
) -> Tensor:
    """The mean loss of this rank's rows against the rows of all ranks (equation 3).

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
    texts = text_ids[:, None]
    truths = texts if true_ids is None else true_ids
    from_audio = _SoftTargets.apply(audio, gather(text), scales[0], truths, gather(texts))  # type: ignore[no-untyped-call]
    from_text = _SoftTargets.apply(text, gather(audio), scales[1], texts, gather(truths))  # type: ignore[no-untyped-call]
    loss: Tensor = (from_audio + from_text) / (2 * len(audio))
    return loss
