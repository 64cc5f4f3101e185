"""`clara classify`: words in any language, and one sentence for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import clara
from clara.audio.io import encode_flac
from clara.cli.__main__ import main
from clara.train import Recipe, train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps."""
    from dataclasses import replace

    folder = tmp_path_factory.mktemp("run")
    train(replace(toy, train=replace(toy.train, steps=2)), folder)
    return folder


@pytest.fixture
def siren(tmp_path: Path) -> Path:
    path = tmp_path / "siren.flac"
    path.write_bytes(encode_flac(np.sin(np.arange(8000) / 3).astype(np.float32), 8000))
    return path


def test_labels_in_any_language(run: Path, siren: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["dog barking", "sirène", "雨", "كلب"]
    words = ["classify", str(siren), "--model", str(run), "--labels", *labels]
    assert main([*words, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out).items()
    assert answer[0] == str(siren)
    assert answer[1] == clara.classify(clara.load(run), siren, labels)
    assert main(words) == 0
    out = capsys.readouterr().out
    assert all(label in out for label in [*labels, str(siren)])


def test_several_recordings_and_a_template(
    run: Path, siren: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["classify", str(siren), str(siren.parent / "again.flac"), "--model", str(run)]
    (siren.parent / "again.flac").write_bytes(siren.read_bytes())
    template = "The sound of {label}"
    assert main([*words, "--labels", "dog", "rain", "--template", template, "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out).values()
    assert one == two == clara.load(run).classify(siren, ["dog", "rain"], template)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"--labels": []}, 2, "at least one label"),
        ({"--labels": ["dog", ""]}, 2, "none empty"),
        ({"--labels": ["dog", "dog"]}, 2, "each label once"),
        ({"--template": ["The sound"]}, 2, "'{label}' in the template"),
        ({"--model": ["/nowhere"]}, 2, "there is no folder"),
        ({"": []}, 2, "a recording to classify"),
        ({"": ["/nowhere.wav"]}, 1, "/nowhere.wav"),
    ],
)
def test_mistakes(
    run: Path,
    siren: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, list[str]],
    code: int,
    said: str,
) -> None:
    words = {"": [str(siren)], "--labels": ["dog"], "--model": [str(run)], **change}
    arguments = words.pop("")
    for option, values in words.items():
        arguments += [option, *values]
    assert main(["classify", *arguments]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_that_is_no_model(siren: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["classify", str(siren), "--labels", "dog", "--model", str(siren.parent)]
    assert main(words) == 1
    assert "config.json" in capsys.readouterr().err
