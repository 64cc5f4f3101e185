"""The whole audio tower trained for the task, with the classifier of V-D on top (Table I, "Best").

The paper says of it no more than that epochs are not limited to 20, and that AdamW at 1e-4 and
early stopping on the validation loss are as for the probe. What else there is to say, `Recipe`
says. The classifier is taught first, with the tower as it is, and both go on from there together:
from random layers, the first steps would undo what the tower has learned (Kumar et al., Fine-Tuning
can Distort Pretrained Features, 2022, arXiv:2202.10054). That start counts as a candidate too, so
that what comes out validates no worse than the probe. Judged and kept are weights averaged over
about a round: few recordings validate, and single steps scatter more than they teach.

Each fold trains anew, from the encoder as it was handed in; that one is left as it is. This costs
hours where the others cost minutes, so it is measured only if asked for.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clara.batches import Batches
from clara.embed import Encoder, chunks, pad
from clara.errors import UsageError
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Floats
from clara.evaluate.protocols._head import Head, hold_out, learn, loss, mean_loss
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.tasks import Task
from clara.optim import OptimConfig, make_optimizer, rate_at
from clara.order import DataConfig
from clara.records import Scores
from clara.shards import Index
from clara.text.tokens import Tokens

__all__ = ["run"]

Keys = npt.NDArray[np.object_]

_SECONDS = 300  # of audio that go through the network at once when nothing is learned
_UNREAD = 3  # tokens of a caption; batches carry captions, which nothing here reads


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a tower is tuned.

    Attributes:
        tower_rate: Peak learning rate of the tower, the paper's.
        head_rate: That of the classifier.
        decay: Weight decay of matrices.
        clip: Largest norm of the gradient.
        warmup: Rounds in which rates rise; then they fall to 0 by a cosine over all.
        rounds: Most rounds. A round is an epoch, or `steps` where an epoch has more; after each,
            the validation loss says whether this is the best so far.
        steps: Most steps of a round.
        patience: Rounds without a better one before it ends.
        batch: Recordings of a step, of like length.
        seconds: Of longer recordings, another cut of this length is learned from each time; they
            are validated and tested whole.
        bf16: Whether products are taken in bfloat16 where the hardware multiplies that fast.
    """

    tower_rate: float = 1e-4
    head_rate: float = 3e-4
    decay: float = 0.01
    clip: float = 1.0
    warmup: float = 1.0
    rounds: int = 50
    steps: int = 2000
    patience: int = 8
    batch: int = 16
    seconds: float = 10.0
    bf16: bool = True


