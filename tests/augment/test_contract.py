"""The contract of acoustic augmentations, and the chain that applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from clara import rooms
from clara.augment import Acoustic, Chain, Dice, silence
from clara.errors import UnknownNameError, UsageError
from clara.records import Sample

pytestmark = pytest.mark.usefixtures("one_thread")

RATE = 8000
LENGTHS = (8000, 5000, 0, 1, 2, 333, 8000, 7999)
NAMES = [
    name for name in rooms.names("augment") if isinstance(rooms.load("augment", name)(), Acoustic)
]
# Encoders look for what the ear does not hear: what they make of a row and of the same row with
# another last bit is not the same.
SMOOTH = [name for name in NAMES if name != "codec"]


def batch(
    seed: int = 0, lengths: Sequence[int] = LENGTHS, rate: int = RATE
) -> tuple[Tensor, Tensor]:
    """Rows of noise through a low filter, zero behind their lengths."""
    generator = torch.Generator().manual_seed(seed)
    waves = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator).cumsum(1)
    waves = waves - torch.nn.functional.avg_pool1d(waves[:, None], 51, 1, 25)[:, 0]
    sizes = torch.tensor(lengths)
    return silence(waves, sizes), sizes


def test_the_room_has_the_augmentations_of_the_paper() -> None:
    asked = {"reverb", "clipping", "time_mask", "frequency_mask", "pitch", "gain", "speed", "codec"}
    assert asked <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8000, 11025, 48000])
def test_a_member_keeps_its_contract(name: str, rate: int, dice: Callable[..., Dice]) -> None:
    member: Acoustic = rooms.load("augment", name)()
    waves, lengths = batch()
    before, sizes = waves.clone(), lengths.clone()
    made, new = member.on_batch(waves, lengths, rate, dice(8))
    assert made.dtype == torch.float32
    assert made.isfinite().all()
    assert new.dtype == torch.int64
    assert made.shape[1] >= int(new.max())
    assert (new[lengths > 0] > 0).all()
    assert new[2] == 0
    for wave, length in zip(made, new.tolist(), strict=True):
        assert not wave[length:].any()
    torch.testing.assert_close(lengths, sizes, rtol=0, atol=0)
    again, _ = member.on_batch(before.clone(), lengths, rate, dice(8))
    assert torch.equal(made, again)
    other, _ = member.on_batch(before.clone(), lengths, rate, dice(8, seed=1))
    assert made.shape != other.shape or not torch.equal(made, other)
    assert not torch.equal(made[:, :8000], before[:, : made.shape[1]])


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silence(name: str, dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.zeros(2, 4000), torch.tensor([4000, 100])
    made, _ = rooms.load("augment", name)().on_batch(waves, lengths, RATE, dice(2))
    assert made.abs().max() < 1e-30


def assert_same_sound(made: Tensor, expected: Tensor) -> None:
    """Within 60 dB: what rounds in another order may turn a bin of next to nothing otherwise."""
    assert made.shape == expected.shape
    assert (made - expected).norm() <= 1e-3 * expected.norm()


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_row_is_the_same_alone_and_among_others(
    name: str, rate: int, dice: Callable[..., Dice]
) -> None:
    member: Acoustic = rooms.load("augment", name)()
    waves, lengths = batch()
    made, new = member.on_batch(waves.clone(), lengths, rate, dice(8))
    for row, length in enumerate(lengths.tolist()):
        if length:
            alone = waves[row : row + 1, :length], lengths[row : row + 1]
            one, size = member.on_batch(*alone, rate, dice(8)[[row]])
            assert size == new[row]
            assert_same_sound(made[row, :size], one[0, :size])


def everything() -> Chain:
    lines = [f"{name} 0.5" for name in SMOOTH]
    return Chain.parse(lines)


def test_a_chain_gives_a_row_the_same_bits_in_any_company(dice: Callable[..., Dice]) -> None:
    chain = Chain.parse([f"{name} 0.5" for name in NAMES])
    waves, lengths = batch()
    made, new = chain.on_batch(waves, lengths, RATE, dice(8))
    padded = torch.nn.functional.pad(waves, (0, 777))
    for rows in ([4], [7, 0], [0, 1, 2, 3, 4, 5, 6, 7]):
        some, sizes = chain.on_batch(padded[rows], lengths[rows], RATE, dice(8)[rows])
        assert sizes.tolist() == new[rows].tolist()
        for row, wave, size in zip(rows, some, sizes.tolist(), strict=True):
            assert torch.equal(wave[:size], made[row, :size])
            assert not wave[size:].any()


def test_threads_change_nothing(dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    one, _ = everything().on_batch(waves, lengths, RATE, dice(8))
    torch.set_num_threads(2)
    two, _ = everything().on_batch(waves, lengths, RATE, dice(8))
    assert torch.equal(one, two)


def test_whole_batches_and_single_rows_agree(dice: Callable[..., Dice]) -> None:
    """What runs on a GPU takes the batch as one; it draws the same numbers for each row."""
    waves, lengths = batch()
    before = waves.clone()
    for seed in range(4):
        by_row, sizes = everything().on_batch(waves, lengths, RATE, dice(8, seed))
        whole, new = everything()._together(waves, lengths, RATE, dice(8, seed), False)
        assert new.tolist() == sizes.tolist()
        size = min(whole.shape[1], by_row.shape[1])
        assert_same_sound(whole[:, :size], by_row[:, :size])
        assert not whole[:, size:].any()
    assert torch.equal(waves, before)


# Codecs are programs of the CPU.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "codec"])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_a_member_stays_on_its_device(name: str, rate: int, dice: Callable[..., Dice]) -> None:
    """A device without data refuses what mixes devices, and what asks it for a number."""
    waves = torch.zeros(3, 4000, device="meta")
    lengths = torch.zeros(3, dtype=torch.int64, device="meta")
    made, new = rooms.load("augment", name)().on_batch(waves, lengths, rate, dice(3))
    assert made.device == new.device == waves.device
    assert made.dtype == torch.float32
    chain = Chain.parse(["gain 0.5", f"{name} 0.5", "speed 0.5"])
    assert chain.on_batch(waves, lengths, rate, dice(3))[0].device == waves.device


@dataclass(frozen=True)
class Tick:
    """Adds 1 to each sample, so that what was done can be counted."""

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        return silence(waves + 1, lengths), lengths


def test_every_row_draws_for_itself(dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.zeros(4000, 3), torch.full((4000,), 2)
    chain = Chain(((0.25, Tick()), (0.0, Tick()), (1.0, Tick()), (0.5, Tick())))
    for apply in (chain._by_row, chain._together):
        made, _ = apply(waves, lengths, RATE, dice(4000), False)
        counts = torch.bincount(made[:, 0].long(), minlength=4) / 4000
        expected = torch.tensor([0, 0.75 * 0.5, 0.5, 0.25 * 0.5])
        torch.testing.assert_close(counts, expected, atol=0.025, rtol=0)
        assert not made[:, 2].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [1e-38, 1e-30, 1e6, 1e15])
def test_levels_far_from_1(name: str, level: float, dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    made, _ = rooms.load("augment", name)().on_batch(level * waves, lengths, RATE, dice(8))
    assert made.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_is_not_finite_spoils_no_other(name: str, dice: Callable[..., Dice]) -> None:
    chain = Chain.parse([f"{name} 1"])
    waves, lengths = batch()
    broken = waves.clone()
    broken[0, 100], broken[1, 100] = float("nan"), float("inf")
    for apply in (chain._by_row, chain._together):
        expected, new = apply(waves, lengths, RATE, dice(8), False)
        made, sizes = apply(broken, lengths, RATE, dice(8), False)
        assert sizes.tolist() == new.tolist()
        assert torch.equal(made[2:], expected[2:])


def test_a_batch_may_be_written_over(dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    for lines in (["gain 1", "time_mask 1", "clipping 1", "reverb 0.5"], ["speed 1"]):
        chain = Chain.parse(lines)
        expected, new = chain.on_batch(waves, lengths, RATE, dice(8))
        ours = waves.clone()
        made, sizes = chain.on_batch(ours, lengths, RATE, dice(8), overwrite=True)
        assert torch.equal(made, expected)
        assert sizes.tolist() == new.tolist()
        assert (made.data_ptr() == ours.data_ptr()) == (made.shape == ours.shape)
        whole, _ = chain._together(waves.clone(), lengths, RATE, dice(8), True)
        assert_same_sound(whole, chain._together(waves, lengths, RATE, dice(8), False)[0])


def test_what_is_behind_a_length_is_not_heard(dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    dirty = waves + (torch.arange(8000) >= lengths[:, None]) * 9.0
    for overwrite in (False, True):
        for apply in (everything()._by_row, everything()._together):
            expected, _ = apply(waves, lengths, RATE, dice(8), False)
            made, _ = apply(dirty.clone(), lengths, RATE, dice(8), overwrite)
            assert torch.equal(made, expected)


def test_batches_that_are_none(dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    for given, message in [
        ((waves[0], lengths, RATE, dice(8)), r"waves \[rows, samples\] of float32"),
        ((waves.half(), lengths, RATE, dice(8)), r"found torch\.float16"),
        ((waves.bfloat16(), lengths, RATE, dice(8)), r"found torch\.bfloat16"),
        ((waves.double(), lengths, RATE, dice(8)), r"found torch\.float64"),
        ((waves, lengths[:3], RATE, dice(8)), "Expected 8 lengths of int64 on cpu"),
        ((waves, lengths.float(), RATE, dice(8)), "Expected 8 lengths of int64 on cpu"),
        ((waves, lengths.to("meta"), RATE, dice(8)), r"\[8\] on meta"),
        ((waves, lengths + 1, RATE, dice(8)), "lengths from 0 to 8000 but found 1 to 8001"),
        ((waves, lengths - 1, RATE, dice(8)), "lengths from 0 to 8000 but found -1 to 7999"),
        ((waves, lengths, 0, dice(8)), "a rate above 0 but found 0"),
        ((waves, lengths, RATE, dice(7)), "dice for 8 rows but found 7"),
    ]:
        with pytest.raises(UsageError, match=message):
            everything().on_batch(*given)


def test_a_row_that_gets_nothing_stays_as_it_was(dice: Callable[..., Dice]) -> None:
    waves, lengths = batch()
    for chain in (Chain(), Chain.parse(["pitch 0", "speed 0"])):
        made, new = chain.on_batch(waves, lengths, RATE, dice(8))
        assert torch.equal(made, waves)
        assert new.tolist() == lengths.tolist()


def test_batches_without_rows_or_samples(dice: Callable[..., Dice]) -> None:
    for shape in ((0, 0), (0, 5), (3, 0)):
        waves, lengths = torch.zeros(shape), torch.zeros(shape[0], dtype=torch.int64)
        for apply in (everything()._by_row, everything()._together):
            made, new = apply(waves, lengths, RATE, dice(shape[0]), False)
            assert made.shape == shape
            assert new.shape == (shape[0],)


def test_the_same_generator_gives_the_same_batch() -> None:
    waves, lengths = batch()

    def run(generator: torch.Generator) -> Tensor:
        return everything().on_batch(waves, lengths, RATE, Dice.roll(generator, 8))[0]

    generator = torch.Generator().manual_seed(5)
    first, second = run(generator), run(generator)
    assert torch.equal(first, run(torch.Generator().manual_seed(5)))
    assert first.shape != second.shape or not torch.equal(first, second)
    torch.manual_seed(0)
    undisturbed = torch.rand(3)
    torch.manual_seed(0)
    run(generator)
    assert torch.equal(torch.rand(3), undisturbed)


def test_dice_are_uniform_and_of_their_own(dice: Callable[..., Dice]) -> None:
    drawn = dice(20_000).uniform(-2, 4)
    assert drawn.dtype == torch.float64
    assert -2 <= drawn.min() < drawn.max() <= 4
    assert drawn.mean() == pytest.approx(1, abs=0.05)
    assert drawn.std() == pytest.approx(6 / np.sqrt(12), abs=0.02)
    assert len(set(drawn.tolist())) > 19_900
    some = dice(6)
    assert len(some) == 6
    first, second = some.uniform(0, 1), some.uniform(0, 1)
    assert not torch.equal(first, second)
    again = dice(6)
    assert again[2:5].uniform(0, 1).tolist() == first[2:5].tolist()
    assert again[[4]].uniform(0, 1).tolist() == second[[4]].tolist()
    short, long = dice(2).noise([3, 20_000])
    assert len(short) == 3
    assert long.std() == pytest.approx(1, abs=0.03)
    assert len(dice(0).uniform(0, 1)) == 0


def test_a_chain_works_on_a_sample_too() -> None:
    waves, _ = batch()
    sample = Sample("a", waves[0].numpy(), RATE, ("A dog barks",), {"sound": ("dog",)})
    before = sample.wave.copy()
    chain = Chain.parse(["speed 1 low=0.5 high=0.5", "gain 1"])
    made = chain(sample, np.random.default_rng(1))
    assert len(made.wave) == 16_000
    assert made.wave.dtype == np.float32
    assert (made.key, made.texts, made.labels) == ("a", sample.texts, sample.labels)
    np.testing.assert_array_equal(made.wave, chain(sample, np.random.default_rng(1)).wave)
    assert not np.array_equal(made.wave, chain(sample, np.random.default_rng(2)).wave)
    np.testing.assert_array_equal(sample.wave, before)


def test_lines_of_a_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.array([0.0, 1.0, 0.5]), RATE)
    lines = ["pitch .25", "telephone 1 low=7", f"reverb 0.5 'folder={folder}'", "gain 0 low=-3"]
    steps = Chain.parse(lines).steps
    assert [chance for chance, _ in steps] == [0.25, 1, 0.5, 0]
    assert [type(member).__name__ for _, member in steps] == [
        "Pitch",
        "Telephone",
        "Reverb",
        "Gain",
    ]
    assert steps[1][1].low == 7
    assert steps[2][1].folder == str(folder)
    assert steps[3][1].low == -3.0
    own = Chain.parse(["clara.augment.gain:Gain 1 high=0"])
    assert own.steps[0][1].high == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("revreb 0.5", "did you mean 'reverb'"),
        ("reverb 0.5 hihg=2", "did you mean 'high'"),
        ("reverb 0.5 high=many", "reverb.high to be float"),
        ("telephone 0.5 low=6.5", "telephone.low to be int"),
        ("codec 1 form=flac", "codec.form to be"),
        ("reverb", '"NAME CHANCE FIELD=VALUE ...".* but found "reverb"'),
        ("", 'but found ""'),
        ("reverb often", 'but found "reverb often"'),
        ("reverb 0.5 high", 'but found "reverb 0.5 high"'),
        ("reverb '0.5", "NAME CHANCE"),
        ("reverb 1.5", "chance of reverb to be from 0 to 1 but found 1.5"),
        ("reverb nan", "chance of reverb"),
        ("reverb 0.5 low=2 high=1", "high to be at least low"),
        ("pitch 0.5 high=nan", "pitch.high to be float"),
        ("mix 0.5", "no augmentation of batches named 'mix'"),
        ("no.such:Thing 1", "that Python can import"),
    ],
)
def test_lines_that_make_no_sense(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Chain.parse([line])
    if "did you mean" in message:
        with pytest.raises(UnknownNameError):
            Chain.parse([line])
