"""Long recordings become pieces with their own words; no word is lost, told twice or cut."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.audio import io
from clara.backends import Word
from clara.backends.speaker.espeak import Espeak
from clara.backends.transcriber import Transcript
from clara.errors import AlignmentError, UnknownNameError, UsageError
from clara.prepare.desk import Desk
from clara.prepare.steps import _cuts
from clara.prepare.steps.segment import Segment
from clara.records import Entry, Wave

RATE = 16_000
SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and nobody has seen it since.",
    "On the other side of the river, somebody was playing the violin!",
    "Old houses (they say) remember more than people do.",
    "Tomorrow the carpenter comes; we shall paint the walls bright green.",
    "Children play in the square while their parents cook dinner.",
]


class Planted:
    """A backend of both kinds: says when the bursts of `bursts` are."""

    name = "planted 1.0"

    def align(self, wave: Wave, rate: int, words: list[str], *, language: str) -> list[Word]:
        if words[0].strip() == "refused":
            raise AlignmentError("Expected other words.", cause="they are others")
        times = _bursts(wave, rate)
        return [Word(word, *time) for word, time in zip(words, times, strict=True)]

    def transcribe(self, wave: Wave, rate: int, *, language: str = "") -> Transcript:
        words = [Word(f"w{n}", *time) for n, time in enumerate(_bursts(wave, rate))]
        return Transcript(tuple(words), language or "eo")


def _bursts(wave: Wave, rate: int) -> list[tuple[float, float]]:
    loud = np.abs(wave) > 0.01
    edges = np.flatnonzero(np.diff(np.r_[False, loud, False].astype(int))).reshape(-1, 2)
    return [(start / rate, end / rate) for start, end in edges]


def bursts(words: list[float], gaps: list[float]) -> Wave:
    """Words as bursts of sound of these lengths, a gap before each and one behind the last."""
    parts = [np.zeros(round(gaps[0] * RATE), np.float32)]
    for word, gap in zip(words, gaps[1:], strict=True):
        parts += [np.full(round(word * RATE), 0.3, np.float32)]
        parts += [np.zeros(round(gap * RATE), np.float32)]
    return np.concatenate(parts)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("planted")
    module.Planted = Planted  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "planted", module)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "made")


def entry(folder: Path, wave: Wave, **facts: object) -> Entry:
    path = folder / "long.flac"
    path.write_bytes(io.encode_flac(wave, RATE))
    return Entry("talk", path, **facts)


def planted(**more: object) -> Segment:
    return Segment(aligner="planted:Planted", transcriber="planted:Planted", **more)


def text_of(count: int) -> str:
    return " ".join(f"Word{n}," for n in range(count))


def test_speech_is_cut_between_its_words(tmp_path, desk):
    speaker = Espeak()
    waves, joins, at = [], [], 0.0
    for sentence in SENTENCES * 2:
        wave, rate = speaker.speak(sentence, language="en", voice="m3")
        loud = np.flatnonzero(np.abs(wave) > 0.01)
        waves += [wave[loud[0] : loud[-1]], np.zeros(rate // 2, np.float32)]
        joins.append((at, at + len(waves[-2]) / rate))
        at = joins[-1][1] + 0.5
    path = tmp_path / "talk.flac"
    path.write_bytes(io.encode_flac(np.concatenate(waves), rate))
    whole = Entry("talk", path, language="en", transcript=" ".join(SENTENCES * 2), speaker="m3")
    pieces = list(Segment()([whole], desk))
    assert " ".join(piece.transcript for piece in pieces) == whole.transcript
    assert not desk.skipped
    assert desk.counts["pieces"] == len(pieces) > 3
    for number, piece in enumerate(pieces):
        assert piece.key == f"talk_{number:03d}"
        assert 5 <= piece.end - piece.start <= 10
        assert (piece.source, piece.speaker, piece.language) == ("talk", "m3", "en")
        (line,) = piece.extra["provenance"]
        assert (line["step"], line["recording"]) == ("segment", "talk")
        assert line["aligner"].startswith("time warping against espeak-ng 1.")
        # It begins and ends where a sentence does, and has all the words of its sentences.
        first, last = (
            next(k for k, join in enumerate(joins) if join[0] - 0.3 <= time <= join[1] + 0.3)
            for time in (piece.start + 0.3, piece.end - 0.3)
        )
        assert piece.transcript == " ".join((SENTENCES * 2)[first : last + 1])
        assert len(desk.load(piece)[0]) == pytest.approx((piece.end - piece.start) * rate, abs=2)


def test_the_same_entries_give_the_same_pieces(tmp_path, desk):
    whole = entry(tmp_path, bursts([0.5] * 30, [0.3] * 31), transcript=text_of(30))
    first, second = (list(planted()([whole, whole], desk)) for _ in range(2))
    assert first == second
    assert first[: len(first) // 2] == first[len(first) // 2 :]


def test_long_pauses_are_cut_rather_than_short_ones(tmp_path, desk):
    gaps = [0.3] * 28
    for place in (9, 18):
        gaps[place] = 0.6
    whole = entry(tmp_path, bursts([0.5] * 27, gaps), transcript=text_of(27))
    pieces = list(planted()([whole], desk))
    assert [piece.transcript.split()[0] for piece in pieces][1:] == ["Word9,", "Word18,"]


def test_of_a_long_silence_only_the_ends_are_kept(tmp_path, desk):
    wave = bursts([0.5] * 20, [3.0, *[0.3] * 9, 20.0, *[0.3] * 9, 4.0])
    whole = entry(tmp_path, wave, transcript=text_of(20))
    first, second = planted()([whole], desk)
    assert (first.start, first.end) == pytest.approx((2.5, 3 + 10 * 0.5 + 9 * 0.3 + 0.5))
    assert second.start == pytest.approx(3 + 7.7 + 20 - 0.5)
    assert second.end == pytest.approx(3 + 7.7 + 20 + 7.7 + 0.5)


def test_pieces_of_a_slice_lie_in_the_slice(tmp_path, desk):
    wave = bursts([0.5] * 40, [0.3] * 41)
    part = replace(entry(tmp_path, wave), start=8 * 0.8, end=28 * 0.8 + 0.3, transcript=text_of(20))
    pieces = list(planted()([part], desk))
    assert pieces[0].start >= 8 * 0.8
    assert pieces[-1].end <= 28 * 0.8 + 0.3
    assert " ".join(piece.transcript for piece in pieces) == part.transcript
    for piece in pieces:
        found, rate = desk.load(piece)
        assert len(_bursts(found, rate)) == len(piece.transcript.split())


def test_without_a_transcript_words_are_heard(tmp_path, desk):
    whole = entry(tmp_path, bursts([0.5] * 20, [0.3] * 21))
    pieces = list(planted()([whole], desk))
    assert " ".join(piece.transcript for piece in pieces).split() == [f"w{n}" for n in range(20)]
    assert {piece.language for piece in pieces} == {"eo"}
    assert pieces[0].extra["provenance"][0]["transcriber"] == "planted 1.0"


def test_scripts_without_spaces_stay_without(tmp_path, desk):
    text = "今天天气很好，我们一起去公园散步，然后回家吃晚饭。"
    count = sum(map(str.isalnum, text))
    whole = entry(tmp_path, bursts([0.5] * count, [0.3] * (count + 1)), transcript=text)
    pieces = list(planted()([whole], desk))
    assert len(pieces) > 1
    assert "".join(piece.transcript for piece in pieces) == text


@pytest.mark.parametrize("transcriber", ["planted:Planted", ""])
def test_sounds_are_cut_where_they_are_quiet(tmp_path, desk, transcriber):
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 0.001, RATE * 30).astype(np.float32)
    wave[round(7.42 * RATE) : round(7.46 * RATE)] = 0
    wave[round(16.2 * RATE) : round(16.24 * RATE)] = 0
    rain = entry(tmp_path, wave, labels={"sound": ("rain",)}, texts=("It rains.",))
    pieces = list(Segment(transcriber=transcriber)([rain], desk))
    assert [piece.start for piece in pieces] == [0.0, *(piece.end for piece in pieces[:-1])]
    assert pieces[-1].end == pytest.approx(30)
    assert all(5 <= piece.end - piece.start <= 10 for piece in pieces)
    assert {7.42 < piece.end < 7.46 or 16.2 < piece.end < 16.24 for piece in pieces[:2]} == {True}
    assert {(piece.labels["sound"], piece.texts) for piece in pieces} == {
        (("rain",), ("It rains.",))
    }
    assert desk.counts["recordings without words, cut where they are quiet"] == 1


def test_what_is_true_of_the_whole_is_kept_and_what_quotes_it_is_not(tmp_path, desk):
    whole = entry(
        tmp_path,
        bursts([0.5] * 20, [0.3] * 21),
        transcript=text_of(20),
        labels={"emotion": ("calm",), "keyword": ("Word3", "Word19", "nothing")},
        texts=('A man says "hello"', "A calm man", "he counts: word4 word5, word6"),
        source="freesound:1",
        extra={"written": text_of(20), "take": 3},
    )
    first, *_, last = planted()([whole], desk)
    assert first.labels == {"emotion": ("calm",), "keyword": ("Word3",)}
    assert last.labels == {"emotion": ("calm",), "keyword": ("Word19",)}
    assert first.texts == ("A calm man",)
    assert first.source == "freesound:1"
    assert set(first.extra) == {"take", "provenance"}


def test_short_recordings_pass_as_they_are(tmp_path, desk):
    short = entry(tmp_path, bursts([0.5] * 10, [0.3] * 11), transcript="refused words")
    assert list(planted()([short], desk)) == [short]
    # One that ends before the end which is stated is found out when it is read.
    stated = replace(short, end=99.0)
    assert list(planted()([stated], desk)) == [stated]


class Bytes:
    """A recording that lies in no file."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def __str__(self) -> str:
        return "row 1"

    def read(self) -> bytes:
        if self.data is None:
            raise OSError("gone")
        return self.data


