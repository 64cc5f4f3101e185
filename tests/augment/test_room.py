"""Rooms of mirror images against geometry, and against the formulas of Eyring and Sabine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from clara.augment import Dice
from clara.augment.room import Room, echoes
from clara.errors import UsageError

pytestmark = pytest.mark.usefixtures("one_thread")

SPEED = 343.0
SIZE, SPEAKER, EAR = (5.0, 4.0, 3.0), (1.3, 1.7, 1.1), (3.9, 3.1, 1.6)


def decay(response: torch.Tensor, rate: int) -> float:
    """Reverberation time by Schroeder's backward integral, from -5 to -35 dB (ISO 3382)."""
    left = response.double().square().flip(0).cumsum(0).flip(0)
    left = 10 * (left / left[0]).log10()
    start, end = (int((left < level).int().argmax()) for level in (-5, -35))
    return 2 * (end - start) / rate


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_the_direct_sound_and_the_echoes_of_single_walls(rate: int) -> None:
    """They come when a mirror image of the speaker is away, and fall off with the distance."""
    response = echoes(SIZE, SPEAKER, EAR, 0.4, rate)
    direct = math.dist(SPEAKER, EAR)
    first = round(direct * rate / SPEED)
    assert not response[:first].any()
    assert float(response[first]) == pytest.approx(1 / direct, rel=1e-5)
    surface = 2 * (5 * 4 + 4 * 3 + 3 * 5)
    kept = math.exp(-12 * math.log(10) * 60 / (SPEED * surface * 0.4))
    places: dict[int, float] = {}
    for axis, wall in itertools.product(range(3), (0, 1)):
        image = list(SPEAKER)
        image[axis] = 2 * wall * SIZE[axis] - image[axis]
        away = math.dist(image, EAR)
        place = round(away * rate / SPEED)
        places[place] = places.get(place, 0.0) - kept / away
    nearest = min(places)
    assert not response[first + 1 : nearest].any()
    assert float(response[nearest]) == pytest.approx(places[nearest], rel=1e-4)


def test_every_image_of_a_brute_force() -> None:
    rate, seconds, size = 8000, 0.06, (3.0, 3.5, 2.5)
    speaker, ear = (1.0, 2.0, 1.2), (2.2, 0.7, 1.5)
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    loss = 12 * math.log(10) * math.prod(size) / (SPEED * surface * seconds)
    expected = np.zeros(rate)
    for turns in itertools.product(range(-5, 6), repeat=3):
        for mirrored in itertools.product((0, 1), repeat=3):
            image, walls = [], 0
            for turn, flip, side, place in zip(turns, mirrored, size, speaker, strict=True):
                image.append(2 * turn * side + (-place if flip else place))
                walls += abs(2 * turn - flip)
            away = math.dist(image, ear)
            if away < SPEED * seconds:
                expected[round(away * rate / SPEED)] += (
                    (-1) ** walls * math.exp(-loss * walls) / away
                )
    found = echoes(size, speaker, ear, seconds, rate)
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-5)
    assert not expected[len(found) :].any()


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("side", [4.0, 6.0])
def test_the_sound_of_a_cube_decays_as_eyring_says(side: float, seconds: float) -> None:
    """Of mirror images a little more slowly; in a flat room, where it runs between the far walls,
    by up to a half."""
    rate = 16_000
    places = [(0.3, 0.4, 0.25, 0.7, 0.8, 0.6), (0.2, 0.7, 0.4, 0.6, 0.3, 0.7)]
    found = [
        decay(echoes((side,) * 3, *np.split(side * np.array(place), 2), seconds, rate), rate)
        for place in places
    ]
    assert np.mean(found) == pytest.approx(1.06 * seconds, rel=0.08)
    flat = echoes((8, 5, 2.5), (2, 2, 1.2), (6, 3, 1.6), seconds, rate)
    assert seconds < decay(flat, rate) < 1.6 * seconds


def test_walls_take_what_eyring_says_and_where_that_is_little_sabine() -> None:
    """In T = 0.161 V / (S x), x is -ln(1 - a) or a, the share that the floor takes of an echo."""
    size, speaker, ear, seconds, rate = (
        (3.1, 2.9, 2.4),
        (1.0, 1.1, 0.6),
        (2.0, 1.7, 0.7),
        1.0,
        48_000,
    )
    response = echoes(size, speaker, ear, seconds, rate)
    away = math.dist((1.0, 1.1, -0.6), ear)
    echo = -float(response[round(away * rate / SPEED)]) * away
    taken = 1 - echo**2
    surface = 2 * (3.1 * 2.9 + 2.9 * 2.4 + 2.4 * 3.1)
    open_window = 0.161 * math.prod(size) / surface
    assert open_window / -math.log(1 - taken) == pytest.approx(seconds, rel=0.005)
    assert open_window / taken == pytest.approx(seconds, rel=0.05)


def test_rooms_of_rows(dice: Callable[..., Dice]) -> None:
    rate = 8000
    waves = torch.zeros(40, rate)
    waves[:, 100] = 1
    lengths = torch.full((40,), rate)
    made, new = Room(0.2, 0.4).on_batch(waves, lengths, rate, dice(40))
    assert torch.equal(new, lengths)
    assert made[:, :100].abs().max() < 1e-6
    assert (made[:, 100] > 0.05).all()
    torch.testing.assert_close(made.norm(dim=1), torch.ones(40), atol=1e-4, rtol=0)
    times = [decay(row[100:], rate) for row in made]
    assert 0.15 < min(times) < 0.3 < max(times) < 0.7


def test_speaker_and_microphone_in_one_place() -> None:
    response = echoes(SIZE, EAR, EAR, 0.2, 8000)
    assert response.isfinite().all()
    assert response.abs().argmax() <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 0.0}, "low to be from 0.05 to 1"),
        ({"high": 2.0}, "high to be from 0.05 to 1"),
        ({"low": 0.4, "high": 0.3}, "high to be at least low"),
        ({"narrow": 1.0}, "narrow to be from 3 to 30"),
        ({"narrow": 9.0}, "wide to be at least narrow"),
    ],
)
def test_rooms_that_are_none(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Room(**settings)
