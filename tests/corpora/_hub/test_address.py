from __future__ import annotations

from pathlib import Path

import pytest

from clara.corpora._hub.address import Address, parse
from clara.errors import ClaraError, LayoutError, UnknownNameError, UsageError


def test_a_name_alone() -> None:
    assert parse("openslr/librispeech_asr") == Address("openslr/librispeech_asr")
    assert parse("openslr/librispeech_asr").name == "openslr/librispeech_asr"
    assert parse("minds14").place == "minds14"


def test_every_option() -> None:
    query = "config=clean&split=train.100,test&revision=v1.0&streaming=1&rows=10"
    fields = "text=caption_1,caption_2&transcript=&label.bird=species&language=pl&sound=my+label"
    assert parse(f"user/name?{query}&{fields}") == Address(
        "user/name",
        config="clean",
        splits=("train.100", "test"),
        revision="v1.0",
        streaming=True,
        rows=10,
        columns={
            "text": ("caption_1", "caption_2"),
            "transcript": (),
            "label.bird": ("species",),
            "language": ("pl",),
            "sound": ("my label",),
        },
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/datasets/user/name",
        "https:/huggingface.co/datasets/user/name/",
        "hf://datasets/user/name",
        "hf:/user/name",
    ],
)
def test_as_copied_from_elsewhere(address: str) -> None:
    assert parse(address).place == "user/name"
    assert parse(f"{address}?config=a").config == "a"


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a data set?"
    folder.mkdir()
    assert parse(str(folder)).folder == folder
    assert parse(f"{folder}?rows=1").rows == 1
    monkeypatch.chdir(tmp_path)
    assert parse("a data set?").folder == folder
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert parse("~/plain?split=test").folder == tmp_path / "plain"


WRONG = [
    ("/no/such/folder", LayoutError, r"user/name, or the folder of one, but found no folder at"),
    ("a/b/c", LayoutError, "found no folder at 'a/b/c'"),
    ("", LayoutError, "found no folder at"),
    ("user/name?splits=test", UnknownNameError, r"named 'splits'; did you mean 'split'"),
    ("user/name?captions=x", UnknownNameError, r"no option of a data set named 'captions'"),
    ("user/name?split=train[:10]", UsageError, r"names of splits, .* found split=train\[:10\]"),
    ("user/name?split=train%2Btest", UsageError, r"found split=train\+test"),
    ("user/name?streaming=maybe", UsageError, "streaming=1 or streaming=0"),
    ("user/name?rows=-1", UsageError, "a number of rows but found rows=-1"),
    ("user/name?rows=", UsageError, "a number of rows"),
]


@pytest.mark.parametrize(("address", "kind", "said"), WRONG)
def test_what_cannot_be(address: str, kind: type[ClaraError], said: str) -> None:
    with pytest.raises(kind, match=said):
        parse(address)
