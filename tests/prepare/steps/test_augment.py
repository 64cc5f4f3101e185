"""Augmented copies of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.errors import UnknownNameError, UsageError
from clara.prepare.desk import Desk
from clara.prepare.steps.augment import Augment
from clara.records import Entry

RATE = 16_000


@pytest.fixture
def tone(tmp_path: Path) -> Entry:
    """One second of 500 Hz."""
    wave = 0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "tone.wav", wave, RATE)
    return Entry("a", tmp_path / "tone.wav", labels={"sound": ("hum",)})


def test_copies_differ_and_the_entry_stays(tone, tmp_path):
    desk = Desk(tmp_path / "made")
    plain, *copies = Augment(("gain 1 low=-20 high=-6",), copies=3)([tone], desk)
    assert plain is tone
    assert [copy.key for copy in copies] == ["a~0", "a~1", "a~2"]
    levels = []
    for copy in copies:
        wave, rate = desk.load(copy)
        assert (len(wave), rate, copy.labels) == (RATE, RATE, tone.labels)
        levels.append(20 * np.log10(np.sqrt(2) * wave.std() / 0.3))
        assert copy.extra["provenance"][-1]["of"] == "a"
    assert len(set(np.round(levels, 2))) == 3
    assert all(-20.1 < level < -5.9 for level in levels)


def test_the_same_copies_again(tone, tmp_path):
    step = Augment(("pitch 1", "time_mask 1"), copies=2)
    waves = [
        [Desk(tmp_path / name).load(copy)[0] for copy in step([tone], Desk(tmp_path / name))]
        for name in ("one", "two")
    ]
    for one, two in zip(*waves, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_recording_that_is_not_there_gets_no_copies(tmp_path):
    gone, desk = Entry("a", tmp_path / "gone.wav"), Desk(tmp_path / "made")
    assert list(Augment(("gain 1",))([gone], desk)) == [gone]
    assert (desk.counts.total(), desk.skipped) == (1, [])


def test_settings_that_make_no_sense():
    with pytest.raises(UsageError, match="at least one augmentation"):
        Augment(())
    with pytest.raises(UsageError, match="copies"):
        Augment(("gain 1",), copies=0)
    with pytest.raises(UnknownNameError, match="'gian'; did you mean 'gain'"):
        Augment(("gian 1",))
