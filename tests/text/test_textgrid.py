"""TextGrids are read in both forms, and what is none is answered in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from clara.errors import DataError
from clara.text import textgrid
from clara.text.textgrid import Interval

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "it - words"
        xmin = 0
        xmax = 1.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 1e0
            text = "say ""no"" 2"
        intervals [3]:
            xmin = 1
            xmax = 1.5
            text = "żółw"
    item [2]:
        class = "TextTier"
        name = "points"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.5
            mark = "click"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"it - words"
0
1.5
3
0
0.25
""
0.25
1e0
"say ""no"" 2"
1
1.5
"żółw"
"TextTier"
"points"
0
1.5
1
0.5
"click"
"""
WORDS = {
    "it - words": [
        Interval(0, 0.25, ""),
        Interval(0.25, 1, 'say "no" 2'),
        Interval(1, 1.5, "żółw"),
    ]
}


@pytest.mark.parametrize("text", [LONG, SHORT])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_forms_in_every_encoding(tmp_path: Path, text, encoding):
    (tmp_path / "it.TextGrid").write_bytes(text.encode(encoding))
    assert textgrid.read(tmp_path / "it.TextGrid") == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a grid",
        LONG[:300],
        SHORT[:-20],
        LONG.replace("TextGrid", "Sound"),
        LONG.replace("xmax = 0.25", 'xmax = "x"'),
        LONG.replace("xmin = 0.25", "xmin = 7"),
        LONG.replace("size = 3", "size = 99999999999"),
        LONG.replace("size = 3", "size = 2.5"),
        LONG.replace("xmax = 0.25", "xmax = 1.2.3"),
        LONG.replace("IntervalTier", "Spectrum"),
        LONG.replace("<exists>", "<absent>"),
        '"' * 1001,
    ],
)
def test_what_is_none_is_refused(tmp_path, text):
    (tmp_path / "it.TextGrid").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="TextGrid"):
        textgrid.read(tmp_path / "it.TextGrid")


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path, monkeypatch):
    (tmp_path / "it.TextGrid").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="TextGrid"):
        textgrid.read(tmp_path / "it.TextGrid")
    (tmp_path / "it.TextGrid").write_bytes(b"\x80\x81")
    with pytest.raises(DataError, match="TextGrid"):
        textgrid.read(tmp_path / "it.TextGrid")
    with pytest.raises(DataError, match="No such file"):
        textgrid.read(tmp_path / "none.TextGrid")
    monkeypatch.setattr(textgrid, "_LARGEST", 1)
    with pytest.raises(DataError, match="at most"):
        textgrid.read(tmp_path / "it.TextGrid")
