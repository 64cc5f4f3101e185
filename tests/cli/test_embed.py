"""`clara embed`: files, folders and shards to one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import clap_models
import numpy as np
import pytest

import clara
from clara import embeddings, encoders
from clara.audio.io import encode_flac
from clara.cli.__main__ import main
from clara.train import Recipe, train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("run")
    train(replace(toy, train=replace(toy.train, steps=2)), folder)
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder of twelve recordings, two of them in a folder of their own."""
    (tmp_path / "in" / "more").mkdir(parents=True)
    for number in range(12):
        wave = np.sin(np.arange(2000 + 500 * number) / (2 + number)).astype(np.float32)
        place = tmp_path / "in" / ("more" if number > 9 else ".") / f"{number:02d}.flac"
        place.write_bytes(encode_flac(wave, 8000))
    return tmp_path / "in"


def test_files_folders_and_shards(
    run: Path, recordings: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.parquet"
    inputs = [str(recordings / "more"), str(recordings / "00.flac"), str(tones)]
    assert main(["embed", *inputs, "--model", str(run), "--out", str(out)]) == 0
    assert "83 rows of 16 numbers" in capsys.readouterr().out
    rows = embeddings.load(out)
    names = [Path(key).name for key in rows.keys[:3]]
    assert names == ["10.flac", "11.flac", "00.flac"]
    alone = clara.load(run).audio([recordings / "00.flac"])
    np.testing.assert_allclose(rows.vectors[2], alone[0], atol=1e-5)


def test_the_models_of_other_people(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    clap = clap_models.save_clap(tmp_path / "clap")
    out = tmp_path / "rows.parquet"
    for model in (str(clap), f"clap:{clap}"):
        assert main(["embed", str(recordings), "--model", model, "--out", str(out)]) == 0
        assert "12 rows of 12 numbers" in capsys.readouterr().out
        rows = embeddings.load(out)
        alone = encoders.open(clap).audio([recordings / "05.flac"])
        np.testing.assert_allclose(rows.vectors[5], alone[0], atol=1e-5)
    words = ["embed", str(recordings), "--model", "laion/clap-htsat-unfused", "--out", str(out)]
    assert main(words) == 2
    assert "nothing is fetched by its name" in " ".join(capsys.readouterr().err.split())


def test_json_counts_what_was_skipped(
    run: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recordings / "03.flac").write_bytes(b"")
    out = tmp_path / "rows.parquet"
    words = ["embed", str(recordings), "--model", str(run), "--out", str(out), "--json"]
    assert main([*words, "--allowed-bad", "0.1"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["out"], sum(said["skipped"].values())) == (11, str(out), 1)
    out.unlink()
    assert main(words) == 1
    assert "at most 5% bad records" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"": ["EMPTY"]}, 2, "Expected recordings in"),
        ({"": ["/nowhere"]}, 2, "/nowhere to be a recording or a folder"),
        ({"": []}, 2, "the paths given"),
        ({"--model": ["/nowhere"]}, 2, "there is no folder"),
        ({"--model": ["EMPTY"]}, 1, "config.json"),
        ({"--out": ["EMPTY"]}, 1, "Expected to write"),
    ],
)
def test_mistakes(
    run: Path,
    recordings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, list[str]],
    code: int,
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    out = tmp_path / "rows.parquet"
    words = {"": [str(recordings)], "--model": [str(run)], "--out": [str(out)], **change}
    arguments = list(words.pop(""))
    for option, values in words.items():
        arguments += [option, *values]
    arguments = [str(tmp_path / "empty") if word == "EMPTY" else word for word in arguments]
    assert main(["embed", *arguments]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not out.exists()
