"""From the index to batches: decoding in threads, cropping, captions, mixing, exact resume.

All dice of a row are drawn from its place in the order of the epoch (`clara.order`). So the batch
of a step is the same on any number of threads, and what the ranks get together is the same on any
number of ranks.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from clara.augment.mix import Mix
from clara.errors import AudioError, DataError, ShardError, UnknownNameError, UsageError
from clara.order import VISIT, DataConfig, Rows, allowed, epoch_order, parts, steps_per_epoch
from clara.records import Batch, Sample, Wave
from clara.shards import Index
from clara.skips import Skips
from clara.text.tokens import Tokens

__all__ = ["Batches", "DataConfig", "epoch_order"]

# Batches in the making while the model works on one.
_AHEAD = 2
# Captions of a row that are known to be true of it; the loss needs as many for each row.
_TRUTHS = 8
# Rows tried for one place in a batch before the data are given up.
_TRIES = 16


@dataclass(frozen=True, slots=True)
class _Visit:
    """A place in a step: what its dice are seeded with, and the rows that it may take.

    Attributes:
        seed: Of the dice.
        row: The row to visit.
        others: Rows of the same batch `[B]`, to take if that one is bad.
        behind: Rows that may be mixed in, from the same pool of batches.
    """

    seed: tuple[int, ...]
    row: int
    others: Rows
    behind: Rows


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a batch beside its wave.

    Attributes:
        key: "corpus/key".
        texts: All that is true of it, the caption drawn first.
        length: In samples.
        bad: Bad records met, with their causes.
    """

    key: str
    texts: tuple[str, ...]
    length: int
    bad: list[tuple[str, str]]


