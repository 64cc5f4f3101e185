"""One name for each encoder, and one sentence for each name that leads nowhere."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import clap_models
import numpy as np
import pytest

from clara import encoders, rooms
from clara.checkpoint import About, save
from clara.embed import Clara, Encoder
from clara.encoders.baseline import Baseline
from clara.errors import CheckpointError, ClaraError, MissingExtraError, UsageError
from clara.model import ClaraModel
from clara.text.tokens import Tokens
from clara.train import Recipe

KINDS = ["baseline", "clap", "laion_clap", "msclap", "sentence_transformers"]


@pytest.fixture(scope="module")
def model(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "toy"
    save(folder, ClaraModel(toy.model), Tokens.bytes_only(), About("toy"))
    return folder


class Ear:
    """An encoder of somebody else."""

    name, rate = "ear", 8000

    def audio(self, sources: object) -> None: ...

    def text(self, texts: object) -> None: ...

    def seen(self, corpus: str, split: str) -> str:
        return "unknown"


def test_the_room_has_these_members() -> None:
    assert rooms.names("encoders") == KINDS


def test_a_model_of_ours(model: Path) -> None:
    # It can be read by sentence-transformers, too, and is opened as what it is.
    assert (model / "modules.json").is_file()
    for name in (model, str(model)):
        assert isinstance(encoders.open(name), Clara)


def test_the_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "baseline").mkdir()
    monkeypatch.chdir(tmp_path)
    baseline = encoders.open("baseline")
    assert isinstance(baseline, Baseline)
    assert isinstance(baseline, Encoder)
    assert len(baseline.hash) == 71
    assert baseline.hash == Baseline().hash


def test_what_lives_in_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "somebody", sys.modules[__name__])
    assert isinstance(encoders.open("somebody:Ear"), Ear)
    with pytest.raises(UsageError, match=r"'somebody:Nose' to be 'package\.module:object'"):
        encoders.open("somebody:Nose")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("laion/clap-htsat-unfused", ["nothing is fetched by its name", "download"]),
        ("runs/none", ["there is no folder of that name", ", ".join(KINDS)]),
        ("", ["there is no folder of that name"]),
        ("clapp:folder", ["there is no folder of that name"]),
        ("C:folder", ["there is no folder of that name"]),
        ("clap", ["clap:WHERE"]),
        ("clap:", ["clap:WHERE"]),
        ("baseline:folder", ["Expected baseline, but found baseline:folder"]),
        ("clap:runs/none", ["'runs/none'", "nothing is fetched by its name"]),
        ("clap:laion/clap-htsat-unfused", ["no such folder"]),
        ("sentence_transformers:BAAI/bge-m3", ["no such folder", "nothing is fetched"]),
        ("msclap:none.pth", ["there is no such file"]),
        ("laion_clap:none.pt", ["there is no such file"]),
    ],
)
def test_names_that_lead_nowhere(name: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        encoders.open(name)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("config", ["", "[]", "{", '{"model_type": "bert"}', "null"])
def test_folders_that_hold_no_encoder(tmp_path: Path, config: str) -> None:
    with pytest.raises(CheckpointError):
        encoders.open(tmp_path)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError):
        encoders.open(tmp_path)


def test_folders_of_clap_that_are_broken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clap"}))
    with pytest.raises(CheckpointError, match="a CLAP in the format of transformers"):
        encoders.open(tmp_path)


@pytest.mark.parametrize(
    ("package", "kind"),
    [("transformers", "clap"), ("sentence_transformers", "sentence_transformers")],
)
def test_a_package_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"'clara-audio\[{kind.replace('_', '-')}\]'"):
        encoders.open(f"{kind}:{tmp_path}")


def test_nothing_heavy_is_imported_for_a_name(tmp_path: Path) -> None:
    code = (
        "import sys; from clara import encoders; encoders.open('baseline');"
        "assert not {'transformers', 'sentence_transformers', 'mteb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["clap", "sentence_transformers"])
def test_no_network_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import socket

    def refuse(*args: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    # Folders that lack a file are where a library would look elsewhere.
    folder = clap_models.save_clap(tmp_path / "clap")
    if kind == "sentence_transformers":
        pytest.importorskip("sentence_transformers")
        folder = clap_models.save_sentence_transformer(tmp_path / "st", folder)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        file.unlink()
        with contextlib.suppress(ClaraError):
            encoders.open(f"{kind}:{folder}")
        file.write_bytes(content)
    assert encoders.open(folder).audio([(np.ones(800), clap_models.RATE)]).shape == (1, 12)
