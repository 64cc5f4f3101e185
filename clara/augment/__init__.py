"""The room of augmentations (section III-A2); a file is a frozen dataclass of settings.

There are two kinds of members. What changes the meaning of a recording works on a `Sample`, and on
its text in the same call: it is called with samples and a random generator, and returns a new
`Sample`. What leaves the meaning alone is `Acoustic`: it works on the waves of a batch, on
whatever device they are, and draws the numbers of each row from that row's own generator. So what
becomes of a row follows from the row and its generator, not from its companions or its padding.
Only `codec` leaves the device: codecs are programs of the CPU.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from clara import rooms
from clara.audio.threads import spread
from clara.configs import expect, from_json
from clara.errors import UnknownNameError, UsageError
from clara.records import Sample


class Dice:
    """A random generator for each row of a batch.

    The generators are on the CPU whatever the device of the batch, so that a seed gives the same
    batch on every device, and nothing waits for a device to say what was drawn.

    Args:
        rows: A generator for each row.
    """

    def __init__(self, rows: Sequence[torch.Generator]) -> None:
        self._rows = list(rows)

    @classmethod
    def roll(cls, generator: torch.Generator, count: int) -> Dice:
        """Dice for `count` rows, seeded by draws from one generator.

        >>> dice, again = (Dice.roll(torch.Generator().manual_seed(7), 3) for _ in range(2))
        >>> bool((dice.uniform(0, 1)[1:] == again[1:].uniform(0, 1)).all())
        True
        """
        seeds = torch.randint(2**63 - 1, (count,), generator=generator, device=generator.device)
        return cls([torch.Generator().manual_seed(seed) for seed in seeds.tolist()])

    def __len__(self) -> int:
        """Number of rows `B`."""
        return len(self._rows)

    @overload
    def __getitem__(self, rows: slice) -> Dice: ...
    @overload
    def __getitem__(self, rows: Sequence[int]) -> Dice: ...
    def __getitem__(self, rows: slice | Sequence[int]) -> Dice:
        """The dice of some rows; they are shared, not copied."""
        return Dice(self._rows[rows] if isinstance(rows, slice) else [self._rows[i] for i in rows])

    def uniform(self, low: float, high: float) -> Tensor:
        """A number from `low` to `high` for each row: float64 `[B]`, on the CPU."""
        drawn = (torch.rand((), generator=row, dtype=torch.float64).item() for row in self._rows)
        return torch.tensor([low + (high - low) * share for share in drawn], dtype=torch.float64)

    def noise(self, sizes: Sequence[int]) -> list[Tensor]:
        """White noise of variance 1, as many samples for each row as asked, on the CPU."""
        pairs = zip(sizes, self._rows, strict=True)
        return [torch.randn(size, generator=row) for size, row in pairs]


@runtime_checkable
class Acoustic(Protocol):
    """What changes the sound of a batch but not its meaning; the contract of such members."""

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """New waves and lengths.

        Args:
            waves: float32 `[B, T]`, zero behind each length; T at least 1. They may be written
                over, and what is returned may lie in the same memory.
            lengths: int64 `[B]`, on the device of the waves; a row may be empty.
            rate: Samples per second.
            dice: Of each row; a row draws as often, whatever its companions are.

        Returns:
            The same again: finite where the waves and their squares were, and zero behind each
            length.
        """


@dataclass(frozen=True)
class Chain:
    """Acoustic augmentations one after another, each on its share of the rows.

    Attributes:
        steps: Chances, each with an augmentation; every row draws for itself which it gets.
    """

    steps: tuple[tuple[float, Acoustic], ...] = ()

    @classmethod
    def parse(cls, lines: Sequence[str]) -> Chain:
        """The chain of a recipe: lines of name, chance, and settings that are not the defaults.

        Args:
            lines: In the order in which they apply; "package.module:object" is a name too.

        Raises:
            UnknownNameError: There is no such augmentation, or it has no such setting.
            UsageError: A line has another form, or a value that makes no sense.

        >>> Chain.parse(["gain 0.5", "time_mask 1 high=0.3"]).steps[1]
        (1.0, TimeMask(low=0.0, high=0.3))
        """
        return cls(tuple(_parse(line) for line in lines))

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice, *, overwrite: bool = False
    ) -> tuple[Tensor, Tensor]:
        """As `Acoustic.on_batch`; a row that gets nothing comes back bit for bit.

        Args:
            waves: float32 `[B, T]`; what is behind a length is taken for silence.
            lengths: int64 `[B]`, on the device of the waves.
            rate: Samples per second.
            dice: Of each row.
            overwrite: The waves may be written over. New memory takes longer to get than a gain
                takes to apply.

        Returns:
            New waves and lengths, silent behind each length.

        Raises:
            UsageError: What was given are no such waves, lengths or dice.
        """
        _expect_batch(waves, lengths, rate, dice)
        apply = self._by_row if waves.device.type == "cpu" else self._together
        return apply(waves, lengths, rate, dice, overwrite)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The same on one recording, its texts unchanged."""
        seed = int(rng.integers(2**63 - 1))
        wave, _ = self.on_batch(
            torch.from_numpy(sample.wave.copy())[None],
            torch.tensor([len(sample.wave)]),
            sample.rate,
            Dice([torch.Generator().manual_seed(seed)]),
            overwrite=True,
        )
        return dataclasses.replace(sample, wave=wave[0].numpy())

    def _together(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice, overwrite: bool
    ) -> tuple[Tensor, Tensor]:
        waves = silence(waves if overwrite else waves.clone(), lengths)
        for chance, member in self.steps:
            rows = (dice.uniform(0, 1) < chance).nonzero().flatten()
            if len(rows) and waves.shape[1]:
                few = rows.to(waves.device)
                some = member.on_batch(waves[few], lengths[few], rate, dice[rows.tolist()])
                waves, lengths = _put(waves, lengths, few, *some)
        return waves, lengths

    def _by_row(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice, overwrite: bool
    ) -> tuple[Tensor, Tensor]:
        # A clip from end to end in memory that stays in the cache is several times as fast as a
        # batch, operation by operation. And a row is then the same bit for bit in any company.
        sizes = lengths.tolist()
        out, longer = waves if overwrite else torch.empty_like(waves), dict[int, Tensor]()

        def augment(rows: Sequence[int]) -> None:
            for row in rows:
                wave = out[row, : sizes[row]]
                if not overwrite:
                    wave.copy_(waves[row, : sizes[row]])
                wave = self._clip(wave, rate, dice[[row]])
                sizes[row] = len(wave)
                if len(wave) > out.shape[1]:
                    longer[row] = wave
                else:
                    _lay(wave, out[row])

        spread(augment, lengths.tolist())
        if longer:
            wide = waves.new_empty(len(waves), max(sizes))

            def widen(rows: Sequence[int]) -> None:
                for row in rows:
                    _lay(longer.get(row, out[row]), wide[row])

            spread(widen, sizes)
            out = wide
        return out, torch.tensor(sizes, dtype=lengths.dtype)

    def _clip(self, wave: Tensor, rate: int, dice: Dice) -> Tensor:
        """A wave `[T]` through all steps."""
        for chance, member in self.steps:
            if len(wave) and dice.uniform(0, 1).item() < chance:
                waves, lengths = member.on_batch(wave[None], torch.tensor([len(wave)]), rate, dice)
                wave = waves[0, : int(lengths)]
        return wave


