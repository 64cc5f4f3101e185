from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np
import pytest

from clara import rooms
from clara.augment import Acoustic
from clara.augment.mix import Mix
from clara.errors import UsageError
from clara.records import Sample, Wave

RATE = 8_000


def noise(seconds: float, seed: int, level: float = 0.1) -> Wave:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def speech(wave: Wave | None = None, *texts: str) -> Sample:
    labels = {"gender": ("woman",)}
    return Sample("a/1", noise(1, 1) if wave is None else wave, RATE, texts or ("Hi.",), labels)


def sound(wave: Wave | None = None, *texts: str) -> Sample:
    labels = {"sound": ("rain",)}
    default = ("The sound of rain",)
    return Sample("b/2", noise(2, 2) if wave is None else wave, RATE, texts or default, labels)


def level(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


@pytest.mark.parametrize("weight", [0.0, 0.01, 0.25, 0.8, 1.0])
@pytest.mark.parametrize("behind_level", [0.001, 0.1, 3.0])
def test_equation_1(weight: float, behind_level: float) -> None:
    """The result is (1 - x) a + x b exactly, with b at the loudness of a, whatever its own."""
    front, behind = speech(), sound(noise(1, 2, behind_level))
    mixed = Mix(weight, weight)(front, behind, np.random.default_rng(0))
    scaled = behind.wave.astype(np.float64) * (level(front.wave) / level(behind.wave))
    expected = (1 - weight) * front.wave.astype(np.float64) + weight * scaled
    np.testing.assert_allclose(mixed.wave, expected, atol=1e-6)


@pytest.mark.parametrize("behind_level", [0.01, 0.1, 1.0])
def test_the_energies_of_what_is_mixed_are_in_the_ratio_of_lambda(behind_level: float) -> None:
    """Both are found again in the mixture, by least squares, as (1 - x) to x."""
    front, behind = noise(4, 1), noise(4, 2, behind_level)
    for weight in (0.01, 0.2, 0.5, 0.8):
        mixed = Mix(weight, weight)(speech(front), sound(behind), np.random.default_rng(0)).wave
        parts = np.stack([front, behind], axis=1).astype(np.float64)
        shares = np.linalg.lstsq(parts, mixed.astype(np.float64), rcond=None)[0]
        energies = np.square(shares) * np.square(parts).sum(axis=0)
        assert energies[1] / energies[0] == pytest.approx((weight / (1 - weight)) ** 2, rel=1e-4)


def test_the_sentence_of_the_paper() -> None:
    """Section III-A2 gives it as the example of equation 1."""
    front, behind = speech(None, "A person saying It's raining outside"), sound(None, "wind noise")
    (text,) = Mix()(front, behind, np.random.default_rng(0)).texts
    assert text == "A person saying It's raining outside, background wind noise"


def test_weights_are_drawn_over_the_range_of_the_paper() -> None:
    """With a silent front of level 0 no gain applies, so the result is x times the background."""
    behind = sound(np.full(RATE, 0.5, np.float32))
    front = speech(np.zeros(RATE, np.float32))
    draws = [Mix()(front, behind, np.random.default_rng(seed)).wave[0] / 0.5 for seed in range(800)]
    assert min(draws) > 0.01 - 1e-6
    assert max(draws) < 0.8 + 1e-6
    assert np.mean(draws) == pytest.approx((0.01 + 0.8) / 2, abs=0.025)
    assert np.std(draws) == pytest.approx((0.8 - 0.01) / np.sqrt(12), abs=0.02)


def test_a_short_background_is_repeated_and_a_long_one_cut() -> None:
    front = speech(np.zeros(10, np.float32))
    short = sound(np.array([1, 2, 3], np.float32) / 4)
    long = sound(np.arange(100, dtype=np.float32) / 100)
    starts = set()
    for seed in range(40):
        looped = Mix(1, 1)(front, short, np.random.default_rng(seed)).wave
        np.testing.assert_array_equal(looped[3:], looped[:-3])
        assert sorted(looped[:3].tolist()) == [0.25, 0.5, 0.75]
        cut = Mix(1, 1)(front, long, np.random.default_rng(seed)).wave
        np.testing.assert_allclose(np.diff(cut), 0.01, atol=1e-6)
        starts.add(float(cut[0]))
    assert len(starts) > 20


def test_the_peak_stays_in_range() -> None:
    mixed = Mix(0.5, 0.5)(speech(noise(1, 1, 0.9)), sound(), np.random.default_rng(0)).wave
    assert np.abs(mixed).max() == pytest.approx(1)
    quiet = Mix(0.5, 0.5)(speech(), sound(), np.random.default_rng(0)).wave
    assert np.abs(quiet).max() < 1
    assert level(quiet) == pytest.approx(0.1 * np.sqrt(0.5), rel=0.05)


def test_silence_stays_finite() -> None:
    for front, behind in [(0, 1), (1, 0), (0, 0)]:
        samples = speech(noise(1, 1, 0.1 * front)), sound(noise(1, 2, 0.1 * behind))
        mixed = Mix()(*samples, np.random.default_rng(0))
        assert np.isfinite(mixed.wave).all()


def test_a_background_that_will_not_do() -> None:
    empty = dataclasses.replace(sound(), wave=np.zeros(0, np.float32))
    wordless = dataclasses.replace(sound(), texts=())
    other = dataclasses.replace(sound(), rate=RATE * 2)
    for behind, message in [
        (empty, "a background with sound and text but found none in 'b/2'"),
        (wordless, "a background with sound and text but found none in 'b/2'"),
        (other, "a background at 8000 Hz but found 16000 Hz"),
    ]:
        with pytest.raises(UsageError, match=message):
            Mix()(speech(), behind, np.random.default_rng(0))
    none = speech(np.zeros(0, np.float32))
    assert Mix()(none, sound(), np.random.default_rng(0)).wave.shape == (0,)


def test_numbers_that_nearly_give_out() -> None:
    for front, behind in [(1.0, 1e-42), (1e-30, 1.0), (1.0, 1e-30), (1e6, 1e-6)]:
        samples = speech(noise(1, 1, front)), sound(noise(1, 2, behind))
        mixed = Mix(0.5, 0.5)(*samples, np.random.default_rng(0))
        assert np.isfinite(mixed.wave).all()


def test_every_text_says_what_lies_behind() -> None:
    front = speech(None, 'A woman saying "hi" in a sad voice', "Hi.", "हाँ")
    behind = sound(None, "The sounds of rain and wind")
    assert Mix()(front, behind, np.random.default_rng(0)).texts == (
        'A woman saying "hi" in a sad voice, background rain and wind',
        "Hi, background rain and wind",
        "हाँ, background rain and wind",
    )
    several = sound(None, "The sound of rain", "People talk in a pub")
    found = {Mix()(speech(), several, np.random.default_rng(seed)).texts[0] for seed in range(20)}
    assert found == {"Hi, background rain", "Hi, background People talk in a pub"}


def test_labels_of_both() -> None:
    behind = dataclasses.replace(sound(), labels={"sound": ("rain",), "gender": ("woman", "man")})
    mixed = Mix()(speech(), behind, np.random.default_rng(0))
    assert mixed.labels == {"gender": ("woman", "man"), "sound": ("rain",)}
    assert mixed.key == "a/1"


@pytest.mark.parametrize("bounds", [(-0.1, 0.5), (0.5, 0.4), (0.5, 1.5), (float("nan"), 0.5)])
def test_impossible_weights(bounds: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="Expected 0 <= low <= high <= 1"):
        Mix(*bounds)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in rooms.names("augment")
        if not isinstance(rooms.load("augment", name)(), Acoustic)
    ],
)
def test_every_augmentation_of_samples_is_pure_and_repeatable(name: str) -> None:
    make: Callable[[], Callable[..., Sample]] = rooms.load("augment", name)
    augmentation = make()
    given = [speech(), sound()]
    waves = [sample.wave.copy() for sample in given]
    count = len(inspect.signature(augmentation).parameters) - 1

    def call(seed: int) -> Sample:
        return augmentation(*given[:count], np.random.default_rng(seed))

    first, again, other = call(3), call(3), call(4)
    assert first.wave.dtype == np.float32
    assert np.isfinite(first.wave).all()
    np.testing.assert_array_equal(first.wave, again.wave)
    assert first.texts == again.texts
    assert not np.array_equal(first.wave, other.wave)
    assert first.wave.shape == given[0].wave.shape
    for sample, wave in zip(given, waves, strict=True):
        np.testing.assert_array_equal(sample.wave, wave)