class Batches:
    """The batches of a rank, from any step on.

    Args:
        index: The samples, as `choose` gives them.
        tokens: Makes token ids of captions.
        config: The settings. `batch` is shared by the ranks, so a run is the same on any number.
        rate: Samples per second that the model hears.
        rank: Of this process.
        world: Number of ranks.
        text_limit: Most tokens of a caption.

    Attributes:
        steps_per_epoch: Steps in which each corpus has its visits.
        skips: Counts the bad records met; each gives its place to another row of its batch.

    Raises:
        UsageError: The ranks cannot share a batch evenly, or an epoch does not fill one.
    """

    def __init__(
        self,
        index: Index,
        tokens: Tokens,
        config: DataConfig,
        *,
        rate: int,
        rank: int = 0,
        world: int = 1,
        text_limit: int = 128,
    ) -> None:
        assert 0 <= rank < world
        assert set(index.splits) <= set(config.splits), "expected an index from `Batches.choose`"
        assert allowed(index, config).all(), "expected an index from `Batches.choose`"
        if config.batch % world:
            raise UsageError(
                f"Expected a batch that {world} ranks can share evenly but found {config.batch}; "
                f"take {-(-config.batch // world) * world}."
            )
        self.steps_per_epoch = steps_per_epoch(index, config)
        self.skips = Skips()
        self._index, self._tokens, self._config = index, tokens, config
        self._rate, self._text_limit = rate, text_limit
        self._places = range(rank, config.batch, world)
        languages, names = index.codes("language")
        self._is_sound = np.array([not name for name in names], dtype=bool)[languages]
        if config.mix and not self._is_sound.any():
            raise UsageError(
                "Expected sounds without speech to mix in as background but every clip has a "
                "language; add a corpus of sounds, or leave `mix` at 0."
            )

    @staticmethod
    def choose(index: Index, config: DataConfig) -> Index:
        """The samples that the settings ask for; none that is held out or of weight 0.

        Raises:
            UnknownNameError: A corpus, split, weight or part held out is not in the index.
            UsageError: Nothing is left, or nothing of a corpus that was asked for by name.
        """
        known_parts = parts(index)
        for kind, asked, known in (
            ("corpus", config.weights, index.corpora),
            ("part to hold out", config.exclude, known_parts),
        ):
            for name in asked:
                if name not in known:
                    raise UnknownNameError(kind, name, known)
        chosen = index.select(
            corpora=config.corpora or None, splits=config.splits, mask=allowed(index, config)
        )
        missing = [name for name in config.corpora if name not in chosen.corpora]
        if missing or not len(chosen):
            raise UsageError(
                f"Expected samples of {missing[0] if missing else 'some corpus'} in the splits "
                f"{', '.join(config.splits)} but found none that is not held out; "
                f"there are: {', '.join(known_parts)}."
            )
        return chosen

    def stream(self, start: int = 0) -> Generator[Batch, None, None]:
        """The batches from step `start` on, over epochs without end.

        Close the iterator to end its threads at once.

        Args:
            start: Steps already done.

        Raises:
            DataError: Too many records are bad, or no row of a batch can be read.
        """
        epoch, order = -1, np.zeros((0, 0), np.int64)
        with ThreadPoolExecutor(self._config.threads, "clara-batches") as pool:
            waiting: deque[tuple[Wave, list[Future[_Row]]]] = deque()
            try:
                for position in itertools.count(start):
                    if position // self.steps_per_epoch != epoch:
                        epoch = position // self.steps_per_epoch
                        order = epoch_order(self._index, self._config, epoch)
                    visits = self._visits(order, epoch, position % self.steps_per_epoch)
                    waiting.append(self._begin(visits, pool))
                    if len(waiting) > _AHEAD:
                        yield self._finish(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _visits(self, order: Rows, epoch: int, step: int) -> list[_Visit]:
        """What this rank has to do at a step of an epoch."""
        config, rows = self._config, order[step]
        behind = rows[:0]
        if config.mix:
            first = step // config.pool * config.pool
            nearby = order[first : first + config.pool].reshape(-1)
            behind = nearby[self._is_sound[nearby]]
        return [
            _Visit((VISIT, config.seed, epoch, step, place), int(rows[place]), rows, behind)
            for place in self._places
        ]

    def _begin(
        self, visits: list[_Visit], pool: ThreadPoolExecutor
    ) -> tuple[Wave, list[Future[_Row]]]:
        # As long as the longest over all ranks: their work is then alike.
        rows = visits[0].others
        frames, rates = (self._index.values(name, rows) for name in ("frames", "rate"))
        whole = (-(-frames * self._rate // rates)).max()
        longest = round(self._config.max_seconds * self._rate)
        waves = np.empty((len(visits), min(whole, longest)), np.float32)
        futures = [
            pool.submit(self._fill, visit, wave) for visit, wave in zip(visits, waves, strict=True)
        ]
        return waves, futures

    def _finish(self, waves: Wave, futures: list[Future[_Row]]) -> Batch:
        rows = [future.result() for future in futures]
        self.skips.good(sum(not row.bad for row in rows))
        for key, cause in itertools.chain.from_iterable(row.bad for row in rows):
            self.skips.bad(key, cause)
        texts = [row.texts[0] for row in rows]
        tokens, token_lengths = self._tokens.encode(texts, self._text_limit)
        true_ids = torch.from_numpy(_true_ids([row.texts for row in rows]))
        return Batch(
            waves=torch.from_numpy(waves),
            wave_lengths=torch.tensor([row.length for row in rows]),
            tokens=torch.from_numpy(tokens),
            token_lengths=torch.from_numpy(token_lengths),
            text_ids=true_ids[:, 0].contiguous(),
            true_ids=true_ids,
            keys=tuple(row.key for row in rows),
        )

    def _fill(self, visit: _Visit, wave: Wave) -> _Row:
        """Decodes a row into its place in the batch, and writes zeros behind it."""
        rng = np.random.default_rng(visit.seed)
        row, bad = visit.row, list[tuple[str, str]]()
        for attempt in range(1, _TRIES + 1):
            try:
                sample = self._draw(row, self._config.max_seconds, rng, wave)
                break
            except DataError as error:
                if row == visit.row and not bad:
                    bad.append((self._index.key(row), _cause(error)))
                if attempt == _TRIES:
                    raise DataError(
                        f"None of {_TRIES} clips of a batch could be read. The last: {error}"
                    ) from error
                row = int(rng.choice(visit.others))
        if len(visit.behind) and rng.random() < self._config.mix:
            other = int(rng.choice(visit.behind))
            try:
                sample = Mix()(sample, self._draw(other, sample.seconds, rng), rng)
            except DataError as error:
                bad.append((self._index.key(other), _cause(error)))
        length = min(len(sample.wave), len(wave))
        if not np.may_share_memory(sample.wave, wave):  # it was decoded elsewhere
            wave[:length] = sample.wave[:length]
        wave[length:] = 0
        return _Row(sample.key, sample.texts, length, bad)

    def _draw(
        self, row: int, longest: float, rng: np.random.Generator, out: Wave | None = None
    ) -> Sample:
        """A row of the index, cut to `longest` seconds at a random place, one caption in front."""
        start, end = 0.0, None
        at = np.array([row])
        seconds = float(self._index.values("frames", at)[0] / self._index.values("rate", at)[0])
        if seconds > longest:
            start = rng.uniform(0, seconds - longest)
            end = start + longest
        sample = self._index.sample(row, rate=self._rate, start=start, end=end, out=out)
        texts = list(sample.texts)
        if not texts:
            raise DataError("it has no text")
        drawn = texts.pop(int(rng.integers(len(texts))))
        return replace(sample, texts=(drawn, *texts))


def _cause(error: DataError) -> str:
    """Why a record is bad, in words that many share."""
    if isinstance(error, AudioError):
        return "the recording cannot be decoded"
    return "the shard cannot be read" if isinstance(error, ShardError) else str(error)


def _true_ids(texts: list[tuple[str, ...]]) -> Rows:
    """A number for each text, equal for equal texts on every rank and step: `[B, TRUTHS]`."""
    # As many for every row and rank: rows of few texts repeat their first.
    filled = [(*row, *[row[0]] * _TRUTHS)[:_TRUTHS] for row in texts]
    numbers = b"".join(_text_id(text) for row in filled for text in row)
    return np.frombuffer(numbers, dtype="<i8").astype(np.int64).reshape(-1, _TRUTHS)


@functools.lru_cache(65_536)
def _text_id(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