def silence(waves: Tensor, start: Tensor, end: Tensor | None = None) -> Tensor:
    """Zeros in waves `[B, T]`, in place, from `start` `[B]` to `end` `[B]` or the end."""
    if waves.device.type == "cpu":
        # There is nothing to wait for, and a slice is cheaper than a mask.
        ends = [waves.shape[1]] * len(waves) if end is None else end.tolist()
        for wave, first, last in zip(waves, start.tolist(), ends, strict=True):
            wave[first:last] = 0.0
        return waves
    place = torch.arange(waves.shape[1], device=waves.device)
    within = place >= start[:, None]
    return waves.masked_fill_(within if end is None else within & (place < end[:, None]), 0.0)


def _expect_batch(waves: Tensor, lengths: Tensor, rate: int, dice: Dice) -> None:
    found = f"{waves.dtype} {list(waves.shape)}"
    right = waves.ndim == 2 and waves.dtype == torch.float32
    expect(right, "waves [rows, samples] of float32", found)
    found = f"{lengths.dtype} {list(lengths.shape)} on {lengths.device}"
    right = lengths.shape == waves.shape[:1] and lengths.dtype == torch.int64
    right = right and lengths.device == waves.device
    expect(right, f"{len(waves)} lengths of int64 on {waves.device}", found)
    if waves.device.type == "cpu" and len(lengths):
        # Elsewhere to look would be to wait.
        least, most = (int(length) for length in lengths.aminmax())
        found = f"{least} to {most}"
        expect(0 <= least <= most <= waves.shape[1], f"lengths from 0 to {waves.shape[1]}", found)
    expect(rate > 0, "a rate above 0", rate)
    expect(len(dice) == len(waves), f"dice for {len(waves)} rows", len(dice))


def _lay(wave: Tensor, row: Tensor) -> None:
    """Fills a row with a wave and, behind it, silence."""
    if wave.data_ptr() != row.data_ptr():
        row[: len(wave)] = wave
    row[len(wave) :] = 0.0


def _put(
    waves: Tensor, lengths: Tensor, rows: Tensor, new: Tensor, new_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Some rows replaced, in place where there is room, by others that may have other lengths."""
    wider = new.shape[1] - waves.shape[1]
    if wider > 0:
        waves = torch.nn.functional.pad(waves, (0, wider))
    waves[rows] = torch.nn.functional.pad(new, (0, max(0, -wider)))
    return waves, lengths.index_copy(0, rows, new_lengths)


def _parse(line: str) -> tuple[float, Acoustic]:
    try:
        name, chance, *settings = shlex.split(line)
        share = float(chance)
        values = dict(_value(setting) for setting in settings)
    except ValueError as error:
        raise UsageError(
            f'Expected an augmentation as "NAME CHANCE FIELD=VALUE ...", such as '
            f'"reverb 0.3 high=0.5", but found "{line}".'
        ) from error
    expect(0 <= share <= 1, f"the chance of {name} to be from 0 to 1", chance)
    made = from_json(rooms.load("augment", name), values, name)
    if not isinstance(made, Acoustic):
        known = [other for other in rooms.names("augment") if _is_acoustic(other)]
        raise UnknownNameError("augmentation of batches", name, known)
    return share, made


def _is_acoustic(name: str) -> bool:
    return hasattr(rooms.load("augment", name), "on_batch")


def _value(setting: str) -> tuple[str, Any]:
    name, found, value = setting.partition("=")
    if not found:
        raise ValueError(setting)
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value