RECIPE = Recipe()


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Trains a copy of the encoder's audio tower on the training part and judges it on the test.

    Raises:
        UsageError: The encoder has no tower that can be trained, or the shards hold nothing to
            learn from or to test on.
    """
    if not hasattr(encoder, "tower"):
        raise UsageError(
            f"{encoder.name} cannot be fine-tuned: it gives out no audio tower to train; measure "
            "it by linear_probe."
        )
    view = data.index.select(corpora=[task.corpus])
    rows = {view.key(i): i for i in range(len(view))}

    def fit(lesson: Lesson, tested: Part) -> tuple[Floats, Mapping[str, Any]]:
        tower: nn.Module = encoder.tower()
        tuning = _Tuning(view, rows, encoder.rate, RECIPE, data.progress)
        with _dice(tower, data.seed):
            if not data.has_features:
                lesson = replace(lesson, x=tuning.through(tower, lesson.keys))
            network, told = tuning.run(tower, lesson)
        return tuning.through(network, tested.rows.keys), told

    scores = probe(task, "fine_tune", data, fit)
    detail = {**scores.detail, "features": "trained", "recipe": asdict(RECIPE)}
    return replace(scores, detail=detail)


class _Network(nn.Module):
    """Waves `[B, T]` with lengths `[B]` to logits `[B, C]`."""

    def __init__(self, tower: nn.Module, head: Head) -> None:
        super().__init__()
        self.tower = tower
        self.head = head

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(self.tower(waves, lengths))
        return logits


class _Tuning:
    """How recordings reach a tower, and it learns from them.

    Args:
        view: The recordings of the corpus.
        rows: Where in it each key is.
        rate: Samples per second that the tower hears.
        recipe: How it is tuned.
        progress: Told how many recordings were learned from, and of how many at most.
    """

    def __init__(
        self,
        view: Index,
        rows: Mapping[str, int],
        rate: int,
        recipe: Recipe,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.view = view
        self.rows = rows
        self.rate = rate
        self.recipe = recipe
        self.progress = progress or (lambda done, total: None)

    def run(self, tower: nn.Module, lesson: Lesson) -> tuple[_Network, Mapping[str, Any]]:
        """The network as it was when the validation loss was least, and what is to be said."""
        recipe = self.recipe
        held = hold_out(lesson)
        device = next(tower.parameters()).device
        head, _ = learn(lesson, held)
        network = _Network(tower, head).to(device)
        learned, checked = lesson.only(~held), lesson.only(held)
        place = {key: row for row, key in enumerate(learned.keys)}
        batches = self._batches(learned)
        steps = min(batches.steps_per_epoch, recipe.steps)
        optimiser, schedule = _optimiser(network, recipe, steps)
        smooth = AveragedModel(network, multi_avg_fn=_mean_over(steps), use_buffers=True)
        smooth.update_parameters(network)
        best, best_round = _copy(network), 0
        first = best_loss = mean_loss(self.through(network, checked.keys), checked.y)
        with contextlib.closing(batches.stream()) as stream:
            for number in range(1, recipe.rounds + 1):
                network.train()
                for step in range((number - 1) * steps, number * steps):
                    batch = next(stream)
                    y = torch.from_numpy(learned.y[[place[key] for key in batch.keys]])
                    with _fast(device, recipe.bf16):
                        logits = network(batch.waves.to(device), batch.wave_lengths.to(device))
                    optimiser.zero_grad()
                    loss(logits, y.to(device)).backward()  # type: ignore[no-untyped-call]
                    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
                    optimiser.step()
                    schedule.step()
                    smooth.update_parameters(network)
                    self.progress((step + 1) * len(y), recipe.rounds * steps * len(y))
                now = mean_loss(self.through(smooth.module, checked.keys), checked.y)
                if now < best_loss:
                    best, best_round, best_loss = _copy(smooth.module), number, now
                elif number - best_round >= recipe.patience or not math.isfinite(now):
                    break
        network.load_state_dict(best)
        return network, {
            "rounds": best_round,
            "steps": best_round * steps,
            "validation_loss": best_loss,
            "validation_loss_of_the_probe": first,
            "validated_on": int(held.sum()),
        }

    def through(self, module: nn.Module, keys: Sequence[str] | Keys) -> Floats:
        """What a module makes of whole recordings, without dropout: one row for each key."""
        module.eval()
        device = next(module.parameters()).device
        places = np.array([self.rows[key] for key in keys])
        lengths = self.view.values("seconds", places) * self.rate
        parts: list[list[int]] = []
        found: list[Floats] = []
        for part in chunks(lengths.tolist(), self.recipe.batch, _SECONDS * self.rate):
            waves = [self.view.sample(int(places[i]), rate=self.rate).wave for i in part]
            padded, sizes = pad(waves)
            with torch.inference_mode():
                found.append(module(padded.to(device), sizes.to(device)).float().cpu().numpy())
            parts.append(part)
        rows: Floats = np.concatenate(found)[np.argsort(np.concatenate(parts))]
        return rows

    def _batches(self, lesson: Lesson) -> Batches:
        chosen = np.zeros(len(self.view), dtype=bool)
        chosen[[self.rows[key] for key in lesson.keys]] = True
        view = self.view.select(mask=chosen)
        config = DataConfig(
            splits=tuple(view.splits),
            batch=min(self.recipe.batch, len(view)),
            max_seconds=self.recipe.seconds,
            seed=lesson.seed,
        )
        tokens = Tokens.bytes_only()
        return Batches(view, tokens, config, rate=self.rate, text_limit=_UNREAD)


def _optimiser(
    network: _Network, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with a rate for the tower and one for the classifier, and what changes both."""
    groups = [
        group
        for module, rate in ((network.tower, recipe.tower_rate), (network.head, recipe.head_rate))
        for group in make_optimizer(module, OptimConfig(rate=rate, decay=recipe.decay)).param_groups
    ]
    shape = OptimConfig(rate=1.0, floor=0.0, warmup=round(recipe.warmup * steps))
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]])
    total = recipe.rounds * steps
    return optimiser, torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: rate_at(step + 1, total, shape)
    )


def _mean_over(steps: int) -> Any:
    """A running mean of weights that remembers so many steps."""
    return get_ema_multi_avg_fn(1 - 1 / (steps + 1))  # type: ignore[no-untyped-call]


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@contextlib.contextmanager
def _dice(tower: nn.Module, seed: int) -> Iterator[None]:
    """What a tower draws as it trains follows from the seed, and nobody else's dice are touched."""
    device = next(tower.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _fast(device: torch.device, wanted: bool) -> torch.autocast:
    """Products in bfloat16, if they are wanted and faster on this hardware."""
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has)
