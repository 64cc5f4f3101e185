"""What is said, and when: three formats, what is not said, and what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clara.errors import DataError
from clara.text.subtitles import Line, read, sentences, spoken


def lines(tmp_path: Path, name: str, text: str | bytes) -> list[tuple[float, float, str]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(line.start, line.end, line.text) for line in read(path)]


def json3(*events: object) -> str:
    return json.dumps({"events": events})


def event(start: float, length: float, *words: str) -> dict[str, object]:
    return {"tStartMs": start, "dDurationMs": length, "segs": [{"utf8": each} for each in words]}


def test_srt(tmp_path: Path):
    text = (
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hi</i> {\\an8}there\nyou\n\n"
        "2\n01:00:03,000 --> 01:00:04,000\nA &lt; B\n"
    )
    assert lines(tmp_path, "a.srt", text) == [(1, 2.5, "Hi there you"), (3603, 3604, "A < B")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_and_a_byte_order_mark(end: str, tmp_path: Path):
    text = "\ufeff1\n00:00:01,000 --> 00:00:02,000\nso\n\n2\n00:00:02,000 --> 00:00:03,000\nthen\n"
    found = lines(tmp_path, "a.srt", text.replace("\n", end))
    assert found == [(1, 2, "so"), (2, 3, "then")]


def test_srt_without_the_empty_line_between_two(tmp_path: Path):
    text = "1\n00:00:01,000 --> 00:00:02,000\nso\n2\n00:00:02,000 --> 00:00:03,000\nthen\n"
    assert lines(tmp_path, "a.srt", text) == [(1, 2, "so"), (2, 3, "then")]


def test_a_number_that_is_said_stays(tmp_path: Path):
    text = "1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:02,000 --> 00:00:03,000\nthen\n"
    assert lines(tmp_path, "a.srt", text)[0] == (1, 2, "42")


def test_vtt_with_head_notes_styles_names_and_settings(tmp_path: Path):
    text = """WEBVTT - a title

STYLE
::cue { color: lime }

NOTE
not said

intro
00:01.000 --> 00:02.000 position:10% align:start
<v.loud Anna>Hello</v> <00:00:01.500><c>you</c>

