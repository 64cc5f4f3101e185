"""Recipes of the data factory: read strictly, run in parts, resumed, signed and counted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clara.audio import io
from clara.cli.__main__ import main
from clara.errors import DataError, MissingExtraError, UnknownNameError, UsageError
from clara.prepare.make import make, steps
from clara.prepare.recipe import read
from clara.prepare.run import prepare
from clara.shards import Index

Files = Callable[[Path], dict[str, bytes]]

HALVES = '''
"""Cuts each recording in two, the second half as a file of its own."""
import time
from dataclasses import dataclass, replace
from clara.prepare.desk import signed

@dataclass(frozen=True)
class Halves:
    pause: float = 0.0

    def __call__(self, entries, desk):
        for entry in entries:
            time.sleep(self.pause)
            if "003" in entry.key:
                desk.skip(entry, "it is the third")
                continue
            wave, rate = desk.load(entry)
            half = len(wave) // 2
            first = replace(entry, key=f"{entry.key}_0", end=entry.start + half / rate)
            yield signed(first, "halves", part=0)
            path = desk.keep(f"{entry.key}_1", wave[half:], rate)
            second = replace(entry, key=f"{entry.key}_1", path=path, start=0.0, end=None)
            yield signed(second, "halves", part=1)
            desk.count("cut")
'''


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a step for tests, as another package would bring it."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "halves_step.py").write_text(HALVES)
    monkeypatch.syspath_prepend(tmp_path / "plugins")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "plugins"))
    return "halves_step:Halves"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def cutting(tmp_path: Path, step: str, **settings: object) -> Path:
    more = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return written(
        tmp_path,
        f"""
        name = "halves"
        [[source]]
        corpus = "folder"
        path = "corpus"
        [[step]]
        do = "{step}"
        {more}
        [shards]
        rate = 16000
        shard_size = 5
        allowed_bad = 0.1
        """,
    )


# --------------------------------------------------------------------------------- what comes out


def test_entries_go_through_the_step_and_end_as_shards(corpus: Path, tmp_path: Path, halves: str):
    report = make(cutting(tmp_path, halves), tmp_path / "out", workers=1)
    assert report.corpus == "halves"
    assert report.skipped == {"it is the third": 1}
    index = Index.open(tmp_path / "out")
    keys = {index.key(i).removeprefix("halves/") for i in range(len(index))}
    assert keys == {f"{n:03d}.wav_{half}" for n in range(12) for half in (0, 1) if n != 3}
    for row in range(len(index)):
        name, _, half = index.column("key")[row].rpartition("_")
        whole, _ = io.load(corpus / name)
        part = whole[:800] if half == "0" else whole[800:]
        np.testing.assert_allclose(index.sample(row).wave, part, atol=2**-14)
        about = index.meta(row)["original_data"]
        source, made = about["provenance"]
        assert (source["step"], source["corpus"], source["key"]) == ("source", "folder", name)
        assert made == {"step": "halves", "part": int(half)}
    assert steps(report) == [{"step": halves, "skipped": 1, "counts": {"cut": 11}}]
    assert not (tmp_path / "out" / ".work").exists()


def test_workers_change_nothing_and_a_second_run_finds_nothing_to_do(
    corpus: Path, tmp_path: Path, halves: str, files: Files
):
    recipe = cutting(tmp_path, halves)
    make(recipe, tmp_path / "one", workers=1)
    make(recipe, tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    before = files(tmp_path / "one")
    assert make(recipe, tmp_path / "one").already
    assert files(tmp_path / "one") == before


def test_a_recipe_without_steps_is_prepare(corpus: Path, tmp_path: Path, files: Files):
    recipe = written(tmp_path, 'name = "own"\n[[source]]\ncorpus = "folder"\npath = "corpus"\n')
    make(recipe, tmp_path / "made", workers=1)
    prepare("folder", corpus, tmp_path / "prepared", name="own", workers=1)
    made, prepared = Index.open(tmp_path / "made"), Index.open(tmp_path / "prepared")
    assert list(made.column("key")) == list(prepared.column("key"))
    assert all(made.read(row) == prepared.read(row) for row in range(12))


def test_shards_are_a_source_too(corpus: Path, tmp_path: Path, halves: str):
    prepare("folder", corpus, tmp_path / "shards", name="own", rate=16_000, workers=1)
    text = (
        f'[[source]]\nshards = "shards"\nsplits = ["test"]\nlimit = 2\n[[step]]\ndo = "{halves}"\n'
    )
    recipe = written(tmp_path, f'name = "again"\n{text}[shards]\nallowed_bad = 0.5\nrate = 16000\n')
    make(recipe, tmp_path / "out", workers=1)
    before, after = Index.open(tmp_path / "shards"), Index.open(tmp_path / "out")
    assert after.splits == ["test"]
    assert sorted(after.column("key")) == ["007.wav_0", "007.wav_1"]  # 003 is skipped
    row = list(before.column("key")).index("007.wav")
    joined = np.concatenate([after.sample(i).wave for i in np.argsort(after.column("key"))])
    np.testing.assert_array_equal(joined, before.sample(row).wave)
    for name in ("language", "source", "speaker", "labels"):
        assert set(after.column(name)) == {before.column(name)[row]}
    assert after.texts(0) == before.texts(row)


def test_two_sources_keep_their_recordings_apart(corpus: Path, tmp_path: Path):
    prepare("folder", corpus, tmp_path / "shards", name="old", workers=1)
    sources = '[[source]]\nshards = "shards"\n[[source]]\ncorpus = "folder"\npath = "corpus"\n'
    make(written(tmp_path, f'name = "both"\n{sources}'), tmp_path / "out", workers=1)
    keys = set(Index.open(tmp_path / "out").column("key"))
    assert keys == {f"{corpus}/{n:03d}.wav" for corpus in ("old", "folder") for n in range(12)}


# ------------------------------------------------------------------------------ what goes wrong


def test_a_run_that_was_killed_goes_on(tmp_path: Path, write_corpus, halves: str, files: Files):
    write_corpus(tmp_path / "corpus", 200)
    make(cutting(tmp_path, halves), tmp_path / "whole", workers=1)
    slow = cutting(tmp_path, halves, pause=0.005)
    command = [sys.executable, "-m", "clara.cli", "make", str(slow), str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--workers", "1"], start_new_session=True)
    first = tmp_path / "out" / ".work" / ".chain" / "entries" / "000000.jsonl"
    deadline = time.monotonic() + 60
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert first.exists()
    assert not (tmp_path / "out" / "index.parquet").exists()
    made = first.stat().st_mtime_ns
    assert not make(slow, tmp_path / "out", workers=1).already
    whole, out = files(tmp_path / "whole"), files(tmp_path / "out")
    assert made  # the first part was not made twice: its recordings lie in the shards all the same
    for described in ("prepare.json",):  # names the recipe, whose pause differs
        whole.pop(described)
        out.pop(described)
    assert whole == out


def test_another_recipe_for_the_same_folder_is_refused(corpus: Path, tmp_path: Path, halves: str):
    make(cutting(tmp_path, halves), tmp_path / "out", workers=1)
    with pytest.raises(UsageError, match=r"step.1.pause not given, but .*step.1.pause 0.001 was"):
        make(cutting(tmp_path, halves, pause=0.001), tmp_path / "out", workers=1)


def test_too_many_bad_records_stop_the_run_until_more_are_allowed(
    corpus: Path, tmp_path: Path, halves: str, monkeypatch
):
    recipe = cutting(tmp_path, halves)
    recipe.write_text(recipe.read_text().replace("0.1", "0.01"))
    with pytest.raises(DataError, match=r"it is the third \(1\)"):
        make(recipe, tmp_path / "out", workers=1)
    # To allow more of them is no other recipe: what was done is not done again.
    plugin = tmp_path / "plugins" / "halves_step.py"
    plugin.write_text(plugin.read_text().replace("for entry in entries:", "while False:"))
    monkeypatch.delitem(sys.modules, "halves_step")
    recipe.write_text(recipe.read_text().replace("0.01", "0.1"))
    assert make(recipe, tmp_path / "out", workers=1).skipped == {"it is the third": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "nme ="), r"Expected a recipe with a name"),
        (("name =", "nme = 1\nname ="), r"no field of .* named 'nme'; did you mean 'name'"),
        (("[[step]]", "[[step]"), r"Expected a recipe in TOML at .* but found"),
        (("do =", "does ="), r"Expected step 1 to say what it does"),
        (("halves_step:Halves", "mixx"), r"no step named 'mixx'; did you mean 'mix'"),
        (
            ("do =", "pauses = 1\ndo ="),
            r"no field of step 1 .* named 'pauses'; did you mean 'pause'",
        ),
        (("do =", 'pause = "long"\ndo ='), r"Expected step 1 .*pause to be float"),
        (('path = "corpus"', 'shards = "x"'), r"either `corpus` and `path`, or `shards`"),
        (
            ('path = "corpus"', ""),
            r"either `corpus` and `path`, or `shards` but found corpus='folder'",
        ),
        (("[[source]]", "[source]"), r"Expected \[\[source\]\] in .* but found \[source\]"),
        (("[[step]]", "[step]"), r"Expected \[\[step\]\] in .* but found \[step\]"),
        (("[shards]", "[[shards]]"), r"Expected \[shards\] in .* but found \[\[shards\]\]"),
        (("[[source]]", "[[step]]"), r"Expected a \[\[source\]\] in"),
        (
            ("halves_step:Halves", "json:loads"),
            r"Expected step 1 to name a dataclass .* json:loads",
        ),
        (("halves_step:Halves", "translate"), r"Expected step 1 \(translate\) to say into"),
        (('path = "corpus"', 'path = "corpus"\nsplits = ["tset"]'), r"no split named 'tset'"),
        (('"folder"', '"foldr"'), r"no corpus named 'foldr'; did you mean 'folder'"),
        (("rate = 16000", "rate = 1"), r"Expected rate to be from 1000"),
    ],
)
def test_a_recipe_is_read_strictly(change, message, corpus: Path, tmp_path: Path, halves: str):
    recipe = cutting(tmp_path, halves)
    text = recipe.read_text()
    assert change[0] in text
    recipe.write_text(text.replace(*change, 1))
    with pytest.raises(UsageError, match=message):
        make(recipe, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_not_there(tmp_path: Path):
    with pytest.raises(
        UsageError, match=r"Expected a recipe in TOML at .*nowhere.toml but found: No"
    ):
        read(tmp_path / "nowhere.toml")


def test_paths_are_relative_to_the_recipe(corpus: Path, tmp_path: Path, halves: str, monkeypatch):
    recipe = cutting(tmp_path, halves)
    monkeypatch.chdir("/")
    assert not make(recipe, tmp_path / "out", workers=1).already


def test_the_same_recording_from_two_sources_is_refused(corpus: Path, tmp_path: Path):
    twice = '[[source]]\ncorpus = "folder"\npath = "corpus"\n' * 2
    with pytest.raises(UsageError, match=r"Expected each recording once but folder/000.wav"):
        make(written(tmp_path, f'name = "twice"\n{twice}'), tmp_path / "out", workers=1)


def test_an_unknown_engine(corpus: Path, tmp_path: Path, halves: str):
    with pytest.raises(UnknownNameError, match="engine"):
        make(cutting(tmp_path, halves), tmp_path / "out", engine="locl")


def test_a_folder_that_prepare_has_made_is_refused(corpus: Path, tmp_path: Path):
    prepare("folder", corpus, tmp_path / "out", name="own", workers=1)
    recipe = written(tmp_path, 'name = "own"\n[[source]]\ncorpus = "folder"\npath = "corpus"\n')
    with pytest.raises(UsageError, match="was made with corpus folder, but corpus make was asked"):
        make(recipe, tmp_path / "out", workers=1)


def test_a_recipe_that_failed_at_once_can_be_mended(
    corpus: Path, tmp_path: Path, halves: str, capsys, monkeypatch
):
    (tmp_path / "plugins" / "piper.py").write_text("raise ImportError")
    monkeypatch.delitem(sys.modules, "piper", raising=False)
    words = 'name = "w"\n[[source]]\ncorpus = "words"\npath = "builtin:pl"\nlimit = 2\n'
    speaking = (
        f'{words}[[step]]\ndo = "synthesise"\nspeaker = "piper"\nsettings = {{models = ["x"]}}'
    )
    recipe = written(tmp_path, speaking)
    assert main(["make", str(recipe), str(tmp_path / "out"), "--workers", "1"]) == 2
    assert capsys.readouterr().err == (
        "error: For the piper speaker a package is missing; install it with: "
        "pip install 'clara-audio[piper]'\n"
    )
    recipe.write_text(f'{words}[[step]]\ndo = "synthesise"\nvoices = 3')
    assert main(["make", str(recipe), str(tmp_path / "out"), "--workers", "1"]) == 0
    table = capsys.readouterr().out
    assert "synthesise" in table
    assert re.search(r"6\s+spoken\n", table)


def test_models_are_missed_in_one_line_in_several_processes(tmp_path: Path, halves: str):
    (tmp_path / "plugins" / "piper.py").write_text("raise ImportError")
    words = 'name = "w"\n[[source]]\ncorpus = "words"\npath = "builtin:pl,de"\n'
    recipe = f'{words}[[step]]\ndo = "synthesise"\nspeaker = "piper"\nsettings = {{models = ["x"]}}'
    with pytest.raises(MissingExtraError, match=r"pip install 'clara-audio\[piper\]'$"):
        make(written(tmp_path, recipe), tmp_path / "out", workers=2)