def test_recordings_that_lie_in_no_file(tmp_path, desk):
    long = io.encode_flac(bursts([0.5] * 20, [0.3] * 21), RATE)
    short = io.encode_flac(bursts([0.5] * 2, [0.3] * 3), RATE)
    rows = [Entry(name, Bytes(data)) for name, data in (("a", long), ("b", short), ("c", None))]
    pieces = list(planted()(rows, desk))
    assert [piece.key for piece in pieces] == ["a_000", "a_001", "b"]
    assert [line["key"] for line in desk.skipped] == ["c"]


def test_what_cannot_be_used_is_skipped_and_counted(tmp_path, desk, monkeypatch):
    whole = entry(tmp_path, bursts([0.5] * 20, [0.3] * 21))
    (tmp_path / "broken.flac").write_bytes(b"no audio")
    bad = [
        replace(whole, key="refused", transcript="refused words"),
        replace(whole, key="broken", path=tmp_path / "broken.flac"),
        replace(whole, key="missing", path=tmp_path / "missing.flac"),
        replace(whole, key="days", end=100_000.0),
    ]
    assert len(list(planted()([*bad, whole], desk))) == 2
    causes = {line["key"]: line["cause"] for line in desk.skipped}
    assert list(causes) == ["refused", "broken", "missing", "days"]
    assert causes["refused"] == "they are others"
    assert causes["days"] == "it is longer than 4 hours"


