"""A user's own manifest, well and badly written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clara import corpora
from clara.errors import LayoutError
from clara.records import Entry


def read(source: Path) -> list[Entry]:
    return list(corpora.get("folder").read(source))


def write(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_miniature(miniature: Callable[[str], Path]):
    root = miniature("folder")
    door, hello, goodbye, mix = read(root)
    assert hello.source == goodbye.source == "speech/ann.wav"
    assert door == Entry(
        key="door.wav",
        path=root / "door.wav",
        labels={"sound": ("door",)},
        texts=("A door slams",),
        source="freesound:7",
        extra={"weather": "wet"},
    )
    assert hello.texts == ("A woman greets", "Ann says hello")
    assert hello.labels == {"emotion": ("happy",), "gender": ("woman",)}
    assert (hello.split, hello.language, hello.speaker) == ("valid", "en", "ann")
    assert (hello.start, hello.end, hello.transcript) == (0.02, 0.08, "Hello, you")
    assert hello.key == "speech/ann.wav@0.02-0.08"
    assert (goodbye.start, goodbye.end, goodbye.key) == (0.08, None, "speech/ann.wav@0.08-")
    assert goodbye.texts == ("Ann says goodbye",)
    assert (mix.labels, mix.split) == ({"sound": ("dog", "rain")}, "fold1")


def test_json_lines_say_the_same_as_csv(tmp_path: Path):
    row = {"path": "a.wav", "text": ["one", "two"], "label.sound": ["dog"], "start": 0.5, "age": 31}
    write(tmp_path, json.dumps(row) + "\n\n", "manifest.jsonl")
    cells = 'path,text,label.sound,start,age\na.wav,"[""one"", ""two""]",dog,0.5,31\n'
    write(tmp_path, cells, "other.csv")
    assert read(tmp_path) == read(tmp_path / "manifest.jsonl") == read(tmp_path / "other.csv")
    (entry,) = read(tmp_path)
    assert entry.labels == {"sound": ("dog",), "age": ("31",)}


def test_tabs_part_a_tsv_and_quotes_are_letters(tmp_path: Path):
    write(tmp_path, 'path\ttext\tsplit\na.wav\t"Stop", he said\tdev\n', "manifest.tsv")
    (entry,) = read(tmp_path)
    assert (entry.texts, entry.split) == (('"Stop", he said',), "valid")
    assert read(tmp_path / "manifest.tsv") == [entry]


def test_two_manifests_are_one_too_many(tmp_path: Path):
    write(tmp_path, "path\na.wav\n")
    write(tmp_path, '{"path": "b.wav"}', "manifest.jsonl")
    with pytest.raises(LayoutError, match=r"one manifest .* manifest\.csv and manifest\.jsonl"):
        read(tmp_path)


def test_a_licence_in_either_spelling(tmp_path: Path):
    write(tmp_path, "path,license\na.wav,CC0\n")
    write(tmp_path, "path,licence\na.wav,CC0\n", "other.csv")
    assert read(tmp_path)[0].licence == "CC0"
    assert read(tmp_path) == read(tmp_path / "other.csv")


def test_paths_are_relative_to_the_manifest(tmp_path: Path):
    elsewhere = (tmp_path / "b.wav").as_posix()
    write(tmp_path, f"path\nsub/a.wav\n../up.wav\n{elsewhere}\n")
    paths = [entry.path for entry in read(tmp_path)]
    assert paths == [tmp_path / "sub/a.wav", tmp_path / "../up.wav", Path(elsewhere)]


def test_texts_keep_their_order_and_lose_their_copies(tmp_path: Path):
    write(tmp_path, "path,text_10,text_2,text,text_3\na.wav,d,b,a,b\n")
    assert read(tmp_path)[0].texts == ("a", "b", "d")


def test_a_text_may_begin_with_a_bracket(tmp_path: Path):
    write(tmp_path, 'path,text,text_2,text_3\na.wav,[laughter] hey,[1],"[""open"\n')
    assert read(tmp_path)[0].texts == ("[laughter] hey", "[1]", '["open')


def test_words_that_tables_like_to_lose(tmp_path: Path):
    write(tmp_path, "path,keyword\na.wav,null\nb.wav,NA\nc.wav,None\n")
    assert [entry.labels["keyword"] for entry in read(tmp_path)] == [("null",), ("NA",), ("None",)]


def test_any_script_and_a_very_long_text(tmp_path: Path):
    long = "слово " * 20_000
    lines = [
        {"path": "ü/雨.wav", "text": "🐕 ⁧كلب⁩", "label.sound": "犬"},
        {"path": "b", "text": long},
    ]
    write(tmp_path, "\n".join(map(json.dumps, lines)), "manifest.jsonl")
    first, second = read(tmp_path)
    assert first.path == tmp_path / "ü/雨.wav"
    assert (first.texts, first.labels) == (("🐕 ⁧كلب⁩",), {"sound": ("犬",)})
    assert second.texts == (long.strip(),)


def test_a_kind_of_label_that_nobody_knows_is_welcome(tmp_path: Path):
    write(tmp_path, "path,label.bird,label.sound,sound\na.wav,wren,song,call\nb.wav,,,\n")
    first, second = read(tmp_path)
    assert first.labels == {"bird": ("wren",), "sound": ("song", "call")}
    assert second.labels == {}


def test_other_columns_are_kept(tmp_path: Path):
    write(tmp_path, "path,extra.speaker_id,site\na.wav,7,river\nb.wav,,\n")
    first, second = read(tmp_path)
    assert (first.extra, second.extra) == ({"speaker_id": "7", "site": "river"}, {})


BAD_CSV = [
    ("", r"columns path in .* found|columns path in .*: nothing"),
    ("text\nhello\n", r"columns path in .*: text"),
    ("path;text\na.wav;hello\n", r"columns path in .*: path;text; part them by ','\.$"),
    ("path,text\na.wav,hello, you\n", r"2 columns in line 2 of .* found 3"),
    ("path,text\na.wav,ok\n,lost\n", r"a path in line 3 of .* found none"),
    ("path,spilt\na.wav,test\n", r"a column 'split', but found 'spilt'"),
    ("path,labl.sound\na.wav,dog\n", r"a column 'label.sound', but found 'labl.sound'"),
    ("path,labels.sound\na.wav,dog\n", r"a column 'label.sound', but found 'labels.sound'"),
    ("path,labels\na.wav,dog\n", r"a column 'label.KIND', but found 'labels'"),
    ("path,speaker_id\na.wav,7\n", r"'speaker', but found 'speaker_id' .* 'extra.speaker_id'"),
    ("path,split\na.wav,rest\n", r"a split of train, valid, test .* in line 2 .* found 'rest'"),
    ("path,start\na.wav,soon\n", r"seconds as 'start' in line 2 .* found 'soon'"),
    ("path,start\na.wav,-1\n", r"seconds as 'start' .* found '-1'"),
    ("path,end\na.wav,nan\n", r"seconds as 'end' .* found 'nan'"),
    ("path,start,end\na.wav,2,1\n", r"an end after the start in line 2 .* found 2 to 1"),
    ('path,text\na.wav,"never closed\n', r"a table .* quotation mark that is never closed"),
    ("path,path\na.wav,b.wav\n", r"column names once .* found 'path' twice"),
]


@pytest.mark.parametrize(("text", "message"), BAD_CSV)
def test_a_bad_csv_is_told_by_line(text: str, message: str, tmp_path: Path):
    write(tmp_path, text)
    with pytest.raises(LayoutError, match=message):
        read(tmp_path)


BAD_JSON = [
    ("{", r"JSON in line 2 of"),
    ("[1]", r"a JSON object in line 2 of .* found a list"),
    ('"a.wav"', r"a JSON object in line 2 of .* found a text"),
    ("[" * 100_000, r"JSON in line 2 of"),
    ('{"path": ["a.wav"]}', r"text as 'path' in line 2 .* found a list"),
    ('{"path": "a.wav", "text": {"en": "dog"}}', r"text as 'text' .* found an object"),
    ('{"path": "a.wav", "text": [["dog"]]}', r"text as 'text' .* found a list"),
    ('{"path": "a.wav", "label.sound": true}', r"'label.sound' .* found true or false"),
    ('{"path": "a.wav", "labels": {"sound": "dog"}}', r"'label.KIND', but found 'labels'"),
    ('{"path": "a\\u0000.wav"}', r"a zero byte"),
    ('{"path": "a.wav", "start": NaN}', r"JSON in line 2 .* NaN is no number"),
    ('{"path": "a.wav", "note": "\\ud83d"}', r"JSON in line 2 .* surrogates not allowed"),
]


@pytest.mark.parametrize(("line", "message"), BAD_JSON)
def test_bad_json_lines_are_told_by_line(line: str, message: str, tmp_path: Path):
    write(tmp_path, '{"path": "ok.wav"}\n' + line + "\n", "manifest.jsonl")
    with pytest.raises(LayoutError, match=message):
        read(tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path):
    for name in ("manifest.csv", "manifest.jsonl"):
        (tmp_path / name).write_bytes(b"path\n\xff\xfe\x00\n")
        with pytest.raises(LayoutError, match=r"(UTF-8|JSON in line 1)"):
            read(tmp_path / name)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
names = st.sampled_from(["path", "text", "text_2", "split", "start", "end", "sound", "label.x"])


@settings(
    max_examples=100,
    deadline=None,  # the machine may be shared
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(row=st.dictionaries(names | st.text(max_size=6), values, max_size=6))
def test_any_object_is_an_entry_or_a_layout_error(row: dict[str, object], tmp_path: Path):
    write(tmp_path, json.dumps(row) + "\n", "manifest.jsonl")
    with contextlib.suppress(LayoutError):
        (entry,) = read(tmp_path)
        assert entry.key
        assert all(entry.texts)
        assert all(all(words) for words in entry.labels.values())