1:00:00.000 --> 1:00:01.000
later
"""
    assert lines(tmp_path, "a.vtt", text) == [(1, 2, "Hello you"), (3600, 3601, "later")]


def test_lines_that_roll_are_taken_once(tmp_path: Path):
    # As YouTube writes them: a line of one blank stands for the one that is not there yet.
    text = (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n \none\n\n"
        "00:00:02.000 --> 00:00:02.010\none\n \n\n"
        "00:00:02.010 --> 00:00:04.000\none\ntwo\n\n"
        "00:00:04.000 --> 00:00:04.010\ntwo\n \n\n"
        "00:00:04.010 --> 00:00:06.000\ntwo\nthree\n\n"
    )
    assert lines(tmp_path, "a.vtt", text) == [(0, 2, "one"), (2.01, 4, "two"), (4.01, 6, "three")]


def test_what_is_said_twice_after_a_pause_is_taken_twice(tmp_path: Path):
    text = "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:03,000 --> 00:00:04,000\nNo.\n"
    assert len(lines(tmp_path, "a.srt", text)) == 2


def test_json3_ends_a_line_where_the_next_begins(tmp_path: Path):
    text = json3(
        {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
        event(100, 3000, "it", " was"),
        event(1500, 1600, "\n"),
        event(1500, 2000, "once"),
    )
    assert lines(tmp_path, "a.json3", text) == [(0.1, 1.5, "it was"), (1.5, 3.5, "once")]


def test_lines_out_of_order_are_put_in_order(tmp_path: Path):
    text = json3(event(5000, 1000, "then"), event(1000, 1000, "first"))
    assert [text for _, _, text in lines(tmp_path, "a.json3", text)] == ["first", "then"]


BROKEN = [
    ("a.srt", "", r"found no line in it"),
    ("a.srt", "only words\n\nand more\n", r"found no line in it"),
    ("a.srt", b"\xff\xfe\x00\x01", r"UTF-8 .*convert them"),
    ("a.srt", b"\x00" * 1000, r"found no line in it"),
    ("a.srt", "1\n00:00:01,000 --> \nx", r"a time such as .* in line 2 of .*a\.srt"),
    ("a.srt", "1\n00:00:1,0 --> 00:00:02,000\nx", r"a time such as .* in line 2"),
    ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\nx", r"ends after it begins in line 2"),
    ("a.vtt", "WEBVTT\n\nNOTE nothing", r"found no line in it"),
    ("a.json3", "", r"JSON of YouTube's subtitles .* JSONDecodeError"),
    ("a.json3", '{"events": [', r"JSONDecodeError"),
    ("a.json3", "[" * 100_000, r"RecursionError"),
    ("a.json3", "[]", r"TypeError"),
    ("a.json3", "{}", r"KeyError: 'events'"),
    ("a.json3", '{"events": 5}', r"TypeError"),
    ("a.json3", '{"events": [5]}', r"TypeError"),
    ("a.json3", '{"events": [{"segs": [{"utf8": "x"}]}]}', r"KeyError: 'tStartMs'"),
    ("a.json3", '{"events": [{"segs": [5], "tStartMs": 1, "dDurationMs": 1}]}', r"AttributeError"),
    ("a.json3", '{"events": [{"segs": [{"utf8": 5}], "tStartMs": 1}]}', r"TypeError"),
    ("a.json3", json3(event(float("nan"), 1, "x")), r"event 1 has no time"),
    ("a.json3", json3(event(-5, 10, "x")), r"event 1 has no time"),
    ("a.json3", json3(event(10**400, 10, "x")), r"OverflowError"),
    ("a.json3", json3(event(5000, -1000, "x")), r"ends after it begins in event 1"),
    ("a.ass", "[Script Info]", r"ending in \.srt, \.vtt, \.json3"),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN)
def test_broken_subtitles(name: str, text: str | bytes, message: str, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        lines(tmp_path, name, text)


def test_a_folder_nothing_and_too_much(tmp_path: Path):
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "nothing.srt")
    (tmp_path / "folder.srt").mkdir()
    with pytest.raises(DataError, match="Is a directory"):
        read(tmp_path / "folder.srt")
    huge = tmp_path / "huge.srt"
    with huge.open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(DataError, match="at most 64 MiB"):
        read(huge)


@given(st.text(alphabet="0123456789:,.->\n <>{}[]&#x;WEBVT\\", max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.getbasetemp() / "any.srt"
    path.write_text(f"00:00:01,000 --> 00:00:02,000\n{text}", encoding="utf-8", newline="")
    try:
        found = read(path)
    except DataError:
        return
    assert all(0 <= line.start < line.end and line.text == line.text.strip() for line in found)
    assert not any("-->" in line.text for line in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Music]", None),
        ("- [Music]", None),
        ("♪ ♪", None),
        ("(Laughter)", None),
        ("(People talk all at once)", None),
        ("Translator: A. Person", None),
        ("Transcriber: A. Reviewer: B.", None),
        ("Subtitles by the crew", None),
        ("...", None),
        (">> Hello [applause] all", "Hello all"),
        ("He (sighs) left", "He left"),
        ("He (as you may know) left", "He (as you may know) left"),
        ("The translator: a hero", "The translator: a hero"),
        ("♪ la la ♪", "la la"),
        ("42", "42"),
        ("你好", "你好"),
    ],
)
def test_what_is_said(text: str, said: str | None):
    assert [line.text for line in spoken([Line(0, 1, text)])] == ([said] if said else [])


def test_sentences_end_at_stops_pauses_and_when_they_are_long():
    said = [
        Line(0, 1, "One"),
        Line(1, 2, "two."),
        Line(2, 3, "Three"),
        Line(5, 6, "four"),
        Line(6, 14, "five"),
        Line(14, 22, "six"),
        Line(22, 23, "そうです。"),
        Line(23, 60, "a line that lasts longer than a sentence may"),
    ]
    assert [(line.start, line.end, line.text) for line in sentences(said)] == [
        (0, 2, "One two."),
        (2, 3, "Three"),
        (5, 14, "four five"),
        (14, 23, "six そうです。"),
        (23, 60, "a line that lasts longer than a sentence may"),
    ]


def test_no_word_is_lost_in_sentences():
    said = [Line(i, i + 1, f"w{i}" + "." * (i % 4 == 0)) for i in range(100)]
    joined = " ".join(line.text for line in sentences(said))
    assert joined.split() == [line.text for line in said]