def test_what_has_no_silence_to_cut_at_is_left_out_and_counted(tmp_path, desk):
    """A long word, and words with gaps that could be stops inside of one."""
    gaps = [0.3] * 12 + [0.2] * 29 + [0.3] * 11
    wave = bursts([0.5] * 10 + [12.0] + [0.5] * 40, gaps)
    whole = entry(tmp_path, wave, transcript=text_of(51))
    pieces = list(planted()([whole], desk))
    told = " ".join(piece.transcript for piece in pieces).split()
    assert told == [f"Word{n}," for n in range(51) if n != 10 and not 11 <= n <= 40]
    assert [piece.key for piece in pieces] == ["talk_000", "talk_003"]
    assert desk.counts == {
        "recordings cut": 1,
        "pieces": 2,
        "stretches left out, without a silence to cut at": 2,
        "seconds left out with them": math.ceil(12.0 + 0.3 + 30 * 0.5 + 29 * 0.2 + 0.3),
    }


def test_speech_without_any_silence_is_skipped(tmp_path, desk):
    whole = entry(tmp_path, bursts([0.5] * 20, [0.1] * 21), transcript=text_of(20))
    assert list(planted()([whole], desk)) == []
    assert [line["cause"] for line in desk.skipped] == ["it has no silence to cut at"]
    assert not desk.counts


