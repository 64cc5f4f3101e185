"""Every set of labels is complete, and in the official order where there is one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from clara import corpora
from clara.corpora import _files

COUNTS = [
    ("esc50", "sound", 50),
    ("urbansound8k", "sound", 10),
    ("audioset", "sound", 527),
    ("fsd50k", "sound", 200),
    ("vggsound", "sound", 309),
    ("macs", "scene", 3),
    ("ravdess", "emotion", 8),
    ("crema_d", "emotion", 6),
    ("emov_db", "emotion", 5),
    ("emns", "emotion", 8),
    ("emodb", "emotion", 7),
    ("nemo", "emotion", 6),
    ("speech_commands", "keyword", 35),
    ("arabic_speech_commands", "keyword", 40),
    ("fsdd", "keyword", 10),
]


def labels(name: str, kind: str) -> tuple[str, ...]:
    return corpora.get(name).labels[kind]


@pytest.mark.parametrize(("name", "kind", "count"), COUNTS)
def test_sets_are_complete(name: str, kind: str, count: int):
    found = labels(name, kind)
    assert len(found) == len(set(found)) == count


def test_emotions_are_called_the_same_everywhere():
    sets = [labels(name, kind) for name, kind, _ in COUNTS if kind == "emotion"]
    assert {"angry", "happy", "neutral", "sad"} <= set.intersection(*map(set, sets[:2]))
    known = {*corpora.EMOTIONS, "amused", "sleepy", "excited", "sarcastic"}
    assert set().union(*sets) <= known


def test_the_order_of_ravdess_is_that_of_its_codes():
    assert labels("ravdess", "emotion") == (
        *("neutral", "calm", "happy", "sad"),
        *("angry", "fearful", "disgusted", "surprised"),
    )


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("audioset", {0: "Speech", 137: "Music", 526: "Field recording"}),
        (
            "fsd50k",
            {0: "Accelerating and revving and vroom", 158: "Speech", 199: "Zipper (clothing)"},
        ),
        ("vggsound", {0: "air conditioning noise", 308: "zebra braying"}),
        ("esc50", {0: "dog", 10: "rain", 49: "hand saw"}),
        ("urbansound8k", {0: "air conditioner", 9: "street music"}),
    ],
)
def test_some_known_places(name: str, places: dict[int, str]):
    found = labels(name, "sound")
    assert {place: found[place] for place in places} == places


@pytest.mark.parametrize("name", ["audioset", "fsd50k", "vggsound"])
def test_a_list_says_whose_it_is(name: str):
    path = Path(_files.__file__).parent / "_labels" / f"{name}.txt"
    heads = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert "CC BY 4.0" in " ".join(heads)
    assert not [line for line in _files.labels(name) if line.strip() != line or "#" in line]


def test_the_lists_are_in_the_wheel():
    wheel = pytest.importorskip("hatchling.builders.wheel")
    root = Path(_files.__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("not in a checkout")
    files = wheel.WheelBuilder(str(root)).recurse_included_files()
    packed = {file.distribution_path for file in files}
    lists = {path.name for path in (Path(_files.__file__).parent / "_labels").iterdir()}
    assert lists == {"audioset.txt", "fsd50k.txt", "vggsound.txt"}
    assert {f"clara/corpora/_labels/{name}" for name in lists} <= packed


@pytest.fixture
def official(real_data: Path) -> Path:
    folder = real_data / "labels"
    if not folder.is_dir():
        pytest.skip(f"no {folder} to compare with")
    return folder


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_audioset_is_as_published(official: Path):
    rows = table(official / "audioset" / "class_labels_indices.csv")[1:]
    assert [int(row[0]) for row in rows] == list(range(527))
    assert labels("audioset", "sound") == tuple(row[2] for row in rows)
    assert _files.labels("audioset") == tuple(f"{row[1]}\t{row[2]}" for row in rows)
    ontology = json.loads((official / "audioset" / "ontology.json").read_text())
    names = {node["id"]: node["name"] for node in ontology}
    assert all(names[row[1]] == row[2] for row in rows if row[1] in names)


def test_esc50_and_urbansound8k_are_as_published(official: Path):
    for name, path in (
        ("esc50", "esc50/esc50_classes.csv"),
        ("urbansound8k", "urbansound8k/classes.csv"),
    ):
        rows = table(official / path)[1:]
        assert [int(row[0]) for row in rows] == list(range(len(rows)))
        assert labels(name, "sound") == tuple(row[1].replace("_", " ") for row in rows)


def test_vggsound_is_as_published(official: Path):
    rows = table(official / "vggsound" / "stat.csv")
    assert labels("vggsound", "sound") == tuple(sorted(row[0] for row in rows))
    tested = {row[1] for row in table(official / "vggsound" / "test.csv")}
    assert tested == set(labels("vggsound", "sound"))


def test_fsd50k_is_as_published(official: Path):
    """The published list here has the names of AudioSet; its order is not the official one."""
    names = json.loads((official / "fsd50k" / "FSD50k_class_labels_indices.json").read_text())
    plain = {name.replace(", and ", " and ").replace(", ", " and ") for name in names}
    assert set(labels("fsd50k", "sound")) == plain
    assert list(labels("fsd50k", "sound")) == sorted(labels("fsd50k", "sound"))


def test_fsd50k_is_in_the_order_of_its_vocabulary():
    """Which has no header: who reads one loses the first class."""
    path = Path(__file__).parents[1] / "mini/fsd50k/FSD50K.ground_truth/vocabulary.csv"
    rows = [row for _, row in _files.rows(path, (), names=("index", "label", "mid"))]
    assert [int(row["index"]) for row in rows] == list(range(200))
    assert _files.labels("fsd50k") == tuple(row["label"] for row in rows)
