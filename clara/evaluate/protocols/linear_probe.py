"""The probe of the paper: three fully connected layers on frozen embeddings (V-D, Table IV).

As the paper says: ReLU and dropout, cross-entropy, AdamW at 1e-4, at most 20 epochs, early stopping
on the validation loss. Widths (512, 128), batch (16) and dropout (0.1) are the defaults of the
authors' code, whose shipped settings (dropout 0.6, 1,000 epochs without stopping) the paper
contradicts. The paper is silent on scaling; features are standardised on the training part, so that
so small a learning rate arrives in 20 epochs. Without a validation split, a seventh of the training
part is held out, whole speakers or sources where that is possible. Several labels for each
recording are learned by binary cross-entropy.

Frozen means frozen: features are computed once, without dropout, before anything is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clara.embed import Encoder
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Floats
from clara.evaluate.protocols._head import answers, hold_out, learn
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.tasks import Task
from clara.records import Scores

__all__ = ["run"]


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Learns the classifier from the training part and judges it on the test part.

    Raises:
        UsageError: The shards hold nothing to learn from or to test on.
    """
    return probe(task, "linear_probe", data, _fit)


def _fit(lesson: Lesson, tested: Part) -> tuple[Floats, Mapping[str, Any]]:
    head, told = learn(lesson, hold_out(lesson))
    return answers(head, tested.rows.vectors), told