def test_pauses_are_found_where_words_last_until_the_next_begins():
    """As Whisper times words: half of a silence, or all of it, counts as spoken."""
    level = np.full(1800, -20.0)
    level[800:860] = -70.0
    for end in (8.0, 8.3, 8.6):
        words = [Word("a", 7.0, end), Word("b", end, 9.0)]
        words = [Word("-", 0.0, 7.0), *words, Word("-", 9.0, 16.0)]
        pieces = _cuts.between_words(words, level, 18.0, least=5.0, longest=10.0)
        assert pieces[0].end == pytest.approx(8.3, abs=0.06)
        assert [(piece.first, piece.behind) for piece in pieces] == [(0, 2), (2, 4)]


def test_a_stop_inside_a_word_is_no_silence_between_words():
    """Neither one of 80 ms at a join, nor a long one that is far from where words meet."""
    words = [Word(str(n), 0.5 * n, 0.5 * n + 0.5) for n in range(30)]
    words[13] = Word("13", 6.5, 6.7)
    level = np.full(1500, -20.0)
    level[796:804] = -70.0  # at a join
    level[770:780] = level[710:720] = -70.0  # inside of words
    level[671:699] = -70.0  # a pause
    pieces = _cuts.between_words(words, level, 15.0, least=5.0, longest=10.0)
    assert [piece.end for piece in pieces] == [pytest.approx(6.85), 15.0]


def brute_force(starts, ends, costs, least, longest):
    best = (np.inf, [])
    units = len(starts)
    for inner in itertools.chain.from_iterable(
        itertools.combinations(range(1, units), count) for count in range(units)
    ):
        cuts = [0, *inner, units]
        total = 0.0
        for a, b in itertools.pairwise(cuts):
            length = ends[b - 1] - starts[a]
            if length > longest and b - a > 1:
                break
            total += costs[b] + 100 * max(0.0, least - length) / least + 1e6 * (length > longest)
        else:
            best = min(best, (total, cuts))
    return best[0]


@given(
    lengths=st.lists(st.floats(0.1, 12), min_size=1, max_size=9),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_the_cuts_are_those_that_trying_all_finds(lengths, seed):
    rng = np.random.default_rng(seed)
    ends = np.cumsum(lengths)
    starts = ends - np.array(lengths) * rng.uniform(0.5, 1, len(lengths))
    costs = np.append(0, rng.uniform(0, 20, len(lengths)))
    costs[-1] = 0
    found = _cuts._cheapest(starts, ends, costs, 5.0, 10.0)
    assert found[0] == 0
    assert found[-1] == len(lengths)
    total = 0.0
    for a, b in itertools.pairwise(found):
        length = ends[b - 1] - starts[a]
        total += costs[b] + 100 * max(0.0, 5 - length) / 5 + 1e6 * (length > 10)
    assert total == pytest.approx(brute_force(starts, ends, costs, 5.0, 10.0))


def test_levels_are_in_decibels():
    assert _cuts.levels(np.full(1600, 0.1, np.float32), RATE) == pytest.approx(np.full(10, -20.0))
    assert len(_cuts.levels(np.zeros(1, np.float32), 44_100)) == 1


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_099])
def test_levels_keep_time_for_hours(rate):
    """At 22,050 Hz a frame has 220.5 samples."""
    wave = np.zeros(rate * 1200 + 7, np.float32)
    wave[rate * 1000 : rate * 1000 + rate // 100] = 1.0
    level = _cuts.levels(wave, rate)
    assert len(level) == 120_001
    assert np.flatnonzero(level > -20).tolist() == [99_999, 100_000, 100_001]


def test_settings_that_cannot_be(tmp_path, desk):
    for least, longest in ((0, 10), (11, 10), (-1, -1)):
        with pytest.raises(UsageError, match="least"):
            Segment(least=least, longest=longest)
    whole = entry(tmp_path, bursts([0.5] * 20, [0.3] * 21), transcript="one two")
    with pytest.raises(UnknownNameError, match="did you mean 'espeak'"):
        list(Segment(aligner="espaek")([whole], desk))
    with pytest.raises(UnknownNameError, match="setting"):
        list(Segment(aligner_settings={"models": "x"})([whole], desk))
